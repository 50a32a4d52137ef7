package tasks

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// steps is the way of one task, in order. A step that fails ends it. Nothing is sent to a server before
// forward, whatever a step finds, and what is sent then was written by the gateway.
var steps = []step{
	{"head", (*call).wellFormed}, // a request that is HTTP as the profile wants it
	{"peer", (*call).client},     // the client's address, from the socket or a trusted proxy
	{"route", (*call).route},     // a path under which tasks are handed in, byte for byte; the health paths
	{"admit", (*call).admit},     // the host allowlist
	{"ready", (*call).ready},     // room to write a verdict
	{"inspect", (*call).inspect}, // the token, once; then the whole task, against what its sender may send
	{"echo", (*call).echo},       // a task that only comes back
	{"target", (*call).reach},    // a connection to the server that it is for; of a kept task, none
	{"record", (*call).record},   // the verdict, on disk
	{"forward", (*call).forward}, // the task, written anew, once; of a kept task, on disk
	{"reply", (*call).receive},   // the server's reply, read
	{"answer", (*call).deliver},  // written anew, to the sender
}

type step struct {
	name string
	run  func(*call, context.Context) error
}

// errDone ends a call early without a problem: it was answered.
var errDone = errors.New("answered")

// run takes the call through the steps and returns nil if it was answered as it should, else the problem
// that was.
func (c *call) run(ctx context.Context) error {
	for _, s := range steps {
		err := s.run(c, ctx)
		if errors.Is(err, errDone) {
			return nil
		}
		if err != nil {
			c.stopped = s.name
			return err
		}
	}
	return nil
}

func (c *call) wellFormed(context.Context) error {
	if e := c.bad; e != nil {
		return problem(tunnel.BadRequest, tunnel.Reason(e.Reason), e.Msg, e)
	}
	return nil
}

func (c *call) client(context.Context) error { return c.Client(c.req.ForwardedFor) }

func (c *call) admit(context.Context) error { return c.Admit(c.OverLimit) }

// route answers health, and lets the paths of links pass.
func (c *call) route(context.Context) error {
	if c.req.Method != http.MethodPost && c.Local() {
		if status, body, ok := c.cfg.Health(c.req.Target); ok {
			c.answer.Status, c.answer.Body = status, body
			c.written(c.conn.Respond(status, []grammar.Field{{Name: "Content-Type", Value: "application/json"}}, body, c.closing()))
			return errDone
		}
	}
	links := c.candidates()
	if len(links) == 0 {
		return problem(tunnel.NotFound, reasonPath, "nothing is here", errors.New(c.req.Method+" "+visit.Shown(c.req.Target)))
	}
	head := syncserver.Head{
		Method: c.req.Method, Target: c.req.Target, ContentType: c.req.ContentType, SOAPAction: c.req.Action,
		Encoding: c.req.ContentEncoding, Length: c.req.ContentLength,
	}
	if err := head.Check(links[0].Context, c.policy.Limits); err != nil {
		return refused(refusalOf(err))
	}
	return nil
}

// candidates are the links under the path of the call.
func (c *call) candidates() []*Link {
	var all []*Link
	for _, l := range c.policy.Links {
		if c.req.Target == l.Context+syncserver.Path {
			all = append(all, l)
		}
	}
	return all
}

// ready makes sure that a verdict could be written, and that the gateway is not about to stop.
func (c *call) ready(ctx context.Context) error {
	if !c.calls.enter() {
		return tunnel.NotBegun(visit.ReasonDraining, "the gateway is stopping", nil)
	}
	c.onEnd(c.calls.leave)
	if err := c.cfg.Visits.Ready(ctx, c.policy.Patience); err != nil {
		return tunnel.NotBegun(visit.ReasonStore, "the gateway cannot write its log", err)
	}
	return pause(ctx, c.Wait())
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return tunnel.NotBegun(visit.ReasonDraining, "the gateway is stopping", context.Cause(ctx))
	}
}

// inspect reads the call. Of a sender that does not prove who it is, no more than the header is read.
func (c *call) inspect(ctx context.Context) error {
	links := c.candidates()
	choose := func(user string) (syncserver.Peer, token.First) {
		for _, l := range links {
			if l.Peer.User == user && l.from(c.Addr) {
				p := l.Peer
				p.Echo = func(t syncserver.Task) bool {
					return l.Kept || c.echoes.known(p.Name, l.To.Server, t.Key(), t.Content(), c.cfg.Visits.Now())
				}
				return p, c.first(ctx, l)
			}
		}
		return syncserver.Peer{}, nil // nobody's token fits: first is not asked
	}
	task, err := syncserver.Admit(c.body(), c.policy.Limits, c.cfg.Visits.Now(), choose)
	if err != nil {
		return c.unread(ctx, err)
	}
	c.task, c.facts = task, task.Task.Facts()
	if c.link.Kept {
		c.cfg.Pause("task validated")
		return nil
	}
	c.task.Task, err = task.Task.Processed(c.link.Peer.Name, syncserver.Gateway)
	if err != nil {
		return problem(tunnel.Refused, reasonTaskServers, "too many servers have processed the task", err)
	}
	c.cfg.Pause("task validated")
	return nil
}

