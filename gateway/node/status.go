package node

import (
	"os"

	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/node/servers"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/gateway/watch"
	"github.com/stagelock/stagelock/store/files"
)

// Health returns how the node is.
func (n *Node) Health() admin.Health { return n.probes.Health() }

// Ready returns what the health path tells: 200 if publishes can pass, else 503, and why as JSON.
func (n *Node) Ready() (status int, body []byte) { return n.probes.Ready() }

// Status returns how the node is, in full. It neither waits nor writes, and asks nobody over the
// network.
func (n *Node) Status() status.Status {
	f := n.facts()
	h := f.Health()
	s := status.Status{
		Ready: h.Ready, Problems: h.Problems, Version: n.cfg.Version, Node: n.named, Now: f.Now, Since: n.since,
		Stopping: f.Stopping, Admin: n.admin.Addrs(), Refusals: h.Refusals,
		Config: n.loaded.Get(), Audit: n.auditStatus(), Store: n.storeStatus(n.cfg.Conf.Store), Disk: watch.Disk(string(n.data())),
		Traffic: status.Traffic{
			Publishes: n.relay.Publishing(), Calls: n.relay.Running(), Connections: n.front.Open(),
			Strangers: n.rules().Quota.Stats().Strangers, Turned: n.front.Refused(), Checks: n.visits.Checks(),
		},
	}
	for _, a := range n.Addrs() {
		s.Listen = append(s.Listen, a.String())
	}
	for _, m := range n.relay.Policy().Engine.Pool.Members() {
		f := m.Failures()
		s.Engine = append(s.Engine, status.Engine{Name: m.Name(), Up: m.Up(),
			Failures: status.Failures{Calls: f.Calls.Load(), Probes: f.Probes.Load()}})
	}
	s.Certificates, s.Sync = f.Certificates, n.syncStatus()
	if h.Ready {
		s.Warnings = f.Warnings()
	}
	return s
}

// syncStatus is nil unless several servers are kept alike, and somebody has counted.
func (n *Node) syncStatus() *status.Sync {
	if n.exchange == nil {
		return nil
	}
	if f, counted := n.exchange.Figures(); counted {
		return servers.Shown(f)
	}
	return nil
}

func (n *Node) certificates() []status.Certificate {
	var all []status.Certificate
	for _, shown := range n.certs.Shown() {
		all = append(all, status.Certificate(shown))
	}
	return all
}

func (n *Node) auditStatus() status.Audit {
	a := status.Audit{Checkpoint: n.audit.Signed(), Whole: n.audit.Alarm() == ""}
	if err := n.audit.Err(); err != nil {
		a.Problem = err.Error()
	}
	if _, shared := n.logs(); shared {
		return a // it lies with the store
	}
	segments, err := files.Segments(n.data().Audit())
	if err != nil && a.Problem == "" {
		a.Problem = err.Error()
	}
	for _, one := range segments {
		a.Bytes += one.Bytes
	}
	return a
}

func (n *Node) storeStatus(kind string) status.Store {
	s := status.Store{Kind: kind, Up: true}
	if err := n.unwritable(); err != nil {
		s.Up, s.Problem = false, err.Error()
	}
	if kind == "postgres" {
		s.Cluster = &status.Member{
			Name: n.cfg.Conf.Cluster.Name, Lease: n.lease(), Members: n.neighbours.States(), Clock: n.life.Offset(),
			Digest: n.digest(),
		}
		return s
	}
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(n.data().Database() + end); err == nil {
			s.Bytes += info.Size()
		}
	}
	return s
}

// facts gathers what health is made of. It neither waits nor writes.
func (n *Node) facts() admin.Facts {
	f := admin.Facts{
		Log:      n.audit.Err(),
		Stopping: n.relay.Draining(), Refusals: n.visits.Refusals(), Certificates: n.certificates(), Now: n.cfg.Now(),
	}
	if _, shared := n.logs(); shared {
		f.Shared = n.sharedProblems()
	} else {
		f.Unwritable = n.unwritable()
	}
	f.Crowded = n.rules().Quota.StrangersFull()
	f.Nodes, f.Engine, f.Unasked = n.engineFacts()
	return f
}
