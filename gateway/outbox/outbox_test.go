package outbox_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/outbox"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func serverOf(n byte) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// peer is the other gateway, as what an http.Client reaches.
type peer struct {
	mu     stdsync.Mutex // guards what follows
	away   bool
	says   func(c *sync.Change) sync.Answer // of a change that is delivered; its ID is filled in
	hello  sync.Hello
	calls  map[string]int
	got    []sync.ID // delivered, in order
	most   int       // bytes of a message
	refuse int       // a status for every call
}

func (p *peer) set(do func(p *peer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do(p)
}

// called returns how often a call came.
func (p *peer) called(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[name]
}

// delivered returns what was, in order.
func (p *peer) delivered() []sync.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

func (p *peer) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, errors.New("connection refused")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(r.URL.Path, sync.Path)
	p.calls[name]++
	p.most = max(p.most, len(body))
	answer, err := json.Marshal(p.answer(name, body))
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if p.refuse != 0 {
		status, answer = p.refuse, []byte("no")
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(answer)), Request: r}
	signed.Answer(resp.Header, r, status, answer, keyOf(2))
	return resp, nil
}

func (p *peer) answer(name string, body []byte) any {
	if name == "hello" {
		return p.hello
	}
	if strings.HasPrefix(name, "blobs/") {
		return outbox.Part{Have: sync.MaxInline + 1} // it has come before
	}
	var o sync.Offer
	if err := json.Unmarshal(body, &o); err != nil {
		return err.Error()
	}
	var all sync.Answers
	for _, c := range o.Changes {
		a := sync.Answer{Status: sync.StatusWant}
		if name == "deliver" {
			a = p.says(c.Change)
			p.got = append(p.got, c.Change.ID)
		}
		a.ID = c.Change.ID
		all.Answers = append(all.Answers, a)
	}
	return all
}

// place is an outbox of server 1 with one target, server 2.
type place struct {
	*exchangetest.Memory
	t      *testing.T
	peer   *peer
	client *outbox.Client
	outbox *outbox.Outbox
	known  atomic.Pointer[[]sync.Server] // what server 1 knows of others
	may    atomic.Pointer[outbox.Rights]
}

// rights are what may be sent, unless a test says less.
func (p *place) rights() outbox.Rights {
	if less := p.may.Load(); less != nil {
		return *less
	}
	return outbox.Rights{Open: true, Kinds: []string{"article"}, Covers: func(sync.Object) bool { return true }}
}

// at plays with an outbox that runs, by a clock that does not wait.
func at(t *testing.T, play func(p *place)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &place{Memory: exchangetest.NewMemory(time.Now), t: t, peer: &peer{calls: map[string]int{},
			hello: sync.Hello{Name: "live", Versions: []int{sync.Version}},
			says:  func(*sync.Change) sync.Answer { return sync.Answer{Status: sync.StatusDone} }}}
		log := logrus.New()
		log.SetOutput(io.Discard)
		p.client = &outbox.Client{URL: "https://live", Peer: serverOf(2), Rights: p.rights, Key: keyOf(1), HTTP: &http.Client{Transport: p.peer}, Now: time.Now}
		var err error
		p.outbox, err = outbox.New(outbox.Config{Changes: p, Deliveries: p, Blobs: p, Now: time.Now, Log: logrus.NewEntry(log),
			Hello: func(context.Context, sync.ServerID) (sync.Hello, error) {
				h := sync.Hello{Name: "test"}
				if known := p.known.Load(); known != nil {
					h.Known = *known
				}
				return h, nil
			},
			Met: func(sync.ServerID, sync.Hello) {}},
			[]*outbox.Client{p.client})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.outbox.Run(ctx) }()
		play(p)
		cancel()
		must(t, <-done)
	})
}

// pass lets time go by.
func pass(d time.Duration) { <-time.After(d) }

// make accepts the nth change of server 1 for the target.
func (p *place) make(n uint64, o sync.Object, text string, needs ...sync.Object) {
	p.t.Helper()
	ctx := p.t.Context()
	d, size, err := p.Put(ctx, strings.NewReader(text))
	must(p.t, err)
	s, err := p.Object(ctx, o)
	must(p.t, err)
	c := &sync.Change{ID: sync.ID{Origin: serverOf(1), Counter: n}, Object: o, Op: sync.Put, Payload: d, Size: size,
		Needs: needs, Stamp: sync.Stamp{Milli: time.Now().UnixMilli()}}
	c.Follow(s.Versions)
	c.Sign(keyOf(1))
	out := sync.Edit(s, c, int64(n))
	must(p.t, p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out, Targets: []sync.ServerID{serverOf(2)}}))
	p.outbox.Wake()
}

