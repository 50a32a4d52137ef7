package witness

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/store"
)

// Trust is what the logs of a store are held against.
type Trust struct {
	Keys []ed25519.PublicKey // of the gateways
	// Kept are notes that were kept elsewhere, such as the newest one in the data folder of a gateway.
	Kept []proof.Note
	// Newest has checkpoints of single logs, by name, such as the newest one in a data folder.
	Newest map[string][]proof.Note
	// Anchors say how far what there was, was archived.
	Anchors Anchors
	// Every and Interval are how often the logs were signed, as in proof.Trust.
	Every    int
	Interval time.Duration
	Now      func() time.Time
	// Only is the one log that is verified; all if it is empty. The notes are always all.
	Only string
}

// LogReport is what was found of one log.
type LogReport struct {
	Log string
	proof.Report
	Noted  store.Seq // up to here a note covers it
	Listed uint64    // the last note that lists it; 0: none of those that are there
}

// Report is what Verify found.
type Report struct {
	Logs    []LogReport // by name
	Notes   uint64      // that were found good
	Newest  Note        // the last of them
	Signers int         // gateways that signed the last one
	// Bad is what is wrong with the notes themselves; empty if nothing is.
	Bad, Cure string
}

// OK reports whether nothing was found.
func (r Report) OK() bool {
	return r.Bad == "" && !slices.ContainsFunc(r.Logs, func(l LogReport) bool { return !l.OK() })
}

// lateness is how long after an event a note that covers it may be.
const lateness = time.Minute

// verification collects what the notes say of each log.
type verification struct {
	logs  store.Logs
	trust Trust
	keys  note.Verifiers
	walk  walk
	sums  map[uint64]chain.Digest // of the notes that were kept, by number
	pins  map[string][]proof.Pin  // of each log
	last  map[string]uint64       // the last note that lists it
	by    int
	// anchored says that the note was met up to which notes were archived.
	anchored bool
}

// finding ends the walk over the notes.
type finding struct{ msg, cure string }

func (f *finding) Error() string { return f.msg }

const (
	noteKey  = "if a gateway got a new key, name its public key too, with --key; else somebody replaced the key, or the notes"
	noteGone = "the database was set back, or somebody removed them: compare with a backup of the database"
)

// Verify reads every note and every log, and reports what was changed, removed, reordered, inserted or
// cut off in any of them. The error says why they could not be read at all.
func Verify(ctx context.Context, logs store.Logs, trust Trust) (Report, error) {
	v := &verification{logs: logs, trust: trust, sums: map[uint64]chain.Digest{}, pins: map[string][]proof.Pin{},
		last: map[string]uint64{}}
	keys, err := chain.Verifiers(trust.Keys)
	if err != nil {
		return Report{}, err
	}
	v.keys = keys
	var r Report
	var f *finding
	if err := v.notes(ctx); errors.As(err, &f) {
		r.Bad, r.Cure = f.msg, f.cure
	} else if err != nil {
		return r, fmt.Errorf("verify the notes over the logs: %w", err)
	}
	r.Notes, r.Newest, r.Signers = v.walk.last.N, v.walk.last, v.by
	names, err := v.names(ctx)
	if err != nil {
		return r, err
	}
	for _, name := range names {
		one, err := v.log(ctx, name)
		if err != nil {
			return r, fmt.Errorf("log %q: %w", name, err)
		}
		r.Logs = append(r.Logs, LogReport{name, one, v.noted(name), v.last[name]})
	}
	return r, nil
}

// notes walks over them and holds them against those that were kept elsewhere.
func (v *verification) notes(ctx context.Context) error {
	kept := map[uint64]proof.Note{}
	for _, k := range v.trust.Kept {
		n, _, err := open(k.Text, v.keys)
		if err != nil {
			return &finding{"the note in " + k.From + " is damaged, or of a key that is not trusted here: " + err.Error(), noteKey}
		}
		v.sums[n.N], kept[n.N] = n.sum(), k
	}
	if err := v.logs.Checkpoints(ctx, 1, v.note); err != nil {
		return err
	}
	if v.trust.Anchors.Notes != nil && !v.anchored {
		return &finding{"the note up to which the notes over the logs were archived is gone, or another one than it was", noteGone}
	}
	for _, n := range slices.Sorted(maps.Keys(kept)) {
		if n > v.walk.last.N {
			return &finding{fmt.Sprintf("notes %d to %d over the logs are gone, says the one in %s", v.walk.last.N+1, n, kept[n].From),
				noteGone}
		}
	}
	return nil
}

