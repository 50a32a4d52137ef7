package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/demo"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/ports"
)

// stalling is a proxy that carries a number of bytes towards a gateway, and then nothing until it is
// let go.
type stalling struct {
	left    int64
	stalled chan struct{} // closed when it carries nothing more
	goOn    chan struct{}
	mu      sync.Mutex // guards left and stalled
}

func stall(t *testing.T, after int64) (*stalling, string) {
	t.Helper()
	s := &stalling{left: after, stalled: make(chan struct{}), goOn: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.release()
		wg.Wait()
	})
	return s, "http://" + l.Addr().String()
}

func (s *stalling) carry(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		return
	}
	there, err := net.Dial("tcp", req.Host)
	if err != nil {
		return
	}
	defer there.Close()
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() { // ends with the connections
		_, _ = io.Copy(c, there)
		_ = c.Close()
	}()
	buf := make([]byte, 1<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			s.pass(int64(n))
			if _, err := there.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait returns when nothing more is carried.
func (s *stalling) wait(t *testing.T, out *output) {
	t.Helper()
	select {
	case <-s.stalled:
	case <-time.After(20 * time.Second):
		t.Fatalf("the publish did not reach the place where it stalls:\n%s", out)
	}
}

// pass returns when n bytes may be carried.
func (s *stalling) pass(n int64) {
	s.mu.Lock()
	before := s.left
	s.left -= n
	if before >= 0 && s.left < 0 {
		close(s.stalled)
	}
	over := s.left < 0
	s.mu.Unlock()
	if over {
		<-s.goOn
	}
}

func (s *stalling) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.goOn:
	default:
		close(s.goOn)
	}
}

