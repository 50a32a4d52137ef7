package topology_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/topology"
)

// full is every finding of a report as level, text and cure.
func full(r topology.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%s: %s (%s)", f.Level, f.Text, f.Cure))
	}
	return all
}

// TestFindingsInFull has every word that an operator reads of a graph.
func TestFindingsInFull(t *testing.T) {
	a, b := topology.Server{ID: "ka", Name: "a"}, topology.Server{ID: "kb", Name: "b"}
	for _, tt := range []struct {
		name    string
		servers []topology.Server
		links   []topology.Link
		mode    topology.Mode
		want    []string
	}{
		{"one server", []topology.Server{a}, nil, topology.Native, []string{}},
		{"one server of Kentico's", []topology.Server{a}, nil, topology.Listed, []string{}},
		{"a pair", []topology.Server{a, b}, []topology.Link{{"ka", "kb"}}, topology.Native, []string{}},
		{"a pair of Kentico's", []topology.Server{a, b}, []topology.Link{{"ka", "kb"}, {"kb", "ka"}}, topology.Listed, []string{}},
		{"a link that is there twice", []topology.Server{a, b}, []topology.Link{{"ka", "kb"}, {"ka", "kb"}}, topology.Listed, []string{}},
		{"no server", nil, []topology.Link{{"ka", "kb"}}, topology.Native, []string{"error: there is no server (name every server once)"}},
		{"no id", []topology.Server{a, {Name: "x"}}, nil, topology.Native, []string{`error: the server "" has no id of its own (name every server once)`}},
		{"one id twice", []topology.Server{a, a}, nil, topology.Native, []string{`error: the server "ka" has no id of its own (name every server once)`}},
		{"one name twice", []topology.Server{a, {ID: "kx", Name: "A"}}, []topology.Link{{"ka", "kx"}}, topology.Native,
			[]string{"error: the name A is taken by the key ka (give kx another sync.name)"}},
		{"one name three times", []topology.Server{a, {ID: "kx", Name: "A"}, {ID: "ky", Name: "a"}},
			[]topology.Link{{"ka", "kx"}, {"ka", "ky"}}, topology.Native,
			[]string{"error: the name A is taken by the key ka (give kx another sync.name)",
				"error: the name a is taken by the key ka (give ky another sync.name)"}},
		{"two without a name", []topology.Server{{ID: "kx"}, {ID: "ky"}}, []topology.Link{{"kx", "ky"}}, topology.Native, []string{}},
		{"a link to nobody", []topology.Server{a}, []topology.Link{{"ka", "kz"}}, topology.Native,
			[]string{`error: the link ka → kz names "kz", which is no server (add the server, or take the link away)`}},
		{"a link of strangers", []topology.Server{a}, []topology.Link{{"kx", "ky"}}, topology.Native,
			[]string{`error: the link kx → ky names "kx", which is no server (add the server, or take the link away)`,
				`error: the link kx → ky names "ky", which is no server (add the server, or take the link away)`}},
		{"a link to itself", []topology.Server{a}, []topology.Link{{"ka", "ka"}}, topology.Native,
			[]string{"error: the server ka is linked with itself (take the link away)"}},
		{"a stranger's link to itself is said as a stranger's", []topology.Server{a}, []topology.Link{{"kx", "kx"}}, topology.Native,
			[]string{`error: the link kx → kx names "kx", which is no server (add the server, or take the link away)`,
				`error: the link kx → kx names "kx", which is no server (add the server, or take the link away)`}},
		{"nobody is linked", []topology.Server{a, b}, nil, topology.Native,
			[]string{"warning: a is linked with nobody (link it, or take it out)", "warning: b is linked with nobody (link it, or take it out)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := topology.Check(tt.servers, tt.links, tt.mode)
			if got := full(r); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if want := slices.ContainsFunc(tt.want, func(s string) bool { return strings.HasPrefix(s, "error") }); r.Refused() != want {
				t.Errorf("refused: %t", r.Refused())
			}
			if want := slices.ContainsFunc(tt.want, func(s string) bool { return strings.HasPrefix(s, "warning") }); r.Warned() != want {
				t.Errorf("warned: %t", r.Warned())
			}
		})
	}
}

