package integration_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// Ways in which the engine's connection ends under a call.
const (
	unread   = "before a byte was read"
	halfRead = "in the middle of the call"
	silent   = "after the call was carried out"
	halfSaid = "in the middle of the answer"
)

// breaking cuts the connection of one call, in front of the engine.
type breaking struct {
	mu   sync.Mutex // one call at a time
	how  string
	left int // calls until the one that is cut
}

func (b *breaking) arm(how string, hit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.how, b.left = how, hit
}

func (b *breaking) armed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left > 0
}

func (b *breaking) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if r.Method == http.MethodPost && b.left > 0 {
			if b.left--; b.left == 0 {
				b.cut(next, rw, r)
			}
		}
		next.ServeHTTP(rw, r)
	})
}

func (b *breaking) cut(next http.Handler, rw http.ResponseWriter, r *http.Request) {
	switch b.how {
	case halfRead:
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	case silent:
		next.ServeHTTP(httptest.NewRecorder(), r)
	case halfSaid:
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		rw.Header().Set("Content-Length", "1000")
		_, _ = rw.Write(rec.Body.Bytes()) // too little of it, whatever the answer is
		_ = http.NewResponseController(rw).Flush()
	}
	panic(http.ErrAbortHandler)
}

// The engine's connection ends under each call of a publish. Nothing is carried out twice, the
// publisher is told what is known, and a publish after it succeeds.
func TestEngineConnectionLost(t *testing.T) {
	for _, how := range []string{unread, halfRead, silent, halfSaid} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := &breaking{}
			v := &environment{engine: harness.StartEngine(t, harness.EngineOptions{Documents: "4.0.0", Before: b.before})}
			v.gateway = harness.Start(t, harness.Options{Upstream: v.engine.URL, Context: "/live", Extra: unhurried})
			c := &crash{key: v.gateway.Key(t), lars: map[string][]byte{}}
			c.engine = v.engine
			for hit := 1; hit <= sessionCalls; hit++ {
				b.arm(how, hit)
				lose(t, c, v)
				if b.armed() || t.Failed() {
					t.Fatalf("call %d was not reached, or failed", hit)
				}
			}
			c.arrived(t, sessionCalls)
			if r := v.gateway.Verify(t); !r.OK() {
				t.Errorf("audit log, record %d: %s", r.FirstBad, r.Msg)
			}
			outcomes(t, v)
		})
	}
}

// lose publishes once while the connection breaks, and then until it succeeds.
func lose(t *testing.T, c *crash, v *environment) {
	t.Helper()
	before := ledgerOf(t, v)
	j := newJavaClient(v.gateway, c.key)
	first := c.session(t.Context(), j, c.export(t))
	var told *wireError
	if first != nil && !errors.As(first, &told) || j.repeats > 0 {
		t.Fatalf("the publisher was not told what happened: %v, %d repeats", first, j.repeats)
	}
	times := map[string]int{}
	for _, x := range ledgerOf(t, v)[len(before):] {
		if key := x.Method + " " + x.Digest; guarded[x.Method] {
			times[key]++
			if times[key] > 1 {
				t.Errorf("%s was carried out %d times", key, times[key])
			}
		}
	}
	if first == nil {
		return // a call that may be made again, or the clean-up
	}
	text := first.Error()
	if !strings.Contains(text, "may have been carried out") && !strings.Contains(text, "nothing was carried out") {
		t.Errorf("the publisher was told %v", first)
	}
	detach, anew := newJavaClient(v.gateway, c.key), newJavaClient(v.gateway, c.key)
	if err := c.again(t.Context(), detach, anew, c.export(t)); err != nil {
		t.Errorf("publish after %v: %v", first, err)
	}
}

func ledgerOf(t *testing.T, v *environment) []engine.Execution {
	t.Helper()
	all, err := v.engine.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// outcomes fails unless every call that was allowed has one.
func outcomes(t *testing.T, v *environment) {
	t.Helper()
	if err := v.gateway.Stop(); err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, ev := range v.gateway.Events(t) {
		switch ev.Kind {
		case audit.KindVerdict:
			open[ev.Ref] = true
		case audit.KindOutcome:
			delete(open, ev.Ref)
		}
	}
	if len(open) > 0 {
		t.Errorf("%d calls have a verdict and no outcome", len(open))
	}
}
