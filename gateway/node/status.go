package node

import (
	"os"

	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/store/files"
)

// Status returns how the node is, in full. It neither waits nor writes, and asks nobody over the
// network.
func (n *Node) Status() status.Status {
	h, c := n.Health(), n.used.Load()
	s := status.Status{
		Ready: h.Ready, Problems: h.Problems, Version: n.cfg.Version, Node: n.named, Now: n.cfg.Now(), Since: n.since,
		Stopping: n.relay.Draining(), Admin: n.admin.Addrs(), Refusals: h.Refusals,
		Config: n.loaded.get(), Audit: n.auditStatus(), Store: n.storeStatus(c.Store), Disk: diskOf(string(n.data())),
		Traffic: status.Traffic{
			Publishes: n.relay.Publishing(), Calls: n.relay.Running(), Connections: n.front.Open(), Turned: n.front.Refused(),
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
	s.Certificates = n.certificates()
	return s
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
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(n.data().Database() + end); err == nil {
			s.Bytes += info.Size()
		}
	}
	return s
}
