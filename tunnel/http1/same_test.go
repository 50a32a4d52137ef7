package http1_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// asked is what a request says, or its refusal.
func asked(t *testing.T, c *http1.Conn) string {
	t.Helper()
	r, err := c.Next(context.Background())
	var refusal *http1.Error
	switch {
	case errors.As(err, &refusal):
		return refusal.Reason
	case err != nil:
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %d %s %q %v", r.Method, r.Target, r.ContentLength, r.Authorization, r.ForwardedFor, r.KeepAlive)
	if err := c.Drain(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Respond(200, nil, nil, false); err != nil {
		t.Fatal(err)
	}
	return got
}

func posted(fields ...string) string {
	return "POST /x HTTP/1.1\r\nHost: live\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
}

// A head that is the one of the request before, byte for byte, says the same; any other is read anew, whatever
// stood there before it.
func TestHeadsBehindEachOther(t *testing.T) {
	const auth, length, from = "Authorization: Basic a", "Content-Length: 3", "X-Forwarded-For: 192.0.2.1"
	long := "X-Long: " + strings.Repeat("a", 2000)
	one := posted(length, auth, from)
	said := `POST /x 3 Basic a ["192.0.2.1"] true`
	for _, tt := range []struct {
		name        string
		heads, want []string
	}{
		{"the same", []string{one, one, one}, []string{said, said, said}},
		{"one byte is another", []string{one, posted(length, "Authorization: Basic b", from), one},
			[]string{said, `POST /x 3 Basic b ["192.0.2.1"] true`, said}},
		{"no credentials in between", []string{one, posted(length), one}, []string{said, `POST /x 3  [] true`, said}},
		{"a longer head of the same beginning", []string{posted(length, auth), one}, []string{`POST /x 3 Basic a [] true`, said}},
		{"long ones", []string{posted(length, long), posted(length, long), one}, []string{`POST /x 3  [] true`, `POST /x 3  [] true`, said}},
		{"refused behind the same", []string{one, one, posted(length, length)}, []string{said, said, http1.ReasonLength}},
		{"the last one says close", []string{one, posted(length, auth, from, "Connection: close")},
			[]string{said, `POST /x 3 Basic a ["192.0.2.1"] false`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			c := http1.NewConn(server, &http1.Profile{Hosts: []string{"live"}, MaxContent: 100})
			defer c.Close()
			go func() {
				answer := make([]byte, 1000)
				for _, h := range tt.heads {
					_, _ = client.Write([]byte(h + "abc"))
					_, _ = client.Read(answer)
				}
			}()
			for i, want := range tt.want {
				if got := asked(t, c); got != want {
					t.Errorf("request %d: %s, want %s", i, got, want)
				}
			}
		})
	}
}

// TestTheSameHeadUnderAnotherProfile: what a reload forbids is refused at once, also on a connection that asked for
// just that before.
func TestTheSameHeadUnderAnotherProfile(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	open, shut := &http1.Profile{Hosts: []string{"live"}, MaxContent: 100}, &http1.Profile{Hosts: []string{"other"}, MaxContent: 100}
	now := open
	c := http1.NewConn(server, open)
	defer c.Close()
	c.Follow(func() *http1.Profile { return now })
	one := posted("Content-Length: 3") + "abc"
	go func() {
		answer := make([]byte, 1000)
		for range 3 {
			_, _ = client.Write([]byte(one))
			_, _ = client.Read(answer)
		}
	}()
	for range 2 {
		if got := asked(t, c); got != `POST /x 3  [] true` {
			t.Errorf("before the reload: %s", got)
		}
	}
	now = shut
	if got := asked(t, c); got != http1.ReasonHost {
		t.Errorf("behind the reload: %s", got)
	}
}
