package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/status"
)

// command runs one command as a user does, and returns its exit code and what it printed.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Now: time.Now, Environ: []string{"NO_COLOR=1"}}
	code = commands.Run(t.Context(), sh, append([]string{"stagelock"}, args...))
	return code, o.String(), e.String()
}

// adminConfig is a gateway whose admin listener is at a socket with a short name, and at a free port.
func adminConfig(t *testing.T, upstream string, more ...string) (file, data, socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = dir + "/admin.sock"
	file, data = configFile(t, upstream, append(more, `admin: {listen: ["unix:`+socket+`", "127.0.0.1:0"]}`, "")...)
	return file, data, socket
}

func TestStatus(t *testing.T) {
	file, _, _ := adminConfig(t, upstream(t))
	code, _, errs := command(t, "status", "--config", file)
	if code != term.ExitUnavailable || !strings.Contains(errs, "no gateway runs here") || !strings.Contains(errs, "what to do: start it with stagelock run") {
		t.Errorf("before it runs: exit code %d: %s", code, errs)
	}
	code, out, _ := command(t, "status", "--json", "--config", file)
	if code != term.ExitUnavailable || !strings.Contains(out, `"kind":"unavailable"`) {
		t.Errorf("before it runs, for a script: exit code %d: %s", code, out)
	}
	p := start(t, file)
	code, out, errs = command(t, "status", "--config", file)
	for _, want := range []string{"version", "since", "publishes  0 under way", "ok    ready        publishes can pass", "ok    engine       127.0.0.1:",
		"ok    store        embedded", "ok    audit        ", "ok    certificate  localhost until ", "ok    config       loaded 20", "disk "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s%s", want, out, errs)
		}
	}
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	code, out, _ = command(t, "status", "--json", "--config", file)
	var s status.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 || !s.Ready || len(s.Listen) != 1 || s.Listen[0] != p.greeting.Listen[0].String() {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	if strings.Contains(out, key) {
		t.Error("the secret is told")
	}
}

