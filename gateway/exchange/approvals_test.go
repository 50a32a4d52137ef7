package exchange_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// send has server 2 deliver a change with its content, and returns the answer.
func (p *place) send(c *sync.Change, content string) sync.Answer {
	p.t.Helper()
	body, err := json.Marshal(sync.Offer{Changes: []sync.Offered{{Change: c, Content: []byte(content)}}})
	p.must(err)
	r := httptest.NewRequest(http.MethodPost, "https://live"+sync.Path+"deliver", bytes.NewReader(body))
	signed.Sign(r, body, keyOf(2), time.Now(), [16]byte{})
	w := httptest.NewRecorder()
	p.must(p.exchange.Serve(w, r, func(string) {}))
	var all sync.Answers
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all.Answers) != 1 {
		p.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return all.Answers[0]
}

// theirs is the kth change of server 2.
func theirs(k uint64, o sync.Object, text string) *sync.Change {
	c := &sync.Change{ID: sync.ID{Origin: serverOf(2), Counter: k}, Object: o, Op: sync.Put, Payload: sync.DigestOf([]byte(text)),
		Size: int64(len(text)), Stamp: sync.Stamp{Milli: time.Now().UnixMilli()}, Title: "Hours", Author: "bob"}
	c.Follow(nil)
	c.Sign(keyOf(2))
	return c
}

// may has server 2 do that from now on.
func (p *place) may(change func(q *inbox.Peer)) {
	q := exchange.Peer{Peer: inbox.Peer{ID: serverOf(2), Sends: true, Kinds: []string{"article"}, MaxContent: 100}, Takes: true}
	change(&q.Peer)
	p.exchange.Use([]exchange.Peer{q})
}

// TestAnEmptyContentIsKept in the database, although nothing of it travels.
func TestAnEmptyContentIsKept(t *testing.T) {
	s := newShop(t)
	p := &place{t: t, exchange: s.exchange}
	p.may(func(q *inbox.Peer) { q.Approve = []string{"article"} })
	if a := p.send(theirs(1, "s/article/a", ""), ""); a.Status != sync.StatusWait || !s.here("") {
		t.Errorf("%+v, it is here: %t", a, s.here(""))
	}
}

// TestApprovalsAreListedAndDecided by orders.
func TestApprovalsAreListedAndDecided(t *testing.T) {
	p := newPlace(t)
	p.may(func(q *inbox.Peer) { q.Approve = []string{"article"} })
	c := theirs(1, "s/article/a", "text")
	if a := p.send(c, "text"); a.Status != sync.StatusWait || a.Reason != "exchange.approval" {
		t.Fatalf("%+v", a)
	}
	var held []exchange.Held
	if code := p.ask("approvals", exchange.Order{}, &held); code != "" || len(held) != 1 {
		t.Fatalf("%s, %+v", code, held)
	}
	if h := held[0]; h.ID != c.ID || h.Object != c.Object || h.Title != "Hours" || h.Author != "bob" || h.Server != "test" || h.Via != "test" ||
		h.State != "asked" || h.Payload != c.Payload.String() || h.Current != "" || h.Since.IsZero() || !h.Newer.IsZero() {
		t.Errorf("held %+v", h)
	}
	var s exchange.Status
	if p.ask("status", exchange.Order{}, &s); s.Approvals != 1 || !s.Asked.Equal(held[0].Since) || s.Decided != (exchange.Decided{}) {
		t.Errorf("status %+v", s)
	}
	var content exchange.Order
	if p.ask("content", exchange.Order{Digest: held[0].Payload}, &content); string(content.Content) != "text" {
		t.Errorf("its content is %q", content.Content)
	}
	for _, tt := range []struct {
		name, order string
		o           exchange.Order
		code        string
	}{
		{"no change", "approve", exchange.Order{ID: "x"}, "input"},
		{"one that is not held", "approve", exchange.Order{ID: sync.ID{Origin: serverOf(2), Counter: 9}.String()}, "unknown"},
		{"with another content", "approve", exchange.Order{ID: c.ID.String(), Digest: sync.DigestOf(nil).String()}, "moved"},
		{"refuse without a reason", "refuse", exchange.Order{ID: c.ID.String()}, "input"},
		{"deletions of nobody", "approve", exchange.Order{Deletes: true, Target: "nobody"}, "unknown"},
		{"deletions of who may not delete", "approve", exchange.Order{Deletes: true, Target: "test"}, "denied"},
	} {
		var done exchange.Done
		if code := p.ask(tt.order, tt.o, &done); code != tt.code {
			t.Errorf("%s: %q, want %q", tt.name, code, tt.code)
		}
	}
	var done exchange.Done
	if code := p.ask("refuse", exchange.Order{ID: c.ID.String(), Reason: "not now", Author: "ann\x1b"}, &done); code != "" || done.State != "refused" || done.N != 1 {
		t.Errorf("%q, %+v", code, done)
	}
	if a := p.send(c, "text"); a.Class != sync.ClassNever || a.Text != "it was refused on live by ann : not now" {
		t.Errorf("sent again: %+v", a)
	}
	s = exchange.Status{}
	if p.ask("status", exchange.Order{}, &s); s.Approvals != 0 || !s.Asked.IsZero() || s.Decided != (exchange.Decided{Refused: 1}) {
		t.Errorf("status %+v", s)
	}
	held = nil
	if p.ask("approvals", exchange.Order{State: "refused"}, &held); len(held) != 1 || held[0].Reason != "not now" {
		t.Errorf("refused %+v", held)
	}
}