// states are those of all deliveries, oldest first.
func (p *place) states() (all []exchange.DeliveryState) {
	p.t.Helper()
	found, err := p.Deliveries(p.t.Context(), exchange.Filter{})
	must(p.t, err)
	for _, d := range slices.Backward(found) {
		all = append(all, d.State)
	}
	return all
}

func (p *place) want(what string, want ...exchange.DeliveryState) {
	p.t.Helper()
	if got := p.states(); !slices.Equal(got, want) {
		p.t.Errorf("%s: deliveries are %v, want %v", what, got, want)
	}
}

// engineFails is the answer of a target whose engine could not do it.
func engineFails(*sync.Change) sync.Answer {
	return sync.Answer{Status: sync.StatusLater, Class: sync.ClassLater, Reason: "exchange.engine", Text: "no"}
}

func TestWhatIsQueuedArrivesInOrder(t *testing.T) {
	at(t, func(p *place) {
		for n, o := range []sync.Object{"s/article/a", "s/article/b", "s/article/a"} {
			p.make(uint64(n+1), o, "text "+string(o))
		}
		pass(time.Second)
		p.want("all", exchange.Done, exchange.Done, exchange.Done)
		if got := p.peer.delivered(); len(got) != 3 || got[0].Counter != 1 || got[2].Counter != 3 {
			t.Errorf("delivered %v", got)
		}
	})
}

// TestATargetIsToldWhoElseThereIs: a server that a hub met later was never told of to those at rest, and could
// not be called by its name there.
func TestATargetIsToldWhoElseThereIs(t *testing.T) {
	at(t, func(p *place) {
		pass(time.Hour)
		if n := p.peer.called("hello"); n != 1 {
			t.Errorf("%d hellos with nothing to tell, want 1", n)
		}
		for i, know := range [][]sync.Server{
			{{ID: serverOf(3), Name: "three"}},
			{{ID: serverOf(3), Name: "three"}, {ID: serverOf(4), Name: "four"}},
			{{ID: serverOf(4), Name: "four"}, {ID: serverOf(3), Name: "renamed"}},
		} {
			p.known.Store(&know)
			pass(time.Minute)
			if n := p.peer.called("hello"); n != i+2 {
				t.Errorf("%d hellos after %d news, want one for each", n, i+1)
			}
		}
	})
}

// TestAnAbsenceIsNoFailureOfTheChange: however often nobody was there, one failure of the engine behind
// does not make a dead letter.
func TestAnAbsenceIsNoFailureOfTheChange(t *testing.T) {
	at(t, func(p *place) {
		p.peer.set(func(p *peer) { p.away = true })
		p.make(1, "s/article/a", "text")
		pass(6 * time.Hour)
		all, err := p.Deliveries(t.Context(), exchange.Filter{})
		must(t, err)
		if len(all) != 1 || all[0].Tries < 12 {
			t.Fatalf("deliveries %+v", all)
		}
		p.peer.set(func(p *peer) { p.away, p.says = false, engineFails })
		pass(20 * time.Minute)
		p.want("the engine failed once", exchange.Pending)
		p.peer.set(func(p *peer) {
			p.says = func(*sync.Change) sync.Answer {
				return sync.Answer{Status: sync.StatusLater, Class: sync.ClassLater, Reason: "exchange.away"}
			}
		})
		pass(48 * time.Hour)
		p.want("the engine is away for two days", exchange.Pending)
		p.peer.set(func(p *peer) { p.says = func(*sync.Change) sync.Answer { return sync.Answer{Status: sync.StatusDone} } })
		pass(20 * time.Minute)
		p.want("it is back", exchange.Done)
	})
}

func TestAChangeThatItsEngineCannotTakeIsADeadLetter(t *testing.T) {
	at(t, func(p *place) {
		p.peer.set(func(p *peer) {
			p.says = func(c *sync.Change) sync.Answer {
				if c.Object == "s/article/bad" {
					return engineFails(c)
				}
				return sync.Answer{Status: sync.StatusDone}
			}
		})
		p.make(1, "s/article/bad", "text")
		p.make(2, "s/article/good", "text")
		pass(5 * time.Minute)
		p.want("at first", exchange.Pending, exchange.Done)
		pass(3 * time.Hour)
		p.want("after ten tries", exchange.Dead, exchange.Done)
		if n := len(p.peer.delivered()); n != 11 {
			t.Errorf("%d deliveries, want ten tries and the other", n)
		}
	})
}

