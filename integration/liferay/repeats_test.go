package liferay_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// repeated is a call whose connection is cut: once for all of its repeats, or as often as it was sent.
type repeated struct {
	name string
	once bool
	// make returns the call, one that was never made before.
	make func(c *cuttings) fields
}

var repeatable = []repeated{
	{"updateStagingRequest", true, func(c *cuttings) fields {
		return fields{"method": "updateStagingRequest", "args": []any{
			c.parts, fmt.Sprintf("part.lar%05d", c.next()), fields{"$": "byte[]", "length": 40_000, "fill": 7},
		}}
	}},
	{"publishStagingRequest", true, (*cuttings).publish},
	{"enableStaging", true, func(c *cuttings) fields { return c.ofSite("enableStaging") }},
	{"disableStaging", true, func(c *cuttings) fields { return c.ofSite("disableStaging") }},
	{"checkRemoteStagingGroup", false, func(c *cuttings) fields { return c.ofSite("checkRemoteStagingGroup") }},
	{"getGroup", false, func(c *cuttings) fields { return c.ofSite("getGroup") }},
	{"createStagingRequest", false, func(c *cuttings) fields {
		return fields{"method": "createStagingRequest", "args": []any{c.next(), strings.Repeat("a", 32)}}
	}},
}

// cuttings is a line's client behind a cutter.
type cuttings struct {
	*stage
	cutter *cutter
	random *rand.Rand
	number int64
	parts  int64 // the request that gets the parts

	once, cut, again int
	places           map[string][]cut // of the cuts, by call
	expected         map[string]int   // times that a call with these arguments must have been carried out
	spared           map[string]bool  // those whose client was gone before their tail left may not have been
	executed         int
}

func (c *cuttings) next() int64 {
	c.number++
	return 50_000 + c.number
}

func (c *cuttings) ofSite(method string) fields {
	return fields{"method": method, "args": []any{c.next()}}
}

// publish makes a request of its own first, in peace.
func (c *cuttings) publish() fields {
	id := c.create()
	if c.line == "6.2" {
		return fields{"method": "publishStagingRequest", "args": []any{id, false, fields{"$": "HashMap", "v": [][2]any{}}}}
	}
	return fields{"method": "publishStagingRequest", "args": []any{id, fields{
		"$": "Configuration", "group": c.number + 50_000, "settingsMap": fields{"$": "HashMap", "v": [][2]any{
			{"targetGroupId", fields{"$": "Long", "v": c.number + 50_000}},
		}},
	}}}
}

func (c *cuttings) create() int64 {
	c.cutter.arm()
	call := fields{"method": "createStagingRequest", "args": []any{c.next(), strings.Repeat("b", 32)}}
	a := must[struct {
		Result struct {
			V int64 `json:"v"`
		} `json:"result"`
	}](c.client, "call", call)
	c.expect(call, 1)
	return a.Result.V
}

func (c *cuttings) expect(made fields, times int) {
	args := made["args"].([]any)
	c.expected[key(made["method"].(string), args)] += times
	c.executed += times
}

// key is what no two calls here have in common: the part's name, else the first number.
func key[T any](method string, args []T) string {
	i := 0
	if method == "updateStagingRequest" {
		i = 1
	}
	return fmt.Sprint(method, " ", args[i])
}

// repeats cuts connections of the client at random places. It sends a call again when its connection ended before a byte of the
// answer: update, publish, enable and disable are carried out once (or not at all, if the client was gone each time before their tail
// left), the others as often as they were sent whole.
func repeats(t *testing.T, s *stage, sum *row) {
	o := options(s.release, secrets[0], s.address)
	o.Sites = "[any]"
	g := harness.Start(t, o)
	c := &cuttings{
		stage: s, cutter: newCutter(t, g.Addr), random: rand.New(rand.NewPCG(uint64(*seed), uint64(len(s.name)))),
		expected: map[string]int{}, spared: map[string]bool{}, places: map[string][]cut{},
	}
	usual := s.client
	defer func() { s.client = usual }()
	s.client, _ = client(t, s.release, secrets[0], g.URL, []*harness.Gateway{g}, c.cutter.flags()...)
	must[outcome](s.server, "set", fields{"checkMD5": false})
	defer must[outcome](s.server, "set", fields{"checkMD5": true})
	s.reset()
	c.parts = c.create()
	lengths := map[string][2]int64{}
	for _, r := range repeatable {
		lengths[r.name] = c.measure(t, r)
	}
	for i := range *cuts {
		r := repeatable[i%len(repeatable)]
		c.disturb(t, r, lengths[r.name])
	}
	c.verify(t)
	sum.repeats = fmt.Sprintf("%d, %d repeats of the client, %d guarded calls carried out once", c.cut, c.again, c.once)
}

