package inflight_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/policy/calls"
)

// nothing is what was accepted of a request.
func nothing() error { return nil }

func reserve(t *testing.T, p *inflight.Parts, request int64, name string, size int64) func() {
	t.Helper()
	release, err := p.Reserve(request, nothing, func(*inflight.Others) (inflight.Part, error) { return inflight.Part{Name: name, Size: size}, nil })
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func besides(t *testing.T, p *inflight.Parts, request int64, name string) (sum calls.Parts) {
	t.Helper()
	if err := p.With(request, nothing, func(f *inflight.Others) error { sum = f.Beside(name); return nil }); err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestPartsUnderWayCountOnce(t *testing.T) {
	var p inflight.Parts
	first := reserve(t, &p, 1, "a.zip00", 10)
	again := reserve(t, &p, 1, "a.zip00", 10) // a repeat of it
	second := reserve(t, &p, 1, "a.zip01", 5)
	for name, want := range map[string]calls.Parts{
		"a.zip00": {Width: 2, Bytes: 5}, "a.zip01": {Width: 2, Bytes: 20}, "a.zip02": {Width: 2, Bytes: 25},
	} {
		if got := besides(t, &p, 1, name); got != want {
			t.Errorf("beside %s: %+v, want %+v", name, got, want)
		}
	}
	if got := besides(t, &p, 2, "a.zip00"); got != (calls.Parts{}) {
		t.Errorf("another request has %+v", got)
	}
	refusal := errors.New("refused")
	if _, err := p.Reserve(1, nothing, func(*inflight.Others) (inflight.Part, error) { return inflight.Part{Name: "a.zip03", Size: 1}, refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	for _, release := range []func(){first, first, again, second} {
		release()
	}
	if got := besides(t, &p, 1, ""); got != (calls.Parts{}) || p.Open() != 0 {
		t.Errorf("%+v and %d requests are left", got, p.Open())
	}
}

// TestRequestsDoNotWaitForEachOther: while the part of one request is judged, others are.
func TestRequestsDoNotWaitForEachOther(t *testing.T) {
	var p inflight.Parts
	err := p.With(1, nothing, func(*inflight.Others) error {
		return p.With(2, nothing, func(*inflight.Others) error {
			release, err := p.Reserve(3, nothing, func(*inflight.Others) (inflight.Part, error) { return inflight.Part{Name: "a.zip00", Size: 1}, nil })
			if err == nil {
				release()
			}
			return err
		})
	})
	if err != nil || p.Open() != 0 {
		t.Errorf("%v, %d requests are left", err, p.Open())
	}
}

// TestEmptyPartBesideStreamingOnes: held and streaming parts of one request at once, which once killed
// the process.
func TestEmptyPartBesideStreamingOnes(t *testing.T) {
	var p inflight.Parts
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 500 {
				name := fmt.Sprintf("a.zip%04d", i*500+n)
				if n%2 == 0 {
					_ = besides(t, &p, int64(n%3), name)
					continue
				}
				reserve(t, &p, int64(n%3), name, 1)()
			}
		})
	}
	all.Wait()
	if p.Open() != 0 {
		t.Errorf("%d requests are left", p.Open())
	}
}

// A fault while one part is judged is answered; it must not stop the parts behind it for ever.
func TestAFaultWhileAPartIsJudgedHoldsNothing(t *testing.T) {
	var p inflight.Parts
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the fault was swallowed")
			}
		}()
		_, _ = p.Reserve(1, nothing, func(*inflight.Others) (inflight.Part, error) { panic("fault") })
	}()
	if p.Has(1) {
		t.Error("a part that was not judged is under way")
	}
	reserve(t, &p, 1, "a.zip00", 10)()
}

func TestACleanUpHasItsRequestAlone(t *testing.T) {
	var u inflight.Requests
	leave, ok := u.Enter(1)
	if !ok {
		t.Fatal("the first call may not enter")
	}
	if alone, other := u.Alone(1); alone != nil || other != nil {
		t.Error("alone beside a call")
	}
	leave()
	alone, _ := u.Alone(1)
	if alone == nil {
		t.Fatal("not alone where nobody is")
	}
	if _, ok := u.Enter(1); ok || u.Has(1) {
		t.Error("a call entered during the clean-up")
	}
	if _, ok := u.Enter(2); !ok {
		t.Error("another request waits too")
	}
	again, other := u.Alone(1)
	if again != nil || other == nil {
		t.Fatal("two clean-ups at once")
	}
	alone()
	<-other
	if _, ok := u.Enter(1); !ok {
		t.Error("closed behind the clean-up")
	}
}

