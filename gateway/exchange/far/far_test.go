package far_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/exchange/far"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func server(letter string) sync.ServerID { return sync.ServerID(strings.Repeat(letter, 20)) }

// TestServersThatWereToldOf: each once, the newest word of each, without what a terminal acts on.
func TestServersThatWereToldOf(t *testing.T) {
	var all far.Servers
	all.Met(server("A"), sync.Hello{Known: []sync.Server{{ID: server("C"), Name: "c"}, {ID: server("B"), Name: "b\x1b[2J"}, {ID: "no key", Name: "x"}}})
	all.Met(server("D"), sync.Hello{Known: []sync.Server{{ID: server("C"), Name: "renamed"}}})
	got := all.All()
	if len(got) != 2 || got[0].ID != server("B") || got[0].Name != "b [2J" || got[1].Name != "renamed" {
		t.Errorf("%q", got)
	}
}

// TestWhatIsToldIsBounded: a neighbour that invents servers fills nobody's memory.
func TestWhatIsToldIsBounded(t *testing.T) {
	var all far.Servers
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	for a := range letters {
		for b := range letters {
			id := sync.ServerID(letters[a:a+1] + letters[b:b+1] + strings.Repeat("A", 18))
			all.Met(server("A"), sync.Hello{Known: []sync.Server{{ID: id}}})
		}
	}
	if n := len(all.All()); n == 0 || n > 2*sync.MaxKnown {
		t.Errorf("%d of 1,024 are remembered", n)
	}
}
