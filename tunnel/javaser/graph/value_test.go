package graph_test

import (
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// Three classes over each other, as a Java exception has them: fields are counted from the root.
var (
	root = &graph.Class{Name: "a.Root", UID: 1, Flags: graph.FlagSerializable, Fields: []graph.Field{
		{Type: 'I', Name: "n"}, {Type: 'L', Name: "text", Sig: "Ljava/lang/String;"}}}
	empty  = &graph.Class{Name: "a.Empty", UID: 2, Flags: graph.FlagSerializable, Super: root}
	middle = &graph.Class{Name: "a.Middle", UID: 3, Flags: graph.FlagSerializable, Super: empty, Fields: []graph.Field{
		{Type: 'Z', Name: "flag"}}}
	leaf = &graph.Class{Name: "a.Leaf", UID: 4, Flags: graph.FlagSerializable, Super: middle, Fields: []graph.Field{
		{Type: 'J', Name: "when"}, {Type: '[', Name: "raw", Sig: "[B"}}}
)

func TestFieldsOfAChain(t *testing.T) {
	for _, tt := range []struct {
		class *graph.Class
		field string
		want  int
	}{
		{leaf, "n", 0}, {leaf, "text", 1}, {leaf, "flag", 2}, {leaf, "when", 3}, {leaf, "raw", 4}, {leaf, "", -1}, {leaf, "N", -1},
		{middle, "flag", 2}, {middle, "when", -1}, {empty, "text", 1}, {empty, "flag", -1}, {root, "n", 0}, {root, "flag", -1},
	} {
		if got := tt.class.Index(tt.field); got != tt.want {
			t.Errorf("%s.%s is field %d, want %d", tt.class.Name, tt.field, got, tt.want)
		}
	}
	for class, want := range map[*graph.Class]int{leaf: 5, middle: 3, empty: 2, root: 2, nil: 0} {
		if got := class.FieldCount(); got != want {
			t.Errorf("%v has %d fields, want %d", class, got, want)
		}
	}
}

// What Index says of a name FieldAt says of the number.
func TestFieldAtIsTheInverseOfIndex(t *testing.T) {
	for _, c := range []*graph.Class{root, empty, middle, leaf} {
		for i := range c.FieldCount() {
			f, ok := c.FieldAt(i)
			if !ok || c.Index(f.Name) != i {
				t.Errorf("%s: field %d is %+v, %t, whose number is %d", c.Name, i, f, ok, c.Index(f.Name))
			}
		}
		for _, i := range []int{-1, c.FieldCount(), 1 << 20} {
			if f, ok := c.FieldAt(i); ok || f != (graph.Field{}) {
				t.Errorf("%s: field %d is %+v", c.Name, i, f)
			}
		}
	}
}

func TestFieldsOfAnObject(t *testing.T) {
	text := &graph.String{Text: "x"}
	o := &graph.Object{Class: leaf, Fields: []graph.FieldValue{{Bits: 7}, {Ref: text}, {Bits: 1}, {Bits: 1 << 40}, {}}}
	if o.Bits("n") != 7 || o.Bits("flag") != 1 || o.Bits("when") != 1<<40 || o.Bits("none") != 0 {
		t.Errorf("bits: %d %d %d %d", o.Bits("n"), o.Bits("flag"), o.Bits("when"), o.Bits("none"))
	}
	if got, ok := graph.Text(o.Ref("text")); !ok || got != "x" || o.Ref("raw") != nil || o.Ref("none") != nil {
		t.Errorf("%q, %v, %v", got, o.Ref("raw"), o.Ref("none"))
	}
	raw := &graph.Array{Class: &graph.Class{Name: "[B"}}
	for _, tt := range []struct {
		name string
		set  func() bool
		want bool
	}{
		{"bits", func() bool { return o.SetBits("when", 9) }, true}, {"bits of no field", func() bool { return o.SetBits("none", 9) }, false},
		{"a value", func() bool { return o.SetRef("raw", raw) }, true}, {"a value of no field", func() bool { return o.SetRef("none", raw) }, false},
	} {
		if got := tt.set(); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
	if o.Bits("when") != 9 || o.Ref("raw") != graph.Value(raw) || o.Bits("n") != 7 {
		t.Errorf("%+v", o.Fields)
	}
}

// An object that has fewer values than its class has fields, as one that is still being read.
func TestAnObjectWithoutItsFields(t *testing.T) {
	o := &graph.Object{Class: leaf, Fields: []graph.FieldValue{{Bits: 7}}}
	if o.Bits("n") != 7 || o.Bits("when") != 0 || o.Ref("text") != nil {
		t.Errorf("%d, %d, %v", o.Bits("n"), o.Bits("when"), o.Ref("text"))
	}
	if o.SetBits("when", 1) || o.SetRef("text", &graph.String{}) || len(o.Fields) != 1 {
		t.Errorf("set a field that is not there: %+v", o.Fields)
	}
}

func TestTextOfAValue(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    graph.Value
		want string
		ok   bool
	}{
		{"a string", &graph.String{Text: "a"}, "a", true}, {"an empty one", &graph.String{}, "", true}, {"null", nil, "", false},
		{"an object", &graph.Object{Class: root}, "", false}, {"an array", &graph.Array{}, "", false}, {"a block", graph.Block("a"), "", false},
	} {
		if got, ok := graph.Text(tt.v); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %q, %t", tt.name, got, ok)
		}
	}
}

