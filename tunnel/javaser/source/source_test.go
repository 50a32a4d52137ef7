package source_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

var errRoom = errors.New("no room")

// TestGather: whatever was parsed before, everything that comes is returned, up to what may be kept.
func TestGather(t *testing.T) {
	text := strings.Repeat("0123456789", 500)
	broken := errors.New("the line is cut")
	for _, tt := range []struct {
		name string
		src  io.Reader
		take int
		max  int64
		want string
		err  error
	}{
		{"nothing was parsed", strings.NewReader(text), 0, 1 << 20, text, nil},
		{"a part was parsed", strings.NewReader(text), 2500, 1 << 20, text, nil},
		{"all was parsed", strings.NewReader(text), 5000, 1 << 20, text, nil},
		{"nothing comes", strings.NewReader(""), 0, 1 << 20, "", nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(text)), 7, 1 << 20, text, nil},
		{"exactly what may be kept", strings.NewReader(text), 0, 5000, "", source.ErrHeld},
		{"more than may be kept", strings.NewReader(text), 10, 4000, "", source.ErrHeld},
		{"a source that breaks", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 1, 1 << 20, "abc", broken},
		{"a source that gives nothing", stuck{}, 0, 1 << 20, "", io.ErrNoProgress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := source.New(tt.src, nil, tt.max)
			if _, err := in.Take(tt.take); err != nil {
				t.Fatal(err)
			}
			got, err := in.Gather()
			if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			if !errors.Is(tt.err, source.ErrHeld) && string(got) != tt.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tt.want))
			}
			if int64(len(got)) > 2*tt.max {
				t.Errorf("%d bytes are kept of at most %d", len(got), tt.max)
			}
		})
	}
}

// stuck reads nothing and says nothing.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestCharge: room is asked for before anything is kept, for all that is kept, and seldom.
func TestCharge(t *testing.T) {
	for _, size := range []int{0, 1, 20 << 10, 100 << 10, 1 << 20} {
		asked, asks := int64(0), 0
		in := source.New(bytes.NewReader(make([]byte, size)), nil, 2<<20)
		if err := in.Charge(func(n int64) error { asked += n; asks++; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Take(size); err != nil {
			t.Fatal(err)
		}
		if kept := int64(cap(in.Buffer())); asked < kept || asked > kept+64<<10 {
			t.Errorf("%d bytes are kept and %d were asked for", kept, asked)
		}
		if asks == 0 || asks > 9 {
			t.Errorf("asked %d times for %d bytes", asks, size)
		}
	}
}

// TestChargeIsAskedFirst: without room nothing is read, and the error says whose it is.
func TestChargeIsAskedFirst(t *testing.T) {
	src := strings.NewReader(strings.Repeat("x", 1<<20))
	no := func(int64) error { return errRoom }
	var full *source.NoRoom
	in := source.New(src, nil, 1<<21)
	if err := in.Charge(no); !errors.As(err, &full) || !errors.Is(err, errRoom) || err.Error() != "no room" {
		t.Errorf("an Input itself: %v", err)
	}
	left := 1
	in = source.New(src, nil, 1<<21)
	if err := in.Charge(func(int64) error {
		if left--; left < 0 {
			return errRoom
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Take(1 << 20); !errors.As(err, &full) {
		t.Errorf("the bytes: %v", err)
	}
	if kept := cap(in.Buffer()); kept > 32<<10 {
		t.Errorf("%d bytes are kept, and room was given for one step", kept)
	}
	if err := in.Spend(1); !errors.As(err, &full) {
		t.Errorf("behind a refusal: %v", err)
	}
}

// TestPooledBufferIsCharged: a buffer that the caller brings counts as what is kept.
func TestPooledBufferIsCharged(t *testing.T) {
	asked := int64(0)
	in := source.New(strings.NewReader("abc"), make([]byte, 0, 64<<10), 1<<20)
	if err := in.Charge(func(n int64) error { asked += n; return nil }); err != nil || asked < 64<<10 {
		t.Errorf("%d asked for, %v", asked, err)
	}
}
