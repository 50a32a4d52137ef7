package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagelock/stagelock/gateway/status"
)

// scraped makes metrics of what is the case when it is asked.
type scraped struct{ ask func() status.Status }

// reading is one metric that is read from a status.
type reading struct {
	desc    *prometheus.Desc
	counter bool
	read    func(s *status.Status, emit func(v float64, labels ...string))
}

func gauge(name, help string, read func(*status.Status, func(float64, ...string)), labels ...string) reading {
	return reading{desc: prometheus.NewDesc(prefix+name, help, labels, nil), read: read}
}

func counter(name, help string, read func(*status.Status, func(float64, ...string)), labels ...string) reading {
	return reading{desc: prometheus.NewDesc(prefix+name, help, labels, nil), counter: true, read: read}
}

// readings are all that is read.
var readings = []reading{
	gauge("ready", "Whether publishes can pass.", func(s *status.Status, emit func(float64, ...string)) {
		emit(truth(s.Ready))
	}),
	gauge("publishes_running", "Staging requests that are not cleaned up yet.",
		func(s *status.Status, emit func(float64, ...string)) { emit(float64(s.Traffic.Publishes)) }),
	gauge("calls_running", "Calls of a peer that are under way.",
		func(s *status.Status, emit func(float64, ...string)) { numbers(s.Traffic.Calls, emit) }, "peer"),
	gauge("connections", "Open connections of publishers.",
		func(s *status.Status, emit func(float64, ...string)) { emit(float64(s.Traffic.Connections)) }),
	counter("refused_connections_total", "Connections that were closed before a call came, by why.",
		func(s *status.Status, emit func(float64, ...string)) { numbers(s.Traffic.Turned, emit) }, "why"),
	gauge("engine_up", "Whether a node of the live engine is up.",
		func(s *status.Status, emit func(float64, ...string)) {
			for _, e := range s.Engine {
				emit(truth(e.Up), e.Name)
			}
		}, "node"),
	counter("engine_failures_total", "Failures of a node of the live engine: of a call, or of a check of its health.",
		func(s *status.Status, emit func(float64, ...string)) {
			for _, e := range s.Engine {
				emit(float64(e.Failures.Calls), e.Name, "call")
				emit(float64(e.Failures.Probes), e.Name, "probe")
			}
		}, "node", "kind"),
	gauge("audit_last_checkpoint_timestamp_seconds", "When the newest checkpoint of the audit log was signed.",
		func(s *status.Status, emit func(float64, ...string)) { when(s.Audit.Checkpoint, emit) }),
	gauge("audit_verified", "Whether the audit log was what its newest checkpoint said when it was opened, and can be written.",
		func(s *status.Status, emit func(float64, ...string)) {
			emit(truth(s.Audit.Whole && s.Audit.Problem == ""))
		}),
	gauge("certificate_expiry_timestamp_seconds", "When a certificate that publishers are shown runs out.",
		func(s *status.Status, emit func(float64, ...string)) {
			for _, c := range s.Certificates {
				when(c.NotAfter, emit, c.Name)
			}
		}, "name"),
	gauge("certificate_due_timestamp_seconds", "When a certificate that publishers are shown should have been renewed.",
		func(s *status.Status, emit func(float64, ...string)) {
			for _, c := range s.Certificates {
				if !c.NotAfter.IsZero() {
					when(c.NotAfter.Add(-c.Soon), emit, c.Name)
				}
			}
		}, "name"),
	gauge("config_last_reload_successful", "Whether the configuration could be used when it was last read.",
		func(s *status.Status, emit func(float64, ...string)) { emit(truth(s.Config.OK)) }),
	gauge("config_last_reload_timestamp_seconds", "When the configuration in use was read.",
		func(s *status.Status, emit func(float64, ...string)) { when(s.Config.Loaded, emit) }),
	gauge("config_info", "Digest of the configuration in use, in a cluster of what all gateways must say alike; always 1.",
		func(s *status.Status, emit func(float64, ...string)) {
			if s.Store.Cluster != nil {
				emit(1, s.Store.Cluster.Digest)
				return
			}
			emit(1, s.Config.Digest)
		}, "digest"),
	gauge("store_up", "Whether the store and the audit log can be written.",
		func(s *status.Status, emit func(float64, ...string)) { emit(truth(s.Store.Up)) }),
	gauge("data_bytes", "Size of what the gateway keeps in its data folder.",
		func(s *status.Status, emit func(float64, ...string)) {
			emit(float64(s.Audit.Bytes), "audit")
			emit(float64(s.Store.Bytes), "store")
		}, "part"),
	gauge("disk_free_bytes", "Free bytes of the disk that the data folder is on.",
		func(s *status.Status, emit func(float64, ...string)) { emit(float64(s.Disk.Free)) }),
	gauge("disk_size_bytes", "Size of the disk that the data folder is on.",
		func(s *status.Status, emit func(float64, ...string)) { emit(float64(s.Disk.Size)) }),
	gauge("member_lease_seconds", "Time for which others of the cluster wait for this gateway.",
		ofMember(func(m *status.Member, emit func(float64, ...string)) { emit(m.Lease.Seconds()) })),
	gauge("members", "Gateways of the cluster, by their state.",
		ofMember(func(m *status.Member, emit func(float64, ...string)) { numbers(m.Members, emit) }), "state"),
	gauge("clock_offset_seconds", "How far this machine's clock is ahead of the store's.",
		ofMember(func(m *status.Member, emit func(float64, ...string)) { emit(m.Clock.Seconds()) })),
	gauge("sync_backlog", "Changes that a server is still to get.",
		ofTargets(func(t *status.Target, _ time.Time) float64 { return float64(t.Backlog) }), "target"),
	gauge("sync_dead", "Changes that a server refused for good, until somebody looks.",
		ofTargets(func(t *status.Target, _ time.Time) float64 { return float64(t.Dead) }), "target"),
	gauge("sync_retries", "Failed tries in a row of what a server is to get next.",
		ofTargets(func(t *status.Target, _ time.Time) float64 { return float64(t.Tries) }), "target"),
	gauge("sync_stopped", "Whether nothing is sent to a server until somebody mends something.",
		ofTargets(func(t *status.Target, _ time.Time) float64 { return truth(t.State == "operator") }), "target"),
	gauge("sync_oldest_seconds", "For how long the oldest change waits that a server is still to get.",
		ofTargets(func(t *status.Target, now time.Time) float64 {
			return since(t.Oldest, now)
		}), "target"),
	gauge("sync_last_delivery_timestamp_seconds", "When a server took a change last.",
		func(s *status.Status, emit func(float64, ...string)) {
			if s.Sync == nil {
				return
			}
			for _, t := range s.Sync.Targets {
				when(t.Last, emit, t.Name)
			}
		}, "target"),
	counter("sync_changes_total", "Changes that this gateway accepted, by what became of them.",
		func(s *status.Status, emit func(float64, ...string)) {
			if s.Sync != nil {
				numbers(s.Sync.Changes, emit)
			}
		}, "what"),
	gauge("sync_conflicts", "Objects that were edited on two servers at once and are to be decided, here or elsewhere.",
		func(s *status.Status, emit func(float64, ...string)) {
			if s.Sync != nil {
				emit(float64(s.Sync.Here), "here")
				emit(float64(s.Sync.Conflicts-s.Sync.Here), "elsewhere")
			}
		}, "where"),
	gauge("sync_approvals", "Changes of other servers that wait until somebody here approves them.",
		ofSync(func(s *status.Sync, _ time.Time) float64 { return float64(s.Approvals) })),
	gauge("sync_approvals_oldest_seconds", "For how long the oldest change waits that somebody here is to approve.",
		ofSync(func(s *status.Sync, now time.Time) float64 { return since(s.Asked, now) })),
	counter("sync_approvals_decided_total", "Changes that people approved or refused on this gateway.",
		func(s *status.Status, emit func(float64, ...string)) {
			if s.Sync != nil {
				numbers(s.Sync.Decided, emit)
			}
		}, "result"),
	gauge("sync_contents", "Contents that are kept to be sent on, as they were counted last.",
		ofContents(func(c *status.Contents) float64 { return float64(c.N) })),
	gauge("sync_contents_bytes", "Bytes of the contents that are kept to be sent on.",
		ofContents(func(c *status.Contents) float64 { return float64(c.Bytes) })),
	gauge("sync_contents_removed", "Contents that were removed since the gateway started, as nothing needed them any more.",
		ofContents(func(c *status.Contents) float64 { return float64(c.Removed) })),
}

