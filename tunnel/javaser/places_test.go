package javaser_test

import (
	"bytes"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// twoPlaces is a pair of slots that see the same class names differently, as an array of two would have them.
type twoPlaces struct{ first, second *graph.Slot }

// decode reads the first value in the first place and the second in the second.
func (p twoPlaces) decode(first, second []byte) error {
	pair := &graph.Class{Name: "t.Pair", UID: 1, Flags: 2, Fields: []graph.Field{
		{Type: 'L', Name: "a", Sig: "Lx;"}, {Type: 'L', Name: "b", Sig: "Lx;"},
	}}
	shape := &graph.Shape{Class: pair, Slots: []graph.Slot{*p.first, *p.second}}
	head := spec{name: "t.Pair", uid: 1, flags: 2, fields: [][]byte{field('L', "a", str("Lx;")), field('L', "b", ref(1))}}
	data := stream(object(head.bytes(), first, second))
	v, err := decode(data, &graph.Slot{Shapes: []*graph.Shape{shape}}, javaser.DefaultLimits())
	if err != nil {
		return err
	}
	if again, err := graph.Append(nil, v); err != nil || !bytes.Equal(again, data) {
		return errBytes
	}
	return nil
}

var errBytes = &javaser.Error{Rule: "written back differently"}

// TestClassesInTwoPlaces: a class that was described in one place is held against what the other place knows of it.
// Handles: 0 to 2 are the pair's, 3 the class in the first place.
func TestClassesInTwoPlaces(t *testing.T) {
	number := []graph.Field{{Type: 'J', Name: "n"}}
	base := &graph.Class{Name: "t.Base", UID: 1, Flags: 2, Fields: number}
	sub := &graph.Class{Name: "t.Sub", UID: 2, Flags: 2, Super: base}
	pinned := func(c *graph.Class, super *graph.Shape) *graph.Shape {
		return &graph.Shape{Class: c, Super: super}
	}
	form := func(o graph.Open, super *graph.Shape) *graph.Shape {
		return &graph.Shape{Open: &o, Super: super}
	}
	place := func(shapes ...*graph.Shape) *graph.Slot { return &graph.Slot{Shapes: shapes} }
	baseSpec := spec{name: "t.Base", uid: 1, flags: 2, fields: [][]byte{prim('J', "n")}}
	subSpec := spec{name: "t.Sub", uid: 2, flags: 2, super: baseSpec.bytes()}
	otherUID := *base
	otherUID.UID = 9
	anyUID := pinned(&otherUID, nil)
	anyUID.AnyUID = true
	otherField := &graph.Class{Name: "t.Base", UID: 1, Flags: 2, Fields: []graph.Field{{Type: 'J', Name: "m"}}}
	byForm := form(graph.Open{Name: "t.Base"}, nil)
	one, again := object(baseSpec.bytes(), u64(1)), object(ref(3), u64(2))
	for _, tt := range []struct {
		name          string
		places        twoPlaces
		first, second []byte
		want          string
	}{
		{"the same class", twoPlaces{place(pinned(base, nil)), place(pinned(base, nil))}, one, again, "accepted"},
		{"another version", twoPlaces{place(pinned(base, nil)), place(pinned(&otherUID, nil))}, one, again, "stream.shape"},
		{"any version", twoPlaces{place(pinned(base, nil)), place(anyUID)}, one, again, "accepted"},
		{"another layout", twoPlaces{place(pinned(base, nil)), place(pinned(otherField, nil))}, one, again, "stream.shape"},
		{"the form of it", twoPlaces{place(pinned(base, nil)), place(byForm)}, one, again, "accepted"},
		{"a form that asks for more", twoPlaces{place(pinned(base, nil)),
			place(form(graph.Open{Name: "t.Base", Required: otherField.Fields}, nil))}, one, again, "stream.shape"},
		{"a form, and then the class", twoPlaces{place(byForm), place(pinned(base, nil))}, one, again, "accepted"},
		{"a class that has no place there", twoPlaces{place(pinned(base, nil)), place(pinned(sub, nil))}, one, again, "stream.class"},
		{"a superclass that is asked for", twoPlaces{place(pinned(base, nil)), place(pinned(base, byForm))}, one, again, "stream.shape"},
		{"a chain", twoPlaces{place(pinned(sub, pinned(base, nil))), place(pinned(sub, pinned(base, nil)))},
			object(subSpec.bytes(), u64(1)), again, "accepted"},
		{"another chain", twoPlaces{place(pinned(sub, pinned(base, nil))), place(pinned(sub, nil))},
			object(subSpec.bytes(), u64(1)), again, "stream.shape"},
		{"a value of the same class, but read as another shape", twoPlaces{place(pinned(base, nil)), place(pinned(base, nil))},
			one, ref(4), "stream.slot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.places.decode(tt.first, tt.second); ruleOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestFamilies: values of one family may be referred to where another shape of the family is asked for.
func TestFamilies(t *testing.T) {
	family := &graph.Family{Name: "f"}
	base := &graph.Class{Name: "t.Base", UID: 1, Flags: 2, Fields: []graph.Field{{Type: 'J', Name: "n"}}}
	dynamic := func(f *graph.Family) *graph.Slot {
		return &graph.Slot{Dynamic: func(class string) *graph.Shape {
			if class != "t.Base" {
				return nil
			}
			return &graph.Shape{Class: base, Family: f}
		}}
	}
	one := object(spec{name: "t.Base", uid: 1, flags: 2, fields: [][]byte{prim('J', "n")}}.bytes(), u64(1))
	for _, tt := range []struct {
		name   string
		places twoPlaces
		want   string
	}{
		{"the same family", twoPlaces{dynamic(family), dynamic(family)}, "accepted"},
		{"another family", twoPlaces{dynamic(family), dynamic(&graph.Family{Name: "f"})}, "stream.slot"},
		{"no family", twoPlaces{dynamic(nil), dynamic(nil)}, "stream.slot"},
		{"a class that is none of it", twoPlaces{dynamic(family), &graph.Slot{Dynamic: func(string) *graph.Shape { return nil }}}, "stream.slot"},
		{"a place without a family", twoPlaces{dynamic(family), &graph.Slot{String: true}}, "stream.slot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.places.decode(one, ref(4)); ruleOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestFieldNamesInAChain: a name stands once in a chain of classes by form, as fields are found by name.
func TestFieldNamesInAChain(t *testing.T) {
	base := &graph.Shape{Open: &graph.Open{Name: "t.Base"}}
	sub := &graph.Shape{Open: &graph.Open{Name: "t.Sub"}, Super: base}
	slot := &graph.Slot{Shapes: []*graph.Shape{sub}}
	chain := func(own, above string) []byte {
		super := spec{name: "t.Base", uid: 1, flags: 2, fields: [][]byte{prim('J', above)}}
		return stream(object(spec{name: "t.Sub", uid: 2, flags: 2, fields: [][]byte{prim('J', own)}, super: super.bytes()}.bytes(), u64(1), u64(2)))
	}
	if _, err := decode(chain("a", "a"), slot, javaser.DefaultLimits()); ruleOf(err) != string(javaser.RuleTwice) {
		t.Errorf("one name in two classes: %v", err)
	}
	v, err := decode(chain("a", "b"), slot, javaser.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if o := v.(*graph.Object); o.Bits("a") != 2 || o.Bits("b") != 1 {
		t.Errorf("a is %d, b is %d", o.Bits("a"), o.Bits("b"))
	}
}

// TestPrimitives: every primitive type keeps its bytes and its sign.
func TestPrimitives(t *testing.T) {
	all := spec{name: "t.All", uid: 1, flags: 2, fields: [][]byte{
		prim('B', "a"), prim('C', "b"), prim('D', "c"), prim('F', "d"), prim('I', "e"), prim('J', "f"), prim('S', "g"), prim('Z', "h"),
	}}
	data := stream(object(all.bytes(), []byte{0xff}, u16(0xffff), u64(-2), u32(-3), u32(-4), u64(-5), u16(-6), []byte{1}))
	v, err := decode(data, &graph.Slot{Shapes: []*graph.Shape{{Open: &graph.Open{Name: "t.All"}}}}, javaser.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	o := v.(*graph.Object)
	for name, want := range map[string]int64{"a": -1, "c": -2, "d": -3, "e": -4, "f": -5, "g": -6, "h": 1} {
		if got := int64(o.Bits(name)); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if got, err := graph.Append(nil, v); err != nil || !bytes.Equal(got, data) {
		t.Errorf("written as %x, %v", got, err)
	}
	ints := stream(array(intsSpec.bytes(), u32(2), u32(-1), u32(7)))
	expect(t, ints, "")
	expect(t, ints[:len(ints)-1], javaser.RuleTruncated)
}
