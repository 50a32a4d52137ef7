package flags_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/node"
)

// parsed carries out f as the action of a command with those flags.
func parsed(t *testing.T, have []cli.Flag, args []string, f func(*cli.Context) error) error {
	t.Helper()
	var err error
	a := &cli.App{Name: "stagelock", Flags: have, HideHelp: true, Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{}, ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error { err = f(c); return nil }}
	if e := a.Run(append([]string{"stagelock"}, args...)); e != nil {
		t.Fatal(e)
	}
	return err
}

func put(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	own := put(t, filepath.Join(dir, "own"), "of the file\r\n", 0o600)
	open := put(t, filepath.Join(dir, "open"), "of the open file\n", 0o644)
	blanks := put(t, filepath.Join(dir, "blanks"), "  a b \n", 0o600)
	lines := put(t, filepath.Join(dir, "lines"), "a\nb\n", 0o600)
	empty := put(t, filepath.Join(dir, "empty"), "\r\n", 0o600)
	for _, tt := range []struct {
		name, flag, in string
		env            []string
		want           string // error: what it says, behind a !
		warns          bool
	}{
		{"a file", own, "", nil, "of the file", false},
		{"a flag wins over the environment", own, "", []string{"STAGELOCK_SECRET=x", "STAGELOCK_SECRET_FILE=" + open}, "of the file", false},
		{"a variable wins over a file's name", "", "", []string{"STAGELOCK_SECRET=x", "STAGELOCK_SECRET_FILE=" + open}, "x", false},
		{"a file's name in a variable", "", "", []string{"STAGELOCK_SECRET_FILE=" + own}, "of the file", false},
		{"an empty variable is none", "", "", []string{"STAGELOCK_SECRET=", "STAGELOCK_SECRET_FILE=" + own}, "of the file", false},
		{"the last of two variables", "", "", []string{"STAGELOCK_SECRET=a", "STAGELOCK_SECRET=b"}, "b", false},
		{"others may read it", open, "", nil, "of the open file", true},
		{"blanks are of the secret", blanks, "", nil, "  a b ", false},
		{"a line in the middle is of the secret", lines, "", nil, "a\nb", false},
		{"standard input", "-", "s3cret\n", nil, "s3cret", false},
		{"standard input without an end", "-", "s3cret", nil, "s3cret", false},
		{"the first line of standard input", "-", "s3cret\r\nmore\n", nil, "s3cret", false},
		{"standard input named by a variable", "", "s3cret", []string{"STAGELOCK_SECRET_FILE=-"}, "s3cret", false},
		{"nothing on standard input", "-", "\n", nil, "!there is no secret in standard input", false},
		{"an empty file", empty, "", nil, "!there is no secret in " + empty, false},
		{"a folder", dir, "", nil, "!read the secret: read " + dir + ": is a directory", false},
		{"none there", filepath.Join(dir, "none"), "", nil, "!read the secret: open ", false},
		{"nowhere", "", "piped\n", nil, "!no shared secret: name its file with --secret-file or", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var errs bytes.Buffer
			sh := &term.Shell{In: strings.NewReader(tt.in), Out: &bytes.Buffer{}, Err: &errs, Environ: tt.env}
			var got string
			err := parsed(t, flags.Secret(), []string{"--secret-file", tt.flag}, func(c *cli.Context) (err error) {
				got, err = flags.ReadSecret(sh, c)
				return err
			})
			if want, fails := strings.CutPrefix(tt.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) || got != "" {
					t.Errorf("got %q, %v, want words about %q", got, err, want)
				}
			} else if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			if warned := strings.Contains(errs.String(), "chmod 600 "); warned != tt.warns || strings.Contains(errs.String(), "of the open file") {
				t.Errorf("it says %q", errs.String())
			}
		})
	}
}

