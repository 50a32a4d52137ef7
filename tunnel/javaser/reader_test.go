package javaser_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// box has content in its first field, and text behind it.
func box(content []byte) []byte {
	return stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(int64(len(content))), content), null, str("secret"), str("text")))
}

// readBox decodes a box from src with a buffer of that capacity, and returns its content and what was held before and behind it.
func readBox(src io.Reader, capacity int) (v graph.Value, before, content, behind []byte, err error) {
	lim := javaser.DefaultLimits()
	in := source.New(src, make([]byte, 0, capacity), lim.Held)
	d := javaser.NewDecoder(in, lim)
	d.Bulk = func(held []byte, size int64, c *source.Content) error {
		before = bytes.Clone(held)
		content, err = io.ReadAll(c)
		if int64(len(content)) != size || c.Len() != 0 {
			return fmt.Errorf("%d of %d bytes of content", len(content), size)
		}
		return err
	}
	v, err = d.Decode(newGrammar().root)
	return v, before, content, bytes.Clone(in.Held()), err
}

// TestAnyChunking: what is held and what streams does not depend on how bytes arrive.
func TestAnyChunking(t *testing.T) {
	payload := bytes.Repeat([]byte{0xac, 0xed, 0x78}, 3_000)
	data := box(payload)
	head := bytes.Index(data, payload)
	for _, tt := range []struct {
		name string
		src  func(io.Reader) io.Reader
	}{
		{"whole", func(r io.Reader) io.Reader { return r }},
		{"byte by byte", iotest.OneByteReader},
		{"halves", iotest.HalfReader},
		{"the end with the last bytes", iotest.DataErrReader},
	} {
		for _, capacity := range []int{0, 1, head - 1, head, head + 1, head + 4000, len(data), 64 << 10} {
			t.Run(fmt.Sprint(tt.name, " ", capacity), func(t *testing.T) {
				v, before, content, behind, err := readBox(tt.src(bytes.NewReader(data)), capacity)
				if err != nil {
					t.Fatal(err)
				}
				if got := cat(before, content, behind); !bytes.Equal(got, data) {
					t.Errorf("%d + %d + %d bytes differ from the stream", len(before), len(content), len(behind))
				}
				first, last, err := graph.Split(v)
				if err != nil || !bytes.Equal(first, before) || !bytes.Equal(last, behind) {
					t.Errorf("written back differently: %v", err)
				}
				secret := v.(*graph.Object).Ref("secret").(*graph.String)
				if from, to := secret.Span(); string(data[from:to]) != string(str("secret")) {
					t.Errorf("the secret is said to stand at %d to %d", from, to)
				}
			})
		}
	}
}

