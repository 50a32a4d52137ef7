package integration_test

import (
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
)

func quotas(setting string) harness.Options {
	o := listed
	o.Extra = []string{"quota: { " + setting + " }", "heartbeat: 1s"}
	return o
}

func TestTooManyConnections(t *testing.T) {
	a := arrange(t, quotas("connections_per_address: 1"))
	first := dial(t, a.Gateway)
	allowed(t, a.Gateway, first.call(t, checkSite(site).message(t)))
	got := once(t, a.Gateway, checkSite(site).message(t))
	want{reason: "quota.connections", says: "too many connections"}.denied(t, a.Gateway, got)
	if !got.close {
		t.Error("the connection over the limit does not say that it closes")
	}
	allowed(t, a.Gateway, first.call(t, checkSite(site).message(t)))
	if n := len(a.sink.Whole()); n != 2 {
		t.Errorf("%d calls arrived, want 2", n)
	}
}

func TestTooManyCallsAtOnce(t *testing.T) {
	sink, going, held := harness.NewSink(t), make(chan struct{}), make(chan struct{})
	sink.Answer = func([]byte) []byte {
		close(going)
		<-held
		return nil
	}
	a := arrangeTo(t, quotas("calls_per_peer: 1"), sink)
	first := dial(t, a.Gateway)
	first.send(t, checkSite(site).message(t))
	<-going
	want{reason: "quota.calls"}.denied(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	close(held)
	allowed(t, a.Gateway, first.receive(t))
	if n := len(sink.Whole()); n != 1 {
		t.Errorf("%d calls arrived, want 1", n)
	}
	sink2 := harness.NewSink(t)
	b := arrangeTo(t, quotas("calls_per_peer: 1"), sink2)
	for range 3 { // one after another they pass
		allowed(t, b.Gateway, once(t, b.Gateway, checkSite(site).message(t)))
	}
}

// Only what fails is charged to an address: a page selection is thousands of calls, and whoever else
// fails behind the same address does not refuse the publisher.
func TestOnlyFailuresAreCharged(t *testing.T) {
	a := arrange(t, quotas("per_address_rate: 1/m, per_address_burst: 4, failure_cost: 1"))
	for range 5 {
		allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	}
	unknown := checkSite(site).message(t)
	unknown.auth = ""
	for range 2 {
		want{class: classAuth, reason: "secret.absent"}.denied(t, a.Gateway, once(t, a.Gateway, unknown))
	}
	fast := want{reason: "quota.rate", says: "calls of this address failed"}
	fast.denied(t, a.Gateway, once(t, a.Gateway, unknown))
	before := len(a.verdicts(t))
	for range 3 { // answered and counted, but a flood does not fill the log
		if got := once(t, a.Gateway, unknown); got.status != 200 || got.thrown(t) == nil {
			t.Errorf("status %d", got.status)
		}
	}
	if n := len(a.verdicts(t)); n != before {
		t.Errorf("%d verdicts of a flood", n-before)
	}
	for range 3 {
		allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	}
	if n := len(a.sink.Whole()); n != 8 {
		t.Errorf("%d calls arrived, want 8", n)
	}
}

// TestNeighboursDoNotRefuseAPublisher: wrong secrets without end come from the publisher's address,
// that of a balancer or of another process; each of its calls passes, and a login that was never seen
// is only looked at a little later.
func TestNeighboursDoNotRefuseAPublisher(t *testing.T) {
	a := arrange(t, quotas("per_address_rate: 1/m, per_address_burst: 10, failure_cost: 10"))
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	wrong := checkSite(site).message(t)
	wrong.auth = ""
	guesser := dial(t, a.Gateway)
	for range 200 {
		guesser.call(t, wrong)
	}
	for range 20 {
		guesser.call(t, wrong)
		allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	}
	begun := time.Now()
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).as(other).message(t)))
	if waited := time.Since(begun); waited < time.Second || waited > 10*time.Second {
		t.Errorf("a header that was never seen waited %v, want 2 s", waited)
	}
}

// A wrong secret costs an address as much as many calls.
func TestGuessingIsExpensive(t *testing.T) {
	a := arrange(t, quotas("per_address_rate: 1/m, per_address_burst: 10, failure_cost: 9"))
	wrong := checkSite(site).message(t)
	wrong.auth = "Basic " + credentials(t, "6543210987654321", harness.Login)
	want{class: classAuth, reason: "secret.wrong"}.denied(t, a.Gateway, once(t, a.Gateway, wrong))
	want{reason: "quota.rate"}.denied(t, a.Gateway, once(t, a.Gateway, wrong))
	if n := len(a.sink.Calls()); n != 0 {
		t.Errorf("%d calls began at the engine", n)
	}
}

// unreachable is the address of an engine that is down.
func unreachable(t testing.TB) string {
	t.Helper()
	return "http://" + ports.Free(t)
}
