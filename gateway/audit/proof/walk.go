package proof

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// verification walks a log.
type verification struct {
	trust                Trust
	keys                 note.Verifiers
	notes                []held // by how much they cover
	anchor               *chain.Checkpoint
	agreed               []Held
	pinned               int // place of the newest pin in agreed, from 1; 0: there is none
	chain                *chain.Chain
	first                store.Seq        // the first record
	seq                  store.Seq        // of the last record that was read
	head                 chain.Digest     // its hash
	before               chain.Digest     // the hash before that
	signed               chain.Checkpoint // the log up to its last good checkpoint record, and that record
	covered              store.Seq        // up to here the last good checkpoint goes
	unsigned             int              // records that no checkpoint covers
	records, checkpoints int
}

// held is a note that was opened.
type held struct {
	chain.Checkpoint
	from   string
	anchor bool
	pin    bool
}

func newVerification(trust Trust) (*verification, error) {
	v := &verification{trust: trust, chain: chain.New()}
	keys, err := chain.Verifiers(trust.Keys)
	if err != nil {
		return v, err
	}
	v.keys = keys
	for _, n := range trust.Notes {
		c, err := chain.OpenNote(n.Text, keys, chain.Newest)
		if err != nil {
			return v, foreign("the checkpoint in "+n.From, err)
		}
		v.notes = append(v.notes, held{Checkpoint: c, from: n.From})
	}
	if trust.Anchor != nil {
		c, err := chain.OpenNote(trust.Anchor, keys, chain.Archived)
		if err != nil {
			return v, foreign("the anchor of what was archived", err)
		}
		v.anchor = &c
		v.notes = append(v.notes, held{Checkpoint: c, from: "the anchor", anchor: true})
	}
	for _, p := range trust.Pins {
		c := chain.Checkpoint{Size: p.Size, Head: p.Head, At: p.At}
		v.notes = append(v.notes, held{Checkpoint: c, from: p.From, pin: true})
	}
	slices.SortStableFunc(v.notes, func(a, b held) int { return cmp.Compare(a.Size, b.Size) })
	return v, nil
}

// foreign is the finding for a note that does not open.
func foreign(what string, err error) *finding {
	var u *note.UnverifiedNoteError
	if !errors.As(err, &u) {
		return &finding{1, what + " is damaged: " + err.Error(),
			"bring it back from a backup, or name a copy of it with --checkpoint"}
	}
	return &finding{1, what + " was signed with another key than the one that is trusted here", otherKey}
}

const otherKey = "if the key of the log was replaced, name the public key from before too, each with --key; " +
	"else somebody replaced the key, or the log"

// record takes the next line of the log.
func (v *verification) record(r store.Record) error {
	l, err := chain.Split(r.Body)
	if v.first == 0 && err == nil {
		if err := v.begin(l); err != nil {
			return err
		}
	}
	if v.first == 0 && v.anchor != nil { // what stands first is damaged
		v.seq = r.Seq - 1
	}
	due := v.seq + 1
	switch {
	case err != nil:
		return &finding{seq: due, msg: fmt.Sprintf("record %d is damaged", due)}
	case !v.chain.Whole(l):
		return &finding{seq: due, msg: fmt.Sprintf("record %d was changed", due)}
	case l.Seq != due || l.Prev != v.head:
		return v.misplaced(l, due)
	}
	v.seq, v.before, v.head = due, v.head, l.Hash
	if err := v.own(l, r.Body); err != nil {
		return err
	}
	if err := v.meet(); err != nil {
		return err
	}
	v.records++
	return nil
}

