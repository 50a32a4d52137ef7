package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/gateway/admin"
)

var (
	loadClients = flag.Int("clients", 8, "publishers who go on calling while gateways are swapped or reload")
	loadSwaps   = flag.Int("swaps", 10, "gateways that follow each other under load")
	loadReloads = flag.Int("reloads", 50, "reloads under load")
)

// load is publishers who go on calling, some of them over connections that they keep, and probes over
// HTTP/2.
type load struct {
	calls, probes atomic.Int64
	lost          atomic.Int64 // of both
	failed        chan error
	stop          context.CancelFunc
	all           sync.WaitGroup
}

// startLoad starts clients publishers of the gateway, and two probes.
func startLoad(t *testing.T, p *process, clients int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{failed: make(chan error, 1000), stop: cancel}
	t.Cleanup(l.end)
	for range clients {
		client := p.client(t)
		l.go1(ctx, &l.calls, func() error { return client.CheckRemoteStagingGroup(context.Background(), liveSite) })
	}
	pool, err := flags.Roots(p.greeting.CA)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h := &http.Client{Timeout: time.Minute,
			Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
		l.go1(ctx, &l.probes, func() error { return probe(h, p.greeting.Listen[0].String()) })
	}
	return l
}

// go1 calls f again and again until the load ends.
func (l *load) go1(ctx context.Context, n *atomic.Int64, f func() error) {
	l.all.Go(func() {
		for ctx.Err() == nil {
			if err := f(); err != nil {
				l.lost.Add(1)
				select {
				case l.failed <- fmt.Errorf("call %d: %w", n.Load(), err):
				default: // enough were told
				}
			}
			n.Add(1)
		}
	})
}

func probe(h *http.Client, at string) error {
	res, err := h.Get("https://" + at + "/-/healthy")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		return fmt.Errorf("%s over %s: %w", res.Status, res.Proto, err)
	}
	return nil
}

// end lets the calls under way end.
func (l *load) end() {
	l.stop()
	l.all.Wait()
}

// await waits until more calls and probes were answered.
func (l *load) await(t *testing.T, calls, probes int64) {
	t.Helper()
	calls, probes = calls+l.calls.Load(), probes+l.probes.Load()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for l.calls.Load() < calls || l.probes.Load() < probes {
		select {
		case err := <-l.failed:
			t.Error(err)
		case <-ctx.Done():
			t.Fatalf("%d calls, %d probes, and no more", l.calls.Load(), l.probes.Load())
		case <-time.After(time.Millisecond):
		}
	}
}

// report tells what became of all calls.
func (l *load) report(t *testing.T, what string) {
	t.Helper()
	l.end()
	close(l.failed)
	for err := range l.failed {
		t.Error(err)
	}
	t.Logf("prove: %s: %d calls, %d probes over HTTP/2, %d failed", what, l.calls.Load(), l.probes.Load(), l.lost.Load())
}

// void is an engine that answers every call with nothing.
func void(t *testing.T) string {
	t.Helper()
	address, stop, err := (&raw{answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}).serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

// Gateways follow each other on one socket while publishers go on calling: no call is lost, and no
// request over HTTP/2.
func TestSwapsUnderLoadLoseNoCall(t *testing.T) {
	at, socket := bound(t)
	file, _ := configFile(t, void(t))
	setListen(t, file, at)
	p := handed(t, file, socket)
	work := startLoad(t, p, *loadClients)
	for range *loadSwaps {
		work.await(t, int64(3**loadClients), 3)
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := p.exit(); code != 0 {
			t.Errorf("exit code %d: %s", code, p.log)
		}
		p = handed(t, file, socket)
	}
	work.await(t, int64(*loadClients), 2)
	work.report(t, fmt.Sprintf("%d swaps under %d clients", *loadSwaps, *loadClients))
}

// turns are what the configuration says at each reload: one after the other it is bad, the engine is
// reached otherwise, the limits are others, the admin listener moves.
var turns = []func(good, second string) string{
	func(good, _ string) string { return good + "heartbeat: 20s\n" },
	func(good, _ string) string { return good + "nonsense: 1\n" },
	func(good, _ string) string {
		return strings.Replace(good, "upstream: {", "upstream: {connect_timeout: 4s, ", 1)
	},
	func(good, _ string) string {
		return strings.Replace(good, "quota: {", "quota: {connections: 2000, ", 1)
	},
	func(good, second string) string {
		return strings.Replace(good, `"127.0.0.1:0"]}`, `"unix:`+second+`"]}`, 1)
	},
	func(good, _ string) string { return "listen: [\n" + good },
	func(good, _ string) string {
		return strings.Replace(good, "logins: [", "logins: [other@example.com, ", 1)
	},
	func(good, _ string) string { return good },
}

// Reloads, good ones and bad ones, of everything that a reload can change: no call is lost, and what
// is bad is refused.
func TestReloadsUnderLoadLoseNoCall(t *testing.T) {
	// All publishers have one address, from which 64 connections are taken if nothing else is said.
	file, _, socket := adminConfig(t, void(t), fmt.Sprintf("quota: {connections_per_address: %d}", 10*4**loadClients))
	p := start(t, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	work := startLoad(t, p, 4**loadClients)
	client := admin.NewClient(admin.Address{Network: "unix", Name: socket})
	refused := 0
	for i := range *loadReloads {
		next := turns[i%len(turns)](good, socket+"2")
		if err := os.WriteFile(file, []byte(next), 0o600); err != nil {
			t.Fatal(err)
		}
		done, err := client.Reload(t.Context())
		if err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
		bad := strings.Contains(next, "nonsense") || strings.HasPrefix(next, "listen: [\n")
		if done.OK == bad {
			t.Errorf("reload %d: %+v", i, done)
		}
		if bad {
			refused++
		}
		work.await(t, 2, 1)
	}
	work.report(t, fmt.Sprintf("%d reloads, %d of them refused, under %d clients", *loadReloads, refused, 4**loadClients))
	now, err := client.Status(t.Context())
	if err != nil || !now.Ready {
		t.Errorf("afterwards: %+v %v", now, err)
	}
}
