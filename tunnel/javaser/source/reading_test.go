package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// TestTake: bytes come in order, whatever pieces they arrive in, and what was taken is held.
func TestTake(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for _, tt := range []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"at once", func(r io.Reader) io.Reader { return r }},
		{"by bytes", iotest.OneByteReader},
		{"in halves", iotest.HalfReader},
		{"the end with the last bytes", iotest.DataErrReader},
	} {
		for _, size := range []int{1, 3, 1024, 1025, 9999} {
			t.Run(fmt.Sprintf("%s, %d at a time", tt.name, size), func(t *testing.T) {
				in := source.New(tt.wrap(strings.NewReader(text)), nil, int64(len(text)))
				for at := 0; at < len(text); {
					n := min(size, len(text)-at)
					b, err := in.Take(n)
					if err != nil || string(b) != text[at:at+n] {
						t.Fatalf("at %d: %q, %v", at, b, err)
					}
					at += n
					if in.Offset() != int64(at) || string(in.Held()) != text[:at] || in.Arrived() < int64(at) {
						t.Fatalf("at %d: offset %d, %d held, %d arrived", at, in.Offset(), len(in.Held()), in.Arrived())
					}
				}
				if err := in.End(); err != nil {
					t.Errorf("at the end: %v", err)
				}
				if string(in.Everything()) != text {
					t.Errorf("%d bytes are kept", len(in.Everything()))
				}
				if kept := cap(in.Buffer()); kept > 2*len(text) {
					t.Errorf("a buffer of %d for %d bytes", kept, len(text))
				}
			})
		}
	}
}

// TestLimitIsExact: what may be kept is kept to the byte, and one more is refused before it is read.
func TestLimitIsExact(t *testing.T) {
	for _, max := range []int64{0, 1, 1023, 1024, 1025, 5000} {
		in := source.New(bytes.NewReader(make([]byte, 10_000)), nil, max)
		if b, err := in.Take(int(max)); err != nil || int64(len(b)) != max {
			t.Errorf("%d bytes: %d, %v", max, len(b), err)
		}
		if _, err := in.Take(1); !errors.Is(err, source.ErrHeld) || err.Error() != "too many bytes" {
			t.Errorf("one more than %d: %v", max, err)
		}
		if in.Offset() != max {
			t.Errorf("it moved on to %d", in.Offset())
		}
		in = source.New(bytes.NewReader(make([]byte, 10_000)), make([]byte, 0, 8192), max)
		if _, err := in.Take(int(max) + 1); !errors.Is(err, source.ErrHeld) {
			t.Errorf("at once, one more than %d: %v", max, err)
		}
	}
}

// TestNeedThenNext: a byte is seen before it is passed.
func TestNeedThenNext(t *testing.T) {
	in := source.New(iotest.OneByteReader(strings.NewReader("abc")), nil, 10)
	for i, want := range []byte("abc") {
		for range 2 {
			if err := in.Need(1); err != nil || in.Next() != want || in.Offset() != int64(i) {
				t.Fatalf("at %d: %q, %v", in.Offset(), in.Next(), err)
			}
		}
		in.Skip()
	}
	if err := in.Need(1); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	if err := in.Need(0); err != nil {
		t.Errorf("nothing is needed: %v", err)
	}
}

// TestSourcesThatFail: an error comes when its bytes are needed and not before.
func TestSourcesThatFail(t *testing.T) {
	broken := errors.New("the line is cut")
	for _, tt := range []struct {
		name string
		src  io.Reader
		take int
		err  error
	}{
		{"enough before it breaks", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 3, nil},
		{"too few before it breaks", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 4, broken},
		{"it breaks at once", iotest.ErrReader(broken), 1, broken},
		{"nothing is asked of what breaks", iotest.ErrReader(broken), 0, nil},
		{"too few before its end", strings.NewReader("abc"), 4, io.EOF},
		{"it says nothing", stuck{}, 1, io.ErrNoProgress},
		{"it says nothing in between", io.MultiReader(strings.NewReader("a"), stuck{}), 2, io.ErrNoProgress},
		{"bytes with the error", iotest.DataErrReader(strings.NewReader("abc")), 3, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := source.New(tt.src, nil, 100)
			b, err := in.Take(tt.take)
			if !errors.Is(err, tt.err) || tt.err == nil && (err != nil || len(b) != tt.take) || tt.err != nil && in.Offset() != 0 {
				t.Errorf("%q at %d, %v, want %v", b, in.Offset(), err, tt.err)
			}
		})
	}
}

// TestEnd: nothing may follow, read or not.
func TestEnd(t *testing.T) {
	broken := errors.New("the line is cut")
	for _, tt := range []struct {
		name string
		src  io.Reader
		take int
		err  error
	}{
		{"nothing", strings.NewReader(""), 0, nil},
		{"all was taken", strings.NewReader("abc"), 3, nil},
		{"all was taken, the end came with it", iotest.DataErrReader(strings.NewReader("abc")), 3, nil},
		{"a byte was read and not taken", strings.NewReader("abc"), 2, source.ErrTrailing},
		{"a byte was not read", iotest.OneByteReader(strings.NewReader("abc")), 2, source.ErrTrailing},
		{"nothing was taken", strings.NewReader("abc"), 0, source.ErrTrailing},
		{"it breaks", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 3, broken},
		{"it says nothing", io.MultiReader(strings.NewReader("abc"), stuck{}), 3, io.ErrNoProgress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := source.New(tt.src, nil, 100)
			if _, err := in.Take(tt.take); err != nil {
				t.Fatal(err)
			}
			if err := in.End(); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("got %v, want %v", err, tt.err)
			}
		})
	}
}

