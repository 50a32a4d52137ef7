package javaser_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
)

// rules has a stream for every way to break a rule; an empty rule is a legal stream.
var rules = []struct {
	name string
	rule javaser.Rule
	data []byte
}{
	{"null", "", stream(null)},
	{"version 4", javaser.RuleHeader, []byte{0xac, 0xed, 0, 4, 0x70}},
	{"another magic", javaser.RuleHeader, []byte{0xac, 0xee, 0, 5, 0x70}},

	{"an enum", javaser.RuleTag, stream([]byte{0x7e})},
	{"a class", javaser.RuleTag, stream([]byte{0x76}, nodeSpec.bytes())},
	{"a descriptor as a value", javaser.RuleTag, stream(nodeSpec.bytes())},
	{"a proxy", javaser.RuleTag, stream(object([]byte{0x7d}, u32(1), utf("java.util.Map"), end, null))},
	{"an exception of the writer", javaser.RuleTag, stream([]byte{0x7b}, null)},
	{"a reset inside", javaser.RuleTag, stream(array(objectsSpec.bytes(), u32(1), []byte{0x79}, null))},
	{"a block where a value stands", javaser.RuleTag, stream(block(1))},
	{"an end mark where a value stands", javaser.RuleTag, stream(end)},
	{"an unknown type code", javaser.RuleTag, stream([]byte{0x7f})},
	{"a type code 0", javaser.RuleTag, stream([]byte{0})},
	{"a long string as a type", javaser.RuleTag, stream(object(spec{name: "t.Node", uid: 7, flags: 2, fields: [][]byte{
		nodeSpec.fields[0], field('L', "next", longStr(8, "Lt/Node;")), nodeSpec.fields[2],
	}}.bytes()))},
	{"one value more than the list says", javaser.RuleTag, stream(list(listSpec.bytes(), 1, null, null))},
	{"one entry more than the map says", javaser.RuleTag, stream(hashMap(1, str("a"), null, str("b"), null))},
	{"one entry less than the map says", javaser.RuleTag, stream(hashMap(2, str("a"), null))},
	{"one entry more than the tree says", javaser.RuleTag, stream(treeMap(1, str("a"), null, str("b"), null))},
	{"one entry less than the tree says", javaser.RuleTag, stream(treeMap(2, str("a"), null))},
	{"one key of a tree twice", javaser.RuleMap, stream(treeMap(2, str("a"), null, str("a"), null))},
	{"a tree that says it is huge", javaser.RuleLimit, stream(treeMap(1<<31-1, str("a"), null))},
	{"a tree with a comparator", javaser.RuleSlot, stream(object(treeSpec.bytes(), str("x"), []byte{0x77, 4}, u32(0), end))},

	{"text where an object stands", javaser.RuleSlot, stream(node(nodeSpec, str("x"), null))},
	{"null as a key", javaser.RuleSlot, stream(hashMap(1, null, null))},
	{"a reference to an object where text stands", javaser.RuleSlot, stream(array(objectsSpec.bytes(), u32(2),
		list(listSpec.bytes(), 0), node(nodeSpec, null, ref(3))))},
	{"a reference to text where an object stands", javaser.RuleSlot, stream(array(objectsSpec.bytes(), u32(2), str("x"),
		node(nodeSpec, ref(2), null)))},
	{"a reference to a list where a node stands", javaser.RuleSlot, stream(array(objectsSpec.bytes(), u32(2), list(listSpec.bytes(), 0),
		node(nodeSpec, ref(3), null)))},
	{"an object that is a cause of itself", "", stream(node(nodeSpec, ref(3), null))},

	{"an unknown class", javaser.RuleClass, stream(object(spec{name: "java.util.HashSet", uid: 1, flags: 3}.bytes()))},
	{"an object of no class", javaser.RuleClass, stream(object(null))},
	{"an array of no class", javaser.RuleClass, stream(array(null, u32(0)))},
	{"an object of an array class", javaser.RuleClass, stream(object(longsSpec.bytes(), u32(0)))},
	{"an array of an object class", javaser.RuleClass, stream(array(dateSpec.bytes(), u32(0)))},
	{"a class of another place", javaser.RuleClass, stream(node(nodeSpec, object(dateSpec.bytes(), block(0, 0, 0, 0, 0, 0, 0, 1), end), null))},
	{"a class of another place by reference", javaser.RuleClass, stream(array(objectsSpec.bytes(), u32(2), list(listSpec.bytes(), 0),
		node(nodeSpec, object(ref(2), u32(0)), null)))},

	{"another version", javaser.RuleShape, stream(object(spec{name: "java.util.Date", uid: 2, flags: 3}.bytes(), block(), end))},
	{"a superclass too many", javaser.RuleClass, stream(object(spec{name: "[J", uid: longsSpec.uid, flags: 2, super: dateSpec.bytes()}.bytes()))},
	{"a superclass too few", javaser.RuleShape, stream(object(spec{name: "t.Child", uid: 8, flags: 2, fields: childSpec.fields}.bytes()))},
	{"fields in another order", javaser.RuleShape, stream(node(spec{name: "t.Node", uid: 7, flags: 2, fields: [][]byte{
		nodeSpec.fields[1], nodeSpec.fields[0], nodeSpec.fields[2],
	}}, null, null))},
	{"a field of another name", javaser.RuleShape, stream(object(spec{name: "java.util.ArrayList", uid: listSpec.uid, flags: 3,
		fields: [][]byte{prim('I', "siz\u00e9")}}.bytes()))},
	{"serializable and externalizable", javaser.RuleShape, stream(object(spec{name: "t.Key", uid: 1, flags: 14}.bytes(), block(1), end))},
	{"externalizable as Java 1.1 wrote it", javaser.RuleShape, stream(object(spec{name: "t.Key", uid: 1, flags: 4}.bytes(), []byte{1}))},
	{"neither serializable nor externalizable", javaser.RuleShape, stream(object(spec{name: "java.util.Date", uid: dateSpec.uid}.bytes()))},

	{"a class by form", "", stream(object(modelSpec.bytes(), u64(1), hashMap(0), null))},
	{"a class by form of another version", "", stream(object(bentModel(func(s *spec) { s.uid = -5 }), u64(1), hashMap(0), null))},
	{"a class by form with a new field", "", stream(object(bentModel(func(s *spec) {
		s.fields = append(s.fields, field('[', "_new", str("[[I")))
	}), u64(1), hashMap(0), null, null))},
	{"a form whose new field is not null", javaser.RuleClass, stream(object(bentModel(func(s *spec) {
		s.fields[2] = field('[', "_new", str("[I"))
	}), u64(1), hashMap(0), array(intsSpec.bytes(), u32(0))))},
	{"a form without the field that must be there", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields = s.fields[:1] }), u64(1)))},
	{"a form whose required field is renamed", javaser.RuleShape, stream(object(bentModel(func(s *spec) {
		s.fields[1] = field('L', "_mapp", str("Ljava/util/Map;"))
	}), u64(1), hashMap(0), null))},
	{"a form whose required field is of another type", javaser.RuleShape, stream(object(bentModel(func(s *spec) {
		s.fields[1] = field('L', "_map", str("Ljava/lang/Object;"))
	}), u64(1), hashMap(0), null))},
	{"a form whose required map is null", javaser.RuleSlot, stream(object(modelSpec.bytes(), u64(1), null, null))},
	{"a form with too many fields", javaser.RuleShape, stream(object(bentModel(func(s *spec) {
		s.fields = append(s.fields, prim('I', "a"), prim('I', "b"))
	})))},
	{"a form with more fields than any class", javaser.RuleLimit, stream(object(bentModel(func(s *spec) { s.count = 129 })))},
	{"a form out of order", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields[0], s.fields[1] = s.fields[1], s.fields[0] })))},
	{"a form with a field twice", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields = append(s.fields[:1:1], s.fields...) })))},
	{"a form with data of its own", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.flags = 3 })))},
	{"a form with a superclass", javaser.RuleClass, stream(object(bentModel(func(s *spec) { s.super = dateSpec.bytes() })))},
	{"a form with a field of no type", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields[0] = prim('X', "_id") })))},
	{"a form with a field of no name", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields[0] = prim('J', "") })))},
	{"a form with a broken type", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields[1] = field('L', "_map", str("Ljava.util.Map")) })))},
	{"a form with a type of nothing", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields[1] = field('L', "_map", str("")) })))},
	{"a form with an array of nothing", javaser.RuleShape, stream(object(bentModel(func(s *spec) { s.fields[1] = field('[', "_map", str("[")) })))},
	{"a form with an overlong field name", javaser.RuleText, stream(object(bentModel(func(s *spec) { s.fields[0] = prim('J', "_\xc1\xa9d") })))},
	{"a form with an overlong type", javaser.RuleText, stream(object(bentModel(func(s *spec) { s.fields[1] = field('L', "_map", str("L\xc1\xaaava;")) })))},

	{"a type written twice", javaser.RuleTwice, stream(array(objectsSpec.bytes(), u32(2), node(nodeSpec, null, null),
		object(modelSpec.bytes())))},
	{"a type by reference", "", stream(array(objectsSpec.bytes(), u32(2), node(nodeSpec, null, null),
		object(bentModel(func(s *spec) { s.fields[2] = field('L', "_name", ref(4)) }), u64(1), hashMap(0), null)))},
	{"a key twice", javaser.RuleMap, stream(hashMap(2, str("a"), null, str("a"), null))},
	{"a key twice by reference", javaser.RuleMap, stream(hashMap(2, str("a"), null, ref(2), null))},

	{"a reference to the object itself", javaser.RuleHandle, stream(array(objectsSpec.bytes(), u32(1), ref(1)))},
	{"a reference to an outer object", javaser.RuleHandle, stream(array(objectsSpec.bytes(), u32(1), list(listSpec.bytes(), 1, ref(1))))},
	{"a reference to nothing yet", javaser.RuleHandle, stream(array(objectsSpec.bytes(), u32(1), ref(2)))},
	{"a reference below the first", javaser.RuleHandle, stream(ref(-1))},
	{"a reference to 0", javaser.RuleHandle, stream([]byte{0x71}, u32(0))},
	{"a reference to a class as a value", javaser.RuleHandle, stream(array(objectsSpec.bytes(), u32(1), ref(0)))},
	{"a reference to a type as a value", javaser.RuleHandle, stream(node(nodeSpec, null, ref(2)))},
	{"a reference to a value as a class", javaser.RuleHandle, stream(array(objectsSpec.bytes(), u32(2), str("x"), object(ref(2))))},
	{"a reference to a class that is not finished", javaser.RuleHandle, stream(object(spec{name: "t.Child", uid: 8, flags: 2,
		fields: childSpec.fields, super: ref(0)}.bytes()))},
	{"a reference to a value as a type", javaser.RuleHandle, stream(array(objectsSpec.bytes(), u32(2), str("Ljava/util/Map;"),
		object(bentModel(func(s *spec) { s.fields[1] = field('L', "_map", ref(2)) }))))},
	{"a reference to an object", "", stream(array(objectsSpec.bytes(), u32(2), list(listSpec.bytes(), 0), ref(3)))},

	{"a sealed value", "", stream(object(boxSpec.bytes(), null, null, str("s"), null))},
	{"a sealed null", "", stream(object(boxSpec.bytes(), null, null, null, null))},
	{"a reference to a sealed value", javaser.RuleSealed, stream(object(boxSpec.bytes(), null, null, str("s"), ref(4)))},
	{"a reference in a sealed place", javaser.RuleSealed, stream(object(boxSpec.bytes(), null, null, ref(2), null))},
	{"an object in a sealed place", javaser.RuleClass, stream(object(boxSpec.bytes(), null, null, node(nodeSpec, null, null), null))},

	{"a boolean of 2", javaser.RuleLength, stream(object(childSpec.bytes(), u32(1), null, null, []byte{2}))},
	{"an empty key", javaser.RuleLength, stream(object(keySpec.bytes(), block(), end))},
	{"a key without a block", javaser.RuleLength, stream(object(keySpec.bytes(), end))},
	{"a key of 256 bytes", "", stream(object(keySpec.bytes(), []byte{0x7a}, u32(256), make([]byte, 256), end))},
	{"a key of 1,024 bytes", "", stream(object(keySpec.bytes(), []byte{0x7a}, u32(1024), make([]byte, 1024), end))},
	{"a key of 1,025 bytes in one block", javaser.RuleLength, stream(object(keySpec.bytes(), []byte{0x7a}, u32(1025), make([]byte, 1025), end))},
	{"a key in two blocks", javaser.RuleTag, stream(object(keySpec.bytes(), block(1), block(2), end))},
	{"a key with an object behind it", javaser.RuleTag, stream(object(keySpec.bytes(), block(1), str("x"), end))},

	{"a load factor of NaN", javaser.RuleMap, stream(bentMap(0x7fc00000, 12, 16))},
	{"a load factor of 0", javaser.RuleMap, stream(bentMap(0, 12, 16))},
	{"a load factor of 0.49", javaser.RuleMap, stream(bentMap(0x3efae148, 12, 16))},
	{"a load factor of 100", javaser.RuleMap, stream(bentMap(0x42c80000, 12, 16))},
	{"a load factor of 1", "", stream(bentMap(0x3f800000, 12, 16))},
	{"a negative threshold", javaser.RuleMap, stream(bentMap(0x3f400000, -1, 16))},
	{"a threshold of 2^30", javaser.RuleMap, stream(bentMap(0x3f400000, 1<<30, 16))},
	{"a table of 0", javaser.RuleMap, stream(bentMap(0x3f400000, 12, 0))},
	{"a table of 17", javaser.RuleMap, stream(bentMap(0x3f400000, 12, 17))},
	{"a table of 2^30", javaser.RuleMap, stream(bentMap(0x3f400000, 12, 1<<30))},
	{"keys of two types", javaser.RuleMap, stream(hashMap(2, str("1"), null,
		object(spec{name: "t.Long", uid: 3, flags: 2, fields: [][]byte{prim('J', "value")}}.bytes(), u64(1)), null))},
	{"a list with two sizes", javaser.RuleMap, stream(object(listSpec.bytes(), u32(1), []byte{0x77, 4}, u32(0), end))},

	{"100,001 elements", javaser.RuleLimit, stream(array(objectsSpec.bytes(), u32(100_001)))},
	{"100,001 entries", javaser.RuleLimit, stream(hashMap(100_001))},
	{"a byte array of 100,001", javaser.RuleLimit, stream(array(bytesSpec.bytes(), u32(100_001)))},
	{"a negative array", javaser.RuleLimit, stream(array(longsSpec.bytes(), u32(-1)))},
	{"content that nobody asked for", javaser.RuleLimit, stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(1), []byte{1})))},
	{"an empty array where content may stand", "", stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(0)), null, null, null))},

	{"nothing", javaser.RuleTruncated, nil},
	{"half a header", javaser.RuleTruncated, []byte{0xac, 0xed}},
	{"a header alone", javaser.RuleTruncated, stream()},
	{"half a string", javaser.RuleTruncated, stream([]byte{0x74}, u16(5), []byte("abc"))},
	{"half an object", javaser.RuleTruncated, stream(object(nodeSpec.bytes(), u32(1)))},
}

