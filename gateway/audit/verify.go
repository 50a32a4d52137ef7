package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/store"
)

// Trust is what a log is held against.
type Trust struct {
	Keys []ed25519.PublicKey // that may have signed checkpoints
	// Newest is the newest checkpoint, from the file that Config names or from a copy of it.
	// Without one, records that are missing at the end are not noticed.
	Newest []byte
}

// Report is what Verify found.
type Report struct {
	Records     int       // that were read and found good
	Checkpoints int       // that were found good
	FirstBad    store.Seq // 0 if all is well
	Msg         string    // what is wrong, or how far all is well
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return r.FirstBad == 0 }

// finding ends a verification: the log was tampered with, from that record on.
type finding struct {
	seq store.Seq
	msg string
}

func (f *finding) Error() string { return f.msg }

// Verify reads the whole log and reports the first record that was changed, removed, reordered,
// inserted or cut off. The error says why the log or the newest checkpoint could not be read at
// all.
func Verify(ctx context.Context, events store.Events, trust Trust) (Report, error) {
	v, err := newVerification(trust)
	if err != nil {
		return Report{}, err
	}
	err = events.Read(ctx, 1, v.record)
	if err == nil {
		err = v.end()
	}
	r := Report{Records: v.records, Checkpoints: v.checkpoints}
	var f *finding
	if errors.As(err, &f) {
		r.FirstBad, r.Msg = f.seq, f.msg
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("verify audit log: %w", err)
	}
	r.Msg = fmt.Sprintf("%d records, %d of them covered by a checkpoint", v.seq, v.covered)
	return r, nil
}

// verification walks a log.
type verification struct {
	keys                 note.Verifiers
	newest               *checkpoint
	chain                *chain
	seq                  store.Seq // of the last record that was read
	head                 digest    // its hash
	before               digest    // the hash before that
	covered              store.Seq // up to here the last good checkpoint goes
	records, checkpoints int
}

func newVerification(trust Trust) (*verification, error) {
	keys, err := verifiers(trust.Keys)
	if err != nil {
		return nil, err
	}
	v := &verification{keys: keys, chain: newChain()}
	if trust.Newest == nil {
		return v, nil
	}
	c, err := openCheckpoint(trust.Newest, v.keys)
	if err != nil {
		return nil, fmt.Errorf("newest %w", err)
	}
	v.newest = &c
	return v, nil
}

// record takes the next line of the log.
func (v *verification) record(r store.Record) error {
	l, err := splitLine(r.Body)
	due := v.seq + 1
	switch {
	case err != nil:
		return &finding{due, fmt.Sprintf("record %d is damaged", due)}
	case v.chain.link(l.prev, l.covered) != l.hash:
		return &finding{due, fmt.Sprintf("record %d was changed", due)}
	case l.seq != due || l.prev != v.head:
		return v.misplaced(l, due)
	}
	v.seq, v.before, v.head = due, v.head, l.hash
	if err := v.own(l, r.Body); err != nil {
		return err
	}
	if err := v.meets(v.newest); err != nil {
		return err
	}
	v.records++
	return nil
}

// misplaced finds which record is at fault when a whole one does not follow the one before it.
func (v *verification) misplaced(l line, due store.Seq) error {
	switch {
	case l.hash == v.head:
		return &finding{due, fmt.Sprintf("record %d is there twice", v.seq)}
	case l.seq == due && v.seq > v.covered:
		return &finding{v.seq, fmt.Sprintf("record %d was replaced: the next one follows another",
			v.seq)}
	case l.seq == v.seq && l.prev == v.before:
		return &finding{v.seq, fmt.Sprintf("record %d was inserted", v.seq)}
	case l.seq > due:
		return &finding{due, fmt.Sprintf("record %d is not there: %d follows %d", due, l.seq,
			v.seq)}
	}
	return &finding{due, fmt.Sprintf("record %d stands where %d is due, and does not follow", l.seq,
		due)}
}

// own checks the records that the log writes itself: a checkpoint covers all before it, an alarm
// stands for a finding.
func (v *verification) own(l line, body []byte) error {
	if l.kind == "" {
		return nil
	}
	var ev Event
	if err := json.Unmarshal(body, &ev); err != nil {
		return &finding{v.seq, fmt.Sprintf("record %d is damaged", v.seq)}
	}
	c, err := openCheckpoint([]byte(ev.Fields[noteField]), v.keys)
	if l.kind == KindAlarm {
		return v.alarm(c, ev)
	}
	switch {
	case err != nil:
		return v.suspect("the checkpoint in record %d was not signed by a known key", v.seq)
	case c.size != v.seq-1 || c.head != v.before:
		return v.suspect("the checkpoint in record %d is of another log", v.seq)
	}
	v.checkpoints++
	v.covered = c.size
	return nil
}

// suspect is a finding that may lie anywhere after the last good checkpoint.
func (v *verification) suspect(format string, args ...any) error {
	first := v.covered + 1
	return &finding{first, fmt.Sprintf(format, args...) +
		fmt.Sprintf(": one of the records from %d on was changed", first)}
}

// alarm is what the log itself found when it was opened.
func (v *verification) alarm(c checkpoint, ev Event) error {
	if c.size >= v.seq {
		return &finding{v.seq, fmt.Sprintf("records from %d to %d were removed: %s", v.seq, c.size,
			ev.Detail)}
	}
	return v.suspect("alarm in record %d: %s", v.seq, ev.Detail)
}

// meets holds the log against a checkpoint of the records up to here.
func (v *verification) meets(c *checkpoint) error {
	if c == nil || c.size != v.seq {
		return nil
	}
	if c.head != v.head {
		return v.suspect("the newest checkpoint is of another log")
	}
	v.checkpoints++
	v.covered = v.seq
	return nil
}

func (v *verification) end() error {
	if v.newest != nil && v.newest.size > v.seq {
		return &finding{v.seq + 1, fmt.Sprintf("records from %d to %d were removed", v.seq+1,
			v.newest.size)}
	}
	return nil
}