func TestWhoIsSending(t *testing.T) {
	var p inflight.Parts
	send := func(name, login string) func() {
		t.Helper()
		release, err := p.Reserve(1, nothing, func(*inflight.Others) (inflight.Part, error) { return inflight.Part{Name: name, Login: login}, nil })
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	senders := func() (all []string) {
		_ = p.With(1, nothing, func(f *inflight.Others) error { all = f.Senders(); return nil })
		slices.Sort(all)
		return all
	}
	first, second, third := send("a00", "a"), send("a01", "b"), send("a02", "a")
	if got := senders(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q are sending", got)
	}
	first()
	second()
	if got := senders(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q are sending", got)
	}
	third()
	if got := senders(); got != nil {
		t.Errorf("%q are sending", got)
	}
}

// TestAStoreThatIsSlowKeepsNobodyWaiting: while one part asked the store, the others of its request waited.
func TestAStoreThatIsSlowKeepsNobodyWaiting(t *testing.T) {
	var p inflight.Parts
	asked := 0
	release, err := p.Reserve(1, func() error {
		asked++
		reserve(t, &p, 1, "a.zip01", 1) // comes in between, and stays
		return nil
	}, func(others *inflight.Others) (inflight.Part, error) {
		if sum := others.Beside("a.zip00"); sum.Bytes != 1 {
			t.Errorf("beside it: %+v", sum)
		}
		return inflight.Part{Name: "a.zip00", Size: 1}, nil
	})
	if err != nil || asked != 1 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	release()
}

// A part that ended while the store was asked may be in what it said or not: it is asked again, and in the
// end with nobody else.
func TestAPartThatEndsMeanwhileIsNotMissed(t *testing.T) {
	var p inflight.Parts
	for _, ends := range []int{1, 2, 100} {
		asked := 0
		err := p.With(1, func() error {
			asked++
			if asked <= ends && asked <= 3 { // the fourth is alone
				reserve(t, &p, 1, "a.zip01", 1)()
			}
			return nil
		}, func(*inflight.Others) error { return nil })
		if want := min(ends, 3) + 1; err != nil || asked != want {
			t.Errorf("%d ended: asked %d times, want %d, %v", ends, asked, want, err)
		}
	}
	if n := p.Open(); n != 0 {
		t.Errorf("%d requests are left", n)
	}
}

func TestAStoreThatFailsHoldsNothing(t *testing.T) {
	var p inflight.Parts
	broken := errors.New("broken")
	judged := func(*inflight.Others) error { t.Error("judged by nothing"); return nil }
	if err := p.With(1, func() error { return broken }, judged); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	asked := 0
	err := p.With(1, func() error {
		if asked++; asked <= 3 {
			reserve(t, &p, 1, "a.zip01", 1)()
			return nil
		}
		return broken
	}, judged)
	if !errors.Is(err, broken) || p.Open() != 0 {
		t.Errorf("got %v, %d requests are left", err, p.Open())
	}
	reserve(t, &p, 1, "a.zip00", 1)()
}

// A call of no request waits for nobody, and no part is beside it.
func TestCallsOfNoRequest(t *testing.T) {
	var p inflight.Parts
	refused := errors.New("refused")
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- p.With(0, nothing, func(*inflight.Others) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	err := p.With(0, nothing, func(f *inflight.Others) error {
		if f.Beside("") != (calls.Parts{}) || len(f.Senders()) > 0 {
			t.Error("something is under way of no request")
		}
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if err := p.With(0, func() error { return refused }, func(*inflight.Others) error { t.Error("judged"); return nil }); !errors.Is(err, refused) {
		t.Errorf("the store's error became %v", err)
	}
	if p.Open() != 0 {
		t.Errorf("%d requests are open", p.Open())
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = p.With(0, nothing, func(*inflight.Others) error { return nil }) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
