package exchange_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func serverOf(n byte) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

// nobody is an engine without content.
type nobody struct{ source.Source }

func (nobody) Changes(context.Context, int64, int) ([]source.Row, error) { return nil, nil }

type nonces struct{}

func (nonces) Use(context.Context, string, []byte, time.Duration) (bool, error) { return true, nil }
func (nonces) PruneNonces(context.Context) (int, error)                         { return 0, nil }

// place is the exchange of server 1: articles go to server 2, and nothing goes to server 3.
type place struct {
	*exchangetest.Memory
	t        *testing.T
	exchange *exchange.Exchange
}

func newPlace(t *testing.T) *place {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	p := &place{Memory: exchangetest.NewMemory(time.Now), t: t}
	peer := func(n byte, takes bool) exchange.Peer {
		return exchange.Peer{Peer: inbox.Peer{ID: serverOf(n), Sends: true, Kinds: []string{"article"}, MaxContent: 100}, Takes: takes}
	}
	var err error
	p.exchange, err = exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: nobody{}, Book: p, Blobs: p,
		Nonces: nonces{}, Peers: []exchange.Peer{peer(2, true), peer(3, false)}, Interval: time.Second,
		Log: logrus.NewEntry(log), Now: time.Now})
	p.must(err)
	_, err = p.Greet(t.Context(), stored.Server{ID: serverOf(2), Name: "test"})
	p.must(err)
	return p
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// ask has an order carried out, and returns the code of its failure.
func (p *place) ask(name string, o exchange.Order, into any) string {
	p.t.Helper()
	body, err := json.Marshal(o)
	p.must(err)
	w := httptest.NewRecorder()
	p.exchange.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, exchange.Path+name, bytes.NewReader(body)))
	if w.Code == http.StatusOK {
		p.must(json.Unmarshal(w.Body.Bytes(), into))
		return ""
	}
	var f exchange.Failure
	p.must(json.Unmarshal(w.Body.Bytes(), &f))
	return f.Code
}

// made accepts the kth change of server 1, for targets.
func (p *place) made(k uint64, o sync.Object, targets ...sync.ServerID) {
	p.t.Helper()
	d, size, err := p.Put(p.t.Context(), strings.NewReader(fmt.Sprint(o, k)))
	p.must(err)
	c := &sync.Change{ID: sync.ID{Origin: serverOf(1), Counter: k}, Object: o, Op: sync.Put, Payload: d, Size: size,
		Stamp: sync.Stamp{Milli: time.Now().UnixMilli()}}
	s, err := p.Object(p.t.Context(), o)
	p.must(err)
	c.Follow(s.Versions)
	c.Sign(keyOf(1))
	out := sync.Edit(s, c, int64(k))
	p.must(p.Accept(p.t.Context(), stored.Fence{}, stored.Acceptance{Outcome: &out, Targets: targets}))
}

// hello has server 3 tell of others.
func (p *place) hello(known ...sync.Server) {
	p.t.Helper()
	body, err := json.Marshal(sync.Hello{Name: "author", Versions: []int{sync.Version}, Clock: time.Now().UnixMilli(), Known: known})
	p.must(err)
	r := httptest.NewRequest(http.MethodPost, "https://live"+sync.Path+"hello", bytes.NewReader(body))
	signed.Sign(r, body, keyOf(3), time.Now(), [16]byte{})
	w := httptest.NewRecorder()
	p.must(p.exchange.Serve(w, r, func(string) {}))
	if w.Code != http.StatusOK {
		p.t.Fatal(w.Body)
	}
}

