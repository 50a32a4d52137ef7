package blind

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	inputs = flag.Int64("blind", 0, "changed inputs for each fuzz target (default 1,000, or what can be had in 0.3 s)")
	during = flag.Duration("blind-time", 0, "how long to change inputs for each fuzz target, instead of a number")
	seed   = flag.Uint64("blind-seed", 1, "of the changes: the same one makes the same inputs")
	more   = flag.String("blind-corpus", "", "folder with a folder of further inputs to change for each target")
)

// round is how many inputs are made from one state of the random numbers.
const round = 50

// Run tries a body with changed inputs of the target: of its seeds, and of what is kept for it in testdata/fuzz. As many
// goroutines do it as Go runs at once. An input at which the body fails or panics is cut as far as it goes, and printed as it
// can be kept.
func Run(t *testing.T, target string, seeds func(Seeds), body func(testing.TB, *Input)) {
	t.Run(target, func(t *testing.T) {
		c := &corpus{TB: t}
		seeds(c)
		for _, dir := range []string{filepath.Join("testdata", "fuzz"), *more} {
			if err := c.read(filepath.Join(dir, target)); dir != "" && err != nil {
				t.Fatal(err)
			}
		}
		if len(c.entries) == 0 {
			t.Fatal("no inputs to change")
		}
		r := &run{tb: t, entries: c.entries, body: body, seed: *seed}
		r.bound(*inputs, *during)
		r.all()
		if r.found != nil {
			t.Errorf("seed %d, round %d: %s\n%s", *seed, r.where, r.why, r.found.format())
		}
		t.Logf("prove: %s: %d changed inputs, %d crashes", target, r.done.Load(), r.crashes.Load())
	})
}

// run is one target with its inputs.
type run struct {
	tb      testing.TB
	entries []entry
	body    func(testing.TB, *Input)
	seed    uint64
	limit   int64     // of inputs
	end     time.Time // zero: the limit alone counts

	rounds, done, crashes atomic.Int64

	mu    sync.Mutex // guards what is below
	found *entry     // the first input that fails
	where int64      // the round of it
	why   string
}

// bound sets how many inputs are tried, and for how long.
func (r *run) bound(inputs int64, during time.Duration) {
	r.limit = inputs
	if inputs > 0 {
		return
	}
	r.limit = 1000
	if during > 0 {
		r.limit = math.MaxInt64
	}
	r.end = time.Now().Add(cmp.Or(during, 300*time.Millisecond))
}

// all tries inputs until there were enough, the time is over, or one fails.
func (r *run) all() {
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			m := newMutator(r.entries)
			for n := r.rounds.Add(1) - 1; r.again(n); n = r.rounds.Add(1) - 1 {
				r.round(m, n)
			}
		})
	}
	workers.Wait()
}

// again reports whether round n is to be tried.
func (r *run) again(n int64) bool {
	if r.crashes.Load() > 0 || n*round >= r.limit {
		return false
	}
	return r.end.IsZero() || n == 0 || time.Now().Before(r.end)
}

// round tries the inputs of round n, which are the same whoever tries them.
func (r *run) round(m *mutator, n int64) {
	m.source.Seed(r.seed, uint64(n))
	a := &attempt{TB: r.tb}
	tried := int64(0)
	defer func() {
		why := recover()
		r.done.Add(tried)
		if why == nil && !a.failed {
			return
		}
		r.crashes.Add(1)
		r.keep(m, n, a.said(why))
	}()
	for ; tried < round && !a.failed; tried++ {
		r.body(a, m.next())
	}
}

// keep keeps the input that failed, if it is the first one.
func (r *run) keep(m *mutator, n int64, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found != nil {
		return
	}
	e := entry{kinds: r.entries[0].kinds}
	for _, f := range m.in.fields {
		e.fields = append(e.fields, bytes.Clone(f))
	}
	e = shrink(e, r.fails, 2000)
	r.found, r.where, r.why = &e, n, why
}

// fails reports whether the body fails at an input.
func (r *run) fails(e entry) (failed bool) {
	a := &attempt{TB: r.tb}
	defer func() { failed = recover() != nil || a.failed }()
	in := Input{}
	for _, f := range e.fields {
		in.fields = append(in.fields, bytes.Clone(f))
	}
	r.body(a, &in)
	return false
}

// attempt is what a body is given as its test, so that a failure is the input's.
type attempt struct {
	testing.TB
	failed bool
	text   string
}

// errFailed is what ends a body whose test is over.
type errFailed struct{}

func (a *attempt) said(why any) string {
	if _, over := why.(errFailed); over || why == nil {
		return a.text
	}
	return fmt.Sprintf("%s\npanic: %v\n%s", a.text, why, debug.Stack())
}

// Helper implements testing.TB; nobody is told of lines.
func (a *attempt) Helper() {}

// Fail implements testing.TB.
func (a *attempt) Fail() { a.failed = true }

// Failed implements testing.TB.
func (a *attempt) Failed() bool { return a.failed }

// FailNow implements testing.TB.
func (a *attempt) FailNow() { a.failed = true; panic(errFailed{}) }

// Error implements testing.TB.
func (a *attempt) Error(args ...any) { a.Log(args...); a.Fail() }

// Errorf implements testing.TB.
func (a *attempt) Errorf(format string, args ...any) { a.Logf(format, args...); a.Fail() }

// Fatal implements testing.TB.
func (a *attempt) Fatal(args ...any) { a.Log(args...); a.FailNow() }

// Fatalf implements testing.TB.
func (a *attempt) Fatalf(format string, args ...any) { a.Logf(format, args...); a.FailNow() }

// Log implements testing.TB.
func (a *attempt) Log(args ...any) { a.text += fmt.Sprintln(args...) }

// Logf implements testing.TB.
func (a *attempt) Logf(format string, args ...any) { a.text += fmt.Sprintf(format, args...) + "\n" }
