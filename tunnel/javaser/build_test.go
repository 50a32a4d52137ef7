package javaser_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
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
func classOf(s spec, super *javaser.Class, fields ...javaser.Field) *javaser.Class {
	return &javaser.Class{Name: s.name, UID: s.uid, Flags: s.flags, Super: super, Fields: fields}
}

// grammar is one place for everything, so that every rule can be reached.
type grammar struct {
	root, key, bulk, sealed                    *javaser.Slot
	node, hash, tree, list, date, objects, box *javaser.Shape
	longs, bytes                               *javaser.Shape
}

func newGrammar() *grammar {
	g := &grammar{
		root: &javaser.Slot{Null: true, String: true},
		key:  &javaser.Slot{String: true},
		bulk: &javaser.Slot{Bulk: true}, sealed: &javaser.Slot{Sealed: true},
	}
	node := classOf(nodeSpec, nil, javaser.Field{Type: 'I', Name: "n"},
		javaser.Field{Type: 'L', Name: "next", Sig: "Lt/Node;"},
		javaser.Field{Type: 'L', Name: "text", Sig: "Ljava/lang/String;"})
	g.node = &javaser.Shape{Class: node, Slots: []javaser.Slot{{}, {Null: true, String: true}}}
	child := &javaser.Shape{
		Class: classOf(childSpec, node, javaser.Field{Type: 'Z', Name: "small"}), Super: g.node,
	}
	g.node.Slots[0] = javaser.Slot{Null: true, Cycle: true, Shapes: []*javaser.Shape{g.node, child}}
	g.hash = &javaser.Shape{
		Class: classOf(mapSpec, nil, javaser.Field{Type: 'F', Name: "loadFactor"}, javaser.Field{Type: 'I', Name: "threshold"}),
		Data:  javaser.MapData, Key: g.key, Elem: g.root,
	}
	g.tree = &javaser.Shape{
		Class: classOf(treeSpec, nil, javaser.Field{Type: 'L', Name: "comparator", Sig: "Ljava/util/Comparator;"}),
		Slots: []javaser.Slot{{Null: true}}, Data: javaser.TreeData, Key: g.key, Elem: g.root,
	}
	g.list = &javaser.Shape{
		Class: classOf(listSpec, nil, javaser.Field{Type: 'I', Name: "size"}), Data: javaser.ListData, Elem: g.root,
	}
	g.date = &javaser.Shape{Class: classOf(dateSpec, nil), Data: javaser.TimeData}
	g.objects = &javaser.Shape{Class: classOf(objectsSpec, nil), Elem: g.root}
	g.bytes, g.longs = &javaser.Shape{Class: classOf(bytesSpec, nil)}, &javaser.Shape{Class: classOf(longsSpec, nil)}
	g.bulk.Shapes = []*javaser.Shape{g.bytes}
	g.box = &javaser.Shape{Class: &javaser.Class{Name: "t.Box", UID: 5, Flags: 2, Fields: []javaser.Field{
		{Type: '[', Name: "a", Sig: "[B"}, {Type: '[', Name: "b", Sig: "[B"},
		{Type: 'L', Name: "secret", Sig: "Ljava/lang/String;"}, {Type: 'L', Name: "text", Sig: "Ljava/lang/String;"},
	}}, Slots: []javaser.Slot{
		{Null: true, Bulk: true, Shapes: g.bulk.Shapes}, {Null: true, Bulk: true, Shapes: g.bulk.Shapes},
		*g.sealed, {Null: true, String: true},
	}}
	g.root.Shapes = []*javaser.Shape{
		g.node, child, g.hash, g.tree, g.list, g.date, g.objects, g.bytes, g.longs, g.box,
		{Class: classOf(intsSpec, nil)},
		{Class: classOf(keySpec, nil), Data: javaser.BlockData}, g.model(),
	}
	longKey := &javaser.Shape{Class: &javaser.Class{Name: "t.Long", UID: 3, Flags: 2,
		Fields: []javaser.Field{{Type: 'J', Name: "value"}}}}
	g.key.Shapes = []*javaser.Shape{longKey}
	return g
}

// model is a class by form with a map that must be there.
func (g *grammar) model() *javaser.Shape {
	required := javaser.Field{Type: 'L', Name: "_map", Sig: "Ljava/util/Map;"}
	return &javaser.Shape{Open: &javaser.Open{
		Name: "t.Model", MaxFields: 4, Required: []javaser.Field{required},
		Refs: map[string]*javaser.Slot{"_map": {Shapes: []*javaser.Shape{g.hash}}},
	}}
}

func decode(data []byte, slot *javaser.Slot, lim javaser.Limits) (javaser.Value, error) {
	in := javaser.NewInput(bytes.NewReader(data), nil, lim.Held)
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
	again, err := javaser.Append(nil, v)
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
