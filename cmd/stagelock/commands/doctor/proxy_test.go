package doctor_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/ports"
)

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	return ports.Free(t)
}

// TestDoctorGoesThroughAProxy: as publish does, by the flag or the environment.
func TestDoctorGoesThroughAProxy(t *testing.T) {
	at := nobody(t)
	for _, tt := range []struct {
		name  string
		env   []string
		flags []string
		code  int
		says  string
	}{
		{"of the environment", []string{"HTTPS_PROXY=http://" + at}, nil, term.ExitUnavailable, "the proxy " + at + " cannot be reached"},
		{"of the flag", nil, []string{"--proxy", at}, term.ExitUnavailable, "the proxy " + at + " cannot be reached"},
		{"of the flag, not of the environment", []string{"HTTPS_PROXY=http://127.0.0.1:9"}, []string{"--proxy", at}, term.ExitUnavailable,
			"the proxy " + at + " cannot be reached"},
		{"none", []string{"HTTPS_PROXY=http://" + at}, []string{"--proxy", "none"}, term.ExitUnavailable, "has no address"},
		{"taken out", []string{"HTTPS_PROXY=http://" + at, "NO_PROXY=.invalid"}, nil, term.ExitUnavailable, "has no address"},
		{"of another kind", nil, []string{"--proxy", "socks5://" + at}, term.ExitUsage, "--proxy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &errs, Environ: tt.env}
			args := append([]string{"stagelock", "doctor", "--quick", "--to", "https://live.invalid:8443"}, tt.flags...)
			if code := commands.Run(t.Context(), sh, args); code != tt.code || !strings.Contains(out.String()+errs.String(), tt.says) {
				t.Errorf("exit %d: %s%s", code, &out, &errs)
			}
		})
	}
}

// TestDoctorReadsWhatThePortalIncludes: the secret stands in a file that another names, by ${liferay.home}.
func TestDoctorReadsWhatThePortalIncludes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"portal-ext.properties": "include-and-override=${liferay.home}/secret.properties\n",
		"secret.properties":     "\ntunneling.servlet.shared.secret=short\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		flags []string
		env   []string
		says  string
	}{
		{"by the flag", []string{"--liferay-home", dir}, nil, "secret.properties:2"},
		{"without it", nil, nil, "refers to ${liferay.home}"},
		{"by a variable", nil, []string{"LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET=shorter"},
			"env LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &errs, Environ: tt.env}
			args := append([]string{"stagelock", "doctor", "--quick", "--to", "https://live.invalid:8443", "--proxy", "none",
				"--portal-ext", filepath.Join(dir, "portal-ext.properties")}, tt.flags...)
			commands.Run(t.Context(), sh, args)
			if !strings.Contains(out.String(), tt.says) {
				t.Errorf("%s%s", &out, &errs)
			}
		})
	}
}

// TestDoctorReadsTheVerifierThatWasNamed: in place of the one that the gateway's configuration names.
func TestDoctorReadsTheVerifierThatWasNamed(t *testing.T) {
	const name = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration-default.config"
	dir := t.TempDir()
	open, closed := filepath.Join(dir, "open", name), filepath.Join(dir, "closed", name)
	config := filepath.Join(dir, "stagelock.yaml")
	for file, text := range map[string]string{
		open:   "hostsAllowed=[\"0.0.0.0\"]\n",
		closed: "hostsAllowed=[\"127.0.0.1\"]\n",
		config: "names: [live.example.com]\ndata: data\nhosts: {allow: [\"127.0.0.1\"]}\nadmin: {listen: []}\n" +
			"engine:\n  upstream: {nodes: [\"http://" + nobody(t) + "\"]}\n  liferay: {osgi: [\"" + open + "\"]}\n" +
			"peers: [{name: a, sites: [1], logins: [b@example.com], secret: {value: k3Xq0mZr9wTbL5vN}}]\n",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		flags []string
		told  bool
	}{
		{"that of the configuration", nil, true},
		{"that of the flag", []string{"--osgi", closed}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &errs}
			args := append([]string{"stagelock", "doctor", "--quick", "--config", config}, tt.flags...)
			commands.Run(t.Context(), sh, args)
			if told := strings.Contains(out.String(), "takes the calls of 0.0.0.0"); told != tt.told || !strings.Contains(out.String(), "engine.up") {
				t.Errorf("told: %v\n%s%s", told, &out, &errs)
			}
		})
	}
}
