package exchange_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// opposite is what reaches another exchange without a network.
type opposite struct {
	x             *exchange.Exchange
	away          bool
	before, after func() // what happens meanwhile; nil for nothing
}

func (o *opposite) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.away {
		return nil, errors.New("connection refused")
	}
	if o.before != nil {
		o.before()
	}
	in := httptest.NewRequest(r.Method, r.URL.String(), r.Body)
	in.Header = r.Header
	w := httptest.NewRecorder()
	if err := o.x.Serve(w, in, func(string) {}); err != nil {
		return nil, err
	}
	if o.after != nil {
		o.after()
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// two are servers 1 and 2, which exchange articles and nothing else.
type two struct {
	here, there *place
	between     *opposite
}

func newTwo(t *testing.T) *two {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	w := &two{between: &opposite{}}
	side := func(self, other byte, name string) *place {
		p := &place{Memory: exchangetest.NewMemory(time.Now), t: t}
		var err error
		p.exchange, err = exchange.New(exchange.Config{Name: name, Key: keyOf(self), Source: nobody{}, Book: p, Blobs: p, Nonces: nonces{},
			Peers: []exchange.Peer{{Peer: inbox.Peer{ID: serverOf(other), Sends: true, Kinds: []string{"article"}}, Takes: true,
				URL: "https://" + name, HTTP: &http.Client{Transport: w.between}}},
			Interval: time.Second, Log: logrus.NewEntry(log), Now: time.Now})
		p.must(err)
		_, err = p.Greet(t.Context(), stored.Server{ID: serverOf(other), Name: fmt.Sprint("server", other)})
		p.must(err)
		return p
	}
	w.here, w.there = side(1, 2, "here"), side(2, 1, "there")
	w.between.x = w.there.exchange
	return w
}

// shows has a server show a text of an object, as change k of server 3; an empty text deletes.
func (p *place) shows(k uint64, o sync.Object, text string, on ...*sync.Change) *sync.Change {
	p.t.Helper()
	p.must(p.PutAll(p.t.Context(), []byte(text)))
	c := &sync.Change{ID: sync.ID{Origin: serverOf(3), Counter: k}, Object: o, Op: sync.Put, Payload: sync.DigestOf([]byte(text)),
		Size: int64(len(text)), Stamp: sync.Stamp{Milli: int64(k)}}
	if text == "" {
		c.Op, c.Payload = sync.Delete, sync.Digest{}
	}
	c.Follow(on)
	c.Sign(keyOf(3))
	s, err := p.Object(p.t.Context(), o)
	p.must(err)
	out := sync.Receive(s, c, sync.Policy{})
	p.must(p.Accept(p.t.Context(), stored.Fence{}, stored.Acceptance{Outcome: &out}))
	return c
}

func TestCompare(t *testing.T) {
	w := newTwo(t)
	for _, p := range []*place{w.here, w.there} {
		p.shows(1, "s/article/same", "same")
		gone := p.shows(2, "s/article/gone", "text")
		p.shows(3, "s/article/gone", "", gone)
	}
	w.here.shows(4, "s/article/a-only-here", "x")
	w.there.shows(5, "s/article/z-only-there", "x")
	w.here.shows(6, "s/article/differs", "one")
	w.there.shows(7, "s/article/differs", "two")
	w.here.shows(8, "s/article/deleted-there", "x")
	old := w.there.shows(8, "s/article/deleted-there", "x")
	w.there.shows(9, "s/article/deleted-there", "", old)
	w.here.made(2, "s/article/held")
	w.here.shows(11, "s/article/held", "theirs")
	w.there.shows(11, "s/article/held", "theirs")
	w.here.made(1, "s/article/under-way", serverOf(2))
	w.here.shows(12, "s/page/not-exchanged", "x")
	w.there.shows(13, "s/page/nor-this", "y")
	var got exchange.Comparison
	if code := w.here.ask("compare", exchange.Order{Target: "server2"}, &got); code != "" {
		t.Fatal(code)
	}
	want := map[sync.Object]string{"s/article/a-only-here": "only here", "s/article/z-only-there": "only there", "s/article/differs": "differs",
		"s/article/deleted-there": "only here", "s/article/held": "conflict", "s/article/under-way": "on its way"}
	if got.Same != 1 || len(got.Differences) != len(want) || got.More || got.Target != "server2" {
		t.Errorf("%+v", got)
	}
	last := sync.Object("")
	for _, d := range got.Differences {
		if d.Why != want[d.Object] || d.Object <= last {
			t.Errorf("%s is told as %q, want %q", d.Object, d.Why, want[d.Object])
		}
		last = d.Object
		if (d.Here == "") != (d.Why == "only there") || (d.There == "") != (d.Why == "only here" || d.Why == "on its way") {
			t.Errorf("%+v", d)
		}
	}
}

// TestCompareWhileChangesArrive: what arrived behind the page that was read, and what was made behind it, differs
// for no other reason.
func TestCompareWhileChangesArrive(t *testing.T) {
	w := newTwo(t)
	w.here.made(1, "s/article/arrives", serverOf(2))
	w.between.before = func() {
		w.here.made(2, "s/article/made", serverOf(2))
		w.there.shows(1, "s/article/made", "as it is there already")
	}
	w.between.after = func() {
		w.here.must(w.here.Settle(t.Context(), serverOf(2), stored.Result{ID: sync.ID{Origin: serverOf(1), Counter: 1}, State: stored.Done}))
	}
	var got exchange.Comparison
	if code := w.here.ask("compare", exchange.Order{Target: "server2"}, &got); code != "" {
		t.Fatal(code)
	}
	if len(got.Differences) != 2 || got.Differences[0].Why != "on its way" || got.Differences[1].Why != "on its way" {
		t.Errorf("%+v", got)
	}
}

// TestCompareMany reads both sides page by page, and lists as much as somebody may want to read.
func TestCompareMany(t *testing.T) {
	w := newTwo(t)
	const n = 2*sync.MaxCompare + 7
	for i := range n {
		o := sync.Object(fmt.Sprintf("s/article/%05d", i))
		w.here.shows(uint64(i+1), o, "text")
		if i%5 != 0 {
			w.there.shows(uint64(i+1), o, "text")
		}
	}
	for i := range 1200 { // pages of the other side that have nothing to compare
		w.there.shows(uint64(n+i+1), sync.Object(fmt.Sprintf("s/page/%05d", i)), "text")
	}
	var got exchange.Comparison
	if code := w.here.ask("compare", exchange.Order{Target: "server2"}, &got); code != "" {
		t.Fatal(code)
	}
	if missing := (n + 4) / 5; got.Same != n-missing || len(got.Differences) != missing || got.More {
		t.Errorf("%d the same, %d different, more %v; want %d and %d", got.Same, len(got.Differences), got.More, n-missing, missing)
	}
	for i := range 700 {
		w.here.shows(uint64(n+5000+i), sync.Object(fmt.Sprintf("s/article/x%05d", i)), "text")
	}
	if code := w.here.ask("compare", exchange.Order{Target: "server2"}, &got); code != "" {
		t.Fatal(code)
	}
	if len(got.Differences) != 1000 || !got.More {
		t.Errorf("%d differences, more %v", len(got.Differences), got.More)
	}
}

func TestCompareThatCannotBe(t *testing.T) {
	w := newTwo(t)
	var got exchange.Comparison
	if code := w.here.ask("compare", exchange.Order{Target: "nobody"}, &got); code != "unknown" {
		t.Errorf("a server that nobody knows: %q", code)
	}
	w.between.away = true
	if code := w.here.ask("compare", exchange.Order{Target: "server2"}, &got); code != "peer" {
		t.Errorf("one that is away: %q", code)
	}
	p := newPlace(t)
	if code := p.ask("compare", exchange.Order{Target: string(serverOf(3))}, &got); code != "unknown" {
		t.Errorf("one to which nothing goes: %q", code)
	}
}

// stuck says for ever that there is more.
type stuck struct{ calls int }

func (s *stuck) RoundTrip(*http.Request) (*http.Response, error) {
	s.calls++
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(`{"more":true}`)))}, nil
}

// TestCompareWithNobodyWhoSigns: what is not signed by the peer counts for nothing.
func TestCompareWithNobodyWhoSigns(t *testing.T) {
	s := &stuck{}
	log := logrus.New()
	log.SetOutput(io.Discard)
	p := &place{Memory: exchangetest.NewMemory(time.Now), t: t}
	var err error
	p.exchange, err = exchange.New(exchange.Config{Name: "here", Key: keyOf(1), Source: nobody{}, Book: p, Blobs: p, Nonces: nonces{},
		Peers: []exchange.Peer{{Peer: inbox.Peer{ID: serverOf(2), Kinds: []string{"article"}}, Takes: true, URL: "https://there",
			HTTP: &http.Client{Transport: s}}}, Interval: time.Second, Log: logrus.NewEntry(log), Now: time.Now})
	p.must(err)
	var got exchange.Comparison
	if code := p.ask("compare", exchange.Order{Target: string(serverOf(2))}, &got); code != "peer" || s.calls != 1 {
		t.Errorf("code %q after %d calls", code, s.calls)
	}
}