func TestReadLimits(t *testing.T) {
	usual := archive.DefaultLimits()
	for _, tt := range []struct {
		name string
		args []string
		want func(*archive.Limits)
		err  string
	}{
		{"none", nil, func(*archive.Limits) {}, ""},
		{"a size", []string{"--max-size", "10GiB"}, func(l *archive.Limits) { l.Total, l.Entry = 10<<30, 10<<30 }, ""},
		{"a small size", []string{"--max-size", "1"}, func(l *archive.Limits) { l.Total, l.Entry = 1, 1 }, ""},
		{"a ratio", []string{"--max-ratio", "1"}, func(l *archive.Limits) { l.Ratio = 1 }, ""},
		{"entries", []string{"--max-entries", "7"}, func(l *archive.Limits) { l.Entries = 7 }, ""},
		{"no size", []string{"--max-size", "0"}, nil, `--max-size: "0" is not an amount of data`},
		{"an empty size", []string{"--max-size", ""}, nil, `--max-size: "" is not an amount of data`},
		{"a size beyond all", []string{"--max-size", "8388608TiB"}, nil, "is not an amount of data"},
		{"a ratio of nothing", []string{"--max-ratio", "0"}, nil, "are 1 or more"},
		{"entries below nothing", []string{"--max-entries", "-1"}, nil, "are 1 or more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got archive.Limits
			err := parsed(t, flags.Limits(), tt.args, func(c *cli.Context) (err error) {
				got, err = flags.ReadLimits(c)
				return err
			})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || term.ExitCode(err) != term.ExitUsage {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			want := usual
			if tt.want(&want); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestParseAmount(t *testing.T) {
	for in, want := range map[string]int64{"1": 1, "10GiB": 10 << 30, "1 TiB": 1 << 40, "8388607TiB": 8388607 << 40, "3GB": 3e9, "9223372036854775807": 1<<63 - 1} {
		if got, err := flags.ParseAmount(in); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1GiB", "8388608TiB", "1.5GiB", "1 gib", "GiB", "1GiB GiB", "٣", "1e9"} {
		if got, err := flags.ParseAmount(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
}

func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	there := put(t, filepath.Join(dir, "there"), "mine", 0o644)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, err string }{
		{"a new one", filepath.Join(dir, "new"), ""},
		{"one that is there", there, "is there already; it may be in use"},
		{"a link to nowhere", link, "is there already; it may be in use"},
		{"below no folder", filepath.Join(dir, "none", "new"), "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := flags.WriteNew(tt.path, "s3cret\n")
			if tt.err == "" {
				b, _ := os.ReadFile(tt.path)
				if info, _ := os.Stat(tt.path); err != nil || string(b) != "s3cret\n" || info.Mode().Perm() != 0o600 {
					t.Errorf("%v: %q", err, b)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) || term.ExitCode(err) != term.ExitOutput {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
		t.Errorf("written over: %q, %v", b, err)
	}
}

func TestRoots(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, file, err string
		code            int
	}{
		{"none", "", "", 0},
		{"no PEM", put(t, filepath.Join(dir, "text"), "hello", 0o600), "there is no certificate in ", term.ExitData},
		{"a key", put(t, filepath.Join(dir, "key"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600), "there is no certificate in ", term.ExitData},
		{"a broken certificate", put(t, filepath.Join(dir, "broken"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600), "there is no certificate in ", term.ExitData},
		{"not there", filepath.Join(dir, "none"), "certificate of the authority: open ", term.ExitData},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pool, err := flags.Roots(tt.file)
			if pool != nil || term.ExitCode(err) != tt.code || tt.err != "" && !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("got %v, %v, want %q", pool, err, tt.err)
			}
		})
	}
}

// publicKey is the text of an audit log's public key.
func publicKey(t *testing.T, seed byte) (ed25519.PublicKey, string) {
	t.Helper()
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	text, err := chain.FormatKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, text
}

func TestTrust(t *testing.T) {
	dir := t.TempDir()
	data := node.DataDir(dir)
	own, ownText := publicKey(t, 1)
	other, otherText := publicKey(t, 2)
	for _, path := range []string{data.AuditPublicKey(), data.Checkpoint(), data.Anchor()} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, data.AuditPublicKey(), ownText+"\n", 0o600)
	kept := put(t, filepath.Join(dir, "kept"), "a checkpoint kept elsewhere", 0o600)
	otherFile := put(t, filepath.Join(dir, "other"), "\n "+otherText+"\n", 0o600)
	several := put(t, filepath.Join(dir, "several"), ownText+"\n"+otherText+"\n", 0o600)
	broken := put(t, filepath.Join(dir, "broken"), ownText+"\nno key\n", 0o600)
	for _, tt := range []struct {
		name         string
		keys, copies []string
		checkpoint   string // in the folder
		anchor       string
		wantKeys     []ed25519.PublicKey
		wantNotes    []string
		err          string
	}{
		{"what is in the folder", nil, nil, "here", "moved", []ed25519.PublicKey{own}, []string{"here"}, ""},
		{"no checkpoint yet", nil, nil, "", "", []ed25519.PublicKey{own}, nil, ""},
		{"a copy besides", nil, []string{kept}, "here", "", []ed25519.PublicKey{own}, []string{"here", "a checkpoint kept elsewhere"}, ""},
		{"a copy alone", nil, []string{kept}, "", "", []ed25519.PublicKey{own}, []string{"a checkpoint kept elsewhere"}, ""},
		{"keys that are named stand alone", []string{otherFile}, nil, "", "", []ed25519.PublicKey{other}, nil, ""},
		{"two keys", []string{otherFile, data.AuditPublicKey()}, nil, "", "", []ed25519.PublicKey{other, own}, nil, ""},
		{"two keys in one file", []string{several}, nil, "", "", []ed25519.PublicKey{own, other}, nil, ""},
		{"a key and what is none", []string{broken}, nil, "", "", nil, nil, "public key of the audit log: " + broken + ": "},
		{"a copy that is not there", nil, []string{filepath.Join(dir, "none")}, "here", "", nil, nil, "checkpoint: open "},
		{"a key that is not there", []string{filepath.Join(dir, "none")}, nil, "", "", nil, nil, "public key of the audit log: open "},
		{"a key that is none", []string{kept}, nil, "", "", nil, nil, "public key of the audit log: " + kept + ": "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for path, text := range map[string]string{data.Checkpoint(): tt.checkpoint, data.Anchor(): tt.anchor} {
				if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				if text != "" {
					put(t, path, text, 0o600)
				}
			}
			got, err := flags.Trust(data, tt.keys, tt.copies)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || len(got.Keys) != len(tt.wantKeys) || len(got.Notes) != len(tt.wantNotes) || string(got.Anchor) != tt.anchor {
				t.Fatalf("got %+v, %v", got, err)
			}
			for i, k := range tt.wantKeys {
				if !got.Keys[i].Equal(k) {
					t.Errorf("key %d is another one", i)
				}
			}
			for i, n := range tt.wantNotes {
				if string(got.Notes[i].Text) != n || got.Notes[i].From == "" {
					t.Errorf("checkpoint %d is %q from %q", i, got.Notes[i].Text, got.Notes[i].From)
				}
			}
		})
	}
}

func TestLoaderOfFlags(t *testing.T) {
	dir := t.TempDir()
	file := put(t, filepath.Join(dir, "stagelock.yaml"), "log: {level: warn}\ndata: "+dir+"\n", 0o600)
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		path string
		want string // of the setting at path; an error behind a !
	}{
		{"a file", []string{"--config", file}, nil, "log.level", "warn"},
		{"a variable over a file", []string{"--config", file}, []string{"STAGELOCK_LOG_LEVEL=error"}, "log.level", "error"},
		{"a flag over both", []string{"--config", file, "--set", "log.level=debug"}, []string{"STAGELOCK_LOG_LEVEL=error"}, "log.level", "debug"},
		{"the last flag of two", []string{"--config", file, "--set", "log.level=debug", "--set", "log.level=info"}, nil, "log.level", "info"},
		{"a value with an equals sign", []string{"--config", file, "--set", "data=/a=b"}, nil, "data", "/a=b"},
		{"no value", []string{"--config", file, "--set", "log.level"}, nil, "", "!--set log.level has no value; write PATH=VALUE"},
		{"variables of commands are no settings", []string{"--config", file}, []string{"STAGELOCK_SECRET=s3cret", "STAGELOCK_LOGIN=me", "STAGELOCK_ENGINE=x", "STAGELOCK_TOKEN_FILE=y", "STAGELOCK_SECRET_FILE=z"}, "log.level", "warn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var load func() (*conf.Config, []conf.Problem)
			err := parsed(t, flags.Config(), tt.args, func(c *cli.Context) (err error) {
				load, err = flags.Loader(&term.Shell{Environ: tt.env}, c)
				return err
			})
			if want, fails := strings.CutPrefix(tt.want, "!"); fails {
				if err == nil || err.Error() != want || term.ExitCode(err) != term.ExitUsage {
					t.Errorf("got %v, want %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // as often as it is called
				cfg, problems := load()
				if cfg == nil {
					t.Fatal(problems)
				}
				for _, p := range problems {
					if strings.Contains(p.Msg, "name of no setting") {
						t.Errorf("problem %s", p)
					}
				}
				for _, s := range cfg.Effective() {
					if s.Path == tt.path && s.Value != tt.want {
						t.Errorf("%s is %q, want %q", s.Path, s.Value, tt.want)
					}
				}
			}
		})
	}
}

func TestShowProblems(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    conf.Problem
		want string
	}{
		{"all of it", conf.Problem{File: "s.yaml", Line: 3, Path: "log.level", Msg: "is odd", Cure: "mend it"}, "s.yaml:3: error: log.level is odd\n    what to do: mend it\n"},
		{"a warning", conf.Problem{File: "s.yaml", Line: 3, Msg: "is odd", Warning: true}, "s.yaml:3: warning: is odd\n"},
		{"a file without a line", conf.Problem{File: "env STAGELOCK_X", Msg: "is odd"}, "env STAGELOCK_X: error: is odd\n"},
		{"no place", conf.Problem{Path: "data", Msg: "is odd"}, "configuration: error: data is odd\n"},
		{"what a terminal acts on", conf.Problem{File: "s.yaml", Msg: "is \x1b[31mred\nERROR", Cure: "a\rb"}, "s.yaml: error: is ?[31mred?ERROR\n    what to do: a?b\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			sh := &term.Shell{Out: &out}
			if err := flags.ShowProblems(sh.Printf, term.Palette{}, []conf.Problem{tt.p}); err != nil || out.String() != tt.want {
				t.Errorf("got %q, %v, want %q", out.String(), err, tt.want)
			}
		})
	}
	closed := errors.New("closed")
	if err := flags.ShowProblems(func(string, ...any) error { return closed }, term.Palette{}, []conf.Problem{{}}); !errors.Is(err, closed) {
		t.Errorf("an output that was closed: %v", err)
	}
}

// A configuration that cannot be used is told once: in words on the error output, or as JSON on the output.
func TestBadConfig(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out, errs bytes.Buffer
		sh := &term.Shell{Out: &out, Err: &errs, JSON: json}
		code := sh.Report(flags.BadConfig(sh, []conf.Problem{{File: "s.yaml", Line: 1, Path: "data", Msg: "is odd", Cure: "mend"}}))
		words, script := errs.String(), out.String()
		if code != term.ExitConfig || json == (words != "") || json == (script == "") || strings.Count(words+script, "is odd") != 1 {
			t.Errorf("json %v: exit %d, said %q, printed %q", json, code, words, script)
		}
	}
}

func TestOpenLogsWithoutALog(t *testing.T) {
	dir := t.TempDir()
	have := append(flags.Config(), &cli.StringFlag{Name: "data"})
	for _, tt := range []struct {
		name, want string
		code       int
		args       []string
	}{
		{"no such folder", "there is no audit log: ", term.ExitData, []string{"--data", filepath.Join(dir, "none")}},
		{"a folder without one", "there is no audit log: ", term.ExitData, []string{"--data", dir}},
		{"a configuration that is not there", "the configuration cannot be used", term.ExitConfig, []string{"--config", filepath.Join(dir, "none.yaml")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sh := &term.Shell{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
			err := parsed(t, have, tt.args, func(c *cli.Context) error {
				_, err := flags.OpenLogs(sh, c)
				return err
			})
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || term.ExitCode(err) != tt.code {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("looking made %v, %v", entries, err)
	}
}
