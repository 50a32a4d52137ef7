package relay

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// receive reads the engine's reply and validates it. While the engine works, the publisher gets
// heartbeats.
func (c *call) receive(ctx context.Context) error {
	if !c.forwards() {
		return nil
	}
	reply, err := c.awaitReply(ctx)
	if err != nil && c.answer.chunks == nil {
		if err := c.failover(ctx, err); err != nil {
			return err
		}
		reply, err = c.awaitReply(ctx)
	}
	if err != nil {
		return c.engineFailed(err)
	}
	c.relay.cfg.Pause("answer received")
	c.sent.member.Answered()
	c.answer.status = reply.Status
	if reply.Status != http.StatusOK {
		c.sent.exchange.Cut()
		return c.unexpectedStatus(reply.Status)
	}
	return c.validate(reply)
}

// awaitReply waits for the reply's head, for as long as it takes. The engine goes on even if nobody
// waits: its answer is kept.
func (c *call) awaitReply(ctx context.Context) (*http1.Reply, error) {
	return c.awaitOf(ctx, c.sent.exchange)
}

// unexpectedStatus is an engine that answers with anything but 200: it has not read the call, or a server
// before it speaks.
func (c *call) unexpectedStatus(status int) error {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if slices.Contains(lateStatuses, status) {
		return uncertain(ReasonLost, "the live engine answered with status "+text, nil)
	}
	msg := "the live engine turned the gateway away with status " + text + "; nothing was carried out"
	return problem(tunnel.Refused, turnedAway[status/100], msg, nil)
}

// lateStatuses are those of an engine, or of a balancer before it, that may have begun.
var lateStatuses = []int{
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout,
}

// turnedAway are the reasons by class of status.
var turnedAway = map[int]tunnel.Reason{
	1: ReasonFailing, 2: ReasonFailing, 3: ReasonRedirect, 4: ReasonRefusing, 5: ReasonFailing,
}

func (c *call) validate(reply *http1.Reply) error {
	in := javaser.NewInput(reply, c.relay.buffer(), c.policy.ReplyMax)
	lim := c.policy.Limits
	lim.Held = c.policy.ReplyMax
	r, err := liferay.ReadReply(in, lim, c.rule.Returns, false)
	var fault *http1.UpstreamError
	if errors.As(err, &fault) && oversized[fault.Reason] {
		return problem(tunnel.BadAnswer, ReasonReply, carriedOut, err)
	}
	if errors.As(err, &fault) {
		return c.engineFailed(err)
	}
	if err != nil {
		return c.salvageException(reply, in, err)
	}
	c.sent.exchange.Done()
	if r.Thrown != nil && r.Thrown.Type == liferay.TypeWrongSecret {
		return problem(tunnel.Refused, ReasonRefusing, "the live engine does not accept the gateway's own secret; "+
			"nothing was carried out", r.Thrown)
	}
	c.answer.reply, c.answer.body = r, in.Held()
	c.answer.end = "answered"
	if r.Thrown != nil {
		c.answer.end = "exception " + r.Thrown.Class
	}
	return c.rewriteReply()
}

// carriedOut is what a publisher reads of an answer that is not passed on.
const carriedOut = "the call was carried out, but the live engine's answer was refused"

// oversized are the faults of an answer that did begin.
var oversized = map[string]bool{http1.ReasonReply: true, http1.ReasonReplyLarge: true}

// salvageException is for a reply that is not what the method answers. The call was carried out, so an exception's
// words are passed on.
func (c *call) salvageException(reply *http1.Reply, in *javaser.Input, cause error) error {
	if errors.Is(cause, liferay.ErrEmptyReply) {
		c.sent.exchange.Done()
		return problem(tunnel.BadAnswer, ReasonEmpty, "the live engine answered with nothing where a value was due", cause)
	}
	body, err := reply.AppendTo(in.Everything())
	if err == nil {
		c.sent.exchange.Done()
		if t, ok := liferay.Glimpse(body, c.policy.Limits); ok {
			c.answer.end = "exception " + t.Class
			c.answer.body, err = liferay.AppendThrown(nil, c.line(),
				liferay.Thrown{Class: liferay.ClassPortalException, Message: t.Error()})
			return err
		}
	}
	return problem(tunnel.BadAnswer, ReasonReply, carriedOut, cause)
}

// rewriteReply puts the address that browsers use into the one reply that carries the engine's own.
func (c *call) rewriteReply() error {
	own, ok := c.answer.reply.Value.(string)
	if !ok || c.rule.Method != "getGroupDisplayURL" {
		return nil
	}
	public := c.policy.browserURL(own)
	if public == own {
		return nil
	}
	body, err := liferay.AppendValue(nil, c.line(), public)
	c.answer.body = body
	return err
}

// keep writes down what later calls are held against, before the answer leaves.
func (c *call) keep(ctx context.Context) error {
	if !c.forwards() {
		return nil
	}
	var writes errgroup.Group
	if c.turn != nil { // at once with the other, so that they share a commit
		writes.Go(func() error { return c.turn.Record(ctx, c.answer.body) })
	}
	if err := errors.Join(c.keepRequest(ctx), writes.Wait()); err != nil {
		return problem(tunnel.BadAnswer, visit.ReasonStore, "the call was carried out, but the gateway cannot write its store", err)
	}
	c.relay.cfg.Pause("answer recorded")
	return nil
}

func (c *call) keepRequest(ctx context.Context) error {
	if c.answer.reply == nil || c.answer.reply.Thrown != nil {
		return nil
	}
	if err := c.learn(ctx); err != nil {
		return err
	}
	switch c.rule.Kind {
	case calls.Create:
		return c.created(ctx)
	case calls.Update:
		part := store.Part{Name: c.facts.Part, Size: c.facts.PartSize, Width: c.facts.PartWidth}
		if err := c.relay.cfg.Requests.AddPart(ctx, c.request, part); err != nil {
			return err
		}
		if c.sent.reserved != nil {
			c.sent.reserved() // it is among the accepted ones now
		}
		return nil
	case calls.CleanUp:
		c.relay.publishes.ended(c.request)
		return c.relay.cfg.Requests.CleanUp(ctx, c.request)
	}
	return nil
}

func (c *call) created(ctx context.Context) error {
	id := c.answer.reply.ID()
	c.request = id
	c.relay.publishes.begun(id, c.Begun)
	if err := c.relay.cfg.Once.Moved(ctx, once.Call{Scope: c.scope(calls.RequestScope(id)), Begun: c.Begun}); err != nil {
		return err
	}
	return c.relay.cfg.Requests.Create(ctx, store.Request{
		ID: id, Site: c.facts.Site, Checksum: c.facts.Checksum, Peer: c.peer.Name, Logins: []string{c.Login},
		Upstream: c.sent.member.Name(),
	})
}
