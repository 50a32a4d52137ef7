package integration_test

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const noPermission = "com.liferay.portal.kernel.security.auth.PrincipalException"

// refusing is a gateway before an engine that throws at the first so many calls of a method, and does as it is
// told at the others.
func refusing(t testing.TB, method, class string, times int32) arranged {
	t.Helper()
	body, err := liferay.AppendThrown(nil, "7.4.3.112", liferay.Thrown{Class: class, Message: "no"})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	sink, quick := harness.NewSink(t), liveEngine(t)
	sink.Answer = func(call []byte) []byte {
		if bytes.Contains(call, []byte(named(method))) && n.Add(1) <= times {
			return body
		}
		return quick(call)
	}
	return arrangeTo(t, listed, sink)
}

// What live refused before it did anything is tried anew when it is typed again: the permission may have been
// granted meanwhile. Nothing was carried out the first time, so it is carried out once.
func TestARefusedEnableIsTriedAnew(t *testing.T) {
	for _, m := range []struct {
		method string
		call   func(int64) spec
	}{{"enableStaging", enable}, {"disableStaging", disable}} {
		t.Run(m.method, func(t *testing.T) {
			a := refusing(t, m.method, noPermission, 2)
			msg := m.call(site).message(t)
			for i := range 2 {
				if th := once(t, a.Gateway, msg).thrown(t); th.Class != noPermission {
					t.Fatalf("try %d: %v", i+1, th)
				}
			}
			first := once(t, a.Gateway, msg)
			allowed(t, a.Gateway, first)
			replayed(t, a, once(t, a.Gateway, msg), first) // this one was carried out: its repeat is not
			if n := a.executed(m.method); n != 3 {
				t.Errorf("the engine was asked %d times, want 3", n)
			}
			checkLog(t, a)
		})
	}
}

// Of what live threw later, or for another reason, nobody knows whether it was carried out: a repeat gets the
// first one's answer, and the engine nothing.
func TestOtherExceptionsAreAnswersOfARepeat(t *testing.T) {
	for _, tt := range []struct {
		name, method, class string
		call                func(t *testing.T, a arranged) spec
	}{
		{"enable, an exception of the portal", "enableStaging", liferay.ClassPortalException, func(*testing.T, arranged) spec { return enable(site) }},
		{"enable, of the system", "enableStaging", liferay.ClassSystemException, func(*testing.T, arranged) spec { return enable(site) }},
		{"publish, no permission", publishing, noPermission, func(t *testing.T, a arranged) spec {
			return publish(a.made(t, 1), settings(int64(site)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := refusing(t, tt.method, tt.class, 1)
			msg := tt.call(t, a).message(t)
			first := once(t, a.Gateway, msg)
			if th := first.thrown(t); th.Class != tt.class {
				t.Fatal(th)
			}
			replayed(t, a, once(t, a.Gateway, msg), first)
			if n := a.executed(tt.method); n != 1 {
				t.Errorf("the engine was asked %d times, want 1", n)
			}
		})
	}
}

// A twin that came while the first was under way takes its turn when that was refused: between them the engine
// carries out one.
func TestATwinOfARefusedEnable(t *testing.T) {
	body, err := liferay.AppendThrown(nil, "7.4.3.112", liferay.Thrown{Class: noPermission, Message: "no"})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	going, let := make(chan struct{}, 4), make(chan struct{}, 4)
	sink, quick := harness.NewSink(t), liveEngine(t)
	sink.Answer = func(call []byte) []byte {
		if !bytes.Contains(call, []byte(named("enableStaging"))) {
			return quick(call)
		}
		going <- struct{}{}
		<-let
		if n.Add(1) == 1 {
			return body
		}
		return quick(call)
	}
	a := arrangeTo(t, hurried(), sink)
	msg := enable(site).message(t)
	first, second, third := dial(t, a.Gateway), dial(t, a.Gateway), dial(t, a.Gateway)
	first.send(t, msg)
	<-going
	second.send(t, msg)
	third.send(t, msg)
	waits := []waiting{first.begun(t, 1), second.begun(t, 1), third.begun(t, 1)}
	let <- struct{}{}
	if th := waits[0].ended(t).thrown(t); th.Class != noPermission {
		t.Errorf("the first: %v", th)
	}
	<-going // one of the two
	let <- struct{}{}
	for _, w := range waits[1:] {
		if got := w.ended(t); len(bytes.TrimLeft(got.body[4:], "y")) > 0 {
			t.Errorf("a twin was answered %q", got.body)
		}
	}
	if got := n.Load(); got != 2 {
		t.Errorf("the engine was asked %d times, want 2", got)
	}
}

// A refusal of the gateway before live is no answer to a repeat for the one before that: when the inner one lets
// the call pass, it is carried out, once.
func TestARefusalOfTheInnerGatewayIsNotKept(t *testing.T) {
	sink := harness.NewSink(t)
	sink.Answer = liveEngine(t)
	o := listed
	o.Sites = "[4711]"
	inner := arrangeTo(t, o, sink)
	authority, _, _, _ := inner.Node.CA()
	outer := listed
	outer.Upstream, outer.Inner = inner.URL, []string{"ca: " + authority}
	out := arrangeTo(t, outer, sink)
	msg := enable(site).message(t)
	for range 2 {
		th := once(t, out.Gateway, msg).thrown(t)
		if th.Class != liferay.ClassPortalException || out.executed("enableStaging") != 0 {
			t.Fatalf("%v, asked %d times", th, out.executed("enableStaging"))
		}
	}
	o.Sites, o.Upstream = "[any]", sink.URL
	inner.Write(t, o)
	if _, err := inner.Node.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	allowed(t, out.Gateway, once(t, out.Gateway, msg))
	once(t, out.Gateway, msg)
	if n := out.executed("enableStaging"); n != 1 {
		t.Errorf("the engine was asked %d times, want 1", n)
	}
}
