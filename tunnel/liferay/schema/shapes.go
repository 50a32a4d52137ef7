package schema

import (
	"sync"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// Class names of the envelope.
const (
	ClassPair        = "com.liferay.portal.kernel.util.ObjectValuePair"
	ClassHandler     = "com.liferay.portal.kernel.util.MethodHandler"
	ClassKey         = "com.liferay.portal.kernel.util.MethodKey"
	ClassPrincipal62 = "com.liferay.portal.security.auth.HttpPrincipal"
	ClassPrincipal7  = "com.liferay.portal.kernel.security.auth.HttpPrincipal"
	ClassConfig      = "com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationImpl"
	kernelBaseModel  = "com.liferay.portal.kernel.model.impl.BaseModelImpl"
	ModelImpl        = "com.liferay.portal.model.impl."
	portalBaseModel  = ModelImpl + "BaseModelImpl"
)

// Set are what may stand where, in requests and in replies.
type Set struct {
	table  Table
	Common map[string]string       // texts that need no copy
	basic  map[string]*graph.Shape // by class name: values that nest nothing

	Request    *graph.Slot
	Settings   []*graph.Shape // the map of an ExportImportConfiguration
	Replies    map[string]*graph.Slot
	throwables throwables

	decoders sync.Pool // of those that were released
}

// Shapes returns what may stand where, made once.
var Shapes = sync.OnceValue(func() *Set {
	table := Classes()
	s := &Set{table: table, Common: table.texts(), basic: map[string]*graph.Shape{}}
	s.basics()
	s.Request = s.requestSlot()
	s.throwables.init(s)
	s.Replies = s.replySlots()
	return s
})

// Decoder returns a decoder of in that shares the common texts.
func (s *Set) Decoder(in *source.Input, lim javaser.Limits) *javaser.Decoder {
	d, ok := s.decoders.Get().(*javaser.Decoder)
	if ok {
		d.Again(in, lim)
	} else {
		d = javaser.NewDecoder(in, lim)
	}
	d.Common = s.Common
	return d
}

// Release takes a decoder back for another stream: none of the values that it read may be used any more.
func (s *Set) Release(d *javaser.Decoder) {
	d.Again(nil, javaser.Limits{}) // what it read is not kept until then
	s.decoders.Put(d)
}

func orNull(shapes ...*graph.Shape) graph.Slot {
	return graph.Slot{Null: true, Shapes: shapes}
}

var text = graph.Slot{Null: true, String: true}

// pin returns the shape of a class whose fields are the same everywhere.
func (s *Set) pin(name string, super *graph.Shape, slots ...graph.Slot) *graph.Shape {
	return &graph.Shape{Class: s.table.pinned(name), Super: super, Slots: slots}
}

// basics are the leaves: boxed values, dates, locales, time zones, and arrays of them.
func (s *Set) basics() {
	number := s.pin("java.lang.Number", nil)
	for name, shape := range map[string]*graph.Shape{
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
	date.Data = graph.TimeData
	locale := s.pin("java.util.Locale", nil, text, text, text, text, text)
	locale.Data = graph.EmptyData
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

func (s *Set) arrayOf(name string, elem graph.Slot) *graph.Shape {
	shape := s.pin(name, nil)
	shape.Elem = &elem
	return shape
}

// maps returns the shape of HashMap, the one map of the tunnel: the vendor's client copies the linked
// ones of its parameters.
func (s *Set) maps(key, elem *graph.Slot) []*graph.Shape {
	hash := s.pin("java.util.HashMap", nil)
	hash.Data, hash.Key, hash.Elem = graph.MapData, key, elem
	return []*graph.Shape{hash}
}

func (s *Set) list(elem *graph.Slot) *graph.Shape {
	shape := s.pin("java.util.ArrayList", nil)
	shape.Data, shape.Elem = graph.ListData, elem
	return shape
}

// settingsValue is what may stand in a settings map, call rules section 2.
func (s *Set) settingsValue() *graph.Slot {
	value := &graph.Slot{Null: true, String: true}
	for _, name := range settingsClasses {
		value.Shapes = append(value.Shapes, s.basic[name])
	}
	value.Shapes = append(value.Shapes, s.arrayOf("[Ljava.lang.Object;", graph.Slot{}))
	key := &graph.Slot{String: true, Shapes: []*graph.Shape{s.basic["java.lang.Long"]}}
	s.Settings = s.maps(key, value)
	value.Shapes = append(append(value.Shapes, s.Settings...), s.list(value))
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
func (s *Set) configuration() *graph.Shape {
	s.settingsValue()
	own := graph.Field{Type: 'L', Name: "_settingsMap", Sig: "Ljava/util/Map;"}
	settings := &graph.Slot{Shapes: s.Settings}
	base := s.model(kernelBaseModel)
	config := "com.liferay.portlet.exportimport.model.impl.ExportImportConfiguration"
	m := s.model(config + "ModelImpl")
	m.Super = base
	b := s.model(config + "BaseImpl")
	b.Super = m
	impl := s.model(ClassConfig)
	impl.Super = b
	impl.Open.MaxFields, impl.Open.Required = 8, []graph.Field{own}
	impl.Open.Refs = map[string]*graph.Slot{own.Name: settings}
	return impl
}

// model is one class of a model's chain by form: primitives, strings and dates; everything else is
// null.
func (s *Set) model(name string) *graph.Shape {
	date := orNull(s.basic["java.util.Date"])
	return &graph.Shape{
		Open:  &graph.Open{Name: name, Refs: map[string]*graph.Slot{"Ljava/util/Date;": &date}},
		Known: s.table.all(name),
	}
}

func (s *Set) requestSlot() *graph.Slot {
	argument := graph.Slot{Null: true, String: true, Bulk: true, Shapes: []*graph.Shape{
		s.basic["java.lang.Long"], s.basic["java.lang.Boolean"], s.basic["java.lang.Integer"], s.basic["[B"],
	}}
	config := s.configuration()
	value := &graph.Slot{Null: true, String: true, Shapes: []*graph.Shape{s.basic["[Ljava.lang.String;"]}}
	argument.Shapes = append(argument.Shapes, s.maps(&graph.Slot{String: true}, value)...)
	argument.Shapes = append(argument.Shapes, config, s.list(&graph.Slot{Shapes: []*graph.Shape{config}}))
	key := s.pin(ClassKey, nil)
	key.Data = graph.BlockData
	handler := s.pin(ClassHandler, nil,
		graph.Slot{Shapes: []*graph.Shape{s.arrayOf("[Ljava.lang.Object;", argument)}},
		graph.Slot{Shapes: []*graph.Shape{key}})
	handler.AnyUID, handler.Known = true, s.table.all(ClassHandler)
	pair := s.pin(ClassPair, nil,
		graph.Slot{Shapes: []*graph.Shape{s.principal(ClassPrincipal62), s.principal(ClassPrincipal7)}},
		graph.Slot{Shapes: []*graph.Shape{handler}})
	return &graph.Slot{Shapes: []*graph.Shape{pair}}
}

func (s *Set) principal(name string) *graph.Shape {
	shape := s.pin(name, nil, text, graph.Slot{Sealed: true}, text)
	shape.AnyUID, shape.Known = true, s.table.all(name)
	return shape
}
