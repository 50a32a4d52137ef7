package integration_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/relay"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// clusterTwins is a long form too.
var clusterTwins = flag.Int("cluster-twins", 1500, "how many repeats of a call are sent to three gateways that are killed and frozen")

// tally is an engine that only counts: a part is known by its first line, and the gateway's call by its
// reference.
type tally struct {
	requests atomic.Int64 // that were created

	mu    sync.Mutex // guards what follows
	parts map[string]int
	refs  map[string]bool
}

func (y *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it never was a whole call
	}
	if bytes.Contains(body, []byte("createStagingRequest")) {
		answer, err := liferay.AppendValue(nil, build, y.requests.Add(1))
		if err == nil {
			_, _ = w.Write(answer)
		}
		return
	}
	_, name, ok := bytes.Cut(body, []byte("twin:"))
	if !ok {
		return
	}
	name, _, _ = bytes.Cut(name, []byte("\n"))
	y.mu.Lock()
	defer y.mu.Unlock()
	y.parts[string(name)]++
	y.refs[r.Header.Get("X-Stagelock-Reference")] = true
}

func (y *tally) did(name string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.parts[name]
}

// lane is one way of a publisher to the gateways, one connection each.
type lane struct {
	ways []*javaClient
}

// outcomeOf is what became of one attempt.
type outcomeOf struct {
	err error
	ref string
}

// attempt sends a call to one gateway after the other until one answers, and returns what every answer was
// that said that nothing was carried out, and the one that settled it.
func (l lane) attempt(ctx context.Context, first int, body []byte) (all []outcomeOf) {
	for n := first; ctx.Err() == nil; n++ {
		j := l.ways[n%len(l.ways)]
		before := len(j.refs)
		_, err := j.post(ctx, body, "void")
		if errors.Is(err, errUnanswered) {
			select {
			case <-time.After(10 * time.Millisecond): // all of them may be starting
			case <-ctx.Done():
			}
			continue
		}
		o := outcomeOf{err: err}
		if len(j.refs) > before {
			o.ref = j.refs[before]
		}
		j.refs = j.refs[:0]
		all = append(all, o)
		if !refused(err) {
			return all
		}
	}
	return append(all, outcomeOf{err: ctx.Err()})
}

// refused says whether a publisher was told that nothing was carried out.
func refused(err error) bool {
	var told *wireError
	return errors.As(err, &told) && told.status == http.StatusServiceUnavailable && strings.Contains(told.text, "nothing was carried out")
}

// twins is publishers who send each call over several gateways at once.
type twins struct {
	*fleet
	engine *tally
	left   atomic.Int64 // repeats to send
	stop   func()       // has the publishers end

	calls, sent, unknown atomic.Int64
	kills, freezes       atomic.Int64
	mu                   sync.Mutex // guards what follows
	succeeded            map[string]bool
	faults               []string
}

func (w *twins) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// lane makes a way of its own for a publisher.
func (w *twins) lane(n int) (l lane) {
	for _, g := range w.gates {
		l.ways = append(l.ways, &javaClient{addr: g.addr, host: fleetHost, target: "/live/api/liferay/do", tls: w.tls(), key: w.key,
			login: harness.Login, from: net.IPv4(127, 1, byte(n>>8), byte(n)), repeat: func() {}, succeeded: func(string) {}})
	}
	return l
}

// publisher sends parts of a request of its own until enough repeats were sent.
func (w *twins) publisher(ctx context.Context, n int) {
	lanes := []lane{w.lane(3*n + 1), w.lane(3*n + 2), w.lane(3*n + 3)}
	defer func() {
		for _, l := range lanes {
			for _, j := range l.ways {
				j.close()
			}
		}
	}()
	id, err := w.created(ctx, lanes[0], n)
	if err != nil {
		w.fault("publisher %d: %v", n, err)
		return
	}
	for i := 0; w.left.Load() > 0 && ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%d-%d", n, i)
		body, err := lanes[0].ways[0].part(id, fmt.Sprintf("3c0d.zip%06d", i), fmt.Appendf(nil, "twin:%s\n%x", name, rand.Uint64()))
		if err != nil {
			w.fault("%v", err)
			return
		}
		w.call(ctx, lanes[:2+rand.IntN(2)], name, body)
	}
}

// created makes a staging request, over whichever gateway answers.
func (w *twins) created(ctx context.Context, l lane, n int) (int64, error) {
	for i := n; ; i++ {
		v, err := l.ways[i%len(l.ways)].do(ctx, "createStagingRequest", int64(harness.Site), fmt.Sprintf("%032x", n+1))
		if id, ok := v.(int64); ok && err == nil {
			return id, nil
		}
		if !errors.Is(err, errUnanswered) && !refused(err) || ctx.Err() != nil {
			return 0, err
		}
	}
}

// call sends a call by every lane at once, and looks at what they were told.
func (w *twins) call(ctx context.Context, lanes []lane, name string, body []byte) {
	w.calls.Add(1)
	var all sync.WaitGroup
	answers := make([][]outcomeOf, len(lanes))
	for i, l := range lanes {
		first := rand.IntN(len(w.gates))
		all.Go(func() { answers[i] = l.attempt(ctx, first, body) })
	}
	all.Wait()
	w.left.Add(1 - int64(len(lanes)))
	w.sent.Add(int64(len(lanes)) - 1)
	for _, told := range answers {
		for _, a := range told {
			w.judge(name, a)
		}
	}
}

