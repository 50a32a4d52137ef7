package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/node/reloads"
	"github.com/stagelock/stagelock/gateway/node/servers"
)

// ErrReload is returned, with every problem, for a configuration that cannot be used: nothing has
// changed then.
var ErrReload = reloads.ErrRefused

// Reloaded is what a reload found and did.
type Reloaded = reloads.Reloaded

// Asker is who asks for a reload.
type Asker = reloads.Asker

// Reload is ReloadFor nobody in particular.
func (n *Node) Reload(ctx context.Context) (Reloaded, error) { return n.ReloadFor(ctx, Asker{}) }

// ReloadFor reads the configuration anew and uses it for the calls to come. A bad one changes nothing. The
// audit log says who asked.
func (n *Node) ReloadFor(ctx context.Context, by Asker) (Reloaded, error) {
	if n.cfg.Load == nil {
		return Reloaded{}, errors.New("this gateway has no configuration file to read")
	}
	n.reloads.Lock()
	defer n.reloads.Unlock()
	next, problems := n.cfg.Load()
	var r Reloaded
	if next != nil && !conf.Fatal(problems) {
		r.Changes = conf.Changes(n.conf(), next)
		problems = append(problems, conf.Rotated(n.conf(), next)...)
	}
	if next != nil && !conf.Fatal(problems) {
		problems = append(problems, n.replace(ctx, next)...)
	}
	r.Problems = problems
	if conf.Fatal(problems) {
		text := reloads.Lines(problems)
		n.loaded.Refused(n.cfg.Now(), text)
		n.cfg.Log.WithFields(logrus.Fields{"problems": text, "by": by.Words}).Error(ErrReload.Error())
		_, err := n.recorder.Append(ctx, reloads.Refusal(text, by))
		return r, errors.Join(fmt.Errorf("%w:\n%s", ErrReload, text), err)
	}
	r.Restart = conf.NeedsRestart(n.cfg.Conf, next)
	for _, path := range r.Restart {
		n.cfg.Log.WithField("setting", path).Warn("this setting counts after a restart only")
	}
	n.used.Store(next)
	n.loaded.Taken(n.cfg.Now(), reloads.Digest(next), r.Restart)
	n.cfg.Log.WithFields(logrus.Fields{"changed": reloads.Names(r.Changes), "by": by.Words}).Info("configuration loaded")
	if _, err := n.recorder.Append(ctx, reloads.Event(next, r.Changes, by)); err != nil {
		return r, fmt.Errorf("the configuration is in use, and the audit log does not say so: %w", err)
	}
	return r, nil
}

// replace builds the policy of next and puts it to use, unless something is wrong with it. The
// caller holds reloads.
func (n *Node) replace(ctx context.Context, next *conf.Config) []conf.Problem {
	made, problems := n.build(next)
	if conf.Fatal(problems) {
		return problems
	}
	back := func(path string, err error, cure string) []conf.Problem {
		if made.policy.Engine.Pool != n.policy.Engine.Pool {
			made.policy.Engine.Pool.Close()
		}
		return append(problems, next.Problem(path, err.Error(), cure))
	}
	listen, err := n.admin.Bind(ctx, AdminAddresses(next), nil)
	if err != nil {
		return back("admin.listen", err, "stop what uses that address, or name another one")
	}
	if err := n.certs.Reload(ctx, n.certConfig(next)); err != nil {
		path, cure := certCure(err)
		return back(path, errors.Join(err, listen.Discard()), cure)
	}
	listen.Commit()
	n.relay.Use(made.policy)
	if n.tasks != nil && made.links != nil {
		n.tasks.Use(made.links)
	}
	if n.exchange != nil {
		n.exchange.Use(servers.Peers(next))
	}
	n.meter.Expect(made.policy.Names())
	n.use(ctx, made)
	return problems
}

// sameEngine reports whether the engine is reached as before: its connections, the state of its nodes
// and what is known of its requests are kept then.
func sameEngine(a, b *conf.Config) bool {
	return a.Limits.Reply == b.Limits.Reply && a.Engine.Line == b.Engine.Line &&
		reflect.DeepEqual(a.Engine.Upstream, b.Engine.Upstream)
}

// certConfig says where the certificate of the listeners comes from.
func (n *Node) certConfig(c *conf.Config) certs.Config {
	cc := plan.Certificate(c)
	cc.Values, cc.Leases, cc.Dir = n.database.Values(), n.database.Leases(), n.data().TLS()
	cc.Log, cc.Now = n.cfg.Log, n.cfg.Now
	if n.conf().Store == "postgres" {
		cc.Shared = n.cfg.Conf.ClusterKeys()
	}
	return cc
}

// certCure says which setting keeps the listeners from a certificate, and what to do.
func certCure(err error) (path, cure string) {
	if errors.Is(err, certs.ErrOutside) {
		return "names", "take it out, or bring a certificate for all names (tls.source: files)"
	}
	return "tls", "mend the certificate or the key"
}
