package publish_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// now is the clock of every command here.
func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// run carries out one command line in a folder of its own.
func run(t *testing.T, in string, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(in), Out: &o, Err: &e, Environ: env, Now: now, Rand: bytes.NewReader(bytes.Repeat([]byte{0xa5}, 64)), Version: "1"}
	code = commands.Run(context.Background(), sh, append([]string{"stagelock"}, args...))
	return code, o.String(), e.String()
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// What cannot be published is told before anything is opened or asked, without what is secret.
func TestPublishRefusesBeforeItBegins(t *testing.T) {
	dir := t.TempDir()
	key := write(t, filepath.Join(dir, "key"), "0123456789abcdef", 0o600)
	lar := filepath.Join("..", "..", "..", "..", "archive", "testdata", "lar", "blogs-3a66ee.lar")
	good := map[string]string{"--to": "https://live.example.com", "--site": "5", "--login": "me", "--secret-file": key}
	for _, tt := range []struct {
		name string
		with map[string]string // flags that differ; an empty text leaves one out
		file string
		code int
		want string
	}{
		{"no address", map[string]string{"--to": ""}, lar, 64, "publish needs --to"},
		{"no site", map[string]string{"--site": ""}, lar, 64, "publish needs --site"},
		{"no login", map[string]string{"--login": ""}, lar, 64, "publish needs --login"},
		{"an address that cannot be read", map[string]string{"--to": "https://me:s3cret@live example.com"}, lar, 64, "--to cannot be read"},
		{"an address with an odd port", map[string]string{"--to": "https://me:s3cret@live:port"}, lar, 64, "--to cannot be read"},
		{"an address with an odd escape", map[string]string{"--to": "https://me:s3cret%zz@live"}, lar, 64, "--to cannot be read"},
		{"an address with a login", map[string]string{"--to": "https://me:s3cret@live.example.com"}, lar, 64, ""},
		{"an address without a scheme", map[string]string{"--to": "live.example.com"}, lar, 64, "does not begin with http"},
		{"a length of a part that is none", map[string]string{"--buffer": "10 apples"}, lar, 64, "--buffer: \"10 apples\" is not a size"},
		{"a part of nothing", map[string]string{"--buffer": "0"}, lar, 64, "--buffer: \"0\" is not a size"},
		{"a line of yesterday", map[string]string{"--line": "5.2"}, lar, 64, "--line: "},
		{"no limit", map[string]string{"--max-ratio": "0"}, lar, 64, "--max-ratio and --max-entries are 1 or more"},
		{"a limit that is none", map[string]string{"--max-size": "all"}, lar, 64, "--max-size: \"all\" is not an amount of data"},
		{"a login that no header holds", map[string]string{"--login": "a\nb"}, lar, 64, "--login: "},
		{"a secret too short", map[string]string{"--secret-file": write(t, filepath.Join(dir, "short"), "s3cret", 0o600)}, lar, 65, "the secret cannot be used: "},
		{"a secret that is empty", map[string]string{"--secret-file": write(t, filepath.Join(dir, "empty"), "\n", 0o600)}, lar, 65, "there is no secret in "},
		{"a secret that is not there", map[string]string{"--secret-file": filepath.Join(dir, "none")}, lar, 65, "read the secret: "},
		{"both from standard input", map[string]string{"--secret-file": "-"}, "-", 64, "cannot both come from standard input"},
		{"an authority that is no PEM", map[string]string{"--ca": key}, lar, 65, "there is no certificate in "},
		{"an authority that is not there", map[string]string{"--ca": filepath.Join(dir, "none")}, lar, 65, "certificate of the authority: "},
		{"a proxy of another kind", map[string]string{"--proxy": "socks5://me:s3cret@proxy"}, lar, 64, "a proxy's address is"},
		{"a file that is not there", nil, filepath.Join(dir, "none.lar"), 65, "none.lar"},
		{"a folder", nil, dir, 65, ""},
		{"no archive", nil, key, 65, "archive " + key},
		{"nothing on standard input", nil, "-", 65, "archive "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flags := map[string]string{}
			for f, v := range good {
				flags[f] = v
			}
			for f, v := range tt.with {
				flags[f] = v
			}
			args := []string{"publish", tt.file}
			for f, v := range flags {
				if v != "" {
					args = append(args, f, v)
				}
			}
			home, temp := t.TempDir(), t.TempDir()
			t.Setenv("TMPDIR", temp)
			code, out, errs := run(t, "", []string{"HOME=" + home}, args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit %d, want %d; it says %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
			if strings.Contains(errs, "s3cret") {
				t.Errorf("a password is shown: %s", errs)
			}
			for _, left := range []string{home, temp} {
				if entries, err := os.ReadDir(left); err != nil || len(entries) > 0 {
					t.Errorf("left behind: %v, %v", entries, err)
				}
			}
		})
	}
}

