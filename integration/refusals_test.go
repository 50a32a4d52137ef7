package integration_test

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// refusal is one thing that must not pass, and its legal twin.
type refusal struct {
	name string
	bad  func(testing.TB, arranged) message
	good func(testing.TB, arranged) message
	want want
	// streams: the head and the content of a part reach the engine before what is wrong is known.
	// Its end never does.
	streams bool
}

// run sends the bad call and its twin through a whole gateway, and looks at the other side of it.
func (r refusal) run(t *testing.T, a arranged) {
	bad := r.bad(t, a)
	before := len(a.sink.Calls())
	r.want.denied(t, a.Gateway, a.offer(t, bad, before))
	if r.streams {
		incomplete(t, a.sink, before, bad)
	} else if n := len(a.sink.Calls()); n != before {
		t.Errorf("%d calls began at the engine", n-before)
	}
	if r.good == nil {
		return
	}
	good := r.good(t, a)
	before = len(a.sink.Calls())
	allowed(t, a.Gateway, a.offer(t, good, before))
	a.sink.Await(t, before, func(calls []harness.Received) bool { return len(calls) == 1 && calls[0].Ended && calls[0].Whole() })
}

// offer sends a message on a connection of its own. With a pause the engine has what stands before
// it when the rest leaves.
func (a arranged) offer(t testing.TB, m message, before int) answer {
	t.Helper()
	if m.pause == 0 {
		return once(t, a.Gateway, m)
	}
	l := dial(t, a.Gateway)
	defer l.Close()
	head := append([]byte(m.head(l.addr)), m.body[:m.pause]...)
	if _, err := l.Write(head); err != nil {
		t.Fatal(err)
	}
	a.sink.Await(t, before, func(calls []harness.Received) bool {
		return len(calls) == 1 && len(calls[0].Body) == m.pause-len(passwd)
	})
	if _, err := l.Write(m.body[m.pause:]); err != nil {
		t.Fatal(err)
	}
	return l.receive(t)
}

// incomplete checks that the engine got the head and content of a part, and nothing of what
// followed.
func incomplete(t testing.TB, s *harness.Sink, before int, m message) {
	t.Helper()
	got := s.Await(t, before, func(calls []harness.Received) bool { return len(calls) == 1 && calls[0].Ended })[0]
	if got.Whole() || int64(len(got.Body)) > got.Head.ContentLength-16 {
		t.Errorf("the engine got %d of %d bytes", len(got.Body), got.Head.ContentLength)
	}
	if len(got.Body) > m.pause-len(passwd) || bytes.Contains(got.Body, []byte("com.liferay.portal.kernel.util.MethodKey")) {
		t.Errorf("the engine got %d bytes, which reach into the tail: %q", len(got.Body), got.Body[max(0, len(got.Body)-80):])
	}
	if bytes.Contains(got.Body, []byte(passwd)) {
		t.Error("the engine got the publisher's stored password")
	}
}

func runAll(t *testing.T, a arranged, all []refusal) {
	t.Helper()
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) { r.run(t, a) })
	}
	checkLog(t, a)
}

// checkLog checks the audit log as a whole: the chain, one verdict a call, one outcome for each
// call that was allowed, none for the others, and nothing in it that would help a thief.
func checkLog(t *testing.T, a arranged) {
	t.Helper()
	verdicts := map[string]audit.Verdict{}
	for _, ev := range a.verdicts(t) {
		if verdicts[ev.Ref] != "" || ev.Verdict == audit.Deny && ev.Reason == "" {
			t.Errorf("verdict %s of %s, reason %q, after %q", ev.Verdict, ev.Ref, ev.Reason, verdicts[ev.Ref])
		}
		verdicts[ev.Ref] = ev.Verdict
	}
	for ref, v := range verdicts {
		if v != audit.Deny {
			a.outcome(t, ref)
		}
	}
	for _, ev := range a.Events(t) {
		if ev.Kind == audit.KindOutcome && (verdicts[ev.Ref] == audit.Deny || verdicts[ev.Ref] == "") {
			t.Errorf("outcome %q of a call with the verdict %q", ev.End, verdicts[ev.Ref])
		}
	}
	checkSilence(t, a)
	if r := a.Verify(t); !r.OK() {
		t.Errorf("audit log: %+v", r)
	}
}

