package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/syncserver"
)

// Config is what a Service is built from and keeps for its life; what a reload changes is in Policy.
type Config struct {
	Visits *visit.Visits
	Nonces store.Nonces
	Meter  Meter
	Log    *logrus.Entry
	// Health answers the health paths; ok is false for any other path.
	Health func(path string) (status int, body []byte, ok bool)
	// Pause, if it is set, is called at points of the way of a task. Tests hold or kill the process there.
	Pause func(point string)
	NewID func() string // of a message
	// Keeper takes the tasks of links that are kept; nil: there are none.
	Keeper Keeper
}

// Keeper keeps what a server hands in. It is safe for concurrent use.
type Keeper interface {
	// Echo reports whether a task of a server says no more than what was carried there. Named says that the task
	// itself says so.
	Echo(ctx context.Context, t syncserver.Task, named bool) (bool, error)
	// Keep keeps a task; it is on disk when it returns nil. The error is a *refusal.Error for a task that cannot be
	// kept; after any other it is not known to be kept, and may be handed in again.
	Keep(ctx context.Context, t syncserver.Task) error
}

// Meter counts calls. *metrics.Metrics is one.
type Meter interface{ Call(c metrics.Call) }

// Service serves the connections of those who send tasks. It is safe for concurrent use.
type Service struct {
	cfg    Config
	policy atomic.Pointer[Policy]
	echoes echoes
	places inflight.Places
	calls  running
}

// New returns a Service that has a policy and serves nothing yet.
func New(c Config, p *Policy) (*Service, error) {
	if c.Visits == nil || c.Nonces == nil || c.Meter == nil || c.Log == nil || c.Health == nil || c.NewID == nil || p == nil {
		return nil, errors.New("tasks: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	s := &Service{cfg: c}
	s.policy.Store(p)
	return s, nil
}

// Use replaces the policy. Calls under way keep theirs.
func (s *Service) Use(p *Policy) { s.policy.Store(p) }

// Policy returns the policy in use.
func (s *Service) Policy() *Policy { return s.policy.Load() }

// running counts calls under way, and ends when there are none.
type running struct {
	mu      sync.Mutex
	n       int
	stopped bool
	quiet   chan struct{}
}

// enter reports whether a call may begin.
func (r *running) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.n++
	return true
}

func (r *running) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n == 0 && r.stopped {
		close(r.quiet)
	}
}

// stop lets no call begin any more; the channel is closed when none is under way.
func (r *running) stop() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.stopped, r.quiet = true, make(chan struct{})
		if r.n == 0 {
			close(r.quiet)
		}
	}
	return r.quiet
}

func (r *running) stopping() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped
}

// Drain refuses what is sent from now on, and returns when what is under way has its answer, or with
// ctx's cause. Once it refuses it calls stopped.
func (s *Service) Drain(ctx context.Context, stopped func()) error {
	quiet := s.calls.stop()
	stopped()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// strangerDrain is how much of the body of a stranger is read before he is told so.
const strangerDrain = 64 << 10

// session is one connection.
type session struct {
	*Service
	front.Connection
	conn *http1.Conn
}

// Serve answers the calls of a connection until it ends, and closes it.
func (s *Service) Serve(ctx context.Context, c front.Connection) {
	profile := func() *http1.Profile { return s.Policy().Profile }
	ses := &session{Service: s, Connection: c, conn: http1.NewConn(c.Conn, profile())}
	ses.conn.Follow(profile)
	c.Requests(ctx, ses.conn, ses.serveOne)
}

// serveOne takes one call through the steps and reports whether the connection goes on.
func (s *session) serveOne(ctx context.Context, req *http1.Request, bad *http1.Error) bool {
	p := s.Policy()
	c := &call{session: s, Visit: s.cfg.Visits.Open(s.Socket, p.Rules), policy: p, req: req, bad: bad}
	c.Method = req.Method
	defer c.finish()
	defer c.Close(ctx, outcome{c}, func() { s.cfg.Pause("outcome appended") })
	err := c.guarded(func() error { return c.run(ctx) })
	if err != nil {
		if fault := c.guarded(func() error { c.refuse(ctx, err); return nil }); fault != nil {
			c.say(c.answerTo(problemOf(fault)), true) // unless something was answered already
			return false
		}
	}
	c.measure(err)
	return bad == nil && req.KeepAlive && !c.closing() && s.conn.Remaining() == 0
}

// guarded turns a fault of the gateway's own into a problem.
func (c *call) guarded(f func() error) (err error) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		c.cfg.Log.WithField("req", c.Ref).WithField("stack", string(debug.Stack())).
			Errorf("task ended by a fault: %v", fault)
		err = tunnel.NotBegun(reasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		if c.sent {
			err = tunnel.MayHaveRun(reasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		}
	}()
	return f()
}
