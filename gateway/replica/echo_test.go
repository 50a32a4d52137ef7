package replica_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// TestAnEchoIsNoChange: an engine that writes once more what it was given, without saying so, is told of and makes
// nothing travel; what a person writes afterwards does.
func TestAnEchoIsNoChange(t *testing.T) {
	w := calm(t, topologies["pair"])
	author, live := w.servers[0], w.servers[1]
	author.engine.edit(page, "text")
	w.rest()
	live.engine.write(page, "text", "")
	w.rest()
	var got []string
	for _, n := range live.notes {
		got = append(got, n.What)
	}
	if want := []string{"applied", "echo"}; !slices.Equal(got, want) {
		t.Errorf("told of %v, want %v", got, want)
	}
	if n := live.replica.Counts(); len(n) != len(replica.Whats()) || n["applied"] != 1 || n["echo"] != 1 || n["made"] != 0 {
		t.Errorf("counted %v", n)
	}
	if have, err := live.book.Have(t.Context()); err != nil || have[live.replica.Self()] != 0 {
		t.Errorf("an echo is a change: %v, %v", have, err)
	}
	echo := live.notes[len(live.notes)-1]
	if id := (sync.ID{Origin: author.replica.Self(), Counter: 1}); echo.Change.ID != id || echo.Via != "" {
		t.Errorf("the echo is of %s, by way of %q; want %s", echo.Change.ID, echo.Via, id)
	}
	live.engine.edit(page, "another")
	w.rest()
	w.want(page, "another")
	if n := len(author.notes); n != 2 || author.notes[1].What != "applied" {
		t.Errorf("%d notes of the author's server: %v", n, fmt.Sprint(author.notes))
	}
}