func TestArchiveSplitAndJoin(t *testing.T) {
	dir := t.TempDir()
	whole := write(t, filepath.Join(dir, "a.lar"), strings.Repeat("0123456789", 25), 0o600)
	sum := md5.Sum([]byte(strings.Repeat("0123456789", 25)))
	want := hex.EncodeToString(sum[:])
	parts := filepath.Join(dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run(t, "", nil, "archive", "split", whole, "--buffer", "100", "--dir", parts); code != 0 || !strings.Contains(out, want) {
		t.Fatalf("split: %d %s%s", code, out, errs)
	}
	p := func(i string) string { return filepath.Join(parts, "a.lar0"+i) }
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	twin := write(t, filepath.Join(other, "a.lar01"), strings.Repeat("x", 100), 0o600)
	stranger := write(t, filepath.Join(dir, "b.lar01"), "x", 0o600)
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
		made bool
	}{
		{"in order", []string{p("0"), p("1"), p("2")}, 0, want, true},
		{"in any order", []string{p("2"), p("0"), p("1")}, 0, want, true},
		{"with its sum", []string{p("0"), p("1"), p("2"), "--md5", strings.ToUpper(want)}, 0, want, true},
		{"with another sum", []string{p("0"), p("1"), p("2"), "--md5", strings.Repeat("0", 32)}, 65, "", false},
		{"without the first", []string{p("1"), p("2")}, 65, "", false},
		{"with a gap", []string{p("0"), p("2")}, 65, "", false},
		{"one of them twice", []string{p("0"), p("1"), p("1"), p("2")}, 65, "", false},
		{"two files of one name", []string{p("0"), p("1"), twin, p("2")}, 65, "", false},
		{"a part of another", []string{p("0"), stranger}, 65, "", false},
		{"one that is not there", []string{p("0"), p("1"), p("2"), p("3")}, 65, "a.lar03", false},
		{"no part", nil, 64, "join needs the PARTs", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := filepath.Join(t.TempDir(), "made.lar")
			code, out, errs := run(t, "", nil, append([]string{"archive", "join", "--out", made}, tt.args...)...)
			if code != tt.code || !strings.Contains(out+errs, tt.want) {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
			if _, err := os.Stat(made); (err == nil) != tt.made {
				t.Errorf("the file: %v, made %v", err, tt.made)
			}
		})
	}
}

