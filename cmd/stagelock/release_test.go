package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
)

// A release is compiled by the profile, wherever it is built, and the profile is one of this gateway.
func TestReleaseIsCompiledByItsProfile(t *testing.T) {
	for _, file := range []string{"../../Makefile", "packaging/Dockerfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "cmd/stagelock/release.pgo") || !strings.Contains(string(text), "-pgo ") {
			t.Errorf("%s builds without the profile", file)
		}
	}
	packed, err := os.ReadFile("release.pgo")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	profile, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway/relay.(*session).serveOne", "tunnel/javaser.(*Decoder).Decode", "store/sqlite.(*txn).commit"} {
		if !bytes.Contains(profile, []byte("github.com/stagelock/stagelock/"+name)) {
			t.Errorf("the profile does not know %s: make pgo takes it anew", name)
		}
	}
}
