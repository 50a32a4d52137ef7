package liferay

import (
	"github.com/stagelock/stagelock/tunnel/javaser"
)

// replySlots has what a method of each return type may answer, exceptions included. A void method
// answers nothing or throws.
func (s *shapes) replySlots() map[string]*javaser.Slot {
	group := s.groupShape()
	layout := s.layoutShape(group)
	className := s.chainOf(modelImpl+"ClassName", nil)
	missing := s.missingReferences()
	slots := map[string]*javaser.Slot{
		"void":                                      {},
		"long":                                      {Shapes: []*javaser.Shape{s.basic["java.lang.Long"]}},
		"boolean":                                   {Shapes: []*javaser.Shape{s.basic["java.lang.Boolean"]}},
		"java.lang.String":                          {String: true},
		"com.liferay.portal.model.Group":            {Shapes: []*javaser.Shape{group}},
		"com.liferay.portal.kernel.model.Group":     {Shapes: []*javaser.Shape{group}},
		"com.liferay.portal.model.Layout":           {Shapes: []*javaser.Shape{layout}},
		"com.liferay.portal.kernel.model.Layout":    {Shapes: []*javaser.Shape{layout}},
		"com.liferay.portal.kernel.model.ClassName": {Shapes: []*javaser.Shape{className}},
		"com.liferay.portal.kernel.lar.MissingReferences":       {Shapes: missing},
		"com.liferay.exportimport.kernel.lar.MissingReferences": {Shapes: missing},
	}
	for _, slot := range slots {
		slot.Dynamic = s.throwables.shape
	}
	return slots
}

// chainOf links the three classes that the vendor generates for a model, and the root of all models
// of either line.
func (s *shapes) chainOf(name string, own map[string]*javaser.Slot) *javaser.Shape {
	root7, root62 := s.model(kernelBaseModel), s.model(portalBaseModel)
	model := s.model(name + "ModelImpl")
	model.Open.Supers = func(class string) *javaser.Shape {
		return named(class, root7, root62)
	}
	base := s.model(name + "BaseImpl")
	base.Super = model
	impl := s.model(name + "Impl")
	impl.Super = base
	for field, slot := range own {
		impl.Open.Refs[field] = slot
	}
	return impl
}

func named(class string, among ...*javaser.Shape) *javaser.Shape {
	for _, sh := range among {
		if sh.Open.Name == class {
			return sh
		}
	}
	return nil
}

func (s *shapes) groupShape() *javaser.Shape {
	other := &javaser.Slot{Null: true}
	properties := s.properties()
	group := s.chainOf(modelImpl+"Group", map[string]*javaser.Slot{
		"_liveGroup": other, "_stagingGroup": other,
		"_typeSettingsProperties": properties, "_typeSettingsUnicodeProperties": properties,
	})
	other.Shapes = []*javaser.Shape{group}
	return group
}

func (s *shapes) layoutShape(group *javaser.Shape) *javaser.Shape {
	master, properties := &javaser.Slot{Null: true}, s.properties()
	groups := orNull(group)
	set := s.chainOf(modelImpl+"LayoutSet", map[string]*javaser.Slot{
		"_settingsProperties": properties, "_settingsUnicodeProperties": properties, "_group": &groups,
		"_virtualHostnames": s.hostnames(),
	})
	sets := orNull(set)
	layout := s.chainOf(modelImpl+"Layout", map[string]*javaser.Slot{
		"_layoutSet": &sets, "_masterLayout": master,
		"_typeSettingsProperties": properties, "_typeSettingsUnicodeProperties": properties,
	})
	master.Shapes = []*javaser.Shape{layout}
	return layout
}

// hostnames is what a LayoutSet of 7.3 and later knows of its site's host names, each with a
// language: a TreeMap in the order that strings have, without a comparator.
func (s *shapes) hostnames() *javaser.Slot {
	tree := s.pin("java.util.TreeMap", nil, javaser.Slot{Null: true})
	tree.Data, tree.Key, tree.Elem = javaser.TreeData, &javaser.Slot{String: true}, &text
	slot := orNull(tree)
	return &slot
}

// properties is UnicodeProperties: a HashMap of strings with one or two primitive fields of its
// own.
func (s *shapes) properties() *javaser.Slot {
	hash := s.maps(&javaser.Slot{String: true}, &text)[0]
	own := s.model("com.liferay.portal.kernel.util.UnicodeProperties")
	own.Open.MaxFields, own.Super = 2, hash
	slot := orNull(own)
	return &slot
}

// missingReferences is the answer of validate and publish, of either line.
func (s *shapes) missingReferences() []*javaser.Shape {
	var all []*javaser.Shape
	for _, pkg := range []string{"com.liferay.portal.kernel.lar.", "com.liferay.exportimport.kernel.lar."} {
		one := s.model(pkg + "MissingReference")
		referrers := orNull(s.maps(&javaser.Slot{String: true}, &text)...)
		one.Open.MaxFields, one.Open.Refs["_referrers"] = 16, &referrers
		both := &javaser.Slot{Shapes: s.maps(&javaser.Slot{String: true}, &javaser.Slot{Shapes: []*javaser.Shape{one}})}
		m := s.model(pkg + "MissingReferences")
		m.Open.MaxFields = 2
		m.Open.Refs["_dependencyMissingReferences"], m.Open.Refs["_weakMissingReferences"] = both, both
		all = append(all, m)
	}
	return all
}
