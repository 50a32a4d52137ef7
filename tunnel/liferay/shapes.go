package liferay

import (
	"sync"

	"github.com/stagelock/stagelock/tunnel/javaser"
)

// Class names of the envelope.
const (
	classPair        = "com.liferay.portal.kernel.util.ObjectValuePair"
	classHandler     = "com.liferay.portal.kernel.util.MethodHandler"
	classKey         = "com.liferay.portal.kernel.util.MethodKey"
	classPrincipal62 = "com.liferay.portal.security.auth.HttpPrincipal"
	classPrincipal7  = "com.liferay.portal.kernel.security.auth.HttpPrincipal"
	classConfig      = "com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationImpl"
	kernelBaseModel  = "com.liferay.portal.kernel.model.impl.BaseModelImpl"
	modelImpl        = "com.liferay.portal.model.impl."
	portalBaseModel  = modelImpl + "BaseModelImpl"
)

// shapes are what may stand where, in requests and in replies.
type shapes struct {
	table  classTable
	common map[string]string         // texts that need no copy
	basic  map[string]*javaser.Shape // by class name: values that nest nothing

	request    *javaser.Slot
	settings   []*javaser.Shape // the map of an ExportImportConfiguration
	replies    map[string]*javaser.Slot
	throwables throwables
}

var shapesOf = sync.OnceValue(func() *shapes {
	table := classes()
	s := &shapes{table: table, common: table.texts(), basic: map[string]*javaser.Shape{}}
	s.basics()
	s.request = s.requestSlot()
	s.throwables.init(s)
	s.replies = s.replySlots()
	return s
})

// decoder returns a decoder of in that shares the common texts.
func (s *shapes) decoder(in *javaser.Input, lim javaser.Limits) *javaser.Decoder {
	d := javaser.NewDecoder(in, lim)
	d.Common = s.common
	return d
}

func orNull(shapes ...*javaser.Shape) javaser.Slot {
	return javaser.Slot{Null: true, Shapes: shapes}
}

var text = javaser.Slot{Null: true, String: true}

// pin returns the shape of a class whose fields are the same everywhere.
func (s *shapes) pin(name string, super *javaser.Shape, slots ...javaser.Slot) *javaser.Shape {
	return &javaser.Shape{Class: s.table.pinned(name), Super: super, Slots: slots}
}

// basics are the leaves: boxed values, dates, locales, time zones, and arrays of them.
func (s *shapes) basics() {
	number := s.pin("java.lang.Number", nil)
	for name, shape := range map[string]*javaser.Shape{
		"java.lang.Long":    s.pin("java.lang.Long", number),
		"java.lang.Integer": s.pin("java.lang.Integer", number),
		"java.lang.Boolean": s.pin("java.lang.Boolean", nil),
		"[B":                s.pin("[B", nil),
		"[I":                s.pin("[I", nil),
		"[J":                s.pin("[J", nil),
	} {
		s.basic[name] = shape
	}
	date := s.pin("java.util.Date", nil)
	date.Data = javaser.TimeData
	locale := s.pin("java.util.Locale", nil, text, text, text, text, text)
	locale.Data = javaser.EmptyData
	ints, longs := orNull(s.basic["[I"]), orNull(s.basic["[J"])
	zone := s.pin("sun.util.calendar.ZoneInfo", s.pin("java.util.TimeZone", nil, text), ints, ints, longs)
	s.basic["java.util.Date"], s.basic["java.util.Locale"] = date, locale
	s.basic["sun.util.calendar.ZoneInfo"] = zone
	s.basic["[Ljava.lang.String;"] = s.arrayOf("[Ljava.lang.String;", text)
	s.basic["[Ljava.util.TimeZone;"] = s.arrayOf("[Ljava.util.TimeZone;", orNull(zone))
	for _, elem := range []string{
		"java.lang.Long", "java.lang.Integer", "java.lang.Boolean",
		"java.util.Date", "java.util.Locale", "sun.util.calendar.ZoneInfo",
	} {
		name := "[L" + elem + ";"
		s.basic[name] = s.arrayOf(name, orNull(s.basic[elem]))
	}
}

func (s *shapes) arrayOf(name string, elem javaser.Slot) *javaser.Shape {
	shape := s.pin(name, nil)
	shape.Elem = &elem
	return shape
}

// maps returns the shape of HashMap, the one map of the tunnel: the vendor's client copies the linked
// ones of its parameters.
func (s *shapes) maps(key, elem *javaser.Slot) []*javaser.Shape {
	hash := s.pin("java.util.HashMap", nil)
	hash.Data, hash.Key, hash.Elem = javaser.MapData, key, elem
	return []*javaser.Shape{hash}
}