func TestSpanOfAString(t *testing.T) {
	if from, to := (&graph.String{Text: "a"}).Span(); from != 0 || to != 0 {
		t.Errorf("of one that nobody read: %d to %d", from, to)
	}
	if from, to := (&graph.String{Sealed: &graph.Extent{From: 17, To: 29}}).Span(); from != 17 || to != 29 {
		t.Errorf("%d to %d", from, to)
	}
}

func TestLikeComparesTheLayout(t *testing.T) {
	other := func(change func(c *graph.Class)) *graph.Class {
		c := *root
		c.Fields = append([]graph.Field(nil), root.Fields...)
		change(&c)
		return &c
	}
	for _, tt := range []struct {
		name   string
		c      *graph.Class
		any    bool // UID
		wanted bool
	}{
		{"itself", root, false, true},
		{"a copy", other(func(*graph.Class) {}), false, true},
		{"another UID", other(func(c *graph.Class) { c.UID = 9 }), false, false},
		{"another UID, where any is good", other(func(c *graph.Class) { c.UID = 9 }), true, true},
		{"other flags", other(func(c *graph.Class) { c.Flags |= graph.FlagWriteMethod }), true, false},
		{"another type of a field", other(func(c *graph.Class) { c.Fields[0].Type = 'J' }), true, false},
		{"another name of a field", other(func(c *graph.Class) { c.Fields[0].Name = "m" }), true, false},
		{"another signature", other(func(c *graph.Class) { c.Fields[1].Sig = "Ljava/lang/Object;" }), true, false},
		{"a field more", other(func(c *graph.Class) { c.Fields = append(c.Fields, graph.Field{Type: 'I', Name: "z"}) }), true, false},
		{"a field less", other(func(c *graph.Class) { c.Fields = c.Fields[:1] }), true, false},
		{"the fields in another order", other(func(c *graph.Class) { c.Fields[0], c.Fields[1] = c.Fields[1], c.Fields[0] }), true, false},
	} {
		if got := tt.c.Like(root, tt.any); got != tt.wanted {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.wanted)
		}
	}
}

