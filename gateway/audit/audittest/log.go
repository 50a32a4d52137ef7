package audittest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/store"
)

// Key signs the logs that Config describes.
var Key = ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))

// Other is another key.
var Other = ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", ed25519.SeedSize)))

// Public returns the public half of a key.
func Public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Config describes a log in events whose checkpoint lies in a folder of the test.
func Config(t testing.TB, events store.Events) audit.Config {
	return audit.Config{
		Events: events, Node: "node\n1", Now: time.Now, Key: Key,
		Checkpoint: filepath.Join(t.TempDir(), "checkpoint"),
	}
}

// Open opens a log that is closed when the test ends.
func Open(t testing.TB, cfg audit.Config) *audit.Log {
	t.Helper()
	l, err := audit.Open(context.Background(), cfg)
	Must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Verdict returns the verdict on call n.
func Verdict(n int) audit.Event {
	return audit.Event{Kind: audit.KindVerdict, Ref: fmt.Sprintf("ref-%d", n), Verdict: audit.Allow,
		About: audit.About{Request: int64(n + 1)}}
}

// Events returns the events in a log that f shows.
func Events(t testing.TB, ev store.Events, f audit.Filter) []audit.Event {
	t.Helper()
	var all []audit.Event
	Must(t, audit.List(context.Background(), ev, f, func(e audit.Event) error {
		all = append(all, e)
		return nil
	}))
	return all
}

// Verify holds the log against the file that cfg names.
func Verify(t testing.TB, cfg audit.Config, events store.Events) proof.Report {
	t.Helper()
	newest, err := os.ReadFile(cfg.Checkpoint)
	Must(t, err)
	r, err := proof.Verify(context.Background(), events,
		proof.Trust{Keys: []ed25519.PublicKey{Public(Key)}, Notes: []proof.Note{{Text: newest, From: cfg.Checkpoint}}})
	Must(t, err)
	return r
}

// Made returns how a log of n events was kept, with checkpoints among them, and its lines.
func Made(t testing.TB, n int) (audit.Config, [][]byte) {
	t.Helper()
	m := &Memory{}
	cfg := Config(t, m)
	cfg.CheckpointEvery = 17
	AppendAll(t, cfg, n)
	return cfg, m.Lines
}

// AppendAll opens a log, appends n full events and closes it.
func AppendAll(t testing.TB, cfg audit.Config, n int) {
	t.Helper()
	l := Open(t, cfg)
	for i := range n {
		ev := Full()
		ev.Kind, ev.Ref, ev.Site = audit.KindVerdict, fmt.Sprintf("ref-%d", i), int64(i+1)
		_, err := l.Append(context.Background(), ev)
		Must(t, err)
	}
	Must(t, l.Close())
}

// Line returns ev as a line that follows nothing.
func Line(t testing.TB, ev audit.Event) []byte {
	t.Helper()
	m := &Memory{}
	l := Open(t, Config(t, m))
	_, err := l.Append(context.Background(), ev)
	Must(t, err)
	Must(t, l.Close())
	return m.Lines[0]
}

// Full returns an event with something in every field; a new field that is not encoded fails
// TestEveryField.
func Full() audit.Event {
	ev := audit.Event{
		Time:   time.Date(2026, 3, 29, 1, 2, 3, 456789012, time.UTC),
		Addr:   netip.MustParseAddr("2001:db8::1%eth0"),
		Socket: netip.MustParseAddrPort("192.0.2.1:443"),
		Fields: map[string]string{"b": "2", "a": "1"},
	}
	fill(reflect.ValueOf(&ev).Elem())
	ev.Seq, ev.Prev, ev.Hash = 1, "", ""
	return ev
}

// fill gives every text and number of v a value of its own, also in the groups that stand in it.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.String:
			f.SetString("text of " + v.Type().Field(i).Name)
		case f.CanInt():
			f.SetInt(int64(1000 + i))
		case v.Type().Field(i).Anonymous:
			fill(f)
		}
	}
}

// Typical returns the verdict of an update call.
func Typical() audit.Event {
	return audit.Event{
		Kind: audit.KindVerdict, Time: time.Date(2026, 3, 29, 1, 2, 3, 456789012, time.UTC),
		Ref: "0195e2b1-7c1e-7b3a-9d55-3f6e0c7a1b2c", Node: "live-1",
		Addr:   netip.MustParseAddr("192.0.2.17"),
		Socket: netip.MustParseAddrPort("192.0.2.17:51234"), Peer: "staging",
		Login: "publisher@example.com", KeyID: "2026-03",
		About: audit.About{
			Line: "7.x",
			Method: "com.liferay.exportimport.kernel.service.StagingServiceUtil#updateStagingRequest" +
				"(long,java.lang.String,[B)",
			Site: 20121, Request: 40307, Part: "0b1f9a3e-52a7-4a2c-8f5e-7f6f8b9b7a10.zip03", Size: 10 << 20,
		},
		Verdict: audit.Allow,
	}
}

// Relink returns a line with the members of old that is whole again at seq after prev, and its hash:
// what somebody does who edits a log and knows how it is made.
func Relink(old []byte, seq store.Seq, prev [sha256.Size]byte) ([]byte, [sha256.Size]byte) {
	l, err := chain.Split(old)
	if err != nil {
		panic("audittest: " + err.Error())
	}
	return chain.New().AppendLine(nil, seq, l.Members, prev)
}

// HashOf returns the hash that a line claims.
func HashOf(line []byte) [sha256.Size]byte {
	l, err := chain.Split(line)
	if err != nil {
		panic("audittest: " + err.Error())
	}
	return l.Hash
}

// Forge returns a line for position i that looks as if it were written there.
func Forge(lines [][]byte, i int) []byte {
	var prev [sha256.Size]byte
	if i > 0 {
		prev = HashOf(lines[i-1])
	}
	line, _ := Relink(bytes.Replace(lines[i], []byte("ref-"), []byte("ref+"), 1), store.Seq(i+1), prev)
	return line
}
