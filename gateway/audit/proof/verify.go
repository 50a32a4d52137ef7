package proof

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// Trust is what a log is held against.
type Trust struct {
	Keys []ed25519.PublicKey // that may have signed checkpoints
	// Notes are the newest checkpoint, from the file that audit.Config names, and copies of checkpoints
	// that were kept elsewhere. A log is bad without any: records that are missing at its end could
	// not be noticed.
	Notes []Note
	// Pins are what others say of the log, who were checked already: see package witness.
	Pins []Pin
	// Young says that the log may be so new that nothing covers it yet.
	Young bool
	// Anchor is the file that retention.Archive left; nil if nothing of the log was archived.
	Anchor []byte
	// Every and Interval are how often the log was signed, as in audit.Config: records that no checkpoint
	// covers for much longer are bad. 0 means the defaults.
	Every    int
	Interval time.Duration
}

// Note is a signed checkpoint and where it was found.
type Note struct {
	Text []byte
	From string // such as the name of its file
}

// Pin says that a log had so many records, and which hash the last one had.
type Pin struct {
	Size store.Seq
	Head chain.Digest
	At   time.Time // when it was signed
	From string    // what says so
}

// Held is a checkpoint that a log was held against, and found to agree with.
type Held struct {
	From    string    `json:"from"`
	Records store.Seq `json:"records"` // that it covers
	Time    time.Time `json:"time"`    // when it was signed
	Gateway string    `json:"gateway"`
}

// Report is what Verify found.
type Report struct {
	Records     int       // that were read and found good
	Checkpoints int       // that were found good
	First       store.Seq // the first record; those before it were archived
	Unsigned    int       // records at the end that no checkpoint covers
	Held        []Held    // what the log was held against
	FirstBad    store.Seq // 0 if all is well
	Msg         string    // what is wrong, or how far all is well
	Cure        string    // what to do, if something is wrong and that is known
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return r.FirstBad == 0 }

// Limits says against which checkpoints the log was held, and what therefore cannot be seen.
func (r Report) Limits() string {
	if len(r.Held) == 0 {
		return "held against no checkpoint of its own or from elsewhere: records that were removed at its end cannot be seen"
	}
	var all []string
	newest := r.Held[0]
	for _, h := range r.Held {
		all = append(all, fmt.Sprintf("the checkpoint of %s over %d records in %s",
			h.Time.UTC().Format(time.RFC3339), h.Records, h.From))
		if h.Records > newest.Records {
			newest = h
		}
	}
	text := "held against " + strings.Join(all, " and ") + "; "
	if r.Unsigned > 0 {
		text += fmt.Sprintf("the last %d records are not signed yet: a change in them cannot be seen; ", r.Unsigned)
	}
	return text + fmt.Sprintf("records behind %d that were taken away together with that file cannot be missed here: "+
		"keep copies of it elsewhere and name one with --checkpoint", newest.Records)
}

// finding ends a verification: the log was tampered with, from that record on.
type finding struct {
	seq       store.Seq
	msg, cure string
}

func (f *finding) Error() string { return f.msg }

// Verify reads the whole log and reports the first record that was changed, removed, reordered,
// inserted or cut off, or from which on nothing can be known. The error says why the log could not
// be read at all.
func Verify(ctx context.Context, events store.Events, trust Trust) (Report, error) {
	v, err := newVerification(trust)
	if err == nil {
		err = events.Read(ctx, 1, v.record)
	}
	if err == nil {
		err = v.end(ctx, events)
	}
	r := Report{Records: v.records, Checkpoints: v.checkpoints, First: v.first, Unsigned: v.unsigned, Held: v.agreed}
	var f *finding
	if errors.As(err, &f) {
		r.FirstBad, r.Msg, r.Cure = f.seq, f.msg, f.cure
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("verify audit log: %w", err)
	}
	r.Msg = fmt.Sprintf("%d records, %d of them covered by a checkpoint", v.seq, v.covered)
	if v.first > 1 {
		r.Msg = fmt.Sprintf("records %d to %d, covered by a checkpoint up to %d; those before were archived",
			v.first, v.seq, v.covered)
	}
	if v.unsigned > 0 {
		r.Msg += fmt.Sprintf(" (the newest %d wait for the next one)", v.unsigned)
	}
	return r, nil
}
