package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

func testPool(t *testing.T, nodes ...string) *Pool {
	t.Helper()
	l := logrus.New()
	l.SetOutput(io.Discard)
	c := Config{Failures: 2, Log: logrus.NewEntry(l), ReplyMax: 1 << 20}
	for _, n := range nodes {
		u, err := url.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, u)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

var errDown = errors.New("down")

func TestARequestKeepsItsNode(t *testing.T) {
	p := testPool(t, "http://a:1", "http://b:1", "http://c:1")
	for _, m := range p.members {
		m.Answered()
	}
	home := p.Pick(7, "", nil)
	for range 20 {
		if m := p.Pick(7, "", nil); m != home {
			t.Fatalf("request 7 went to %s, then to %s", home.name, m.name)
		}
	}
	other := p.members[0]
	if other == home {
		other = p.members[1]
	}
	if m := p.Pick(7, other.name, nil); m != other {
		t.Errorf("request 7 went to %s, but %s created it", m.name, other.name)
	}
	other.Failed(errDown)
	other.Failed(errDown)
	if m := p.Pick(7, other.name, nil); m == other || m == nil {
		t.Errorf("request 7 went to %v, which is down", m)
	}
	if m := p.Pick(7, "z:1", nil); m != home {
		t.Errorf("a request of a node that is not there any more went to %s, want %s", m.name, home.name)
	}
}

func TestPickTakesTurnsAndSkips(t *testing.T) {
	p := testPool(t, "http://a:1", "http://b:1")
	seen := map[string]int{}
	for range 10 {
		seen[p.Pick(0, "", nil).name]++
	}
	if seen["a:1"] != 5 || seen["b:1"] != 5 {
		t.Errorf("turns: %v", seen)
	}
	for range 4 {
		if m := p.Pick(0, "", p.members[0]); m != p.members[1] {
			t.Errorf("picked %s in place of the other one", m.name)
		}
	}
	for _, m := range p.members {
		m.Failed(errDown)
		m.Failed(errDown)
	}
	if p.Up() || p.Pick(0, "", nil) != nil {
		t.Errorf("a pool of nodes that are down is up: %v", p.State())
	}
}

func TestANodeThatNeverAnsweredIsOutAtOnce(t *testing.T) {
	p := testPool(t, "http://a:1")
	m := p.members[0]
	if !p.Up() {
		t.Fatal("out before anything was tried")
	}
	m.Failed(errDown)
	if p.Up() {
		t.Error("up after the first failure")
	}
	m.Answered()
	m.Failed(errDown)
	if !p.Up() {
		t.Error("out after one failure, though it answered before")
	}
}

// An answered call brings a node back at once, whatever probes say of it.
func TestAnAnswerBringsANodeBack(t *testing.T) {
	p := testPool(t, "http://a:1")
	m := p.members[0]
	m.Answered()
	for range 5 {
		m.count(&m.misses, errDown)
	}
	if p.State()["a:1"] {
		t.Error("reachable after five probes that failed")
	}
	m.Answered()
	if !p.State()["a:1"] {
		t.Error("an answered call did not bring it back")
	}
}

// The last node is never taken out by probes alone: a call may still try it.
func TestProbesAloneLeaveTheLastNode(t *testing.T) {
	p := testPool(t, "http://a:1", "http://b:1")
	a, b := p.members[0], p.members[1]
	for _, m := range p.members {
		m.Answered()
	}
	for range 2 {
		a.count(&a.misses, errDown)
	}
	for range 4 {
		if m := p.Pick(0, "", nil); m != b {
			t.Fatal("picked the node that probes took out, though the other is up")
		}
	}
	for range 2 {
		b.count(&b.misses, errDown)
	}
	if !p.Up() || p.Pick(0, "", nil) == nil {
		t.Error("probes alone took the last node out")
	}
	for range 2 {
		a.Failed(errDown)
		b.Failed(errDown)
	}
	if p.Up() {
		t.Error("up, though calls failed on every node")
	}
}

// blocked is a home page that answers no probe before its deadline.
type blocked struct{}

func (blocked) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A live portal that is busy importing answers its home page late. It is not dead.
func TestABusyNodeIsNotEjectedForBeingSlow(t *testing.T) {
	p := testPool(t, "http://a:1")
	m := p.members[0]
	m.Answered()
	client := &http.Client{Transport: blocked{}, Timeout: time.Millisecond}
	m.running.Add(1)
	for range 3 {
		m.probe(t.Context(), client, "/")
	}
	if !p.State()["a:1"] {
		t.Error("ejected for being slow while a call of ours runs on it")
	}
	m.Ended()
	for range 3 {
		m.probe(t.Context(), client, "/")
	}
	if p.State()["a:1"] {
		t.Error("said to be up, though it answers no probe and runs no call")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	m.Answered()
	for range 3 {
		m.probe(ended, client, "/")
	}
	if !p.State()["a:1"] {
		t.Error("ejected by probes that the gateway's own end cut")
	}
}
