package integration_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// Two publishes of one archive into one site would delete each other's folder: the second is told who
// is there, since when, and when to try again.
func TestAnArchiveThatIsBeingPublishedIsNotCreatedAgain(t *testing.T) {
	s := slowly(t, listed)
	id := s.made(t, 1)
	allowed(t, s.Gateway, once(t, s.Gateway, create(site, 1).message(t))) // no part yet: a repeat, or a second publisher
	allowed(t, s.Gateway, once(t, s.Gateway, streamsOf(part(id, "a.zip00", 900))(t, s.arranged)))
	before := len(s.sink.Calls())
	refused := want{reason: "request.publishing", says: "is being published now, since"}
	got := once(t, s.Gateway, create(site, 1).message(t))
	refused.denied(t, s.Gateway, got)
	if text := got.thrown(t).Message; !strings.Contains(text, "by publisher@example.com of staging") || !strings.Contains(text, "try again in") {
		t.Errorf("the publisher reads %q", text)
	}
	if n := len(s.sink.Calls()); n != before {
		t.Errorf("%d calls reached the engine", n-before)
	}
	allowed(t, s.Gateway, once(t, s.Gateway, create(site, 2).message(t))) // another archive
	allowed(t, s.Gateway, once(t, s.Gateway, cleanUp(id).message(t)))     // the first one ends
	allowed(t, s.Gateway, once(t, s.Gateway, create(site, 1).message(t))) // and the archive is free
	checkLog(t, s.arranged)
}

// While a call of the first publish is under way it is not given up, however long it takes.
func TestAPublishUnderWayIsNotGivenUp(t *testing.T) {
	o := listed
	o.Extra = []string{"requests: { abandoned: 1ms }"}
	s := slowly(t, o)
	id := s.made(t, 1)
	allowed(t, s.Gateway, once(t, s.Gateway, streamsOf(part(id, "a.zip00", 900))(t, s.arranged)))
	first := dial(t, s.Gateway)
	first.send(t, publish(id, settings(int64(site))).message(t))
	s.working(t)
	want{reason: "request.publishing"}.denied(t, s.Gateway, once(t, s.Gateway, create(site, 1).message(t)))
	s.let <- struct{}{}
	allowed(t, s.Gateway, first.receive(t))
}

// A publish whose staging died leaves parts behind, which the engine refuses as duplicates. The gateway
// has them deleted before the archive is published again, and writes that down as its own call.
func TestAnAbandonedPublishIsCleanedUpFirst(t *testing.T) {
	o := listed
	o.Extra = []string{"requests: { abandoned: 1ms }"}
	a := arrange(t, o)
	id := a.made(t, 1)
	l := dial(t, a.Gateway) // a call ends before the next one on its connection begins
	allowed(t, a.Gateway, l.call(t, streamsOf(part(id, "a.zip00", 900))(t, a)))
	outlast(time.Millisecond)
	before := len(a.sink.Calls())
	got := l.call(t, create(site, 1).message(t))
	allowed(t, a.Gateway, got)
	calls := a.sink.Calls()[before:]
	if len(calls) != 2 || !strings.Contains(string(calls[0].Body), named("cleanUpStagingRequest")) ||
		!strings.Contains(string(calls[1].Body), named("createStagingRequest")) {
		t.Fatalf("%d calls reached the engine, want a clean-up and a create", len(calls))
	}
	if c, err := readCall(calls[0].Body); err != nil || c.Args[0] != id || c.Principal.Login != "publisher@example.com" {
		t.Errorf("the clean-up is %+v, %v", c, err)
	}
	if calls[0].Head.Header.Get("Authorization") != calls[1].Head.Header.Get("Authorization") {
		t.Error("the clean-up has another login")
	}
	ev := a.awaitOne(t, func(ev audit.Event) bool { return ev.Reason == "request.abandoned" })
	if ev.Verdict != audit.Allow || ev.Request != id || ev.Site != site || !strings.Contains(ev.Detail, got.ref) {
		t.Errorf("recorded as %+v", ev)
	}
	allowed(t, a.Gateway, once(t, a.Gateway, streamsOf(part(id, "a.zip00", 900))(t, a)))
	checkLog(t, a)
}

