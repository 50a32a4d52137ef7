package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestGeneratedFilesAreCurrent: what is in the tree is what the recordings say.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	dir := t.TempDir()
	if err := run(filepath.Join("..", "testdata"), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"classes.json", "texts.txt"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("..", "schema", name))
		if err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 || !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./tunnel/liferay", name)
		}
	}
}

func TestUnreadableRecordings(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"real/7.0/001-x.req.ser": "no stream", "real/7.0/002-x.rep.ser": ""} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(dir, dir); err == nil {
		t.Error("a recording that is no stream was taken")
	}
}

func TestKeyWords(t *testing.T) {
	name := func(s string) []byte { return append([]byte{1, 0, 0, 0, byte(len(s))}, s...) }
	whole := slices.Concat([]byte{3}, name("null"), name("a.B"), name("do"), []byte{0, 0, 0, 1, 3}, name("null"), name("long"))
	block := append([]byte{0, 0, 0, byte(len(whole))}, whole...)
	if got := keyWords(block); !slices.Equal(got, []string{"null", "a.B", "do", "null", "long"}) {
		t.Errorf("got %q", got)
	}
	for n := range block { // no other block and no part of one makes it fail
		keyWords(block[:n])
		if n >= 4 {
			keyWords(append([]byte{0, 0, 0, byte(n - 4)}, block[4:n]...))
		}
	}
}
