package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// rest are the metrics of what is no call.
type rest struct {
	publishes *prometheus.CounterVec
	seconds   prometheus.Histogram
	bytes     prometheus.Histogram
	records   *prometheus.CounterVec
	lost      prometheus.Counter
	store     *prometheus.HistogramVec
}

func (r *rest) init() {
	r.publishes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "publishes_total",
		Help: "Publishes that ended, by how: ok, refused, failed, unknown or unfinished."}, []string{"peer", "result"})
	r.seconds = prometheus.NewHistogram(
		histogram("publish_seconds", "Time from the first call of a publish to its end.", longBuckets),
	)
	r.bytes = prometheus.NewHistogram(histogram("publish_bytes", "Size of the archives that were published.", sizeBuckets))
	r.records = prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "audit_records_total",
		Help: "Events that were written to the audit log."}, []string{"kind"})
	r.lost = prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "audit_outcomes_lost_total",
		Help: "Outcomes of calls that could not be written to the audit log."})
	r.store = prometheus.NewHistogramVec(histogram("store_seconds", "Time that the store took.", partBuckets), []string{"op"})
}

func (r *rest) all() []prometheus.Collector {
	return []prometheus.Collector{r.publishes, r.seconds, r.bytes, r.records, r.lost, r.store}
}

// Publish counts a publish that ended.
func (m *Metrics) Publish(p Publish) {
	m.rest.publishes.WithLabelValues(p.Peer, p.Result).Inc()
	m.rest.seconds.Observe(p.Took.Seconds())
	if p.Bytes > 0 {
		m.rest.bytes.Observe(float64(p.Bytes))
	}
}

// Recorded counts an event that was written to the audit log.
func (m *Metrics) Recorded(kind string) { m.rest.records.WithLabelValues(kind).Inc() }

// OutcomeLost counts an outcome that could not be.
func (m *Metrics) OutcomeLost() { m.rest.lost.Inc() }

// Stored counts what the store took for an operation, of which there are few.
func (m *Metrics) Stored(op string, took time.Duration) {
	m.rest.store.WithLabelValues(op).Observe(took.Seconds())
}

// results are how publishes end.
var results = []string{"ok", "refused", "failed", "unknown", "unfinished"}

// Expect shows the counters of peers before anything was counted of them, so that their first
// failure is an increase.
func (m *Metrics) Expect(peers []string) {
	for _, name := range peers {
		m.calls.byPeer.of(name)
		for _, how := range results {
			m.rest.publishes.WithLabelValues(name, how)
		}
	}
}
