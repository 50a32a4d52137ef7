package suite

import (
	"fmt"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

func (p *place) wantSpent(what string, via, most int, want string, ids ...sync.ID) {
	p.t.Helper()
	got, err := p.Spend(p.t.Context(), serverOf(via), most, ids...)
	must(p.t, err)
	if fmt.Sprint(got) != want {
		p.t.Errorf("%s: %v, want %s", what, got, want)
	}
}

func nth(origin, counter int) sync.ID {
	return sync.ID{Origin: serverOf(origin), Counter: uint64(counter)}
}

// spent: so many in an hour and no more, each once, also after a restart; the hour of each ends by itself.
func spent(t *testing.T, p *place) {
	p.wantSpent("none", 1, 2, "[]")
	p.wantSpent("nothing is allowed", 1, 0, "[false]", nth(0, 1))
	p.wantSpent("three of two, one of them twice", 1, 2, "[true true true false]", nth(0, 1), nth(0, 1), nth(5, 1), nth(0, 2))
	p.reopen()
	p.wantSpent("again", 1, 2, "[false true]", nth(0, 2), nth(5, 1))
	p.wantSpent("of another neighbour", 2, 2, "[true]", nth(0, 2))
	p.wantSpent("with a higher limit", 1, 3, "[true false]", nth(0, 2), nth(0, 3))
	p.clock.Pass(30 * time.Minute)
	p.wantSpent("half an hour later", 1, 4, "[true false]", nth(0, 3), nth(0, 4))
	p.clock.Pass(30*time.Minute + time.Second)
	p.wantSpent("when the hour of the first is over", 1, 2, "[true false]", nth(0, 4), nth(0, 5))
	must(t, p.Renew(t.Context(), serverOf(2)))
	p.wantSpent("another begins anew", 1, 2, "[false]", nth(0, 5))
	must(t, p.Renew(t.Context(), serverOf(1)))
	p.reopen()
	p.wantSpent("it begins anew", 1, 2, "[true true false]", nth(0, 5), nth(0, 6), nth(0, 7))
}

// spentAtOnce: many who count at the same time allow no more than one would.
func spentAtOnce(t *testing.T, p *place) {
	const most, each, callers = 10, 5, 6
	results := make(chan int)
	for n := range callers {
		go func() {
			allowed := 0
			for k := range each {
				may, err := p.Spend(t.Context(), serverOf(1), most, nth(n, k+1))
				if err != nil {
					t.Error(err)
				} else if may[0] {
					allowed++
				}
			}
			results <- allowed
		}()
	}
	sum := 0
	for range callers {
		sum += <-results
	}
	if sum != most {
		t.Errorf("%d were allowed of %d, at most %d", sum, each*callers, most)
	}
}
