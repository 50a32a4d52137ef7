package graph_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

var (
	bytesClass   = &graph.Class{Name: "[B", UID: -5984413125824719648, Flags: graph.FlagSerializable}
	intsClass    = &graph.Class{Name: "[I", UID: 5600894804908749477, Flags: graph.FlagSerializable}
	longsClass   = &graph.Class{Name: "[J", UID: 8655923659555304851, Flags: graph.FlagSerializable}
	objectsClass = &graph.Class{Name: "[Ljava.lang.Object;", UID: -8012369246846506644, Flags: graph.FlagSerializable}
)

func str(s string) *graph.String { return &graph.String{Text: s} }

// What Java's ObjectOutputStream writes, byte by byte, by its specification.
func TestAppendWritesWhatJavaWrites(t *testing.T) {
	twice := str("x")
	for _, tt := range []struct {
		name string
		v    graph.Value
		want string // hex behind the header, blanks left out
	}{
		{"null", nil, "70"},
		{"a string", str("abc"), "74 0003 616263"},
		{"an empty string", str(""), "74 0000"},
		{"a NUL", str("\x00"), "74 0002 c080"},
		{"a letter beyond the plane", str("\U0001f600"), "74 0006 eda0bdedb880"},
		{"bytes", &graph.Array{Class: bytesClass, Bytes: []byte{1, 255}},
			"75 72 0002 5b42 acf317f8060854e0 02 0000 78 70 00000002 01ff"},
		{"no bytes", &graph.Array{Class: bytesClass}, "75 72 0002 5b42 acf317f8060854e0 02 0000 78 70 00000000"},
		{"ints", &graph.Array{Class: intsClass, Ints: []int32{1, -1}},
			"75 72 0002 5b49 4dba602676eab2a5 02 0000 78 70 00000002 00000001 ffffffff"},
		{"longs", &graph.Array{Class: longsClass, Longs: []int64{-2}},
			"75 72 0002 5b4a 782004b512b17593 02 0000 78 70 00000001 fffffffffffffffe"},
		{"one string twice", &graph.Array{Class: objectsClass, Refs: []graph.Value{twice, twice, nil}},
			"75 72 0013 5b4c6a6176612e6c616e672e4f626a6563743b 90ce589f1073296c 02 0000 78 70 00000003 74 0001 78 71 007e0002 70"},
		{"equal strings that are two", &graph.Array{Class: objectsClass, Refs: []graph.Value{str("x"), str("x")}},
			"75 72 0013 5b4c6a6176612e6c616e672e4f626a6563743b 90ce589f1073296c 02 0000 78 70 00000002 74 0001 78 74 0001 78"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := graph.Append([]byte("before"), tt.v)
			if err != nil {
				t.Fatal(err)
			}
			want := "before" + string(graph.Header()) + unhex(t, tt.want)
			if string(got) != want {
				t.Errorf("got  %x\nwant %x", got[6:], want[6:])
			}
		})
	}
}

func unhex(t *testing.T, text string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Strings and blocks have a short and a long form, which change at one length.
func TestLongForms(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    graph.Value
		head string
	}{
		{"the longest short string", str(strings.Repeat("a", 0xffff)), "74ffff"},
		{"the shortest long string", str(strings.Repeat("a", 0x10000)), "7c0000000000010000"},
		{"a string that is long in bytes only", str(strings.Repeat("ü", 0x8000)), "7c0000000000010000"},
	} {
		got, err := graph.Append(nil, tt.v)
		if err != nil || !strings.HasPrefix(hex.EncodeToString(got[4:]), tt.head) {
			t.Errorf("%s: %x…, %v", tt.name, got[4:14], err)
		}
	}
	for n, head := range map[int]string{0: "7700", 255: "77ff", 256: "7a00000100", 1024: "7a00000400"} {
		got, err := graph.Append(nil, external(graph.Block(make([]byte, n))))
		if err != nil || !strings.Contains(hex.EncodeToString(got), "7870"+head) {
			t.Errorf("a block of %d: %x…, %v", n, got[:min(len(got), 60)], err)
		}
	}
}

// external is an object that writes itself.
func external(note ...graph.Value) *graph.Object {
	c := &graph.Class{Name: "a.Own", UID: 5, Flags: graph.FlagExternal | graph.FlagBlockData}
	return &graph.Object{Class: c, Note: note}
}

