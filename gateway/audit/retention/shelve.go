package retention

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

func (a *sharedArchiver) keys() note.Verifiers {
	keys, err := chain.Verifiers(a.cfg.Trust.Keys)
	if err != nil {
		return note.VerifierList() // none: nothing was signed by one of them
	}
	return keys
}

// shelve copies the records of a log behind old up to end, leaves beside them what they are verified with,
// and verifies them as they lie there.
func (a *sharedArchiver) shelve(ctx context.Context, log string, old, end chain.Checkpoint) error {
	place := a.cfg.Place(log)
	last, err := a.copyLog(ctx, a.cfg.Logs.Log(log), place, old.Size+1, end.Size)
	if err != nil {
		return err
	}
	line, err := chain.Split(last.Body)
	if err != nil {
		return fmt.Errorf("the last record in %s is damaged: %w", place.Dir, err)
	}
	there := chain.Checkpoint{Size: last.Seq, Head: line.Hash, Node: log, At: end.At}
	trust, err := a.leave(place, log, there)
	if err != nil {
		return err
	}
	trust.Pins = []proof.Pin{{Size: end.Size, Head: end.Head, At: end.At, From: "the log in the database"}}
	events, err := files.Open(files.Config{Dir: place.Dir, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only read
	r, err := proof.Verify(ctx, events, trust)
	if err == nil && !r.OK() {
		err = fmt.Errorf("what lies in %s is not what follows there: %s; name another folder", place.Dir, r.Msg)
	}
	return err
}

// copyLog copies records and returns the last one that is there then, which may be a later one.
func (a *sharedArchiver) copyLog(
	ctx context.Context, from store.Events, place audit.Place, first, last store.Seq,
) (store.Record, error) {
	out, next, err := openBehind(ctx, files.Config{Dir: place.Dir, SegmentBytes: a.cfg.Bytes, First: first})
	if err != nil {
		return store.Record{}, err
	}
	if next <= last {
		err = from.Read(ctx, next, func(r store.Record) error {
			if r.Seq > last {
				return errEnough
			}
			return out.Write(ctx, []store.Record{r}) // on disk once it is closed
		})
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	end, lost := out.Last(ctx)
	return end, errors.Join(err, lost, out.Close())
}

// openBehind opens the log in a folder, and returns which record is due there.
func openBehind(ctx context.Context, cfg files.Config) (out *files.Events, next store.Seq, err error) {
	if out, err = files.Open(cfg); err != nil {
		return nil, 0, err
	}
	end, err := out.Last(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return out, cfg.First, nil
	case err == nil && end.Seq+1 < cfg.First:
		err = fmt.Errorf("%s ends with record %d, and %d is the next one: name another folder", cfg.Dir, end.Seq, cfg.First)
	}
	if err != nil {
		return nil, 0, errors.Join(err, out.Close())
	}
	return out, end.Seq + 1, nil
}

// leave writes beside the records what they are verified with, and returns it.
func (a *sharedArchiver) leave(place audit.Place, log string, there chain.Checkpoint) (proof.Trust, error) {
	trust := proof.Trust{Keys: a.cfg.Trust.Keys, Every: a.cfg.Trust.Every, Interval: a.cfg.Trust.Interval}
	msg, err := a.signer.Note(there, chain.Newest)
	if err != nil {
		return trust, err
	}
	trust.Notes = []proof.Note{{Text: msg, From: place.Checkpoint}}
	keys, err := formatKeys(a.cfg.Trust.Keys)
	if err != nil {
		return trust, err
	}
	if err := errors.Join(files.Replace(place.Checkpoint, msg, 0o644), files.Replace(place.PublicKey, keys, 0o644)); err != nil {
		return trust, err
	}
	all, err := files.Segments(place.Dir)
	if err != nil || len(all) == 0 || all[0].First == 1 {
		return trust, err
	}
	if trust.Anchor, err = os.ReadFile(place.Anchor); err == nil {
		return trust, nil // of an earlier run into this folder
	}
	trust.Anchor = a.cfg.Trust.Anchors.Logs[log]
	return trust, files.Replace(place.Anchor, trust.Anchor, 0o644)
}

// formatKeys writes a key a line.
func formatKeys(keys []ed25519.PublicKey) ([]byte, error) {
	var all []byte
	for _, k := range keys {
		text, err := chain.FormatKey(k)
		if err != nil {
			return nil, err
		}
		if line := []byte(text + "\n"); !bytes.Contains(all, line) {
			all = append(all, line...)
		}
	}
	return all, nil
}

// shelvedNote is a note as it lies in a folder.
type shelvedNote struct {
	Note string `json:"note"`
}

// moveNotes moves the notes that are due, which stand in no relation to a record that stays.
func (a *sharedArchiver) moveNotes(ctx context.Context) error {
	first, last, err := a.dueNotes(ctx)
	if err != nil || last.N <= first {
		return err
	}
	if err := a.shelveNotes(ctx, first, last.N); err != nil {
		return err
	}
	if err := a.still(ctx); err != nil {
		return err
	}
	if err := witness.StoreNotesAnchor(ctx, a.cfg.Values, a.signer, last, a.cfg.Now()); err != nil {
		return err
	}
	a.done.Notes, err = a.cfg.Logs.CutCheckpoints(ctx, last.N)
	return err
}

// dueNotes returns the number of the first note there is, and the last one that is due.
func (a *sharedArchiver) dueNotes(ctx context.Context) (first uint64, last witness.Note, err error) {
	err = a.cfg.Logs.Checkpoints(ctx, 1, func(n uint64, msg []byte) error {
		if first == 0 {
			first = n
		}
		one, _ := witness.Peek(msg) // was verified
		if n > a.notes || !one.At.Before(a.before) {
			return errEnough
		}
		last = one
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return first, last, err
}

// shelveNotes copies notes, and holds what was written against what is there.
func (a *sharedArchiver) shelveNotes(ctx context.Context, first, last uint64) error {
	out, next, err := openBehind(ctx, files.Config{Dir: a.cfg.Notes, SegmentBytes: a.cfg.Bytes, First: store.Seq(first)})
	if err != nil {
		return err
	}
	err = a.eachNote(ctx, max(first, uint64(next)), last, func(r store.Record) error { return out.Write(ctx, []store.Record{r}) })
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	there, err := files.Open(files.Config{Dir: a.cfg.Notes, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = there.Close() }() // it was only read
	here, err := sumOf(last, func(fn func(store.Record) error) error { return a.eachNote(ctx, first, last, fn) })
	if err != nil {
		return err
	}
	copied, err := sumOf(last, func(fn func(store.Record) error) error { return there.Read(ctx, store.Seq(first), fn) })
	if err == nil && copied != here {
		err = fmt.Errorf("notes %d to %d in %s are not those of the database: name another folder", first, last, a.cfg.Notes)
	}
	return err
}

// sumOf sums up notes up to the last one, without the signatures, to which others may have added since.
func sumOf(last uint64, each func(fn func(store.Record) error) error) (sum chain.Digest, err error) {
	h := sha256.New()
	err = each(func(r store.Record) error {
		if r.Seq > store.Seq(last) {
			return errEnough
		}
		fmt.Fprintf(h, "%d %q\n", r.Seq, textOf(r))
		return nil
	})
	h.Sum(sum[:0])
	if errors.Is(err, errEnough) {
		err = nil
	}
	return sum, err
}

// textOf returns the text of a note that lies in a folder, without the signatures.
func textOf(r store.Record) string {
	var n shelvedNote
	if json.Unmarshal(r.Body, &n) != nil {
		return ""
	}
	text, _, _ := strings.Cut(n.Note, "\n\n")
	return text
}

// eachNote calls fn with notes as they lie in a folder.
func (a *sharedArchiver) eachNote(ctx context.Context, first, last uint64, fn func(store.Record) error) error {
	err := a.cfg.Logs.Checkpoints(ctx, first, func(n uint64, msg []byte) error {
		if n > last {
			return errEnough
		}
		body, err := json.Marshal(shelvedNote{string(msg)})
		if err != nil {
			return err
		}
		return fn(store.Record{Seq: store.Seq(n), Body: body})
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
