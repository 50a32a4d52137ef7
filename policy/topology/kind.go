package topology

import "slices"

// Kind is the shape of a graph.
type Kind string

// The kinds. What is none of the others is Other; Single is a server without any link.
const (
	Single Kind = "single"
	Pair   Kind = "pair"
	Star   Kind = "star"
	Ring   Kind = "ring"
	Tree   Kind = "tree"
	Mesh   Kind = "mesh"
	Other  Kind = "other"
)

// kind returns the first shape that fits. A mesh of three is also a ring with links both ways; it is
// called a mesh, as everybody is linked with everybody.
func (g *graph) kind() Kind {
	n, pairs := len(g.servers), g.pairs()
	switch {
	case pairs == 0:
		return Single
	case !g.joined():
		return Other
	case n == 2:
		return Pair
	case g.hub() >= 0 && pairs == n-1:
		return Star
	case pairs == n-1:
		return Tree
	case pairs == n*(n-1)/2 && g.twoWay():
		return Mesh
	case pairs == n && g.ring():
		return Ring
	}
	return Other
}

// pairs counts the servers that are linked in at least one direction.
func (g *graph) pairs() int {
	n := 0
	for a := range g.servers {
		n += len(g.neighbours(a))
	}
	return n / 2
}

// joined reports whether all servers hang together, whichever way the links go.
func (g *graph) joined() bool {
	seen := map[int]bool{0: true}
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		for _, m := range g.neighbours(queue[0]) {
			if !seen[m] {
				seen[m] = true
				queue = append(queue, m)
			}
		}
	}
	return len(seen) == len(g.servers)
}

// hub returns the server that all others are linked with, the one with the most links, or -1.
func (g *graph) hub() int {
	best, most := -1, 0
	for n := range g.servers {
		if links := len(g.neighbours(n)); links == len(g.servers)-1 && links > most {
			best, most = n, links
		}
	}
	return best
}

func (g *graph) twoWay() bool {
	for a, to := range g.to {
		for _, b := range to {
			if !g.linked(b, a) {
				return false
			}
		}
	}
	return true
}

// oneWay reports whether no link has one against it.
func (g *graph) oneWay() bool {
	for a, to := range g.to {
		for _, b := range to {
			if g.linked(b, a) {
				return false
			}
		}
	}
	return true
}

// ring reports whether the servers, which hang together, form one circle that changes can go round.
func (g *graph) ring() bool {
	two := slices.ContainsFunc(g.ids(), func(n int) bool { return len(g.neighbours(n)) != 2 })
	if two {
		return false
	}
	return g.twoWay() || !slices.ContainsFunc(g.ids(), func(n int) bool { return len(g.to[n]) != 1 })
}

func (g *graph) ids() []int {
	all := make([]int, len(g.servers))
	for i := range all {
		all[i] = i
	}
	return all
}