// TestTwoGatewaysCountDeletionsTogether: a neighbour whose calls a balancer gives to either may delete no more, and is
// let go on by either.
func TestTwoGatewaysCountDeletionsTogether(t *testing.T) {
	s := newShop(t)
	first := &place{t: t, exchange: s.exchange}
	second := &place{t: t, exchange: s.started()}
	for _, p := range []*place{first, second} { // what waits for approval reaches no engine
		p.may(func(q *inbox.Peer) { q.Approve, q.Deletes, q.PerHour = []string{"article"}, true, 3 })
	}
	var deletions []*sync.Change
	for k := range uint64(6) {
		c := theirs(k, sync.Object(fmt.Sprint("s/article/", k)), "")
		c.Op, c.Payload = sync.Delete, sync.Digest{}
		c.Sign(keyOf(2))
		deletions = append(deletions, c)
	}
	want := func(k int, p *place, reason string) {
		t.Helper()
		if got := p.send(deletions[k], "").Reason; got != reason {
			t.Errorf("deletion %d: %q, want %q", k, got, reason)
		}
	}
	want(1, first, "exchange.approval")
	want(2, second, "exchange.approval")
	want(2, first, "exchange.approval") // a second time, and counts once
	want(3, first, "exchange.approval")
	want(4, second, inbox.ReasonDeletes)
	want(5, first, inbox.ReasonDeletes)
	var done exchange.Done
	if code := first.ask("approve", exchange.Order{Deletes: true, Target: string(serverOf(2))}, &done); code != "" {
		t.Errorf("let go on: %q", code)
	}
	want(4, second, "exchange.approval")
	want(5, first, "exchange.approval")
}

// TestTheRulesOfNowCountForWhatWaits: less than before refuses what was held, and more lets others be sent.
func TestTheRulesOfNowCountForWhatWaits(t *testing.T) {
	p := newPlace(t)
	p.may(func(q *inbox.Peer) { q.Approve = []string{"article"} })
	one := theirs(1, "s/article/a", "text")
	p.send(one, "text")
	p.may(func(q *inbox.Peer) {
		q.Paths, q.Approve = []string{"t"}, []string{"article"}
		q.Where = func(setting string) string { return "live.yaml:9 of live" }
	})
	w := httptest.NewRecorder()
	p.exchange.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, exchange.Path+"approve", strings.NewReader(fmt.Sprintf(`{"id":%q}`, one.ID))))
	var f exchange.Failure
	p.must(json.Unmarshal(w.Body.Bytes(), &f))
	if f.Code != "denied" || !strings.HasSuffix(f.Message, "see paths in sync.peers, live.yaml:9 of live") {
		t.Errorf("approved what may not come any more: %+v", f)
	}
	if known, err := p.Known(t.Context(), []sync.ID{one.ID}); err != nil || known[0] {
		t.Errorf("it is known: %v, %v", known, err)
	}
	var status exchange.Status
	if p.ask("status", exchange.Order{}, &status); len(status.Links) != 1 || status.Approvals != 0 {
		t.Errorf("status %+v", status)
	}
	p.exchange.Use(nil)
	status = exchange.Status{}
	if p.ask("status", exchange.Order{}, &status); len(status.Links) != 0 {
		t.Errorf("without peers: %+v", status)
	}
	var done exchange.Done
	if code := p.ask("baseline", exchange.Order{Target: "test"}, &done); code != "unknown" {
		t.Errorf("to what is no peer any more: %q", code)
	}
	p.may(func(*inbox.Peer) {})
	p.made(1, "s/article/mine")
	p.made(2, "t/article/mine")
	p.may(func(q *inbox.Peer) { q.Paths = []string{"t"} })
	if code := p.ask("baseline", exchange.Order{Target: "test"}, &done); code != "" || done.N != 1 {
		t.Errorf("queued of two of which one may be sent: %q, %+v", code, done)
	}
}
