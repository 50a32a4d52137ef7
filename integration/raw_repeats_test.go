package integration_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// slow is an engine that answers publishes, and what else it is told, when it is let: each takes one word from let, and says
// so on going.
type slow struct {
	arranged
	going chan struct{}
	let   chan struct{}
}

func slowly(t testing.TB, o harness.Options, also ...string) slow {
	t.Helper()
	s := slow{going: make(chan struct{}, 16), let: make(chan struct{}, 16)}
	sink := harness.NewSink(t)
	quick := liveEngine(t)
	sink.Answer = func(body []byte) []byte {
		held := append([]string{"publishStagingRequest", "enableStaging", "disableStaging"}, also...)
		if slices.ContainsFunc(held, func(m string) bool { return bytes.Contains(body, []byte(m)) }) {
			s.going <- struct{}{}
			select {
			case <-s.let:
			case <-t.Context().Done():
			}
		}
		return quick(body)
	}
	s.arranged = arrangeTo(t, o, sink)
	return s
}

// executed returns how often the engine got a whole call of that method.
func (a arranged) executed(method string) int {
	n := 0
	for _, body := range a.sink.Whole() {
		if bytes.Contains(body, []byte(named(method))) {
			n++
		}
	}
	return n
}

// replayed checks that an answer is that of an earlier call.
func replayed(t testing.TB, a arranged, got, first answer) {
	t.Helper()
	if !bytes.Equal(got.body, first.body) && len(first.body) > 0 {
		t.Errorf("answered %q, the first was answered %q", got.body, first.body)
	}
	if ev := verdict(t, a.Gateway, got.ref); ev.Verdict != audit.Answer || ev.Reason != "repeat.answered" {
		t.Errorf("verdict %s, reason %s", ev.Verdict, ev.Reason)
	}
}

const publishing = "publishStagingRequest"

func TestTwinInFlightWaitsForTheFirst(t *testing.T) {
	s := slowly(t, listed)
	m := publish(s.made(t, 1), settings(int64(site))).message(t)
	first, second := dial(t, s.Gateway), dial(t, s.Gateway)
	first.send(t, m)
	<-s.going
	second.send(t, m)
	other := publish(s.made(t, 2), settings(int64(site))).message(t) // another call is not in the way of anybody
	third := dial(t, s.Gateway)
	third.send(t, other)
	<-s.going
	s.let <- struct{}{}
	s.let <- struct{}{}
	one := first.receive(t)
	allowed(t, s.Gateway, one)
	replayed(t, s.arranged, second.receive(t), one)
	allowed(t, s.Gateway, third.receive(t))
	if n := s.executed(publishing); n != 2 {
		t.Errorf("%d publishes were carried out, want 2 of three", n)
	}
}

// The first hangs up as soon as it has its answer; a twin that waited gets the same one all the
// same.
func TestTwinOfADeliveredCallInFlight(t *testing.T) {
	s := slowly(t, hurried())
	m := publish(s.made(t, 1), settings(int64(site))).message(t)
	first := dial(t, s.Gateway)
	first.send(t, m)
	<-s.going
	lines := make([]*line, 8)
	for i := range lines {
		lines[i] = dial(t, s.Gateway)
		lines[i].send(t, m)
	}
	var twins []waiting
	for _, l := range lines {
		twins = append(twins, l.begun(t, 1)) // it waits: nothing else gives a sign of life here
	}
	one := first.begun(t, 1)
	s.let <- struct{}{}
	body := one.ended(t).body
	first.Close()
	for _, w := range twins {
		got := w.ended(t)
		if plain := bytes.TrimLeft(got.body[4:], "y"); !bytes.Equal(plain, bytes.TrimLeft(body[4:], "y")) {
			t.Errorf("a twin was answered %q", plain)
		}
		if ev := verdict(t, s.Gateway, got.ref); ev.Reason != "repeat.answered" {
			t.Errorf("reason %s", ev.Reason)
		}
	}
	if n := s.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
}

// The publisher's connection breaks before the answer came: Java sends the whole call again.
func TestUndeliveredAnswerIsGivenToTheTwin(t *testing.T) {
	for _, when := range []string{"before the answer", "after the answer"} {
		t.Run(when, func(t *testing.T) {
			s := slowly(t, listed)
			m := publish(s.made(t, 1), settings(int64(site))).message(t)
			first := dial(t, s.Gateway)
			first.send(t, m)
			<-s.going
			if when == "before the answer" {
				first.reset(t)
			}
			s.let <- struct{}{}
			if when == "after the answer" {
				s.awaitOne(t, func(ev audit.Event) bool {
					return ev.Kind == audit.KindOutcome && strings.Contains(ev.Method, publishing)
				})
				first.reset(t) // it may have come, but nobody knows
			}
			got := once(t, s.Gateway, m)
			r, err := readReply(got.body, missing7)
			if err != nil || r.Thrown != nil {
				t.Errorf("answered %v, %v", r, err)
			}
			if ev := verdict(t, s.Gateway, got.ref); ev.Verdict != audit.Answer || ev.Reason != "repeat.answered" {
				t.Errorf("verdict %s, reason %s", ev.Verdict, ev.Reason)
			}
			if n := s.executed(publishing); n != 1 {
				t.Errorf("%d publishes were carried out, want 1", n)
			}
		})
	}
}

