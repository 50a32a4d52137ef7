package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// typed carries out one command line as the program does.
func typed(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Now: time.Now, Version: "9.8.7"}
	code = Run(context.Background(), sh, append([]string{"/usr/bin/stagelock"}, args...))
	return code, o.String(), e.String()
}

// TestWhatIsMistyped: exact words, the command's own help, and 64; nothing on the output.
func TestWhatIsMistyped(t *testing.T) {
	for _, tt := range []struct{ name, line, want, help string }{
		{"a command of nobody", "frobnicate", `there is no command "frobnicate"`, "stagelock"},
		{"a letter too few", "publis a.lar", `there is no command "publis"; did you mean publish?`, "stagelock"},
		{"two letters changed", "pubilsh", `there is no command "pubilsh"; did you mean publish?`, "stagelock"},
		{"a command in capitals", "Version", `there is no command "Version"; did you mean version?`, "stagelock"},
		{"a subcommand of nobody", "audit lst", `there is no command "lst"; did you mean list?`, "stagelock audit"},
		{"a subcommand of another", "audit backup", `there is no command "backup"`, "stagelock audit"},
		{"help of nobody", "help audt", `there is no command "audt"; did you mean audit?`, "stagelock"},
		{"help of a subcommand of nobody", "help audit exlain", `there is no command "exlain"; did you mean explain?`, "stagelock audit"},
		{"h of nobody", "h x", `there is no command "x"`, "stagelock"},
		{"a flag of nobody", "version --all", "there is no flag --all", "stagelock version"},
		{"a flag with a letter too few", "version --sbm", "there is no flag --sbm; did you mean --sbom?", "stagelock version"},
		{"a switch with a value that is none", "version --json=maybe", `--json: invalid value "maybe"`, "stagelock version"},
		{"an operand of version", "version now", `version does not know what to do with "now"`, "stagelock version"},
		{"an operand of man", "man 8", `man does not know what to do with "8"`, "stagelock man"},
		{"no shell", "completion", "completion needs the name of a shell: bash, zsh, fish or powershell", "stagelock completion"},
		{"a shell of nobody", "completion tcsh", `there is no completion for "tcsh", only for bash, zsh, fish and powershell`, "stagelock completion"},
		{"two shells", "completion bash zsh", `completion does not know what to do with "zsh"`, "stagelock completion"},
		{"a shell in capitals", "completion Bash", `there is no completion for "Bash", only for bash, zsh, fish and powershell`, "stagelock completion"},
		{"a path to a shell", "completion ../completion/bash.sh", `there is no completion for "../completion/bash.sh", only for bash, zsh, fish and powershell`, "stagelock completion"},
		{"a flag of a command behind a group", "audit --follow", "there is no flag --follow", "stagelock audit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := typed(strings.Fields(tt.line)...)
			want := "stagelock: " + tt.want + "\n  what to do: see " + tt.help + " --help\n"
			if code != term.ExitUsage || out != "" || errs != want {
				t.Errorf("exit %d: %q\ngot  %q\nwant %q", code, out, errs, want)
			}
			code, out, errs = typed(append(strings.Fields(tt.line), "--json")...)
			if strings.Contains(tt.line, "--json") {
				return
			}
			var r struct {
				OK            *bool
				Exit          int
				Kind, Message string
			}
			if err := json.Unmarshal([]byte(out), &r); err != nil || code != 64 || r.OK == nil || *r.OK || r.Exit != 64 || r.Kind != "usage" || errs != "" {
				t.Errorf("for a script: exit %d: %q %q %v", code, out, errs, err)
			}
		})
	}
}

// TestHelpIsAskedForInManyWays: each gives the same text, on the output, with 0.
func TestHelpIsAskedForInManyWays(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"of all", []string{"", "help", "h", "--help", "-h", "-help", "--help=x"}, "a gateway for content staging"},
		{"of a group", []string{"audit", "help audit", "h audit", "audit --help", "audit -h"}, "read and verify the audit log"},
		{"of a command", []string{"help version", "version --help", "version -h", "version --json --help", "version now -h"}, "print the version"},
		{"of a subcommand", []string{"help audit list", "audit list --help", "audit list -h --peer x", "audit list --peer x -h"}, "show what the gateway let through"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, first, _ := typed(strings.Fields(tt.lines[0])...)
			for _, line := range tt.lines {
				code, out, errs := typed(strings.Fields(line)...)
				if code != 0 || errs != "" || out != first || !strings.Contains(out, tt.want) {
					t.Errorf("%q: exit %d: %s\n%s", line, code, errs, out)
				}
			}
		})
	}
}