// TestModes: what is no mode is the one that knows ids, and one server of Kentico's makes it Kentico's.
func TestModes(t *testing.T) {
	kentico := []topology.Server{{ID: "a"}, {ID: "b", Kentico: true}}
	ours := []topology.Server{{ID: "a"}, {ID: "b"}}
	for _, tt := range []struct {
		name    string
		servers []topology.Server
		mode    topology.Mode
		want    topology.Mode
	}{
		{"native", ours, topology.Native, topology.Native},
		{"kentico", ours, topology.Listed, topology.Listed},
		{"none", ours, "", topology.Native},
		{"another", ours, "Kentico", topology.Native},
		{"one of Kentico's", kentico, topology.Native, topology.Listed},
		{"one of Kentico's and no mode", kentico, "", topology.Listed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := topology.Check(tt.servers, []topology.Link{{"a", "b"}}, tt.mode); r.Mode != tt.want {
				t.Errorf("mode %s, want %s", r.Mode, tt.want)
			}
		})
	}
}

// TestReportsOfWhatIsNoGraphHaveEmptyLists: a script that reads the JSON meets no null.
func TestReportsOfWhatIsNoGraphHaveEmptyLists(t *testing.T) {
	for name, servers := range map[string][]topology.Server{
		"none": nil, "no id": {{}}, "one": {{ID: "a"}}, "two": {{ID: "a"}, {ID: "b"}},
		"too many": make([]topology.Server, topology.MaxServers+1),
	} {
		b, err := json.Marshal(topology.Check(servers, nil, topology.Native))
		if err != nil || strings.Contains(string(b), "null") {
			t.Errorf("%s: %s, %v", name, b, err)
		}
		for _, key := range []string{"kind", "mode", "servers", "links", "findings", "two_paths", "unreachable", "costs"} {
			if !strings.Contains(string(b), `"`+key+`":`) {
				t.Errorf("%s: no %s in %s", name, key, b)
			}
		}
	}
}

// TestAsManyAsThereMayBe: the largest graphs are looked at in full.
func TestAsManyAsThereMayBe(t *testing.T) {
	servers := make([]topology.Server, topology.MaxServers)
	var links []topology.Link
	for i := range servers {
		servers[i].ID = fmt.Sprint("s", i)
		links = append(links, topology.Link{From: fmt.Sprint("s", i), To: fmt.Sprint("s", (i+1)%len(servers))})
	}
	r := topology.Check(servers, links, topology.Listed)
	if r.Refused() || r.Kind != topology.Ring || len(r.Costs) != topology.MaxServers || r.Costs[7].Needed != topology.MaxServers-1 {
		t.Errorf("%s, findings %q, cost %+v", r.Kind, full(r), r.Costs[7])
	}
	if got := topology.Check(append(servers, topology.Server{ID: "one"}), links, topology.Listed); !got.Refused() || len(got.Servers) != 0 {
		t.Errorf("one more: %q", full(got))
	}
}

// TestKindsDoNotDependOnTheOrder of servers and links, and neither do the numbers.
func TestKindsDoNotDependOnTheOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, tt := range shapes {
		servers, links := plan(t, tt.plan...)
		want := topology.Check(servers, links, topology.Listed)
		costs := map[string]topology.Cost{}
		for _, c := range want.Costs {
			costs[c.Origin] = c
		}
		for range 20 {
			servers, links := slices.Clone(servers), slices.Clone(links)
			rnd.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
			rnd.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
			got := topology.Check(servers, links, topology.Listed)
			if got.Kind != want.Kind || got.Refused() != want.Refused() || len(got.TwoPaths) != len(want.TwoPaths) ||
				len(got.Unreachable) != len(want.Unreachable) {
				t.Fatalf("%s: %s with %d, in another order %s with %d", tt.name, want.Kind, len(want.TwoPaths), got.Kind, len(got.TwoPaths))
			}
			for _, c := range got.Costs {
				if c != costs[c.Origin] {
					t.Fatalf("%s: cost %+v, in another order %+v", tt.name, costs[c.Origin], c)
				}
			}
		}
	}
}