func TestArchiveSplitRefuses(t *testing.T) {
	dir := t.TempDir()
	full := write(t, filepath.Join(dir, "a.lar"), "0123456789", 0o600)
	empty := write(t, filepath.Join(dir, "empty.lar"), "", 0o600)
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing given", nil, 64, "split needs the FILE to split"},
		{"two files", []string{full, empty}, 64, "does not know what to do with"},
		{"a folder", []string{dir}, 65, "is no file"},
		{"a folder for parts that is not there", []string{full, "--dir", filepath.Join(dir, "none")}, 73, "cannot write"},
		{"more parts than names have digits", []string{full, "--buffer", "-1"}, 64, "--buffer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"archive", "split"}, tt.args...)
			if !slices.Contains(args, "--dir") {
				args = append(args, "--dir", t.TempDir())
			}
			code, out, errs := run(t, "", nil, args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
}

// What repack could not write is not there.
func TestArchiveRepackLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	text := write(t, filepath.Join(dir, "text"), "no archive", 0o600)
	there := write(t, filepath.Join(dir, "there"), "mine", 0o600)
	for _, tt := range []struct {
		name, from, out string
		code            int
	}{
		{"no archive", text, filepath.Join(dir, "new.lar"), 65},
		{"one that is not there", filepath.Join(dir, "none"), filepath.Join(dir, "new.lar"), 65},
		{"a folder that is not there", text, filepath.Join(dir, "none", "new.lar"), 73},
		{"a file that is there", text, there, 73},
		{"no name", text, "", 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, "", nil, "archive", "repack", tt.from, "--out", tt.out)
			if code != tt.code || out != "" || errs == "" {
				t.Errorf("exit %d, want %d: %s%s", code, tt.code, out, errs)
			}
			if _, err := os.Stat(filepath.Join(dir, "new.lar")); err == nil {
				t.Error("something is left behind")
			}
			if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
				t.Errorf("the file that was there: %q, %v", b, err)
			}
		})
	}
}

func TestSecretNew(t *testing.T) {
	for _, tt := range []struct {
		algorithm string
		digits    int
		code      int
	}{{"AES", 0, 0}, {"Blowfish", 0, 0}, {"DESede", 48, 0}, {"ROT13", 0, 64}} {
		t.Run(tt.algorithm, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key")
			code, out, errs := run(t, "", nil, "secret", "new", "--algorithm", tt.algorithm, "--out", file)
			if code != tt.code {
				t.Fatalf("exit %d, want %d: %s", code, tt.code, errs)
			}
			b, err := os.ReadFile(file)
			if tt.code != 0 {
				if err == nil {
					t.Error("a file was made")
				}
				return
			}
			digits := strings.TrimSpace(string(b))
			if err != nil || !regexp.MustCompile(`^[0-9a-f]{32,}$`).MatchString(digits) || tt.digits != 0 && len(digits) != tt.digits {
				t.Errorf("the file has %q, %v", digits, err)
			}
			if strings.Contains(out+errs, digits) || !strings.Contains(out, "tunneling.servlet.encryption.algorithm="+tt.algorithm) {
				t.Errorf("it says %s%s", out, errs)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("others may read it: %v, %v", info.Mode(), err)
			}
			if code, out, errs := run(t, "", nil, "secret", "check", "--hex", "--algorithm", tt.algorithm, "--secret-file", file); code != 0 {
				t.Errorf("it is not taken: %d %s%s", code, out, errs)
			}
			if code, _, errs := run(t, "", nil, "secret", "new", "--algorithm", tt.algorithm, "--out", file); code != 73 || !strings.Contains(errs, "is there already; it may be in use") {
				t.Errorf("written over: exit %d, %s", code, errs)
			}
		})
	}
}

// With --json the secret is in the answer only if it is nowhere else.
func TestSecretNewForAScript(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for _, tt := range []struct {
		name       string
		args       []string
		has, lacks string
	}{
		{"printed", nil, "secret", "file"},
		{"written", []string{"--out", file}, "file", "secret"},
	} {
		code, out, errs := run(t, "", nil, append([]string{"secret", "new", "--json"}, tt.args...)...)
		var r map[string]any
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
			t.Fatalf("%s: %d %s%s: %v", tt.name, code, out, errs, err)
		}
		if r[tt.has] == nil || r[tt.lacks] != nil || r["hex"] != true || r["algorithm"] != "AES" {
			t.Errorf("%s: %s", tt.name, out)
		}
	}
}
