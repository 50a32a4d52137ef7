package integration_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

var costRounds = flag.Int("cost-rounds", 2, "how often the gateway and a plain proxy are measured in turn")

// costOf is what a call takes by one of two ways, in the round in which it was least.
type costOf struct{ half, slow, part time.Duration }

// measure has a call made many times on one connection, or another one each time.
func measure(t *testing.T, c *caller, times int, other func(i int) []byte) (half, slow time.Duration) {
	t.Helper()
	took := make([]time.Duration, times)
	for i := range took {
		if other != nil {
			c.request = other(i)
		}
		begun := time.Now()
		if err := c.call(); err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[times/2], took[times*99/100]
}

// plainProxy is the standard library's reverse proxy with TLS before the same engine.
func plainProxy(t *testing.T, engine string) (addr string, config *tls.Config) {
	t.Helper()
	to, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = to.Host }})
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}
}

// TestCostBesideAPlainProxy measures what a small call and a part of 10 MiB take by way of the gateway, with its looks at all
// bytes, its verdict and its signature, and by way of a proxy that looks at nothing: in turn, and the least of the rounds. The
// figures are printed and decide nothing: speed is a matter of the machine.
func TestCostBesideAPlainProxy(t *testing.T) {
	if testing.Short() {
		t.Skip("parts of 10 MiB take a while")
	}
	var arrived atomic.Int64
	answer := answers(t, map[string]func() any{"createStagingRequest": func() any { return int64(benchID) }})
	s := newStub(t, func(tail []byte) []byte {
		if len(tail) > 0 { // else it asks for the engine's health
			arrived.Add(1)
		}
		return answer(tail)
	}, nil)
	g := harness.Start(t, harness.Options{Upstream: s.URL, Extra: unhurried})
	plain, roots := plainProxy(t, s.URL)
	content := bytes.Repeat([]byte("0123456789abcdef"), memoryPart/16)
	var costs [2]costOf
	calls, parts := 1, 0
	width := len(fmt.Sprint(*costRounds * 20)) // the names of a request's parts are of one length
	first := newJavaClient(g, g.Key(t))
	defer first.close()
	if _, err := first.create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for range *costRounds {
		for i, way := range []struct {
			addr string
			tls  *tls.Config
		}{{plain, roots}, {g.Addr, g.TLS}} {
			j := newJavaClient(g, g.Key(t))
			j.host = way.addr
			anew := func(int) []byte { // a part that came already would be answered from memory
				parts++
				return j.partCall(t, benchID, fmt.Sprintf("3c0d.zip%0*d", width, parts-1), content)
			}
			small := callers(t, 1, way.addr, way.tls, j.smallCall(t, "checkRemoteStagingGroup", int64(harness.Site)))[0]
			part := callers(t, 1, way.addr, way.tls, anew(0))[0]
			half, slow := measure(t, small, 1000, nil)
			one, _ := measure(t, part, 9, anew)
			calls += 1000 + 9 + 2
			costs[i] = costs[i].least(costOf{half, slow, one})
		}
	}
	lost := calls - int(arrived.Load())
	if lost != 0 {
		t.Errorf("%d calls came to the engine, want %d", arrived.Load(), calls)
	}
	a, b := costs[0], costs[1]
	prove(t, "a small call takes %v by a plain proxy, %v here, in one of a hundred %v and %v; a part of 10 MiB %v and %v (x %.2f), "+
		"least of %d rounds; %d calls, %d of them not carried out", a.half, b.half, a.slow, b.slow, a.part, b.part, float64(b.part)/float64(a.part),
		*costRounds, calls, lost)
}

// least returns the lower of each.
func (c costOf) least(o costOf) costOf {
	if c == (costOf{}) {
		return o
	}
	return costOf{min(c.half, o.half), min(c.slow, o.slow), min(c.part, o.part)}
}