// While the gateway cleans an abandoned publish up, nobody else does: a second create of the archive
// waits, and does not delete what the first one then publishes; the abandoned one's own late calls
// are refused before the engine has them.
func TestAnAbandonedPublishIsCleanedUpOnce(t *testing.T) {
	o := listed
	o.Extra = []string{"requests: { abandoned: 1ms }"}
	s := slowly(t, o, "cleanUpStagingRequest")
	id := s.made(t, 1)
	first, second := dial(t, s.Gateway), dial(t, s.Gateway)
	allowed(t, s.Gateway, first.call(t, streamsOf(part(id, "a.zip00", 900))(t, s.arranged)))
	outlast(time.Millisecond)
	first.send(t, create(site, 1).message(t))
	s.working(t) // the clean-up
	second.send(t, create(site, 1).message(t))
	late := want{reason: "request.publishing", says: "had taken its place"}
	late.denied(t, s.Gateway, once(t, s.Gateway, publish(id, settings(int64(site))).message(t)))
	late.denied(t, s.Gateway, once(t, s.Gateway, streamsOf(part(id, "a.zip01", 900))(t, s.arranged)))
	s.let <- struct{}{}
	allowed(t, s.Gateway, first.receive(t))
	// The second waits and then creates too, as there is no part yet, or it came so late that it met the
	// end of the late part, and is told so. It never deletes.
	if got := second.receive(t); verdict(t, s.Gateway, got.ref).Verdict == audit.Deny {
		want{reason: "request.publishing"}.denied(t, s.Gateway, got)
	} else {
		allowed(t, s.Gateway, got)
	}
	for method, want := range map[string]int{"cleanUpStagingRequest": 1, publishing: 0, "updateStagingRequest": 1} {
		if n := s.executed(method); n != want {
			t.Errorf("the engine got %d calls of %s, want %d", n, method, want)
		}
	}
	checkLog(t, s.arranged)
}

// Two publishers create a request for the same archive before either has sent a part. The one who loses
// ends its publish with a clean-up, which would delete what the other one publishes: it is answered, and
// the engine hears nothing of it (call rules, section 2).
func TestASecondPublishersCleanUpDeletesNothing(t *testing.T) {
	for _, tt := range []struct{ name, sender, loser string }{
		{"the second loses", harness.Login, other},
		{"the first loses", other, harness.Login},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := arrange(t, listed)
			id := a.made(t, 1)
			allowed(t, a.Gateway, once(t, a.Gateway, create(site, 1).as(other).message(t)))
			allowed(t, a.Gateway, once(t, a.Gateway, streamsOf(part(id, "a.zip00", 900).as(tt.sender))(t, a)))
			before := len(a.sink.Calls())
			got := once(t, a.Gateway, cleanUp(id).as(tt.loser).message(t))
			if got.status != 200 || len(got.body) != 0 || len(a.sink.Calls()) != before {
				t.Errorf("answered %d %q, %d calls reached the engine", got.status, got.body, len(a.sink.Calls())-before)
			}
			if ev := verdict(t, a.Gateway, got.ref); ev.Verdict != audit.Answer || ev.Reason != "request.shared" || !strings.Contains(ev.Detail, tt.sender) {
				t.Errorf("verdict %s, reason %s: %s", ev.Verdict, ev.Reason, ev.Detail)
			}
			allowed(t, a.Gateway, once(t, a.Gateway, publish(id, settings(int64(site))).as(tt.sender).message(t)))
			allowed(t, a.Gateway, once(t, a.Gateway, cleanUp(id).as(tt.sender).message(t)))
			checkLog(t, a)
		})
	}
}

// outlast returns when more than d has passed by the clock that tells how long a request was idle.
func outlast(d time.Duration) {
	for begun := time.Now(); time.Since(begun) <= d; {
		runtime.Gosched()
	}
}
