package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/chain"
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

// TestABusyLogSavesItsCheckpointNowAndThen: a file for each checkpoint of a busy log was two syncs dozens of times a
// second. The file is written at once after a pause, four times a second at most, and holds what was signed when nothing
// follows.
func TestABusyLogSavesItsCheckpointNowAndThen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c")
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		l, err := audit.Open(context.Background(), audit.Config{
			Events: w, Now: time.Now, Key: audittest.Key, Checkpoint: file, CheckpointEvery: 10, CheckpointInterval: time.Hour,
		})
		audittest.Must(t, err)
		saved, saves := "", -1 // the one of Open does not count
		look := func() {
			now, err := os.ReadFile(file)
			if audittest.Must(t, err); string(now) != saved {
				saved, saves = string(now), saves+1
			}
		}
		look()
		const events, second = 200, time.Second
		for i := range events { // 20 checkpoints
			_, err := l.Write(t.Context(), audittest.Verdict(i))
			audittest.Must(t, err)
			<-time.After(second / events) // of the bubble
			synctest.Wait()
			if look(); i == 15 && saves != 1 {
				t.Errorf("%d saves soon after the first checkpoint", saves)
			}
		}
		if saves < 3 || saves > 5 {
			t.Errorf("%d saves in a second", saves)
		}
		<-time.After(second)
		synctest.Wait()
		signed := audittest.Events(t, w, audit.Filter{Kinds: []audit.Kind{audit.KindCheckpoint}})
		if size := savedSize(t, file); len(signed) != events/10 || size != signed[len(signed)-1].Seq {
			t.Errorf("%d checkpoints, the last is record %d, the file has %d", len(signed), signed[len(signed)-1].Seq, size)
		}
		audittest.Must(t, l.Close())
	})
}

// A process that is killed between two saves leaves a file that is older than the log, which is no alarm; one that was
// cut below the file is.
func TestKilledBetweenTwoSaves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c")
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		cfg := audit.Config{Events: w, Now: time.Now, Key: audittest.Key, Checkpoint: file, CheckpointEvery: 10}
		l, err := audit.Open(context.Background(), cfg)
		audittest.Must(t, err)
		defer l.Close()
		for i := range 100 {
			_, err := l.Write(t.Context(), audittest.Verdict(i))
			audittest.Must(t, err)
			<-time.After(time.Millisecond)
		}
		synctest.Wait()
		last, err := w.Last(t.Context())
		audittest.Must(t, err)
		saved := savedSize(t, file)
		if saved == 0 || saved+20 > last.Seq {
			t.Fatalf("the file has %d of %d records", saved, last.Seq)
		}
		msg, err := os.ReadFile(file)
		audittest.Must(t, err)
		for end, alarm := range map[store.Seq]bool{last.Seq: false, saved: false, saved - 1: true} {
			left := cfg
			left.Events, left.Checkpoint = &audittest.Memory{Lines: slices.Clone(w.Lines[:end])}, file+" left"
			audittest.Must(t, os.WriteFile(left.Checkpoint, msg, 0o600))
			again, err := audit.Open(t.Context(), left)
			audittest.Must(t, err)
			if found := again.Alarm(); (found != "") != alarm {
				t.Errorf("cut behind %d, the file has %d: %q", end, saved, found)
			}
			audittest.Must(t, again.Close())
		}
	})
}

// savedSize is how many records the file of the newest checkpoint covers.
func savedSize(t *testing.T, file string) store.Seq {
	t.Helper()
	msg, err := os.ReadFile(file)
	audittest.Must(t, err)
	signer, err := chain.NewSigner(audittest.Key)
	audittest.Must(t, err)
	keys, err := chain.Verifiers(nil, signer)
	audittest.Must(t, err)
	c, err := chain.OpenNote(msg, keys, chain.Newest)
	audittest.Must(t, err)
	return c.Size
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
