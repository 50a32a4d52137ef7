package liferay_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// faulty stands in place of an engine that fails in a way of the test's choice.
type faulty struct {
	l     net.Listener
	conns sync.WaitGroup
	id    []byte // a Long

	mu   sync.Mutex // guards what follows
	mode fault
	open map[net.Conn]struct{}
}

// fault is how it fails.
type fault int

const (
	answersNothing fault = iota // 200 without a body
	answersID                   // a Long, as to a create
	diesAtHead                  // closes once it has the head of a call
	diesAtEnd                   // closes once it has the whole call
)

func newFaulty(t testing.TB) *faulty {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	id, err := liferay.AppendValue(nil, "7.4.3.112", int64(40201))
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{l: l, id: id, open: map[net.Conn]struct{}{}}
	f.conns.Go(f.accept)
	t.Cleanup(func() {
		l.Close()
		f.mu.Lock()
		for c := range f.open {
			c.Close()
		}
		f.mu.Unlock()
		f.conns.Wait()
	})
	return f
}

func (f *faulty) url() string { return "http://" + f.l.Addr().String() }

func (f *faulty) set(m fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = m
}

func (f *faulty) now() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mode
}

func (f *faulty) accept() {
	for {
		c, err := f.l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.open[c] = struct{}{}
		f.mu.Unlock()
		f.conns.Go(func() {
			f.serve(c)
			f.mu.Lock()
			delete(f.open, c)
			f.mu.Unlock()
			c.Close()
		})
	}
}

// serve answers health checks as it should and calls as the mode says.
func (f *faulty) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if req.Method == http.MethodPost {
			if f.now() == diesAtHead {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil || f.now() == diesAtEnd {
				return
			}
		}
		var body []byte
		if req.Method == http.MethodPost && f.now() == answersID {
			body = f.id
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			return
		}
	}
}

// fronts are gateways that differ from the usual one in a setting.
type fronts struct {
	hostile  *harness.Gateway // as the usual one, with a log of its own
	any      *harness.Gateway // every site
	secret   *harness.Gateway // another secret
	foreign  *harness.Gateway // nobody from here
	logins   *harness.Gateway // another login only
	unknown  *harness.Gateway // the engine behind it knows another secret
	broken   *harness.Gateway // before the faulty engine
	unserved *harness.Gateway // nothing listens behind it
}

func newFronts(t *testing.T, o harness.Options, f *faulty) fronts {
	t.Helper()
	change := func(set func(*harness.Options)) *harness.Gateway {
		o := o
		set(&o)
		return harness.Start(t, o)
	}
	return fronts{
		hostile:  change(func(*harness.Options) {}),
		any:      change(func(o *harness.Options) { o.Sites = "[any]" }),
		secret:   change(func(o *harness.Options) { o.Secret, o.Engine = "6543210987654321", o.Secret }),
		foreign:  change(func(o *harness.Options) { o.Allow = `["203.0.113.0/24"]` }),
		logins:   change(func(o *harness.Options) { o.Logins = "[somebody.else@example.com]" }),
		unknown:  change(func(o *harness.Options) { o.Engine = "6543210987654321" }),
		broken:   change(func(o *harness.Options) { o.Upstream = f.url() }),
		unserved: change(func(o *harness.Options) { o.Upstream = "http://" + ports.Free(t) }),
	}
}

func (f fronts) all() []*harness.Gateway {
	return []*harness.Gateway{f.hostile, f.any, f.secret, f.foreign, f.logins, f.unknown, f.broken, f.unserved}
}
