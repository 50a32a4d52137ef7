package chain_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
)

var key = ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const members = `,"kind":"start","time":"2026-03-29T01:02:03Z"`

func TestALineIsSplitAsItWasWritten(t *testing.T) {
	c := chain.New()
	prev := chain.Digest{1, 2, 3}
	line, hash := c.AppendLine(nil, 12, []byte(members), prev)
	l, err := chain.Split(line)
	must(t, err)
	if l.Seq != 12 || string(l.Members) != members || l.Prev != prev || l.Hash != hash || !c.Whole(l) {
		t.Errorf("split into %+v", l)
	}
	for i := range line {
		bent := bytes.Clone(line)
		bent[i] ^= 1
		if l, err := chain.Split(bent); err == nil && c.Whole(l) && l.Hash == hash && l.Seq == 12 {
			t.Errorf("byte %d changed: nobody notices", i)
		}
	}
}

func TestANoteIsForOnePurpose(t *testing.T) {
	s, err := chain.NewSigner(key)
	must(t, err)
	other, err := chain.NewSigner(ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", ed25519.SeedSize))))
	must(t, err)
	keys, err := chain.Verifiers([]ed25519.PublicKey{key.Public().(ed25519.PublicKey)}, s)
	must(t, err)
	want := chain.Checkpoint{Size: 7, Head: chain.Digest{9}, Node: "n\n\"1", At: time.Unix(1, 2).UTC()}
	for _, tt := range []struct {
		name       string
		signer     chain.Signer
		made, read chain.Purpose
		opens      bool
	}{
		{"a checkpoint", s, chain.Newest, chain.Newest, true},
		{"an anchor", s, chain.Archived, chain.Archived, true},
		{"an anchor as a checkpoint", s, chain.Archived, chain.Newest, false},
		{"a checkpoint as an anchor", s, chain.Newest, chain.Archived, false},
		{"of another key", other, chain.Newest, chain.Newest, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg, err := tt.signer.Note(want, tt.made)
			must(t, err)
			got, err := chain.OpenNote(msg, keys, tt.read)
			if (err == nil) != tt.opens || tt.opens && got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := chain.NewSigner(key[:10]); err == nil {
		t.Error("a short key signs")
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.key")
	var keys [8]ed25519.PrivateKey
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = chain.LoadKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if !k.Equal(keys[0]) {
			t.Fatal("two keys were made")
		}
	}
	fi, err := os.Stat(path)
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %v", fi.Mode())
	}
	text, err := os.ReadFile(path + ".pub")
	must(t, err)
	pub, err := chain.ParseKey(string(text))
	must(t, err)
	if !pub.Equal(keys[0].Public()) {
		t.Error("public key is another one")
	}
	for _, bad := range []string{"", "x", "a+b", "a+b+c",
		"stagelock-audit+00000000+" + strings.SplitN(string(text), "+", 3)[2]} {
		if _, err := chain.ParseKey(bad); err == nil {
			t.Errorf("public key %q was taken", bad)
		}
	}
	must(t, os.WriteFile(path, []byte("no pem"), 0o600))
	if _, err := chain.LoadKey(path); err == nil {
		t.Error("a damaged key file was taken")
	}
	if _, err := chain.LoadKey(filepath.Join(dir, "none", "key")); err == nil {
		t.Error("a key was made in no folder")
	}
}

func FuzzSplitLine(f *testing.F) {
	line, _ := chain.New().AppendLine(nil, 1, []byte(members), chain.Digest{})
	f.Add(line)
	f.Add([]byte(`{"seq":1,"kind":"start"}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := chain.Split(data)
		if err != nil {
			return
		}
		// the hashes are the only parts that may differ
		again, _ := chain.New().AppendLine(nil, l.Seq, l.Members, l.Prev)
		if len(again) != len(data) || !bytes.HasPrefix(data, l.Covered) || !bytes.HasPrefix(again, l.Covered) {
			t.Errorf("%q was accepted and is written as %q", data, again)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add("stagelock-audit \"n\"\n12\n" + strings.Repeat("A", 43) + "=\ntime x\n")
	f.Add("stagelock-audit \"n\"\n012\nAAAA\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := chain.ParseCheckpoint(text, chain.Newest)
		if err == nil && strings.Count(text, "\n") != 4 {
			t.Errorf("%q was read as %d %x", text, c.Size, c.Head)
		}
	})
}
