package exchange

import (
	"github.com/stagelock/stagelock/policy/topology"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Graph is what a gateway knows of who sends to whom: its own links, and what others said of theirs. A
// server that was only named by another has no name.
func (s Status) Graph() (servers []topology.Server, links []topology.Link) {
	known := map[sync.ServerID]bool{}
	meet := func(id sync.ServerID, name string) {
		if !known[id] {
			known[id] = true
			servers = append(servers, topology.Server{ID: string(id), Name: name})
		}
	}
	meet(s.ID, s.Name)
	for _, o := range s.Servers {
		meet(o.ID, o.Name)
	}
	add := func(from sync.ServerID, to []sync.ServerID) {
		for _, t := range to {
			links = append(links, topology.Link{From: string(from), To: string(t)})
			meet(t, "")
		}
	}
	add(s.ID, s.Links)
	for _, o := range s.Servers {
		add(o.ID, o.Links)
	}
	return servers, links
}
