package relay

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
)

// recall asks the store what it remembers of the ids that the call names.
func (c *call) recall(ctx context.Context, others []store.Part) error {
	c.request, c.past = c.facts.Request, calls.Known{}
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error { return c.recallRequest(ctx, others) }, c.recallPage, c.recallControlPanel,
	} {
		if err := ask(ctx); err != nil && !errors.Is(err, store.ErrNotFound) {
			return unavailable(visit.ReasonStore, "the gateway cannot read its store", err)
		}
	}
	return nil
}

func (c *call) recallRequest(ctx context.Context, others []store.Part) error {
	if c.facts.Request == 0 {
		return nil
	}
	r, err := c.relay.cfg.Requests.Request(ctx, c.facts.Request)
	if err != nil {
		return err
	}
	c.past.Request = calls.Request{
		Known: true, Site: r.Site, Logins: r.Logins, CleanedUp: !r.CleanedAt.IsZero(),
		Others: beside(c.facts.Part, slices.Concat(r.Parts, others)),
	}
	return nil
}

// beside sums up the parts but the one of that name: a part that is sent again counts once.
func beside(name string, parts []store.Part) calls.Parts {
	var sum calls.Parts
	for _, p := range parts {
		if p.Name == name {
			continue
		}
		if sum.Width == 0 {
			sum.Width = calls.WidthOf(p.Name)
		}
		sum.Bytes += p.Size
	}
	return sum
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
