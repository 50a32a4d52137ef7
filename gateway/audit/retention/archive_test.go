package retention_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/audit/retention"
	"github.com/stagelock/stagelock/store/files"
)

func placeIn(dir string) audit.Place {
	return audit.Place{Dir: filepath.Join(dir, "audit"), Checkpoint: filepath.Join(dir, "checkpoint"),
		Anchor: filepath.Join(dir, "anchor"), PublicKey: filepath.Join(dir, "key.pub")}
}

// kept is a log in files that is small enough to have many of them, and is being written.
type kept struct {
	place  audit.Place
	events *files.Events
	log    *audit.Log
}

func keep(t *testing.T) *kept {
	t.Helper()
	k := &kept{place: placeIn(t.TempDir())}
	var err error
	k.events, err = files.Open(files.Config{Dir: k.place.Dir, SegmentBytes: 4000})
	audittest.Must(t, err)
	cfg := audittest.Config(t, k.events)
	cfg.Checkpoint, cfg.CheckpointEvery = k.place.Checkpoint, 10
	k.log = audittest.Open(t, cfg)
	t.Cleanup(func() { _ = errors.Join(k.log.Close(), k.events.Close()) })
	return k
}

func (k *kept) write(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		_, err := k.log.Append(context.Background(), audittest.Verdict(i))
		audittest.Must(t, err)
	}
}

// trust is what is known at a place.
func trust(t *testing.T, p audit.Place) proof.Trust {
	t.Helper()
	tr := proof.Trust{Keys: []ed25519.PublicKey{audittest.Public(audittest.Key)}}
	if note, err := os.ReadFile(p.Checkpoint); err == nil {
		tr.Notes = []proof.Note{{Text: note, From: p.Checkpoint}}
	}
	tr.Anchor, _ = os.ReadFile(p.Anchor)
	return tr
}

func verifyPlace(t *testing.T, p audit.Place) proof.Report {
	t.Helper()
	ev, err := files.Open(files.Config{Dir: p.Dir, ReadOnly: true})
	audittest.Must(t, err)
	defer ev.Close()
	r, err := proof.Verify(context.Background(), ev, trust(t, p))
	audittest.Must(t, err)
	return r
}

func (k *kept) archive(t *testing.T, to audit.Place, keepBytes int64, before time.Time) (retention.Archived, error) {
	t.Helper()
	return retention.Archive(context.Background(), retention.Config{From: k.place, To: to, Key: audittest.Key, Now: time.Now, Node: "test",
		Trust: trust(t, k.place), Keep: keepBytes, Before: before})
}

