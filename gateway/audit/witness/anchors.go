package witness

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

const (
	// anchorsPath is where it stands in the store how far each log was archived, below the log's name.
	anchorsPath = "audit/anchors/logs"
	// notesAnchorPath is where it stands how far the notes were.
	notesAnchorPath = "audit/anchors/notes"
	// archivedNotes is the purpose of what stands there.
	archivedNotes chain.Purpose = "stagelock-notes-anchor"
)

// Anchors say how far the logs of a store, and the notes over them, were archived: signed, and of no use
// without the keys. What was archived is gone but for the last record, or note.
type Anchors struct {
	Logs  map[string][]byte // by name
	Notes []byte            // nil if no note was archived
}

// Equal reports whether both say the same.
func (a Anchors) Equal(b Anchors) bool {
	return bytes.Equal(a.Notes, b.Notes) && maps.EqualFunc(a.Logs, b.Logs, bytes.Equal)
}

// StoredAnchors returns those in the store.
func StoredAnchors(ctx context.Context, values store.Values) (Anchors, error) {
	a := Anchors{Logs: map[string][]byte{}}
	paths, err := values.List(ctx, anchorsPath, false)
	if err != nil {
		return a, err
	}
	for _, path := range paths {
		name, err := hex.DecodeString(strings.TrimPrefix(path, anchorsPath+"/"))
		if err != nil {
			return a, fmt.Errorf("the anchor of a log at %q: %w", path, err)
		}
		if a.Logs[string(name)], err = values.Load(ctx, path); err != nil {
			return a, err
		}
	}
	a.Notes, err = values.Load(ctx, notesAnchorPath)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return a, err
}

// StoreAnchor signs that a log was archived up to a record, and keeps it in the store. c.Node is the log.
func StoreAnchor(ctx context.Context, values store.Values, s chain.Signer, c chain.Checkpoint) error {
	text, err := s.Note(c, chain.Archived)
	if err != nil {
		return err
	}
	return values.Store(ctx, logPath(c.Node), text)
}

// StoreNotesAnchor signs that the notes before n were archived, and keeps it in the store.
func StoreNotesAnchor(ctx context.Context, values store.Values, s chain.Signer, n Note, at time.Time) error {
	c := chain.Checkpoint{Size: store.Seq(n.N), Head: n.sum(), Node: n.Cluster, At: at}
	text, err := s.Note(c, archivedNotes)
	if err != nil {
		return err
	}
	return values.Store(ctx, notesAnchorPath, text)
}

func logPath(log string) string { return fmt.Sprintf("%s/%x", anchorsPath, log) }

// OfLog returns how far a log was archived; the zero Checkpoint if nothing says so that one of keys signed.
func (a Anchors) OfLog(log string, keys note.Verifiers) chain.Checkpoint {
	c, err := chain.OpenNote(a.Logs[log], keys, chain.Archived)
	if err != nil || c.Node != log {
		return chain.Checkpoint{}
	}
	return c
}

// OfNotes returns up to which note those of a cluster were archived, and the sum of that note.
func (a Anchors) OfNotes(cluster string, keys note.Verifiers) chain.Checkpoint {
	c, err := chain.OpenNote(a.Notes, keys, archivedNotes)
	if err != nil || c.Node != cluster {
		return chain.Checkpoint{}
	}
	return c
}

// Archived reports whether a log was archived up to that record or further, as a gateway signed whose key
// is in the file of those that were seen, or in the store.
func Archived(ctx context.Context, values store.Values, keysFile, log string, size store.Seq) (bool, error) {
	a, err := StoredAnchors(ctx, values)
	if err != nil || a.Logs[log] == nil {
		return false, err
	}
	seen, err := ReadKeys(keysFile)
	if err != nil {
		return false, err
	}
	stored, err := StoredKeys(ctx, values)
	if err != nil {
		return false, err
	}
	all, _ := merge(seen, stored)
	keys, err := verifiers(all)
	return err == nil && a.OfLog(log, keys).Size >= size, err
}