func (s *shapes) list(elem *javaser.Slot) *javaser.Shape {
	shape := s.pin("java.util.ArrayList", nil)
	shape.Data, shape.Elem = javaser.ListData, elem
	return shape
}

// settingsValue is what may stand in a settings map, call rules section 2.
func (s *shapes) settingsValue() *javaser.Slot {
	value := &javaser.Slot{Null: true, String: true}
	for _, name := range settingsClasses {
		value.Shapes = append(value.Shapes, s.basic[name])
	}
	value.Shapes = append(value.Shapes, s.arrayOf("[Ljava.lang.Object;", javaser.Slot{}))
	key := &javaser.Slot{String: true, Shapes: []*javaser.Shape{s.basic["java.lang.Long"]}}
	s.settings = s.maps(key, value)
	value.Shapes = append(append(value.Shapes, s.settings...), s.list(value))
	return value
}

var settingsClasses = []string{
	"java.lang.Boolean", "java.lang.Integer", "java.lang.Long", "java.util.Date", "java.util.Locale",
	"sun.util.calendar.ZoneInfo", "[J", "[Ljava.lang.String;", "[Ljava.lang.Boolean;", "[Ljava.lang.Integer;",
	"[Ljava.lang.Long;", "[Ljava.util.Date;", "[Ljava.util.Locale;", "[Lsun.util.calendar.ZoneInfo;",
	"[Ljava.util.TimeZone;",
}

// configuration is ExportImportConfigurationImpl by form: its settings map must stand in its own
// field and must be there, as the engine feeds a string to a second deserializer where it is not.
func (s *shapes) configuration() *javaser.Shape {
	s.settingsValue()
	own := javaser.Field{Type: 'L', Name: "_settingsMap", Sig: "Ljava/util/Map;"}
	settings := &javaser.Slot{Shapes: s.settings}
	base := s.model(kernelBaseModel)
	config := "com.liferay.portlet.exportimport.model.impl.ExportImportConfiguration"
	m := s.model(config + "ModelImpl")
	m.Super = base
	b := s.model(config + "BaseImpl")
	b.Super = m
	impl := s.model(classConfig)
	impl.Super = b
	impl.Open.MaxFields, impl.Open.Required = 8, []javaser.Field{own}
	impl.Open.Refs = map[string]*javaser.Slot{own.Name: settings}
	return impl
}

// model is one class of a model's chain by form: primitives, strings and dates; everything else is
// null.
func (s *shapes) model(name string) *javaser.Shape {
	date := orNull(s.basic["java.util.Date"])
	return &javaser.Shape{
		Open:  &javaser.Open{Name: name, Refs: map[string]*javaser.Slot{"Ljava/util/Date;": &date}},
		Known: s.table.all(name),
	}
}

func (s *shapes) requestSlot() *javaser.Slot {
	argument := javaser.Slot{Null: true, String: true, Bulk: true, Shapes: []*javaser.Shape{
		s.basic["java.lang.Long"], s.basic["java.lang.Boolean"], s.basic["java.lang.Integer"], s.basic["[B"],
	}}
	config := s.configuration()
	value := &javaser.Slot{Null: true, String: true, Shapes: []*javaser.Shape{s.basic["[Ljava.lang.String;"]}}
	argument.Shapes = append(argument.Shapes, s.maps(&javaser.Slot{String: true}, value)...)
	argument.Shapes = append(argument.Shapes, config, s.list(&javaser.Slot{Shapes: []*javaser.Shape{config}}))
	key := s.pin(classKey, nil)
	key.Data = javaser.BlockData
	handler := s.pin(classHandler, nil,
		javaser.Slot{Shapes: []*javaser.Shape{s.arrayOf("[Ljava.lang.Object;", argument)}},
		javaser.Slot{Shapes: []*javaser.Shape{key}})
	handler.AnyUID, handler.Known = true, s.table.all(classHandler)
	pair := s.pin(classPair, nil,
		javaser.Slot{Shapes: []*javaser.Shape{s.principal(classPrincipal62), s.principal(classPrincipal7)}},
		javaser.Slot{Shapes: []*javaser.Shape{handler}})
	return &javaser.Slot{Shapes: []*javaser.Shape{pair}}
}

func (s *shapes) principal(name string) *javaser.Shape {
	shape := s.pin(name, nil, text, javaser.Slot{Sealed: true}, text)
	shape.AnyUID, shape.Known = true, s.table.all(name)
	return shape
}
