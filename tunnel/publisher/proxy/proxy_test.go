package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

// serve is a proxy that reads one head and then does what it is told. It returns its address and the head.
func serve(t *testing.T, answer func(net.Conn)) (*url.URL, <-chan *http.Request) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked, over := make(chan *http.Request, 1), make(chan struct{})
	go func() {
		defer close(over)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			t.Error(err)
			return
		}
		asked <- r
		answer(c)
	}()
	t.Cleanup(func() { l.Close(); <-over })
	return &url.URL{Scheme: "http", Host: l.Addr().String()}, asked
}

func dialer(p *url.URL, tunnel bool) func(context.Context, string, string) (net.Conn, error) {
	var d net.Dialer
	return proxy.Dialer(d.DialContext, p, nil, tunnel)
}

func TestTunnel(t *testing.T) {
	say := func(text string) func(net.Conn) { return func(c net.Conn) { fmt.Fprint(c, text) } }
	for _, tt := range []struct {
		name   string
		answer func(net.Conn)
		status string // of the error; empty: it is no answer
		fails  bool
	}{
		{"open", say("HTTP/1.1 200 Connection established\r\n\r\n"), "", false},
		{"open, as old proxies say it", say("HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n"), "", false},
		{"wants a login", say("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"),
			"407 Proxy Authentication Required", true},
		{"forbids", say("HTTP/1.1 403 Forbidden\r\n\r\n"), "403 Forbidden", true},
		{"sends elsewhere", say("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"), "302 Found", true},
		{"speaks before TLS does", say("HTTP/1.1 200 OK\r\n\r\n<html>"), "", true},
		{"hangs up", func(net.Conn) {}, "", true},
		{"is no proxy", say("SSH-2.0-OpenSSH_9.6\r\n"), "", true},
		{"ends inside its answer", say("HTTP/1.1 200 OK\r\nX: "), "", true},
		{"never ends its answer", func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
			for i := 0; ; i++ {
				if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("a", 1000)); err != nil {
					return
				}
			}
		}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, asked := serve(t, tt.answer)
			u.User = url.UserPassword("anna", "p:w")
			c, err := dialer(u, true)(t.Context(), "tcp", "live.example.com:443")
			if err == nil {
				c.Close()
			}
			if (err != nil) != tt.fails {
				t.Fatalf("got %v", err)
			}
			r := <-asked
			user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
			if r.Method != http.MethodConnect || r.Host != "live.example.com:443" || user != "anna" || password != "p:w" {
				t.Errorf("asked for %s %s as %s", r.Method, r.Host, user)
			}
			if !tt.fails {
				return
			}
			var e *proxy.Error
			if !errors.As(err, &e) || e.Proxy != u.Host || e.Status != tt.status || errors.Is(err, proxy.ErrAnswer) != (tt.status == "") {
				t.Errorf("got %v, want a proxy's error with the status %q", err, tt.status)
			}
			if strings.Contains(err.Error(), "p:w") {
				t.Errorf("%v: tells the password", err)
			}
		})
	}
}

// TestTunnelHasNoByteTooFew holds: what comes behind the answer is the tunnel's, from its first byte.
func TestTunnelHasNoByteTooFew(t *testing.T) {
	told := make(chan struct{})
	u, _ := serve(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
		<-told
		fmt.Fprint(c, "first")
	})
	c, err := dialer(u, true)(t.Context(), "tcp", "live.example.com:443")
	close(told)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b, err := io.ReadAll(c); err != nil || string(b) != "first" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestGivingUpWakesTheWait(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	u, asked := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	go func() { <-asked; stop() }()
	if c, err := dialer(u, true)(ctx, "tcp", "live.example.com:443"); err == nil {
		c.Close()
		t.Error("a proxy that says nothing has opened a tunnel")
	}
}

func TestProxyThatIsAway(t *testing.T) {
	u := &url.URL{Scheme: "http", Host: ports.Free(t)}
	for _, tunnel := range []bool{true, false} {
		_, err := dialer(u, tunnel)(t.Context(), "tcp", "live.example.com:443")
		var e *proxy.Error
		var op *net.OpError
		if !errors.As(err, &e) || e.Status != "" || !errors.As(err, &op) || !strings.Contains(err.Error(), u.Host) {
			t.Errorf("tunnel %t: %v", tunnel, err)
		}
	}
}

func TestAddressAndLogin(t *testing.T) {
	for _, tt := range []struct{ in, address, login string }{
		{"http://proxy", "proxy:80", ""},
		{"https://proxy", "proxy:443", ""},
		{"http://proxy:3128", "proxy:3128", ""},
		{"http://[::1]:3128", "[::1]:3128", ""},
		{"https://[2001:db8::1]", "[2001:db8::1]:443", ""},
		{"http://anna@proxy", "proxy:80", "Basic YW5uYTo="},
		{"http://anna:p%3Aw%0A@proxy", "proxy:80", "Basic YW5uYTpwOncK"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			u, err := url.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			login := ""
			for _, f := range proxy.Login(u) {
				login = f.Value
			}
			if got := proxy.Address(u); got != tt.address || login != tt.login {
				t.Errorf("got %q, login %q", got, login)
			}
		})
	}
}
