package proof_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// firstDifference is what Verify should find: the first record that is not the one that was
// written.
func firstDifference(old, edited [][]byte) store.Seq {
	for i := range max(len(old), len(edited)) {
		if i >= len(old) || i >= len(edited) || !bytes.Equal(old[i], edited[i]) {
			return store.Seq(i + 1)
		}
	}
	return 0
}

// edits are what somebody may do to a log; each gets a copy that it may change.
var edits = []struct {
	name string
	edit func(rnd *rand.Rand, lines [][]byte) [][]byte
}{
	{"flip a bit", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		lines[i] = bytes.Clone(lines[i])
		lines[i][rnd.IntN(len(lines[i]))] ^= 1 << rnd.IntN(8)
		return lines
	}},
	{"change a byte", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		lines[i] = bytes.Clone(lines[i])
		lines[i][rnd.IntN(len(lines[i]))] += byte(1 + rnd.IntN(255))
		return lines
	}},
	{"shorten a line", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		lines[i] = lines[i][:rnd.IntN(len(lines[i]))]
		return lines
	}},
	{"lengthen a line", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		lines[i] = append(bytes.Clone(lines[i]), " "...)
		return lines
	}},
	{"drop", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		return slices.Delete(lines, i, i+1)
	}},
	{"drop some", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		return slices.Delete(lines, i, i+1+rnd.IntN(len(lines)-i))
	}},
	{"swap", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i, j := rnd.IntN(len(lines)), rnd.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
		return lines
	}},
	{"insert a copy", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		return slices.Insert(lines, rnd.IntN(len(lines)+1), lines[rnd.IntN(len(lines))])
	}},
	{"insert junk", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		return slices.Insert(lines, rnd.IntN(len(lines)+1), []byte(`{"seq":1}`))
	}},
	{"insert a forgery", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines))
		return slices.Insert(lines, i, audittest.Forge(lines, i))
	}},
	{"replace by a forgery", func(rnd *rand.Rand, lines [][]byte) [][]byte {
		i := rnd.IntN(len(lines) - 1)
		lines[i] = audittest.Forge(lines, i)
		return lines
	}},
	{"truncate", func(rnd *rand.Rand,
		lines [][]byte) [][]byte {
		return lines[:rnd.IntN(len(lines))]
	}},
}

// TestEdits tries random edits: every one is found, and the first bad record is the first that
// differs.
func TestEdits(t *testing.T) {
	cfg, lines := audittest.Made(t, 60)
	if r := audittest.Verify(t, cfg, &audittest.Memory{Lines: lines}); !r.OK() || r.Records != len(lines) {
		t.Fatalf("the log is not clean before: %+v", r)
	}
	tried, missed := 0, 0
	for i, tt := range edits {
		t.Run(tt.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(i), 7))
			for range 1000 {
				edited := tt.edit(rnd, slices.Clone(lines))
				want := firstDifference(lines, edited)
				r := audittest.Verify(t, cfg, &audittest.Memory{Lines: edited})
				if tried++; r.FirstBad != want {
					missed++
					t.Fatalf("first bad %d (%s), want %d", r.FirstBad, r.Msg, want)
				}
			}
		})
	}
	t.Logf("prove: %d edits of the log, %d not found at the first bad record", tried, missed)
}

// TestRewritten changes a record and makes the whole chain after it fit again: only the signatures
// are left to tell.
func TestRewritten(t *testing.T) {
	cfg, lines := audittest.Made(t, 60)
	for i := range lines {
		edited := slices.Clone(lines)
		edited[i] = bytes.Replace(edited[i], []byte("2026"), []byte("2027"), 1)
		var prev [32]byte
		if i > 0 {
			prev = audittest.HashOf(lines[i-1])
		}
		for j := i; j < len(edited); j++ {
			edited[j], prev = audittest.Relink(edited[j], store.Seq(j+1), prev)
		}
		r := audittest.Verify(t, cfg, &audittest.Memory{Lines: edited})
		if r.OK() || r.FirstBad > store.Seq(i+1) || r.FirstBad+18 < store.Seq(i+1) {
			t.Errorf("record %d and all after it: %+v", i+1, r)
		}
	}
}

// TestEditedFiles changes bytes of the segments themselves, line breaks among them.
func TestEditedFiles(t *testing.T) {
	dir := t.TempDir()
	ev, err := files.Open(files.Config{Dir: dir, SegmentBytes: 8000})
	audittest.Must(t, err)
	cfg := audittest.Config(t, ev)
	audittest.AppendAll(t, cfg, 40)
	audittest.Must(t, ev.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	audittest.Must(t, err)
	if len(names) < 3 {
		t.Fatalf("%d segments", len(names))
	}
	read, err := files.Open(files.Config{Dir: dir, ReadOnly: true})
	audittest.Must(t, err)
	defer read.Close()
	rnd := rand.New(rand.NewPCG(3, 4))
	before := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		audittest.Must(t, err)
		for range 100 {
			i := rnd.IntN(len(data))
			edited := bytes.Clone(data)
			if edited[i] = "\n\x00x"[rnd.IntN(3)]; edited[i] == data[i] {
				continue
			}
			audittest.Must(t, os.WriteFile(name, edited, 0o600))
			want := store.Seq(before + bytes.Count(data[:i], []byte("\n")) + 1)
			if r := audittest.Verify(t, cfg, read); r.FirstBad != want {
				t.Fatalf("byte %d of %s: first bad %d (%s), want %d", i, name, r.FirstBad, r.Msg,
					want)
			}
		}
		audittest.Must(t, os.WriteFile(name, data, 0o600))
		before += bytes.Count(data, []byte("\n"))
	}
	audittest.Must(t, os.Rename(names[1], names[1]+".gone"))
	if r := audittest.Verify(t, cfg, read); r.OK() {
		t.Error("a missing segment was not found")
	}
}