// TestPathsThatAreToldAreThere: each is made of links, from its begin to its end, and visits nobody twice.
func TestPathsThatAreToldAreThere(t *testing.T) {
	for _, tt := range shapes {
		servers, links := plan(t, tt.plan...)
		r := topology.Check(servers, links, topology.Native)
		for _, p := range r.TwoPaths {
			for _, path := range [][]string{p.First, p.Other} {
				seen := map[string]bool{}
				for i, at := range path {
					if seen[at] {
						t.Errorf("%s: %v visits %s twice", tt.name, path, at)
					}
					seen[at] = true
					if i > 0 && !slices.Contains(r.Links, topology.Route{From: path[i-1], To: at}) {
						t.Errorf("%s: %v goes over a link that is none", tt.name, path)
					}
				}
				if path[0] != p.From || path[len(path)-1] != p.To {
					t.Errorf("%s: %v does not lead from %s to %s", tt.name, path, p.From, p.To)
				}
			}
			if len(p.First) > len(p.Other) || slices.Equal(p.First, p.Other) {
				t.Errorf("%s: first %v, other %v", tt.name, p.First, p.Other)
			}
		}
	}
}

func TestMoreKinds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		plan     []string
		kind     topology.Kind
		headline string
	}{
		{"one server", []string{"kentico: a"}, topology.Single, "single: a"},
		{"three in a row are a star", []string{"a <-> b", "b <-> c"}, topology.Star, "star of 3: a, b, c"},
		{"four in a row are a tree", []string{"a <-> b", "b <-> c", "c <-> d"}, topology.Tree, "tree of 4: a, b, c, d"},
		{"a star one way", []string{"h -> a", "h -> b", "h -> c"}, topology.Star, "star of 4: h, a, b, c"},
		{"a star the other way", []string{"a -> h", "b -> h", "c -> h"}, topology.Star, "star of 4: a, h, b, c"},
		{"a ring of three one way", []string{"a -> b", "b -> c", "c -> a"}, topology.Ring, "ring of 3: a, b, c"},
		{"a mesh of three", mesh(3), topology.Mesh, "mesh of 3: s0, s1, s2"},
		{"a mesh with one link one way", []string{"a <-> b", "b <-> c", "a -> c"}, topology.Other, "3 servers: a, b, c"},
		{"a ring with one link both ways", []string{"a <-> b", "b -> c", "c -> d", "d -> a"}, topology.Other, "4 servers: a, b, c, d"},
		{"a ring with a tail", []string{"a -> b", "b -> c", "c -> a", "c -> d"}, topology.Other, "4 servers: a, b, c, d"},
		{"a pair and one alone", []string{"a <-> b", "kentico: c"}, topology.Other, "3 servers: a, b, c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers, links := plan(t, tt.plan...)
			r := topology.Check(servers, links, topology.Native)
			if r.Kind != tt.kind || r.Headline() != tt.headline {
				t.Errorf("%s, %q; want %s, %q", r.Kind, r.Headline(), tt.kind, tt.headline)
			}
		})
	}
}

func TestErrorsOfPlansInFull(t *testing.T) {
	const form = "; write live -> test, live <-> test, or kentico: NAME"
	for _, tt := range []struct{ name, text, want string }{
		{"no arrow", "live", `line 1: "live" is no link` + form},
		{"half an arrow", "live > test", `line 1: "live > test" is no link` + form},
		{"back only", "live <- test", `line 1: "live <- test" is no link` + form},
		{"nothing behind", "\n\nlive ->", `line 3: "" is no name of a server`},
		{"nothing before", "<-> live", `line 1: "" is no name of a server`},
		{"only an arrow", "->", `line 1: "" is no name of a server`},
		{"a blank in a name", "my live -> test", `line 1: "my live" is no name of a server`},
		{"a second link", "a -> b -> c", `line 1: "b -> c" is no name of a server`},
		{"a semicolon", "a;b -> c", `line 1: "a;b" is no name of a server`},
		{"a colon", "http://a -> c", `line 1: "http://a" is no name of a server`},
		{"a control character", "a\x1b -> c", `line 1: "a\x1b" is no name of a server`},
		{"a tag", "<a> -> c", `line 1: "<a>" is no name of a server`},
		{"kentico and nobody", "kentico:", `line 1: "" is no name of a server`},
		{"kentico behind a comment", "# kentico: a\nkentico: # a", `line 2: "" is no name of a server`},
		{"kentico in capitals", "Kentico: a", `line 1: "Kentico: a" is no link` + form},
		{"a good line before", "a -> b\nx", `line 2: "x" is no link` + form},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers, links, err := topology.ParsePlan(strings.NewReader(tt.text))
			if err == nil || err.Error() != tt.want || servers != nil || links != nil {
				t.Errorf("%v, %v, error %v, want %s", servers, links, err, tt.want)
			}
		})
	}
}

func TestPlansThatAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		servers    []topology.Server
		links      []topology.Link
	}{
		{"nothing", "", nil, nil},
		{"only comments", "# a -> b\n  # c\n\n", nil, nil},
		{"no blanks", "a->b", []topology.Server{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}, []topology.Link{{"a", "b"}}},
		{"both ways", "a<->b", []topology.Server{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}, []topology.Link{{"a", "b"}, {"b", "a"}}},
		{"CRLF and blanks", "  a -> b  \r\n\t\r\n", []topology.Server{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}, []topology.Link{{"a", "b"}}},
		{"kentico first", "kentico: a\na -> b", []topology.Server{{ID: "a", Name: "a", Kentico: true}, {ID: "b", Name: "b"}}, []topology.Link{{"a", "b"}}},
		{"kentico twice", "kentico: a\nkentico:a", []topology.Server{{ID: "a", Name: "a", Kentico: true}}, nil},
		{"case makes two", "a -> A", []topology.Server{{ID: "a", Name: "a"}, {ID: "A", Name: "A"}}, []topology.Link{{"a", "A"}}},
		{"to itself: Check tells", "a -> a", []topology.Server{{ID: "a", Name: "a"}}, []topology.Link{{"a", "a"}}},
		{"other letters", "läden -> 日本", []topology.Server{{ID: "läden", Name: "läden"}, {ID: "日本", Name: "日本"}}, []topology.Link{{"läden", "日本"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers, links, err := topology.ParsePlan(strings.NewReader(tt.text))
			if err != nil || !slices.Equal(servers, tt.servers) || !slices.Equal(links, tt.links) {
				t.Errorf("%+v, %+v, %v", servers, links, err)
			}
		})
	}
}

type half struct{ text io.Reader }

var errDisk = errors.New("the disk is gone")

func (h half) Read(p []byte) (int, error) {
	n, err := h.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = errDisk
	}
	return n, err
}

// TestHalfAFileIsNoGraph: what could not be read to its end is an error, not a smaller graph.
func TestHalfAFileIsNoGraph(t *testing.T) {
	if _, _, err := topology.ParsePlan(half{strings.NewReader("a -> b\n")}); !errors.Is(err, errDisk) {
		t.Errorf("a plan: %v", err)
	}
	if rows, err := topology.ParseTyped(half{strings.NewReader("a,a,b,b\n")}); !errors.Is(err, errDisk) || rows != nil {
		t.Errorf("typed names: %v, %v", rows, err)
	}
	if _, _, err := topology.ParsePlan(strings.NewReader("a -> " + strings.Repeat("b", 1<<20))); err == nil {
		t.Error("a line of a MiB is read")
	}
}

func TestRowsOfTypedNames(t *testing.T) {
	for _, tt := range []struct {
		name, csv string
		rows      []topology.Typed
		err       string // in the error; empty: none
	}{
		{"nothing", "", nil, ""},
		{"a row", "a,A,b,B\n", []topology.Typed{{"a", "A", "b", "B", 1}}, ""},
		{"no line break at the end", "a,A,b,B", []topology.Typed{{"a", "A", "b", "B", 1}}, ""},
		{"blanks around servers are none, of names they count", " a , A , b , B \n", []topology.Typed{{"a", " A ", "b", " B ", 1}}, ""},
		{"a heading", "SERVER,x,y,z\na,A,b,B\n", []topology.Typed{{"a", "A", "b", "B", 2}}, ""},
		{"a server that is called server, further down", "a,A,b,B\nserver,S,b,B\n", []topology.Typed{{"a", "A", "b", "B", 1}, {"server", "S", "b", "B", 2}}, ""},
		{"an empty line is none", "a,A,b,B\n\nc,C,b,B\n", []topology.Typed{{"a", "A", "b", "B", 1}, {"c", "C", "b", "B", 3}}, ""},
		{"no target", "a,A,,\n", []topology.Typed{{"a", "A", "", "", 1}}, ""},
		{"a comma in quotes", "\"a,b\",A,b,B\n", []topology.Typed{{"a,b", "A", "b", "B", 1}}, ""},
		{"lines in quotes move the number", "a,\"A\nx\",b,B\nc,C,b,B\n", []topology.Typed{{"a", "A\nx", "b", "B", 1}, {"c", "C", "b", "B", 3}}, ""},
		{"no server", "a,A,b,B\n ,A,b,B\n", nil, "line 2: the first column names no server"},
		{"three columns", "a,A,b\n", nil, "each row is: server, its code name as typed, target, the target's name as typed"},
		{"five columns", "a,A,b,B,x\n", nil, "record on line 1: wrong number of fields"},
		{"a quote in between", "a,A\"x,b,B\n", nil, "parse error on line 1"},
		{"one too many", strings.Repeat("a,A,b,B\n", 4097), nil, "line 4097: more than 4096 rows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := topology.ParseTyped(strings.NewReader(tt.csv))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || rows != nil {
					t.Errorf("%d rows, error %v, want %s", len(rows), err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(rows, tt.rows) {
				t.Errorf("%+v, %v", rows, err)
			}
		})
	}
}

