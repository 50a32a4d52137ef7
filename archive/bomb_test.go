package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
)

// bomb is an entry of zeros, which deflate to a thousandth, that declares size.
func bomb(real int, size uint32) []byte {
	return craft(newItem("bomb", "", 8, deflate(strings.Repeat("\x00", real))).both(func(r *rec) { r.size = size })).bytes()
}

func TestBombsStopWithinAMiB(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name  string
		data  []byte
		limit func(*archive.Limits)
		code  refusal.Code
		most  int64 // bytes handed out
	}{
		{"declares little", bomb(24*mib, 100), func(*archive.Limits) {}, refusal.CodeSize, 100},
		{"declares little, ratio off", bomb(24*mib, 3*mib), func(l *archive.Limits) { l.Ratio = 1 << 20 }, refusal.CodeSize, 3 * mib},
		{"declares what passes the ratio", bomb(24*mib, 4*mib), func(*archive.Limits) {}, refusal.CodeRatio, mib},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lim := archive.DefaultLimits()
			tt.limit(&lim)
			a, err := archive.Open(bytes.NewReader(tt.data), int64(len(tt.data)), lim)
			if err != nil {
				t.Fatal(err)
			}
			r, err := a.Open(a.Entries()[0])
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if refusal.CodeOf(err) != tt.code || n > tt.most {
				t.Errorf("handed out %d bytes, then %v; want at most %d, then %s", n, err, tt.most, tt.code)
			}
			if err := a.Verify(context.Background(), nil); refusal.CodeOf(err) != tt.code {
				t.Errorf("verify: got %v, want %s", err, tt.code)
			}
		})
	}
}

func TestABombThatSaysSoIsRefusedUnread(t *testing.T) {
	b := bomb(24<<20, 24<<20)
	if _, err := open(b); refusal.CodeOf(err) != refusal.CodeRatio {
		t.Errorf("got %v, want %s", err, refusal.CodeRatio)
	}
}

// TestABombInTheMiddleIsFound hides zeros between bytes that pay for them on average.
func TestABombInTheMiddleIsFound(t *testing.T) {
	var noise strings.Builder
	for i := range 1 << 20 {
		noise.WriteByte(byte(i * i >> 3 * 7919 >> 5))
	}
	b := craft(packed("mixed", noise.String()+strings.Repeat("\x00", 2<<20)+noise.String())).bytes()
	a, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(context.Background(), nil); refusal.CodeOf(err) != refusal.CodeRatio {
		t.Errorf("got %v, want %s", err, refusal.CodeRatio)
	}
}

func TestVerifyUsesLittleMemory(t *testing.T) {
	c := craft()
	content := strings.Repeat("content ", 5000)
	body := deflate(content)
	for i := range 2000 {
		c.items = append(c.items, newItem("group/"+itoa(i), content, 8, body))
	}
	b := c.bytes()
	a, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := a.Verify(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("verifying 80 MB in 2,000 entries allocated %d bytes, want at most 1 MiB", got)
	}
}

func itoa(i int) string {
	return string([]byte{byte('0' + i/1000), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)})
}

// TestCountsDoNotAllocate declares the most that fits the fields in a file of a few bytes.
func TestCountsDoNotAllocate(t *testing.T) {
	b := with(func(c *crafted) {
		c.zip64, c.magic = true, true
		c.items[0].central.nameLen, c.items[0].central.extraLen = 65535, 65535
	})
	lim := archive.DefaultLimits()
	lim.Entries = 1 << 40
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := archive.Open(bytes.NewReader(b), int64(len(b)), lim); refusal.CodeOf(err) == "" {
			t.Fatalf("got %v, want a refusal", err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 1<<20 {
		t.Errorf("refusing allocates %d bytes, want at most 1 MiB", each)
	}
}

func TestVerifyReportsProgress(t *testing.T) {
	b := craft(stored("a", strings.Repeat("a", 5<<20)), stored("b/", ""), stored("c", "c")).bytes()
	a, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	last, calls := int64(-1), 0
	err = a.Verify(context.Background(), func(done, total int64) {
		calls++
		if done < last || done > total || total != a.Total() {
			t.Errorf("progress went from %d to %d of %d", last, done, total)
		}
		last = done
	})
	if err != nil || last != a.Total() || calls < 5 {
		t.Errorf("got %v after %d calls, the last at %d of %d", err, calls, last, a.Total())
	}
}

func TestVerifyStopsWithItsContext(t *testing.T) {
	a, err := open(craft(stored("a", strings.Repeat("a", 5<<20)), stored("b", "b")).bytes())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	err = a.Verify(ctx, func(done, _ int64) {
		if done > 3<<20 {
			t.Errorf("still reading at %d", done)
		}
		cancel(errDisk)
	})
	if err != errDisk {
		t.Errorf("got %v, want %v", err, errDisk)
	}
}

func TestOpenRefusesForeignEntries(t *testing.T) {
	a, err := open(plain().bytes())
	if err != nil {
		t.Fatal(err)
	}
	changed := a.Entries()[1]
	changed.Size = 1
	for _, e := range []archive.Entry{{}, {Index: 99}, {Index: -1}, a.Entries()[0], changed} {
		if _, err := a.Open(e); err != archive.ErrForeign {
			t.Errorf("entry %d %q: got %v, want %v", e.Index, e.Name, err, archive.ErrForeign)
		}
	}
}

func TestArchivesAreReadConcurrently(t *testing.T) {
	a, err := open(realArchives(t)["wiki-6b6170.lar"])
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := manifest.Of(a)
			if err = errors.Join(err, a.Verify(context.Background(), nil)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