func (v *verification) note(number uint64, msg []byte) error {
	n, by, err := open(msg, v.keys)
	if err != nil {
		return &finding{fmt.Sprintf("note %d over the logs is damaged, or of a key that is not trusted here: %v", number, err), noteKey}
	}
	if err := v.follow(n); err != nil || n.N != number {
		return &finding{fmt.Sprintf("note %d over the logs %v", number, errors.Join(err, numbered(n, number))),
			"somebody changed the notes, or the database was set back: compare with a backup of the database"}
	}
	if sum, ok := v.sums[number]; ok && sum != v.walk.sum {
		return &finding{fmt.Sprintf("note %d over the logs is not the one that was kept elsewhere", number), noteGone}
	}
	v.by = len(by)
	for _, e := range n.Logs {
		v.last[e.Log] = number
		if pins := v.pins[e.Log]; len(pins) == 0 || pins[len(pins)-1].Size != e.Size {
			v.pins[e.Log] = append(pins, proof.Pin{Size: e.Size, Head: e.Head, At: n.At,
				From: fmt.Sprintf("note %d over all logs", number)})
		}
	}
	return nil
}

// follow takes the next note, or the first one of those that were not archived.
func (v *verification) follow(n Note) error {
	archived := v.trust.Anchors.OfNotes(n.Cluster, v.keys)
	if v.walk.last.N == 0 && n.N > 1 && store.Seq(n.N) <= archived.Size {
		v.walk = from(n)
	} else if err := v.walk.next(n); err != nil {
		return err
	}
	v.anchored = v.anchored || store.Seq(n.N) == archived.Size && v.walk.sum == archived.Head
	return nil
}

// noted returns up to which record notes cover a log, also those that were archived.
func (v *verification) noted(name string) store.Seq {
	size := v.trust.Anchors.OfLog(name, v.keys).Size
	if pins := v.pins[name]; len(pins) > 0 {
		size = max(size, pins[len(pins)-1].Size)
	}
	return size
}

func numbered(n Note, number uint64) error {
	if n.N == number {
		return nil
	}
	return fmt.Errorf("says that it is note %d", n.N)
}

// names returns the logs that there are, and those that there should be.
func (v *verification) names(ctx context.Context) ([]string, error) {
	if v.trust.Only != "" {
		return []string{v.trust.Only}, nil
	}
	heads, err := v.logs.Heads(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, h := range heads {
		all[h.Log] = true
	}
	for name := range v.pins {
		all[name] = true
	}
	for name := range v.trust.Newest {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// log verifies one log.
func (v *verification) log(ctx context.Context, name string) (proof.Report, error) {
	events := v.logs.Log(name)
	young, err := v.young(ctx, events, name)
	if err != nil {
		return proof.Report{}, err
	}
	r, err := proof.Verify(ctx, events, proof.Trust{
		Keys: v.trust.Keys, Notes: v.trust.Newest[name], Pins: v.pins[name], Every: v.trust.Every, Interval: v.trust.Interval,
		Young: young, Anchor: v.anchor(name),
	})
	if err != nil || !r.OK() || v.walk.last.N == 0 {
		return r, err
	}
	return v.covered(ctx, events, name, r)
}

// anchor returns what says how far a log was archived, if it is of that log: what is of none is as good as nothing.
func (v *verification) anchor(name string) []byte {
	if v.trust.Anchors.OfLog(name, v.keys).Size == 0 {
		return nil
	}
	return v.trust.Anchors.Logs[name]
}

// young reports whether a log may be so new that no note covers it yet. If there are notes, covered has
// the last word.
func (v *verification) young(ctx context.Context, events store.Events, name string) (young bool, err error) {
	if len(v.pins[name]) > 0 || v.walk.last.N > 0 || v.noted(name) > 0 {
		return len(v.pins[name]) == 0, nil
	}
	err = events.Read(ctx, 1, func(r store.Record) error {
		var ev audit.Event
		young = json.Unmarshal(r.Body, &ev) == nil && v.trust.Now().Sub(ev.Time) < lateness
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return young, err
}

// covered looks whether a note covers what should be covered by now: the gateways sign what is new
// again and again, also of a log whose gateway is gone.
func (v *verification) covered(ctx context.Context, events store.Events, name string, r proof.Report) (proof.Report, error) {
	next, by := v.noted(name)+1, v.trust.Now() // a log that no note names should be named by now
	if len(v.pins[name]) > 0 {
		by = v.walk.last.At // gateways that all died leave what none signed
	}
	err := events.Read(ctx, next, func(rec store.Record) error {
		var ev audit.Event
		if json.Unmarshal(rec.Body, &ev) == nil && by.Sub(ev.Time) > lateness {
			r.FirstBad = rec.Seq
			r.Msg = fmt.Sprintf("record %d and those that follow are in no note over all logs, though they should have been for %s",
				rec.Seq, by.Sub(ev.Time).Round(time.Second))
			r.Cure = "the records were added later, or the clock of that gateway is wrong"
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return r, err
}
