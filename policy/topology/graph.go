package topology

import (
	"cmp"
	"slices"
	"strings"
)

// MaxServers bounds how many servers are looked at: paths are searched for between every two.
const MaxServers = 64

// Server is one environment that takes part.
type Server struct {
	ID   string // what links name; the fingerprint of its key, or its name where there is no key
	Name string // what people call it; the ID if empty
	// Kentico is true for a server without a gateway of ours: it knows nothing but the list of servers
	// that have processed a task.
	Kentico bool
}

// Link says that changes flow from one server to another, by ID.
type Link struct{ From, To string }

// graph is servers by number, with links to the numbers that they lead to, ascending.
type graph struct {
	servers []Server
	to      [][]int
}

// newGraph leaves out links to what is no server, links to oneself, and doubled ones.
func newGraph(servers []Server, links []Link) *graph {
	g := &graph{servers: servers, to: make([][]int, len(servers))}
	for _, l := range links {
		a, b := g.number(l.From), g.number(l.To)
		if a >= 0 && b >= 0 && a != b && !slices.Contains(g.to[a], b) {
			g.to[a] = append(g.to[a], b)
		}
	}
	for _, to := range g.to {
		slices.Sort(to)
	}
	return g
}

func (g *graph) number(id string) int {
	return slices.IndexFunc(g.servers, func(s Server) bool { return s.ID == id })
}

func (g *graph) name(n int) string { return cmp.Or(g.servers[n].Name, g.servers[n].ID) }

func (g *graph) linked(a, b int) bool { return slices.Contains(g.to[a], b) }

// neighbours are those that a link leads to or comes from.
func (g *graph) neighbours(n int) []int {
	var all []int
	for m := range g.servers {
		if g.linked(n, m) || g.linked(m, n) {
			all = append(all, m)
		}
	}
	return all
}

// path returns a shortest path that does not go over the link from cut[0] to cut[1], or nil.
func (g *graph) path(from, to int, cut [2]int) []int {
	before := make([]int, len(g.servers))
	for i := range before {
		before[i] = -1
	}
	before[from] = from
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			return trace(before, from, to)
		}
		for _, next := range g.to[at] {
			if before[next] < 0 && cut != [2]int{at, next} {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func trace(before []int, from, to int) []int {
	path := []int{to}
	for at := to; at != from; at = before[at] {
		path = append(path, before[at])
	}
	slices.Reverse(path)
	return path
}

var noCut = [2]int{-1, -1}

// paths returns a shortest path and another one; either is nil if there is none. A path that is not
// the shortest one lacks one of its links, so cutting each of them in turn finds it.
func (g *graph) paths(from, to int) (first, second []int) {
	first = g.path(from, to, noCut)
	for i := 1; i < len(first); i++ {
		other := g.path(from, to, [2]int{first[i-1], first[i]})
		if other != nil && (second == nil || len(other) < len(second)) {
			second = other
		}
	}
	return first, second
}

func (g *graph) names(path []int) []string {
	all := make([]string, len(path))
	for i, n := range path {
		all[i] = g.name(n)
	}
	return all
}

// arrows writes a path for people.
func arrows(path []string) string { return strings.Join(path, " → ") }
