package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// The upper bounds of histograms, each about three times the one before: from quick to patient, of a
// call that waits for an import, and of what happens inside.
var (
	callBuckets = []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 1000, 3600}
	partBuckets = []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10}
	longBuckets = []float64{.3, 1, 3, 10, 30, 100, 300, 1000, 3600, 10800}
	sizeBuckets = prometheus.ExponentialBuckets(64<<10, 8, 8) // to 128 GiB
)

// sparse is by how much two bounds of a native histogram differ at most.
const sparse = 1.1

func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: prefix + name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: sparse, NativeHistogramMaxBucketNumber: 160,
	}
}

// calls are the metrics of calls.
type calls struct {
	total    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	verdict  prometheus.Histogram
	bytes    *prometheus.CounterVec
	repeats  *prometheus.CounterVec
	delayed  *prometheus.CounterVec
	keyUsed  *prometheus.GaugeVec
	byKind   cache[callKey, prometheus.Counter]
	byMethod cache[string, phases]
	byPeer   cache[string, peer]
	byKey    cache[keyOf, prometheus.Gauge]
}

type callKey struct{ peer, method, verdict, reason string }

// keyOf is a key of a peer.
type keyOf struct{ peer, id string }

type phases struct{ gateway, engine prometheus.Observer }

type peer struct{ in, out, delayed prometheus.Counter }

func (c *calls) init() {
	c.total = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "calls_total",
		Help: "Calls that were answered, by what became of them; reason is empty for one that went well."},
		[]string{"peer", "method", "verdict", "reason"})
	c.seconds = prometheus.NewHistogramVec(histogram("call_seconds",
		"Time of calls that were allowed: spent waiting for the engine, and the rest, which the publisher's line is part of.",
		callBuckets), []string{"method", "phase"})
	c.verdict = prometheus.NewHistogram(histogram("verdict_seconds", "Time until a verdict was in the audit log.", partBuckets))
	c.bytes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "bytes_total",
		Help: "Bytes of the bodies of calls (in) and of their answers (out)."}, []string{"direction", "peer"})
	c.repeats = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "repeats_total",
		Help: "Calls that were a duplicate of another, by how they were served."}, []string{"how"})
	c.delayed = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "delayed_calls_total",
		Help: "Calls that waited because their peer makes many."}, []string{"peer"})
	c.keyUsed = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "key_last_used_timestamp_seconds",
		Help: "When a call was last signed with a shared secret: the current one of a peer, or the previous one."},
		[]string{"peer", "key"})
	for _, how := range []Repeat{Answered, Waited, Unknown} {
		c.repeats.WithLabelValues(string(how))
	}
	c.byKind.make = func(k callKey) prometheus.Counter {
		return c.total.WithLabelValues(k.peer, k.method, k.verdict, k.reason)
	}
	c.byMethod.make = func(method string) phases {
		return phases{c.seconds.WithLabelValues(method, "gateway"), c.seconds.WithLabelValues(method, "engine")}
	}
	c.byPeer.make = func(name string) peer {
		return peer{c.bytes.WithLabelValues("in", name), c.bytes.WithLabelValues("out", name), c.delayed.WithLabelValues(name)}
	}
	c.byKey.make = func(k keyOf) prometheus.Gauge { return c.keyUsed.WithLabelValues(k.peer, k.id) }
}

func (c *calls) all() []prometheus.Collector {
	return []prometheus.Collector{c.total, c.seconds, c.verdict, c.bytes, c.repeats, c.delayed, c.keyUsed}
}

// Call counts a call that was answered.
func (m *Metrics) Call(c Call) {
	method := known(m.methods, c.Method)
	m.calls.byKind.of(callKey{c.Peer, method, c.Verdict, known(m.reasons, c.Reason)}).Inc()
	if c.Record > 0 {
		m.calls.verdict.Observe(c.Record.Seconds())
	}
	if c.Repeat != "" {
		m.calls.repeats.WithLabelValues(string(c.Repeat)).Inc()
	}
	if c.Peer == "" {
		return
	}
	m.calls.ofPeer(&c)
	if c.Verdict != "deny" {
		m.calls.took(&c, m.calls.byMethod.of(method))
	}
}

// ofPeer counts what a call says of its peer.
func (c *calls) ofPeer(call *Call) {
	p := c.byPeer.of(call.Peer)
	p.in.Add(float64(max(0, call.In)))
	p.out.Add(float64(max(0, call.Out)))
	if call.Delayed {
		p.delayed.Inc()
	}
	if call.KeyID != "" {
		id := "current"
		if strings.HasSuffix(call.KeyID, "/previous") {
			id = "previous"
		}
		c.byKey.of(keyOf{call.Peer, id}).Set(float64(call.At.UnixMilli()) / 1000)
	}
}

// took counts the time of a call. One that was slow leaves its reference.
func (c *calls) took(call *Call, p phases) {
	observe(p.gateway, call.Ref, call.Gateway.Seconds())
	if call.Engine > 0 {
		observe(p.engine, call.Ref, call.Engine.Seconds())
	}
}

func observe(o prometheus.Observer, ref string, seconds float64) {
	if e, ok := o.(prometheus.ExemplarObserver); ok && ref != "" && seconds >= exemplary.Seconds() {
		e.ObserveWithExemplar(seconds, prometheus.Labels{"reference": ref})
		return
	}
	o.Observe(seconds)
}

// cache keeps what was looked up once. Its keys must be bounded.
type cache[K comparable, V any] struct {
	make func(K) V

	mu  sync.RWMutex
	all map[K]V
}

func (c *cache[K, V]) of(k K) V {
	c.mu.RLock()
	v, ok := c.all[k]
	c.mu.RUnlock()
	if ok {
		return v
	}
	v = c.make(k)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[K]V{}
	}
	c.all[k] = v
	return v
}
