package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

func TestFindings(t *testing.T) {
	up := func(node, version, config string, off time.Duration) Gateway {
		return Gateway{Node: node, State: store.MemberUp, Version: version, Config: config, Offset: off}
	}
	gone := up("gate-z", "0", "other", time.Hour)
	gone.State = Gone
	for _, tt := range []struct {
		name string
		all  []Gateway
		want []string
	}{
		{"alike", []Gateway{up("a", "1", "x", 0), up("b", "1", "x", -time.Second), gone}, nil},
		{"nobody", []Gateway{gone}, []string{"no gateway runs"}},
		{"none at all", nil, []string{"no gateway runs"}},
		{"an upgrade", []Gateway{up("a", "1", "x", 0), up("b", "2", "x", 0)}, []string{"1 (a) and 2 (b): that is well"}},
		{"three releases", []Gateway{up("a", "1", "x", 0), up("b", "2", "x", 0), up("c", "3", "x", 0)}, []string{"upgrade the oldest"}},
		{"configurations", []Gateway{up("a", "1", "0123456789", 0), up("b", "1", "9876543210", 0)},
			[]string{"01234567 (a) and 98765432 (b)"}},
		{"clocks", []Gateway{up("a", "1", "x", 1100*time.Millisecond), up("b", "1", "x", -31*time.Second)},
			[]string{"clock of a is 1.1s off", "clock of b is -31s off the database's, so it takes no calls"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Status{Gateways: tt.all}
			s.find()
			if len(s.Findings) != len(tt.want) {
				t.Fatalf("found %q, want %q", s.Findings, tt.want)
			}
			for i, w := range tt.want {
				if !strings.Contains(s.Findings[i], w) {
					t.Errorf("found %q, want %q", s.Findings[i], w)
				}
			}
		})
	}
}
