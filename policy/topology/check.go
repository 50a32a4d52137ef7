package topology

import (
	"fmt"
	"slices"
	"strings"
)

// Mode says by which rule a second path is judged.
type Mode string

// The modes. Where a single server is one of Kentico's without a gateway, its rule holds for all.
const (
	Native Mode = "native" // changes have ids: a second path costs offers, no more
	Listed Mode = "kentico"
)

// Level says how much a finding matters.
type Level string

// The levels: what is refused, what is warned of, what is good to know.
const (
	Refuse Level = "error"
	Warn   Level = "warning"
	Note   Level = "note"
)

// Finding is one thing about a graph, and what to do about it.
type Finding struct {
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Cure  string `json:"cure,omitempty"`
}

// TwoPaths is a pair with more than one path in one direction.
type TwoPaths struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	First []string `json:"first"` // a shortest one
	Other []string `json:"other"`
}

// Route is one server and another, by name.
type Route struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Report is what Check found. Names are those of people.
type Report struct {
	Kind        Kind       `json:"kind"`
	Mode        Mode       `json:"mode"`
	Servers     []string   `json:"servers"`
	Links       []Route    `json:"links"`
	Findings    []Finding  `json:"findings"`
	TwoPaths    []TwoPaths `json:"two_paths"`
	Unreachable []Route    `json:"unreachable"`
	Costs       []Cost     `json:"costs"`
}

// Refused reports whether the graph may not be used.
func (r Report) Refused() bool { return r.has(Refuse) }

// Warned reports whether somebody should look at the graph.
func (r Report) Warned() bool { return r.has(Warn) }

func (r Report) has(l Level) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == l })
}

// Check looks at servers and the links between them. A Report with nothing in it but a refusal is
// returned for what is no graph: no server, too many, or two of one id.
func Check(servers []Server, links []Link, mode Mode) Report {
	if slices.ContainsFunc(servers, func(s Server) bool { return s.Kentico }) {
		mode = Listed
	}
	if mode != Listed {
		mode = Native
	}
	r := Report{Mode: mode, Kind: Other, Servers: []string{}, Links: []Route{}, Findings: []Finding{},
		TwoPaths: []TwoPaths{}, Unreachable: []Route{}, Costs: []Cost{}}
	if text := notAGraph(servers); text != "" {
		r.add(Refuse, text, "name every server once")
		return r
	}
	g := newGraph(servers, links)
	r.Kind = g.kind()
	r.describe(g)
	r.names(servers)
	r.strays(servers, links)
	r.reach(g)
	r.judge(g)
	return r
}

func notAGraph(servers []Server) string {
	switch n := len(servers); {
	case n == 0:
		return "there is no server"
	case n > MaxServers:
		return fmt.Sprintf("%d servers are more than %d", n, MaxServers)
	}
	seen := map[string]bool{}
	for _, s := range servers {
		if s.ID == "" || seen[s.ID] {
			return fmt.Sprintf("the server %q has no id of its own", s.ID)
		}
		seen[s.ID] = true
	}
	return ""
}

func (r *Report) add(l Level, text, cure string) {
	r.Findings = append(r.Findings, Finding{Level: l, Text: text, Cure: cure})
}

func (r *Report) describe(g *graph) {
	for n := range g.servers {
		r.Servers = append(r.Servers, g.name(n))
		r.Costs = append(r.Costs, g.cost(n))
		for _, m := range g.to[n] {
			r.Links = append(r.Links, Route{g.name(n), g.name(m)})
		}
	}
}

// names refuses one name for two servers; case counts nowhere, as Kentico compares without.
func (r *Report) names(servers []Server) {
	first := map[string]Server{}
	for _, s := range servers {
		folded := strings.ToLower(s.Name)
		if folded == "" {
			continue
		}
		if other, taken := first[folded]; taken {
			r.add(Refuse, fmt.Sprintf("the name %s is taken by the key %s", s.Name, other.ID),
				"give "+s.ID+" another sync.name")
			continue
		}
		first[folded] = s
	}
}

// strays tells of links that lead nowhere.
func (r *Report) strays(servers []Server, links []Link) {
	known := func(id string) bool {
		return slices.ContainsFunc(servers, func(s Server) bool { return s.ID == id })
	}
	for _, l := range links {
		for _, id := range []string{l.From, l.To} {
			if !known(id) {
				r.add(Refuse, fmt.Sprintf("the link %s → %s names %q, which is no server", l.From, l.To, id),
					"add the server, or take the link away")
			}
		}
		if l.From == l.To && known(l.From) {
			r.add(Refuse, "the server "+l.From+" is linked with itself", "take the link away")
		}
	}
}

// reach collects pairs with two paths and pairs with none.
func (r *Report) reach(g *graph) {
	for a := range g.servers {
		for b := range g.servers {
			if a == b {
				continue
			}
			switch first, other := g.paths(a, b); {
			case first == nil:
				r.Unreachable = append(r.Unreachable, Route{g.name(a), g.name(b)})
			case other != nil:
				r.TwoPaths = append(r.TwoPaths, TwoPaths{g.name(a), g.name(b), g.names(first), g.names(other)})
			}
		}
	}
	for n := range g.servers {
		if len(g.servers) > 1 && len(g.neighbours(n)) == 0 {
			r.add(Warn, g.name(n)+" is linked with nobody", "link it, or take it out")
		}
	}
}

// judge says what a second path means by the rule of the mode.
func (r *Report) judge(g *graph) {
	for i, p := range r.TwoPaths {
		text := fmt.Sprintf("two paths from %s to %s: %s, and %s", p.From, p.To, arrows(p.First), arrows(p.Other))
		c := r.Costs[slices.Index(r.Servers, p.From)]
		if r.Mode == Listed {
			r.add(Refuse, text, fmt.Sprintf("take one of the two away: by the list of processed servers one change of "+
				"%s would be delivered %s instead of %d", p.From, times(c.Listed), c.Needed))
			continue
		}
		if i > 0 { // said once, and the costs are in the report
			r.add(Warn, text, "")
			continue
		}
		r.add(Warn, text, fmt.Sprintf("harmless here: one change needs %d deliveries, %d payloads and at most %d offers; "+
			"Kentico's own rule would deliver it %s", c.Needed, c.Needed, c.Offers, times(c.Listed)))
	}
	if r.Mode == Listed && len(r.TwoPaths) == 0 && !documented(r.Kind, g) {
		r.add(Note, "the rule of one path holds, but Kentico documents star and circle only", "")
	}
}

// documented reports whether Kentico's documentation has the shape: two servers, a star with links
// both ways, and a ring one way.
func documented(k Kind, g *graph) bool {
	switch k {
	case Pair, Single:
		return true
	case Star:
		return g.twoWay()
	case Ring:
		return g.oneWay()
	}
	return false
}

func times(n int) string {
	if n >= countLimit {
		return "more than 9,999 times"
	}
	return fmt.Sprintf("%d times", n)
}