// since is for how long something waits: 0 of nothing, and where clocks differ.
func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t).Seconds())
}

// ofSync reads one figure of a server that is kept like others.
func ofSync(read func(s *status.Sync, now time.Time) float64) func(*status.Status, func(float64, ...string)) {
	return func(s *status.Status, emit func(float64, ...string)) {
		if s.Sync != nil {
			emit(read(s.Sync, s.Now))
		}
	}
}

// ofContents reads one figure of the contents, once they were counted.
func ofContents(read func(c *status.Contents) float64) func(*status.Status, func(float64, ...string)) {
	return func(s *status.Status, emit func(float64, ...string)) {
		if s.Sync != nil && s.Sync.Contents != nil {
			emit(read(s.Sync.Contents))
		}
	}
}

// ofTargets reads one figure of every server that changes go to.
func ofTargets(read func(t *status.Target, now time.Time) float64) func(*status.Status, func(float64, ...string)) {
	return func(s *status.Status, emit func(float64, ...string)) {
		if s.Sync == nil {
			return
		}
		for i := range s.Sync.Targets {
			emit(read(&s.Sync.Targets[i], s.Now), s.Sync.Targets[i].Name)
		}
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// when emits a time; none for one that did not come yet.
func when(t time.Time, emit func(float64, ...string), labels ...string) {
	if !t.IsZero() {
		emit(float64(t.UnixMilli())/1000, labels...)
	}
}

func numbers[N int | int64](all map[string]N, emit func(float64, ...string)) {
	for label, n := range all {
		emit(float64(n), label)
	}
}

// ofMember reads what only a gateway of a cluster has.
func ofMember(read func(*status.Member, func(float64, ...string))) func(*status.Status, func(float64, ...string)) {
	return func(s *status.Status, emit func(float64, ...string)) {
		if s.Store.Cluster != nil {
			read(s.Store.Cluster, emit)
		}
	}
}

// Describe names what is read.
func (*scraped) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range readings {
		ch <- r.desc
	}
}

// Collect asks once and reads everything.
func (s *scraped) Collect(ch chan<- prometheus.Metric) {
	now := s.ask()
	for _, r := range readings {
		typ := prometheus.GaugeValue
		if r.counter {
			typ = prometheus.CounterValue
		}
		seen := map[string]bool{} // two certificates may have one name
		r.read(&now, func(v float64, labels ...string) {
			key := strings.Join(labels, "\x00")
			if seen[key] {
				return
			}
			seen[key] = true
			ch <- prometheus.MustNewConstMetric(r.desc, typ, v, labels...)
		})
	}
}