func TestVerifyTrust(t *testing.T) {
	ctx := context.Background()
	cfg, lines := audittest.Made(t, 20)
	newest, err := os.ReadFile(cfg.Checkpoint)
	audittest.Must(t, err)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("o"), ed25519.SeedSize))
	m := &audittest.Memory{Lines: lines}
	notes := []proof.Note{{Text: newest, From: "a copy"}}
	r, err := proof.Verify(ctx, m, proof.Trust{Keys: []ed25519.PublicKey{audittest.Public(other)}, Notes: notes})
	audittest.Must(t, err)
	if r.OK() || !strings.Contains(r.Msg, "the checkpoint in a copy was signed with another key") ||
		!strings.Contains(r.Cure, "--key") {
		t.Errorf("a checkpoint of another key: %+v", r)
	}
	r, err = proof.Verify(ctx, m, proof.Trust{Keys: []ed25519.PublicKey{audittest.Public(other)}})
	audittest.Must(t, err)
	if r.FirstBad != 1 {
		t.Errorf("log signed by another key: %+v", r)
	}
	both := proof.Trust{Keys: []ed25519.PublicKey{audittest.Public(other), audittest.Public(audittest.Key), audittest.Public(audittest.Key)},
		Notes: notes}
	if r, err = proof.Verify(ctx, m, both); err != nil || !r.OK() {
		t.Errorf("with both keys: %+v, %v", r, err)
	}
	for i := range newest {
		bad := bytes.Clone(newest)
		bad[i] ^= 4
		if r, err := proof.Verify(ctx, m, proof.Trust{Keys: both.Keys, Notes: []proof.Note{{Text: bad}}}); err == nil &&
			r.OK() {
			t.Errorf("a checkpoint with byte %d changed was taken", i)
		}
	}
	if _, err := proof.Verify(ctx, &audittest.Memory{Closed: true}, both); err == nil {
		t.Error("a closed store was verified")
	}
	if r, err := proof.Verify(ctx, &audittest.Memory{}, proof.Trust{}); err != nil || r.OK() ||
		!strings.Contains(r.Msg, "no newest checkpoint") {
		t.Errorf("an empty log that nobody signed: %+v, %v", r, err)
	}
}

// TestAlarm opens a log that was tampered with while nobody wrote it: the evidence stays in the
// log.
func TestAlarm(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edit  func(t *testing.T, cfg audit.Config, m *audittest.Memory)
		first store.Seq
		msg   string
	}{
		{"cut", func(_ *testing.T, _ audit.Config, m *audittest.Memory) { m.Lines = m.Lines[:10] }, 11,
			"removed"},
		{"emptied", func(_ *testing.T, _ audit.Config, m *audittest.Memory) { m.Lines = nil }, 1, "removed"},
		{"rewritten", func(_ *testing.T, _ audit.Config, m *audittest.Memory) {
			last := len(m.Lines) - 1
			m.Lines[last] = audittest.Forge(m.Lines, last)
			line, _ := audittest.Relink(bytes.Replace(m.Lines[last], []byte("node"), []byte("edon"), 1),
				store.Seq(last+1),
				audittest.HashOf(m.Lines[last-1]))
			m.Lines[last] = line
		}, 22, "is not the one"},
		{"no checkpoint file", func(t *testing.T, cfg audit.Config,
			_ *audittest.Memory) {
			audittest.Must(t, os.Remove(cfg.Checkpoint))
		}, 22, "not there"},
		{"checkpoint file of nobody", func(t *testing.T, cfg audit.Config, _ *audittest.Memory) {
			audittest.Must(t, os.WriteFile(cfg.Checkpoint, []byte("junk"), 0o600))
		}, 22, "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, lines := audittest.Made(t, 20)
			m := &audittest.Memory{Lines: lines}
			cfg.Events = m
			tt.edit(t, cfg, m)
			audittest.AppendAll(t, cfg, 30)
			if r := audittest.Verify(t, cfg, m); r.FirstBad != tt.first || !strings.Contains(r.Msg, tt.msg) {
				t.Errorf("report %+v, want %d", r, tt.first)
			}
			if got := audittest.Events(t, m,
				audit.Filter{Kinds: []audit.Kind{audit.KindAlarm}}); len(got) != 1 {
				t.Errorf("alarms: %+v", got)
			}
		})
	}
}

func TestFormerKey(t *testing.T) {
	cfg, lines := audittest.Made(t, 20)
	m := &audittest.Memory{Lines: lines}
	cfg.Events = m
	cfg.Former = []ed25519.PublicKey{audittest.Public(audittest.Key)}
	cfg.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("n"), ed25519.SeedSize))
	audittest.AppendAll(t, cfg, 5)
	newest, err := os.ReadFile(cfg.Checkpoint)
	audittest.Must(t, err)
	keys := []ed25519.PublicKey{audittest.Public(cfg.Key), audittest.Public(audittest.Key)}
	r, err := proof.Verify(context.Background(), m, proof.Trust{Keys: keys, Notes: []proof.Note{{Text: newest}}})
	if err != nil || !r.OK() {
		t.Errorf("report %+v, %v", r, err)
	}
}
