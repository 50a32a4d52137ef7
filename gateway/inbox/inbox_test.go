package inbox_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/store/blobs"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func serverOf(n byte) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

// receiver takes everything that comes, as its answer says.
type receiver struct {
	answer sync.Answer
	took   []sync.ID
	asked  func() // after it has looked what it wants
}

func (r *receiver) Wanted(_ context.Context, _ sync.ServerID, offered []sync.Offered) (all []sync.Answer, err error) {
	for _, o := range offered {
		status := sync.StatusWant
		if slices.Contains(r.took, o.Change.ID) {
			status = sync.StatusDone
		}
		all = append(all, sync.Answer{ID: o.Change.ID, Status: status})
	}
	if r.asked != nil {
		r.asked()
	}
	return all, nil
}

func (r *receiver) Receive(_ context.Context, _ sync.ServerID, offered []sync.Offered) (all []sync.Answer) {
	for _, o := range offered {
		r.took = append(r.took, o.Change.ID)
		a := r.answer
		a.ID = o.Change.ID
		all = append(all, a)
	}
	return all
}

// nonces know what was used.
type nonces map[string]bool

func (n nonces) Use(_ context.Context, scope string, nonce []byte, _ time.Duration) (bool, error) {
	key := scope + string(nonce)
	used := n[key]
	n[key] = true
	return !used, nil
}

func (n nonces) PruneNonces(context.Context) (int, error) { return 0, nil }

// place is the inbox of server 1, with the peers 2 and 3.
type place struct {
	t        *testing.T
	now      time.Time
	book     *exchangetest.Memory
	blobs    *blobs.Folder
	receiver *receiver
	inbox    *inbox.Inbox
	peers    []inbox.Peer
	refused  []sync.Answer
	compared string // what was asked for last
	met      []sync.Hello
	nonce    byte
}

func newPlace(t *testing.T, change func(p *inbox.Peer)) *place {
	t.Helper()
	p := &place{t: t, now: time.Now(), receiver: &receiver{answer: sync.Answer{Status: sync.StatusDone}}}
	clock := func() time.Time { return p.now }
	p.book = exchangetest.NewMemory(clock)
	for _, n := range []byte{2, 3} {
		peer := inbox.Peer{ID: serverOf(n), Sends: true, Kinds: []string{"article"}, Deletes: true, PerHour: 2, MaxContent: 100}
		change(&peer)
		p.peers = append(p.peers, peer)
	}
	var err error
	if p.blobs, err = blobs.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	p.start()
	return p
}

// start makes the inbox of a process on what is kept.
func (p *place) start() {
	p.t.Helper()
	var err error
	p.inbox, err = inbox.New(inbox.Config{Key: keyOf(1), Peers: func() []inbox.Peer { return p.peers }, Receiver: p.receiver,
		Blobs: p.blobs, Deliveries: p.book, Allowances: p.book, Nonces: nonces{}, Now: func() time.Time { return p.now },
		Hello: func(context.Context, sync.ServerID) (sync.Hello, error) {
			return sync.Hello{Name: "live", Versions: []int{sync.Version}}, nil
		},
		Shown: func(_ context.Context, covers func(o sync.Object) bool, q sync.Compare) (sync.Page, error) {
			p.compared = fmt.Sprint(covers("s/article/a"), covers("s/user/a"), covers("t/article/a"), q.After, q.Limit)
			return sync.Page{Shown: []sync.Shown{{Object: "s/article/a"}}, Last: "s/article/a", More: true}, nil
		},
		Met:     func(_ sync.ServerID, h sync.Hello) { p.met = append(p.met, h) },
		Refused: func(_ sync.ServerID, _ *sync.Change, a sync.Answer) { p.refused = append(p.refused, a) }})
	if err != nil {
		p.t.Fatal(err)
	}
}

func as(*inbox.Peer) {}

// send has server n send a message, and returns the status and the answer.
func (p *place) send(n byte, method, name string, message, into any) (int, error) {
	p.t.Helper()
	body, ok := message.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(message); err != nil {
			p.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, "https://live"+sync.Path+name, bytes.NewReader(body))
	p.nonce++
	signed.Sign(r, body, keyOf(n), p.now, [16]byte{p.nonce})
	return p.serve(r, into)
}

