// Package cleanup is the one call that the gateway makes of its own: it has the engine delete what an
// abandoned publish left there.
package cleanup

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Reasons of a clean-up.
const (
	ReasonAbandoned tunnel.Reason = "request.abandoned" // why it is made
	ReasonFault     tunnel.Reason = "gateway.fault"     // it cannot be written
)

// Call is one clean-up.
type Call struct {
	Service  string // the class of the method
	Build    string // of the CMS whose classes the call is written in
	Found    store.Request
	From     engine.Caller // under whose login it is made; the reference is its own
	Engine   *engine.Config
	Expected engine.Expected
	Because  string // plain words for the audit log

	// Live is called every Heartbeat while the engine works, for the publisher who waits; Begun reports
	// whether his answer has.
	Heartbeat time.Duration
	Live      func()
	Begun     func() bool

	wire *liferay.Call
	node string
	end  string
	out  int64
}

// Describe adds what the call is to its audit events.
func (c *Call) Describe(ev *audit.Event) {
	ev.Method, ev.Request, ev.Site = c.wire.Method.Signature(), c.Found.ID, c.Found.Site
	ev.Checksum, ev.Upstream, ev.BytesIn = c.Found.Checksum, c.node, c.out
	if ev.Kind == audit.KindOutcome {
		ev.End = c.end
	}
}

// Run makes the call as a visit of its own: it is recorded before it leaves, and how it ended. An error
// is a Problem that says that nothing of the publisher's own call was carried out.
func (c *Call) Run(ctx context.Context, v *visit.Visit) error {
	body, err := c.write()
	if err != nil {
		return tunnel.NotBegun(ReasonFault, "the gateway failed", err)
	}
	if err := v.Allow(ctx, c, visit.Verdict{
		Verdict: audit.Allow, Reason: ReasonAbandoned, Detail: "the gateway's own call, " + c.Because,
	}); err != nil {
		return err
	}
	defer v.Close(ctx, c, func() {})
	c.From.Ref = v.Ref
	if err := c.send(ctx, body); err != nil {
		c.end = cmp.Or(c.end, string(err.Reason))
		return err
	}
	return nil
}

func (c *Call) write() (body []byte, err error) {
	m := tunnel.Method{Service: c.Service, Name: "cleanUpStagingRequest", Parameters: []string{"long"}}
	c.wire, err = liferay.NewCall(c.Build, liferay.Principal{Login: c.From.Login}, m, c.Found.ID)
	if err != nil {
		return nil, err
	}
	body, err = c.wire.Append(nil)
	c.out = int64(len(body))
	return body, err
}

// send sends the call and reads its answer. That there is nothing to delete is one too.
func (c *Call) send(ctx context.Context, body []byte) *tunnel.Problem {
	x := engine.Attempt{Engine: c.Engine, From: c.From, Request: c.Found.ID, Home: c.Found.Upstream}
	defer x.Done()
	err := x.Send(ctx, body, c.out)
	c.node = x.Node()
	if err != nil {
		return engine.Down(err)
	}
	reply, err := x.Await(ctx, c.Heartbeat, c.Live, c.Begun)
	if err != nil {
		return engine.Down(err)
	}
	got, err := x.Read(reply, c.Expected)
	if err != nil {
		return tunnel.NotBegun(reasonOf(err), "what an abandoned publish left on the live engine cannot be cleaned up", err)
	}
	c.end = got.End
	class, thrown := strings.CutPrefix(got.End, "exception ")
	if thrown && !strings.HasSuffix(class, nothingThere) {
		return &tunnel.Problem{Code: tunnel.Refused, Reason: engine.ReasonFailing,
			Msg: "the live engine did not delete what an abandoned publish left (" + class + "); nothing was carried out"}
	}
	return nil
}

// nothingThere ends the name of the exception that every line throws for a request without a folder.
const nothingThere = ".NoSuchFolderException"

func reasonOf(err error) tunnel.Reason {
	var p *tunnel.Problem
	if errors.As(err, &p) {
		return p.Reason
	}
	return ReasonFault
}
