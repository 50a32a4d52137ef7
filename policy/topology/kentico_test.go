package topology_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/topology"
)

func TestTypedNames(t *testing.T) {
	const good = "live,LIVE,test,test\ntest,Test,live,live\n"
	for _, tt := range []struct {
		name, csv string
		level     topology.Level
		want      string // in a finding; empty: none is wanted
	}{
		{"case does not count", good, "", ""},
		{"with a heading", "Server,Code name,Target,Name\n" + good, "", ""},
		{"mistyped", "live,live,test,tset\ntest,test,live,live\n", topology.Refuse,
			`line 1: live lists test as "tset", which calls itself "test": a change that test made comes back to it`},
		{"a blank behind", "live,live,test,\"test \"\ntest,test,live,live\n", topology.Refuse, `lists test as "test "`},
		{"unset", "live,,test,test\ntest,test,live,live\n", topology.Refuse, `the code name "" of live cannot stand in the list`},
		{"a semicolon", "live,a;b,test,test\ntest,test,live,a;b\n", topology.Refuse, `the code name "a;b"`},
		{"two of one name", "live,x,test,X\ntest,X,live,x\n", topology.Refuse, "live and test both call themselves"},
		{"one server with two names", "live,a,test,test\nlive,b,dev,dev\ntest,test,live,a\ndev,dev,live,a\n", topology.Refuse,
			`calls itself "b" here and "a" above`},
		{"a target without a row", "live,live,test,test\n", topology.Warn, "lists test, which has no row"},
		{"a second path", "a,a,b,b\nb,b,c,c\na,a,c,c\nc,c,a,a\n", topology.Refuse, "two paths from a to c"},
		{"a server that lists nobody", "a,a,b,b\nb,b,,\n", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := topology.ParseTyped(strings.NewReader(tt.csv))
			if err != nil {
				t.Fatal(err)
			}
			r := topology.CheckTyped(rows)
			switch {
			case tt.want == "" && (r.Refused() || r.Warned()):
				t.Errorf("findings %+v", r.Findings)
			case tt.want != "" && !says(r, tt.level, tt.want):
				t.Errorf("nothing says %q: %+v", tt.want, r.Findings)
			}
		})
	}
}

func TestTypedNamesThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"too few columns": "a,a,b\n", "no server": ",a,b,b\n", "a quote": "a,\"a,b,b\n",
		"too many": strings.Repeat("a,a,b,b\n", topology.MaxServers*topology.MaxServers+1),
	} {
		if _, err := topology.ParseTyped(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestPlansThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"no arrow": "a b", "no name": "a ->", "no name before": "-> a", "two words": "my live -> test",
		"a second arrow": "a -> b -> c", "kentico without a name": "kentico:",
	} {
		if _, _, err := topology.ParsePlan(strings.NewReader("# one\n" + text)); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	servers, links := plan(t, "", "a -> b # and back", "b -> a", "kentico: b")
	if len(servers) != 2 || len(links) != 2 || servers[0].Kentico || !servers[1].Kentico {
		t.Errorf("servers %+v, links %+v", servers, links)
	}
}

// TestDrawingIsXMLWhateverTheNames holds what a peer may call itself out of the markup.
func TestDrawingIsXMLWhateverTheNames(t *testing.T) {
	for _, lines := range [][]string{star(5), mesh(4), {"a -> b"}} {
		servers, links := plan(t, lines...)
		servers[0].Name = `"><script>alert(1)</script>&`
		got := topology.Check(servers, links, topology.Native).SVG()
		if bytes.Contains(got, []byte("<script")) {
			t.Errorf("a name is markup: %s", got)
		}
		d, n := xml.NewDecoder(bytes.NewReader(got)), 0
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in %s", err, got)
			}
			if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "line" {
				n++
			}
		}
		if n != len(links) {
			t.Errorf("%d lines of %d links", n, len(links))
		}
	}
}

func TestDrawingOfAStar(t *testing.T) {
	servers, links := plan(t, star(3)...)
	got := topology.Check(servers, links, topology.Native).SVG()
	const golden = "testdata/star.svg"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %s", got)
	}
}

// FuzzPlan: what reads is looked at without a panic, and no finding names what is not there.
func FuzzPlan(f *testing.F) {
	for _, s := range []string{"a -> b", "a <-> b\nb <-> c\na <-> c", "kentico: x\n# y", "a->a", strings.Join(mesh(5), "\n")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		servers, links, err := topology.ParsePlan(strings.NewReader(text))
		if err != nil || len(servers) > 12 {
			return
		}
		r := topology.Check(servers, links, topology.Listed)
		if len(servers) > 0 && len(r.Servers) != len(servers) {
			t.Errorf("%d servers of %d", len(r.Servers), len(servers))
		}
		if err := xml.Unmarshal(r.SVG(), new(struct{})); err != nil {
			t.Errorf("the drawing is no XML: %v", err)
		}
	})
}

// FuzzTyped: no file of typed names panics.
func FuzzTyped(f *testing.F) {
	for _, s := range []string{"live,live,test,test\n", "a,a,b,b\nb,,a,a\n", "\"", ",,,"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		rows, err := topology.ParseTyped(strings.NewReader(text))
		if err == nil && len(rows) < 12 {
			topology.CheckTyped(rows)
		}
	})
}