func (p *place) serve(r *http.Request, into any) (int, error) {
	p.t.Helper()
	w := httptest.NewRecorder()
	if err := p.inbox.Serve(w, r, func(string) {}); err != nil {
		return 0, err
	}
	resp := w.Result()
	if key, err := signed.VerifyAnswer(resp, r, w.Body.Bytes()); err != nil || sync.IDOf(key) != serverOf(1) {
		p.t.Errorf("the answer is not signed by the gateway: %v", err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, errors.New(w.Body.String())
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		p.t.Fatalf("%v in %s", err, w.Body)
	}
	return resp.StatusCode, nil
}

// change is the kth of server n, which puts text; none deletes.
func (p *place) change(n byte, k uint64, o sync.Object, text string) *sync.Change {
	c := &sync.Change{ID: sync.ID{Origin: serverOf(n), Counter: k}, Object: o, Op: sync.Delete,
		Stamp: sync.Stamp{Milli: p.now.UnixMilli()}}
	if text != "" {
		c.Op, c.Payload, c.Size = sync.Put, sync.DigestOf([]byte(text)), int64(len(text))
	}
	c.Follow(nil)
	c.Sign(keyOf(n))
	return c
}

// deliver has server n send changes, and returns the answers.
func (p *place) deliver(n byte, name string, all ...sync.Offered) []sync.Answer {
	p.t.Helper()
	var got sync.Answers
	if _, err := p.send(n, http.MethodPost, name, sync.Offer{Changes: all}, &got); err != nil {
		p.t.Fatal(err)
	}
	if len(got.Answers) != len(all) {
		p.t.Fatalf("%d answers to %d changes", len(got.Answers), len(all))
	}
	return got.Answers
}

func TestWhatIsSentArrivesWithItsContent(t *testing.T) {
	p := newPlace(t, as)
	c := p.change(2, 1, "s/article/a", "text")
	if got := p.deliver(2, "offer", sync.Offered{Change: c})[0]; got.Status != sync.StatusWant {
		t.Fatalf("offered: %+v", got)
	}
	if got := p.deliver(3, "offer", sync.Offered{Change: c})[0]; got.Status != sync.StatusBusy {
		t.Errorf("offered by another meanwhile: %+v", got)
	}
	if got := p.deliver(2, "deliver", sync.Offered{Change: c, Content: []byte("text")})[0]; got.Status != sync.StatusDone {
		t.Errorf("delivered: %+v", got)
	}
	if size, err := p.blobs.Part(t.Context(), c.Payload); err != nil || size != 4 || len(p.receiver.took) != 1 {
		t.Errorf("content of %d bytes, %v, took %v", size, err, p.receiver.took)
	}
	if got := p.deliver(3, "offer", sync.Offered{Change: c})[0]; got.Status != sync.StatusDone {
		t.Errorf("offered by another afterwards: %+v", got)
	}
	if got := p.deliver(2, "deliver", sync.Offered{Change: c, Content: []byte("text")})[0]; got.Status != sync.StatusDone {
		t.Errorf("delivered once more: %+v", got)
	}
}

// TestWhatIsDeliveredWhileAnotherOffersIsNotWanted: it is known before the other has its answer.
func TestWhatIsDeliveredWhileAnotherOffersIsNotWanted(t *testing.T) {
	p := newPlace(t, as)
	c := p.change(2, 1, "s/article/a", "text")
	if got := p.deliver(2, "offer", sync.Offered{Change: c})[0]; got.Status != sync.StatusWant {
		t.Fatalf("offered: %+v", got)
	}
	p.receiver.asked = func() {
		p.receiver.asked = nil
		if got := p.deliver(2, "deliver", sync.Offered{Change: c, Content: []byte("text")})[0]; got.Status != sync.StatusDone {
			t.Errorf("delivered: %+v", got)
		}
	}
	if got := p.deliver(3, "offer", sync.Offered{Change: c})[0]; got.Status != sync.StatusBusy {
		t.Errorf("offered by another meanwhile: %+v", got)
	}
	if got := p.deliver(3, "offer", sync.Offered{Change: c})[0]; got.Status != sync.StatusDone {
		t.Errorf("offered by another afterwards: %+v", got)
	}
}

// TestAnEmptyContentArrives: a message does not tell it from none, but its change does.
func TestAnEmptyContentArrives(t *testing.T) {
	p := newPlace(t, as)
	c := p.change(2, 1, "s/article/a", "")
	c.Op, c.Payload = sync.Put, sync.DigestOf(nil)
	c.Sign(keyOf(2))
	if got := p.deliver(2, "deliver", sync.Offered{Change: c, Content: []byte{}})[0]; got.Status != sync.StatusDone {
		t.Errorf("delivered: %+v", got)
	}
	if here, err := p.blobs.Hold(t.Context(), c.Payload); err != nil || !here {
		t.Errorf("its content is here: %t, %v", here, err)
	}
	lie := p.change(2, 2, "s/article/b", "text")
	lie.Size = 0
	lie.Sign(keyOf(2))
	if got := p.deliver(2, "deliver", sync.Offered{Change: lie})[0]; got.Reason != inbox.ReasonForged || len(p.receiver.took) != 1 {
		t.Errorf("one that is not empty: %+v", got)
	}
}

// TestWhatAPeerMayNotDo is refused before it is received, and told.
func TestWhatAPeerMayNotDo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		peer   func(p *inbox.Peer)
		forge  func(p *place, c *sync.Offered)
		class  sync.Class
		reason string
	}{
		{"another content", as, func(_ *place, c *sync.Offered) { c.Content = []byte("tex!") }, sync.ClassNever, inbox.ReasonForged},
		{"another title", as, func(_ *place, c *sync.Offered) { c.Change.Title = "x" }, sync.ClassNever, inbox.ReasonForged},
		{"a stranger's", as, func(p *place, c *sync.Offered) { c.Change = p.change(9, 1, "s/article/a", "text") },
			sync.ClassNever, inbox.ReasonOrigin},
		{"from the future", as, func(p *place, c *sync.Offered) {
			c.Change.Stamp.Milli = p.now.Add(2 * sync.MaxAhead).UnixMilli()
			c.Change.Sign(keyOf(2))
		}, sync.ClassOperator, inbox.ReasonClock},
		{"another kind", as, func(p *place, c *sync.Offered) { c.Change = p.change(2, 1, "s/user/a", "text") },
			sync.ClassNever, inbox.ReasonKind},
		{"a kind in an id", as, func(p *place, c *sync.Offered) { c.Change = p.change(2, 1, "s/user/article/a", "text") },
			sync.ClassNever, inbox.ReasonKind},
		{"another path", func(p *inbox.Peer) { p.Paths = []string{"s/page", "t", "s/article/b"} }, nil, sync.ClassNever, inbox.ReasonPath},
		{"a path that begins alike", func(p *inbox.Peer) { p.Paths = []string{"s/art", "s/article/"} }, nil, sync.ClassNever, inbox.ReasonPath},
		{"nothing", func(p *inbox.Peer) { p.Sends = false }, nil, sync.ClassOperator, inbox.ReasonDirection},
		{"no deletion", func(p *inbox.Peer) { p.Deletes = false }, func(p *place, c *sync.Offered) {
			*c = sync.Offered{Change: p.change(2, 1, "s/article/a", "")}
		}, sync.ClassNever, inbox.ReasonDelete},
		{"too large", func(p *inbox.Peer) { p.MaxContent = 3 }, nil, sync.ClassNever, inbox.ReasonSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, tt.peer)
			bad := sync.Offered{Change: p.change(2, 1, "s/article/a", "text"), Content: []byte("text")}
			if tt.forge != nil {
				tt.forge(p, &bad)
			}
			got := p.deliver(2, "deliver", bad)[0]
			if got.Status != sync.StatusRefused || got.Class != tt.class || got.Reason != tt.reason || got.ID != bad.Change.ID {
				t.Errorf("answer %+v", got)
			}
			if len(p.receiver.took) != 0 || len(p.refused) != 1 {
				t.Errorf("took %v, told %v", p.receiver.took, p.refused)
			}
			if size, err := p.blobs.Part(t.Context(), sync.DigestOf(bad.Content)); err != nil || size != 0 {
				t.Errorf("%d bytes of its content were kept, %v", size, err)
			}
		})
	}
}

