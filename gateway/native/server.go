package native

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel"
)

// restTime is how long a connection may rest, and a head may take.
const restTime = time.Minute

// ReasonPath is the reason why a path is refused that nothing is at.
const ReasonPath tunnel.Reason = "path.unknown"

// Config is what a Server is built from.
type Config struct {
	Visits *visit.Visits
	Rules  func() *visit.Rules // those in use
	Meter  Meter
	// Health answers the health paths; ok is false for any other path.
	Health func(path string) (status int, body []byte, ok bool)
	// Routes answer, by the beginning of the path, who was admitted. An error that is a Problem was not
	// answered yet.
	Routes map[string]Route
	// Log has what clients do wrong, on its level debug; nil: nobody does.
	Log *logrus.Entry
}

// Meter counts requests. *metrics.Metrics is one.
type Meter interface{ Call(c metrics.Call) }

// Route answers a request that was admitted.
type Route func(w http.ResponseWriter, r *http.Request, v *visit.Visit) error

// Server serves connections that speak HTTP/2. It is safe for concurrent use.
type Server struct {
	cfg  Config
	http *http.Server
	hand handed
	done chan struct{}

	ends    chan struct{} // a place for each refused request whose body is read to its end
	endTime time.Duration
	answer  time.Duration // in which a client takes one
	refusal time.Duration // in which it takes a refusal

	draining atomic.Bool
}

// New returns a Server that serves once Run is called.
func New(c Config) (*Server, error) {
	if c.Visits == nil || c.Rules == nil || c.Meter == nil || c.Health == nil {
		return nil, errors.New("native: a part of its configuration is missing")
	}
	s := &Server{cfg: c, hand: handed{conns: make(chan net.Conn), ended: make(chan struct{})}, done: make(chan struct{}),
		ends: make(chan struct{}, endPlaces), endTime: endTime, answer: answerTime, refusal: refusalTime}
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: restTime, IdleTimeout: restTime,
		MaxHeaderBytes: maxHead, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams}, ErrorLog: stdlog.New(faults{c.Log}, "", 0),
		TLSConfig:   &tls.Config{NextProtos: []string{front.HTTP2}, MinVersion: tls.VersionTLS12},
		ConnContext: connContext,
		ConnState: func(c net.Conn, state http.ConnState) {
			if v, ok := s.hand.open.Load(c); ok && (state == http.StateClosed || state == http.StateHijacked) {
				close(v.(*served).ended)
				s.hand.open.Delete(c)
			}
		},
	}
	return s, nil
}

// maxHead is how large a head may be once it is unpacked: a few bytes stand for many, on each stream at once.
const maxHead = 32 << 10

// maxStreams is for how many requests at once one connection holds heads: who takes no answers keeps them all.
const maxStreams = 16

// refusalTime is how long a client may keep a refusal from being written, and with it its request.
const refusalTime = 10 * time.Second

// answerTime is how long a client may keep any other answer from being written.
const answerTime = 2 * time.Minute

// timed is an answer that a client takes within a time, counted from its head on: what comes before, such as a large body,
// may take longer.
type timed struct {
	http.ResponseWriter
	within time.Duration
	begun  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *timed) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *timed) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (w *timed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timed) begin() {
	if !w.begun {
		w.begun = true
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.within)) // every stream has one
	}
}

// faults keeps what the library says of clients out of standard error, which they could fill.
type faults struct{ log *logrus.Entry }

