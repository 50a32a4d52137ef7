package topology_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/topology"
)

// plan makes a graph of what people write.
func plan(t testing.TB, lines ...string) ([]topology.Server, []topology.Link) {
	t.Helper()
	servers, links, err := topology.ParsePlan(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return servers, links
}

// mesh links n servers each with each.
func mesh(n int) []string {
	var all []string
	for a := range n {
		for b := range a {
			all = append(all, fmt.Sprintf("s%d <-> s%d", b, a))
		}
	}
	return all
}

func star(leaves int) []string {
	var all []string
	for n := range leaves {
		all = append(all, fmt.Sprintf("hub <-> leaf%d", n))
	}
	return all
}

var shapes = []struct {
	name     string
	plan     []string
	kind     topology.Kind
	twoPaths int
	// of one change on the first server
	needed, offers, listed int
}{
	{"pair", []string{"a <-> b"}, topology.Pair, 0, 1, 1, 1},
	{"pair one way", []string{"a -> b"}, topology.Pair, 0, 1, 1, 1},
	{"star of 4", star(3), topology.Star, 0, 3, 3, 3},
	{"star of 10", star(9), topology.Star, 0, 9, 9, 9},
	{"ring of 4 one way", []string{"a -> b", "b -> c", "c -> d", "d -> a"}, topology.Ring, 0, 3, 4, 3},
	{"ring of 4 both ways", []string{"a <-> b", "b <-> c", "c <-> d", "d <-> a"}, topology.Ring, 12, 3, 5, 6},
	{"circle that cannot be gone round", []string{"a -> b", "b -> c", "d -> c", "d -> a"}, topology.Other, 1, 2, 2, 2},
	{"tree", []string{"a <-> b", "b <-> c", "b <-> d", "d <-> e"}, topology.Tree, 0, 4, 4, 4},
	{"mesh of 3", mesh(3), topology.Mesh, 6, 2, 4, 4},
	{"mesh of 4", mesh(4), topology.Mesh, 12, 3, 9, 15},
	{"mesh of 5", mesh(5), topology.Mesh, 20, 4, 16, 64},
	{"mesh of 6", mesh(6), topology.Mesh, 30, 5, 25, 325},
	{"mesh of 9", mesh(9), topology.Mesh, 72, 8, 64, 10_000},
	{"two joined one-way rings", []string{"a -> b", "b -> c", "c -> a", "c -> d", "d -> e", "e -> c"}, topology.Other, 0, 4, 6, 4},
	{"two islands", []string{"a <-> b", "c <-> d"}, topology.Other, 0, 1, 1, 1},
	{"mesh with a chord missing", []string{"a <-> b", "b <-> c", "c <-> d", "d <-> a", "a <-> c"}, topology.Other, 12, 3, 7, 9},
}

func TestShapesAndCosts(t *testing.T) {
	for _, tt := range shapes {
		t.Run(tt.name, func(t *testing.T) {
			servers, links := plan(t, tt.plan...)
			r := topology.Check(servers, links, topology.Native)
			if r.Kind != tt.kind || len(r.TwoPaths) != tt.twoPaths {
				t.Errorf("%s with %d pairs of two paths, want %s with %d", r.Kind, len(r.TwoPaths), tt.kind, tt.twoPaths)
			}
			c := r.Costs[0]
			if c.Needed != tt.needed || c.Offers != tt.offers || c.Listed != tt.listed {
				t.Errorf("cost %+v, want needed %d, offers %d, listed %d", c, tt.needed, tt.offers, tt.listed)
			}
			if r.Refused() {
				t.Errorf("native mode refuses: %+v", r.Findings)
			}
			if r.Warned() != (tt.twoPaths > 0) {
				t.Errorf("findings %+v", r.Findings)
			}
		})
	}
}

func TestKenticoModeRefusesSecondPaths(t *testing.T) {
	for _, tt := range shapes {
		t.Run(tt.name, func(t *testing.T) {
			servers, links := plan(t, tt.plan...)
			for name, r := range map[string]topology.Report{
				"by mode":       topology.Check(servers, links, topology.Listed),
				"by one server": topology.Check(oneKentico(servers), links, topology.Native),
			} {
				if r.Mode != topology.Listed || r.Refused() != (tt.twoPaths > 0) {
					t.Errorf("%s: mode %s, findings %+v", name, r.Mode, r.Findings)
				}
			}
		})
	}
}

func oneKentico(servers []topology.Server) []topology.Server {
	all := slices.Clone(servers)
	all[0].Kentico = true
	return all
}

func TestShapesThatKenticoDoesNotDocument(t *testing.T) {
	const note = "Kentico documents star and circle only"
	for name, want := range map[string]bool{"pair": false, "star of 4": false, "ring of 4 one way": false, "tree": true,
		"two joined one-way rings": true, "two islands": true, "mesh of 4": false} {
		i := slices.IndexFunc(shapes, func(s struct {
			name                   string
			plan                   []string
			kind                   topology.Kind
			twoPaths               int
			needed, offers, listed int
		}) bool {
			return s.name == name
		})
		servers, links := plan(t, shapes[i].plan...)
		r := topology.Check(servers, links, topology.Listed)
		if got := says(r, topology.Note, note); got != want {
			t.Errorf("%s: noted %t, want %t: %+v", name, got, want, r.Findings)
		}
	}
}

// says reports whether a finding of that level has the text, or the cure, in it.
func says(r topology.Report, l topology.Level, text string) bool {
	return slices.ContainsFunc(r.Findings, func(f topology.Finding) bool {
		return f.Level == l && strings.Contains(f.Text+"\n"+f.Cure, text)
	})
}

func TestBothPathsAreNamed(t *testing.T) {
	servers, links := plan(t, "live <-> test", "live <-> dev", "dev <-> test", "author <-> live", "author <-> dev", "author <-> test")
	r := topology.Check(servers, links, topology.Native)
	if got := r.Headline(); got != "mesh of 4: live, test, dev, author" {
		t.Errorf("headline %q", got)
	}
	for _, want := range []string{"two paths from live to test: live → test, and live → dev → test",
		"one change needs 3 deliveries, 3 payloads and at most 9 offers; Kentico's own rule would deliver it 15 times"} {
		if !says(r, topology.Warn, want) {
			t.Errorf("nothing says %q: %+v", want, r.Findings)
		}
	}
	if r := topology.Check(servers, links, topology.Listed); !says(r, topology.Refuse, "take one of the two away") {
		t.Errorf("findings %+v", r.Findings)
	}
}

func TestWhatIsNoGraphIsRefused(t *testing.T) {
	many := make([]topology.Server, topology.MaxServers+1)
	for i := range many {
		many[i].ID = fmt.Sprint(i)
	}
	two := []topology.Server{{ID: "k1", Name: "live"}, {ID: "k2", Name: "LIVE"}}
	for _, tt := range []struct {
		name    string
		servers []topology.Server
		links   []topology.Link
		want    string
	}{
		{"none", nil, nil, "there is no server"},
		{"too many", many, nil, "65 servers are more than 64"},
		{"no id", []topology.Server{{Name: "live"}}, nil, "has no id"},
		{"one id twice", []topology.Server{{ID: "a"}, {ID: "a"}}, nil, "has no id of its own"},
		{"one name twice", two, []topology.Link{{"k1", "k2"}}, "the name LIVE is taken by the key k1"},
		{"a link to nobody", two[:1], []topology.Link{{"k1", "k9"}}, `names "k9", which is no server`},
		{"a link to itself", two[:1], []topology.Link{{"k1", "k1"}}, "linked with itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := topology.Check(tt.servers, tt.links, topology.Native); !says(r, topology.Refuse, tt.want) {
				t.Errorf("findings %+v", r.Findings)
			}
		})
	}
}

func TestWhoReachesNobody(t *testing.T) {
	r := topology.Check([]topology.Server{{ID: "a"}, {ID: "b"}, {ID: "c"}}, []topology.Link{{"a", "b"}}, topology.Native)
	if !says(r, topology.Warn, "c is linked with nobody") || len(r.Unreachable) != 5 {
		t.Errorf("findings %+v, unreachable %+v", r.Findings, r.Unreachable)
	}
}

// bruteForce counts the paths from one server to another that visit nobody twice, up to two.
func bruteForce(to [][]bool, from, target int, visited []bool) int {
	if from == target {
		return 1
	}
	visited[from] = true
	defer func() { visited[from] = false }()
	n := 0
	for next, ok := range to[from] {
		if ok && !visited[next] {
			if n += bruteForce(to, next, target, visited); n > 1 {
				return n
			}
		}
	}
	return n
}

// TestTwoPathsAgainstBruteForce holds the search against counting all paths, on random graphs.
func TestTwoPathsAgainstBruteForce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pairs, several := 0, 0
	for range 2000 {
		n := 2 + rnd.IntN(6)
		to := make([][]bool, n)
		servers := make([]topology.Server, n)
		var links []topology.Link
		density := rnd.Float64()
		for a := range n {
			to[a] = make([]bool, n)
			servers[a].ID = fmt.Sprint(a)
			for b := range n {
				if a != b && rnd.Float64() < density {
					to[a][b] = true
					links = append(links, topology.Link{From: fmt.Sprint(a), To: fmt.Sprint(b)})
				}
			}
		}
		r := topology.Check(servers, links, topology.Native)
		two, none := map[string]bool{}, map[string]bool{}
		for _, p := range r.TwoPaths {
			two[p.From+p.To] = true
			if slices.Equal(p.First, p.Other) || p.First[0] != p.From || p.Other[len(p.Other)-1] != p.To {
				t.Fatalf("paths %v and %v from %s to %s", p.First, p.Other, p.From, p.To)
			}
		}
		for _, p := range r.Unreachable {
			none[p.From+p.To] = true
		}
		for a := range n {
			for b := range n {
				if a == b {
					continue
				}
				pairs++
				paths := bruteForce(to, a, b, make([]bool, n))
				if paths > 1 {
					several++
				}
				key := fmt.Sprint(a) + fmt.Sprint(b)
				if two[key] != (paths > 1) || none[key] != (paths == 0) {
					t.Fatalf("from %d to %d: %d paths; two %t, none %t; links %v", a, b, paths, two[key], none[key], links)
				}
			}
		}
	}
	t.Logf("%d pairs, %d with several paths", pairs, several)
}