// TestADeletionThatIsTriedAgainCountsOnce: that of a folder waits until what lies in it is gone, and
// must not use up what the peer may delete.
func TestADeletionThatIsTriedAgainCountsOnce(t *testing.T) {
	p := newPlace(t, as)
	p.receiver.answer = sync.Answer{Status: sync.StatusWait, Class: sync.ClassWaiting}
	folder := sync.Offered{Change: p.change(2, 1, "s/article/folder", "")}
	for range 5 {
		if got := p.deliver(2, "deliver", folder)[0]; got.Status != sync.StatusWait {
			t.Fatalf("answer %+v", got)
		}
	}
	gone := func(k uint64) string {
		return p.deliver(2, "deliver", sync.Offered{Change: p.change(2, k, "s/article/a", "")})[0].Reason
	}
	if got := gone(2); got != "" {
		t.Errorf("the second deletion of two: %s", got)
	}
	if got := gone(3); got != inbox.ReasonDeletes || len(p.refused) != 1 || p.refused[0].Class != sync.ClassOperator {
		t.Errorf("the third deletion of two: %q, told %+v", got, p.refused)
	}
	p.now = p.now.Add(time.Hour)
	if got := gone(3); got != "" {
		t.Errorf("an hour later: %s", got)
	}
}

func TestNames(t *testing.T) {
	p := newPlace(t, as)
	hello := func(n byte, name string) (int, error) {
		h := sync.Hello{Name: name, Versions: []int{sync.Version}, Clock: p.now.UnixMilli(),
			Links: []sync.ServerID{serverOf(1), "\x1b[2J"}}
		return p.send(n, http.MethodPost, "hello", h, &sync.Hello{})
	}
	if _, err := hello(2, "te\x1b[2Jst"); err != nil {
		t.Fatal(err)
	}
	all, err := p.book.Servers(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "te [2Jst" || fmt.Sprint(all[0].Links) != fmt.Sprint([]sync.ServerID{serverOf(1)}) {
		t.Errorf("kept %q, %v", all, err)
	}
	for name, holder := range map[string]sync.ServerID{"TE [2Jst": serverOf(2), "Live": serverOf(1)} {
		if status, err := hello(3, name); status != http.StatusConflict || !strings.Contains(err.Error(), string(holder)) {
			t.Errorf("%q, which is taken: %d, %v", name, status, err)
		}
	}
	if len(p.met) != 1 {
		t.Errorf("met %d", len(p.met))
	}
}

// TestWhoIsNoPeer gets no answer of the gateway's.
func TestWhoIsNoPeer(t *testing.T) {
	p := newPlace(t, as)
	message := []byte(`{"changes":[]}`)
	request := func(n byte) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "https://live"+sync.Path+"offer", bytes.NewReader(message))
		signed.Sign(r, message, keyOf(n), p.now, [16]byte{n})
		return r
	}
	again := request(2)
	if status, err := p.serve(request(2), nil); status != http.StatusBadRequest {
		t.Fatalf("%d, %v", status, err)
	}
	unsigned := request(3)
	unsigned.Header.Del("Signature")
	for reason, r := range map[tunnel.Reason]*http.Request{inbox.ReasonPeer: request(9), inbox.ReasonReplay: again,
		inbox.ReasonSignature: unsigned} {
		var refused *tunnel.Problem
		if _, err := p.serve(r, nil); !errors.As(err, &refused) || refused.Reason != reason {
			t.Errorf("%v, want %s", err, reason)
		}
	}
}

