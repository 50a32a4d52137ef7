package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/gateway/node/plan"
)

// ErrReload is returned, with every problem, for a configuration that cannot be used: nothing has
// changed then.
var ErrReload = errors.New("the new configuration was refused, the old one stays")

// Reload reads the configuration anew and uses it for the calls to come. A bad one changes nothing.
func (n *Node) Reload(ctx context.Context) error {
	if n.cfg.Load == nil {
		return errors.New("this gateway has no configuration file to read")
	}
	next, problems := n.cfg.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	if next != nil && !conf.Fatal(problems) {
		problems = append(problems, n.replace(ctx, next)...)
	}
	if conf.Fatal(problems) {
		text := lines(problems)
		err := fmt.Errorf("%w:\n%s", ErrReload, text)
		return errors.Join(err, n.note(ctx, audit.KindConfig, "refused: "+text, nil))
	}
	for _, path := range conf.NeedsRestart(n.conf, next) {
		n.cfg.Log.WithField("setting", path).Warn("this setting counts after a restart only")
	}
	n.conf = next
	n.used.Store(next)
	return n.note(ctx, audit.KindConfig, "loaded", next)
}

// replace builds the policy of next and puts it to use, unless something is wrong with it. The
// caller holds mu.
func (n *Node) replace(ctx context.Context, next *conf.Config) []conf.Problem {
	limiter, pool := n.limiter, n.pool
	if next.Quota != n.conf.Quota {
		limiter = nil
	}
	if !sameEngine(next, n.conf) {
		pool = nil
	}
	old, oldLimiter, oldProber := n.pool, n.limiter, n.prober
	policy, problems := n.build(next, limiter, pool)
	if conf.Fatal(problems) {
		return problems
	}
	if err := n.certs.Reload(ctx, n.certConfig(next)); err != nil {
		if n.pool != old {
			n.pool.Close()
		}
		n.pool, n.limiter, n.prober = old, oldLimiter, oldProber
		n.probing.Store(oldProber)
		return append(problems, next.Problem("tls", err.Error(), "mend the certificate or the key"))
	}
	n.relay.Use(policy)
	if n.started && n.pool != old {
		n.stop()
		n.watch(context.WithoutCancel(ctx), n.pool, n.prober)
	}
	return problems
}

// sameEngine reports whether the engine is reached as before: its connections, the state of its nodes
// and what is known of its requests are kept then.
func sameEngine(a, b *conf.Config) bool {
	return a.Limits.Reply == b.Limits.Reply && a.Engine.Line == b.Engine.Line && reflect.DeepEqual(a.Engine.Upstream, b.Engine.Upstream)
}

func lines(problems []conf.Problem) string {
	var all []string
	for _, p := range problems {
		if !p.Warning {
			all = append(all, p.String())
		}
	}
	return strings.Join(all, "\n")
}

// certConfig says where the certificate of the listeners comes from.
func (n *Node) certConfig(c *conf.Config) certs.Config {
	cc := plan.Certificate(c)
	cc.Values, cc.Leases, cc.Dir = n.database.Values(), n.database.Leases(), n.data().TLS()
	cc.Log, cc.Now = n.cfg.Log, n.cfg.Now
	if n.conf.Store == "postgres" {
		cc.Shared = n.cfg.Conf.ClusterKey()
	}
	return cc
}