// first takes the token of a sender that proved who it is: it counts once, whatever user and target a copy
// names, as it covers neither, on every gateway of the store. From here on the call is its peer's.
func (c *call) first(ctx context.Context, l *Link) token.First {
	return func(nonce [16]byte) (bool, error) {
		isNew, err := c.cfg.Nonces.Use(ctx, "task", nonce[:], token.Remember)
		if err != nil {
			return false, c.cfg.Visits.Unwritten(err)
		}
		if !isNew {
			return false, nil
		}
		c.link = l
		c.Authenticated(l.Peer.Name, l.Peer.User, "")
		place, ok := c.places.Enter(ctx, "", c.policy.AtOnce, c.policy.Patience)
		if !ok {
			return false, tunnel.NotBegun(reasonBusy, "too many tasks are under way", nil)
		}
		c.onEnd(place.Leave)
		wait := c.policy.Rules.Quota.Delay(c.Peer, c.Begun)
		c.meter.Delayed = wait > 0
		return true, pause(ctx, wait)
	}
}

// unread names the reason why a call could not be read: the wire's, the client's, or the gateway's own.
func (c *call) unread(ctx context.Context, err error) error {
	var cut *http1.Error
	var p *tunnel.Problem
	switch r := refusalOf(err); {
	case errors.As(err, &p):
		return p
	case errors.As(err, &cut) && ctx.Err() == nil:
		return problem(tunnel.BadRequest, tunnel.Reason(cut.Reason), cut.Msg, err)
	case r != nil:
		c.facts.About = r.About
		if c.Peer == "" {
			if flood := c.Fail(); flood != nil {
				return flood
			}
		}
		return refused(r)
	case ctx.Err() != nil:
		return tunnel.NotBegun(visit.ReasonDraining, "the gateway is stopping", err)
	}
	return problem(tunnel.BadRequest, reasonCut, "the sender went away before its task was complete", err)
}

// echo answers a task that a server sends back to where it had it from, as if it were carried out there:
// it was.
func (c *call) echo(ctx context.Context) error {
	from, to := c.link.Peer.Name, c.link.receiver()
	echo, alarm, err := c.comesBack(ctx, from, to)
	if err != nil {
		return err
	}
	if !echo && c.task.Looped {
		return problem(tunnel.Refused, reasonTaskLoop, "the server "+to+" has processed the task already", nil)
	}
	if !echo {
		return nil
	}
	if alarm {
		c.cfg.Log.WithField("peer", from).Warn("this Kentico lists the gateway under another code name than " +
			syncserver.Gateway + ", or does not compare names: it sends back what it was sent; name its target server " +
			syncserver.Gateway + " or " + to)
	}
	v := visit.Verdict{Verdict: audit.Answer, Reason: reasonEcho, Detail: "answered by the gateway: " + to + " has it already"}
	if err := c.Allow(ctx, c, v); err != nil {
		return err
	}
	c.meter.Verdict, c.meter.Reason = string(v.Verdict), string(v.Reason)
	c.answer.end = "echo"
	return c.deliver(ctx)
}

// comesBack reports whether the task is an echo, and whether that is one too many.
func (c *call) comesBack(ctx context.Context, from, to string) (echo, alarm bool, err error) {
	if c.link.Kept && c.cfg.Keeper == nil {
		return false, false, tunnel.NotBegun(visit.ReasonStore, "tasks are kept after a restart of the gateway only", nil)
	}
	if c.link.Kept {
		if echo, err = c.cfg.Keeper.Echo(ctx, c.task.Task, c.task.Looped); err != nil {
			return false, false, c.unkept(err)
		}
		echo, alarm = c.echoes.count(from, to, echo)
		return echo, alarm, nil
	}
	c.object, c.content = c.task.Task.Key(), c.task.Task.Content()
	echo, alarm = c.echoes.is(from, to, c.object, c.content, c.cfg.Visits.Now())
	return echo, alarm, nil
}

// keep has the task on disk before its sender forgets it.
func (c *call) keep(ctx context.Context) error {
	if err := c.cfg.Keeper.Keep(ctx, c.task.Task); err != nil {
		return c.unkept(err)
	}
	c.answer.status, c.answer.end = http.StatusOK, "kept"
	c.cfg.Pause("task kept")
	return nil
}

