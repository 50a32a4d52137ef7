package node_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store/files"
)

const text = `listen: ["127.0.0.1:0"]
names: ["live.example.com"]
hosts: { allow: ["127.0.0.1"] }
admin: { listen: ["127.0.0.1:0"] }
audit: { checkpoint: 1s }
engine:
  browser_url: https://www.example.com
  upstream: { nodes: ["http://127.0.0.1:1"], health: { call: 0s } }
peers:
  - name: staging
    sites: [20143]
    logins: ["publisher@example.com"]
    secret: { value: "0123456789abcdef" }
`

func load(dir, text string) (*conf.Config, []conf.Problem) {
	return conf.Load(conf.Options{File: filepath.Join(dir, "c.yaml"), ReadFile: func(string) ([]byte, error) {
		return []byte("data: " + filepath.Join(dir, "data") + "\n" + text), nil
	}})
}

func build(t *testing.T, dir string, change func(*node.Config)) *node.Node {
	t.Helper()
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	cfg, problems := load(dir, text)
	if conf.Fatal(problems) {
		t.Fatalf("configuration: %v", problems)
	}
	c := node.Config{Conf: cfg, Log: logrus.NewEntry(quiet), Version: "test",
		Load: func() (*conf.Config, []conf.Problem) { return load(dir, text) }}
	if change != nil {
		change(&c)
	}
	n, err := node.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// events returns what the audit log says.
func events(t *testing.T, dir string) (all []audit.Event) {
	t.Helper()
	log, err := files.Open(files.Config{Dir: filepath.Join(dir, "data", "audit"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := audit.List(t.Context(), log, audit.Filter{}, func(ev audit.Event) error {
		all = append(all, ev)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

var errBroken = errors.New("this listener is broken")

// broken is a socket that a service manager hands over and that nobody can accept from.
type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { return nil, errBroken }

// TestAGatewayThatCannotGoOnSaysSo: when one part failed, what was to be written behind answers was given
// up, and the log had no end.
func TestAGatewayThatCannotGoOnSaysSo(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := build(t, dir, func(c *node.Config) { c.Listeners = []net.Listener{broken{l}} })
	if err := n.Run(t.Context()); !errors.Is(err, errBroken) {
		t.Fatalf("ended with %v", err)
	}
	var last audit.Event
	for _, ev := range events(t, dir) {
		if ev.Kind != audit.KindCheckpoint {
			last = ev
		}
	}
	if last.Kind != audit.KindStop || !strings.Contains(last.Detail, errBroken.Error()) {
		t.Errorf("the log ends with %+v", last)
	}
}

// running runs a node until the test ends.
func running(t *testing.T, n *node.Node) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

// until waits until there is what it is asked for.
func until(t *testing.T, there func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !there() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it never came")
		}
	}
}

// A reload waits for a certificate authority or a disk; what a gateway is asked meanwhile does not wait
// for the reload, and it can be stopped.
func TestNothingWaitsForAReload(t *testing.T) {
	dir := t.TempDir()
	entered, leave := make(chan struct{}), make(chan struct{})
	n := build(t, dir, func(c *node.Config) {
		c.Load = func() (*conf.Config, []conf.Problem) {
			close(entered)
			<-leave
			return load(dir, strings.Replace(text, "20143", "20144", 1))
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	reloaded := make(chan error, 1)
	go func() {
		_, err := n.Reload(context.Background())
		reloaded <- err
	}()
	<-entered
	if h := n.Health(); len(h.Nodes) != 1 {
		t.Errorf("health %+v", h)
	}
	_ = n.Status()
	cancel()
	until(t, func() bool { // the drain has begun: nothing that it needs is held
		for _, ev := range events(t, dir) {
			if ev.Kind == audit.KindDrain {
				return true
			}
		}
		return false
	})
	close(leave)
	<-reloaded
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestAReloadIsUsedOrRefused(t *testing.T) {
	dir := t.TempDir()
	next := text
	n := build(t, dir, func(c *node.Config) {
		c.Load = func() (*conf.Config, []conf.Problem) { return load(dir, next) }
	})
	running(t, n)
	next = strings.Replace(text, "http://127.0.0.1:1", "http://127.0.0.1:2", 1)
	if r, err := n.Reload(t.Context()); err != nil || len(r.Changes) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, ok := n.Health().Nodes["127.0.0.1:2"]; !ok {
		t.Errorf("health %+v", n.Health())
	}
	next = strings.Replace(text, `"127.0.0.1"`, `"127.0.0.1/8"`, 1)
	if _, err := n.Reload(t.Context()); !errors.Is(err, node.ErrReload) || !strings.Contains(err.Error(), "hosts.allow[0]") {
		t.Errorf("got %v", err)
	}
	if _, ok := n.Health().Nodes["127.0.0.1:2"]; !ok {
		t.Errorf("after a refused reload: %+v", n.Health())
	}
}

// TestAReloadThatCannotBeRecordedSaysThatItIsInUse: it said what was wrong with the log, as if nothing had
// changed.
func TestAReloadThatCannotBeRecordedSaysThatItIsInUse(t *testing.T) {
	dir := t.TempDir()
	next := strings.Replace(text, "http://127.0.0.1:1", "http://127.0.0.1:2", 1)
	n := build(t, dir, func(c *node.Config) {
		c.Load = func() (*conf.Config, []conf.Problem) { return load(dir, next) }
	})
	over, cancel := context.WithCancel(t.Context())
	cancel() // nothing more is recorded under it
	r, err := n.Reload(over)
	if err == nil || errors.Is(err, node.ErrReload) || !strings.Contains(err.Error(), "the configuration is in use") || len(r.Changes) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestANameThatTheOwnAuthorityMayNotSignFor: the cure was to move the folder of certificates away, where the
// authority does not lie, and in which the key is that opens it.
func TestANameThatTheOwnAuthorityMayNotSignFor(t *testing.T) {
	dir := t.TempDir()
	next := strings.Replace(text, "live.example.com", "live.example.org", 1)
	n := build(t, dir, func(c *node.Config) {
		c.Load = func() (*conf.Config, []conf.Problem) { return load(dir, next) }
	})
	running(t, n)
	r, err := n.Reload(t.Context())
	if !errors.Is(err, node.ErrReload) || len(r.Problems) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	p := r.Problems[0]
	if p.Path != "names" || !strings.Contains(p.Msg, "live.example.org is outside") || !strings.Contains(p.Cure, "tls.source: files") {
		t.Errorf("got %s", p)
	}
}

// TestACheckpointThatCannotBeWrittenShowsInHealth: it was in no log and no health.
func TestACheckpointThatCannotBeWrittenShowsInHealth(t *testing.T) {
	dir := t.TempDir()
	n := build(t, dir, nil)
	checkpoint := filepath.Join(dir, "data", "audit.checkpoint")
	if err := errors.Join(os.Remove(checkpoint), os.MkdirAll(filepath.Join(checkpoint, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	running(t, n)
	told := func() bool { return strings.Contains(strings.Join(n.Health().Problems, "\n"), "checkpoint") }
	until(t, told) // the first is due a second after the start
	status, body := n.Ready()
	if err := os.RemoveAll(checkpoint); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return !told() })
	if _, err := os.Stat(checkpoint); err != nil {
		t.Errorf("it was not written again: %v", err)
	}
	if status == http.StatusOK || !strings.Contains(string(body), "checkpoint") {
		t.Errorf("ready says nothing of it: %s", body)
	}
}

// TestWhatAStoreCannotBeOpenedFor: database and audit key are read beside each other, and whichever fails says so; what
// the other opened is closed again, so that the next start finds it free.
func TestWhatAStoreCannotBeOpenedFor(t *testing.T) {
	for _, tt := range []struct{ name, file, want, cure string }{
		{"a database that is none", "stagelock.db", "the store cannot be opened", "mend the permissions"},
		{"an audit key that is none", "audit.key", "the key of the audit log cannot be read", "not one PEM block"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			bad := filepath.Join(dir, "data", tt.file)
			if err := os.MkdirAll(filepath.Dir(bad), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(bad, []byte(strings.Repeat("no such thing ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, problems := load(dir, text)
			if conf.Fatal(problems) {
				t.Fatalf("configuration: %v", problems)
			}
			log := logrus.New()
			log.SetOutput(io.Discard)
			n, err := node.New(t.Context(), node.Config{Conf: cfg, Log: logrus.NewEntry(log), Version: "test"})
			if err == nil {
				_ = n.Close()
				t.Fatal("it opens")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.cure) {
				t.Errorf("%v, want %q and %q", err, tt.want, tt.cure)
			}
			if err := os.Remove(bad); err != nil {
				t.Fatal(err)
			}
			build(t, dir, nil)
		})
	}
}

// TestAStoreOfItsOwnNotesNoMembership: only beside other gateways does anybody look for the id, and a note waits for the
// disk twice.
func TestAStoreOfItsOwnNotesNoMembership(t *testing.T) {
	dir := t.TempDir()
	build(t, dir, nil)
	if _, err := os.Lstat(node.DataDir(filepath.Join(dir, "data")).Life()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the note is there: %v", err)
	}
}