// TestATargetStopsUntilItIsMended: what an operator must mend is tried once.
func TestATargetStopsUntilItIsMended(t *testing.T) {
	at(t, func(p *place) {
		p.peer.set(func(p *peer) { p.refuse = http.StatusForbidden })
		p.make(1, "s/article/a", "text")
		pass(time.Hour)
		all, err := p.Targets(t.Context(), serverOf(2))
		must(t, err)
		if all[0].State != exchange.Stopped || !strings.Contains(all[0].Reason, "403") || p.peer.called("hello") != 1 {
			t.Errorf("target %+v after %d calls", all[0], p.peer.called("hello"))
		}
		p.peer.set(func(p *peer) { p.refuse = 0 })
		must(t, p.SetTarget(t.Context(), serverOf(2), exchange.Open, "", 0))
		_, err = p.Retry(t.Context(), exchange.Filter{Target: serverOf(2)})
		must(t, err)
		pass(time.Minute)
		p.want("mended", exchange.Done)
	})
}

// TestSomebodyElseSendsIt: what another neighbour brings is asked for each second, and never more seldom.
func TestSomebodyElseSendsIt(t *testing.T) {
	at(t, func(p *place) {
		p.peer.set(func(p *peer) {
			p.says = func(*sync.Change) sync.Answer { return sync.Answer{Status: sync.StatusBusy, Class: sync.ClassLater} }
		})
		p.make(1, "s/article/a", "text")
		pass(time.Minute)
		if n := p.peer.called("deliver"); n < 45 || n > 80 {
			t.Errorf("asked %d times in a minute", n)
		}
		p.want("it does not come", exchange.Pending)
		p.peer.set(func(p *peer) { p.says = func(*sync.Change) sync.Answer { return sync.Answer{Status: sync.StatusDone} } })
		pass(1300 * time.Millisecond)
		p.want("it came", exchange.Done)
	})
}

// TestARetryIsAtOnce: behind a failure nothing is tried for a while, unless somebody says so.
func TestARetryIsAtOnce(t *testing.T) {
	at(t, func(p *place) {
		p.peer.set(func(p *peer) { p.away = true })
		p.make(1, "s/article/a", "text")
		pass(6 * time.Hour)
		p.peer.set(func(p *peer) { p.away = false })
		p.outbox.Wake()
		pass(time.Second)
		p.want("nobody says so", exchange.Pending)
		_, err := p.Retry(t.Context(), exchange.Filter{Target: serverOf(2)})
		must(t, err)
		p.outbox.Wake()
		pass(time.Millisecond)
		p.want("somebody does", exchange.Done)
	})
}

func TestWhatATargetNeverTakesHoldsNobody(t *testing.T) {
	at(t, func(p *place) {
		p.peer.set(func(p *peer) {
			p.says = func(c *sync.Change) sync.Answer {
				if c.ID.Counter == 1 {
					return sync.Answer{Status: sync.StatusRefused, Class: sync.ClassNever, Text: "no such kind"}
				}
				return sync.Answer{Status: sync.StatusHeld}
			}
		})
		p.make(1, "s/article/a", "one")
		p.make(2, "s/article/a", "two")
		pass(time.Second)
		p.want("refused for good, and held in a conflict", exchange.Dead, exchange.Done)
	})
}

// TestTheLargestChangesWithContentsAreOneMessage that the other side reads: one that is too long stops the target.
func TestTheLargestChangesWithContentsAreOneMessage(t *testing.T) {
	at(t, func(p *place) {
		var needs []sync.Object
		for i := range 30 {
			needs = append(needs, sync.Object(strings.Repeat("s", 190)+"/article/"+strings.Repeat("n", 290)+strconv.Itoa(i)))
		}
		p.peer.set(func(p *peer) { p.away = true })
		for n := range uint64(2 * sync.MaxOffer) {
			o := sync.Object("s/article/" + strconv.FormatUint(n, 10))
			p.make(n+1, o, string(o)+strings.Repeat("x", sync.MaxDeliver/sync.MaxOffer-32), needs...)
		}
		p.peer.set(func(p *peer) { p.away = false })
		pass(time.Hour)
		got := len(p.peer.delivered())
		p.peer.set(func(p *peer) {
			if got != 2*sync.MaxOffer || p.most > sync.MaxMessage || p.most < sync.MaxMessage/2 {
				t.Errorf("%d delivered, a message had %d bytes", got, p.most)
			}
		})
	})
}

