package walk

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/servlet"
)

// limit is how long anything may take.
const limit = 60 * time.Second

// desk is the folder of an operator, and what takes the place of the names and addresses of a page.
type desk struct {
	t       *testing.T // of the step
	whole   *testing.T // of all steps
	dir     string
	program string
	env     []string
	replace []string
}

var makeOnce = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("make", "-C", "../..", "build").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return filepath.Abs("../../bin")
})

// newDesk builds as the README says, and sits down.
func newDesk(t *testing.T) *desk {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make on the PATH")
	}
	bin, err := makeOnce()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, whole: t, dir: t.TempDir(), program: filepath.Join(bin, "stagelock")}
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "STAGELOCK") })
	d.env = append(own, "HOME="+d.dir, "XDG_STATE_HOME=", "NO_COLOR=1", "NO_PROXY=",
		"STAGELOCK_ADMIN_LISTEN=unix:admin.sock", // other gateways of this machine have the port
		"STAGELOCK_RETRY_AFTER=1s", "STAGELOCK_CONFIG=stagelock.yaml")
	return d
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// here puts this desk's addresses in the place of a page's.
func (d *desk) here(text string) string { return strings.NewReplacer(d.replace...).Replace(text) }

func (d *desk) cmd(args ...string) *exec.Cmd {
	cmd := exec.Command(d.program)
	for _, a := range args {
		cmd.Args = append(cmd.Args, d.here(a))
	}
	cmd.Dir, cmd.Env = d.dir, d.env
	return cmd
}

// run returns what a command printed and its exit code.
func (d *desk) run(args ...string) (string, int) {
	d.t.Helper()
	cmd := d.cmd(args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// expect runs a command that must end with that code and say all of these, and returns what it said.
func (d *desk) expect(code int, args []string, says ...string) string {
	d.t.Helper()
	out, got := d.run(args...)
	if got != code {
		d.t.Fatalf("%s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			d.t.Errorf("%s does not say %q:\n%s", strings.Join(args, " "), s, out)
		}
	}
	return out
}

// service is a command that goes on.
type service struct {
	d    *desk
	cmd  *exec.Cmd
	said *said
}

// said is what a process printed so far.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// service starts a command and waits until it says a text.
func (d *desk) service(until string, args ...string) *service {
	d.t.Helper()
	s := &service{d: d, cmd: d.cmd(args...), said: &said{}}
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.whole.Cleanup(func() { // it may outlast the step that started it
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	s.await(until)
	return s
}

// await waits until the service has said a text.
func (s *service) await(text string) {
	s.d.t.Helper()
	for end := time.Now().Add(limit); !strings.Contains(s.said.String(), text); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.d.t.Fatalf("%s does not say %q:\n%s", strings.Join(s.cmd.Args, " "), text, s.said)
		}
	}
}

// end stops the service in order.
func (s *service) end() {
	s.d.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.d.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.d.t.Fatalf("%s: %v\n%s", strings.Join(s.cmd.Args, " "), err, s.said)
	}
}

// names answers for the DNS: a proxy that makes each connection to one address, whatever the name.
func (d *desk) names(address string) {
	d.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(c, address)
		}
	}()
	d.env = append(d.env[:len(d.env):len(d.env)], "HTTPS_PROXY=http://"+l.Addr().String())
}

func pass(c net.Conn, address string) {
	defer c.Close()
	r := bufio.NewReader(c)
	if req, err := http.ReadRequest(r); err != nil || req.Method != http.MethodConnect {
		return
	}
	var there net.Conn
	for end := time.Now().Add(limit); ; <-time.After(20 * time.Millisecond) { // it may be between two gateways
		var err error
		if there, err = net.Dial("tcp", address); err == nil {
			break
		}
		if time.Now().After(end) {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
	}
	defer there.Close()
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() { // ends with the connections
		_, _ = io.Copy(c, there)
		_ = c.Close()
	}()
	_, _ = io.Copy(there, r)
}

// archives leaves archives of as many sites, as staging exports them.
func (d *desk) archives(names ...string) {
	d.t.Helper()
	ctx := d.t.Context()
	e, err := engine.New(engine.Config{Dir: d.t.TempDir(), Build: "7413", Line: "7.4", CompanyID: 20097, Now: time.Now,
		Verify: servlet.Tokens("7.4", func(string) string { return "" })})
	if err != nil {
		d.t.Fatal(err)
	}
	defer e.Close()
	const source = 20121
	if _, err = e.CreateSite(ctx, engine.Site{ID: source, Name: "Source"}); err != nil {
		d.t.Fatal(err)
	}
	for _, name := range names {
		if _, err := e.AddPage(ctx, source, name, strings.Repeat("Welcome to "+name+". ", 2000), engine.PageOptions{}); err != nil {
			d.t.Fatal(err)
		}
		lar, err := e.Export(ctx, source, engine.ExportOptions{})
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := os.ReadFile(lar.Path)
		if err != nil {
			d.t.Fatal(err)
		}
		d.write(name+".lar", string(text))
	}
}
