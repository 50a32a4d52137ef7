package inflight_test

import (
	"context"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/policy/calls"
)

func TestDrainServesWhatIsInProgress(t *testing.T) {
	var d inflight.Publishes
	now := time.Unix(1000, 0)
	if !d.Allows(calls.Create, 0, now) {
		t.Fatal("refused before the drain")
	}
	d.Begun(7, now)
	if !d.Allows(calls.Update, 8, now) { // created before this process began
		t.Fatal("refused")
	}
	d.Enter()
	quiet := d.Stop()
	for _, tt := range []struct {
		name    string
		kind    calls.Kind
		request int64
		passes  bool
	}{
		{"part of a publish in progress", calls.Update, 7, true},
		{"publish of one from before", calls.Publish, 8, true},
		{"look-up while one is in progress", calls.Read, 0, true},
		{"clean-up", calls.CleanUp, 9, true},
		{"event", calls.Event, 0, true},
		{"new publish", calls.Create, 0, false},
		{"enable", calls.Enable, 0, false},
		{"part of an unknown one", calls.Update, 9, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := d.Allows(tt.kind, tt.request, now); got != tt.passes {
				t.Errorf("passes %t", got)
			}
		})
	}
	d.Ended(7)
	d.Ended(8)
	select {
	case <-quiet:
		t.Error("quiet while a call is under way")
	default:
	}
	d.Leave()
	<-quiet
}

func idle(int64) bool { return false }

// A publish that goes on while the gateway drains is in progress however long the drain is: each of
// its calls counts from its end, and one that lasts is not given up.
func TestDrainServesAPublishThatOutlastsTheLull(t *testing.T) {
	var d inflight.Publishes
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	d.Begun(7, at(0))
	quiet := d.Stop()
	for s := int64(60); s <= 300; s += 60 {
		if !d.Allows(calls.Update, 7, at(s)) {
			t.Fatalf("part after %d s is refused", s)
		}
		d.Expire(at(s+59), idle)
	}
	d.Expire(at(900), func(request int64) bool { return request == 7 }) // a long validate
	d.Again(7, at(900))
	d.Expire(at(1000), idle)
	if !d.Allows(calls.Publish, 7, at(1000)) {
		t.Fatal("publish behind a long validate is refused")
	}
	d.Again(8, at(1000)) // one that is over does not come back
	d.Ended(7)
	<-quiet
}

func TestDrainGivesUpWhatNobodyGoesOnWith(t *testing.T) {
	var d inflight.Publishes
	d.Begun(7, time.Unix(0, 0))
	quiet := d.Stop()
	d.Expire(time.Unix(60, 0), idle)
	select {
	case <-quiet:
		t.Fatal("given up after a minute")
	default:
	}
	d.Expire(time.Unix(121, 0), idle)
	<-quiet
}

func TestABusyPeerWaits(t *testing.T) {
	var g inflight.Places
	place, ok := g.Enter(t.Context(), "a", 1, 0)
	if !ok {
		t.Fatal("no place for the first")
	}
	if _, ok := g.Enter(t.Context(), "a", 1, 0); ok {
		t.Error("a place for the second")
	}
	if _, ok := g.Enter(t.Context(), "b", 1, 0); !ok {
		t.Error("no place for another peer")
	}
	got := make(chan bool)
	go func() {
		_, ok := g.Enter(t.Context(), "a", 1, time.Hour)
		got <- ok
	}()
	place.Leave()
	place.Leave() // it was given back already
	if !<-got {
		t.Error("who waited got no place")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := g.Enter(ctx, "a", 1, time.Hour); ok {
		t.Error("a place for a call that has ended")
	}
}
