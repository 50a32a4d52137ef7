package visit_test

import (
	"io"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
)

// thing is what visits here are about.
type thing struct{ status int }

func (s thing) Describe(ev *audit.Event) { ev.Status = s.status }

func openPrompt(t *testing.T, k *kept, prompt bool) *visit.Visits {
	t.Helper()
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	v, err := visit.New(visit.Config{Audit: k, Prompt: prompt, Log: logrus.NewEntry(quiet), Now: time.Now,
		Strangers: func() int { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A log that waits for nobody has the outcome when Close returns. With another one it comes behind the caller, who
// may have begun the next visit in the same place by then.
func TestTheOutcomeOfAVisitWhosePlaceIsUsedAgain(t *testing.T) {
	for name, prompt := range map[string]bool{"prompt": true, "behind the caller": false} {
		t.Run(name, func(t *testing.T) {
			k := &kept{}
			v := openPrompt(t, k, prompt)
			var place visit.Visit
			var written sync.WaitGroup
			refs := map[string]int{}
			for i := range 100 {
				v.Begin(&place, netip.MustParseAddrPort("192.0.2.1:1"), &visit.Rules{})
				refs[place.Ref] = 200 + i
				if err := place.Allow(t.Context(), thing{}, visit.Verdict{Verdict: audit.Allow, Reads: true}); err != nil {
					t.Fatal(err)
				}
				written.Add(1)
				place.Close(t.Context(), thing{200 + i}, written.Done)
				if n := len(k.of(audit.KindOutcome)); prompt && n != i+1 {
					t.Fatalf("%d outcomes of %d visits", n, i+1)
				}
				place = visit.Visit{}
			}
			written.Wait()
			k.mu.Lock()
			defer k.mu.Unlock()
			for _, ev := range k.events {
				if ev.Kind == audit.KindOutcome && refs[ev.Ref] != ev.Status {
					t.Errorf("the outcome of %s is that of another visit: %d, want %d", ev.Ref, ev.Status, refs[ev.Ref])
				}
			}
			if len(refs) != 100 {
				t.Errorf("%d references of 100 visits", len(refs))
			}
		})
	}
}

// What was never allowed has no outcome.
func TestNoOutcomeOfARefusedVisit(t *testing.T) {
	k := &kept{}
	one := openPrompt(t, k, true).Open(netip.MustParseAddrPort("192.0.2.1:1"), &visit.Rules{})
	one.Close(t.Context(), thing{}, func() { t.Error("an outcome was written") })
	if n := len(k.of(audit.KindOutcome)); n != 0 {
		t.Errorf("%d outcomes", n)
	}
}

// nosy looks at the event that it is to describe itself to.
type nosy struct {
	t  *testing.T
	no int64
}

func (n nosy) Describe(ev *audit.Event) {
	if ev.Size != 0 || ev.Fields != nil || ev.Detail != "" || ev.Verdict != "" {
		n.t.Errorf("something of another visit is there: %+v", ev)
	}
	ev.Size, ev.Fields = n.no, map[string]string{"a": "b"}
}

func TestEventsThatAreUsedAgainAreBlank(t *testing.T) {
	k := &kept{}
	v := openPrompt(t, k, true)
	for i := range int64(100) {
		one := v.Open(netip.MustParseAddrPort("192.0.2.1:1"), &visit.Rules{})
		if err := one.Allow(t.Context(), nosy{t, i}, visit.Verdict{Verdict: audit.Allow, Detail: "x"}); err != nil {
			t.Fatal(err)
		}
		one.Close(t.Context(), nosy{t, i}, func() {})
	}
	verdicts := slices.DeleteFunc(slices.Clone(k.events), func(ev audit.Event) bool { return ev.Kind != audit.KindVerdict })
	if len(verdicts) != 100 {
		t.Errorf("%d verdicts", len(verdicts))
	}
	for i, ev := range verdicts {
		if ev.Size != int64(i) || ev.Fields["a"] != "b" || ev.Detail != "x" {
			t.Errorf("verdict %d is of another visit: %+v", i, ev)
		}
	}
}
