package relay

import (
	"context"
	"errors"
	"net/http"

	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

// doctorSteps is the way of one question of a doctor. It ends at the gateway: none reaches the engine.
var doctorSteps = []step{
	{"head", (*call).wellFormed},
	{"peer", (*call).client},
	{"admit", (*call).admit},
	{"pace", (*call).paceDoctor}, // a question counts for many calls
	{"ask", (*call).askDesk},
}

// doctorCost is how many calls a question counts for.
const doctorCost = 10

// stepsOf chooses the wire by the head of a request.
func stepsOf(p *rules.Policy, req *http1.Request) []step {
	if req.Method == http.MethodPost && p.Desk.NameOf(req.Target) != "" {
		return doctorSteps
	}
	return liferaySteps
}

// paceDoctor keeps those who ask from asking for ever.
func (c *call) paceDoctor(context.Context) error {
	if err := c.Charge(doctorCost); err != nil {
		return tunnel.NotBegun(visit.ReasonRate, "too many questions and failed calls of this address", err)
	}
	return nil
}

// askDesk answers a question of a doctor.
func (c *call) askDesk(ctx context.Context) error {
	fields := []grammar.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Stagelock-Reference", Value: c.Ref}}
	var chunks *http1.Chunks
	beat := func() (err error) {
		if chunks == nil {
			if chunks, err = c.conn.Chunked(http.StatusOK, fields); err != nil {
				return err
			}
		}
		_, err = chunks.Write([]byte("\n"))
		return err
	}
	a := c.policy.Desk.Ask(ctx, desk.Question{
		Name: c.policy.Desk.NameOf(c.req.Target), Addr: c.Addr, Socket: c.Socket, Forwarded: c.req.ForwardedFor,
		Host: c.req.Host, Body: c.conn, Length: c.req.ContentLength, Beat: beat,
	})
	if a.Failed {
		c.Deny(ctx, c, problems.New(tunnel.Unauthentic, problems.ReasonSecret, "a doctor's secret is that of no peer",
			errors.New("proof of no secret")), "ask")
	}
	if chunks != nil {
		c.written(chunks.Finish(a.Body))
		return errDone
	}
	c.written(c.conn.Respond(a.Status, fields, a.Body, c.closing() || a.Status != http.StatusOK))
	return errDone
}
