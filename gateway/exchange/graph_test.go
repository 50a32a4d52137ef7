package exchange_test

import (
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/policy/topology"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// TestGraph: each server is there once, with its name, and each link that anybody told of.
func TestGraph(t *testing.T) {
	ids := func(all ...string) (out []sync.ServerID) {
		for _, s := range all {
			out = append(out, sync.ServerID(s))
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		status  exchange.Status
		servers []topology.Server
		links   []topology.Link
	}{
		{"alone", exchange.Status{ID: "A", Name: "live"}, []topology.Server{{ID: "A", Name: "live"}}, nil},
		{"a neighbour that never answered", exchange.Status{ID: "A", Name: "live", Links: ids("B")},
			[]topology.Server{{ID: "A", Name: "live"}, {ID: "B"}}, []topology.Link{{From: "A", To: "B"}}},
		{"a pair", exchange.Status{ID: "A", Name: "live", Links: ids("B"),
			Servers: []exchange.ServerStatus{{ID: "B", Name: "test", Links: ids("A")}}},
			[]topology.Server{{ID: "A", Name: "live"}, {ID: "B", Name: "test"}},
			[]topology.Link{{From: "A", To: "B"}, {From: "B", To: "A"}}},
		{"a leaf knows the star", exchange.Status{ID: "A", Name: "author", Links: ids("B"),
			Servers: []exchange.ServerStatus{{ID: "B", Name: "live", Links: ids("A", "C")}, {ID: "C", Name: "test", Links: ids("B")}}},
			[]topology.Server{{ID: "A", Name: "author"}, {ID: "B", Name: "live"}, {ID: "C", Name: "test"}},
			[]topology.Link{{From: "A", To: "B"}, {From: "B", To: "A"}, {From: "B", To: "C"}, {From: "C", To: "B"}}},
		{"another says that it is this one", exchange.Status{ID: "A", Name: "live", Servers: []exchange.ServerStatus{{ID: "A", Name: "false"}}},
			[]topology.Server{{ID: "A", Name: "live"}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers, links := tt.status.Graph()
			if !slices.Equal(servers, tt.servers) {
				t.Errorf("servers %+v, want %+v", servers, tt.servers)
			}
			if !slices.Equal(links, tt.links) {
				t.Errorf("links %+v, want %+v", links, tt.links)
			}
		})
	}
}
