package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// TestWhatOnlyThisServerHasIsNotAskedAbout: a page of own small changes for the only target is one message. Where
// somebody else may have brought them, where contents are large, and after a lost answer, it is asked first.
func TestWhatOnlyThisServerHasIsNotAskedAbout(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(p *place)
		offers int
	}{
		"own, small, the only target": {func(p *place) { p.client.Sole = true; p.make(1, "s/article/a", "text") }, 0},
		"another target":              {func(p *place) { p.make(1, "s/article/a", "text") }, 1},
		"a large content": {func(p *place) {
			p.client.Sole = true
			p.make(1, "s/article/a", strings.Repeat("x", sync.MaxInline+1))
		}, 1},
		"made elsewhere": {func(p *place) { p.client.Sole = true; p.pass(1, "s/article/a", "text") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			at(t, func(p *place) {
				tt.before(p)
				pass(time.Second)
				p.want("it arrived", exchange.Done)
				if offers, delivers := p.peer.called("offer"), p.peer.called("deliver"); offers != tt.offers || delivers != 1 {
					t.Errorf("%d offers and %d deliveries", offers, delivers)
				}
			})
		})
	}
}

func TestAfterALostAnswerItIsAskedFirst(t *testing.T) {
	at(t, func(p *place) {
		p.client.Sole = true
		p.make(1, "s/article/a", "text")
		pass(time.Second)
		p.peer.set(func(p *peer) { p.refuse = 503 })
		p.make(2, "s/article/b", "text")
		pass(time.Second)
		p.peer.set(func(p *peer) { p.refuse = 0; clear(p.calls) })
		pass(time.Minute)
		p.want("both", exchange.Done, exchange.Done)
		if offers, delivers := p.peer.called("offer"), p.peer.called("deliver"); offers != 1 || delivers != 1 {
			t.Errorf("%d offers and %d deliveries", offers, delivers)
		}
		p.make(3, "s/article/c", "text")
		pass(time.Second)
		if offers := p.peer.called("offer"); offers != 1 {
			t.Errorf("%d offers where nothing is in doubt any more", offers)
		}
	})
}

// pass accepts the nth change of server 3, which is to go on to the target.
func (p *place) pass(n uint64, o sync.Object, text string) {
	p.t.Helper()
	ctx := p.t.Context()
	must(p.t, p.PutAll(ctx, []byte(text)))
	c := &sync.Change{ID: sync.ID{Origin: serverOf(3), Counter: n}, Object: o, Op: sync.Put, Payload: sync.DigestOf([]byte(text)),
		Size: int64(len(text)), Stamp: sync.Stamp{Milli: time.Now().UnixMilli()}}
	c.Follow(nil)
	c.Sign(keyOf(3))
	s, err := p.Object(ctx, o)
	must(p.t, err)
	out := sync.Receive(s, c, sync.Policy{})
	must(p.t, p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out, Via: serverOf(3), Targets: []sync.ServerID{serverOf(2)}}))
	p.outbox.Wake()
}
