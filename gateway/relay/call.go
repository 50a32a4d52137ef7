package relay

import (
	"cmp"
	"context"
	"strings"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/answer"
	"github.com/stagelock/stagelock/gateway/relay/digest"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/gateway/relay/waiting"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// call is one call on its way. It belongs to the goroutine of its connection.
type call struct {
	*session
	visit.Visit
	policy  *rules.Policy
	steps   []step // of its wire
	req     *http1.Request
	refusal *http1.Error // of a request that is not HTTP as the profile wants it
	peer    *rules.Peer
	kit

	body      digest.Body
	wire      *liferay.Call
	rule      *calls.Rule
	signature string // of the rule that the call was found to be one of
	facts     calls.Facts
	past      memory.Past // what is remembered of the ids in facts
	request   int64       // staging request that the call names or created, 0 for none
	reserved  func()      // takes a part back from those under way; nil: it is not among them
	decision  calls.Decision
	turn      *once.Turn        // of a guarded call
	levels    map[string]string // what the two engines say they are
	sight     *sights.Watch     // of a part that is looked at; nil: none

	engine  engine.Attempt
	out     answer.Writer
	answer  answered
	stopped string // the step that refused it
}

// kit is what a call takes along from the one before it, and what it must give back.
type kit struct {
	room, replyRoom []byte // what is held of the call and of its reply
	patience        waiting.Patience
	ways                          // made once
	peers           []*rules.Peer // room for those that may be it
	judges          calls.Room
	said            liferay.Call

	held       source.Input
	in         *source.Input  // held, once it is read
	callShare  inflight.Share // for what is held of the call
	replyShare inflight.Share // for what is held of its reply
	ends       []func()       // give back what the call holds beside what follows
	mark       once.Mark
	place      inflight.Place // among those of its peer
}

// ways are what a call gives others to call.
type ways struct {
	ctx       context.Context          // of the one call that they are given away for
	beat      func()                   // live
	part      func(liferay.Part) error // stream
	ask, tell func(n int64) error      // take, of the two shares
}

// answered is what the publisher gets, and how the call ended.
type answered struct {
	reply  *liferay.Reply
	body   []byte // of the 200
	status int    // of the engine
	end    string // in one word, for the outcome
	gone   bool   // the client went away while the engine works
	void   bool   // the engine did nothing of it, for certain: there is nothing to repeat
	meter  metrics.Call
}

// onEnd has f called when the call ends.
func (c *call) onEnd(f func()) { c.ends = append(c.ends, f) }

// finish gives back what the call held.
func (c *call) finish(ctx context.Context) {
	c.settle(ctx)
	c.relay.cfg.Once.Leave(&c.mark)
	c.place.Leave()
	for _, end := range c.ends {
		end()
	}
	c.callShare.Leave()
	c.replyShare.Leave()
	c.engine.Done()
	c.policy.Engine.Pool.Leave()
	if c.in != nil {
		c.room = c.in.Buffer()
	}
	if c.answer.reply != nil {
		c.replyRoom = c.engine.Room()
	}
	if c.turn != nil { // its answer may be kept
		c.replyRoom = nil
	}
	c.said.Release() // also what was read of a call that ended in a fault
	if c.answer.reply != nil {
		c.answer.reply.Release()
	}
}

// duplicate reports whether the answer is that of the first of equal calls.
func (c *call) duplicate() bool { return c.turn != nil && !c.turn.First() }

// forwards reports whether the call is carried out by the engine.
func (c *call) forwards() bool { return c.decision == calls.Forward && !c.duplicate() }

// site is the one that the call names, or that its request is for; 0 for none.
func (c *call) site() int64 { return cmp.Or(c.facts.Site, c.past.Request.Site) }

// Describe adds what head and body said to an event.
func (c *call) Describe(ev *audit.Event) {
	ev.BytesIn = c.req.ContentLength
	if c.wire == nil {
		return
	}
	ev.Line = c.wire.Line
	if ev.Method = c.signature; ev.Method == "" && c.wire.Method.Name != "" {
		ev.Method = c.wire.Method.Signature()
	}
	ev.Request = c.request
	ev.Site, ev.Checksum = c.site(), cmp.Or(c.facts.Checksum, c.past.Checksum)
	ev.Part, ev.Size = c.facts.Part, c.facts.PartSize
}

// outcome is a call as its outcome describes it.
type outcome struct{ *call }

// Describe adds how the call ended.
func (o outcome) Describe(ev *audit.Event) {
	o.call.Describe(ev)
	ev.Line = ""
	ev.Status, ev.BytesOut, ev.End = o.answer.status, int64(len(o.answer.body)), o.answer.end
	ev.Upstream = o.engine.Node()
}

// measure counts a call that was answered; err is what was refused. A probe of health is no call.
func (c *call) measure(err error) {
	if err == nil && c.answer.meter.Verdict == "" {
		return
	}
	m := &c.answer.meter
	m.Ref, m.Peer, m.KeyID, m.At = c.Ref, c.Peer, c.KeyID, c.Begun
	m.In, m.Out = c.req.ContentLength, int64(len(c.answer.body))
	m.Gateway = c.relay.cfg.Visits.Now().Sub(c.Begun) - m.Engine
	if c.wire != nil {
		m.Method = c.wire.Method.Name
	}
	switch {
	case err != nil:
		m.Verdict, m.Reason = cmp.Or(m.Verdict, string(audit.Deny)), string(problems.Of(err).Reason)
	case strings.HasPrefix(c.answer.end, "exception "):
		m.Reason = metrics.Exception
	}
	c.relay.cfg.Meter.Call(*m)
}

// line returns the build whose classes an answer to this call is written in.
func (c *call) line() string {
	if c.wire == nil {
		return c.policy.Build
	}
	if c.wire.Line == liferay.Line62 {
		return liferay.Line62
	}
	if c.policy.Build == liferay.Line62 {
		return liferay.Builds()[len(liferay.Builds())-1]
	}
	return c.policy.Build
}