// TestHelpAsAValueIsNone: what follows a flag with a value, or stands behind --, asks for nothing.
func TestHelpAsAValueIsNone(t *testing.T) {
	for _, args := range [][]string{{"version", "--", "--help"}, {"completion", "--", "-h"}} {
		if code, out, _ := typed(args...); code != term.ExitUsage || out != "" {
			t.Errorf("%q: exit %d: %s", args, code, out)
		}
	}
}

// TestVersion: in words, for a script, and by the flag that people try first.
func TestVersion(t *testing.T) {
	words := regexp.MustCompile(`^stagelock 9\.8\.7( [0-9a-f]{1,12})? \(` + regexp.QuoteMeta(runtime.Version()) + `, ` + runtime.GOOS + "/" + runtime.GOARCH + `\)\n$`)
	for _, line := range []string{"version", "--version", "-v"} {
		if code, out, errs := typed(line); code != 0 || errs != "" || !words.MatchString(out) {
			t.Errorf("%s: exit %d: %q %q", line, code, out, errs)
		}
	}
	for _, args := range [][]string{{"version", "--json"}, {"version", "-json"}} {
		code, out, errs := typed(args...)
		var b build
		if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || errs != "" || strings.Count(out, "\n") != 1 {
			t.Fatalf("%q: exit %d: %q %q %v", args, code, out, errs, err)
		}
		if b.Version != "9.8.7" || b.Go != runtime.Version() || b.OS != runtime.GOOS || b.Arch != runtime.GOARCH {
			t.Errorf("got %+v", b)
		}
	}
}

func built() *debug.BuildInfo {
	return &debug.BuildInfo{
		Main: debug.Module{Path: "github.com/stagelock/stagelock"},
		Deps: []*debug.Module{
			{Path: "a.example/x", Version: "v1.0.0", Sum: "h1:aaa="},
			{Path: "b.example/y", Version: "v2.0.0+incompatible", Replace: &debug.Module{Path: "c.example/z", Version: "v3.0.0", Sum: "h1:ccc="}},
			{Path: "d.example/w", Version: "v0.0.1"},
		},
		Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "amd64"}, {Key: "vcs.revision", Value: "abc"}, {Key: "CGO_ENABLED", Value: "0"},
			{Key: "-ldflags", Value: "-X secret=1"}, {Key: "GOFLAGS", Value: ""}},
	}
}

// TestBillOfMaterials: each module once, what replaced it in its place, and the library of Go itself.
func TestBillOfMaterials(t *testing.T) {
	all := newBOM(build{Version: "1.2+x", Go: "go1.30.1", Time: "2026-03-01T12:00:00Z"}, built())
	if all.Format != "CycloneDX" || all.Spec != "1.6" || all.Version != 1 || all.Metadata.Time != "2026-03-01T12:00:00Z" {
		t.Errorf("got %+v", all)
	}
	main := all.Metadata.Component
	if main.Ref != "pkg:golang/github.com/stagelock/stagelock@1.2%2Bx" || main.PURL != main.Ref || main.Type != "application" || main.Version != "1.2+x" {
		t.Errorf("the program is %+v", main)
	}
	if want := []property{{"go:build:GOARCH", "amd64"}, {"go:build:vcs.revision", "abc"}, {"go:build:CGO_ENABLED", "0"}}; !slices.Equal(main.Properties, want) {
		t.Errorf("it was built with %v, want %v", main.Properties, want)
	}
	want := []string{"pkg:golang/std@1.30.1", "pkg:golang/a.example/x@v1.0.0", "pkg:golang/c.example/z@v3.0.0", "pkg:golang/d.example/w@v0.0.1"}
	var got []string
	for _, c := range all.Components {
		got = append(got, c.Ref)
		if c.Type != "library" || c.PURL != c.Ref {
			t.Errorf("got %+v", c)
		}
	}
	if !slices.Equal(got, want) || len(all.Dependencies) != 1 || all.Dependencies[0].Ref != main.Ref || !slices.Equal(all.Dependencies[0].DependsOn, want) {
		t.Errorf("got %v and %v, want %v", got, all.Dependencies, want)
	}
	if p := all.Components[2].Properties; len(p) != 1 || p[0] != (property{"go:sum", "h1:ccc="}) || all.Components[3].Properties != nil {
		t.Errorf("sums: %v, %v", p, all.Components[3].Properties)
	}
}