// TestContentIsOnce: a second streaming array, content that is left behind, and errors of the one who reads it.
func TestContentIsOnce(t *testing.T) {
	lim := javaser.DefaultLimits()
	two := stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(1), []byte{1}), array(ref(4), u32(1), []byte{2}), null, null))
	mine := errors.New("mine")
	for _, tt := range []struct {
		name string
		data []byte
		bulk func([]byte, int64, *source.Content) error
		want func(error) bool
	}{
		{"two contents", two, func(_ []byte, _ int64, c *source.Content) error { _, err := io.Copy(io.Discard, c); return err },
			func(err error) bool { return ruleOf(err) == string(javaser.RuleLimit) }},
		{"content left behind", box([]byte("abc")), func([]byte, int64, *source.Content) error { return nil },
			func(err error) bool { return err != nil && ruleOf(err) != string(javaser.RuleTag) }},
		{"an error of the reader's", box([]byte("abc")), func([]byte, int64, *source.Content) error { return mine },
			func(err error) bool { return errors.Is(err, mine) }},
		{"more than the limit", stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(lim.Bulk+1)))),
			func([]byte, int64, *source.Content) error { return mine },
			func(err error) bool { return ruleOf(err) == string(javaser.RuleLimit) }},
		{"a negative size", stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(-1)))),
			func([]byte, int64, *source.Content) error { return mine },
			func(err error) bool { return ruleOf(err) == string(javaser.RuleLimit) }},
		{"content cut off", stream(object(boxSpec.bytes(), array(bytesSpec.bytes(), u32(9), []byte("abc")))),
			func(_ []byte, _ int64, c *source.Content) error { _, err := io.Copy(io.Discard, c); return err },
			func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := javaser.NewDecoder(source.New(bytes.NewReader(tt.data), nil, lim.Held), lim)
			d.Bulk = tt.bulk
			if _, err := d.Decode(newGrammar().root); !tt.want(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestHeldCountsBothSides: the limit holds for what stands before and behind the content together.
func TestHeldCountsBothSides(t *testing.T) {
	payload := make([]byte, 50_000)
	data := box(payload)
	for held, want := range map[int64]string{
		int64(len(data) - len(payload)):     "accepted",
		int64(len(data) - len(payload) - 1): string(javaser.RuleLimit),
	} {
		lim := javaser.DefaultLimits()
		in := source.New(bytes.NewReader(data), make([]byte, 0, 128<<10), held)
		d := javaser.NewDecoder(in, lim)
		d.Bulk = func(_ []byte, _ int64, c *source.Content) error { _, err := io.Copy(io.Discard, c); return err }
		if _, err := d.Decode(newGrammar().root); ruleOf(err) != want {
			t.Errorf("%d bytes held: got %v, want %s", held, err, want)
		}
	}
}

// TestReadersThatFail cuts every legal stream at every byte, by an end and by an error: each is told from the other, and
// nothing is accepted.
func TestReadersThatFail(t *testing.T) {
	mine := errors.New("connection reset")
	for _, tt := range rules {
		if tt.rule != "" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			for n := range tt.data {
				for _, fault := range []error{io.EOF, io.ErrUnexpectedEOF, mine} {
					src := io.MultiReader(bytes.NewReader(tt.data[:n]), iotest.ErrReader(fault))
					lim := javaser.DefaultLimits()
					_, err := javaser.NewDecoder(source.New(src, nil, lim.Held), lim).Decode(newGrammar().root)
					var e *javaser.Error
					if !errors.As(err, &e) || e.Rule != javaser.RuleTruncated || e.Ended() != (fault == io.EOF) {
						t.Fatalf("cut at %d by %v: %v", n, fault, err)
					}
					if fault == mine && !errors.Is(err, mine) {
						t.Fatalf("cut at %d: %v hides the reader's error", n, err)
					}
				}
			}
			src := io.MultiReader(bytes.NewReader(tt.data), iotest.ErrReader(mine))
			lim := javaser.DefaultLimits()
			_, err := javaser.NewDecoder(source.New(src, nil, lim.Held), lim).Decode(newGrammar().root)
			if !errors.Is(err, mine) {
				t.Errorf("an error behind the object: %v", err)
			}
		})
	}
}

// silent returns neither a byte nor an error once it has nothing left.
type silent struct{ src *bytes.Reader }

func (s silent) Read(p []byte) (int, error) {
	n, _ := s.src.Read(p)
	return n, nil
}

