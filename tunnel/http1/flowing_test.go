package http1_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// However a big body ends, it flows no more; a small one never counts, nor does one on a connection that reads nothing
// ahead.
func TestBigBodiesFlowUntilTheyEnd(t *testing.T) {
	const big = "Content-Length: 100000"
	for _, tt := range []struct {
		name   string
		length string
		plain  bool
		flows  int32
		end    func(client net.Conn, c *http1.Conn)
	}{
		{"read to its end", big, false, 1, func(client net.Conn, c *http1.Conn) {
			go func() { _, _ = client.Write(make([]byte, 100000)) }()
			_, _ = io.Copy(io.Discard, c)
		}},
		{"cut", big, false, 1, func(client net.Conn, c *http1.Conn) {
			_ = client.Close()
			_, _ = io.Copy(io.Discard, c)
		}},
		{"not read", big, false, 1, func(client net.Conn, c *http1.Conn) {
			_ = client.Close()
			c.Finish(time.Second)
		}},
		{"small", "Content-Length: 100", false, 0, func(net.Conn, *http1.Conn) {}},
		{"nothing to read ahead with", big, true, 0, func(net.Conn, *http1.Conn) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &http1.Profile{Hosts: []string{"live"}, MaxContent: 1 << 20}
			for range 20 { // more than have the widest buffers
				client, server := net.Pipe()
				defer client.Close()
				if !tt.plain {
					server = wire.Wrap(server)
				}
				c := http1.NewConn(server, p)
				defer c.Close()
				go func() { _, _ = client.Write([]byte(posted(tt.length))) }()
				if _, err := c.Next(context.Background()); err != nil {
					t.Fatal(err)
				}
				defer func() {
					before := http1.Flowing(p)
					tt.end(client, c)
					if got := before - http1.Flowing(p); got != tt.flows {
						t.Errorf("%d ended, want %d", got, tt.flows)
					}
				}()
			}
			if got := http1.Flowing(p); got != 20*tt.flows {
				t.Errorf("%d flow, want %d", got, 20*tt.flows)
			}
		})
	}
}

// widestRead is a connection that keeps for how many bytes it was asked at most, above one that reads ahead.
type widestRead struct {
	net.Conn
	most int
}

func (w *widestRead) Read(p []byte) (int, error) {
	w.most = max(w.most, len(p))
	return w.Conn.Read(p)
}

func (w *widestRead) NetConn() net.Conn { return w.Conn }

// Bodies of refused calls have large buffers while few are under way: as many as there are connections would hold them.
func TestManyRefusedBodiesTakeNoLargeBuffers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		flow   int // other big bodies
		length int
		limit  int64
		want   int
	}{
		{"one", 0, 1 << 20, 0, wire.BigSize},
		{"few", 15, 1 << 20, 0, wire.BigSize},
		{"many", 16, 1 << 20, 0, wire.WideSize},
		{"a small one", 0, 60_000, 0, wire.BufferSize},
		{"a stranger's", 0, 1 << 20, 64 << 10, wire.BufferSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := profile()
			begin := func(length int) (*http1.Conn, *widestRead) {
				w := &widestRead{Conn: wire.Wrap(&script{in: []byte(call(strings.Repeat("x", length)))})}
				c := http1.NewConn(w, p)
				if _, err := c.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
				return c, w
			}
			for range tt.flow {
				begin(1 << 20)
			}
			c, w := begin(tt.length)
			if err := c.Drain(tt.limit); err != nil && tt.limit == 0 {
				t.Fatal(err)
			}
			if w.most != tt.want {
				t.Errorf("%d bytes are read at once, want %d", w.most, tt.want)
			}
		})
	}
}