// begin decides where the chain begins: at record 1, or behind what was archived.
func (v *verification) begin(l chain.Line) error {
	v.first = l.Seq
	switch {
	case l.Seq <= 1:
		v.first = 1
	case v.anchor == nil:
		return &finding{1, fmt.Sprintf("records 1 to %d are not there, and nothing signed says that they were archived",
			l.Seq-1), "bring back the file that stagelock audit archive left beside the log, or the records"}
	case v.anchor.Size < l.Seq-1:
		return &finding{v.anchor.Size + 1, fmt.Sprintf("records %d to %d are not there; only those up to %d were archived",
			v.anchor.Size+1, l.Seq-1, v.anchor.Size), ""}
	case v.anchor.Size == l.Seq-1:
		v.seq, v.head = l.Seq-1, v.anchor.Head
	default: // the anchor is met on the way
		v.seq, v.head = l.Seq-1, l.Prev
	}
	v.covered = v.seq
	return nil
}

// misplaced finds which record is at fault when a whole one does not follow the one before it.
func (v *verification) misplaced(l chain.Line, due store.Seq) error {
	switch {
	case l.Hash == v.head:
		return &finding{seq: due, msg: fmt.Sprintf("record %d is there twice", v.seq)}
	case l.Seq == due && v.seq > v.covered:
		return &finding{seq: v.seq, msg: fmt.Sprintf("record %d was replaced: the next one follows another",
			v.seq)}
	case l.Seq == v.seq && l.Prev == v.before:
		return &finding{seq: v.seq, msg: fmt.Sprintf("record %d was inserted", v.seq)}
	case l.Seq > due:
		return &finding{seq: due, msg: fmt.Sprintf("record %d is not there: %d follows %d", due, l.Seq,
			v.seq)}
	}
	return &finding{seq: due, msg: fmt.Sprintf("record %d stands where %d is due, and does not follow", l.Seq,
		due)}
}

// ownKinds are the beginnings of the records that the log writes itself.
var ownKinds = map[audit.Kind][]byte{
	audit.KindCheckpoint: []byte(`,"kind":"` + audit.KindCheckpoint + `"`),
	audit.KindAlarm:      []byte(`,"kind":"` + audit.KindAlarm + `"`),
}

func ownKind(members []byte) audit.Kind {
	for kind, head := range ownKinds {
		if bytes.HasPrefix(members, head) {
			return kind
		}
	}
	return ""
}

// own checks the records that the log writes itself: a checkpoint covers all before it, an alarm
// stands for a finding.
func (v *verification) own(l chain.Line, body []byte) error {
	kind := ownKind(l.Members)
	if kind == "" {
		return nil
	}
	var ev audit.Event
	if err := json.Unmarshal(body, &ev); err != nil {
		return &finding{seq: v.seq, msg: fmt.Sprintf("record %d is damaged", v.seq)}
	}
	c, err := chain.OpenNote([]byte(ev.Fields[audit.NoteField]), v.keys, chain.Newest)
	if kind == audit.KindAlarm {
		return v.alarm(c, err, ev)
	}
	switch {
	case err != nil:
		f := v.suspect("the checkpoint in record %d was not signed by a known key", v.seq)
		f.cure = otherKey
		return f
	case c.Size != v.seq-1 || c.Head != v.before:
		return v.suspect("the checkpoint in record %d is of another log", v.seq)
	}
	v.checkpoints++
	v.covered, v.signed = c.Size, chain.Checkpoint{Size: v.seq, Head: v.head}
	return nil
}

// suspect is a finding that may lie anywhere after the last good checkpoint.
func (v *verification) suspect(format string, args ...any) *finding {
	first := v.covered + 1
	return &finding{seq: first, msg: fmt.Sprintf(format, args...) +
		fmt.Sprintf(": one of the records from %d on was changed", first)}
}