func (f faults) Write(b []byte) (int, error) {
	if f.log != nil {
		f.log.Debug(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

type connKey struct{}

// connContext keeps the connection, for its address.
func connContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Drain tells clients that their connections end, and returns when the requests under way have their
// answers, or ctx ends. What was not begun they ask elsewhere.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	s.hand.Close()
	return s.http.Shutdown(ctx)
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.done)
	stop := context.AfterFunc(ctx, func() {
		s.hand.Close()
		s.http.Close()
	})
	defer stop()
	err := s.http.Serve(&s.hand)
	if s.draining.Load() {
		<-ctx.Done() // connections are still being served
	}
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Serve serves one connection to its end.
func (s *Server) Serve(ctx context.Context, c front.Connection) {
	defer c.Conn.Close()
	v := &served{Connection: c, ended: make(chan struct{})}
	s.hand.open.Store(c.Conn, v)
	defer s.hand.open.Delete(c.Conn)
	select {
	case s.hand.conns <- c.Conn:
	case <-s.hand.ended:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-v.ended:
	case <-s.done:
	}
}

// serve takes one request through the steps of a visit. What is refused is refused in words, as a
// browser shows them.
func (s *Server) serve(rw http.ResponseWriter, r *http.Request) {
	w := &timed{ResponseWriter: rw, within: s.answer}
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	known, ok := s.hand.open.Load(conn)
	if !ok {
		return
	}
	c := known.(*served)
	v := s.cfg.Visits.Open(c.Socket, s.cfg.Rules())
	v.Method = r.Method
	w.Header().Set("X-Stagelock-Reference", v.Ref)
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"peer", func() error { return v.Client(r.Header.Values("X-Forwarded-For")) }},
		{"health", func() error { return s.health(w, r, v) }},
		{"admit", func() error { return v.Admit(c.OverLimit) }},
		{"route", func() error { return s.route(w, r, v) }},
	} {
		err := step.run()
		var p *tunnel.Problem
		if errors.As(err, &p) {
			v.Deny(r.Context(), nil, p, step.name)
			s.cfg.Meter.Call(metrics.Call{Ref: v.Ref, Verdict: string(audit.Deny), Reason: string(p.Reason), At: v.Begun})
			if step.name == "route" {
				s.end(w, r)
			}
			w.within = s.refusal
			http.Error(w, policy.Tell(string(p.Reason), p.Msg)+" (reference "+v.Ref+")", status(p.Code))
			return
		}
		if err != nil {
			return // it was answered
		}
	}
}

// What is read of the body of a request that an allowed host made and that is refused.
const (
	endBytes  = 64 << 10
	endTime   = 5 * time.Second
	endPlaces = 64 // requests at once; any other is answered before its body
)

// end reads a body before its refusal is written: a stream whose body is not as long as its head says is no request and has
// to be reset, which the library does while somebody reads it.
func (s *Server) end(w http.ResponseWriter, r *http.Request) {
	select {
	case s.ends <- struct{}{}:
	default:
		return
	}
	defer func() { <-s.ends }()
	if http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.endTime)) == nil {
		_, _ = io.CopyN(io.Discard, r.Body, endBytes)
	}
}

// route answers by the path.
func (s *Server) route(w http.ResponseWriter, r *http.Request, v *visit.Visit) error {
	for prefix, route := range s.cfg.Routes {
		if strings.HasPrefix(r.URL.Path, prefix) {
			if err := route(w, r, v); err != nil {
				return err
			}
			return errAnswered
		}
	}
	return &tunnel.Problem{Code: tunnel.NotFound, Reason: ReasonPath, Msg: "nothing is here"}
}

var errAnswered = errors.New("answered")

// health answers a probe of this machine, a balancer, or an allowed host. A balancer's probe has no
// client behind it.
func (s *Server) health(w http.ResponseWriter, r *http.Request, v *visit.Visit) error {
	asks := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if !asks || !v.Local() {
		return nil
	}
	code, body, ok := s.cfg.Health(r.URL.Path)
	if !ok {
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body)
	return errAnswered
}

// statuses are the answers here; there are no exceptions on this wire.
var statuses = map[tunnel.Code]int{
	tunnel.BadRequest: http.StatusBadRequest, tunnel.NotFound: http.StatusNotFound,
	tunnel.Forbidden: http.StatusForbidden, tunnel.Refused: http.StatusTooManyRequests,
}

func status(c tunnel.Code) int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusServiceUnavailable
}

// served is a connection that was handed over.
type served struct {
	front.Connection
	ended chan struct{}
}

// handed is a listener of the connections that were accepted already.
type handed struct {
	conns chan net.Conn
	open  sync.Map // net.Conn → *served
	once  sync.Once
	ended chan struct{}
}

// Accept returns the next connection, and net.ErrClosed after Close.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.ended) })
	return nil
}

// Addr returns no address: connections come from several listeners.
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }
