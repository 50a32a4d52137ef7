package http1_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// TestCloseBelowTLSProvesNothing holds a balancer that took the answer and cut both sides apart
// from a client that read it and closed: only the client can say so within TLS.
func TestCloseBelowTLSProvesNothing(t *testing.T) {
	needsLinux(t)
	for _, tt := range []struct {
		name string
		end  func(outer *tls.Conn, raw net.Conn) error
		want bool
	}{
		{"close of TLS", func(outer *tls.Conn, _ net.Conn) error { return outer.Close() }, true},
		{"close below TLS", func(_ *tls.Conn, raw net.Conn) error { return raw.Close() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, server := loopback(t)
			sc, cc := tlsConfigs(t)
			outer := tls.Client(raw, cc)
			c := http1.NewConn(tls.Server(http1.Wrap(server), sc), profile())
			ended := make(chan error, 1)
			go func() {
				_, err := io.WriteString(outer, call(""))
				if err == nil {
					_, err = outer.Read(make([]byte, 1024)) // the answer
				}
				ended <- errors.Join(err, tt.end(outer, raw))
			}()
			if _, err := c.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.Respond(200, nil, []byte("answer"), false); err != nil {
				t.Fatal(err)
			}
			_, err := c.Next(t.Context())
			if got := c.Delivered(err); got != tt.want {
				t.Errorf("after %v: delivered %t, want %t", err, got, tt.want)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
