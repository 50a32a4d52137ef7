package topology

// countLimit is where counting deliveries stops.
const countLimit = 10_000

// Cost is what one change costs that is made on Origin, if nobody edits anything else meanwhile.
type Cost struct {
	Origin string `json:"origin"`
	// Needed is how many servers the change reaches: each must get its content once, and with changes
	// that have an id each gets it once.
	Needed int `json:"needed"`
	// Offers is how often a server at most asks another whether it wants the change.
	Offers int `json:"offers"`
	// Listed is how many deliveries a list of servers that processed the change lets through, as
	// Kentico does it: one for every way through the graph that visits nobody twice. Counting stops at
	// 10,000.
	Listed int `json:"listed"`
}

func (g *graph) cost(origin int) Cost {
	c := Cost{Origin: g.name(origin)}
	seen := map[int]bool{origin: true}
	type visit struct{ at, from int }
	for queue := []visit{{origin, -1}}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		for _, next := range g.to[v.at] {
			if next == v.from {
				continue
			}
			c.Offers++
			if !seen[next] {
				seen[next] = true
				queue = append(queue, visit{next, v.at})
			}
		}
	}
	c.Needed = len(seen) - 1
	g.walk(origin, make([]bool, len(g.servers)), &c.Listed)
	return c
}

// walk counts the ways on from a server that visit nobody twice.
func (g *graph) walk(at int, visited []bool, n *int) {
	visited[at] = true
	defer func() { visited[at] = false }()
	for _, next := range g.to[at] {
		if *n >= countLimit {
			return
		}
		if !visited[next] {
			*n++
			g.walk(next, visited, n)
		}
	}
}