// Fields are written by their width, the root class's first, each class with what its method adds.
func TestAppendOfAnObject(t *testing.T) {
	c := &graph.Class{Name: "A", UID: 1, Flags: graph.FlagSerializable | graph.FlagWriteMethod, Fields: []graph.Field{
		{Type: 'B', Name: "b"}, {Type: 'S', Name: "s"}, {Type: 'I', Name: "i"}, {Type: 'J', Name: "j"}, {Type: 'L', Name: "o", Sig: "LA;"},
		{Type: 'L', Name: "p", Sig: "LA;"}}}
	o := &graph.Object{Class: c, Fields: []graph.FieldValue{{Bits: 1}, {Bits: 2}, {Bits: 3}, {Bits: 4}, {}, {}}, Note: []graph.Value{graph.Block("z")}}
	o.Fields[5].Ref = o // a reference to the object whose field it is
	got, err := graph.Append(nil, o)
	want := string(graph.Header()) + unhex(t, "73 72 0001 41 0000000000000001 03 0006"+
		"42 0001 62 53 0001 73 49 0001 69 4a 0001 6a 4c 0001 6f 74 0003 4c413b 4c 0001 70 71 007e0001 78 70"+
		"01 0002 00000003 0000000000000004 70 71 007e0002 77 01 7a 78")
	if err != nil || string(got) != want {
		t.Errorf("got  %x, %v\nwant %x", got, err, want)
	}
}

// What no Java writer could mean is refused, and nothing is appended.
func TestAppendRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    graph.Value
		says string
	}{
		{"an object without a class", &graph.Object{}, "without a class"},
		{"an object of an array class", &graph.Object{Class: bytesClass}, "without a class"},
		{"too few values", &graph.Object{Class: root, Fields: make([]graph.FieldValue, 1)}, "a.Root with 1 field values"},
		{"too many values", &graph.Object{Class: root, Fields: make([]graph.FieldValue, 3)}, "a.Root with 3 field values"},
		{"data that no method adds", &graph.Object{Class: root, Fields: make([]graph.FieldValue, 2), Note: []graph.Value{graph.Block("x")}}, "has no method that adds data"},
		{"bulk content", &graph.Array{Class: bytesClass, Bulk: 5}, "written in two pieces"},
		{"a bad one inside a list", &graph.Array{Class: objectsClass, Refs: []graph.Value{&graph.Object{}}}, "without a class"},
		{"a bad one inside a note", external(&graph.Object{}), "without a class"},
		{"a bad one inside a field", &graph.Object{Class: root, Fields: []graph.FieldValue{{}, {Ref: &graph.Object{}}}}, "without a class"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := graph.Append([]byte("before"), tt.v)
			if err == nil || !strings.Contains(err.Error(), tt.says) || string(got) != "before" {
				t.Errorf("%x, %v", got, err)
			}
		})
	}
}

// Split writes all but the bulk content, whose place is between the two pieces.
func TestSplit(t *testing.T) {
	bulk := &graph.Array{Class: bytesClass, Bulk: 3}
	v := &graph.Array{Class: objectsClass, Refs: []graph.Value{str("a"), bulk, str("b")}}
	head, tail, err := graph.Split(v)
	if err != nil || !bytes.HasSuffix(head, []byte{0, 0, 0, 3}) || string(tail) != unhex(t, "74 0001 62") {
		t.Fatalf("%x, %x, %v", head, tail, err)
	}
	whole, err := graph.Append(nil, &graph.Array{Class: objectsClass, Refs: []graph.Value{str("a"),
		&graph.Array{Class: bytesClass, Bytes: []byte("xyz")}, str("b")}})
	if err != nil || string(head)+"xyz"+string(tail) != string(whole) {
		t.Errorf("in two pieces %x|xyz|%x\nin one        %x, %v", head, tail, whole, err)
	}
	if grown := append(head, 'x'); tail[0] != 0x74 || len(grown) != len(head)+1 {
		t.Error("the pieces share their memory")
	}
	for name, bad := range map[string]graph.Value{
		"no bulk content": str("a"),
		"two of them":     &graph.Array{Class: objectsClass, Refs: []graph.Value{bulk, &graph.Array{Class: bytesClass, Bulk: 3}}},
		"a bad value":     &graph.Array{Class: objectsClass, Refs: []graph.Value{bulk, &graph.Object{}}},
	} {
		if head, tail, err := graph.Split(bad); err == nil || head != nil || tail != nil {
			t.Errorf("%s: %x, %x, %v", name, head, tail, err)
		}
	}
}

// FuzzAppend: what is read from a stream is written back as the same stream.
func FuzzAppend(f *testing.F) {
	for _, v := range []graph.Value{nil, str("abc"), &graph.Array{Class: objectsClass, Refs: []graph.Value{str("a"), nil}},
		&graph.Array{Class: longsClass, Longs: []int64{1}}, external(graph.Block("x"), str("y")),
		&graph.Object{Class: root, Fields: make([]graph.FieldValue, 2)}} {
		b, err := graph.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := javaser.NewDecoder(source.New(bytes.NewReader(raw), nil, 1<<20), javaser.DefaultLimits())
		v, err := d.Decode(graph.Any())
		if err != nil {
			return
		}
		back, err := graph.Append(nil, v)
		if err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%x was read and written as %x, %v", raw, back, err)
		}
	})
}