// TestBulk: content streams by, to the byte, and what comes behind it has its right offset.
func TestBulk(t *testing.T) {
	content := strings.Repeat("content!", 4<<10)
	text := "head" + content + "tail"
	for _, tt := range []struct {
		name string
		wrap func(io.Reader) io.Reader
		take int // of the head
	}{
		{"at once", func(r io.Reader) io.Reader { return r }, 4},
		{"by bytes", iotest.OneByteReader, 4},
		{"in halves", iotest.HalfReader, 4},
	} {
		for _, size := range []int{1, 100, 64 << 10} {
			t.Run(fmt.Sprintf("%s into %d", tt.name, size), func(t *testing.T) {
				in := source.New(tt.wrap(strings.NewReader(text)), nil, 100)
				if _, err := in.Take(tt.take); err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				err := in.Bulk(int64(len(content)), func(c *source.Content) error {
					left := c.Len()
					n, err := io.CopyBuffer(&got, struct{ io.Reader }{c}, make([]byte, size))
					if n != left || c.Len() != 0 {
						t.Errorf("%d of %d bytes, %d left", n, left, c.Len())
					}
					if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
						t.Errorf("behind its end: %d, %v", n, err)
					}
					return err
				})
				if err != nil || got.String() != content {
					t.Fatalf("%d bytes, %v", got.Len(), err)
				}
				if len(in.Held()) != 0 || in.Offset() != int64(4+len(content)) {
					t.Errorf("%d held at %d", len(in.Held()), in.Offset())
				}
				b, err := in.Take(4)
				if err != nil || string(b) != "tail" || string(in.Held()) != "tail" || in.Offset() != int64(len(text)) {
					t.Errorf("%q at %d, %v", b, in.Offset(), err)
				}
				if err := in.End(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestBulkFaults: content that was not read, that ends early or whose reader fails ends the call.
func TestBulkFaults(t *testing.T) {
	mine := errors.New("the engine went away")
	all := func(c *source.Content) error { _, err := io.Copy(io.Discard, c); return err }
	for _, tt := range []struct {
		name string
		src  string
		size int64
		fn   func(*source.Content) error
		want string
	}{
		{"nothing", "", 0, all, ""},
		{"nothing is read of nothing", "", 0, func(*source.Content) error { return nil }, ""},
		{"all", "abc", 3, all, ""},
		{"nothing is read", "abc", 3, func(*source.Content) error { return nil }, "javaser: Bulk returned before the content was read"},
		{"a part is read", "abc", 3, func(c *source.Content) error { _, err := c.Read(make([]byte, 2)); return err },
			"javaser: Bulk returned before the content was read"},
		{"it ends early", "ab", 3, all, "unexpected EOF"},
		{"it never comes", "", 1, all, "unexpected EOF"},
		{"the reader fails", "abc", 3, func(*source.Content) error { return mine }, "the engine went away"},
		{"more than 4 GiB are named", "abc", 5 << 30, all, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := source.New(iotest.OneByteReader(strings.NewReader(tt.src)), nil, 10)
			err := in.Bulk(tt.size, tt.fn)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestBulkGivesNothingBack: what was kept before content counts against what may be kept behind it.
func TestBulkGivesNothingBack(t *testing.T) {
	in := source.New(strings.NewReader(strings.Repeat("x", 100)), nil, 10)
	if _, err := in.Take(6); err != nil {
		t.Fatal(err)
	}
	if err := in.Bulk(50, func(c *source.Content) error { _, err := io.Copy(io.Discard, c); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Take(4); err != nil {
		t.Errorf("the rest: %v", err)
	}
	if _, err := in.Take(1); !errors.Is(err, source.ErrHeld) {
		t.Errorf("one more: %v", err)
	}
}

// TestBeginForgets: an Input that begins anew knows nothing of the call before, and keeps its buffer.
func TestBeginForgets(t *testing.T) {
	in := source.New(strings.NewReader("first call"), nil, 10)
	asked := int64(0)
	if err := in.Charge(func(n int64) error { asked += n; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Take(10); err != nil {
		t.Fatal(err)
	}
	buf := in.Buffer()
	if len(buf) != 0 || cap(buf) == 0 {
		t.Fatalf("buffer of %d, %d", len(buf), cap(buf))
	}
	if err := in.Bulk(0, func(*source.Content) error { return nil }); err != nil || in.Offset() != 10 {
		t.Fatalf("at %d, %v", in.Offset(), err)
	}
	before := asked
	in.Begin(strings.NewReader("second"), buf, 6)
	if err := in.Spend(1 << 20); err != nil || asked != before {
		t.Errorf("the call before was asked for %d, %v", asked-before, err)
	}
	if in.Offset() != 0 || in.Arrived() != 0 || len(in.Held()) != 0 || len(in.Everything()) != 0 {
		t.Errorf("at %d, %d arrived, %q held", in.Offset(), in.Arrived(), in.Held())
	}
	if b, err := in.Take(6); err != nil || string(b) != "second" || cap(in.Buffer()) != cap(buf) {
		t.Errorf("%q, %v, buffer of %d", b, err, cap(in.Buffer()))
	}
}
