package witness

import (
	"errors"
	"fmt"
	"slices"

	"github.com/stagelock/stagelock/gateway/audit/chain"
)

// walk follows the notes, one after the other.
type walk struct {
	last  Note             // N is 0 before the first one
	sum   chain.Digest     // of last
	known map[string]Entry // the newest of each log, also of those that are listed no more
}

// from begins behind a note that was checked before.
func from(n Note) walk {
	w := walk{last: n, sum: n.sum(), known: map[string]Entry{}}
	for _, e := range n.Logs {
		w.known[e.Log] = e
	}
	return w
}

// Errors of a note that does not follow.
var (
	errCluster = errors.New("is of another cluster")
	errNumber  = errors.New("is not the next one")
	errPrev    = errors.New("does not follow the note before it")
	errEnded   = errors.New("drops a log without saying so")
)

// next takes a note, or says why it cannot be the next one.
func (w *walk) next(n Note) error {
	switch {
	case n.N != w.last.N+1:
		return errNumber
	case n.Prev != w.sum:
		return errPrev
	case w.last.N > 0 && n.Cluster != w.last.Cluster:
		return errCluster
	case n.Ended != w.folded(n):
		return errEnded
	}
	for _, e := range n.Logs {
		old, ok := w.known[e.Log]
		if ok && (e.Size < old.Size || e.Size == old.Size && e.Head != old.Head) {
			return fmt.Errorf("has record %d of log %q for its end, note %d had %d", e.Size, e.Log, w.last.N, old.Size)
		}
	}
	if w.known == nil {
		w.known = map[string]Entry{}
	}
	for _, e := range n.Logs {
		w.known[e.Log] = e
	}
	w.last, w.sum = n, n.sum()
	return nil
}

// folded is what the logs that n lists no more add to those before.
func (w *walk) folded(n Note) Ended {
	e := w.last.Ended
	for _, old := range w.last.Logs {
		if _, ok := n.entry(old.Log); !ok {
			e = e.add(old)
		}
	}
	return e
}

// following returns the note of these logs that follows, without its time.
func (w *walk) following(cluster string, logs []Entry) Note {
	slices.SortFunc(logs, func(a, b Entry) int {
		if a.Log < b.Log {
			return -1
		}
		return 1
	})
	n := Note{Cluster: cluster, N: w.last.N + 1, Prev: w.sum, Logs: logs}
	n.Ended = w.folded(n)
	return n
}