// judge holds one answer against what the engine did.
func (w *twins) judge(name string, a outcomeOf) {
	var told *wireError
	did := w.engine.did(name)
	switch {
	case a.err == nil && did != 1:
		w.fault("%s was told to have succeeded, and was carried out %d times", name, did)
	case a.err == nil:
		w.mu.Lock()
		w.succeeded[name] = true
		w.mu.Unlock()
	case errors.Is(a.err, errCut):
		w.unknown.Add(1)
	case refused(a.err):
		w.engine.mu.Lock()
		if w.engine.refs[a.ref] {
			defer w.fault("%s (%s) was carried out, and told that nothing was", name, a.ref)
		}
		w.engine.mu.Unlock()
	case errors.As(a.err, &told) && strings.Contains(told.text, "may have been carried out"):
		w.unknown.Add(1)
	default:
		w.fault("%s: %v", name, a.err)
	}
}

// mostFailedStarts bounds how often in a row a gateway may not start: its database may be busy, and it is started again.
const mostFailedStarts = 20

// keep starts a gateway again each time that it has died, as a service manager does, and says at which point it dies next.
func (w *twins) keep(ctx context.Context, g *gate, m *sync.Mutex) {
	points := relay.Points()
	for failed := 0; ; {
		select {
		case <-g.child.Ended:
		case <-ctx.Done():
			return
		}
		m.Lock()
		err := g.relaunch(points[rand.IntN(len(points))], 1+rand.Int64N(60))
		if err == nil {
			err = g.child.Tell()
		}
		m.Unlock()
		if err == nil {
			failed = 0
			w.kills.Add(1)
			continue
		}
		if failed++; failed == mostFailedStarts {
			w.fault("%s does not start: %v", g.name, err)
			w.stop() // who publishes would wait for it
			return
		}
	}
}

// freeze stops gateways for up to twice a lease, one after the other.
func (w *twins) freeze(ctx context.Context, locks []sync.Mutex) {
	for ctx.Err() == nil {
		i := rand.IntN(len(w.gates))
		locks[i].Lock()
		process := w.gates[i].child.Cmd.Process
		if process.Signal(syscall.SIGSTOP) == nil {
			w.freezes.Add(1)
			select {
			case <-time.After(rand.N(2 * fleeting)):
			case <-ctx.Done():
			}
			_ = process.Signal(syscall.SIGCONT)
		}
		locks[i].Unlock()
		enough := w.sent.Load() + 200 // repeats before the next one
		for w.sent.Load() < enough && ctx.Err() == nil {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// Every call is sent over two or three gateways at once, which die at each point of a call's way and stand
// still for longer than their leases last: none is carried out twice, and nobody is told what is not so.
func TestClusterTwins(t *testing.T) {
	w := &twins{fleet: withDatabase(t), engine: &tally{parts: map[string]int{}, refs: map[string]bool{}}, succeeded: map[string]bool{}}
	s := httptest.NewServer(w.engine)
	t.Cleanup(s.Close)
	w.upstream = s.URL
	for _, name := range []string{"gate-a", "gate-b", "gate-c"} {
		w.add(t, name, w.server.URL(), nil)
	}
	w.open(t)
	w.left.Store(int64(*clusterTwins))
	ctx, cancel := context.WithCancel(t.Context())
	publishing, stop := context.WithCancel(t.Context())
	defer stop()
	w.stop = stop
	var publishers, trouble sync.WaitGroup
	locks := make([]sync.Mutex, len(w.gates))
	for i, g := range w.gates {
		_ = g.child.Cmd.Process.Kill() // the next one dies at a point
		trouble.Go(func() { w.keep(ctx, g, &locks[i]) })
	}
	trouble.Go(func() { w.freeze(ctx, locks) })
	for n := range 32 {
		publishers.Go(func() { w.publisher(publishing, n) })
	}
	publishers.Wait()
	cancel()
	trouble.Wait()
	for _, g := range w.gates {
		if err := g.child.Stop(); err != nil {
			t.Error(err)
		}
	}
	s.Close() // nothing comes late any more
	w.settle(t)
	t.Logf("%d calls with %d repeats over three gateways, %d deaths, %d freezes: %d answers said that the call may have been carried out",
		w.calls.Load(), w.sent.Load(), w.kills.Load(), w.freezes.Load(), w.unknown.Load())
}

// settle looks at everything once more, when all is over.
func (w *twins) settle(t *testing.T) {
	t.Helper()
	for i, text := range w.faults {
		if i == 20 {
			break
		}
		t.Error(text)
	}
	for name, n := range w.engine.parts {
		if n > 1 {
			t.Errorf("%s was carried out %d times", name, n)
		}
	}
	for name := range w.succeeded {
		if w.engine.parts[name] != 1 {
			t.Errorf("%s was told to have succeeded", name)
		}
	}
	verdicts := w.logs(t)
	for ref := range w.engine.refs {
		if verdicts[ref] != audit.Allow {
			t.Errorf("%s was carried out without a verdict", ref)
		}
	}
	if len(w.succeeded) < len(w.engine.parts)/2 || w.kills.Load() < 2 {
		t.Errorf("%d of %d calls succeeded, with %d deaths", len(w.succeeded), len(w.engine.parts), w.kills.Load())
	}
}
