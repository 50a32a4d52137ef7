package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

const (
	login    = "publisher@example.com"
	liveSite = 20143
	key      = "5ac3f19e7b024d86a1c35e90d7f2846b"
	// configuration can be used as it stands.
	configuration = `listen: ["127.0.0.1:0"]
names: ["127.0.0.1"]
data: %q
drain: 1s
retry_after: 1s
audit: {every: 10}
hosts:
  allow: ["127.0.0.1"]
engine:
  line: "7.4"
  browser_url: https://live.example.com
  upstream: {nodes: ["http://%s"], health: {call: 0s}}
peers:
  - name: staging
    sites: [%d]
    logins: [%s]
    secret: {file: %q, algorithm: AES, hex: true}
`
)

// configFile writes the configuration of a gateway in front of upstream.
func configFile(t *testing.T, upstream string, more ...string) (file, data string) {
	t.Helper()
	dir := t.TempDir()
	file, data = filepath.Join(dir, "stagelock.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(configuration, data, upstream, liveSite, login, filepath.Join(dir, "secret"))
	if err := os.WriteFile(file, []byte(text+strings.Join(more, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, data
}

// upstream is an engine that answers every call with the id 7.
func upstream(t *testing.T) string {
	t.Helper()
	long := "\xac\xed\x00\x05sr\x00\x0ejava.lang.Long;\x8b\xe4\x90\xcc\x8f#\xdf\x02\x00\x01J\x00\x05valuexr\x00\x10java.lang.Number" +
		"\x86\xac\x95\x1d\x0b\x94\xe0\x8b\x02\x00\x00xp\x00\x00\x00\x00\x00\x00\x00\x07"
	address, stop, err := (&raw{answer: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long)}).serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// greeting is what a gateway prints when it listens.
type greeting struct {
	Listen      []netip.AddrPort `json:"listen"`
	CA          string           `json:"ca"`
	Fingerprint string           `json:"ca_sha256"`
	Keytool     string           `json:"keytool"`
}

// process is the gateway as a service runs it.
type process struct {
	*exec.Cmd
	greeting greeting
	log      *bytes.Buffer
}

func start(t *testing.T, file string) *process {
	t.Helper()
	return startCommand(t, exec.Command("stagelock", "run", "--json", "--config", file))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, log: &bytes.Buffer{}}
	if p.Stderr == nil {
		p.Stderr = p.log
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // it has ended in most tests
		_ = p.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &p.greeting) != nil {
		t.Fatalf("greeting %q, %v, log %s", line, err, p.log)
	}
	return p
}

// exit waits for the end and returns the exit code.
func (p *process) exit() int {
	var e *exec.ExitError
	if err := p.Wait(); errors.As(err, &e) {
		return e.ExitCode()
	}
	return 0
}

func (p *process) client(t *testing.T) *publisher.Client {
	t.Helper()
	return p.clientOf(t, key, login)
}

func (p *process) clientOf(t *testing.T, key, login string) *publisher.Client {
	t.Helper()
	u, err := url.Parse("https://" + p.greeting.Listen[0].String())
	if err != nil {
		t.Fatal(err)
	}
	pool, err := flags.Roots(p.greeting.CA)
	if err != nil {
		t.Fatal(err)
	}
	k, problems := secret.NewKey(secret.KeyConfig{ID: "test", Algorithm: "AES", Secret: []byte(key), Hex: true, Line: "7.4"})
	if k == nil {
		t.Fatal(problems)
	}
	// A connection may wait in the socket until the next gateway has started, on a machine that has much else to do.
	c, err := publisher.New(publisher.Config{URL: u, Build: "7.4", Login: login, Site: liveSite, Roots: pool, ConnectTimeout: time.Minute,
		Authorize: func(name string) string { return k.Authorization(name, false, false) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// await waits until the audit log has an event of that kind, and returns it.
func await(t *testing.T, data string, kind audit.Kind, from store.Seq) audit.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		log, err := files.Open(files.Config{Dir: filepath.Join(data, "audit"), ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		var found *audit.Event
		err = audit.List(ctx, log, audit.Filter{From: from, Kinds: []audit.Kind{kind}}, func(ev audit.Event) error {
			found = &ev
			return nil
		})
		if err := errors.Join(err, log.Close()); err != nil {
			t.Fatal(err)
		}
		if found != nil {
			return *found
		}
	}
	t.Fatalf("no %s event", kind)
	return audit.Event{}
}

func TestRunDrains(t *testing.T) {
	file, data := configFile(t, upstream(t))
	p := start(t, file)
	if p.greeting.Keytool == "" || len(p.greeting.Fingerprint) < 64 {
		t.Errorf("greeting %+v", p.greeting)
	}
	if id, err := p.client(t).CreateStagingRequest(t.Context(), liveSite, strings.Repeat("0", 32)); err != nil || id != 7 {
		t.Fatalf("call through the gateway: %d, %v", id, err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d, log %s", code, p.log)
	}
	await(t, data, audit.KindStop, 0)
}

// A reload takes what is good, and leaves everything as it is if anything is wrong.
func TestRunReloads(t *testing.T) {
	file, data := configFile(t, upstream(t))
	p := start(t, file)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, want string }{
		{"nonsense: 1\n", "refused"}, {string(good) + "heartbeat: 20s\n", "loaded"},
	} {
		from := await(t, data, audit.KindStart, 0).Seq + 1
		if tt.want == "loaded" {
			from = await(t, data, audit.KindConfig, 0).Seq + 1
		}
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if ev := await(t, data, audit.KindConfig, from); !strings.HasPrefix(ev.Detail, tt.want) {
			t.Errorf("after a reload of %q: %q", tt.text, ev.Detail)
		}
	}
	if err := p.client(t).CheckRemoteStagingGroup(t.Context(), 5); err == nil {
		t.Error("a site of nobody passes after a reload")
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d after a reload, log %s", code, p.log)
	}
}

// A publish in progress holds the drain; a second signal does not wait for it.
func TestSecondSignalForces(t *testing.T) {
	file, data := configFile(t, upstream(t))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "drain: 1s", "drain: 1h", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, file)
	if _, err := p.client(t).CreateStagingRequest(t.Context(), liveSite, strings.Repeat("0", 32)); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	await(t, data, audit.KindDrain, 0)
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != term.ExitForced {
		t.Errorf("exit code %d, log %s", code, p.log)
	}
}

// A log is archived while its gateway writes it; what stays and what was moved are both whole.
func TestAuditArchiveWhileRunning(t *testing.T) {
	file, data := configFile(t, upstream(t))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	small := strings.Replace(string(text), "audit: {every: 10}", "audit: {every: 10, max_bytes: 64KiB}", 1)
	if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	client := start(t, file).client(t)
	older := filepath.Join(t.TempDir(), "older")
	audits := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &errs, Now: time.Now}
		code := commands.Run(t.Context(), sh, append([]string{"stagelock", "audit"}, args...))
		return code, out.String() + errs.String()
	}
	for round := range 2 {
		for range 150 {
			if _, err := client.CreateStagingRequest(t.Context(), liveSite, strings.Repeat("0", 32)); err != nil {
				t.Fatal(err)
			}
		}
		if code, out := audits("archive", "--config", file, "--keep", "64KiB", "--to", older); code != 0 ||
			!strings.HasPrefix(out, "Moved records ") {
			t.Fatalf("round %d: exit code %d: %s", round, code, out)
		}
		for _, where := range []string{data, older} {
			if code, out := audits("verify", "--data", where); code != 0 {
				t.Errorf("round %d, %s: exit code %d: %s", round, where, code, out)
			}
		}
	}
}

// What policy test says of a call is what a gateway does with it.
func TestPolicyTestAgreesWithTheGateway(t *testing.T) {
	address, stop, err := (&raw{answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}).serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	file, _ := configFile(t, address)
	p := start(t, file)
	secrets := map[string]string{"the peer's": key, "another": strings.Repeat("0f1e", 8)}
	for name, secretText := range secrets {
		for _, user := range []string{login, "somebody@example.com"} {
			for _, site := range []int64{liveSite, liveSite + 1, 0, -1} {
				at := fmt.Sprintf("secret %s, login %s, site %d", name, user, site)
				err := p.clientOf(t, secretText, user).CheckRemoteStagingGroup(t.Context(), site)
				var failure *failure.Failure
				if err != nil && !errors.As(err, &failure) {
					t.Fatalf("%s: %v", at, err)
				}
				var out bytes.Buffer
				sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Environ: []string{"STAGELOCK_SECRET=" + secretText}}
				code := commands.Run(t.Context(), sh, []string{"stagelock", "policy", "test", "--config", file, "--hex", "--from", "127.0.0.1",
					"--login", user, "--site", fmt.Sprint(site), "--call", "checkRemoteStagingGroup"})
				if (code == 0) != (err == nil) || code != 0 && code != term.ExitDenied {
					t.Errorf("%s: the gateway says %v, policy test says %d: %s", at, err, code, out.String())
				}
			}
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken := upstream(t)
	file, _ := configFile(t, upstream(t))
	var errs bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Now: time.Now}
	code := commands.Run(t.Context(), sh, []string{"stagelock", "run", "--config", file, "--set", "listen=" + taken})
	if text := errs.String(); code != term.ExitStart || strings.Count(text, "\n") != 1 || !strings.Contains(text, "cannot listen on "+taken) ||
		!strings.Contains(text, "stop what uses that port") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestStoreThatCannotBeWritten(t *testing.T) {
	file, data := configFile(t, upstream(t))
	if err := os.WriteFile(data, []byte("a file where a folder should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Now: time.Now}
	code := commands.Run(t.Context(), sh, []string{"stagelock", "run", "--config", file})
	if text := errs.String(); code != term.ExitStart || strings.Count(text, "\n") != 1 || !strings.Contains(text, "data folder") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestHealthcheck(t *testing.T) {
	file, _ := configFile(t, upstream(t))
	p := start(t, file)
	ask := func(listen string) (int, string) {
		var out bytes.Buffer
		sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: io.Discard, Now: time.Now}
		code := commands.Run(t.Context(), sh, []string{"stagelock", "healthcheck", "--config", file, "--set", "listen=" + listen})
		return code, out.String()
	}
	if code, out := ask(p.greeting.Listen[0].String()); code != 0 || out != "ready\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := ask("127.0.0.1:1"); code != 1 || !strings.HasPrefix(out, "not ready: the gateway does not answer") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// A healthcheck works with every setting of the gateway that it asks.
func TestHealthcheckWithOwnSettings(t *testing.T) {
	elsewhere := machineAddress(t)
	for _, tt := range []struct {
		name string
		sets []string
	}{
		{"PROXY protocol from this machine", []string{"hosts.proxy_protocol=127.0.0.1"}},
		{"and strangers are dropped", []string{"hosts.proxy_protocol=127.0.0.1", "hosts.allow=10.1.2.3", "hosts.refuse=drop"}},
		{"another name", []string{"names=live.example.com"}},
		{"a name with the port of a firewall", []string{"names=live.example.com:443"}},
		{"an address of the machine that may not publish", []string{"listen=" + elsewhere + ":0", "hosts.allow=10.1.2.3"}},
		{"both families", []string{"listen=[::]:0"}},
		{"the newest TLS only", []string{"tls.min_version=1.3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, _ := configFile(t, upstream(t))
			var args []string
			for _, s := range tt.sets {
				args = append(args, "--set", s)
			}
			p := startCommand(t, exec.Command("stagelock", append([]string{"run", "--json", "--config", file}, args...)...))
			args = append(args, "--set", "listen="+p.greeting.Listen[0].String())
			var out bytes.Buffer
			sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: io.Discard, Now: time.Now}
			code := commands.Run(t.Context(), sh, append([]string{"stagelock", "healthcheck", "--config", file}, args...))
			if code != 0 || out.String() != "ready\n" {
				t.Errorf("exit code %d: %s", code, out.String())
			}
		})
	}
}

// machineAddress is one of this machine that is not the loopback interface's.
func machineAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr().String()
		}
	}
	t.Skip("this machine has no address but that of the loopback interface")
	return ""
}

// A port that cannot be listened on was always said to be in use.
func TestListenFailuresNameTheirCure(t *testing.T) {
	used, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	for _, tt := range []struct{ name, listen, cure string }{
		{"in use", used.Addr().String(), "stop what uses that port"},
		{"no address of this machine", "192.0.2.77:8443", "this machine has no such address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, _ := configFile(t, upstream(t))
			var errs bytes.Buffer
			cmd := exec.Command("stagelock", "run", "--config", file, "--set", "listen="+tt.listen)
			cmd.Stderr = &errs
			if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("%v", err)
			}
			if !strings.Contains(errs.String(), tt.cure) || strings.Count(errs.String(), "; ") < 1 {
				t.Errorf("said %s", errs.String())
			}
		})
	}
}
