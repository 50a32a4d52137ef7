package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

func packaged(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The units are what systemd understands, and leave the service little to break.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	program, err := exec.LookPath("stagelock")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"stagelock.service", "stagelock.socket"} {
		text := strings.ReplaceAll(packaged(t, name), "/usr/bin/stagelock", program)
		text = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAllString(text, "") // the page is not installed
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("systemd-analyze", "verify", "stagelock.service", "stagelock.socket")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "stagelock.") {
		t.Errorf("%v: %s", err, out)
	}
	cmd = exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "stagelock.service")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	m := regexp.MustCompile(`exposure level for stagelock.service: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Skipf("this systemd does not judge a unit that is not loaded: %v", err)
	}
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > 2 {
		t.Errorf("exposure %s of 10, want at most 2", m[1])
	}
}

// What is packaged is there, and the units and the configuration agree with each other.
func TestPackagesFitTogether(t *testing.T) {
	unit, config := packaged(t, "stagelock.service"), packaged(t, "stagelock.yaml")
	for _, want := range []string{"User=stagelock", "ProtectSystem=strict", "Type=notify", "LoadCredential=secret:", "WatchdogSec=",
		"StateDirectory=stagelock", "NoNewPrivileges=yes"} {
		if !strings.Contains(unit, "\n"+want) {
			t.Errorf("the unit has no %s", want)
		}
	}
	port := regexp.MustCompile(`ListenStream=(\d+)`).FindStringSubmatch(packaged(t, "stagelock.socket"))
	if port == nil || !strings.Contains(config, `listen: ["[::]:`+port[1]+`"]`) {
		t.Errorf("listen is not the port of the socket, %v", port)
	}
	made := regexp.MustCompile(`^(bin|dist)/`)
	for _, m := range regexp.MustCompile(`(?m)(?:src|install|preinstall|postinstall|preremove): (\S+)$`).FindAllStringSubmatch(packaged(t, "nfpm.yaml"), -1) {
		if made.MatchString(m[1]) {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", "..", m[1])); err != nil {
			t.Errorf("packaged: %v", err)
		}
	}
	for _, script := range []string{"preinstall.sh", "postinstall.sh", "preremove.sh"} {
		if out, err := exec.Command("sh", "-n", filepath.Join("packaging", script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", script, out)
		}
	}
}

// The configuration of the packages lets nobody through until it is filled in, and says what is
// missing; filled in it can be used.
func TestPackagedConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "stagelock.yaml")
	validate := func(text string) (int, string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now}
		return commands.Run(t.Context(), sh, []string{"stagelock", "validate", "--config", file}), out.String()
	}
	text := packaged(t, "stagelock.yaml")
	code, out := validate(text)
	if code != term.ExitConfig {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, missing := range []string{"names", "hosts.allow", "peers[0].sites", "peers[0].secret"} {
		if !strings.Contains(out, missing) {
			t.Errorf("%s is not said to be missing:\n%s", missing, out)
		}
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("names: []", "names: [live.example.com]", "allow: []", "allow: [10.1.2.0/24]", "sites: []", "sites: [20143]",
		"logins: []", "logins: [publisher@example.com]", "/run/credentials/stagelock.service/secret", secret,
		"/var/lib/stagelock", filepath.Join(dir, "data")).Replace(text)
	if code, out := validate(filled); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}
