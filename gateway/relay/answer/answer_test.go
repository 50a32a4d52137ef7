package answer_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/answer"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const line = "7.4.3.112"

// told has write answer one request, and returns what its client reads.
func told(t *testing.T, write func(w *answer.Writer)) (*http.Response, []byte, error) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	conn := http1.NewConn(server, &http1.Profile{Hosts: []string{"live"}, MaxContent: 100})
	go func() {
		defer conn.Close()
		if _, err := conn.Next(t.Context()); err != nil {
			t.Error(err)
			return
		}
		write(&answer.Writer{Conn: conn, Ref: "ref-1"})
	}()
	if err := client.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(client, "POST /x HTTP/1.1\r\nHost: live\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// read reads a stream as Java's client does, heartbeats and all.
func read(t *testing.T, body []byte, returns string) *liferay.Reply {
	t.Helper()
	r, err := liferay.ReadReply(source.New(strings.NewReader(string(body)), nil, 1<<20), javaser.DefaultLimits(), returns, true)
	if err != nil {
		t.Fatalf("%x: %v", body, err)
	}
	return r
}

func value(t *testing.T, v any) []byte {
	t.Helper()
	b, err := liferay.AppendValue(nil, line, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAValue(t *testing.T) {
	for _, tt := range []struct {
		name  string
		beats int
		ends  bool
	}{{"at once", 0, false}, {"and the end", 0, true}, {"after signs of life", 3, false}} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body, err := told(t, func(w *answer.Writer) {
				for range tt.beats {
					if err := w.Beat(); err != nil {
						t.Error(err)
					}
				}
				if w.Begun() != (tt.beats > 0) {
					t.Errorf("begun %t", w.Begun())
				}
				if err := w.Value(value(t, int64(42)), tt.ends); err != nil {
					t.Error(err)
				}
			})
			if err != nil || resp.StatusCode != http.StatusOK || resp.Close != tt.ends || resp.Header.Get("X-Stagelock-Reference") != "ref-1" {
				t.Errorf("%v, %v", resp, err)
			}
			if r := read(t, body, "long"); r.ID() != 42 {
				t.Errorf("read %+v", r)
			}
		})
	}
}

// Nothing is what a void call answers, also after signs of life.
func TestNothing(t *testing.T) {
	for _, beats := range []int{0, 2} {
		resp, body, err := told(t, func(w *answer.Writer) {
			for range beats {
				_ = w.Beat()
			}
			_ = w.Value(nil, false)
		})
		want := 0
		if beats > 0 {
			want = len(graph.Header()) + beats
		}
		if err != nil || resp.StatusCode != http.StatusOK || len(body) != want {
			t.Errorf("after %d beats: %x, %v", beats, body, err)
		}
	}
}

// An answer that was given up is not taken for nothing.
func TestAnAbortIsNoAnswer(t *testing.T) {
	_, _, err := told(t, func(w *answer.Writer) {
		_ = w.Beat()
		w.Abort()
	})
	if err == nil {
		t.Error("the client took it for whole")
	}
}

func TestAProblemInWords(t *testing.T) {
	for _, tt := range []struct {
		name   string
		p      tunnel.Problem
		status int // given
		want   int
		retry  string
		closes bool
	}{
		{"not found", tunnel.Problem{Code: tunnel.NotFound, Reason: "path.unknown", Msg: "nothing is here"}, 0, 404, "", false},
		{"no HTTP", tunnel.Problem{Code: tunnel.BadRequest, Reason: "http.method", Msg: "what"}, 0, 400, "", true},
		{"no HTTP, with a status of its own", tunnel.Problem{Code: tunnel.BadRequest, Reason: "http.method", Msg: "what"}, 431, 431, "", true},
		{"may try again", *tunnel.NotBegun("engine.down", "the engine is down", nil), 0, 503, "7", false},
		{"without a status", tunnel.Problem{Code: tunnel.Refused, Reason: "call.unknown", Msg: "no"}, 0, 503, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body, err := told(t, func(w *answer.Writer) {
				w.Reason = string(tt.p.Reason)
				_ = w.Text(&tt.p, tt.status, 7*time.Second, false)
			})
			if got := resp.Header.Get("X-Stagelock-Reason"); got != string(tt.p.Reason) {
				t.Errorf("reason %q", got)
			}
			if err != nil || resp.StatusCode != tt.want || resp.Header.Get("Retry-After") != tt.retry || resp.Close != tt.closes {
				t.Errorf("%v, %v", resp, err)
			}
			if s := string(body); !strings.Contains(s, tt.p.Msg) || !strings.Contains(s, "(reference ref-1)") {
				t.Errorf("body %q", s)
			}
		})
	}
}

func TestOnlyA200CanCarryAnException(t *testing.T) {
	for code, words := range map[tunnel.Code]bool{
		tunnel.BadRequest: true, tunnel.NotFound: true, tunnel.BadMethod: true, tunnel.NoLength: true, tunnel.TooLarge: true,
		tunnel.Forbidden: true, tunnel.Unavailable: true, tunnel.Unauthentic: false, tunnel.Refused: false,
		tunnel.Uncertain: false, tunnel.BadAnswer: false,
	} {
		if got := answer.InWords(&tunnel.Problem{Code: code}); got != words {
			t.Errorf("code %d in words: %t", code, got)
		}
	}
}

func TestAnExceptionIsWhatTheLineReads(t *testing.T) {
	for _, build := range liferay.Builds() {
		for _, tt := range []struct {
			code  tunnel.Code
			class string
			typ   int
		}{
			{tunnel.Refused, liferay.ClassPortalException, 0},
			{tunnel.Unauthentic, "com.liferay.portal.security.auth.RemoteAuthException", liferay.TypeWrongSecret},
		} {
			w := answer.Writer{Ref: "ref-1"}
			body, err := w.Exception(&tunnel.Problem{Code: tt.code, Reason: "secret.wrong", Msg: "no such secret"}, build)
			if err != nil {
				t.Errorf("%s: %v", build, err)
				continue
			}
			r := read(t, body, "void")
			if r.Thrown == nil || r.Thrown.Type != tt.typ || !strings.Contains(r.Thrown.Message, "no such secret") ||
				!strings.Contains(r.Thrown.Message, "ref-1") {
				t.Errorf("%s, code %d: %+v", build, tt.code, r.Thrown)
			}
		}
	}
	if _, err := (&answer.Writer{}).Exception(&tunnel.Problem{Code: tunnel.Refused}, "none"); err == nil {
		t.Error("written for a line that nobody knows")
	}
}

func TestHealth(t *testing.T) {
	resp, body, err := told(t, func(w *answer.Writer) { _ = w.Health(503, []byte(`{"ready":false}`), true) })
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || string(body) != `{"ready":false}` || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %s %v", resp, body, err)
	}
}