func TestLargeContentsComeInParts(t *testing.T) {
	p := newPlace(t, as)
	text := strings.Repeat("x", 100)
	d := sync.DigestOf([]byte(text))
	var at struct{ Have int64 }
	part := func(from int, size int64, b string) (int, error) {
		return p.send(2, http.MethodPut, fmt.Sprintf("blobs/%s/%d/%d", d, from, size), []byte(b), &at)
	}
	if _, err := part(0, 100, text[:60]); err != nil || at.Have != 60 {
		t.Fatalf("%+v, %v", at, err)
	}
	for name, send := range map[string]func() (int, error){
		"larger than a peer may": func() (int, error) { return part(0, 101, "x") },
		"behind its end":         func() (int, error) { return part(60, 100, text) },
		"at no place":            func() (int, error) { return part(-1, 100, text) },
	} {
		if status, err := send(); status != http.StatusBadRequest {
			t.Errorf("%s: %d, %v", name, status, err)
		}
	}
	if _, err := p.send(2, http.MethodGet, "blobs/"+d.String(), []byte{}, &at); err != nil || at.Have != 60 {
		t.Errorf("has %+v, %v", at, err)
	}
	if _, err := part(60, 100, text[60:]); err != nil || at.Have != 100 {
		t.Errorf("%+v, %v", at, err)
	}
	r, size, err := p.blobs.Open(t.Context(), d)
	if err != nil || size != 100 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestAPeerSeesWhatIsExchangedWithIt, and no other kinds, whatever it asks for.
func TestAPeerSeesWhatIsExchangedWithIt(t *testing.T) {
	p := newPlace(t, as)
	var page sync.Page
	status, err := p.send(2, http.MethodPost, "compare", sync.Compare{After: "s/article/x", Limit: 7}, &page)
	if err != nil || status != http.StatusOK || len(page.Shown) != 1 || !page.More || !strings.HasSuffix(p.compared, "s/article/x7") {
		t.Errorf("status %d, %v, page %+v, asked %q", status, err, page, p.compared)
	}
	if want := "true false true"; !strings.HasPrefix(p.compared, want) {
		t.Errorf("an article, a user and an article elsewhere are shown: %q, want %q", p.compared, want)
	}
	p.peers[0].Paths = []string{"s"}
	if _, err := p.send(2, http.MethodPost, "compare", sync.Compare{}, &page); err != nil || !strings.HasPrefix(p.compared, "true false false") {
		t.Errorf("%v, below a path: %q", err, p.compared)
	}
	p.compared = ""
	for name, body := range map[string][]byte{"no JSON": []byte("x"), "a field of nobody": []byte(`{"kinds":["user"]}`)} {
		if status, _ := p.send(2, http.MethodPost, "compare", body, &page); status == http.StatusOK || p.compared != "" {
			t.Errorf("%s: status %d, asked %q", name, status, p.compared)
		}
	}
	if status, err := p.send(9, http.MethodPost, "compare", sync.Compare{}, &page); err == nil || p.compared != "" {
		t.Errorf("a stranger: status %d, asked %q", status, p.compared)
	}
}