// measure makes a call in peace and returns how many bytes it takes each way.
func (c *cuttings) measure(t *testing.T, r repeated) [2]int64 {
	t.Helper()
	call := r.make(c)
	c.cutter.arm()
	must[outcome](c.client, "call", call)
	sent, got := c.cutter.attempts()
	if len(sent) != 1 {
		t.Fatalf("%s took %d attempts", r.name, len(sent))
	}
	c.expect(call, 1)
	return [2]int64{sent[0], got[0]}
}

// disturb makes a call whose connection is cut, and now and then that of its repeat too.
func (c *cuttings) disturb(t *testing.T, r repeated, lengths [2]int64) {
	t.Helper()
	call := r.make(c)
	cuts := []cut{c.place(lengths)}
	if c.random.IntN(6) == 0 {
		cuts = append(cuts, c.place(lengths))
	}
	c.places[key(call["method"].(string), call["args"].([]any))] = cuts
	c.cutter.arm(cuts...)
	a := do[outcome](c.client, "call", call)
	sent, _ := c.cutter.attempts()
	whole := 0
	for _, n := range sent {
		if n >= lengths[0] {
			whole++
		}
		if n > lengths[0] {
			t.Errorf("%s: %d bytes sent, measured %d", r.name, n, lengths[0])
		}
	}
	if a.OK && whole == 0 {
		t.Errorf("%s succeeded and was never sent whole", r.name)
	}
	c.cut++
	c.again += len(sent) - 1
	if r.once {
		whole = min(whole, 1)
		c.once += whole
		if !a.OK && whole > 0 { // nobody waits for it: it is carried out once, or abandoned
			c.spared[key(call["method"].(string), call["args"].([]any))] = true
			c.executed--
		}
	}
	c.expect(call, whole)
}

// place draws a cut: in what is sent, before the answer, or within it.
func (c *cuttings) place(lengths [2]int64) cut {
	reset := c.random.IntN(2) == 0
	switch c.random.IntN(4) {
	case 0:
		return cut{answer: false, at: c.random.Int64N(lengths[0]), reset: reset}
	case 1:
		return cut{answer: false, at: lengths[0], reset: reset}
	case 2:
		return cut{answer: true, at: 0, reset: reset}
	}
	return cut{answer: true, at: 1 + c.random.Int64N(lengths[1]-1), reset: reset}
}

// verify waits for what is still under way and compares what was carried out with what was sent.
func (c *cuttings) verify(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); c.counters().Executed < int64(c.executed) && time.Now().Before(end); {
		continue
	}
	got := map[string]int{}
	for _, x := range c.calls() {
		got[key(x.Method, x.values())]++
	}
	for call, n := range c.expected {
		if got[call] != n && !(c.spared[call] && got[call] == 0) {
			t.Errorf("%s was carried out %d times, want %d; cuts %+v", call, got[call], n, c.places[call])
		}
	}
	for call := range got {
		if _, made := c.expected[call]; !made {
			t.Errorf("%s was carried out and never made", call)
		}
	}
}

// values are the arguments of a recorded call, numbers and text as they are.
func (c call) values() []any {
	var values []any
	for _, raw := range c.Args {
		var boxed struct {
			V json.Number `json:"v"`
		}
		var text string
		if json.Unmarshal(raw, &boxed) == nil && boxed.V != "" {
			values = append(values, boxed.V)
		} else if json.Unmarshal(raw, &text) == nil {
			values = append(values, text)
		} else {
			values = append(values, nil)
		}
	}
	return values
}
