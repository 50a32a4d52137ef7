package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

// TestFindingsInFull has every word that an operator reads of the gateways of a cluster.
func TestFindingsInFull(t *testing.T) {
	up := func(node, version, config string, off time.Duration) Gateway {
		return Gateway{Node: node, State: store.MemberUp, Version: version, Config: config, Offset: off}
	}
	in := func(state store.MemberState, g Gateway) Gateway {
		g.State = state
		return g
	}
	const (
		configs = ": a call may pass at one and not at the other; compare stagelock config effective of each"
		oldest  = ": only two releases that follow each other work together; upgrade the oldest"
	)
	for _, tt := range []struct {
		name string
		all  []Gateway
		want []string
	}{
		{"one alone", []Gateway{up("a", "1", "x", 0)}, nil},
		{"one of no version and no configuration", []Gateway{up("a", "", "", 0)}, nil},
		{"a draining one counts", []Gateway{up("a", "1", "x", 0), in("draining", up("b", "2", "x", 0))},
			[]string{"gateways run 1 (a) and 2 (b): that is well while an upgrade goes on"}},
		{"one that is gone does not", []Gateway{up("a", "1", "x", 0), in(Gone, up("b", "2", "y", time.Hour))}, nil},
		{"only ones that are gone", []Gateway{in(Gone, up("a", "1", "x", 0)), in(Gone, up("b", "2", "y", 0))}, []string{"no gateway runs"}},
		{"two of one release and one of another", []Gateway{up("a", "2", "x", 0), up("b", "1", "x", 0), up("c", "2", "x", 0)},
			[]string{"gateways run 1 (b) and 2 (a, c): that is well while an upgrade goes on"}},
		{"three releases", []Gateway{up("a", "3", "x", 0), up("b", "1", "x", 0), up("c", "2", "x", 0)},
			[]string{"gateways run 1 (b) and 2 (c) and 3 (a)" + oldest}},
		{"configurations", []Gateway{up("a", "1", "aaaaaaaaaa", 0), up("b", "1", "bbbbbbbbbb", 0)},
			[]string{"gateways have different configurations, aaaaaaaa (a) and bbbbbbbb (b)" + configs}},
		{"one says nothing of its configuration", []Gateway{up("a", "1", "aaaaaaaaaa", 0), up("b", "1", "", 0)},
			[]string{"gateways have different configurations,  (b) and aaaaaaaa (a)" + configs}},
		{"a digest shorter than what is shown", []Gateway{up("a", "1", "abc", 0), up("b", "1", "abd", 0)},
			[]string{"gateways have different configurations, abc (a) and abd (b)" + configs}},
		{"a second is well", []Gateway{up("a", "1", "x", time.Second), up("b", "1", "x", -time.Second)}, nil},
		{"what rounds to a second is well", []Gateway{up("a", "1", "x", time.Second+499*time.Microsecond)}, nil},
		{"a millisecond more is said", []Gateway{up("a", "1", "x", 1001*time.Millisecond)},
			[]string{"the clock of a is 1.001s off the database's: set it by NTP"}},
		{"behind", []Gateway{up("a", "1", "x", -2*time.Second)}, []string{"the clock of a is -2s off the database's: set it by NTP"}},
		{"30 seconds still serve", []Gateway{up("a", "1", "x", 30*time.Second)}, []string{"the clock of a is 30s off the database's: set it by NTP"}},
		{"more do not", []Gateway{up("a", "1", "x", 30001*time.Millisecond)},
			[]string{"the clock of a is 30.001s off the database's, so it takes no calls: set it by NTP"}},
		{"the least that there is", []Gateway{up("a", "1", "x", -1<<63)},
			[]string{"the clock of a is -2562047h47m16.854775808s off the database's, so it takes no calls: set it by NTP"}},
		{"all at once, in this order", []Gateway{up("a", "1", "x", 0), up("b", "2", "y", time.Minute)},
			[]string{"gateways run 1 (a) and 2 (b): that is well while an upgrade goes on",
				"gateways have different configurations, x (a) and y (b)" + configs,
				"the clock of b is 1m0s off the database's, so it takes no calls: set it by NTP"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Status{Gateways: tt.all}
			s.find()
			if !slices.Equal(s.Findings, tt.want) {
				t.Errorf("got  %q\nwant %q", s.Findings, tt.want)
			}
		})
	}
}

// TestFindingsDoNotDependOnTheOrderOfAMap: the same gateways always give the same words.
func TestFindingsDoNotDependOnTheOrderOfAMap(t *testing.T) {
	all := []Gateway{}
	for _, n := range []string{"a", "b", "c", "d", "e", "f"} {
		all = append(all, Gateway{Node: n, State: store.MemberUp, Version: "v" + n, Config: n})
	}
	first := Status{Gateways: all}
	first.find()
	for range 50 {
		s := Status{Gateways: all}
		s.find()
		if !slices.Equal(s.Findings, first.Findings) {
			t.Fatalf("%q, and then %q", first.Findings, s.Findings)
		}
	}
}
