package memory

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
)

// Config says where what is remembered lies.
type Config struct {
	Requests store.Requests
	Pages    store.Pages  // pages and the site that they were looked up for
	Values   store.Values // groups of the control panel
	Nonces   store.Nonces // what may be used once, forgotten when it ran out
	Leases   store.Leases // lets one of several gateways clean a request up
}

// Memory remembers. It is safe for concurrent use.
type Memory struct{ cfg Config }

// New returns a Memory of what is in the store.
func New(c Config) (*Memory, error) {
	if c.Requests == nil || c.Pages == nil || c.Values == nil || c.Leases == nil || c.Nonces == nil {
		return nil, errors.New("memory: a part of its configuration is missing")
	}
	return &Memory{c}, nil
}

// Past is what is remembered of the ids that a call names. It is zero for ids that nobody knows.
type Past struct {
	calls.Known
	Checksum string        // of the archive of its request
	Home     string        // the engine's node that created its request
	Idle     time.Duration // how long its request was not used

	request store.Request
	own     *store.Part // of the call's own name, nil if none was accepted
}

// Others are the parts of a request that are under way.
type Others interface {
	Beside(name string) calls.Parts // together, but for the one of that name
	Senders() []string              // logins
}

// Question is what a call says of which the past is asked.
type Question struct {
	Rule  *calls.Rule
	Facts calls.Facts
}

// Recall returns what is remembered of the ids that a call names, but for what Among adds. An error is the
// store's.
func (m *Memory) Recall(ctx context.Context, q Question) (past Past, err error) {
	for _, ask := range []func() error{
		func() error { return m.recallRequest(ctx, q, &past) },
		func() error { return m.recallPage(ctx, q.Facts, &past) },
		func() error { return m.recallControlPanel(ctx, q.Rule, q.Facts, &past) },
	} {
		if err := ask(); err != nil && !errors.Is(err, store.ErrNotFound) {
			return past, err
		}
	}
	return past, nil
}

func (m *Memory) recallRequest(ctx context.Context, q Question, past *Past) error {
	if q.Facts.Request == 0 {
		return nil
	}
	r, err := m.cfg.Requests.Request(ctx, q.Facts.Request)
	if err != nil {
		return err
	}
	past.Home, past.Idle, past.Checksum = r.Upstream, r.Idle, r.Checksum
	past.Request = calls.Request{
		Known: true, Site: r.Site, Logins: r.Logins, CleanedUp: !r.CleanedAt.IsZero(),
	}
	past.request = r
	if q.Facts.Part == "" {
		past.Request.Others = calls.Parts{Width: r.PartWidth, Bytes: r.PartBytes}
		return nil
	}
	if r.PartCount == 0 {
		return nil
	}
	own, err := m.cfg.Requests.Part(ctx, r.ID, q.Facts.Part)
	if err == nil {
		past.own = &own
	}
	return err
}

// Among adds what is under way of the request: which parts it will have beside the one of that name, and
// who may have it deleted. Abandoned is how long a publish without a call is not taken for dead.
func (p *Past) Among(others Others, part string, abandoned time.Duration) {
	if !p.Request.Known {
		return
	}
	p.Request.Owners = owners(p.request, others, abandoned)
	if part != "" {
		p.Request.Others = p.beside(others.Beside(part))
	}
}

// beside adds what was accepted of the request to what is under way, but for the part of the call's own
// name: one that is sent again counts once. It costs the same whatever the number of parts.
func (p *Past) beside(sum calls.Parts) calls.Parts {
	if p.request.PartCount == 0 {
		return sum
	}
	if sum.Bytes += p.request.PartBytes; p.own != nil {
		sum.Bytes -= p.own.Size
	}
	if p.own == nil || p.request.PartCount > 1 {
		sum.Width = p.request.PartWidth
	}
	return sum
}

// owners are the logins of a request that may have it deleted: those whose parts are in it or on their
// way, or else who created it first, as long as he may be about to send one; nil for all.
func owners(r store.Request, others Others, abandoned time.Duration) []string {
	if len(r.Logins) < 2 {
		return nil
	}
	if all := append(others.Senders(), r.Senders...); len(all) > 0 {
		return all
	}
	if r.Idle < abandoned {
		return r.Logins[:1]
	}
	return nil
}

func (m *Memory) recallPage(ctx context.Context, facts calls.Facts, past *Past) (err error) {
	if facts.Page == 0 {
		return nil
	}
	past.PageSite, err = m.cfg.Pages.Site(ctx, facts.Page)
	return err
}

// controlPanels begins the keys of the groups that the control panel is in.
const controlPanels = "control-panel-groups/"

func panelKey(group int64) string { return controlPanels + strconv.FormatInt(group, 10) }

func (m *Memory) recallControlPanel(ctx context.Context, rule *calls.Rule, facts calls.Facts, past *Past) error {
	if rule.Kind != calls.Read || facts.Site == 0 || rule.Lesson(facts, past.Known).Learnt != calls.LearntPage {
		return nil
	}
	_, err := m.cfg.Values.Stat(ctx, panelKey(facts.Site))
	past.ControlPanel = err == nil
	return err
}

// Learn keeps what an answer with that id tells later calls: a page and its site, or the group of the
// control panel.
func (m *Memory) Learn(ctx context.Context, lesson calls.Lesson, id int64) error {
	if id <= 0 {
		return nil
	}
	switch lesson.Learnt {
	case calls.LearntPage:
		return m.cfg.Pages.Put(ctx, lesson.Site, id)
	case calls.LearntControlPanel:
		if _, err := m.cfg.Values.Stat(ctx, panelKey(id)); err == nil {
			return nil
		}
		return m.cfg.Values.Store(ctx, panelKey(id), []byte{1})
	}
	return nil
}

// Prune forgets requests keep after they were cleaned up, or idle after they were last used, and pages
// that were not looked up for as long as pages says. It goes on after an error.
func (m *Memory) Prune(ctx context.Context, keep, idle, pages time.Duration) error {
	_, requests := m.cfg.Requests.PruneRequests(ctx, keep, idle)
	_, looked := m.cfg.Pages.PrunePages(ctx, pages)
	_, used := m.cfg.Nonces.PruneNonces(ctx)
	return errors.Join(requests, looked, used)
}
