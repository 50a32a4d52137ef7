package relay

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/answer"
	"github.com/stagelock/stagelock/gateway/relay/claims"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/retention"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Config is what a Relay is built from and keeps for its life; what a reload changes is in Policy.
type Config struct {
	Visits *visit.Visits
	Once   *once.Calls
	Memory *memory.Memory
	Meter  Meter
	Sights *sights.Keeper // of the archives whose peers may not publish everything
	Log    *logrus.Entry
	// Health answers the health paths; ok is false for any other path.
	Health func(path string) (status int, body []byte, ok bool)
	// Pause, if it is set, is called at the Points of every call. Tests hold or kill the process
	// there.
	Pause func(point string)
}

// Meter counts calls. *metrics.Metrics is one.
type Meter interface{ Call(c metrics.Call) }

// whole reports whether everything is set that a Relay cannot do without.
func (c *Config) whole() bool {
	return c.Visits != nil && c.Once != nil && c.Memory != nil && c.Meter != nil && c.Sights != nil && c.Log != nil &&
		c.Health != nil
}

// Points returns the points on the way of a call at which a process may die, in order. The first is
// that of the connection.
func Points() []string {
	return []string{
		"accepted", "head read", "envelope validated", "record committed", "content forwarded",
		"tail released", "answer received", "answer recorded", "answer sent", "outcome appended",
	}
}

// Relay serves the calls of the tunnel. Its methods are safe for concurrent use.
type Relay struct {
	cfg       Config
	policy    atomic.Pointer[rules.Policy]
	calls     sync.Pool   // of *call that have ended
	appended  func()      // an outcome was
	leaving   atomic.Bool // Announce was called
	publishes inflight.Publishes
	peers     inflight.Places
	room      inflight.Room
	parts     inflight.Parts
	claims    *claims.Claims
}

// New returns a Relay that has a policy and serves nothing yet.
func New(c Config, p *rules.Policy) (*Relay, error) {
	if !c.whole() || p == nil {
		return nil, errors.New("relay: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	r := &Relay{cfg: c, appended: func() { c.Pause("outcome appended") }}
	r.claims = claims.New(c.Memory, &r.parts, c.Log)
	r.policy.Store(p)
	return r, nil
}

// Use replaces the policy. Calls under way keep theirs.
func (r *Relay) Use(p *rules.Policy) { r.policy.Store(p) }

// Policy returns the policy in use.
func (r *Relay) Policy() *rules.Policy { return r.policy.Load() }

// Run forgets what need not be remembered any longer, until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	prune, touch := time.NewTicker(retention.Interval), time.NewTicker(claims.Interval)
	defer prune.Stop()
	defer touch.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-prune.C:
			r.prune(ctx)
		case <-touch.C:
			r.claims.Touch(ctx)
		}
	}
}

func (r *Relay) prune(ctx context.Context) {
	r.publishes.Expire(r.cfg.Visits.Now(), r.claims.Busy)
	old := retention.Retention{Once: r.cfg.Once, Memory: r.cfg.Memory, Sights: r.cfg.Sights, Log: r.cfg.Log}
	old.Prune(ctx, r.Policy().RequestKeep)
}

// begin returns the room of a call.
func (r *Relay) begin() *call {
	if c, ok := r.calls.Get().(*call); ok {
		return c
	}
	c := &call{kit: kit{room: kept(nil), replyRoom: kept(nil)}}
	c.beat = c.live
	c.part = func(p liferay.Part) error { return c.stream(c.ctx, p) }
	c.ask = func(n int64) error { return c.take(c.ctx, &c.callShare, n) }
	c.tell = func(n int64) error { return c.take(c.ctx, &c.replyShare, n) }
	return c
}

// end takes the room of a call back, of which nothing may be used any more.
func (r *Relay) end(c *call) {
	clear(c.ends)
	clear(c.peers)
	c.ctx = nil
	*c = call{kit: kit{
		ways: c.ways, patience: c.patience, ends: c.ends[:0], peers: c.peers[:0], said: c.said,
		room: kept(c.room), replyRoom: kept(c.replyRoom),
	}}
	r.calls.Put(c)
}