// unkept says why a task is not kept. Its sender keeps it then, and may hand it in again.
func (c *call) unkept(err error) error {
	if r := refusalOf(err); r != nil {
		return refused(r)
	}
	return tunnel.NotBegun(visit.ReasonStore, "the gateway cannot keep the task", err)
}

// reach opens a connection to the server that the task is for. Nothing is sent yet.
func (c *call) reach(ctx context.Context) (err error) {
	if c.link.Kept {
		return nil
	}
	c.line, err = c.link.To.Open(ctx)
	if err != nil {
		return tunnel.NotBegun(reasonTarget, "the server "+c.link.To.Server+" cannot be reached", err)
	}
	c.onEnd(func() {
		c.line.Exchange.Cut() // each task has a connection of its own
		answered := c.answer.status != 0
		var failed error
		if c.sent && !answered {
			failed = errors.New("no answer")
		}
		c.line.Ended(answered, failed)
	})
	return nil
}

// record writes the verdict before the server can have the task.
func (c *call) record(ctx context.Context) error {
	begun := c.cfg.Visits.Now()
	v := visit.Verdict{Verdict: audit.Allow}
	if c.task.Misnamed {
		c.cfg.Log.WithField("req", c.Ref).WithField("peer", c.link.Peer.Name).Warn("the task names another server than its sender: " +
			"CMSStagingServerName and kentico.peers do not agree")
	}
	if err := c.Allow(ctx, c, v); err != nil {
		return err
	}
	c.meter.Verdict, c.meter.Record = string(v.Verdict), c.cfg.Visits.Now().Sub(begun)
	c.cfg.Pause("task recorded")
	return nil
}

// forward sends the task, written anew. From here on the server may carry it out; it is not sent again. Who waits no
// longer has it still: it may have sent it once more, and something newer since.
func (c *call) forward(ctx context.Context) error {
	if c.cfg.Visits.Now().Sub(c.Begun) >= senderPatience {
		return tunnel.NotBegun(reasonCut, "the sender waits no more: the gateway stood still, or the task came too slowly", nil)
	}
	if c.link.Kept {
		return c.keep(ctx)
	}
	to, now := c.link.To, c.cfg.Visits.Now()
	body, err := to.request(c.task.Task, "urn:uuid:"+c.cfg.NewID(), now)
	if err != nil {
		return tunnel.NotBegun(reasonFault, "the gateway cannot sign for "+to.Server, err)
	}
	c.undo = c.echoes.carry(c.link.Peer.Name, to.Server, c.object, c.content, now)
	c.sent = true
	err = c.line.Exchange.Send(to.head(c.line, c.Ref, body), body)
	if errors.Is(err, grammar.ErrField) {
		c.sent = false
		c.undo()
		return tunnel.NotBegun(reasonFault, "the task cannot be addressed", err)
	}
	if err != nil {
		return tunnel.MayHaveRun(reasonLost, "the server "+to.Server+" went away", err)
	}
	c.cfg.Pause("task sent")
	return nil
}

var errSlow = errors.New("it took too long")

// receive reads what the server says, to its end while the client still waits.
func (c *call) receive(ctx context.Context) error {
	if c.link.Kept {
		return nil
	}
	begun, server := c.cfg.Visits.Now(), "the server "+c.link.To.Server
	defer func() { c.meter.Engine = c.cfg.Visits.Now().Sub(begun) }()
	ctx, cancel := context.WithTimeoutCause(ctx, c.left(), errSlow)
	defer cancel()
	reply, err := c.line.Exchange.Reply(ctx)
	if err != nil {
		return tunnel.MayHaveRun(reasonLost, server+" gave no answer", err)
	}
	c.answer.status = reply.Status
	if refusedByGateway(reply) {
		c.undo()
		return tunnel.NotBegun(reasonTurned, "the gateway before "+c.link.To.Server+" did not take the task", nil)
	}
	c.answer.reply, err = syncserver.ReadReply(reply.Status, reply)
	if ctx.Err() != nil {
		return tunnel.MayHaveRun(reasonLost, server+" did not end its answer", context.Cause(ctx))
	}
	if err != nil {
		return tunnel.MayHaveRun(reasonReply, server+" gave an answer that is none", err)
	}
	c.answer.end = "answered"
	if c.answer.reply != (syncserver.Reply{}) { // it said why not
		c.undo()
		c.answer.end = "failed"
	}
	c.cfg.Pause("answer received")
	return nil
}

// refusedByGateway reports whether a reply is the refusal of another stagelock, which is none of the
// server behind it: nothing was carried out.
func refusedByGateway(r *forward.Reply) bool {
	return (r.Status/100 == 4 || r.Status == http.StatusServiceUnavailable) && r.Field(reference) != ""
}
