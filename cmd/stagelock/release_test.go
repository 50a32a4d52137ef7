package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
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

// A release carries no renderer of Markdown, which the command line's library has for a manual that nobody asks it for.
func TestReleaseLeavesOutWhatNothingUses(t *testing.T) {
	const tag, renderer = "urfave_cli_no_docs", "github.com/russross/blackfriday/v2"
	for _, file := range []string{"../../Makefile", "packaging/Dockerfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "-tags ") || !strings.Contains(string(text), tag) {
			t.Errorf("%s builds without -tags %s", file, tag)
		}
	}
	for _, tt := range []struct {
		tags string
		has  bool
	}{{"none", true}, {tag, false}} { // with the first nothing is left out: the tag still does something
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tt.tags, ".").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := bytes.Contains(out, []byte(renderer+"\n")); got != tt.has {
			t.Errorf("with -tags %s: %s is there: %t, want %t", tt.tags, renderer, got, tt.has)
		}
	}
}

// What looks methods up by a name that it was given keeps all methods of all types in a program, 3 MB of a release: the
// help of the command line's library does, by text/template. This test is linked with all that a release is.
func TestNothingLooksMethodsUpByName(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		room, name string
		linked     bool
	}{{"github.com/stagelock/stagelock/cmd/stagelock/commands/line", "Run", true}, {"text/template", "(*state).evalField", false}} {
		function := strings.Join([]string{tt.room, tt.name}, ".") // put together here, so that this text is not what is found
		if got := bytes.Contains(program, []byte(function+"\x00")); got != tt.linked {
			t.Errorf("%s is linked: %t, want %t", function, got, tt.linked)
		}
	}
}
