package node

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/node/reloads"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/watch"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
)

// AdminAddresses returns where a gateway of that configuration has its admin listener. It can do
// without those that nobody wrote.
func AdminAddresses(c *conf.Config) []admin.Address {
	var all []admin.Address
	spare := !c.Written("admin.listen")
	for _, e := range c.Admin.Listen {
		a := admin.Address{Network: "tcp", Name: e.Addr.String(), Spare: spare}
		if e.Socket != "" {
			a = admin.Address{Network: "unix", Name: c.SocketFile(e), Group: c.Admin.Group, Spare: spare}
		}
		all = append(all, a)
	}
	return all
}

// desk is what those who run the gateway look at it with.
type desk struct {
	probes   *admin.Probes
	meter    *metrics.Metrics
	recorder *watch.Recorder // the audit log, while it is written

	neighbours watch.Neighbours
	admin      *admin.Server
	loaded     reloads.Loaded
	named      string // of this gateway
	since      time.Time
}

// ownFiles is how many files a gateway has open beside those of its connections, about.
const ownFiles = 100

// tellFiles warns if connections may come that cannot be accepted: one takes a file, and another one
// while a call of it is with the engine.
func (n *Node) tellFiles() {
	q := n.conf().Quota
	if most, need := watch.OpenFiles(), uint64(2*q.Connections+q.Strangers+ownFiles); most > 0 && most < need {
		n.cfg.Log.WithField("setting", "quota.connections").Warnf("%d open files are allowed, and %d connections may need %d: "+
			"raise the limit (LimitNOFILE), or lower quota.connections", most, q.Connections, need)
	}
}

// openWatch makes what the rooms count with.
func (n *Node) openWatch(_ context.Context, p *rules.Policy) (err error) {
	n.tellFiles()
	n.neighbours.Members = n.database.Members()
	n.meter, err = metrics.New(metrics.Config{Version: n.cfg.Version, Methods: methods(), State: n.Status})
	if err != nil {
		return err
	}
	n.meter.Expect(p.Names())
	n.recorder, err = watch.NewRecorder(watch.Config{
		Audit: n.audit, Meter: n.meter, Requests: n.database.Requests(), Shared: n.conf().Store == "postgres",
		Log: n.cfg.Log, Now: n.cfg.Now,
	})
	return err
}

// methods are those of all lines: a reload may change the line.
func methods() []string {
	all := map[string]bool{}
	for _, line := range calls.Lines() {
		preset, err := calls.NewPreset(line)
		if err != nil {
			continue // Lines has those that there are
		}
		for _, r := range preset.Rules() {
			all[r.Method] = true
		}
	}
	for _, k := range kinds.All() {
		all[k.Type] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// openAdmin binds the admin listener. It is the last: what it shows is there.
func (n *Node) openAdmin(ctx context.Context, _ *rules.Policy) (err error) {
	path, orders := n.orders()
	n.admin, err = admin.New(admin.Config{
		Status: n.Status, Reload: n.reloadFor, Metrics: n.meter.Handler(), Rules: n.adminRules, Log: n.cfg.Log,
		Orders: map[string]http.Handler{path: orders},
	})
	if err != nil {
		return err
	}
	listen, err := n.admin.Bind(ctx, AdminAddresses(n.conf()), n.cfg.AdminListeners)
	if err != nil {
		return fmt.Errorf("%w; stop what uses that address, or change admin.listen", err)
	}
	listen.Commit()
	n.closers = append(n.closers, n.admin.Close)
	return nil
}

// adminRules says who may use the admin listener now.
func (n *Node) adminRules() admin.Rules {
	c := n.conf()
	r := admin.Rules{Names: append(append([]string{}, c.Names...), c.Admin.Names...), Profiles: c.Admin.Pprof}
	if host, err := os.Hostname(); err == nil {
		r.Names = append(r.Names, host)
	}
	if len(c.Admin.Allow) > 0 {
		set := plan.AdminHosts(c)
		r.Allowed = func(a netip.Addr) bool { return set != nil && set.Contains(a) }
	}
	return r
}

// reloadFor reloads for somebody at the admin listener, who may go away meanwhile.
func (n *Node) reloadFor(ctx context.Context, by admin.Asker) admin.Reloaded {
	return reloads.Answer(n.ReloadFor(context.WithoutCancel(ctx), Asker{Words: by.String(), Addr: by.Addr}))
}
