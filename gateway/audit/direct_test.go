package audit_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
)

// written is a log in memory that remembers what is on disk.
type written struct {
	audittest.Memory
	mu    sync.Mutex
	disk  store.Seq
	at    time.Time // of the last sync
	syncs int
	fail  error
}

func (w *written) Append(ctx context.Context, recs []store.Record) error {
	if err := w.Write(ctx, recs); err != nil {
		return err
	}
	return w.Sync(ctx, recs[len(recs)-1].Seq)
}

func (w *written) Write(ctx context.Context, recs []store.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return w.fail
	}
	return w.Memory.Append(ctx, recs)
}

func (w *written) Sync(ctx context.Context, seq store.Seq) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.disk >= seq || w.fail != nil {
		return w.fail
	}
	last, err := w.Last(ctx)
	w.disk, w.at = last.Seq, time.Now()
	w.syncs++
	return err
}

func (w *written) onDisk() (store.Seq, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disk, w.at
}

func (w *written) breaks(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}

func directly(t *testing.T, f func(t *testing.T, w *written, l *audit.Log)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: w, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"), CheckpointInterval: time.Hour,
		})
		audittest.Must(t, err)
		f(t, w, l)
		_ = l.Close() // of a log that failed it says so
	})
}

func TestAReadIsOnDiskWithin10ms(t *testing.T) {
	for name, write := range map[string]func(*audit.Log, context.Context, audit.Event) (store.Seq, error){
		"verdict": (*audit.Log).Write, "outcome": (*audit.Log).AppendSoon,
	} {
		t.Run(name, func(t *testing.T) {
			directly(t, func(t *testing.T, w *written, l *audit.Log) {
				for range 3 { // also after a pause
					begun := time.Now()
					seq, err := write(l, t.Context(), audittest.Verdict(1))
					audittest.Must(t, err)
					if d := time.Since(begun); d != 0 {
						t.Errorf("it waited %v", d)
					}
					if disk, _ := w.onDisk(); disk >= seq {
						t.Error("it was synced by its caller")
					}
					<-time.After(time.Second) // of the bubble
					if disk, at := w.onDisk(); disk < seq || at.Sub(begun) > 10*time.Millisecond {
						t.Errorf("%d on disk, after %v", disk, at.Sub(begun))
					}
				}
			})
		})
	}
}

func TestAnEffectWaitsForTheDisk(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		read, err := l.Write(t.Context(), audittest.Verdict(1))
		audittest.Must(t, err)
		effect, err := l.Append(t.Context(), audittest.Verdict(2))
		audittest.Must(t, err)
		if disk, _ := w.onDisk(); read >= effect || disk < effect {
			t.Errorf("read %d, effect %d, on disk %d", read, effect, disk)
		}
		<-time.After(time.Second)
		if w.syncs != 1 {
			t.Errorf("%d syncs", w.syncs)
		}
	})
}

// A sync that fails behind the calls shows in health at once, and in the next call.
func TestASyncBehindTheCallsFails(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		_, err := l.Write(t.Context(), audittest.Verdict(1))
		audittest.Must(t, err)
		w.breaks(syscall.EIO)
		<-time.After(time.Second)
		if err := l.Err(); !errors.Is(err, syscall.EIO) {
			t.Errorf("health says %v", err)
		}
		if _, err := l.Append(t.Context(), audittest.Verdict(2)); !errors.Is(err, syscall.EIO) {
			t.Errorf("an effect after it: %v", err)
		}
	})
}

// The newest checkpoint is never ahead of the disk, or a power cut would look like a log cut short.
func TestACheckpointIsNotAheadOfTheDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		cfg := audit.Config{
			Events: w, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"), CheckpointEvery: 10,
		}
		l, err := audit.Open(context.Background(), cfg)
		audittest.Must(t, err)
		for i := range 1000 {
			_, err := l.Write(t.Context(), audittest.Verdict(i))
			audittest.Must(t, err)
			if i%100 == 0 {
				<-time.After(time.Millisecond)
			}
		}
		synctest.Wait()
		disk, _ := w.onDisk()
		cut := &audittest.Memory{Lines: w.Lines[:disk]}
		cfg.Events = cut
		again, err := audit.Open(context.Background(), cfg)
		audittest.Must(t, err)
		if found := again.Alarm(); found != "" {
			t.Errorf("after a power cut at %d: %s", disk, found)
		}
		audittest.Must(t, again.Close())
		_ = l.Close() // it writes over the checkpoint of the other one
	})
}

// TestCheckpointsKeepUpWithWrites: they were signed behind the writes only, so that a gateway that was killed while
// its disk was slow left more records unsigned than verify takes for whole.
func TestCheckpointsKeepUpWithWrites(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		cfg := audit.Config{
			Events: w, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "c"), CheckpointEvery: 10,
		}
		l, err := audit.Open(context.Background(), cfg)
		audittest.Must(t, err)
		for i := range 1000 {
			seq, err := l.Write(t.Context(), audittest.Verdict(i))
			audittest.Must(t, err)
			if got := audittest.Events(t, w, audit.Filter{From: seq, To: seq}); i%10 == 9 && (len(got) != 1 || got[0].Kind != audit.KindVerdict) {
				t.Errorf("event %d was said to be %d, which is %+v", i, seq, got)
			}
		}
		if disk, _ := w.onDisk(); disk != 0 {
			t.Fatalf("%d on disk", disk)
		}
		signed := audittest.Events(t, w, audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}})
		if len(signed) != 100 {
			t.Errorf("%d checkpoints of 1000 events", len(signed))
		}
		audittest.Must(t, l.Close())
		if r := audittest.Verify(t, cfg, w); !r.OK() || r.Unsigned != 0 {
			t.Errorf("unsigned after Close: %+v", r)
		}
	})
}

func TestWritesThatMeetClose(t *testing.T) {
	directly(t, func(t *testing.T, w *written, l *audit.Log) {
		_, err := l.Write(t.Context(), audittest.Verdict(0)) // none of the others may come before Close
		audittest.Must(t, err)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for {
					if _, err := l.Write(context.Background(), audittest.Verdict(1)); errors.Is(err, store.ErrClosed) {
						return
					}
				}
			})
		}
		audittest.Must(t, l.Close())
		all.Wait()
		last, err := w.Last(t.Context())
		audittest.Must(t, err)
		if disk, _ := w.onDisk(); disk != last.Seq || l.Err() != nil {
			t.Errorf("%d of %d on disk, %v", disk, last.Seq, l.Err())
		}
	})
}
