package publish_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretCheckInWords: all that is wrong at once, with its cure; 78 only if it cannot be used.
func TestSecretCheckInWords(t *testing.T) {
	for _, tt := range []struct {
		name, secret string
		args         []string
		code         int
		want         string
		ok           bool
	}{
		{"good digits", strings.Repeat("a5", 16), []string{"--hex"}, 0, "The secret can be used.\n", true},
		{"good digits for a line", strings.Repeat("a5", 16), []string{"--hex", "--line", "7.4"}, 0, "The secret can be used.\n", true},
		{"too short", "abc", nil, 78, "wrong: ", false},
		{"odd digits", "abcde", []string{"--hex"}, 78, "wrong: ", false},
		{"no digits", strings.Repeat("xy", 16), []string{"--hex"}, 78, "wrong: ", false},
		{"of no cipher", strings.Repeat("a5", 16), []string{"--hex", "--algorithm", "ROT13"}, 78, "wrong: ", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, filepath.Join(t.TempDir(), "s"), tt.secret+"\n", 0o600)
			args := append([]string{"secret", "check", "--secret-file", file}, tt.args...)
			code, out, errs := run(t, "", nil, args...)
			if code != tt.code || !strings.Contains(out, tt.want) || errs != "" || !tt.ok && !strings.Contains(out, "\n  what to do: ") {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
			if strings.Contains(out, tt.secret) || !tt.ok && strings.Contains(out, "can be used.") {
				t.Errorf("it says %q", out)
			}
			code, out, errs = run(t, "", nil, append(args, "--json")...)
			var r struct {
				OK       *bool
				Problems []struct {
					Message, Cure string
					Warning       bool
				}
			}
			if err := json.Unmarshal([]byte(out), &r); err != nil || code != tt.code || errs != "" || r.OK == nil || *r.OK != tt.ok || r.Problems == nil {
				t.Fatalf("for a script: exit %d: %q %q %v", code, out, errs, err)
			}
			if bad := 0; !tt.ok {
				for _, p := range r.Problems {
					if !p.Warning && p.Message != "" && p.Cure != "" {
						bad++
					}
				}
				if bad == 0 {
					t.Errorf("for a script: %s", out)
				}
			}
		})
	}
}

// TestThreePartsOfASecret: the first part comes again behind the second; no other key has such a form.
func TestThreePartsOfASecret(t *testing.T) {
	first, second := "0123456789abcdef", "fedcba9876543210"
	for _, tt := range []struct {
		name, secret string
		args         []string
		code         int
		want         string
	}{
		{"16 bytes of DESede", first + second, []string{"--hex", "--algorithm", "DESede"}, 0, first + second + first + "\n"},
		{"24 bytes of DESede", first + second + first, []string{"--hex", "--algorithm", "DESede"}, 65, ""},
		{"AES", first + second, []string{"--hex"}, 65, ""}, {"no digits", "x" + first, []string{"--hex", "--algorithm", "DESede"}, 65, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, filepath.Join(t.TempDir(), "s"), tt.secret, 0o600)
			args := append([]string{"secret", "check", "--three-part", "--secret-file", file}, tt.args...)
			code, out, errs := run(t, "", nil, args...)
			if code != tt.code || out != tt.want {
				t.Errorf("exit %d, want %d: %q %q", code, tt.code, out, errs)
			}
			cure := "stagelock: only a 16-byte DESede key has a form of three parts\n  what to do: check --algorithm and --hex\n"
			if tt.code != 0 && errs != cure {
				t.Errorf("it says %q, want %q", errs, cure)
			}
			if code, out, _ := run(t, "", nil, append(args, "--json")...); code != tt.code || tt.code == 0 && out != `{"hex":true,"secret":"`+strings.TrimSpace(tt.want)+`"}`+"\n" {
				t.Errorf("for a script: exit %d: %s", code, out)
			}
		})
	}
}

