package metrics

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/policy"
)

// prefix begins the name of every metric of a gateway's own.
const prefix = "stagelock_"

// other stands for what no list knows.
const other = "other"

// exemplary is the time from which on a call leaves its reference with its duration.
const exemplary = time.Second

// Call is a call, or another request, that was answered.
type Call struct {
	Ref     string
	Peer    string // empty: nobody proved to be one
	Method  string // without service and parameters; empty: it was not read
	Verdict string // allow, deny or answer
	Reason  string // of the refusal, or of what went wrong behind an allow; empty: nothing
	KeyID   string // with which it was signed
	At      time.Time
	Gateway time.Duration // spent in the gateway and on the publisher's line
	Engine  time.Duration // spent waiting for the engine; 0: it was not asked
	Record  time.Duration // until its verdict was written; 0: none was
	In, Out int64         // bytes
	Delayed bool          // it waited for its turn
	Repeat  Repeat
}

// Exception is the Reason of a call that the engine answered with an exception.
const Exception = "exception"

// Repeat says how a call was served that is a duplicate of another.
type Repeat string

// How duplicates are served. The zero Repeat is no duplicate.
const (
	Answered Repeat = "answered" // it got the answer that was kept
	Waited   Repeat = "waited"   // it waited for the first one's
	Unknown  Repeat = "unknown"  // nobody knows what became of the first one
)

// Publish is a publish that ended.
type Publish struct {
	Peer   string
	Result string // ok, refused, failed, unknown or unfinished
	Took   time.Duration
	Bytes  int64
}

// Config is what Metrics are built from.
type Config struct {
	Version string
	Methods []string             // of the calls that there are
	State   func() status.Status // asked at each scrape; must not write
}

// Metrics count. Their methods are safe for concurrent use and allocate nothing for what was counted
// before.
type Metrics struct {
	registry *prometheus.Registry
	methods  map[string]bool
	reasons  map[string]bool
	calls    calls
	rest     rest
}

// New returns Metrics that have counted nothing yet.
func New(c Config) (*Metrics, error) {
	if c.State == nil {
		return nil, errors.New("metrics: nobody to ask for the state")
	}
	m := &Metrics{registry: prometheus.NewRegistry(), methods: set(c.Methods), reasons: map[string]bool{Exception: true}}
	for _, r := range policy.Reasons() {
		m.reasons[r.Code] = true
	}
	m.calls.init()
	m.rest.init()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: prefix + "build_info", Help: "Version of the gateway and of Go; always 1.",
	}, []string{"version", "go"})
	build.WithLabelValues(c.Version, strings.TrimPrefix(runtime.Version(), "go")).Set(1)
	for _, one := range append([]prometheus.Collector{
		build, &scraped{ask: c.State}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, append(m.calls.all(), m.rest.all()...)...) {
		if err := m.registry.Register(one); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func set(all []string) map[string]bool {
	s := make(map[string]bool, len(all))
	for _, one := range all {
		s[one] = true
	}
	return s
}

// Gatherer returns what a scrape is made of.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Handler serves a scrape. Native histograms and exemplars go to who asks for them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// known returns value if the list has it, else other; what is empty stays so.
func known(list map[string]bool, value string) string {
	if value == "" || list[value] {
		return value
	}
	return other
}