// alarm is what the log itself found when it was opened. It stands for nothing if its evidence
// agrees with the log after all: the checkpoint was signed by a key that the gateway did not know.
func (v *verification) alarm(c chain.Checkpoint, err error, ev audit.Event) error {
	switch {
	case ev.Fields[audit.HadField] != "":
		return &finding{
			seq: v.seq,
			msg: fmt.Sprintf("records from %d to %s were removed: %s", v.seq, ev.Fields[audit.HadField], ev.Detail),
		}
	case err == nil && (c.Size == v.seq-1 && c.Head == v.before || c.Size == v.signed.Size && c.Head == v.signed.Head):
		v.covered = max(v.covered, c.Size)
		return nil
	case c.Size >= v.seq:
		return &finding{seq: v.seq, msg: fmt.Sprintf("records from %d to %d were removed: %s", v.seq, c.Size, ev.Detail)}
	}
	return v.suspect("alarm in record %d: %s", v.seq, ev.Detail)
}

// meet holds the log against the notes over the records up to here.
func (v *verification) meet() error {
	for len(v.notes) > 0 && v.notes[0].Size <= v.seq {
		n := v.notes[0]
		v.notes = v.notes[1:]
		if n.Size < v.seq && n.Size > 0 { // of what was archived
			continue
		}
		if n.Size == v.seq && n.Head != v.head {
			return v.suspect("the checkpoint in %s is of another log", n.from)
		}
		v.covered = max(v.covered, n.Size)
		v.agree(n)
	}
	return nil
}

func (v *verification) agree(n held) {
	if n.anchor { // it says nothing about the end
		return
	}
	v.checkpoints++
	if n.pin { // of many the newest one tells
		if v.pinned > 0 {
			v.agreed = slices.Delete(v.agreed, v.pinned-1, v.pinned)
		}
		v.pinned = len(v.agreed) + 1
	}
	v.agreed = append(v.agreed, Held{n.from, n.Size, n.At, n.Node})
}

func (v *verification) end(ctx context.Context, events store.Events) error {
	if err := v.meet(); err != nil { // a new log
		return err
	}
	if len(v.notes) > 0 {
		last := v.notes[len(v.notes)-1]
		return &finding{seq: v.seq + 1, msg: fmt.Sprintf("records from %d to %d were removed, says the checkpoint of %s in %s",
			v.seq+1, last.Size, last.At.UTC().Format(time.RFC3339), last.from)}
	}
	if err := v.tail(ctx, events); err != nil {
		return err
	}
	if len(v.agreed) == 0 && !v.trust.Young {
		return &finding{v.covered + 1, "there is no newest checkpoint to hold the log against: " +
			"whether records were removed at its end cannot be known",
			"bring back the file audit.checkpoint from the data folder's backup, or name a copy with --checkpoint"}
	}
	return nil
}

const (
	// slack is how many events and how much time a checkpoint may be late.
	slackEvents = audit.MaxGroup
	slackTime   = time.Minute
)

// tail looks at the records that no checkpoint covers: a gateway that writes signs them soon, and
// one that was killed leaves no more than it would have signed.
func (v *verification) tail(ctx context.Context, events store.Events) error {
	if v.covered >= v.seq {
		return nil
	}
	most := 2*cmp.Or(v.trust.Every, audit.DefaultEvery) + slackEvents
	longest := 2*cmp.Or(v.trust.Interval, audit.DefaultInterval) + slackTime
	var since time.Time // of the first one that this process wrote
	return events.Read(ctx, v.covered+1, func(r store.Record) error {
		var ev audit.Event
		if r.Seq > v.seq || json.Unmarshal(r.Body, &ev) != nil || ev.Kind == audit.KindCheckpoint {
			return nil
		}
		v.unsigned++
		if since.IsZero() || ev.Kind == audit.KindStart {
			since = ev.Time
		}
		if v.unsigned <= most && ev.Time.Sub(since) <= longest {
			return nil
		}
		return &finding{v.covered + 1, fmt.Sprintf("the records from %d on are covered by no checkpoint, though a gateway signs "+
			"after %d events or %s: they were changed, or signing failed", v.covered+1,
			cmp.Or(v.trust.Every, audit.DefaultEvery), cmp.Or(v.trust.Interval, audit.DefaultInterval)),
			"look for errors of the audit log in the gateway's log and in its health; if it is set to sign more seldom, " +
				"name its configuration with --config"}
	})
}
