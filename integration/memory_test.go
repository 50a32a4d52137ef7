package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

const (
	memoryClients = 64
	memoryPart    = 10 << 20
	memoryLimit   = 40 << 20 // held beyond what an idle gateway holds
)

// resident returns the peak of a process's resident memory in bytes.
func resident(t testing.TB, pid int) int64 {
	t.Helper()
	text := string(readFile(t, "/proc/"+strconv.Itoa(pid)+"/status"))
	_, rest, found := strings.Cut(text, "VmHWM:")
	fields := strings.Fields(rest)
	if !found || len(fields) < 2 || fields[1] != "kB" {
		t.Fatalf("no peak in %q", text)
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// startProcess starts a gateway in a process of its own, and stops it when the test ends.
func startProcess(t testing.TB, o harness.Options, e errand) (*harness.Process, *harness.Gateway) {
	t.Helper()
	dir := t.TempDir()
	e.File = writeConfig(t, o, dir, "127.0.0.1:0")
	c, err := startChild(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return c, &harness.Gateway{Addr: c.Addr, URL: "https://" + c.Addr + o.Context, File: e.File, Dir: dir,
		TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}}
}

// Clients that are all in the middle of a part at once cost the gateway a bounded buffer each.
func TestMemoryOfManyParts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the peak of a process is read from /proc")
	}
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	var id atomic.Int64
	middle := make(chan struct{}, 2*memoryClients)
	create := func() any { return id.Add(1) }
	s := newStub(t, answers(t, map[string]func() any{"createStagingRequest": create}), func() { middle <- struct{}{} })
	h := startHolder(t, harness.Options{Upstream: s.URL, Allow: `["127.0.0.0/8"]`, Extra: append([]string{slowLine}, unhurried...)})
	idle, idleHeld := resident(t, h.pid), h.held(t)

	content := bytes.Repeat([]byte("0123456789abcdef"), memoryPart/16)
	var ready, done sync.WaitGroup
	defer done.Wait()
	letGo, failed := make(chan struct{}), make(chan struct{}, memoryClients)
	release := sync.OnceFunc(func() { close(letGo) })
	defer release()
	ready.Add(memoryClients)
	for i := range memoryClients {
		j := newJavaClient(h.Gateway, harness.NewKey(t, harness.Secret))
		j.from = net.IPv4(127, 2, 0, byte(1+i))
		done.Go(func() {
			defer j.close()
			if err := holdPart(t.Context(), j, i, content, &ready, letGo); err != nil {
				t.Errorf("client %d: %v", i, err)
				failed <- struct{}{}
			}
		})
	}
	ready.Wait()
	for range 2 * memoryClients { // a create and half a part of each have reached the engine
		select {
		case <-middle:
		case <-failed:
			t.Fatal("a client failed")
		}
	}
	held := h.held(t) - idleHeld
	release()
	done.Wait()
	t.Logf("%.1f MiB held beyond idle with %d clients, peak resident %.1f MiB beyond idle", mib(held), memoryClients, mib(resident(t, h.pid)-idle))
	if held >= memoryLimit {
		t.Errorf("%.1f MiB are held beyond idle, want less than %.1f MiB", mib(held), mib(memoryLimit))
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// holdPart creates a request, sends part of a part, waits to be let go, and sends the rest.
func holdPart(ctx context.Context, j *javaClient, i int, content []byte, ready *sync.WaitGroup, letGo <-chan struct{}) error {
	there := sync.OnceFunc(ready.Done)
	defer there()
	id, err := j.do(ctx, "createStagingRequest", int64(harness.Site), fmt.Sprintf("%032x", i))
	if err != nil {
		return err
	}
	n, ok := id.(int64)
	if !ok {
		return fmt.Errorf("create answered %T", id)
	}
	body, err := j.part(n, "3c0d.zip00", content)
	if err != nil {
		return err
	}
	if _, err := j.conn.Write(append(j.head(len(body)), body[:len(body)*3/4]...)); err != nil {
		return err
	}
	there()
	if err := trickle(j.conn, body[len(body)*3/4:], letGo); err != nil {
		return err
	}
	_, err = j.answer("void")
	return err
}

// slowLine is the setting under which what trickle sends comes fast enough.
const slowLine = "limits: { body_min_rate: 1 }"

// trickle holds a body back until stop is closed, and then sends the rest of it. A little is sent all the time: of a client that
// says nothing for ten seconds the call would be refused.
func trickle(w io.Writer, rest []byte, stop <-chan struct{}) error {
	little := max(1, len(rest)/400)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for stopped := false; !stopped && len(rest) > little; {
		select {
		case <-stop:
			stopped = true
		case <-tick.C:
			if _, err := w.Write(rest[:little]); err != nil {
				return err
			}
			rest = rest[little:]
		}
	}
	<-stop
	_, err := w.Write(rest)
	return err
}
