package supervisor

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// messagesTo are the messages to a service manager that listens at NOTIFY_SOCKET, until the test ends.
func messagesTo(t *testing.T) <-chan string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sl") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	at := filepath.Join(dir, "n")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", at)
	all := make(chan string, 1000)
	go func() {
		defer close(all)
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			all <- string(buf[:n])
		}
	}()
	t.Cleanup(func() { c.Close() })
	return all
}

// TestWatchdogStarvesWithAGatewayThatHangs: it was fed by a timer, whatever became of the gateway.
func TestWatchdogStarvesWithAGatewayThatHangs(t *testing.T) {
	all := messagesTo(t)
	log := &bytes.Buffer{}
	l := logrus.New()
	l.SetOutput(log)
	m := &Manager{log: logrus.NewEntry(l), watchdog: 60 * time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	var hangs atomic.Bool
	var asked atomic.Int64
	alive := func(ctx context.Context) error {
		asked.Add(1)
		if !hangs.Load() {
			return nil
		}
		<-ctx.Done() // as a loop that accepts nothing
		return errors.New("nobody accepts")
	}
	var words atomic.Pointer[string]
	ready := "ready"
	words.Store(&ready)
	ended := make(chan struct{})
	go func() { defer close(ended); m.Watch(ctx, alive, func() string { return *words.Load() }) }()
	if first := <-all; !strings.Contains(first, "WATCHDOG=1") || !strings.Contains(first, "STATUS=ready") {
		t.Errorf("while it lives: %q", first)
	}
	hangs.Store(true)
	for at := asked.Load(); asked.Load() < at+3; { // one may be under way that began before
		runtime.Gosched()
	}
	for len(all) > 0 {
		<-all
	}
	other := "not ready"
	words.Store(&other)
	if m := <-all; strings.Contains(m, "WATCHDOG") || !strings.Contains(m, "STATUS=not ready") {
		t.Errorf("while it hangs: %q", m)
	}
	hangs.Store(false)
	for m := range all {
		if strings.Contains(m, "WATCHDOG=1") {
			break
		}
	}
	stop()
	<-ended
	if !strings.Contains(log.String(), "nobody accepts") {
		t.Errorf("the log does not say why: %s", log)
	}
}

// TestNoWatchdogIsNotFed: without one nobody asks the gateway whether it lives.
func TestNoWatchdogIsNotFed(t *testing.T) {
	all := messagesTo(t)
	l := logrus.New()
	l.SetOutput(&bytes.Buffer{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&Manager{log: logrus.NewEntry(l)}).Watch(ctx, func(context.Context) error { t.Error("asked"); return nil }, func() string { return "ready" })
	}()
	if m := <-all; m != "STATUS=ready" {
		t.Errorf("got %q", m)
	}
	stop()
	<-ended
}