func TestSilentReaders(t *testing.T) {
	for _, data := range [][]byte{stream(str("x")), stream(str("x"))[:6], nil} {
		lim := javaser.DefaultLimits()
		in := source.New(silent{bytes.NewReader(data)}, nil, lim.Held)
		if _, err := javaser.NewDecoder(in, lim).Decode(newGrammar().root); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

func TestResets(t *testing.T) {
	beats := func(n int) []byte {
		return cat(stream(), bytes.Repeat([]byte{graph.Reset}, n), str("x"))
	}
	for _, tt := range []struct {
		name   string
		data   []byte
		resets bool
		want   string
	}{
		{"none where none may be", beats(0), false, "accepted"},
		{"one where none may be", beats(1), false, string(javaser.RuleTag)},
		{"none", beats(0), true, "accepted"},
		{"one", beats(1), true, "accepted"},
		{"20,000", beats(20_000), true, "accepted"},
		{"behind the object", append(beats(1), graph.Reset), true, string(javaser.RuleTrailing)},
		{"alone", stream([]byte{graph.Reset}), true, string(javaser.RuleTruncated)},
		{"more than may be held", beats(5 << 20), true, string(javaser.RuleLimit)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lim := javaser.DefaultLimits()
			d := javaser.NewDecoder(source.New(bytes.NewReader(tt.data), nil, lim.Held), lim)
			d.Resets = tt.resets
			if _, err := d.Decode(newGrammar().root); ruleOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestBuffersAreReused: a buffer that went through a call serves the next one, and offsets count from the stream's beginning.
func TestBuffersAreReused(t *testing.T) {
	lim, buf := javaser.DefaultLimits(), make([]byte, 0, 16)
	for range 3 {
		data := stream(str(many('x', 5_000)))
		in := source.New(bytes.NewReader(data), buf, lim.Held)
		if _, err := javaser.NewDecoder(in, lim).Decode(newGrammar().root); err != nil {
			t.Fatal(err)
		}
		if in.Offset() != int64(len(data)) || in.Arrived() != int64(len(data)) || !bytes.Equal(in.Everything(), data) {
			t.Errorf("offset %d, arrived %d of %d", in.Offset(), in.Arrived(), len(data))
		}
		buf = in.Buffer()
		if len(buf) != 0 || cap(buf) < len(data) {
			t.Errorf("a buffer of %d, %d", len(buf), cap(buf))
		}
	}
}

// TestCommonTexts: texts that are shared are the same as texts that are copied.
func TestCommonTexts(t *testing.T) {
	data := stream(array(objectsSpec.bytes(), u32(3), str("shared"), str("own"), object(modelSpec.bytes(), u64(1), hashMap(0), null)))
	lim := javaser.DefaultLimits()
	d := javaser.NewDecoder(source.New(bytes.NewReader(data), nil, lim.Held), lim)
	d.Common = map[string]string{"shared": "shared", "_map": "_map", "Ljava/util/Map;": "Ljava/util/Map;"}
	v, err := d.Decode(newGrammar().root)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := graph.Append(nil, v); err != nil || !bytes.Equal(got, data) {
		t.Errorf("written back as %x, %v", got, err)
	}
}

// TestKnownDescriptors: a descriptor that a recording has is shared; one that differs in anything is read for itself.
func TestKnownDescriptors(t *testing.T) {
	g := newGrammar()
	known := &graph.Class{Name: "t.Model", UID: 99, Flags: 2, Fields: []graph.Field{
		{Type: 'J', Name: "_id"}, {Type: 'L', Name: "_map", Sig: "Ljava/util/Map;"},
		{Type: 'L', Name: "_name", Sig: "Ljava/lang/String;"},
	}}
	model := g.model()
	model.Known = []*graph.Class{known}
	slot := &graph.Slot{Shapes: []*graph.Shape{model}}
	for _, tt := range []struct {
		name   string
		class  []byte
		shared bool
	}{
		{"the same", modelSpec.bytes(), true},
		{"another version", bentModel(func(s *spec) { s.uid = 1 }), false},
		{"another name", bentModel(func(s *spec) { s.fields[2] = field('L', "_nick", str("Ljava/lang/String;")) }), false},
		{"another type", bentModel(func(s *spec) { s.fields[2] = field('L', "_name", str("Ljava/lang/Object;")) }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := stream(object(tt.class, u64(1), hashMap(0), null))
			v, err := decode(data, slot, javaser.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if got := v.(*graph.Object).Class == known; got != tt.shared {
				t.Errorf("shared: %v", got)
			}
			if got, err := graph.Append(nil, v); err != nil || !bytes.Equal(got, data) {
				t.Errorf("written back as %x, %v", got, err)
			}
		})
	}
}