// TestCodeNames are those that the list of processed servers can hold.
func TestCodeNames(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		ok         bool
	}{
		{"one letter", "a", true},
		{"all that may be", "A-z_0.9", true},
		{"100 letters", strings.Repeat("a", 100), true},
		{"101 letters", strings.Repeat("a", 101), false},
		{"none", "", false},
		{"a semicolon", "a;b", false},
		{"a blank", "a b", false},
		{"a line break at the end", "a\n", false},
		{"an umlaut", "ä", false},
		{"a quote", `a"`, false},
		{"a tag", "<a>", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := topology.CheckTyped([]topology.Typed{{Server: "live", Code: tt.code, Line: 3}})
			want := fmt.Sprintf("line 3: the code name %q of live cannot stand in the list of processed servers: its changes come back to it", tt.code)
			if says(r, topology.Refuse, want) == tt.ok || r.Refused() == tt.ok {
				t.Errorf("findings %q", full(r))
			}
		})
	}
}

// TestDrawingsAreTheSameEachTime, and of nothing too.
func TestDrawingsAreTheSameEachTime(t *testing.T) {
	for _, tt := range shapes {
		servers, links := plan(t, tt.plan...)
		one := string(topology.Check(servers, links, topology.Native).SVG())
		slices.Reverse(links)
		if two := string(topology.Check(servers, links, topology.Native).SVG()); one != two {
			t.Errorf("%s is drawn in two ways", tt.name)
		}
		if got := strings.Count(one, "<circle"); got != len(servers) {
			t.Errorf("%s: %d circles for %d servers", tt.name, got, len(servers))
		}
		if strings.Contains(one, `stroke="#b40"`) != (tt.twoPaths > 0) || strings.Contains(one, "NaN") {
			t.Errorf("%s: second paths are coloured otherwise: %s", tt.name, one)
		}
	}
	if got := string(topology.Check(nil, nil, topology.Native).SVG()); !strings.HasSuffix(got, "</svg>\n") || strings.Contains(got, "<circle") {
		t.Errorf("nothing is drawn as %s", got)
	}
}

func TestLongNamesAreCutInTheDrawing(t *testing.T) {
	for name, want := range map[string]string{
		"tenletters": ">tenletters<", "elevenchars": ">elevencha…<", "日本日本日本日本日本日": ">日本日本日本日本日…<", "a&b": ">a&amp;b<",
	} {
		r := topology.Check([]topology.Server{{ID: "k", Name: name}}, nil, topology.Native)
		if got := string(r.SVG()); !strings.Contains(got, want) {
			t.Errorf("%s is not drawn as %s: %s", name, want, got)
		}
	}
}

// TestTheOtherPathIsTheShortestOfTheOthers: it is the one that a person looks for.
func TestTheOtherPathIsTheShortestOfTheOthers(t *testing.T) {
	for name, lines := range map[string][]string{
		"it leaves at the first link": {"a -> b", "b -> c", "a -> x", "x -> y", "y -> c", "b -> p", "p -> q", "q -> c"},
		"it leaves at the last link":  {"a -> b", "b -> c", "a -> x", "x -> y", "y -> z", "z -> c", "b -> p", "p -> c"},
	} {
		servers, links := plan(t, lines...)
		r := topology.Check(servers, links, topology.Native)
		i := slices.IndexFunc(r.TwoPaths, func(p topology.TwoPaths) bool { return p.From == "a" && p.To == "c" })
		if i < 0 || !slices.Equal(r.TwoPaths[i].First, []string{"a", "b", "c"}) || len(r.TwoPaths[i].Other) != 4 {
			t.Errorf("%s: %+v", name, r.TwoPaths)
		}
	}
}