// boxSpec has a handle for each of its two types: 0 class, 1 and 2 types, 3 the object.
var boxSpec = spec{name: "t.Box", uid: 5, flags: 2, fields: [][]byte{
	field('[', "a", str("[B")), field('[', "b", ref(1)), field('L', "secret", str("Ljava/lang/String;")), field('L', "text", ref(2)),
}}

func bentModel(change func(s *spec)) []byte {
	s := modelSpec
	s.fields = append([][]byte(nil), s.fields...)
	change(&s)
	return s.bytes()
}

func bentMap(factor, threshold, table int64) []byte {
	return object(mapSpec.bytes(), u32(factor), u32(threshold), []byte{0x77, 8}, u32(table), u32(0), end)
}

func TestRules(t *testing.T) {
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.data, tt.rule) })
	}
}

// TestEveryRuleIsTested reads the rules from the source, so that a new one needs a row. Depth and weight have tests of their own.
func TestEveryRuleIsTested(t *testing.T) {
	src, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"stream.depth": true, "stream.weight": true}
	for _, tt := range rules {
		seen[string(tt.rule)] = true
	}
	seen[string(javaser.RuleAnnotation)] = true // in TestShapesThatNobodyWrites
	seen[string(javaser.RuleTrailing)] = true
	found := regexp.MustCompile(`"(stream\.[a-z]+)"`).FindAllStringSubmatch(string(src), -1)
	if len(found) < 17 {
		t.Fatalf("%d rules found", len(found))
	}
	for _, m := range found {
		if !seen[m[1]] {
			t.Errorf("no stream breaks %s", m[1])
		}
	}
}

// TestErrorNamesThePlace holds the text that goes to the audit log.
func TestErrorNamesThePlace(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"a field", stream(node(nodeSpec, null, []byte{0x7e})), "stream.tag at byte 83 in Node.text: type code 0x7e"},
		{"an element", stream(array(objectsSpec.bytes(), u32(2), null, []byte{0x7e})), "in Object;[1]: type code 0x7e"},
		{"an entry", stream(hashMap(1, str("a"), []byte{0x7e})), "in HashMap{1}: type code 0x7e"},
		{"nested", stream(array(objectsSpec.bytes(), u32(1), list(listSpec.bytes(), 1, []byte{0x7e}))), "in Object;[0].ArrayList{0}:"},
		{"a superclass's field", stream(object(childSpec.bytes(), u32(1), null, []byte{0x7e})), "in Child.text:"},
		{"cut", stream(array(objectsSpec.bytes())), "stream.truncated at byte 40: the stream ended too early: unexpected EOF"},
		{"a hostile name", stream(object(spec{name: strings.Repeat("a\n", 99)}.bytes())), fmt.Sprintf("class %q may not", strings.Repeat("a\n", 40))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(tt.data, newGrammar().root, javaser.DefaultLimits())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