// live is an environment with an archive for it.
func live(t *testing.T) (e *demo.Environment, lar string) {
	t.Helper()
	ctx := context.Background()
	sh := &term.Shell{In: strings.NewReader(""), Out: os.Stderr, Err: os.Stderr, Now: time.Now, Rand: rand.Reader}
	dir := t.TempDir()
	e, err := demo.NewEnvironment(ctx, sh, filepath.Join(dir, "live"), "live", "staging", liveSite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = e.Engine.CreateSite(ctx, engine.Site{ID: sourceSite, Name: "Source"})
	if err == nil {
		_, err = e.Engine.AddPage(ctx, sourceSite, "Home", "Welcome.", engine.PageOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	exported, err := e.Engine.Export(ctx, sourceSite, engine.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lar = filepath.Join(dir, "site.lar")
	if err := os.Rename(exported.Path, lar); err != nil {
		t.Fatal(err)
	}
	return e, lar
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// publishing starts stagelock publish through a proxy, with a home of its own.
func publishing(t *testing.T, e *demo.Environment, proxy, lar, home string) (*exec.Cmd, *output) {
	t.Helper()
	cmd := exec.Command("stagelock", "publish", lar, "--to", e.URL(), "--proxy", proxy, "--site", "20143", "--login", login,
		"--secret-file", e.SecretFile(), "--hex", "--ca", e.CA, "--buffer", "100")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME=")
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func exitOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// halfway is how many bytes go over the line before it stalls: some of the parts.
const halfway = 12_000

// A publish that was killed goes on behind the parts that arrived when it is given again.
func TestKilledPublishGoesOn(t *testing.T) {
	e, lar := live(t)
	home := t.TempDir()
	s, proxy := stall(t, halfway)
	cmd, out := publishing(t, e, proxy, lar, home)
	s.wait(t, out)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	exitOf(t, cmd)
	s.release()
	cmd, out = publishing(t, e, proxy, lar, home)
	if code := exitOf(t, cmd); code != 0 || !strings.Contains(out.String(), "of them sent earlier") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if done, err := e.Engine.Publishes(t.Context(), liveSite); err != nil || len(done) != 1 {
		t.Errorf("%d publishes arrived, %v", len(done), err)
	}
	if left, err := filepath.Glob(filepath.Join(home, ".local", "state", "stagelock", "publish", "*")); err != nil || len(left) != 0 {
		t.Errorf("left in the home: %v, %v", left, err)
	}
}

// Ctrl-C ends a publish with what is known, and leaves nothing on live.
func TestStoppedPublishSaysWhatIsKnown(t *testing.T) {
	e, lar := live(t)
	s, proxy := stall(t, halfway)
	cmd, out := publishing(t, e, proxy, lar, t.TempDir())
	s.wait(t, out)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.release()
	code := exitOf(t, cmd)
	if code != 130 || !strings.Contains(out.String(), "parts had arrived; nothing was imported; what had arrived was removed from live") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if left, err := e.Engine.StagingRequests(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d requests left, %v", len(left), err)
	}
}

// Two publishes of one archive, from one machine and from two: the second is told, the first ends
// well.
func TestSecondPublishOfOneArchiveIsTold(t *testing.T) {
	e, lar := live(t)
	home := t.TempDir()
	s, proxy := stall(t, halfway)
	first, firstOut := publishing(t, e, proxy, lar, home)
	s.wait(t, firstOut)
	second, secondOut := publishing(t, e, proxy, lar, home)
	if code := exitOf(t, second); code != 75 || !strings.Contains(secondOut.String(), "this archive is being published now, since ") {
		t.Errorf("the second: exit code %d:\n%s", code, secondOut)
	}
	elsewhere, elsewhereOut := publishing(t, e, "none", lar, t.TempDir())
	if code := exitOf(t, elsewhere); code != 75 || !strings.Contains(elsewhereOut.String(), "being published") {
		t.Errorf("one from another machine: exit code %d:\n%s", code, elsewhereOut)
	}
	s.release()
	if code := exitOf(t, first); code != 0 {
		t.Errorf("the first: exit code %d:\n%s", code, firstOut)
	}
}

// A journal that cannot be kept is said, and is no reason not to publish.
func TestPublishWithoutAHomeToWriteTo(t *testing.T) {
	e, lar := live(t)
	home := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(home, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := publishing(t, e, "none", lar, home)
	if code := exitOf(t, cmd); code != 0 || !strings.Contains(out.String(), "a publish that is cut begins anew") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// behind writes the configuration of a gateway of its own in front of the environment's engine.
func behind(t *testing.T, e *demo.Environment, listen string) (file string) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(configuration, filepath.Join(dir, "data"), strings.TrimPrefix(e.EngineURL(), "http://"), liveSite, login, e.SecretFile())
	file = filepath.Join(dir, "stagelock.yaml")
	listenAt(t, file, text, listen)
	return file
}

func listenAt(t *testing.T, file, text, listen string) {
	t.Helper()
	text = strings.Replace(text, `listen: ["127.0.0.1:0"]`, fmt.Sprintf("listen: [%q]", listen), 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A gateway that is killed in the middle of a publish and started again costs nothing: the part that
// was cut is sent again, none is carried out twice, and the archive is imported once.
func TestPublishGoesOnThroughARestartOfTheGateway(t *testing.T) {
	e, lar := live(t)
	address := ports.Free(t)
	file := behind(t, e, address)
	gateway := start(t, file)
	s, proxy := stall(t, halfway)
	cmd := exec.Command("stagelock", "publish", lar, "--to", "https://"+address, "--proxy", proxy, "--site", "20143",
		"--login", login, "--secret-file", e.SecretFile(), "--hex", "--ca", gateway.greeting.CA, "--buffer", "100")
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.wait(t, &out)
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gateway.exit()
	s.release()
	start(t, file)
	if code := exitOf(t, cmd); code != 0 || !strings.Contains(out.String(), "attempt 2 in") {
		t.Errorf("exit code %d:\n%s", code, &out)
	}
	if done, err := e.Engine.Publishes(t.Context(), liveSite); err != nil || len(done) != 1 {
		t.Errorf("%d publishes arrived, %v", len(done), err)
	}
}
