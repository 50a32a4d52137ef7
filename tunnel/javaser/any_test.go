package javaser_test

import (
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// TestAny: a look at a stream of unknown classes finds its way, but takes nothing that the grammar itself forbids.
func TestAny(t *testing.T) {
	odd := spec{name: "o.Odd", uid: 1, flags: 3, fields: [][]byte{
		prim('D', "d"), field('[', "chars", str("[C")), field('L', "self", str("Lo/Odd;")),
	}}
	chars := array(spec{name: "[C", uid: 1, flags: 2}.bytes(), u32(2), u32(0x610062))
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"an unknown class", stream(object(odd.bytes(), u64(0), chars, ref(3), block(1, 2), str("more"), end)), "accepted"},
		{"long blocks", stream(object(odd.bytes(), u64(0), null, null, []byte{0x7a}, u32(300), make([]byte, 300), end)), "accepted"},
		{"a block beyond the limit", stream(object(odd.bytes(), u64(0), null, null, []byte{0x7a}, u32(1<<30))), string(javaser.RuleLimit)},
		{"a reference to an outer object", stream(array(objectsSpec.bytes(), u32(1), object(odd.bytes(), u64(0), null, ref(1), end))), "accepted"},
		{"an externalizable class", stream(object(keySpec.bytes(), block(1), null, end)), "accepted"},
		{"a superclass", stream(object(childSpec.bytes(), u32(1), null, null, []byte{1})), "accepted"},
		{"an array of shorts", stream(array(spec{name: "[S", uid: 1, flags: 2}.bytes(), u32(3), make([]byte, 6))), "accepted"},
		{"an array of arrays", stream(array(spec{name: "[[S", uid: 1, flags: 2}.bytes(), u32(1), null)), "accepted"},
		{"a class without a name", stream(object(spec{name: "", uid: 1, flags: 2}.bytes())), "accepted"},
		{"an array class of no element", stream(array(spec{name: "[", uid: 1, flags: 2}.bytes(), u32(1), null)), "accepted"},
		{"a proxy", stream(object([]byte{0x7d})), string(javaser.RuleTag)},
		{"a class twice", stream(array(objectsSpec.bytes(), u32(1), array(objectsSpec.bytes(), u32(0)))), string(javaser.RuleTwice)},
		{"trailing bytes", append(stream(null), 0), string(javaser.RuleTrailing)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decode(tt.data, graph.Any(), javaser.DefaultLimits()); ruleOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
