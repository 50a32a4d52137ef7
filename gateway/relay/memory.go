package relay

import (
	"context"
	"errors"
	"strconv"

	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
)

// recall asks the store what it remembers of the ids that the call names.
func (c *call) recall(ctx context.Context, others *inFlight) error {
	c.request, c.past, c.checksum = c.facts.Request, calls.Known{}, ""
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error { return c.recallRequest(ctx, others) }, c.recallPage, c.recallControlPanel,
	} {
		if err := ask(ctx); err != nil && !errors.Is(err, store.ErrNotFound) {
			return unavailable(visit.ReasonStore, "the gateway cannot read its store", err)
		}
	}
	return nil
}

func (c *call) recallRequest(ctx context.Context, others *inFlight) error {
	c.home, c.idle = "", 0
	if c.facts.Request == 0 {
		return nil
	}
	r, err := c.relay.cfg.Requests.Request(ctx, c.facts.Request)
	if err != nil {
		return err
	}
	c.home, c.idle = r.Upstream, r.Idle
	c.checksum = r.Checksum
	c.past.Request = calls.Request{
		Known: true, Site: r.Site, Logins: r.Logins, CleanedUp: !r.CleanedAt.IsZero(),
	}
	if c.facts.Part == "" {
		return nil
	}
	c.past.Request.Others, err = c.beside(ctx, r, others)
	return err
}

// beside sums up what was accepted of the request and what is under way, but the part of the call's
// own name: one that is sent again counts once. It costs the same whatever the number of parts.
func (c *call) beside(ctx context.Context, r store.Request, others *inFlight) (calls.Parts, error) {
	sum := others.beside(c.facts.Part)
	if r.PartCount == 0 {
		return sum, nil
	}
	own, err := c.relay.cfg.Requests.Part(ctx, r.ID, c.facts.Part)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return calls.Parts{}, err
	}
	if sum.Bytes += r.PartBytes - own.Size; !known || r.PartCount > 1 {
		sum.Width = r.PartWidth
	}
	return sum, nil
}

func (c *call) recallPage(ctx context.Context) (err error) {
	if c.facts.Page == 0 {
		return nil
	}
	c.past.PageSite, err = c.relay.cfg.Pages.Site(ctx, c.facts.Page)
	return err
}

// controlPanels begins the keys of the groups that the control panel is in.
const controlPanels = "control-panel-groups/"

func (c *call) recallControlPanel(ctx context.Context) error {
	if c.rule.Kind != calls.Read || c.facts.Site == 0 || c.rule.Lesson(c.facts, c.past).Learnt != calls.LearntPage {
		return nil
	}
	_, err := c.relay.cfg.Values.Stat(ctx, controlPanels+strconv.FormatInt(c.facts.Site, 10))
	c.past.ControlPanel = err == nil
	return err
}

// learn keeps what the answer tells of ids that later calls may name: pages and their site, and the
// group of the control panel.
func (c *call) learn(ctx context.Context) error {
	id := c.answer.reply.ID()
	if id <= 0 {
		return nil
	}
	switch lesson := c.rule.Lesson(c.facts, c.past); lesson.Learnt {
	case calls.LearntPage:
		return c.relay.cfg.Pages.Put(ctx, lesson.Site, id)
	case calls.LearntControlPanel:
		key := controlPanels + strconv.FormatInt(id, 10)
		if _, err := c.relay.cfg.Values.Stat(ctx, key); err == nil {
			return nil
		}
		return c.relay.cfg.Values.Store(ctx, key, []byte{1})
	}
	return nil
}