// TestWhatWaitsForAPersonHoldsNobodyUp: a newer version of the object is offered, others are delivered, and what waits
// is asked for again until somebody approved it.
func TestWhatWaitsForAPersonHoldsNobodyUp(t *testing.T) {
	at(t, func(p *place) {
		var approved atomic.Bool
		p.peer.says = func(c *sync.Change) sync.Answer {
			if c.Object == "s/article/a" && !approved.Load() {
				return sync.Answer{Status: sync.StatusWait, Class: sync.ClassWaiting, Reason: "exchange.approval", Text: "somebody must approve it"}
			}
			return sync.Answer{Status: sync.StatusDone}
		}
		p.make(1, "s/article/a", "one")
		pass(time.Minute)
		p.make(2, "s/article/a", "two")
		p.make(3, "s/article/b", "three")
		pass(time.Second)
		got := p.peer.delivered()
		for _, k := range []uint64{2, 3} {
			if !slices.Contains(got, sync.ID{Origin: serverOf(1), Counter: k}) {
				t.Errorf("change %d was not offered: %v", k, got)
			}
		}
		all, err := p.Targets(t.Context(), serverOf(2))
		must(t, err)
		if all[0].Waiting != 2 || all[0].Open != 2 || all[0].Failure != "somebody must approve it" {
			t.Errorf("target %+v", all[0])
		}
		approved.Store(true)
		pass(20 * time.Minute)
		if all, err = p.Targets(t.Context(), serverOf(2)); err != nil || all[0].Open != 0 || all[0].Dead != 0 {
			t.Errorf("once it was approved: %+v, %v", all[0], err)
		}
	})
}

// TestWhatMayNotBeSentAnyMoreIsNot: the queue is held against the rules of now, and the target is greeted anew, so
// that what may be sent from now on is.
func TestWhatMayNotBeSentAnyMoreIsNot(t *testing.T) {
	at(t, func(p *place) {
		below := func(path string) func(o sync.Object) bool {
			return func(o sync.Object) bool { return strings.HasPrefix(string(o), path) }
		}
		where := func(setting string) string { return "test.yaml:9 of test (" + setting + ")" }
		p.may.Store(&outbox.Rights{Open: true, Kinds: []string{"article"}, Covers: below("s/article/a"), Where: where})
		p.make(1, "s/article/b", "one")
		p.make(2, "s/article/a", "two")
		pass(time.Minute)
		if got := p.peer.delivered(); len(got) != 1 || got[0].Counter != 2 {
			t.Errorf("delivered %v", got)
		}
		dead, err := p.Deliveries(t.Context(), exchange.Filter{State: exchange.Dead})
		must(t, err)
		if want := "s/article/b is not sent there any more: see kinds and paths in sync.peers, test.yaml:9 of test (kinds)"; len(dead) != 1 ||
			dead[0].Reason != want || dead[0].Class != string(sync.ClassNever) {
			t.Errorf("dead %+v, want %q", dead, want)
		}
		p.may.Store(&outbox.Rights{})
		p.outbox.Greet()
		p.make(3, "s/article/a", "three")
		pass(time.Minute)
		if got, calls := p.peer.delivered(), p.peer.called("hello"); len(got) != 1 || calls != 1 {
			t.Errorf("to what is no peer any more: %v, %d hellos", got, calls)
		}
		p.may.Store(&outbox.Rights{Open: true, Kinds: []string{"article"}, Covers: below("s/")})
		p.outbox.Greet()
		pass(time.Minute)
		if got, calls := p.peer.delivered(), p.peer.called("hello"); len(got) != 2 || calls != 2 {
			t.Errorf("with the rules as they were: %v, %d hellos", got, calls)
		}
		if n, err := p.Retry(t.Context(), exchange.Filter{State: exchange.Dead}); err != nil || n != 1 {
			t.Errorf("retried %d, %v", n, err)
		}
		pass(time.Minute)
		if got := p.peer.delivered(); len(got) != 3 {
			t.Errorf("and what was a dead letter: %v", got)
		}
	})
}