// roomSize is enough for most calls and replies, maxRoom what is kept of a larger one.
const roomSize, maxRoom = 4 << 10, 64 << 10

// kept is a buffer for the next call, unless a large one has grown it.
func kept(b []byte) []byte {
	if cap(b) == 0 || cap(b) > maxRoom {
		return make([]byte, 0, roomSize)
	}
	return b[:0]
}

// Publishing returns how many publishes are in progress.
func (r *Relay) Publishing() int { return r.publishes.Live() }

// Running returns how many calls of each peer are under way.
func (r *Relay) Running() map[string]int { return r.peers.Taken() }

// Drain refuses new publishes and serves those in progress until they are cleaned up or ctx ends;
// it returns ctx's cause then. Once it refuses it calls stopped, which closes what rests. The
// listeners should be kept open meanwhile: publishers come back for each call.
func (r *Relay) Drain(ctx context.Context, stopped func()) error {
	return r.publishes.Drain(ctx, r.cfg.Visits.Now, r.claims.Busy, stopped)
}

// Announce has every answer from now on end its connection, and health say that the gateway stops; all
// calls are served as before. It is for gateways that have others beside them.
func (r *Relay) Announce() { r.leaving.Store(true) }

// Draining reports whether Announce or Drain was called.
func (r *Relay) Draining() bool { return r.leaving.Load() || r.publishes.Stopped() }

// session is one connection that speaks HTTP/1.1.
type session struct {
	relay *Relay
	conn  *http1.Conn
	front.Connection
	shown engine.Shown
}

// Serve answers the calls of a connection until it ends, and closes it.
func (r *Relay) Serve(ctx context.Context, c front.Connection) {
	profile := func() *http1.Profile { return r.Policy().Profile }
	s := &session{relay: r, conn: http1.NewConn(c.Conn, profile()), Connection: c}
	s.conn.Follow(profile)
	c.Requests(ctx, s.conn, s.serveOne)
}

// serveOne takes one call through the steps and reports whether the connection goes on. A request
// that is not HTTP as the profile wants it comes as its refusal.
func (s *session) serveOne(ctx context.Context, req *http1.Request, refusal *http1.Error) bool {
	r := s.relay
	if refusal == nil {
		r.cfg.Pause("head read")
	}
	r.publishes.Enter()
	defer r.publishes.Leave()
	p := rules.Enter(r.Policy)
	c := r.begin()
	defer r.end(c)
	c.ctx = ctx
	c.session, c.policy, c.steps, c.req, c.refusal = s, p, stepsOf(p, req), req, refusal
	r.cfg.Visits.Begin(&c.Visit, s.Socket, &p.Rules)
	c.Method = req.Method
	c.engine.Engine, c.out = &p.Engine, answer.Writer{Conn: s.conn, Ref: c.Ref}
	r.cfg.Once.Enter(&c.mark, c.Begun)
	defer c.finish(ctx)
	defer c.Close(ctx, outcome{c}, r.appended)
	err := c.guarded(func() error { return c.run(ctx) })
	defer func() { c.measure(err) }()
	if err == nil {
		return c.goesOn()
	}
	if fault := c.guarded(func() error { c.refuse(ctx, err); return nil }); fault != nil {
		c.lastWord(fault)
		return false
	}
	return c.goesOn()
}

// guarded turns a fault of the gateway's own into a problem.
func (c *call) guarded(f func() error) (err error) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		c.relay.cfg.Log.WithField("req", c.Ref).WithField("stack", string(debug.Stack())).
			Errorf("call ended by a fault: %v", fault)
		err = tunnel.NotBegun(problems.ReasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		if c.engine.Released() {
			err = tunnel.MayHaveRun(problems.ReasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		}
	}()
	return f()
}

// goesOn reports whether another request may follow on the connection.
func (c *call) goesOn() bool {
	return c.refusal == nil && c.req.KeepAlive && !c.closing() && c.conn.Remaining() == 0
}
