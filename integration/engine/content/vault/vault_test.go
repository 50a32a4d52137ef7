package vault_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content/vault"
)

// filled returns a pack in dir with the texts, synced.
func filled(t *testing.T, dir string, texts ...string) *vault.Pack {
	t.Helper()
	p, err := vault.NewPack(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if _, err := p.Add(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPackHoldsWhatWasAdded(t *testing.T) {
	dir := t.TempDir()
	texts := []string{"first", "", strings.Repeat("long", 50000)}
	p := filled(t, dir, texts...)
	p.Committed(true)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i, b := range p.Blobs() {
		r, err := vault.Open(dir, b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != texts[i] || b.Size != int64(len(texts[i])) {
			t.Errorf("blob %d: got %d bytes, %v; want %d", i, len(got), err, len(texts[i]))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPackThatWasNotCommittedIsRemoved(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir, "x").Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v; want nothing", left, err)
	}
	if _, err := vault.Open(dir, vault.Blob{SHA256: "d1", Pack: "gone"}); err == nil || !strings.Contains(err.Error(), "d1") {
		t.Errorf("open of a lost pack: got %v, want an error that names d1", err)
	}
}

func TestRemoveOthersKeepsWhatIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.RemoveOthers(dir, []string{"b", "never"}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "b" {
		t.Errorf("left %v, %v; want b", left, err)
	}
}

func TestSecondLockIsNotAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := vault.LockFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if !first.Alone() {
		t.Error("the first lock is not alone")
	}
	if err := first.Share(); err != nil || first.Alone() {
		t.Errorf("after Share: %v, alone %t", err, first.Alone())
	}
	second, err := vault.LockFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Alone() {
		t.Error("the second lock is alone beside a shared one")
	}
}