func TestKindsOfClassesAndFields(t *testing.T) {
	for name, want := range map[string]bool{"[B": true, "[Ljava.lang.Object;": true, "[[I": true, "java.lang.Object": false, "": false} {
		if got := (&graph.Class{Name: name}).IsArray(); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
	for _, c := range []byte("BCDFIJSZ") {
		if f := (graph.Field{Type: c}); !f.Primitive() || graph.Width[c] == 0 {
			t.Errorf("%c is no primitive", c)
		}
	}
	for _, c := range []byte("L[") {
		if f := (graph.Field{Type: c}); f.Primitive() || graph.Width[c] != 0 {
			t.Errorf("%c is a primitive", c)
		}
	}
}

func shapeOf(c *graph.Class) *graph.Shape {
	return &graph.Shape{Class: c, Slots: make([]graph.Slot, 2)}
}

// Which shape a slot has for a class: those that it names, then those that it makes.
func TestASlotFindsShapes(t *testing.T) {
	a, b := shapeOf(root), &graph.Shape{Open: &graph.Open{Name: "a.Model"}}
	family := &graph.Family{Name: "models"}
	made := func(class string) *graph.Shape {
		if class == "a.None" {
			return nil
		}
		return &graph.Shape{Open: &graph.Open{Name: class}, Family: family}
	}
	fixed, dynamic := &graph.Slot{Shapes: []*graph.Shape{a, b}}, &graph.Slot{Shapes: []*graph.Shape{a}, Dynamic: made}
	for _, tt := range []struct {
		name  string
		slot  *graph.Slot
		class string
		want  *graph.Shape // nil: none
		fresh bool
	}{
		{"by its class", fixed, "a.Root", a, false}, {"by its form", fixed, "a.Model", b, false}, {"of no class", fixed, "a.Other", nil, false},
		{"named before it is made", dynamic, "a.Root", a, false}, {"made", dynamic, "a.Other", nil, true}, {"not made", dynamic, "a.None", nil, false},
	} {
		got := tt.slot.Find(tt.class)
		if tt.fresh && (got == nil || got.Name() != tt.class) || !tt.fresh && got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	for _, tt := range []struct {
		name string
		slot *graph.Slot
		sh   *graph.Shape
		want bool
	}{
		{"its own", fixed, a, true}, {"one of another", fixed, shapeOf(root), false}, {"of the family", dynamic, made("a.Two"), true},
		{"of another family", dynamic, &graph.Shape{Open: &graph.Open{Name: "a.Two"}, Family: &graph.Family{Name: "models"}}, false},
		{"of no family", dynamic, &graph.Shape{Open: &graph.Open{Name: "a.Two"}}, false},
		{"that it does not make", dynamic, made("a.None2"), true}, {"anything", graph.Any(), b, true},
	} {
		if got := tt.slot.Admits(tt.sh); got != tt.want {
			t.Errorf("%s: admitted %t, want %t", tt.name, got, tt.want)
		}
	}
}

// What may stand in a field of a class that is known by its form: by name, then by signature, else a string
// or nothing.
func TestSlotsOfAFormedClass(t *testing.T) {
	byName, bySig := &graph.Slot{Bulk: true}, &graph.Slot{Cycle: true}
	sh := &graph.Shape{Open: &graph.Open{Name: "a.Model", Refs: map[string]*graph.Slot{"content": byName, "Ljava/util/Date;": bySig}}}
	for _, tt := range []struct {
		name  string
		field graph.Field
		want  *graph.Slot
	}{
		{"by its name", graph.Field{Type: 'L', Name: "content", Sig: "Ljava/util/Date;"}, byName},
		{"by its signature", graph.Field{Type: 'L', Name: "when", Sig: "Ljava/util/Date;"}, bySig},
	} {
		if got := sh.SlotOf(tt.field, 0); got != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got := sh.SlotOf(graph.Field{Type: 'L', Name: "s", Sig: "Ljava/lang/String;"}, 0); !got.Null || !got.String || got.Shapes != nil {
		t.Errorf("a string: %+v", got)
	}
	if got := sh.SlotOf(graph.Field{Type: 'L', Name: "o", Sig: "Ljava/lang/Runtime;"}, 0); !got.Null || got.String || got.Dynamic != nil || got.Anything {
		t.Errorf("a class that nobody expects: %+v", got)
	}
	fixed := shapeOf(root)
	fixed.Slots[1].Bulk = true
	if !fixed.SlotOf(root.Fields[1], 1).Bulk {
		t.Error("a pinned class has its slots by number")
	}
}
