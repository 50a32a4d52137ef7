package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/node/servers"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/tunnel"
)

// askMethod is the read by which an engine of every line tells what it thinks of a secret.
const askMethod = "checkRemoteStagingGroup"

// questionFor is how the engine of a policy is asked whether a publish would pass.
func questionFor(p *rules.Policy) readiness.Target {
	e := p.Engine
	t := readiness.Target{PathContext: e.PathContext, Host: e.HostOf(0), Key: e.Key, Encoded: e.Encoded, Build: p.Build}
	for _, r := range p.Preset.Rules() {
		if r.Method == askMethod {
			t.Method = tunnel.Method{Service: r.Service, Name: r.Method, Parameters: r.Parameters}
		}
	}
	return t
}

// newProber returns who asks the engine of c, or nil if nobody is to. What an earlier one found counts
// until this one has asked.
func (n *Node) newProber(c *conf.Config, p *rules.Policy, before *readiness.Prober) *readiness.Prober {
	if c.Engine.Upstream.Health.Call <= 0 || c.Kenticos() { // a Kentico has no such read
		return nil
	}
	prober, err := readiness.New(readiness.Config{
		Target: questionFor(p), Pool: p.Engine.Pool, Every: c.Engine.Upstream.Health.Call, Log: n.cfg.Log, Before: before,
	})
	if err != nil {
		n.cfg.Log.WithError(err).Error("nobody asks the live engine whether a publish would pass")
	}
	return prober
}

// engineFacts says which nodes take calls, and why a publish would not pass, each with its cure and the
// line that decides. It neither waits nor asks.
func (n *Node) engineFacts() (nodes map[string]bool, found []string, unasked bool) {
	prober := n.probing.Load()
	if prober == nil {
		return n.relay.Policy().Engine.Pool.State(), nil, false
	}
	nodes, findings, asked := prober.State()
	for _, f := range findings {
		found = append(found, f.Msg+"; "+f.Cure+" ("+place(n.conf(), f.Setting)+")")
	}
	return nodes, found, !asked
}

// place names a setting and where it stands.
func place(c *conf.Config, setting string) string {
	at := setting
	if setting == "engine.upstream.secret" {
		at = plan.SecretPath(setting, c.Engine.Upstream.Secret)
	}
	p := c.Problem(at, "", "")
	switch {
	case p.File != "" && p.Line > 0:
		return fmt.Sprintf("%s, %s:%d", setting, p.File, p.Line)
	case p.File != "":
		return setting + ", " + p.File
	}
	return setting
}

// AskEngine asks the live engine of a configuration, which must have no fatal problem, whether a publish
// would pass, and returns why not.
func AskEngine(ctx context.Context, c *conf.Config) []readiness.Finding {
	p, problems := plan.Policy(plan.Options{Conf: c})
	if conf.Fatal(problems) || p.Engine.Pool == nil {
		return nil
	}
	defer p.Engine.Pool.Close()
	if c.Kenticos() {
		return servers.Ask(ctx, c, p)
	}
	ask := questionFor(p)
	found := heard(nil, ask.AskAll(ctx, p.Engine.Pool), "")
	for i, v := range c.Engine.Upstream.Hosts { // one instance may be taken where another is not
		ask.Host = v.Host
		found = heard(found, ask.AskAll(ctx, p.Engine.Pool), fmt.Sprintf("engine.upstream.hosts[%d].host", i))
	}
	return found
}

// heard adds what is not known yet; a Host that is not taken stands in a setting.
func heard(found []readiness.Finding, more []*readiness.Finding, host string) []readiness.Finding {
	for _, f := range more {
		if f == nil {
			continue
		}
		if f.Kind == readiness.Host && host != "" {
			f.Setting = host
		}
		if !slices.ContainsFunc(found, func(o readiness.Finding) bool { return o.Node == f.Node && o.Msg == f.Msg }) {
			found = append(found, *f)
		}
	}
	return found
}

// openTasks builds what serves a gateway with a Kentico behind it.
func (n *Node) openTasks(context.Context, *rules.Policy) (err error) {
	p := n.links
	if p == nil {
		return nil
	}
	n.tasks, err = tasks.New(tasks.Config{
		Visits: n.visits, Nonces: n.database.Nonces(), Meter: n.meter, Log: n.cfg.Log, Health: n.probes.Answer,
		Pause: n.cfg.Pause, NewID: servers.NewID, Keeper: n.keeper,
	}, p)
	return err
}
