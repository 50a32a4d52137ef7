package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// knowing is an engine that answers as one that knows the secret, and not the login.
func knowing(t *testing.T) string {
	t.Helper()
	reply, err := liferay.AppendRemoteAuth(nil, "7.4.3.112", 1, "Unable to find user")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(reply)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// consult runs the doctor and returns its exit code and what it prints.
func consult(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now}
	code := commands.Run(t.Context(), sh, append([]string{"stagelock", "doctor"}, args...))
	return code, out.String()
}

func TestDoctorCommand(t *testing.T) {
	file, _ := configFile(t, knowing(t))
	p := start(t, file)
	to, secretFile := "https://"+p.greeting.Listen[0].String(), filepath.Join(filepath.Dir(file), "secret")
	props := filepath.Join(t.TempDir(), "portal-ext.properties")
	if err := os.WriteFile(props, []byte("# staging\ntunneling.servlet.shared.secret="+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"--to", to, "--ca", p.greeting.CA, "--quick"}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"the live side", []string{"--config", file}, 0, []string{"ok  engine.up", "would take a publish", " ok  ready"}},
		{"the live side, with another engine's secret", []string{"--config", file, "--set", "engine.upstream.nodes=http://127.0.0.1:1"}, 1,
			[]string{"BAD  engine.up", "cannot be reached", "cure: ", "1 to mend"}},
		{"the live side, with a bad configuration", []string{"--config", file, "--set", "names="}, 1, []string{"BAD  conf", "names is empty"}},
		{"the way there", good, 0, []string{"ok  tls.chain", "ok  path", "/api/liferay/do is the tunnel", "ok  address", "ok  clock", "ok  probe.size"}},
		{"and the secret", append(good, "--peer-secret-file", secretFile, "--hex"), 0, []string{"ok  secret", "that of peer staging"}},
		{"the secret read as text", append(good, "--peer-secret-file", secretFile), 1,
			[]string{"BAD  secret", "the keys match", "tunneling.servlet.shared.secret.hex=true", "1 to mend"}},
		{"the portal's lines", append(good, "--portal-ext", props), 1, []string{"BAD  secret", "portal-ext.properties tunneling.servlet.shared.secret.hex=true"}},
		{"without the authority", []string{"--to", to, "--quick"}, 1, []string{"BAD  tls.chain", "stagelock ca"}},
		{"nothing there", []string{"--to", "https://127.0.0.1:1"}, 69, []string{"BAD  tcp", "refuses connections"}},
		{"no address", []string{"--to", "live.example.com"}, 64, []string{"--to is not an address such as https:"}},
		{"a login without a site", append(good, "--login", login), 64, []string{"--login and --site go together"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out := consult(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, s := range tt.says {
				if !strings.Contains(out, s) {
					t.Errorf("%s does not say %q", out, s)
				}
			}
			if strings.Contains(out, key) {
				t.Errorf("the secret is told: %s", out)
			}
		})
	}
	code, out := consult(t, append(good, "--json", "--peer-secret-file", secretFile)...)
	var r struct {
		Checks []struct{ Mark, ID, Words, Cure string }
		ToMend int `json:"to_mend"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 1 || r.ToMend != 1 || len(r.Checks) < 8 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

// The trust store of a JVM, as its own tool makes it.
func TestDoctorReadsATruststore(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("keytool is not installed")
	}
	file, _ := configFile(t, knowing(t))
	p := start(t, file)
	store := filepath.Join(t.TempDir(), "cacerts")
	imports := func(alias, pem string) {
		cmd := exec.Command(keytool, "-importcert", "-noprompt", "-alias", alias, "-file", pem, "-keystore", store, "-storepass", "changeit")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	other, _ := configFile(t, knowing(t))
	imports("other", start(t, other).greeting.CA)
	args := []string{"--to", "https://" + p.greeting.Listen[0].String(), "--truststore", store, "--quick"}
	if code, out := consult(t, args...); code != 1 || !strings.Contains(out, "BAD  tls.jvm") || !strings.Contains(out, "has 1 certificates") ||
		!strings.Contains(out, "keytool -importcert") {
		t.Errorf("exit code %d: %s", code, out)
	}
	imports("gateway", p.greeting.CA)
	if code, out := consult(t, args...); code != 0 || !strings.Contains(out, "ok  tls.jvm") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