// TestADeadLetterIsFoundBehindAnyNumberOfOthers: status counts it and names this list.
func TestADeadLetterIsFoundBehindAnyNumberOfOthers(t *testing.T) {
	p := newPlace(t)
	p.made(1, "s/article/bad", serverOf(2))
	p.made(2, "s/article/worse", serverOf(2))
	for k := uint64(1); k <= 2; k++ {
		p.must(p.Settle(t.Context(), serverOf(2), stored.Result{ID: sync.ID{Origin: serverOf(1), Counter: k}, State: stored.Dead}))
	}
	for k := uint64(3); k < 200; k++ {
		p.made(k, "s/article/good", serverOf(2))
	}
	for _, tt := range []struct {
		order exchange.Order
		want  []uint64
	}{
		{exchange.Order{State: "dead"}, []uint64{2, 1}},
		{exchange.Order{State: "dead", Object: "s/article/bad"}, []uint64{1}},
		{exchange.Order{Limit: 2}, []uint64{199, 198}},
		{exchange.Order{State: "pending", Limit: 1}, []uint64{199}},
		{exchange.Order{State: "dropped"}, nil},
	} {
		var all []exchange.Event
		if code := p.ask("log", tt.order, &all); code != "" {
			t.Fatal(code)
		}
		var got []uint64
		for _, e := range all {
			got = append(got, e.ID.Counter)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: changes %v, want %v", tt.order, got, tt.want)
		}
	}
}

// TestALogOfManyIsAsLongAsItCanBe: who asks for more than are listed at most gets no fewer for it.
func TestALogOfManyIsAsLongAsItCanBe(t *testing.T) {
	p := newPlace(t)
	for k := uint64(1); k <= 150; k++ {
		p.made(k, "s/article/good", serverOf(2))
	}
	for limit, want := range map[int]int{0: 100, -1: 100, 120: 120, 5000: 150} {
		var all []exchange.Event
		if code := p.ask("log", exchange.Order{Limit: limit}, &all); code != "" || len(all) != want {
			t.Errorf("limit %d: %d changes, want %d; %q", limit, len(all), want, code)
		}
	}
}

// TestANameThatTwoHaveNamesNobody: a neighbour may say any name of a server that is far.
func TestANameThatTwoHaveNamesNobody(t *testing.T) {
	p := newPlace(t)
	p.hello(sync.Server{ID: serverOf(8), Name: "TEST"}, sync.Server{ID: serverOf(7), Name: strings.ToLower(string(serverOf(2)))},
		sync.Server{ID: serverOf(6), Name: "far\x1b[2J", Links: []sync.ServerID{"\x1b[2J", serverOf(7)}})
	var done exchange.Done
	for range 20 { // names are in no order
		if code := p.ask("hold", exchange.Order{Target: "test", Reason: "a freeze"}, &done); code != "input" {
			t.Fatalf("of two: %q", code)
		}
		if code := p.ask("hold", exchange.Order{Target: string(serverOf(2)), Reason: "a freeze"}, &done); code != "" {
			t.Fatalf("by its key, which is another's name: %q", code)
		}
	}
	var s exchange.Status
	if code := p.ask("status", exchange.Order{}, &s); code != "" || s.Targets[0].State != "held" {
		t.Errorf("%q, status %+v", code, s)
	}
	for _, o := range s.Servers {
		if strings.ContainsRune(o.Name, '\x1b') || o.ID == serverOf(6) && len(o.Links) != 1 {
			t.Errorf("server %q", o)
		}
	}
	if len(s.Servers) != 5 {
		t.Errorf("servers %q", s.Servers)
	}
}

// TestOrdersAreForTargets: what goes nowhere cannot be held, and is not queued.
func TestOrdersAreForTargets(t *testing.T) {
	p := newPlace(t)
	p.made(1, "s/article/a")
	p.made(2, "s/page/article/a")
	var done exchange.Done
	for _, target := range []string{"", "live", string(serverOf(3)), string(serverOf(9))} {
		for _, name := range []string{"baseline", "hold", "release"} {
			if code := p.ask(name, exchange.Order{Target: target, Reason: "a freeze"}, &done); code != "unknown" {
				t.Errorf("%s of %q: %q, %+v", name, target, code, done)
			}
		}
	}
	if code := p.ask("baseline", exchange.Order{Target: "Test"}, &done); code != "" || done.N != 1 {
		t.Errorf("%q, %+v, want the article alone", code, done)
	}
	if code := p.ask("hold", exchange.Order{Target: "test"}, &done); code != "input" {
		t.Errorf("without a reason: %q", code)
	}
	if code := p.ask("nothing", exchange.Order{}, &done); code != "input" {
		t.Errorf("no order: %q", code)
	}
}
