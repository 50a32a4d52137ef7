package http1_test

import (
	"context"
	"io"
	"net"
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
