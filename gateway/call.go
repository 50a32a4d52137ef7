package gateway

import (
	"net/netip"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// call is one call on its way. It belongs to the goroutine of its connection.
type call struct {
	*session
	policy *Policy
	ref    string // the id in log, audit events and answer
	begun  time.Time

	req   *http1.Request
	addr  netip.Addr // the client's own
	peer  *Peer
	id    secret.Identity
	leave func() // gives the peer's place back
	kept  func() // takes a part back from those under way

	in       *javaser.Input
	body     digest
	wire     *liferay.Call
	part     bool // content streamed by; head and content are upstream already
	rule     *calls.Rule
	facts    calls.Call
	request  int64 // staging request that the call names, 0 for none
	decision calls.Decision

	key    store.RepeatKey
	flight *flight // of a guarded call: its twins wait for this one
	replay bool    // the answer is that of the first of equal calls

	unknown  bool // it may have been carried out by the process before
	recorded bool // the verdict is on disk
	node     *Node
	up       *http1.Exchange
	held     []byte // a small call as it is sent
	retried  bool
	gone     bool // the client went away while the engine works
	released bool // the engine may have the whole call

	chunks  *http1.Chunks // the answer has begun, with heartbeats
	reply   *liferay.Reply
	answer  []byte // body of the 200
	upBytes int64
	status  int // of the engine
	stopped string
	end     string // how it ended, in one word, for the outcome
}

// event begins an audit event with what is known of the call.
func (c *call) event(kind audit.Kind) audit.Event {
	ev := audit.Event{Kind: kind, Ref: c.ref, Addr: c.addr, Socket: c.socket, Login: c.id.Login, KeyID: c.id.KeyID}
	if c.peer != nil {
		ev.Peer = c.peer.Name
	}
	if c.req != nil {
		ev.BytesIn = c.req.ContentLength
	}
	c.describe(&ev)
	return ev
}

// describe adds what the body said.
func (c *call) describe(ev *audit.Event) {
	if c.wire == nil {
		return
	}
	ev.Line = c.wire.Line
	if c.wire.Method.Name != "" {
		ev.Method = c.wire.Method.Signature()
	}
	ev.Request = c.request
	if c.rule == nil {
		return
	}
	if site, ok := c.rule.Site(c.facts); ok {
		ev.Site = site
	}
	switch c.rule.Kind {
	case calls.Create:
		ev.Checksum, _ = c.facts.Args[1].(string)
	case calls.Update:
		ev.Part, _ = c.facts.Args[1].(string)
		ev.Size = c.facts.PartSize
	}
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
