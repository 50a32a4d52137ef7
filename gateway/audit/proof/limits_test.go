package proof_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/store"
)

// notesIn returns the checkpoints that stand in a log, by the number of their record.
func notesIn(t *testing.T, lines [][]byte) map[int][]byte {
	t.Helper()
	all := map[int][]byte{}
	for i, l := range lines {
		var ev audit.Event
		audittest.Must(t, json.Unmarshal(l, &ev))
		if ev.Kind == audit.KindCheckpoint {
			all[i+1] = []byte(ev.Fields["checkpoint"])
		}
	}
	return all
}

// remade is the log behind record keep with every checkpoint taken out and the chain made anew.
func remade(lines [][]byte, keep int, notes map[int][]byte) [][]byte {
	out := append([][]byte(nil), lines[:keep]...)
	prev := audittest.HashOf(out[keep-1])
	for i := keep; i < len(lines); i++ {
		if notes[i+1] != nil {
			continue
		}
		line, next := audittest.Relink(lines[i], store.Seq(len(out)+1), prev)
		out, prev = append(out, line), next
	}
	return out
}

func hold(t *testing.T, lines [][]byte, notes ...[]byte) proof.Report {
	t.Helper()
	trust := proof.Trust{Keys: []ed25519.PublicKey{audittest.Public(audittest.Key)}, Every: 17}
	for _, n := range notes {
		trust.Notes = append(trust.Notes, proof.Note{Text: n, From: "the file"})
	}
	r, err := proof.Verify(context.Background(), &audittest.Memory{Lines: lines}, trust)
	audittest.Must(t, err)
	return r
}

// What somebody does who may write the log and its checkpoint file, and has no key.
func TestVerifySaysBadWhereItCannotKnow(t *testing.T) {
	cfg, lines := audittest.Made(t, 500)
	newest, err := os.ReadFile(cfg.Checkpoint)
	audittest.Must(t, err)
	notes := notesIn(t, lines)
	if notes[18] == nil {
		t.Fatalf("checkpoints %v", notes)
	}
	for _, tt := range []struct {
		name  string
		lines [][]byte
		notes [][]byte
		first store.Seq
		msg   string
	}{
		{"the end and the checkpoint file removed", lines[:100], nil, 90, "no newest checkpoint"},
		{"everything removed", nil, nil, 1, "no newest checkpoint"},
		{"only the checkpoint file removed", lines, nil, 530, "no newest checkpoint"},
		{"the records removed, not the file", nil, [][]byte{newest}, 1, "removed"},
		{"a record changed, notes taken out, file removed", remade(lines, 10, notes), nil, 1, "covered by no checkpoint"},
		{"notes taken out behind an older one, which is the file now", remade(lines, 18, notes), [][]byte{notes[18]}, 18,
			"covered by no checkpoint"},
		{"cut back to an older note, a copy is elsewhere", lines[:18], [][]byte{notes[18], newest}, 19, "removed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := hold(t, tt.lines, tt.notes...)
			if r.OK() || r.FirstBad != tt.first || !strings.Contains(r.Msg, tt.msg) || r.Limits() == "" {
				t.Errorf("report %+v", r)
			}
		})
	}
	r := hold(t, lines[:18], notes[18]) // what nothing in the place can tell
	if !r.OK() || !strings.Contains(r.Limits(), "over 17 records in the file") ||
		!strings.Contains(r.Limits(), "cannot be missed here") {
		t.Errorf("report %+v: %s", r, r.Limits())
	}
}

// A gateway that was killed leaves records that nothing covers; one that was killed again, more.
func TestVerifyTakesTheEndOfAKilledGateway(t *testing.T) {
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	cfg.CheckpointEvery = 10
	audittest.AppendAll(t, cfg, 25)
	newest, err := os.ReadFile(cfg.Checkpoint)
	audittest.Must(t, err)
	lines := m.Lines
	at := time.Now()
	prev := audittest.HashOf(lines[len(lines)-1])
	add := func(kind audit.Kind, later time.Duration) {
		at = at.Add(later)
		line, next := audittest.Relink(audittest.Line(t, audit.Event{Kind: kind, Time: at}), store.Seq(len(lines)+1), prev)
		lines, prev = append(lines, line), next
	}
	for range 3 {
		add(audit.KindStart, 24*time.Hour)
		add(audit.KindVerdict, 5*time.Second)
	}
	if r := hold(t, lines, newest); !r.OK() || r.Unsigned != 6 ||
		!strings.Contains(r.Limits(), "the last 6 records are not signed yet") {
		t.Errorf("report %+v", r)
	}
	add(audit.KindVerdict, time.Hour)
	if r := hold(t, lines, newest); r.OK() || !strings.Contains(r.Msg, "covered by no checkpoint") {
		t.Errorf("an hour without a checkpoint: %+v", r)
	}
}

// A key that was replaced leaves an alarm, which stands for nothing once the old one is named too.
func TestReplacedKey(t *testing.T) {
	cfg, lines := audittest.Made(t, 20)
	m := &audittest.Memory{Lines: lines}
	cfg.Events = m
	cfg.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("n"), ed25519.SeedSize))
	l := audittest.Open(t, cfg)
	if l.Alarm() == "" {
		t.Error("a log that another key signed is continued without a word")
	}
	audittest.Must(t, l.Close())
	newest, err := os.ReadFile(cfg.Checkpoint)
	audittest.Must(t, err)
	for _, tt := range []struct {
		name string
		keys []ed25519.PublicKey
		ok   bool
	}{
		{"the new key only", []ed25519.PublicKey{audittest.Public(cfg.Key)}, false},
		{"the old key only", []ed25519.PublicKey{audittest.Public(audittest.Key)}, false},
		{"both", []ed25519.PublicKey{audittest.Public(cfg.Key), audittest.Public(audittest.Key)}, true},
	} {
		r, err := proof.Verify(context.Background(), m,
			proof.Trust{Keys: tt.keys, Notes: []proof.Note{{Text: newest, From: "file"}}})
		audittest.Must(t, err)
		if r.OK() != tt.ok || !tt.ok && !strings.Contains(r.Cure, "--key") {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}
