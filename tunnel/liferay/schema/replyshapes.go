package schema

import "github.com/stagelock/stagelock/tunnel/javaser/graph"

// replySlots has what a method of each return type may answer, exceptions included. A void method
// answers nothing or throws.
func (s *Set) replySlots() map[string]*graph.Slot {
	group := s.groupShape()
	layout := s.layoutShape(group)
	className := s.chainOf(ModelImpl+"ClassName", nil)
	missing := s.missingReferences()
	slots := map[string]*graph.Slot{
		"void":                                      {},
		"long":                                      {Shapes: []*graph.Shape{s.basic["java.lang.Long"]}},
		"boolean":                                   {Shapes: []*graph.Shape{s.basic["java.lang.Boolean"]}},
		"java.lang.String":                          {String: true},
		"com.liferay.portal.model.Group":            {Shapes: []*graph.Shape{group}},
		"com.liferay.portal.kernel.model.Group":     {Shapes: []*graph.Shape{group}},
		"com.liferay.portal.model.Layout":           {Shapes: []*graph.Shape{layout}},
		"com.liferay.portal.kernel.model.Layout":    {Shapes: []*graph.Shape{layout}},
		"com.liferay.portal.kernel.model.ClassName": {Shapes: []*graph.Shape{className}},
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
func (s *Set) chainOf(name string, own map[string]*graph.Slot) *graph.Shape {
	root7, root62 := s.model(kernelBaseModel), s.model(portalBaseModel)
	model := s.model(name + "ModelImpl")
	model.Open.Supers = func(class string) *graph.Shape {
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

func named(class string, among ...*graph.Shape) *graph.Shape {
	for _, sh := range among {
		if sh.Open.Name == class {
			return sh
		}
	}
	return nil
}

func (s *Set) groupShape() *graph.Shape {
	other := &graph.Slot{Null: true}
	properties := s.properties()
	group := s.chainOf(ModelImpl+"Group", map[string]*graph.Slot{
		"_liveGroup": other, "_stagingGroup": other,
		"_typeSettingsProperties": properties, "_typeSettingsUnicodeProperties": properties,
	})
	other.Shapes = []*graph.Shape{group}
	return group
}

func (s *Set) layoutShape(group *graph.Shape) *graph.Shape {
	master, properties := &graph.Slot{Null: true}, s.properties()
	groups := orNull(group)
	set := s.chainOf(ModelImpl+"LayoutSet", map[string]*graph.Slot{
		"_settingsProperties": properties, "_settingsUnicodeProperties": properties, "_group": &groups,
		"_virtualHostnames": s.hostnames(),
	})
	sets := orNull(set)
	layout := s.chainOf(ModelImpl+"Layout", map[string]*graph.Slot{
		"_layoutSet": &sets, "_masterLayout": master,
		"_typeSettingsProperties": properties, "_typeSettingsUnicodeProperties": properties,
	})
	master.Shapes = []*graph.Shape{layout}
	return layout
}

// hostnames is what a LayoutSet of 7.3 and later knows of its site's host names, each with a
// language: a TreeMap in the order that strings have, without a comparator.
func (s *Set) hostnames() *graph.Slot {
	tree := s.pin("java.util.TreeMap", nil, graph.Slot{Null: true})
	tree.Data, tree.Key, tree.Elem = graph.TreeData, &graph.Slot{String: true}, &text
	slot := orNull(tree)
	return &slot
}

// properties is UnicodeProperties: a HashMap of strings with one or two primitive fields of its
// own.
func (s *Set) properties() *graph.Slot {
	hash := s.maps(&graph.Slot{String: true}, &text)[0]
	own := s.model("com.liferay.portal.kernel.util.UnicodeProperties")
	own.Open.MaxFields, own.Super = 2, hash
	slot := orNull(own)
	return &slot
}

// missingReferences is the answer of validate and publish, of either line.
func (s *Set) missingReferences() []*graph.Shape {
	var all []*graph.Shape
	for _, pkg := range []string{"com.liferay.portal.kernel.lar.", "com.liferay.exportimport.kernel.lar."} {
		one := s.model(pkg + "MissingReference")
		referrers := orNull(s.maps(&graph.Slot{String: true}, &text)...)
		one.Open.MaxFields, one.Open.Refs["_referrers"] = 16, &referrers
		both := &graph.Slot{Shapes: s.maps(&graph.Slot{String: true}, &graph.Slot{Shapes: []*graph.Shape{one}})}
		m := s.model(pkg + "MissingReferences")
		m.Open.MaxFields = 2
		m.Open.Refs["_dependencyMissingReferences"], m.Open.Refs["_weakMissingReferences"] = both, both
		all = append(all, m)
	}
	return all
}
