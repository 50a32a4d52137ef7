package javaser_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// The pieces of streams, written out by hand: the encoder under test must not make its own evidence.

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func u16(n int) []byte   { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
func u64(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
func utf(s string) []byte {
	return append(u16(len(s)), s...)
}
func str(s string) []byte { return append([]byte{0x74}, utf(s)...) }
func longStr(n int64, s string) []byte {
	return cat([]byte{0x7c}, u64(n), []byte(s))
}
func ref(h int64) []byte            { return append([]byte{0x71}, u32(0x7e0000+h)...) }
func object(parts ...[]byte) []byte { return append([]byte{0x73}, cat(parts...)...) }
func array(parts ...[]byte) []byte  { return append([]byte{0x75}, cat(parts...)...) }
func prim(t byte, n string) []byte  { return append([]byte{t}, utf(n)...) }
func field(t byte, n string, sig []byte) []byte {
	return cat([]byte{t}, utf(n), sig)
}
func block(b ...byte) []byte { return append([]byte{0x77, byte(len(b))}, b...) }
func stream(parts ...[]byte) []byte {
	return append([]byte{0xac, 0xed, 0, 5}, cat(parts...)...)
}

var (
	null = []byte{0x70}
	end  = []byte{0x78}
)

// spec is a class descriptor whose every part can be bent.
type spec struct {
	name       string
	uid        int64
	flags      byte
	count      int // of fields; 0 means as many as there are
	fields     [][]byte
	annotation []byte
	super      []byte // null if not set
}

func (s spec) bytes() []byte {
	n := s.count
	if n == 0 {
		n = len(s.fields)
	}
	super := s.super
	if super == nil {
		super = null
	}
	return cat([]byte{0x72}, utf(s.name), u64(s.uid), []byte{s.flags}, u16(n), cat(s.fields...), s.annotation, end, super)
}

// The classes of the tests: real ones of Java where the decoder knows their data, and one of our own.
var (
	nodeSpec = spec{name: "t.Node", uid: 7, flags: 2, fields: [][]byte{
		prim('I', "n"), field('L', "next", str("Lt/Node;")), field('L', "text", str("Ljava/lang/String;")),
	}}
	mapSpec = spec{name: "java.util.HashMap", uid: 362498820763181265, flags: 3, fields: [][]byte{
		prim('F', "loadFactor"), prim('I', "threshold"),
	}}
	treeSpec = spec{name: "java.util.TreeMap", uid: 919286545866124006, flags: 3, fields: [][]byte{
		field('L', "comparator", str("Ljava/util/Comparator;")),
	}}
	listSpec    = spec{name: "java.util.ArrayList", uid: 8683452581122892189, flags: 3, fields: [][]byte{prim('I', "size")}}
	dateSpec    = spec{name: "java.util.Date", uid: 7523967970034938905, flags: 3}
	objectsSpec = spec{name: "[Ljava.lang.Object;", uid: -8012369246846506644, flags: 2}
	longsSpec   = spec{name: "[J", uid: 8655923659555304851, flags: 2}
	intsSpec    = spec{name: "[I", uid: 5600894804908749477, flags: 2}
	bytesSpec   = spec{name: "[B", uid: -5984413125824719648, flags: 2}
	keySpec     = spec{name: "t.Key", uid: 1, flags: 12}
	childSpec   = spec{name: "t.Child", uid: 8, flags: 2, fields: [][]byte{prim('Z', "small")}, super: nodeSpec.bytes()}
	modelSpec   = spec{name: "t.Model", uid: 99, flags: 2, fields: [][]byte{
		prim('J', "_id"), field('L', "_map", str("Ljava/util/Map;")), field('L', "_name", str("Ljava/lang/String;")),
	}}
)

// classOf is the same class as a table has it.
func classOf(s spec, super *graph.Class, fields ...graph.Field) *graph.Class {
	return &graph.Class{Name: s.name, UID: s.uid, Flags: s.flags, Super: super, Fields: fields}
}

// grammar is one place for everything, so that every rule can be reached.
type grammar struct {
	root, key, bulk, sealed                    *graph.Slot
	node, hash, tree, list, date, objects, box *graph.Shape
	longs, bytes                               *graph.Shape
}

func newGrammar() *grammar {
	g := &grammar{
		root: &graph.Slot{Null: true, String: true},
		key:  &graph.Slot{String: true},
		bulk: &graph.Slot{Bulk: true}, sealed: &graph.Slot{Sealed: true},
	}
	node := classOf(nodeSpec, nil, graph.Field{Type: 'I', Name: "n"},
		graph.Field{Type: 'L', Name: "next", Sig: "Lt/Node;"},
		graph.Field{Type: 'L', Name: "text", Sig: "Ljava/lang/String;"})
	g.node = &graph.Shape{Class: node, Slots: []graph.Slot{{}, {Null: true, String: true}}}
	child := &graph.Shape{
		Class: classOf(childSpec, node, graph.Field{Type: 'Z', Name: "small"}), Super: g.node,
	}
	g.node.Slots[0] = graph.Slot{Null: true, Cycle: true, Shapes: []*graph.Shape{g.node, child}}
	g.hash = &graph.Shape{
		Class: classOf(mapSpec, nil, graph.Field{Type: 'F', Name: "loadFactor"}, graph.Field{Type: 'I', Name: "threshold"}),
		Data:  graph.MapData, Key: g.key, Elem: g.root,
	}
	g.tree = &graph.Shape{
		Class: classOf(treeSpec, nil, graph.Field{Type: 'L', Name: "comparator", Sig: "Ljava/util/Comparator;"}),
		Slots: []graph.Slot{{Null: true}}, Data: graph.TreeData, Key: g.key, Elem: g.root,
	}
	g.list = &graph.Shape{
		Class: classOf(listSpec, nil, graph.Field{Type: 'I', Name: "size"}), Data: graph.ListData, Elem: g.root,
	}
	g.date = &graph.Shape{Class: classOf(dateSpec, nil), Data: graph.TimeData}
	g.objects = &graph.Shape{Class: classOf(objectsSpec, nil), Elem: g.root}
	g.bytes, g.longs = &graph.Shape{Class: classOf(bytesSpec, nil)}, &graph.Shape{Class: classOf(longsSpec, nil)}
	g.bulk.Shapes = []*graph.Shape{g.bytes}
	g.box = &graph.Shape{Class: &graph.Class{Name: "t.Box", UID: 5, Flags: 2, Fields: []graph.Field{
		{Type: '[', Name: "a", Sig: "[B"}, {Type: '[', Name: "b", Sig: "[B"},
		{Type: 'L', Name: "secret", Sig: "Ljava/lang/String;"}, {Type: 'L', Name: "text", Sig: "Ljava/lang/String;"},
	}}, Slots: []graph.Slot{
		{Null: true, Bulk: true, Shapes: g.bulk.Shapes}, {Null: true, Bulk: true, Shapes: g.bulk.Shapes},
		*g.sealed, {Null: true, String: true},
	}}
	g.root.Shapes = []*graph.Shape{
		g.node, child, g.hash, g.tree, g.list, g.date, g.objects, g.bytes, g.longs, g.box,
		{Class: classOf(intsSpec, nil)},
		{Class: classOf(keySpec, nil), Data: graph.BlockData}, g.model(),
	}
	longKey := &graph.Shape{Class: &graph.Class{Name: "t.Long", UID: 3, Flags: 2,
		Fields: []graph.Field{{Type: 'J', Name: "value"}}}}
	g.key.Shapes = []*graph.Shape{longKey}
	return g
}

// model is a class by form with a map that must be there.
func (g *grammar) model() *graph.Shape {
	required := graph.Field{Type: 'L', Name: "_map", Sig: "Ljava/util/Map;"}
	return &graph.Shape{Open: &graph.Open{
		Name: "t.Model", MaxFields: 4, Required: []graph.Field{required},
		Refs: map[string]*graph.Slot{"_map": {Shapes: []*graph.Shape{g.hash}}},
	}}
}

func decode(data []byte, slot *graph.Slot, lim javaser.Limits) (graph.Value, error) {
	in := source.New(bytes.NewReader(data), nil, lim.Held)
	return javaser.NewDecoder(in, lim).Decode(slot)
}

// ruleOf returns the rule that an error names, or the error itself.
func ruleOf(err error) string {
	var e *javaser.Error
	if errors.As(err, &e) {
		return string(e.Rule)
	}
	if err == nil {
		return "accepted"
	}
	return "other error: " + err.Error()
}

// expect decodes data by the tests' grammar. An empty rule means that it must be accepted and be written back the same.
func expect(t *testing.T, data []byte, rule javaser.Rule) {
	t.Helper()
	v, err := decode(data, newGrammar().root, javaser.DefaultLimits())
	if rule != "" {
		if ruleOf(err) != string(rule) {
			t.Errorf("%x\n got %v\nwant %s", data, err, rule)
		}
		return
	}
	if err != nil {
		t.Errorf("%x\nrefused: %v", data, err)
		return
	}
	again, err := graph.Append(nil, v)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("written back differently: %v\n got %x\nwant %x", err, again, data)
	}
}

// node is a Node stream's body: handles 0 class, 1 and 2 types, 3 the object.
func node(class spec, next, text []byte) []byte { return object(class.bytes(), u32(1), next, text) }

// hashMap is a HashMap's body with its entries: handles 0 class, 1 the map.
func hashMap(n int64, entries ...[]byte) []byte {
	return object(mapSpec.bytes(), u32(0x3f400000), u32(12), []byte{0x77, 8}, u32(16), u32(n), cat(entries...), end)
}

// treeMap is a TreeMap's body with its entries: handles 0 class, 1 the comparator's type, 2 the map.
func treeMap(n int64, entries ...[]byte) []byte {
	return object(treeSpec.bytes(), null, []byte{0x77, 4}, u32(n), cat(entries...), end)
}

func list(class []byte, size int64, elements ...[]byte) []byte {
	return object(class, u32(size), []byte{0x77, 4}, u32(size), cat(elements...), end)
}
