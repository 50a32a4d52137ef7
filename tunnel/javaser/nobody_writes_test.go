package javaser_test

import (
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
)

// TestShapesThatNobodyWrites has the 18 shapes that Java reads and no Java writer writes, each with its legal twin.
func TestShapesThatNobodyWrites(t *testing.T) {
	bent := func(change func(s *spec)) []byte {
		s := nodeSpec
		s.fields = append([][]byte(nil), s.fields...)
		change(&s)
		return stream(node(s, null, str("x")))
	}
	legal := stream(node(nodeSpec, null, str("x")))
	date := object(dateSpec.bytes(), block(0, 0, 0, 0, 0, 0, 0, 1), end)
	for _, tt := range []struct {
		name  string
		bad   []byte
		rule  javaser.Rule
		legal []byte
	}{
		{"1 a class name in overlong UTF-8, two bytes", bent(func(s *spec) { s.name = "t.\xc1\x8eode" }), javaser.RuleText, legal},
		{"1 a class name in overlong UTF-8, three bytes", bent(func(s *spec) { s.name = "t.\xe0\x81\x8eode" }), javaser.RuleText, legal},
		{"2 an object field with the signature of a primitive", bent(func(s *spec) { s.fields[1] = field('L', "next", str("I")) }), javaser.RuleShape, legal},
		{"3 an array field with the signature of an object", bent(func(s *spec) { s.fields[1] = field('[', "next", str("Lt/Node;")) }), javaser.RuleShape, legal},
		{"4 a field count of -1", bent(func(s *spec) { s.count = -1 }), javaser.RuleShape, legal},
		{"5 a long string of negative length", stream(longStr(-5, "")), javaser.RuleLength, stream(str(""))},
		{"6 a long string of three bytes", stream(longStr(3, "abc")), javaser.RuleLength, stream(str("abc"))},
		{"6 a long string of 65,535 bytes", stream(longStr(65535, string(make([]byte, 65535)))), javaser.RuleLength, stream(longStr(65536, many('x', 65536)))},
		{"7 an object in a class annotation", bent(func(s *spec) { s.annotation = date }), javaser.RuleAnnotation, legal},
		{"7 a block in a class annotation", bent(func(s *spec) { s.annotation = block(1) }), javaser.RuleAnnotation, legal},
		{"7 null in a class annotation", bent(func(s *spec) { s.annotation = null }), javaser.RuleAnnotation, legal},
		{"8 a field that the class does not have", stream(node(spec{name: "t.Node", uid: 7, flags: 2, fields: append(nodeSpec.fields[:3:3],
			field('L', "zzz", str("Ljava/lang/Object;")))}, null, cat(str("x"), null))), javaser.RuleShape, legal},
		{"9 added data where the class has no such method", bent(func(s *spec) { s.flags = 3 }), javaser.RuleShape, legal},
		{"10 a superclass that is none", bent(func(s *spec) { s.super = dateSpec.bytes() }), javaser.RuleClass, legal},
		{"11 a class described twice", stream(list(listSpec.bytes(), 2, list(listSpec.bytes(), 0), null)), javaser.RuleTwice,
			stream(list(listSpec.bytes(), 2, list(ref(0), 0), null))},
		{"11 a class described twice in one chain", stream(object(spec{name: "t.Child", uid: 8, flags: 2, fields: childSpec.fields,
			super: spec{name: "t.Node", uid: 7, flags: 2, fields: nodeSpec.fields, super: nodeSpec.bytes()}.bytes()}.bytes())), javaser.RuleClass,
			stream(object(childSpec.bytes(), u32(1), null, null, []byte{1}))},
		{"12 a field named twice", bent(func(s *spec) { s.fields = append(s.fields[:1:1], s.fields...) }), javaser.RuleShape, legal},
		{"13 flag bits that mean nothing", bent(func(s *spec) { s.flags = 0xe2 }), javaser.RuleShape, legal},
		{"14 an array class of another version", stream(array(spec{name: "[J", uid: 1, flags: 2}.bytes(), u32(0))), javaser.RuleShape,
			stream(array(longsSpec.bytes(), u32(0)))},
		{"15 a reset before the object", stream([]byte{0x79}, str("x")), javaser.RuleTag, stream(str("x"))},
		{"16 an empty block before the data", stream(object(dateSpec.bytes(), block(), block(0, 0, 0, 0, 0, 0, 0, 1), end)), javaser.RuleLength, stream(date)},
		{"16 data split over two blocks", stream(object(dateSpec.bytes(), block(0, 0, 0, 0), block(0, 0, 0, 1), end)), javaser.RuleLength, stream(date)},
		{"16 a short block in the long form", stream(object(dateSpec.bytes(), []byte{0x7a}, u32(8), u64(1), end)), javaser.RuleLength, stream(date)},
		{"16 a short key in the long form", stream(object(keySpec.bytes(), []byte{0x7a}, u32(4), u32(1), end)), javaser.RuleLength,
			stream(object(keySpec.bytes(), block(0, 0, 0, 1), end))},
		{"17 a byte 0 in text", stream(str("a\x00b")), javaser.RuleText, stream(str("a\xc0\x80b"))},
		{"17 half a surrogate pair", stream(str("\xed\xa0\xbd")), javaser.RuleText, stream(str("\xed\xa0\xbd\xed\xb8\x80"))},
		{"17 the second half of a pair", stream(str("\xed\xb8\x80")), javaser.RuleText, stream(str("\xed\xa0\xbd\xed\xb8\x80"))},
		{"17 a character in four bytes", stream(str("\xf0\x9f\x98\x80")), javaser.RuleText, stream(str("\xed\xa0\xbd\xed\xb8\x80"))},
		{"18 a second object behind the first", append(stream(str("x")), null...), javaser.RuleTrailing, stream(str("x"))},
		{"18 a second stream behind the first", append(stream(str("x")), stream(str("y"))...), javaser.RuleTrailing, stream(str("x"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, tt.bad, tt.rule)
			expect(t, tt.legal, "")
		})
	}
}

func many(c byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = c
	}
	return string(b)
}
