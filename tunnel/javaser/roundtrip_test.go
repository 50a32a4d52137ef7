package javaser_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// maker draws trees that the grammar of the tests allows. Containers may be shared.
type maker struct {
	g      *grammar
	shared []graph.Value
}

func (m *maker) text(t *rapid.T) *graph.String {
	return &graph.String{Text: rapid.StringN(0, 30, -1).Draw(t, "text")}
}

func (m *maker) object(s *graph.Shape) *graph.Object {
	return &graph.Object{Class: s.Class, Fields: make([]graph.FieldValue, s.Class.FieldCount())}
}

func (m *maker) value(t *rapid.T, depth int) graph.Value {
	most := 10
	if depth == 0 {
		most = 4
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return m.text(t)
	case 2:
		o := m.object(m.g.date)
		o.Note = []graph.Value{graph.Block(binary.BigEndian.AppendUint64(nil, rapid.Uint64().Draw(t, "time")))}
		return o
	case 3:
		return &graph.Array{Class: m.g.longs.Class, Longs: rapid.SliceOfN(rapid.Int64(), 0, 5).Draw(t, "longs")}
	case 4:
		return &graph.Array{Class: m.g.bytes.Class, Bytes: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")}
	case 5:
		return m.node(t)
	case 6:
		return m.keep(m.list(t, depth))
	case 7:
		return m.keep(m.hash(t, depth))
	case 8:
		a := &graph.Array{Class: m.g.objects.Class}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			a.Refs = append(a.Refs, m.value(t, depth-1))
		}
		return m.keep(a)
	case 9:
		return m.keep(m.tree(t, depth))
	}
	if len(m.shared) == 0 {
		return nil
	}
	return rapid.SampledFrom(m.shared).Draw(t, "shared")
}

func (m *maker) keep(v graph.Value) graph.Value {
	m.shared = append(m.shared, v)
	return v
}

func (m *maker) node(t *rapid.T) graph.Value {
	o := m.object(m.g.node)
	o.SetBits("n", uint64(rapid.Int32().Draw(t, "n")))
	o.SetRef("text", m.text(t))
	if rapid.Bool().Draw(t, "cycle") {
		o.SetRef("next", o)
	}
	return o
}

func (m *maker) list(t *rapid.T, depth int) graph.Value {
	o, n := m.object(m.g.list), rapid.IntRange(0, 4).Draw(t, "n")
	o.SetBits("size", uint64(n))
	o.Note = []graph.Value{graph.Block(u32(int64(n)))}
	for range n {
		o.Note = append(o.Note, m.value(t, depth-1))
	}
	return o
}

func (m *maker) hash(t *rapid.T, depth int) graph.Value {
	o := m.object(m.g.hash)
	keys := rapid.SliceOfNDistinct(rapid.StringN(0, 8, -1), 0, 4, rapid.ID[string]).Draw(t, "keys")
	o.SetBits("loadFactor", uint64(math.Float32bits(0.75)))
	o.SetBits("threshold", 12)
	o.Note = []graph.Value{graph.Block(append(u32(16), u32(int64(len(keys)))...))}
	for _, k := range keys {
		o.Note = append(o.Note, &graph.String{Text: k}, m.value(t, depth-1))
	}
	return o
}

func (m *maker) tree(t *rapid.T, depth int) graph.Value {
	o := m.object(m.g.tree)
	keys := rapid.SliceOfNDistinct(rapid.StringN(0, 8, -1), 0, 4, rapid.ID[string]).Draw(t, "keys")
	o.Note = []graph.Value{graph.Block(u32(int64(len(keys))))}
	for _, k := range keys {
		o.Note = append(o.Note, &graph.String{Text: k}, m.value(t, depth-1))
	}
	return o
}

// TestRoundTrip draws trees, writes them, reads them, and writes what was read: the bytes are the same, whatever the chunks.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &maker{g: newGrammar()}
		data, err := graph.Append(nil, m.value(t, 4))
		if err != nil {
			t.Fatal(err)
		}
		v, err := decode(data, m.g.root, javaser.DefaultLimits())
		if err != nil {
			t.Fatalf("%x: %v", data, err)
		}
		again, err := graph.Append(nil, v)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%v\n got %x\nwant %x", err, again, data)
		}
	})
}

// TestAppendRefuses has trees that no stream can carry.
func TestAppendRefuses(t *testing.T) {
	g := newGrammar()
	bulk := func() *graph.Array { return &graph.Array{Class: classOf(bytesSpec, nil), Bulk: 3} }
	objects := func(vs ...graph.Value) graph.Value { return &graph.Array{Class: g.objects.Class, Refs: vs} }
	for _, tt := range []struct {
		name string
		v    graph.Value
	}{
		{"content", bulk()},
		{"content twice", objects(bulk(), bulk())},
		{"an object without a class", &graph.Object{}},
		{"an object of an array class", &graph.Object{Class: g.objects.Class}},
		{"too few field values", objects(&graph.Object{Class: g.node.Class})},
		{"added data without a method for it", &graph.Object{Class: g.node.Class, Fields: make([]graph.FieldValue, 3), Note: []graph.Value{nil}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := graph.Append([]byte("kept"), tt.v); err == nil || string(b) != "kept" && string(b[:4]) != "kept" {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
	if _, _, err := graph.Split(&graph.String{Text: "x"}); err == nil {
		t.Error("a stream without content was split")
	}
	if _, _, err := graph.Split(objects(bulk(), bulk())); err == nil {
		t.Error("a stream with two contents was split")
	}
}

// TestSetters: fields by name, over the whole chain.
func TestSetters(t *testing.T) {
	v, err := decode(stream(object(childSpec.bytes(), u32(5), null, str("x"), []byte{1})), newGrammar().root, javaser.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	o := v.(*graph.Object)
	if text, _ := graph.Text(o.Ref("text")); o.Bits("n") != 5 || o.Bits("small") != 1 || text != "x" || o.Ref("next") != nil {
		t.Errorf("n %d, small %d, text %q", o.Bits("n"), o.Bits("small"), text)
	}
	if o.SetBits("none", 1) || o.SetRef("none", nil) || o.Bits("none") != 0 || o.Ref("none") != nil {
		t.Error("a field that is not there")
	}
	if !o.SetBits("n", 6) || !o.SetRef("text", nil) {
		t.Error("fields that are there")
	}
	want := stream(object(childSpec.bytes(), u32(6), null, null, []byte{1}))
	if got, err := graph.Append(nil, v); err != nil || !bytes.Equal(got, want) {
		t.Errorf("written as %x, %v", got, err)
	}
	if _, ok := graph.Text(v); ok {
		t.Error("an object is no text")
	}
}
