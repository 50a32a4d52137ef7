package liferay_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// byCompany looks a site up by its name: it needs a peer that may publish into any.
const byCompany = "getGroup(long,String)"

// set is a random argument set as the client sent it, or its illegal twin.
type set struct {
	Event        string   `json:"event"`
	I            int      `json:"i"`
	Call         string   `json:"call"`
	Method       string   `json:"method"`
	Legal        bool     `json:"legal"`
	Twin         string   `json:"twin"`
	Digest       string   `json:"digest"`
	Serialized   []string `json:"serialized"`
	OK           bool     `json:"ok"`
	ResultDigest string   `json:"resultDigest"`
	Exception    *thrown  `json:"exception"`
}

// tally counts what became of the sets of one call.
type tally struct{ sent, refused, changed, answered, repeats int }

// generated is what random sets showed of a line.
type generated struct {
	calls          map[string]*tally
	twins, reached int
	changes        map[string]int  // twins by what was changed
	seen           map[string]bool // guarded sets that were carried out
}

// guarded calls are carried out once: their repeats get the first one's answer.
var guarded = map[string]bool{
	"updateStagingRequest": true, "validateStagingRequest": true, "publishStagingRequest": true,
	"enableStaging": true, "disableStaging": true,
}

// batch is how many sets are sent before the server is asked what it saw.
const batch = 250

// generate sends random legal sets of every call, each after an illegal twin.
func generate(t *testing.T, s *stage, sum *row) {
	g := &generated{calls: map[string]*tally{}, changes: map[string]int{}, seen: map[string]bool{}}
	sum.generated = g
	whole := func(gateway *harness.Gateway, n int, more fields) {
		must[outcome](s.client, "set", fields{"baseURL": gateway.URL})
		for i := 0; n > 0 && !t.Failed(); i++ {
			g.batch(t, s, with(fields{"seed": *seed*1000 + int64(i), "n": min(n, batch), "groups": []int{site, secondary}}, more))
			n -= batch
		}
	}
	whole(s.gateway, *sets, fields{"except": []string{byCompany}})
	if slices.Contains(s.labels, byCompany) {
		whole(s.fronts.any, max(1, *sets/40), fields{"only": []string{byCompany}})
	}
	must[outcome](s.client, "set", fields{"baseURL": s.gateway.URL})
	show("Random argument sets, "+s.name, g.table())
}

func (g *generated) batch(t *testing.T, s *stage, command fields) {
	t.Helper()
	s.reset()
	sent, fault := stream(s.client, command)
	got := s.calls()
	for _, x := range sent {
		if x.Legal {
			got = g.legal(t, x, got)
			continue
		}
		g.twins++
		g.changes[x.Twin]++
		if x.OK {
			t.Errorf("seed %v: illegal twin of %s passed: %s", command["seed"], x.Call, x.Twin)
		}
	}
	g.reached += len(got)
	for _, c := range got {
		t.Errorf("seed %v: %s reached the server and was not sent", command["seed"], c.Method)
	}
	if fault != nil {
		t.Errorf("seed %v: the generator stopped: %v", command["seed"], fault)
	}
}

// legal compares a legal set with the next call that arrived, and returns what arrived after it.
func (g *generated) legal(t *testing.T, x set, got []call) []call {
	t.Helper()
	c := g.calls[x.Call]
	if c == nil {
		c = &tally{}
		g.calls[x.Call] = c
	}
	c.sent++
	if !x.OK {
		c.refused++
		t.Errorf("set %d: %s: %v", x.I, x.Call, x.Exception)
	}
	if x.Method == event {
		c.answered++
		return got
	}
	// An equal call is a repeat, until another one of its site or request stands between them.
	if guarded[x.Method] && g.seen[x.Call+x.Digest] && x.OK && (len(got) == 0 || got[0].Digest != x.Digest) {
		c.repeats++
		return got
	}
	g.seen[x.Call+x.Digest] = true
	if len(got) == 0 || got[0].Method != x.Method {
		if x.OK {
			t.Errorf("set %d: %s did not arrive", x.I, x.Call)
		}
		return got
	}
	if a := got[0]; a.Digest != x.Digest || !slices.Equal(a.Serialized, x.Serialized) || x.OK && a.ResultDigest != x.ResultDigest {
		c.changed++
		t.Errorf("set %d: %s was changed on the way", x.I, x.Call)
	}
	return got[1:]
}

// stream runs the generator and returns what it sent, in order.
func stream(p *program, command fields) ([]set, *thrown) {
	p.t.Helper()
	p.write(with(fields{"do": "generate"}, command))
	var sent []set
	for {
		raw := p.read()
		x := decode[set](p, raw)
		if x.Event != "" {
			sent = append(sent, x)
			continue
		}
		o := decode[outcome](p, raw)
		return sent, o.Exception
	}
}

// table has a line for each call.
func (g *generated) table() string {
	var lines []cells
	total := tally{}
	for _, name := range slices.Sorted(maps.Keys(g.calls)) {
		c := g.calls[name]
		lines = append(lines, c.cells(name))
		total.sent += c.sent
		total.refused += c.refused
		total.changed += c.changed
	}
	lines = append(lines, total.cells("all"))
	return table([]string{"call", "legal sets", "refused", "changed on the way", ""}, lines) +
		fmt.Sprintf("\n%d illegal twins of %d kinds of change: all refused, %d at the servlet\n", g.twins, len(g.changes), g.reached)
}

func (c *tally) cells(name string) cells {
	note := ""
	if c.answered > 0 {
		note = "answered by the gateway"
	}
	if c.repeats > 0 {
		note = fmt.Sprintf("%d of them repeats, which got the first one's answer", c.repeats)
	}
	return cells{"`" + name + "`", fmt.Sprint(c.sent), fmt.Sprint(c.refused), fmt.Sprint(c.changed), note}
}

// words is the cell of the line's row.
func (g *generated) words() string {
	if g == nil {
		return ""
	}
	sent := 0
	for _, c := range g.calls {
		sent += c.sent
	}
	return fmt.Sprintf("%d sets, %d twins", sent, g.twins)
}