// TestSerialNumbersTellBillsApart: the same binary gives the same one, any other another, each a UUID of version 8.
func TestSerialNumbersTellBillsApart(t *testing.T) {
	b := build{Version: "1", Go: "go1.30.1"}
	form := regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	first := newBOM(b, built()).Serial
	if again := newBOM(b, built()).Serial; again != first || !form.MatchString(first) {
		t.Errorf("%s, then %s", first, again)
	}
	for name, other := range map[string]func(*build, *debug.BuildInfo){
		"a version": func(b *build, _ *debug.BuildInfo) { b.Version = "2" }, "Go": func(b *build, _ *debug.BuildInfo) { b.Go = "go1.30.2" },
		"a module":  func(_ *build, i *debug.BuildInfo) { i.Deps[0].Version = "v1.0.1" },
		"a commit":  func(_ *build, i *debug.BuildInfo) { i.Settings[1].Value = "abd" },
		"one fewer": func(_ *build, i *debug.BuildInfo) { i.Deps = i.Deps[1:] },
	} {
		b, info := b, built()
		other(&b, info)
		if s := newBOM(b, info).Serial; s == first || !form.MatchString(s) {
			t.Errorf("another %s: %s", name, s)
		}
	}
}

func TestBillIsPrinted(t *testing.T) {
	for _, args := range [][]string{{"version", "--sbom"}, {"version", "--sbom", "--json"}} {
		code, out, errs := typed(args...)
		var r struct {
			BOMFormat    string `json:"bomFormat"`
			SpecVersion  string `json:"specVersion"`
			SerialNumber string `json:"serialNumber"`
			Components   []struct{ Name string }
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || errs != "" || r.BOMFormat != "CycloneDX" || r.SpecVersion != "1.6" {
			t.Fatalf("%q: exit %d: %s %s %v", args, code, out, errs, err)
		}
		if r.SerialNumber == "" || len(r.Components) < 1 || r.Components[0].Name != "std" {
			t.Errorf("got %+v", r)
		}
	}
}

// TestCompletionScripts: each shell gets one that calls the program by its name; fish's has the operands too.
func TestCompletionScripts(t *testing.T) {
	for _, tt := range []struct{ shell, want string }{
		{"bash", "--generate-bash-completion"}, {"zsh", "--generate-bash-completion"}, {"powershell", "--generate-bash-completion"}, {"fish", fishOperands},
	} {
		t.Run(tt.shell, func(t *testing.T) {
			code, out, errs := typed("completion", tt.shell)
			if code != 0 || errs != "" || !strings.Contains(out, tt.want) || !strings.Contains(out, "stagelock") || !strings.HasSuffix(out, "\n") {
				t.Errorf("exit %d: %q\n%s", code, errs, out)
			}
		})
	}
	if len(scripts) != 4 {
		t.Errorf("%d shells", len(scripts))
	}
}

// TestCompletionOfWords: what shells ask for with each tab.
func TestCompletionOfWords(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string
		never      string
	}{
		{"commands", "", []string{"audit", "publish", "version"}, "frobnicate"},
		{"subcommands", "audit", []string{"list", "verify", "explain"}, "publish\n"},
		{"shells", "completion", []string{"bash\n", "zsh\n", "fish\n", "powershell\n"}, "tcsh"},
		{"flags", "version -", []string{"--sbom", "--json"}, "--peer"},
		{"nothing behind a shell", "completion bash", nil, "zsh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append(strings.Fields(tt.line), "--generate-bash-completion")
			own := os.Args
			os.Args = append([]string{"stagelock"}, args...) // the library looks there for the word before
			defer func() { os.Args = own }()
			code, out, _ := typed(args...)
			if code != 0 || strings.Contains(out, tt.never) {
				t.Errorf("exit %d, never %q: %s", code, tt.never, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

// TestManualHasEveryCommandAndFlag: what help shows is in the page, and the exit codes are those of the code.
func TestManualHasEveryCommandAndFlag(t *testing.T) {
	code, out, errs := typed("man")
	if code != 0 || errs != "" || !strings.HasPrefix(out, `.TH "STAGELOCK" "8" "" "stagelock 9.8.7"`+"\n") {
		t.Fatalf("exit %d: %s\n%.200s", code, errs, out)
	}
	seen := 0
	leaves(idle().Commands, []string{"stagelock"}, func(path []string, c *cli.Command) {
		if c.Name == "help" {
			return
		}
		seen++
		at := strings.Index(out, `.SS "`+escaped(strings.TrimSpace(strings.Join(path, " ")+" "+c.ArgsUsage)))
		if at < 0 {
			t.Errorf("%q is not there", path)
			return
		}
		own, _, _ := strings.Cut(out[at+4:], "\n.SS ")
		for _, f := range c.VisibleFlags() {
			if name := escaped("--" + f.Names()[0]); len(f.Names()[0]) > 1 && f.Names()[0] != "help" && !strings.Contains(own, name) {
				t.Errorf("%q: %s is not there", path, name)
			}
		}
	})
	if seen < 40 {
		t.Errorf("only %d commands", seen)
	}
	for _, n := range []string{"0", "1", "2", "3", "64", "65", "69", "73", "75", "77", "78", "130, 143"} {
		if !strings.Contains(out, ".TP\n.B \""+n+"\"\n") {
			t.Errorf("exit status %s is not there", n)
		}
	}
}

// TestPageEscapes: nothing of a text is taken for a macro.
func TestPageEscapes(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "a b", "a b\n"}, {"a dash", "a-b", "a\\-b\n"}, {"a backslash", `a\b`, "a\\eb\n"}, {"a dot first", ".SH x", "\\&.SH x\n"},
		{"an apostrophe first", "'x", "\\&'x\n"}, {"a dot behind", "a.b", "a.b\n"}, {"two lines", "a\n.b", "a\n.br\n\\&.b\n"}, {"blanks around", " a\n", "a\n"},
	} {
		var p page
		p.text(tt.in)
		if p.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, p.String(), tt.want)
		}
	}
	var p page
	p.line(".B", `say "a-b"`, "c")
	if want := `.B "say \(dqa\-b\(dq" "c"` + "\n"; p.String() != want {
		t.Errorf("%q, want %q", p.String(), want)
	}
}

func TestSuggestionsAreNear(t *testing.T) {
	names := []string{"list", "verify", "n"}
	for _, tt := range []struct{ name, word, prefix, want string }{
		{"a letter too few", "lis", "", "; did you mean list?"}, {"a flag", "verfy", "--", "; did you mean --verify?"}, {"two letters off", "lxsx", "", "; did you mean list?"},
		{"three letters off", "lxxx", "", ""}, {"far", "frobnicate", "", ""}, {"nothing", "", "", ""}, {"a short name is near to all", "x", "", ""},
	} {
		if got := suggestion(tt.word, names, tt.prefix); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := suggestion("list", nil, ""); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

// TestOutputOfTheProgramThatWasClosed: whoever reads it has gone; the exit code says so.
func TestOutputOfTheProgramThatWasClosed(t *testing.T) {
	for _, line := range []string{"version", "version --json", "version --sbom", "man", "completion bash", "completion fish", "policy", "config reference"} {
		r, w := io.Pipe()
		_ = r.Close()
		sh := &term.Shell{In: strings.NewReader(""), Out: w, Err: io.Discard, Now: time.Now}
		if code := Run(t.Context(), sh, append([]string{"stagelock"}, strings.Fields(line)...)); code != term.ExitOutput {
			t.Errorf("%s: exit %d", line, code)
		}
	}
}

func TestOwnVariablesAreExact(t *testing.T) {
	for name, want := range map[string]bool{
		"STAGELOCK_CONFIG": true, "STAGELOCK_SECRET_FILE": true, "stagelock_config": false, "STAGELOCK_CONFIG_": false, "STAGELOCK_LISTEN": false, "": false,
	} {
		if got := flags.OwnVariable(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