// That an answer arrived is never inferred, not even from the next request on its connection: behind a
// balancer that proves nothing. Only another call of the same publisher on the request ends a repeat.
func TestDeliveryIsNeverInferred(t *testing.T) {
	s := slowly(t, listed)
	id := s.made(t, 1)
	m := publish(id, settings(int64(site))).message(t)
	l := dial(t, s.Gateway)
	s.let <- struct{}{}
	one := l.call(t, m)
	allowed(t, s.Gateway, one)
	for range 2 {
		replayed(t, s.arranged, l.call(t, m), one)
	}
	if n := s.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
	allowed(t, s.Gateway, l.call(t, cleanUp(id).message(t)))
	allowed(t, s.Gateway, l.call(t, create(site, 1).message(t)))
	s.let <- struct{}{}
	allowed(t, s.Gateway, l.call(t, m))
	if n := s.executed(publishing); n != 2 {
		t.Errorf("%d publishes were carried out, want 2: other calls stand between them", n)
	}
}

func TestPartsAreRepeatsToo(t *testing.T) {
	a := arrange(t, listed)
	m := streamsOf(part(a.made(t, 1), "a.zip00", size))(t, a)
	first := dial(t, a.Gateway)
	allowed(t, a.Gateway, first.call(t, m))
	first.reset(t)
	got := once(t, a.Gateway, m)
	replayed(t, a, got, answer{})
	if n := a.executed("updateStagingRequest"); n != 1 {
		t.Errorf("%d parts arrived whole, want 1", n)
	}
	for _, c := range a.sink.Calls() {
		if !c.Whole() && bytes.Contains(c.Body, []byte("com.liferay.portal.kernel.util.MethodKey")) {
			t.Error("the end of a repeated part reached the engine")
		}
	}
}

// Another call on the same site ends what is kept for repeats: enabling twice on purpose counts
// twice.
func TestEnableDisableEnable(t *testing.T) {
	s := slowly(t, listed)
	for range 8 {
		s.let <- struct{}{}
	}
	on, off := enable(site).message(t), disable(site).message(t)
	for _, m := range []message{on, off, on} {
		l := dial(t, s.Gateway)
		allowed(t, s.Gateway, l.call(t, m))
		l.reset(t) // not known to be delivered, and yet over
	}
	if enabled, disabled := s.executed("enableStaging"), s.executed("disableStaging"); enabled != 2 || disabled != 1 {
		t.Errorf("enabled %d times and disabled %d times, want 2 and 1", enabled, disabled)
	}
	got := once(t, s.Gateway, on) // this one is a repeat
	replayed(t, s.arranged, got, answer{})
	if n := s.executed("enableStaging"); n != 2 {
		t.Errorf("enabled %d times, want 2", n)
	}
}

func TestTwoPublishersWithTheSameArchive(t *testing.T) {
	s := slowly(t, listed)
	id := s.made(t, 1)
	allowed(t, s.Gateway, once(t, s.Gateway, create(site, 1).as(other).message(t)))
	for range 4 {
		s.let <- struct{}{}
	}
	for _, login := range []string{harness.Login, other} {
		l := dial(t, s.Gateway)
		allowed(t, s.Gateway, l.call(t, publish(id, settings(int64(site))).as(login).message(t)))
		l.reset(t)
	}
	if n := s.executed(publishing); n != 2 {
		t.Errorf("%d publishes were carried out, want one of each", n)
	}
}

// What may have been carried out stays so over a restart: the twin is told, and nothing is sent
// twice.
func TestRestartInBetween(t *testing.T) {
	s := slowly(t, listed)
	s.outcome(t, once(t, s.Gateway, create(site, 1).message(t)).ref) // nothing else is being written
	m := publish(requestOf(1), settings(int64(site))).message(t)
	first := dial(t, s.Gateway)
	first.send(t, m)
	<-s.going
	o := listed
	o.Dir = snapshot(t, s.Dir) // as if the power had gone now
	sink := harness.NewSink(t)
	sink.Answer = liveEngine(t)
	after := arrangeTo(t, o, sink)
	again := after.Gateway
	l := dial(t, again) // its answer gets lost as well, so the next one is told again
	known := len(after.verdicts(t))
	l.send(t, m)
	l.reset(t)
	after.awaitVerdict(t, known)
	got := once(t, again, m)
	if th := got.thrown(t); th == nil || !strings.Contains(th.Message, "may have been carried out") {
		t.Errorf("answered with %v", th)
	}
	if ev := verdict(t, again, got.ref); ev.Reason != "repeat.unknown" {
		t.Errorf("reason %s", ev.Reason)
	}
	if n := after.executed(publishing); n != 0 {
		t.Errorf("%d publishes were carried out after the restart", n)
	}
	allowed(t, again, once(t, again, cleanUp(requestOf(1)).message(t))) // another call on the request ends the story
	allowed(t, again, once(t, again, create(site, 1).message(t)))
	allowed(t, again, once(t, again, m))
	if n := after.executed(publishing); n != 1 {
		t.Errorf("%d publishes were carried out, want 1", n)
	}
	s.let <- struct{}{}
	allowed(t, s.Gateway, first.receive(t))
	if r := after.Verify(t); !r.OK() { // the call that was under way has no outcome, and never will
		t.Errorf("audit log: %+v", r)
	}
}

// snapshot copies a data folder while its gateway waits for the engine.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		return copyFile(path, filepath.Join(to, rel))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}

// Two calls that differ in one bit are two calls.
func TestDifferentCallsAreNoTwins(t *testing.T) {
	a := arrange(t, listed)
	id := a.made(t, 1)
	for _, s := range []liferay.Settings{settings(int64(site)), with("privateLayout", true)} {
		l := dial(t, a.Gateway)
		allowed(t, a.Gateway, l.call(t, publish(id, s).message(t)))
		l.reset(t)
	}
	if n := a.executed(publishing); n != 2 {
		t.Errorf("%d publishes were carried out, want 2", n)
	}
}
