package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// throwables returns the descriptors of the exceptions that real builds wrote, by class.
func throwables(t testing.TB, build string) map[string]*graph.Class {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "tunnel", "liferay", "testdata", "real", build, "*.rep.ser"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings of %s: %v", build, err)
	}
	all := map[string]*graph.Class{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte("java.lang.Throwable")) {
			continue
		}
		for c := anyTree(t, data).Class; c != nil; c = c.Super {
			all[c.Name] = c
		}
	}
	return all
}

// builds are those whose exceptions are compared, with a login in each.
var lineRows = []struct{ build, line, group, auth string }{
	{"6.2", "6.2", group62, classAuth62}, {"7.0", "7.0", group7, classAuth}, {"7.1", "7.1", group7, classAuth},
	{"7.2", "7.2", group7, classAuth}, {"7.3", "7.3", group7, classAuth}, {"7.4.3.112", "7.4", group7, classAuth},
}

// A refusal is read by the publisher's CMS, so its exception is made of the classes of that
// version.
func TestRefusalsAreWrittenInTheCallersLine(t *testing.T) {
	for _, row := range lineRows {
		t.Run(row.build, func(t *testing.T) {
			a := arrange(t, harness.Options{Line: row.line, Sites: "[20143]"})
			call := func(id int64) message {
				return spec{build: row.build, service: row.group, name: "checkRemoteStagingGroup", params: []string{"long"}, args: []any{id}}.message(t)
			}
			got := once(t, a.Gateway, call(otherSite))
			want{reason: "site.denied"}.denied(t, a.Gateway, got)
			sameClasses(t, row.build, got.body)
			m := call(site)
			m.auth = ""
			got = once(t, a.Gateway, m)
			want{class: row.auth, reason: "secret.absent"}.denied(t, a.Gateway, got)
			sameClasses(t, row.build, got.body)
			if typ := anyTree(t, got.body).Bits("_type"); typ != 101 {
				t.Errorf("type %d of the exception, want 101", typ)
			}
			allowed(t, a.Gateway, once(t, a.Gateway, call(site)))
		})
	}
}

// sameClasses compares the classes of an answer with those that a real build wrote.
func sameClasses(t *testing.T, build string, body []byte) {
	t.Helper()
	real, seen := throwables(t, build), 0
	for c := anyTree(t, body).Class; c != nil; c = c.Super {
		r := real[c.Name]
		if r == nil {
			continue
		}
		seen++
		if c.UID != r.UID || len(c.Fields) != len(r.Fields) || (c.Super == nil) != (r.Super == nil) {
			t.Errorf("class %s with UID %d and %d fields, in the recordings %d and %d", c.Name, c.UID, len(c.Fields), r.UID, len(r.Fields))
		}
	}
	if seen < 3 {
		t.Errorf("only %d classes could be compared", seen)
	}
}

// The principal tells the caller's line, also behind a gateway that is set to another one.
func TestCallerOfAnotherLineIsTold(t *testing.T) {
	for _, tt := range []struct{ gateway, build, group string }{{"7.4", "6.2", group62}, {"6.2", build74, group7}} {
		t.Run(tt.build+" at "+tt.gateway, func(t *testing.T) {
			a := arrange(t, harness.Options{Line: tt.gateway})
			s := spec{build: tt.build, service: tt.group, name: "checkRemoteStagingGroup", params: []string{"long"}, args: []any{int64(site)}}
			got := once(t, a.Gateway, s.message(t))
			want{reason: "call.line", says: "one version line"}.denied(t, a.Gateway, got)
			sameClasses(t, tt.build, got.body)
			if n := len(a.sink.Calls()); n != 0 {
				t.Errorf("%d calls began at the engine", n)
			}
		})
	}
}

// The engine of 6.2 reads the login as it is, later ones decode it.
func TestLoginOnTheLastHop(t *testing.T) {
	const login = "a+b%c@example.com"
	for _, row := range []struct {
		line, group string
		encoded     bool
	}{{"6.2", group62, false}, {"7.4", group7, true}} {
		a := arrange(t, harness.Options{Line: row.line})
		s := spec{build: or(strings.TrimPrefix(row.line, "7.4"), build74), service: row.group, name: "checkRemoteStagingGroup",
			params: []string{"long"}, args: []any{int64(site)}}
		allowed(t, a.Gateway, once(t, a.Gateway, s.as(login).message(t)))
		want := "Basic " + basic(t, harness.Secret, login, row.encoded)
		if got := a.sink.Calls()[0].Head.Header.Get("Authorization"); got != want {
			t.Errorf("line %s: %s, want %s", row.line, got, want)
		}
	}
}

// Every recorded call of the newest build is a legal twin: it arrives as it was sent, but for the
// password, and its recorded answer comes back as it was recorded.
func TestRecordedCallsPass(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "tunnel", "liferay", "testdata", "real", build74, "*.req.ser"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	sink := harness.NewSink(t)
	answers := map[string][]byte{}
	sink.Answer = func(body []byte) []byte {
		c, err := readCall(body)
		if err != nil {
			t.Errorf("the engine got what is no call: %v", err)
			return nil
		}
		return answers[c.Method.Signature()]
	}
	a := arrangeTo(t, harness.Options{}, sink)
	l := dial(t, a.Gateway)
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".req.ser")
		t.Run(name, func(t *testing.T) {
			body, reply := recorded(t, build74, name+".req"), recorded(t, build74, name+".rep")
			c, err := readCall(body)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(c.Method.Name, "propagate") {
				kept(t, a, message{auth: auth(t, c.Principal.Login), body: body}, "event")
				return
			}
			answers[c.Method.Signature()] = reply
			before := len(sink.Whole())
			got := l.call(t, message{auth: auth(t, c.Principal.Login), body: body})
			if ev := verdict(t, a.Gateway, got.ref); ev.Verdict != "allow" {
				t.Fatalf("verdict %s: %s", ev.Verdict, ev.Detail)
			}
			if !bytes.Equal(got.body, reply) && c.Method.Name != "getGroupDisplayURL" {
				t.Errorf("answered %q, recorded %q", got.body, reply)
			}
			arrivedBlanked(t, sink.Whole()[before], body)
		})
	}
}

// arrivedBlanked checks that a call arrived byte for byte, but for the password.
func arrivedBlanked(t *testing.T, arrived, sent []byte) {
	t.Helper()
	password, _ := anyTree(t, sent).Ref("_key").(*graph.Object).Ref("_password").(*graph.String)
	if password == nil {
		t.Fatal("no password in the recording")
	}
	from := append([]byte{0x74, byte(len(password.Text) >> 8), byte(len(password.Text))}, password.Text...)
	if want := bytes.Replace(sent, from, []byte{0x74, 0, 0}, 1); !bytes.Equal(arrived, want) {
		t.Errorf("arrived %q, sent %q", arrived, sent)
	}
}
