package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// Member is one node of the live engine. It is safe for concurrent use.
type Member struct {
	name  string // for log and audit
	base  string // URL without a path
	host  string
	up    *forward.Upstream
	limit int32
	entry *logrus.Entry

	total    Failures
	failures atomic.Int32 // of calls, in a row
	misses   atomic.Int32 // of probes, in a row
	running  atomic.Int32 // calls that it has
	seen     atomic.Bool  // it answered once
	refuses  atomic.Bool  // it would not take a publish
	says     atomic.Pointer[string]
}

// Failures count what failed at a node since the pool was made.
type Failures struct{ Calls, Probes atomic.Int64 }

// Failures returns what failed at the node.
func (m *Member) Failures() *Failures { return &m.total }

// Up reports whether neither calls nor probes speak against the node.
func (m *Member) Up() bool { return m.reachable() }

// Name returns host and port, as log and audit events name the node.
func (m *Member) Name() string { return m.name }

// Host returns what a request to the node says as Host.
func (m *Member) Host() string { return m.host }

// Open returns an exchange on a kept connection, or on a new one if fresh is set or none is kept.
// The node counts as busy until Ended is called, once for each Open that succeeded.
func (m *Member) Open(ctx context.Context, fresh bool) (*forward.Exchange, error) {
	x, err := m.up.Open(ctx, fresh)
	if err == nil {
		m.running.Add(1)
	}
	return x, err
}

// Ended says that a call left the node.
func (m *Member) Ended() { m.running.Add(-1) }

// Failed counts a failure of a call; enough of them in a row take the node out until it answers a
// probe. A node that never answered is out at once: what is wrong is more likely the configuration.
func (m *Member) Failed(err error) {
	m.total.Calls.Add(1)
	m.count(&m.failures, err)
}

func (m *Member) count(row *atomic.Int32, err error) {
	n := row.Add(1)
	if !m.seen.Load() && n < m.limit {
		row.CompareAndSwap(n, m.limit)
		n = m.limit
	}
	if n == m.limit {
		m.entry.WithError(err).WithField("node", m.name).Warn("the live engine cannot be reached: " +
			"start it, or mend engine.upstream.nodes")
	}
}

// Answered brings the node back: it answered a call.
func (m *Member) Answered() {
	m.seen.Store(true)
	out := m.failures.Swap(0) >= m.limit
	if m.misses.Swap(0) >= m.limit || out {
		m.entry.WithField("node", m.name).Info("node of the live engine is up again")
	}
}

// Busy reports whether the node has a call.
func (m *Member) Busy() bool { return m.running.Load() > 0 }

// Refuse says whether the node would take a publish, if it was asked: calls go to one that would, as
// long as there is one.
func (m *Member) Refuse(refuses bool) { m.refuses.Store(refuses) }

// reachable reports whether nothing speaks against the node: neither calls nor probes, and it would
// take a publish.
func (m *Member) reachable() bool {
	return m.usable() && m.misses.Load() < m.limit && !m.refuses.Load()
}

// usable reports whether no call speaks against the node.
func (m *Member) usable() bool { return m.failures.Load() < m.limit }

// probe asks for a path that deserializes nothing.
func (m *Member) probe(ctx context.Context, client *http.Client, path string) {
	err := m.ask(ctx, client, path)
	switch {
	case err == nil:
		m.Answered()
	case ctx.Err() != nil:
	case slow(err) && m.running.Load() > 0: // it works, for us
	default:
		m.total.Probes.Add(1)
		m.count(&m.misses, err)
	}
}

func (m *Member) ask(ctx context.Context, client *http.Client, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, m.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if says := resp.Header.Get("Liferay-Portal"); says != "" {
		m.says.Store(&says)
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("health path answers %s", resp.Status)
	}
	return nil
}

// slow reports whether a probe ended because no answer came in time.
func slow(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