// A gateway whose engine is away is not ready, and says so with exit code 1.
func TestStatusNotReady(t *testing.T) {
	file, _, _ := adminConfig(t, "127.0.0.1:1")
	start(t, file)
	var code int
	var out string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); { // the first check of the node's health
		if code, out, _ = command(t, "status", "--config", file); code == 1 {
			break
		}
	}
	if code != 1 || !strings.Contains(out, "BAD   ready") || !strings.Contains(out, "warn  engine       127.0.0.1:1 is down") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestReload(t *testing.T) {
	file, data, socket := adminConfig(t, upstream(t))
	start(t, file)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seq := await(t, data, audit.KindStart, 0).Seq
	for _, tt := range []struct {
		name, text string
		code       int
		out        []string // what is printed
		detail     string   // of the audit event
		fields     map[string]string
	}{
		{"nothing", string(good), 0, []string{"Reloaded: nothing has changed."}, "loaded; nothing has changed", nil},
		{"a setting", string(good) + "heartbeat: 20s\n", 0, []string{"changed: heartbeat\n", "Reloaded: the configuration is in use."},
			"loaded; changed: heartbeat", map[string]string{"heartbeat": "15s → 20s"}},
		{"a bad one", string(good) + "heartbeat: 20h\nnonsense: 1\n", term.ExitConfig,
			[]string{"heartbeat is out of bounds: at most 1m", "nonsense is not known", "what to do: ", "the old one stays"}, "refused: ", nil},
		{"one that counts later", string(good) + "heartbeat: 20s\ncluster: {name: other}\n", 0,
			[]string{"changed: cluster.name (counts after a restart only)\n"}, "loaded; changed: cluster.name", map[string]string{"cluster.name": "live → other"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := command(t, "reload", "--config", file)
			if code != tt.code {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
			for _, want := range tt.out {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s%s", want, out, errs)
				}
			}
			ev := await(t, data, audit.KindConfig, seq+1)
			if seq = ev.Seq; !strings.HasPrefix(ev.Detail, tt.detail) {
				t.Errorf("event %q, want %q", ev.Detail, tt.detail)
			}
			for path, want := range tt.fields {
				if ev.Fields[path] != want {
					t.Errorf("fields %v, want %s: %s", ev.Fields, path, want)
				}
			}
			if code, out, _ := command(t, "status", "--socket", socket); code != 0 || strings.Contains(out, "was refused") != (tt.code != 0) {
				t.Errorf("status afterwards: %d %s", code, out)
			}
		})
	}
	if err := os.WriteFile(file, []byte(string(good)+"heartbeat: 20h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := command(t, "reload", "--json", "--config", file)
	var done struct {
		OK       bool
		Problems []struct {
			Line int
			Path string
		}
	}
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != term.ExitConfig || done.OK || len(done.Problems) == 0 || done.Problems[0].Line == 0 {
		t.Errorf("for a script: %d %v %s", code, err, out)
	}
	// What is no YAML at all is told without the gateway; what it has stays.
	if err := os.WriteFile(file, []byte("listen: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := command(t, "reload", "--config", file); code != term.ExitConfig {
		t.Errorf("no YAML: %d %s%s", code, out, errs)
	}
	if code, _, _ := command(t, "status", "--socket", socket); code != 0 {
		t.Errorf("it does not go on: %d", code)
	}
}

// A reload of a file that cannot be used names the file and the line, where no gateway could say it: the
// one at the usual place is not asked for a file that does not speak of it.
func TestReloadNamesTheBadFile(t *testing.T) {
	good, _, socket := adminConfig(t, upstream(t))
	start(t, good)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, says string }{
		{"emptied", "", ":1: error: peers is empty"},
		{"of comments", "# nothing\n", ":1: error: peers is empty"},
		{"no setting", "listen: [\"127.0.0.1:0\"]\nnamez: [a]\n", ":2: error: namez is not known"},
		{"no YAML", "listen: [\n", ":2: error: is not YAML"},
		{"wrong, and its gateway does not run", "data: " + t.TempDir() + "\nheartbeat: 20h\n", ":2: error: heartbeat is out of bounds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "stagelock.yaml")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := command(t, "reload", "--config", file)
			if code != term.ExitConfig || !strings.Contains(errs, file+tt.says) || !strings.Contains(errs, "No gateway was asked") {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
			code, out, _ = command(t, "reload", "--json", "--config", file)
			var told struct {
				OK       bool
				Problems []struct{ File string }
			}
			if err := json.Unmarshal([]byte(out), &told); err != nil || code != term.ExitConfig || told.OK || len(told.Problems) == 0 || told.Problems[0].File != file {
				t.Errorf("for a script: %d %v %s", code, err, out)
			}
			if code, out, errs := command(t, "reload", "--config", file, "--socket", socket); code != 0 || !strings.Contains(out, "nothing has changed") {
				t.Errorf("with a socket: exit code %d: %s%s", code, out, errs)
			}
		})
	}
	// A gateway that runs sees its own variables: what is wrong for who asks may be right for it.
	if err := os.WriteFile(good, append(text, "heartbeat: 20h\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := command(t, "reload", "--config", good); code != term.ExitConfig || !strings.Contains(out, "the old one stays") {
		t.Errorf("of a gateway that runs: %d %s", code, out)
	}
}

// A secret that changes is told by the name of its setting only, wherever that is read.
func TestReloadTellsNoSecret(t *testing.T) {
	file, data, _ := adminConfig(t, upstream(t))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, second := strings.Repeat("0f1e", 8), strings.Repeat("1e0f", 8)
	with := func(secret string) {
		t.Helper()
		text := strings.Replace(string(good), "hex: true}", "hex: true, previous: {value: \""+secret+"\", hex: true}}", 1)
		text = strings.Replace(text, "upstream: {", "upstream: {secret: {value: \""+key+"\", hex: true}, ", 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with(first)
	p := start(t, file)
	seq := await(t, data, audit.KindStart, 0).Seq
	with(second)
	code, out, errs := command(t, "reload", "--config", file)
	if code != 0 || !strings.Contains(out, "changed: peers[0].secret.previous.value\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	ev := await(t, data, audit.KindConfig, seq+1)
	if ev.Fields["peers[0].secret.previous.value"] != "changed" {
		t.Errorf("event %+v", ev)
	}
	all, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.exit() // the log is whole
	for _, text := range []string{out, errs, string(all), p.log.String()} {
		if strings.Contains(text, first) || strings.Contains(text, second) {
			t.Errorf("a secret is told in %s", text)
		}
	}
}

// The listener for people can be switched off, and the commands say so.
func TestNoAdminListener(t *testing.T) {
	file, _ := configFile(t, upstream(t), "admin: {listen: []}")
	start(t, file)
	for _, name := range []string{"status", "reload"} {
		code, _, errs := command(t, name, "--config", file)
		if code != term.ExitUnavailable || !strings.Contains(errs, "admin.listen is empty") {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
	}
}

// Over TCP a script has the same answers.
func TestAdminOverTCP(t *testing.T) {
	file, data, socket := adminConfig(t, upstream(t))
	start(t, file)
	_, out, _ := command(t, "status", "--json", "--socket", socket)
	var s status.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Admin) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	res, err := http.Post("http://"+s.Admin[1]+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"ok":true`) {
		t.Errorf("%d %s %v", res.StatusCode, body, err)
	}
	await(t, data, audit.KindConfig, 0)
	if res, err = http.Get("http://" + s.Admin[1] + "/metrics"); err != nil {
		t.Fatal(err)
	}
	body, err = io.ReadAll(res.Body)
	res.Body.Close()
	for _, want := range []string{"\nstagelock_ready 1\n", "\nstagelock_config_last_reload_successful 1\n", "\nstagelock_store_up 1\n",
		"stagelock_certificate_expiry_timestamp_seconds{name=\"localhost\"}", "\nprocess_open_fds "} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%q is not in the scrape, %v", want, err)
		}
	}
}

// execReload is the command by which the service manager reloads, with the configuration of a test.
func execReload(t *testing.T, file string) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ExecReload=/usr/bin/stagelock (.*)$`).FindStringSubmatch(packaged(t, "stagelock.service"))
	if m == nil {
		t.Fatal("the unit reloads in another way")
	}
	return strings.Fields(strings.ReplaceAll(m[1], "/etc/stagelock/stagelock.yaml", file))
}

// TestReloadsSayWhoAskedForThem: a signal, the unit's command by the socket with its user, and the admin
// listener over TCP; and systemctl reload fails with the words of a bad file.
func TestReloadsSayWhoAskedForThem(t *testing.T) {
	file, data, _ := adminConfig(t, upstream(t))
	p := start(t, file)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, out, _ := command(t, "status", "--json", "--config", file)
	var s status.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	tcp := s.Admin[len(s.Admin)-1]
	reload := func() (int, string, string) { return command(t, execReload(t, file)...) }
	uid := fmt.Sprintf("asked for by uid %d", os.Getuid())
	seq := await(t, data, audit.KindStart, 0).Seq
	for _, tt := range []struct {
		name, text string
		ask        func(t *testing.T)
		detail     []string
		addr       string
	}{
		{"a signal", string(good) + "heartbeat: 20s\n", func(t *testing.T) {
			if err := p.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}, []string{"loaded; changed: heartbeat; asked for by SIGHUP"}, ""},
		{"the unit's command", string(good) + "heartbeat: 25s\n", func(t *testing.T) {
			if code, out, errs := reload(); code != 0 {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
		}, []string{"loaded; changed: heartbeat; " + uid, fmt.Sprintf("process %d, at unix:", os.Getpid())}, ""},
		{"the unit's command, of a bad file", string(good) + "heartbeat: 20h\n", func(t *testing.T) {
			code, out, errs := reload()
			if code != term.ExitConfig || !strings.Contains(out+errs, "heartbeat is out of bounds") {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
		}, []string{"refused: ", "heartbeat", "; " + uid}, ""},
		{"over TCP", string(good), func(t *testing.T) {
			res, err := http.Post("http://"+tcp+"/-/reload", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}, []string{"loaded; changed: heartbeat; asked for by 127.0.0.1:"}, "127.0.0.1"},
		{"a signal, of a bad file", "nonsense: 1\n", func(t *testing.T) {
			if err := p.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}, []string{"refused: ", "nonsense", "; asked for by SIGHUP"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			tt.ask(t)
			ev := await(t, data, audit.KindConfig, seq+1)
			seq = ev.Seq
			for _, want := range tt.detail {
				if !strings.Contains(ev.Detail, want) {
					t.Errorf("%q does not say %q", ev.Detail, want)
				}
			}
			if got := ev.Addr.String(); tt.addr != "" && got != tt.addr || tt.addr == "" && ev.Addr.IsValid() {
				t.Errorf("of %s, want %s", got, tt.addr)
			}
		})
	}
}
