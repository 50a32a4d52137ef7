package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/status"
)

// How long is waited for a client, and for the answers under way when a listener ends.
const (
	headTime   = 10 * time.Second
	restTime   = time.Minute
	finishTime = 5 * time.Second
)

// Rules says who may do what over TCP. The zero Rules let only this machine in, and by its own names.
type Rules struct {
	Allowed  func(netip.Addr) bool // other machines that may read; nil: none
	Names    []string              // that may stand in a Host header, beside addresses
	Profiles bool                  // pprof over TCP too, for this machine
}

// Config is what a Server is built from.
type Config struct {
	Status  func() status.Status
	Reload  func(context.Context, Asker) Reloaded // reads the configuration anew
	Metrics http.Handler
	Rules   func() Rules // those in use
	Log     *logrus.Entry
	// Orders answer what those ask who may change things, by the beginning of the path.
	Orders map[string]http.Handler
}

// Server is the admin listener. It is safe for concurrent use.
type Server struct {
	cfg     Config
	handler http.Handler

	mu      sync.Mutex // guards what follows
	places  []*place
	running bool
	closed  bool
	ending  sync.WaitGroup
}

// place is one address that is listened on.
type place struct {
	Address
	l    net.Listener
	http *http.Server
}

// New returns a Server that listens nowhere yet.
func New(c Config) (*Server, error) {
	if c.Status == nil || c.Reload == nil || c.Metrics == nil || c.Rules == nil || c.Log == nil {
		return nil, errors.New("admin: a part of its configuration is missing")
	}
	s := &Server{cfg: c}
	s.handler = s.routes()
	return s, nil
}

// Change is a set of addresses that are bound and not yet used, in place of those that are.
type Change struct {
	s    *Server
	next []*place
	made []*place // of these, those that were not there before
}

// Bind listens on addresses. Those that are listened on already stay as they are; one of given, which
// a service manager bound, is taken for the address that it has. What cannot be bound is an error,
// which changes nothing, or a warning in the log if the gateway can do without. The caller commits
// the Change or discards it.
func (s *Server) Bind(ctx context.Context, addresses []Address, given []net.Listener) (*Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Change{s: s}
	for _, a := range addresses {
		if i := slices.IndexFunc(s.places, a.same); i >= 0 {
			c.next = append(c.next, s.places[i])
			continue
		}
		l := take(&given, a)
		if l == nil {
			var err error
			own := slices.ContainsFunc(s.places, func(p *place) bool { return p.Network == a.Network && p.Name == a.Name })
			if l, err = a.bind(ctx, own); err != nil && a.Spare {
				s.cfg.Log.WithError(err).WithField("setting", "admin.listen").
					Warn("the gateway runs without its admin listener at " + a.String() + "; set admin.listen")
				continue
			} else if err != nil {
				return nil, errors.Join(fmt.Errorf("cannot listen on %s: %w", a, err), c.Discard())
			}
		}
		p := &place{Address: a, l: l}
		c.next, c.made = append(c.next, p), append(c.made, p)
	}
	if len(given) > 0 {
		return nil, errors.Join(fmt.Errorf("the service manager hands over a socket at %s for the admin listener, "+
			"which admin.listen does not name: make both agree", given[0].Addr()), c.Discard())
	}
	return c, nil
}

// same reports whether p is the place of the address. Port 0 is any: what was bound stays.
func (a Address) same(p *place) bool {
	return a.Network == p.Network && a.Name == p.Name && a.Group == p.Group
}

// take finds the listener for an address among given, and takes it out.
func take(given *[]net.Listener, a Address) net.Listener {
	for i, l := range *given {
		at := l.Addr()
		if at.Network() != a.Network || at.String() != a.Name {
			continue
		}
		*given = slices.Delete(slices.Clone(*given), i, i+1)
		return l
	}
	return nil
}

// Commit uses what was bound, unless the Server was closed meanwhile. Connections of addresses that are no
// longer listened on end when they have their answer.
func (c *Change) Commit() {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Discard() // nobody is there to be told
		return
	}
	old := s.places
	s.places = c.next
	for _, p := range c.made {
		if waits, ok := p.l.(*socket); ok {
			if err := waits.appear(); err != nil {
				s.cfg.Log.WithError(err).Error("the admin listener at " + p.String() + " cannot be reached")
			}
		}
	}
	if s.running {
		for _, p := range c.made {
			s.serve(p)
		}
	}
	for _, p := range old {
		if !slices.Contains(s.places, p) {
			s.end(p)
		}
	}
}

// Discard closes what was bound.
func (c *Change) Discard() error {
	var errs []error
	for _, p := range c.made {
		errs = append(errs, p.l.Close())
	}
	return errors.Join(errs...)
}

// serve begins to answer at p. The caller holds mu.
func (s *Server) serve(p *place) {
	p.http = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headTime, IdleTimeout: restTime, MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, cameBy{}, arrival{p, processOf(c)})
		},
		ErrorLog: nil,
	}
	p.http.ErrorLog = logger(s.cfg.Log)
	s.ending.Go(func() {
		if err := p.http.Serve(p.l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.cfg.Log.WithError(err).Error("the admin listener at " + p.String() + " ended")
		}
	})
}

// end lets p finish what it answers. The caller holds mu.
func (s *Server) end(p *place) {
	_ = p.l.Close() // it may be closed already
	if p.http == nil {
		return
	}
	s.ending.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), finishTime)
		defer cancel()
		if err := p.http.Shutdown(ctx); err != nil {
			_ = p.http.Close()
		}
	})
}

// Run serves until ctx ends, and waits for the answers under way.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = true
	for _, p := range s.places {
		s.serve(p)
	}
	s.mu.Unlock()
	<-ctx.Done()
	return s.Close()
}

// Close ends listening. It may be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed, s.running = true, false
		for _, p := range s.places {
			s.end(p)
		}
		s.places = nil
	}
	s.mu.Unlock()
	s.ending.Wait()
	return nil
}

// Addrs returns where is listened, as the configuration writes it, with the ports that were taken.
func (s *Server) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, p := range s.places {
		a := p.Address
		if a.Network == "tcp" {
			a.Name = p.l.Addr().String()
		}
		all = append(all, a.String())
	}
	return all
}

// cameBy is the key of the arrival of a request.
type cameBy struct{}

// arrival is the place by which a request came, and what is at the other end if that is a Unix socket.
type arrival struct {
	place *place
	process
}

// bySocket reports whether a request came by the Unix socket, so that who made it may open that.
func bySocket(r *http.Request) bool {
	came, _ := r.Context().Value(cameBy{}).(arrival)
	return came.place != nil && came.place.Network == "unix"
}

// trusted reports whether who made the request may change things: it came by the socket, or from
// this machine and through nobody.
func trusted(r *http.Request) bool {
	if bySocket(r) {
		return true
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return client(r).IsLoopback()
}

// client is the address that a request comes from; the zero one by a socket.
func client(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// hostName cuts the port off a Host.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