// checkSilence looks for secrets in everything that the gateway has written.
func checkSilence(t *testing.T, a arranged) {
	t.Helper()
	secrets := map[string]string{
		"the shared secret": harness.Secret, "the stored password": passwd, "credentials": credentials(t, harness.Secret, harness.Login),
		"a token": base64.StdEncoding.EncodeToString(tokenOf(t, harness.Login)),
	}
	err := filepath.WalkDir(a.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for name, s := range secrets {
			if bytes.Contains(data, []byte(s)) {
				t.Errorf("%s holds %s", filepath.Base(path), name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sends makes a func of a call for a table.
func sends(s spec) func(testing.TB, arranged) message {
	return func(t testing.TB, _ arranged) message { return s.message(t) }
}

// edited is a call whose message is changed.
func edited(s spec, f func(t testing.TB, m *message)) func(testing.TB, arranged) message {
	return func(t testing.TB, _ arranged) message {
		m := s.message(t)
		f(t, &m)
		return m
	}
}

var listed = harness.Options{Sites: "[20143]"}

func TestCredentialsAreDemanded(t *testing.T) {
	legal := sends(checkSite(site))
	authentic := func(s spec, f func(t testing.TB) string) func(testing.TB, arranged) message {
		return edited(s, func(t testing.TB, m *message) { m.auth = f(t) })
	}
	token := func(secret, login string) func(testing.TB) string {
		return func(t testing.TB) string { return "Basic " + credentials(t, secret, login) }
	}
	absent := want{class: classAuth, reason: "secret.absent"}
	wrong := want{class: classAuth, reason: "secret.wrong", says: "shared secret"}
	runAll(t, arrange(t, listed), []refusal{
		{name: "no secret", bad: authentic(checkSite(site), func(testing.TB) string { return "" }), good: legal, want: absent},
		{name: "wrong secret", bad: authentic(checkSite(site), token("6543210987654321", harness.Login)), good: legal, want: wrong},
		{name: "token of another login", bad: authentic(checkSite(site), func(t testing.TB) string {
			return forged(t, harness.Login, "admin@example.com")
		}), good: legal, want: wrong},
		{name: "scheme Bearer", bad: authentic(checkSite(site), func(t testing.TB) string {
			return "Bearer " + credentials(t, harness.Secret, harness.Login)
		}), good: authentic(checkSite(site), func(t testing.TB) string {
			return "BASIC " + credentials(t, harness.Secret, harness.Login) // as 6.2 writes it
		}), want: wrong},
		{name: "no base64", bad: authentic(checkSite(site), func(testing.TB) string { return "Basic ****" }), good: legal, want: wrong},
		{name: "login with a colon", bad: authentic(checkSite(site).as("a:b"), func(t testing.TB) string {
			return forged(t, harness.Login, "a:b")
		}), good: legal, want: wrong},
		{name: "a large part with a wrong secret", bad: func(t testing.TB, a arranged) message {
			m := part(1, "a.zip00", 8<<20).streamed(t, 8<<20, nil)
			m.auth, m.pause = "Basic "+credentials(t, "6543210987654321", harness.Login), 0
			return m
		}, good: legal, want: wrong},
	})
}

func TestWrongSecretHasTheVendorsType(t *testing.T) {
	a := arrange(t, listed)
	m := checkSite(site).message(t)
	m.auth = ""
	got := anyTree(t, once(t, a.Gateway, m).body)
	if typ := got.Bits("_type"); typ != 101 {
		t.Errorf("the exception has type %d, want 101", typ)
	}
}

// Blocks of ECB tokens can be moved: two tokens that were captured make a third, of a login that
// nobody has given a token. It is genuine, so its holder is told that the login is not listed.
func TestPastedTokenIsRefusedWhereLoginsAreListed(t *testing.T) {
	const alice, bob, pasted = "alice.publisher@a.example", "bob.publisher.x@b.example", "alice.publisher@b.example"
	made := checkSite(site).as(pasted)
	bad := edited(made, func(t testing.TB, m *message) { m.auth = paste(t, alice, bob, pasted) })
	t.Run("listed", func(t *testing.T) {
		o := listed
		o.Logins = `["` + alice + `", "` + bob + `"]`
		refusal{bad: bad, good: sends(checkSite(site).as(alice)),
			want: want{reason: "login.unlisted", says: pasted}}.run(t, arrange(t, o))
	})
	t.Run("not listed", func(t *testing.T) { // the token is genuine: only the list can tell
		a := arrange(t, listed)
		allowed(t, a.Gateway, once(t, a.Gateway, bad(t, a)))
	})
}

func TestStrangerIsToldWhy(t *testing.T) {
	o := listed
	o.Allow = `["192.0.2.1"]`
	a := arrange(t, o)
	home := arrange(t, listed)
	for name, m := range map[string]message{
		"small": checkSite(site).message(t), "part of 1 MiB": part(1, "a.zip00", 1<<20).streamed(t, 1<<20, nil),
	} {
		t.Run(name, func(t *testing.T) {
			m.pause = 0
			got := strangerCall(t, a, m)
			want{status: 403, reason: "host.denied", says: "127.0.0.1"}.denied(t, a.Gateway, got)
			if n := len(a.sink.Calls()); n != 0 {
				t.Errorf("%d calls began at the engine", n)
			}
		})
	}
	allowed(t, home.Gateway, once(t, home.Gateway, checkSite(site).message(t)))
}

// strangerCall sends as much as the gateway takes: it reads little of a stranger.
func strangerCall(t testing.TB, a arranged, m message) answer {
	t.Helper()
	l := dial(t, a.Gateway)
	defer l.Close()
	go func() { _, _ = l.Write(append([]byte(m.head(l.addr)), m.body...)) }() // fails when the gateway ends the connection
	return l.receive(t)
}

func TestCallsAreThoseOfStaging(t *testing.T) {
	legal := sends(checkSite(site))
	unknown, misfit := want{reason: "call.unknown"}, want{reason: "call.arguments"}
	call := func(service, name string, params []string, args ...any) func(testing.TB, arranged) message {
		return sends(spec{service: service, name: name, params: params, args: args})
	}
	const users = "com.liferay.portal.kernel.service.UserServiceUtil"
	remote := []string{"long", "boolean", "boolean", text, "int", text, "boolean", "long", svcCtx}
	local := []string{"long", "boolean", "boolean", svcCtx}
	runAll(t, arrange(t, harness.Options{}), []refusal{
		{name: "another service", bad: call(users, "getUserById", []string{"long"}, int64(20130)), good: legal, want: unknown},
		{name: "another method", bad: call(group7, "deleteGroup", []string{"long"}, int64(site)), good: legal, want: unknown},
		{name: "setService", bad: call(group7, "setService", []string{text}, "x"), good: legal, want: unknown},
		{name: "another parameter type", bad: call(group7, "checkRemoteStagingGroup", []string{text}, "20143"), good: legal, want: unknown},
		{name: "another case", bad: call(group7, "CheckRemoteStagingGroup", []string{"long"}, int64(site)), good: legal, want: unknown},
		{name: "service of 6.2", bad: call(group62, "checkRemoteStagingGroup", []string{"long"}, int64(site)), good: legal, want: want{reason: "call.line"}},
		{name: "of another line", bad: call(staging7, "validateStagingRequest", []string{"long", "boolean", dict},
			int64(1), false, map[string][]string{}), good: legal, want: want{reason: "call.line"}},
		{name: "enableRemoteStaging", bad: call(staging7, "enableRemoteStaging", remote, int64(site), false, false, "evil.example.com",
			int64(80), "", false, int64(1), nil), good: legal, want: want{reason: "call.barred", says: "enableRemoteStaging"}},
		{name: "enableLocalStaging", bad: call(staging7, "enableLocalStaging", local, int64(site), false, false, nil), good: legal, want: want{reason: "call.barred"}},
		{name: "an argument too few", bad: withArgs(), good: legal, want: misfit},
		{name: "an argument too many", bad: withArgs(textValue("x"), textValue("x")), good: legal, want: misfit},
		{name: "an argument of another type", bad: withArgs(textValue("20143")), good: legal, want: misfit},
		{name: "null for a long", bad: withArgs(nil), good: legal, want: misfit},
	})
}

// withArgs is a legal call with other arguments.
func withArgs(args ...graph.Value) func(testing.TB, arranged) message {
	return edits(checkSite(site), func(root *graph.Object) { arguments(root).Refs = args })
}