// TestPartsForAScript: split and join tell the same digests, and each part with its length.
func TestPartsForAScript(t *testing.T) {
	dir := t.TempDir()
	whole := write(t, filepath.Join(dir, "a.lar"), strings.Repeat("0123456789", 25), 0o600)
	type told struct {
		File        string
		Bytes       int64
		MD5, SHA256 string
		Parts       []struct {
			File string
			Size int64
		}
	}
	ask := func(args ...string) (r told) {
		code, out, errs := run(t, "", nil, append(args, "--json")...)
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || errs != "" || strings.Count(out, "\n") != 1 {
			t.Fatalf("%q: exit %d: %q %q %v", args, code, out, errs, err)
		}
		return r
	}
	cut := ask("archive", "split", whole, "--buffer", "100", "--dir", dir)
	if cut.Bytes != 250 || len(cut.Parts) != 3 || cut.Parts[0].Size != 100 || cut.Parts[2].Size != 50 || cut.Parts[2].File != filepath.Join(dir, "a.lar02") {
		t.Fatalf("got %+v", cut)
	}
	for _, p := range cut.Parts {
		if info, err := os.Stat(p.File); err != nil || info.Size() != p.Size {
			t.Errorf("%s: %v", p.File, err)
		}
	}
	made := ask("archive", "join", cut.Parts[2].File, cut.Parts[0].File, cut.Parts[1].File, "--out", filepath.Join(dir, "b.lar"))
	if made.MD5 != cut.MD5 || made.SHA256 != cut.SHA256 || made.Bytes != 250 || made.File != filepath.Join(dir, "b.lar") {
		t.Errorf("joined %+v, cut %+v", made, cut)
	}
	if code, _, errs := run(t, "", nil, "archive", "split", whole, "--buffer", "100", "--dir", dir); code != 73 || !strings.Contains(errs, "cannot write: ") {
		t.Errorf("written over: exit %d: %s", code, errs)
	}
	if code, _, errs := run(t, "", nil, "archive", "join", whole, "--out", filepath.Join(dir, "b.lar")); code != 73 || !strings.Contains(errs, "b.lar") {
		t.Errorf("written over: exit %d: %s", code, errs)
	}
}

// TestInspectOfARealArchive: in words and for a script, and under limits that it is above.
func TestInspectOfARealArchive(t *testing.T) {
	lar := filepath.Join("..", "..", "..", "..", "archive", "testdata", "lar", "blogs-3a66ee.lar")
	code, out, errs := run(t, "", nil, "archive", "inspect", lar)
	flat := "\n" + strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"archive blogs-3a66ee.lar, 7.6 KiB holds portlet 33 from build 6011, site 18 locales", " exported 2010-07-29 19:30:46 UTC ",
		" entries 14 files, 9.2 KiB unpacked 1 archive 2 comments ", " deletions 0 MD5 728dddf98fb5f7dd733882d8924385f2 SHA-256 "} {
		if code != 0 || errs != "" || !strings.Contains(flat, want) {
			t.Errorf("exit %d: %s: %q is not in\n%s", code, errs, want, out)
		}
	}
	code, out, _ = run(t, "", nil, "archive", "inspect", lar, "--json")
	var r map[string]any
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || len(r) < 5 {
		t.Errorf("for a script: exit %d: %s %v", code, out, err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no file", nil, 64, "inspect needs the FILE to inspect"}, {"two files", []string{lar, "b.lar"}, 64, `inspect does not know what to do with "b.lar"`},
		{"fewer files than it has", []string{lar, "--max-entries", "1"}, 65, "archive " + lar + ": "},
		{"smaller than it is", []string{lar, "--max-size", "1KiB"}, 65, "archive " + lar + ": "},
		{"no limit", []string{lar, "--max-entries", "0"}, 64, "--max-ratio and --max-entries are 1 or more"},
		{"a limit that is no number", []string{lar, "--max-ratio", "x"}, 64, `--max-ratio: invalid value "x"`},
		{"not there", []string{"none.lar"}, 65, "none.lar"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, "", nil, append([]string{"archive", "inspect"}, tt.args...)...)
			if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
}
