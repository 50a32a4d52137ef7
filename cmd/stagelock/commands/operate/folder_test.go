package operate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuthorityThatIsNotThere: why there is none, as far as the configuration tells; nothing is made by looking.
func TestAuthorityThatIsNotThere(t *testing.T) {
	file := live(t)
	dir := filepath.Dir(file)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"not yet", []string{"--config", file}, "stagelock: there is no authority at " + filepath.Join(dir, "tls", "ca.pem") +
			"\n  what to do: the gateway makes it when it first starts; name its folder with --data, or its file with --config\n"},
		{"of a folder that is named", []string{"--data", dir}, "stagelock: there is no authority at " + filepath.Join(dir, "tls", "ca.pem") +
			"\n  what to do: the gateway makes it when it first starts; name its folder with --data, or its file with --config\n"},
		{"certificates of files", []string{"--config", file, "--set", "tls.source=files", "--set", "tls.certificate=/etc/gw.pem"},
			"stagelock: this gateway has no authority of its own: tls.source is files\n  what to do: publishers must trust who issued /etc/gw.pem\n"},
		{"certificates of an authority", []string{"--config", file, "--set", "tls.source=acme"},
			"stagelock: this gateway has no authority of its own: tls.source is acme\n" +
				"  what to do: publishers must trust who issued its certificate; the public authorities are trusted already\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"ca"}, tt.args...)...)
			if code != 65 || out != "" || errs != tt.want {
				t.Errorf("exit %d: %q\ngot  %q\nwant %q", code, out, errs, tt.want)
			}
			code, out, _ = run(t, nil, append([]string{"ca", "--json"}, tt.args...)...)
			if r := lines(t, out); code != 65 || len(r) != 1 || r[0]["ok"] != false || r[0]["kind"] != "data" || r[0]["cure"] == nil {
				t.Errorf("for a script: exit %d: %s", code, out)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("made by looking: %v %v", left, err)
	}
}

// TestAuthorityThatIsNone: a file that was cut or replaced is told with its cure.
func TestAuthorityThatIsNone(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "rubbish": "rubbish\n", "a block without a certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "tls"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "tls", "ca.pem"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := run(t, nil, "ca", "--data", dir)
			if code != 65 || out != "" || !strings.Contains(errs, "ca.pem") || !strings.HasSuffix(errs, "  what to do: remove the file and restart the gateway: it writes it anew\n") {
				t.Errorf("exit %d: %q %q", code, out, errs)
			}
		})
	}
}

// TestBackupNeverWritesOver: a folder that is there stays as it is, and the words name the flag.
func TestBackupNeverWritesOver(t *testing.T) {
	data, out := t.TempDir(), t.TempDir()
	kept := filepath.Join(out, "kept")
	for _, path := range []string{filepath.Join(data, "stagelock.db"), kept} {
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, out string
		want      string
	}{
		{"a folder", out, "stagelock: cannot write: " + out + " is there already: name another folder with --out\n"},
		{"a file", kept, "stagelock: cannot write: " + kept + " is there already: name another folder with --out\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, said, errs := run(t, nil, "store", "backup", "--data", data, "--out", tt.out)
			if code != 73 || said != "" || errs != tt.want {
				t.Errorf("exit %d: %q %q, want %q", code, said, errs, tt.want)
			}
			if b, err := os.ReadFile(kept); err != nil || string(b) != "mine" {
				t.Errorf("what was there: %q %v", b, err)
			}
			if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// TestStoreOfOneGateway: there is nothing to check or migrate, and the words say why and where it lies.
func TestStoreOfOneGateway(t *testing.T) {
	file := live(t)
	want := "store is embedded: the gateway brings " + filepath.Join(filepath.Dir(file), "stagelock.db") + " up to date when it starts"
	for _, args := range [][]string{{"store", "check"}, {"store", "migrate"}, {"store", "migrate", "--plan"}} {
		args = append(args, "--config", file)
		code, out, errs := run(t, nil, args...)
		cure := "there is nothing to do; write store: postgres for a database that several gateways share"
		if code != 65 || out != "" || errs != "stagelock: "+want+"\n  what to do: "+cure+"\n" {
			t.Errorf("%q: exit %d: %q %q", args, code, out, errs)
		}
		code, out, _ = run(t, nil, append(args, "--json")...)
		var r struct{ Message, Cure string }
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 65 || r.Message != want || r.Cure != cure {
			t.Errorf("%q: exit %d: %s %v", args, code, out, err)
		}
		if code, out, errs := run(t, nil, append(args, "x")...); code != 64 || out != "" || !strings.Contains(errs, `does not know what to do with "x"`) {
			t.Errorf("%q with an operand: exit %d: %q %q", args, code, out, errs)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("made by looking: %v %v", left, err)
	}
}
