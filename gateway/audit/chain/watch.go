package chain

import (
	"fmt"

	"github.com/stagelock/stagelock/store"
)

// Watch looks whether each record follows the one before it. It is for one goroutine.
type Watch struct {
	chain *Chain
	seq   store.Seq // of the record before; 0: there is none
	head  Digest
	lost  bool // the record before could not be read
}

// NewWatch returns a Watch that has seen no record.
func NewWatch() *Watch { return &Watch{chain: New()} }

// Look returns what is wrong with a record, empty if nothing is. Of one that is no record nothing is said, nor
// whether the next one follows it.
func (w *Watch) Look(body []byte) (found string) {
	l, err := Split(body)
	if err != nil {
		w.lost = true
		return ""
	}
	switch {
	case !w.chain.Whole(l):
		found = fmt.Sprintf("record %d was changed", l.Seq)
	case w.seq > 0 && !w.lost && l.Seq != w.seq+1:
		found = fmt.Sprintf("record %d follows record %d", l.Seq, w.seq)
	case w.seq > 0 && !w.lost && l.Prev != w.head:
		found = fmt.Sprintf("record %d follows another record %d than this", l.Seq, w.seq)
	}
	w.seq, w.head, w.lost = l.Seq, l.Hash, false
	return found
}
