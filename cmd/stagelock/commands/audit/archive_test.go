package audit_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/node"
)

// signed is the usual log with the keys of the gateway beside it.
func signed(t *testing.T) node.DataDir {
	t.Helper()
	return withKeys(t, usual(t))
}

func withKeys(t *testing.T, data node.DataDir) node.DataDir {
	t.Helper()
	keyed(t, data)
	der, err := x509.MarshalPKCS8PrivateKey(audittest.Key)
	audittest.Must(t, err)
	audittest.Must(t, os.WriteFile(data.AuditKey(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return data
}

// all reads a folder with what is below it.
func all(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	audittest.Must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = b
		return err
	}))
	return files
}

// TestArchiveOfWhatIsNotDue: the file that is being written stays, whatever is asked, and nothing is changed.
func TestArchiveOfWhatIsNotDue(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"older than all", []string{"--before", "2020-01-01"}}, {"younger than all", []string{"--before", "2030-01-01"}},
		{"days ago", []string{"--before", "90d"}}, {"more than there is", []string{"--keep", "10GiB"}}, {"less than there is", []string{"--keep", "1"}},
		{"both", []string{"--before", "1s", "--keep", "1kB"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data, to := signed(t), filepath.Join(t.TempDir(), "old")
			before := all(t, string(data))
			args := append([]string{"archive", "--data", string(data), "--to", to}, tt.args...)
			code, out, errs := run(t, args...)
			if code != 0 || errs != "" || !strings.HasPrefix(out, "Nothing is due: ") || !strings.HasSuffix(out, " stay.\n") {
				t.Errorf("exit %d: %q %q", code, out, errs)
			}
			code, out, _ = run(t, append(args, "--json")...)
			var r map[string]any
			if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || strings.Count(out, "\n") != 1 {
				t.Errorf("for a script: exit %d: %q %v", code, out, err)
			}
			for path, b := range before {
				if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, b) {
					t.Errorf("%s was changed: %v", path, err)
				}
			}
			if code, out, _ := run(t, "verify", "--data", string(data)); code != 0 || !strings.Contains(out, "good") {
				t.Errorf("afterwards: exit %d: %s", code, out)
			}
		})
	}
}

// TestArchiveRefusesALogThatWasChanged: nothing is moved, nothing is signed, and the words say what comes first.
func TestArchiveRefusesALogThatWasChanged(t *testing.T) {
	data, to := withKeys(t, segmented(t, 1, usualEvents()...)), filepath.Join(t.TempDir(), "old")
	for path, b := range all(t, data.Audit()) {
		audittest.Must(t, os.WriteFile(path, bytes.Replace(b, []byte(`"deny"`), []byte(`"allow"`), 1), 0o600))
	}
	before := all(t, string(data))
	args := []string{"archive", "--data", string(data), "--to", to, "--before", "2030-01-01"}
	code, out, errs := run(t, args...)
	if code != 65 || out != "" || !strings.HasPrefix(errs, "stagelock: nothing was archived: ") ||
		!strings.HasSuffix(errs, "  what to do: see stagelock audit verify; keep the whole log as it is until that is understood\n") {
		t.Errorf("exit %d: %q %q", code, out, errs)
	}
	code, out, errs = run(t, append(args, "--json")...)
	var r struct {
		OK         *bool
		Exit       int
		Kind, Cure string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 65 || errs != "" || r.OK == nil || *r.OK || r.Exit != 65 || r.Kind != "data" || r.Cure == "" {
		t.Errorf("for a script: exit %d: %q %q %v", code, out, errs, err)
	}
	after := all(t, string(data))
	for path, b := range before {
		if !bytes.Equal(after[path], b) {
			t.Errorf("%s was changed", path)
		}
	}
	if left, err := filepath.Glob(filepath.Join(to, "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("moved: %v %v", left, err)
	}
}

// TestArchiveNeedsTheGatewaysOwnKey: what is no key, and one that did not sign the log.
func TestArchiveNeedsTheGatewaysOwnKey(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		args      []string
		code      int
		want      string
	}{
		{"no key", "rubbish", nil, 65, "what to do: run this as the gateway's user"},
		{"an empty key", "", nil, 65, "what to do: run this as the gateway's user"},
		{"a public key that is not there", "-", []string{"--key", "none.pub"}, 65, "public key of the audit log: "},
		{"an operand", "-", []string{"x"}, 64, `archive does not know what to do with "x"`},
		{"an amount of nothing", "-", []string{"--keep", "0"}, 64, `--keep: "0" is not an amount of data, such as 10GiB`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data, to := signed(t), filepath.Join(t.TempDir(), "old")
			if tt.key != "-" {
				audittest.Must(t, os.WriteFile(data.AuditKey(), []byte(tt.key), 0o600))
			}
			code, out, errs := run(t, append([]string{"archive", "--data", string(data), "--to", to, "--before", "1s"}, tt.args...)...)
			if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
			if left, err := filepath.Glob(filepath.Join(to, "*", "*")); err != nil || len(left) > 0 {
				t.Errorf("moved: %v %v", left, err)
			}
		})
	}
}

// TestArchiveMovesWholeFiles: what was moved is told, listed and verified where it lies now; what stays is good.
func TestArchiveMovesWholeFiles(t *testing.T) {
	for _, json := range []bool{false, true} {
		data, to := withKeys(t, segmented(t, 1, usualEvents()...)), filepath.Join(t.TempDir(), "old")
		args := []string{"archive", "--data", string(data), "--to", to, "--before", "2026-03-01T14:30"}
		if json {
			args = append(args, "--json")
		}
		code, out, errs := run(t, args...)
		want := "Moved records 1 to 4, "
		if json {
			want = `{"first":1,"last":4,"bytes":`
		}
		if code != 0 || errs != "" || !strings.HasPrefix(out, want) || !json && !strings.Contains(out, " in 4 files, to "+to+"; ") {
			t.Fatalf("exit %d: %q %q", code, out, errs)
		}
		for dir, refs := range map[string]string{to: "ref-a ref-b", string(data): "ref-c"} {
			code, out, errs := run(t, "list", "--kind", "verdict", "--data", dir)
			if code != 0 || errs != "" || strings.Count(out, "\n") != 1+len(strings.Fields(refs)) {
				t.Errorf("%s: exit %d: %s%s", dir, code, out, errs)
			}
			for _, ref := range strings.Fields(refs) {
				if !strings.Contains(out, ref) {
					t.Errorf("%s is not in %s: %s", ref, dir, out)
				}
			}
			if code, out, errs := run(t, "verify", "--data", dir, "--key", data.AuditPublicKey()); code != 0 || !strings.HasPrefix(out, "good: ") {
				t.Errorf("%s: exit %d: %s%s", dir, code, out, errs)
			}
		}
	}
}
