package native_test

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/stagelock/stagelock/gateway/native"
)

// patience is how long a test waits for what has to come.
const patience = time.Minute

// post begins a request with a body on a connection of frames.
func post(t *testing.T, conn net.Conn, fields ...hpack.HeaderField) *frames.Framer {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var block, out bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range append([]hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "example.com"}, {Name: ":path", Value: "/nothing"}}, fields...) {
		if err := enc.WriteField(f); err != nil {
			t.Fatal(err)
		}
	}
	out.WriteString(frames.ClientPreface)
	fr := frames.NewFramer(&out, nil)
	if err := fr.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := fr.WriteHeaders(frames.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	return frames.NewFramer(conn, conn)
}

// ending returns what the stream of post ends with: a status, or how it is reset.
func ending(t *testing.T, fr *frames.Framer) string {
	t.Helper()
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *frames.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *frames.RSTStreamFrame:
			return f.ErrCode.String()
		case *frames.GoAwayFrame:
			return "the connection ends: " + f.ErrCode.String()
		}
	}
}

// awaits waits until so many refused requests wait for their bodies.
func (h *house) awaits(t *testing.T, many int) {
	t.Helper()
	for end := time.Now().Add(patience); h.Awaits() < many; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d wait", h.Awaits(), many)
		}
	}
}

// TestABodyThatIsNotAsLongAsItsHeadSaysIsReset: a refusal waits for the body, whenever that comes: what is no request is reset
// and has no answer.
func TestABodyThatIsNotAsLongAsItsHeadSaysIsReset(t *testing.T) {
	for _, tt := range []struct {
		name, length string
		data         []string
		want         string
	}{
		{"as long", "4", []string{"te", "st"}, "404"},
		{"no length", "", []string{"te", "st"}, "404"},
		{"longer", "1", []string{"test"}, "PROTOCOL_ERROR"},
		{"longer by its second frame", "3", []string{"te", "st"}, "PROTOCOL_ERROR"},
		{"longer than nothing", "0", []string{"test"}, "PROTOCOL_ERROR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, "127.0.0.1")
			h.Await(time.Hour)
			var fields []hpack.HeaderField
			if tt.length != "" {
				fields = append(fields, hpack.HeaderField{Name: "content-length", Value: tt.length})
			}
			fr := post(t, h.raw(t), fields...)
			h.awaits(t, 1)
			for i, data := range tt.data {
				if err := fr.WriteData(1, i == len(tt.data)-1, []byte(data)); err != nil {
					t.Fatal(err)
				}
			}
			if got := ending(t, fr); got != tt.want {
				t.Errorf("ends with %s, want %s", got, tt.want)
			}
			if len(h.events) != 1 || h.events[0].Reason != "path.unknown" {
				t.Errorf("events %v", h.events)
			}
		})
	}
}

// A refusal does not wait for all of a long body, nor for one that does not come, nor behind many that wait.
func TestARefusalDoesNotWaitForEver(t *testing.T) {
	for _, tt := range []struct {
		name    string
		await   time.Duration
		data    int
		waiting int // requests whose bodies do not come
	}{
		{"a long body", time.Hour, 64 << 10, 0},
		{"a body that does not come", time.Millisecond, 0, 0},
		{"behind many", time.Hour, 0, native.EndPlaces},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, "127.0.0.1")
			h.Await(tt.await)
			for range tt.waiting {
				post(t, h.raw(t))
			}
			h.awaits(t, tt.waiting)
			fr := post(t, h.raw(t), hpack.HeaderField{Name: "content-length", Value: "10000000"})
			for sent := 0; sent < tt.data; sent += 16 << 10 {
				if err := fr.WriteData(1, false, []byte(strings.Repeat("a", 16<<10))); err != nil {
					t.Fatal(err)
				}
			}
			if got := ending(t, fr); got != "404" {
				t.Errorf("ends with %s, want 404", got)
			}
		})
	}
}
