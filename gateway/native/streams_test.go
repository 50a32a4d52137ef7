package native_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/stagelock/stagelock/gateway/native"
)

// asks makes so many requests at once on one connection, whose answers may have no byte of content.
func asks(t *testing.T, conn net.Conn, path string, many int) *frames.Framer {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var out bytes.Buffer
	out.WriteString(frames.ClientPreface)
	fr := frames.NewFramer(&out, nil)
	if err := fr.WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize}); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := range many {
		block.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "example.com"}, {":path", path}} {
			if err := enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := fr.WriteHeaders(frames.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	fr = frames.NewFramer(conn, conn)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return fr
}

// TestWhoTakesNoAnswersKeepsFewRequests: a client that opens no window kept the heads of 250 requests on each connection, as
// long as it liked.
func TestWhoTakesNoAnswersKeepsFewRequests(t *testing.T) {
	const over = 3
	for _, tt := range []struct {
		name    string
		allow   string
		path    string
		refusal time.Duration
		answer  time.Duration
		status  string
		least   int // are answered; how many of those that are reset soon is chance
		reset   int
	}{
		{"an allowed host has few at once", "127.0.0.1", "/nothing", time.Hour, time.Hour, "404", native.MaxStreams, over},
		{"a stranger has few at once", "10.0.0.1", "/nothing", time.Hour, time.Hour, "403", native.MaxStreams, over},
		{"their time is bounded", "127.0.0.1", "/nothing", time.Millisecond, time.Hour, "404", 0, native.MaxStreams + over},
		{"a stranger's time is bounded", "10.0.0.1", "/nothing", time.Millisecond, time.Hour, "403", 0, native.MaxStreams + over},
		{"what is no refusal has its own time", "127.0.0.1", "/healthz", time.Millisecond, time.Hour, "200", native.MaxStreams, over},
		{"which is bounded", "127.0.0.1", "/healthz", time.Hour, time.Millisecond, "200", 0, native.MaxStreams + over},
		{"on a route too", "127.0.0.1", "/route/", time.Hour, time.Millisecond, "200", 0, native.MaxStreams + over},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, tt.allow)
			h.Taken(tt.answer, tt.refusal)
			fr := asks(t, h.raw(t), tt.path, native.MaxStreams+over)
			answered, reset := 0, 0
			for answered < tt.least || reset < tt.reset {
				f, err := fr.ReadFrame()
				if err != nil {
					t.Fatalf("%d answered, %d reset: %v", answered, reset, err)
				}
				switch f := f.(type) {
				case *frames.MetaHeadersFrame:
					if answered++; f.PseudoValue("status") != tt.status {
						t.Errorf("status %s", f.PseudoValue("status"))
					}
				case *frames.RSTStreamFrame:
					reset++
				case *frames.DataFrame:
					t.Errorf("%d bytes without a window", f.Length)
				}
			}
			if tt.least > 0 && answered > tt.least || reset != tt.reset {
				t.Errorf("%d answered, %d reset", answered, reset)
			}
		})
	}
}