func TestArchive(t *testing.T) {
	k, to := keep(t), placeIn(t.TempDir())
	k.write(t, 100)
	if done, err := k.archive(t, to, 0, time.Now().Add(-time.Hour)); err != nil || done.Files != nil {
		t.Fatalf("nothing is an hour old: %+v, %v", done, err)
	}
	done, err := k.archive(t, to, 12_000, time.Time{})
	if err != nil || done.First != 1 || done.Last < 20 || done.Kept < 12_000 {
		t.Fatalf("archived %+v, %v", done, err)
	}
	for name, p := range map[string]audit.Place{"what stays": k.place, "what was moved": to} {
		if r := verifyPlace(t, p); !r.OK() {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := verifyPlace(t, k.place); r.First != done.Last+1 || !strings.Contains(r.Msg, "were archived") {
		t.Errorf("report %+v", r)
	}
	k.write(t, 50) // the gateway goes on meanwhile
	again, err := k.archive(t, to, 0, time.Now().Add(time.Hour))
	if err != nil || again.First != done.Last+1 {
		t.Fatalf("archived %+v, %v", again, err)
	}
	other := placeIn(t.TempDir())
	k.write(t, 50)
	if _, err = k.archive(t, other, 0, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]audit.Place{"what stays": k.place, "the first place": to, "the second place": other} {
		if r := verifyPlace(t, p); !r.OK() {
			t.Errorf("%s after three runs: %+v", name, r)
		}
	}
	audittest.Must(t, errors.Join(k.log.Close(), k.events.Close()))
	k.events, err = files.Open(files.Config{Dir: k.place.Dir})
	audittest.Must(t, err)
	cfg := audittest.Config(t, k.events)
	cfg.Checkpoint = k.place.Checkpoint
	if k.log = audittest.Open(t, cfg); k.log.Alarm() != "" {
		t.Errorf("alarm after a restart: %s", k.log.Alarm())
	}
}

// Whoever may write the place and has no key cannot take records away as if they were archived.
func TestAnchorCannotBeMade(t *testing.T) {
	k, to := keep(t), placeIn(t.TempDir())
	k.write(t, 100)
	ev, err := files.Open(files.Config{Dir: k.place.Dir, ReadOnly: true})
	audittest.Must(t, err)
	defer ev.Close()
	all, err := files.Segments(k.place.Dir)
	audittest.Must(t, err)
	var note string // the log's own, over all that stands before the second file
	audittest.Must(t, audit.List(context.Background(), ev, audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}}, func(e audit.Event) error {
		if e.Seq >= all[1].First && note == "" {
			note = e.Fields["checkpoint"]
		}
		return nil
	}))
	audittest.Must(t, os.Remove(all[0].Path))
	if r := verifyPlace(t, k.place); r.OK() || r.FirstBad != 1 || !strings.Contains(r.Msg, "nothing signed says that they were archived") {
		t.Errorf("without an anchor: %+v", r)
	}
	audittest.Must(t, os.WriteFile(k.place.Anchor, []byte(note), 0o600))
	if r := verifyPlace(t, k.place); r.OK() {
		t.Errorf("a checkpoint is taken for an anchor: %+v", r)
	}
	if _, err := k.archive(t, to, 0, time.Now().Add(time.Hour)); !isBad(err) {
		t.Errorf("a bad log is archived: %v", err)
	}
	if moved, _ := files.Segments(to.Dir); len(moved) > 0 {
		t.Errorf("%d files of a bad log were moved", len(moved))
	}
}

func isBad(err error) bool {
	var b *retention.BadLogError
	return errors.As(err, &b)
}

// More than was archived is missing; the anchor is older than that.
func TestMoreThanArchivedIsMissing(t *testing.T) {
	k, to := keep(t), placeIn(t.TempDir())
	k.write(t, 150)
	done, err := k.archive(t, to, 20_000, time.Time{})
	audittest.Must(t, err)
	all, err := files.Segments(k.place.Dir)
	audittest.Must(t, err)
	audittest.Must(t, os.Remove(all[0].Path))
	if r := verifyPlace(t, k.place); r.OK() || r.FirstBad != done.Last+1 {
		t.Errorf("report %+v, want %d", r, done.Last+1)
	}
}

// A run that ended between any two of its steps is taken up by the next one, and both places are
// whole in between.
func TestArchiveInterrupted(t *testing.T) {
	k, to := keep(t), placeIn(t.TempDir())
	k.write(t, 100)
	before, err := files.Segments(k.place.Dir)
	audittest.Must(t, err)
	saved := map[string][]byte{}
	for _, s := range before {
		saved[s.Path], err = os.ReadFile(s.Path)
		audittest.Must(t, err)
	}
	done, err := k.archive(t, to, 12_000, time.Time{})
	audittest.Must(t, err)
	for i := len(done.Files) - 1; i >= 0; i-- { // as if it had removed the first i only
		path := before[i].Path
		audittest.Must(t, os.WriteFile(path, saved[path], 0o600))
		if r := verifyPlace(t, k.place); !r.OK() {
			t.Errorf("with %s still there: %+v", filepath.Base(path), r)
		}
	}
	audittest.Must(t, os.Remove(k.place.Anchor)) // as if it had copied only
	if r := verifyPlace(t, k.place); !r.OK() {
		t.Errorf("without an anchor: %+v", r)
	}
	if again, err := k.archive(t, to, 12_000, time.Time{}); err != nil || again.Last != done.Last {
		t.Errorf("taken up: %+v, %v, want %d", again, err, done.Last)
	}
	if r := verifyPlace(t, to); !r.OK() {
		t.Errorf("what was moved: %+v", r)
	}
}
