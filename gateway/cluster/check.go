package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
)

// checkTime is how long the database may take to be looked at.
const checkTime = 10 * time.Second

// PostgresConfig is how the database that gateways share is reached.
func PostgresConfig(c *conf.Config) postgres.Config {
	p := c.Cluster.Postgres
	return postgres.Config{
		URL: p.URL.Value.Reveal(), Schema: p.Schema, Cluster: c.Cluster.Name, Connections: p.Connections, Pooler: p.Pooler,
		Patience: c.Cluster.Patience, Manual: c.Cluster.Migrate == "manual",
	}
}

// urlPath is the setting that names the database.
func urlPath(c *conf.Config) string {
	if c.Cluster.Postgres.URL.File != "" {
		return "cluster.postgres.url.file"
	}
	return "cluster.postgres.url.value"
}

// Check holds a configuration against the database that it names, and changes nothing there. Life is the
// id under which this machine's gateway is a member, if it runs.
func Check(ctx context.Context, c *conf.Config, life string) []conf.Problem {
	if c.Store != "postgres" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	k := &checks{conf: c, life: life}
	pc := PostgresConfig(c)
	pc.Manual, pc.Patience = true, 0
	report, err := postgres.Inspect(ctx, pc)
	if err != nil {
		k.warn(urlPath(c), "names a database that cannot be reached from here now, so what stands in it was not looked at: "+
			err.Error(), "start the server, or correct the URL; stagelock store check says more")
		return k.problems
	}
	if k.server(report); len(report.Problems) > 0 {
		return k.problems
	}
	plan, err := postgres.Plan(ctx, pc)
	if err != nil || len(plan) == 0 || !plan[0].Applied { // no gateway has started yet
		return k.problems
	}
	db, err := postgres.Open(ctx, pc)
	if err != nil {
		k.add(urlPath(c), err.Error(), "see stagelock store check")
		return k.problems
	}
	defer func() { _ = db.Close() }() // it was only read
	k.key(ctx, db)
	k.members(ctx, db)
	return k.problems
}

// checks collects what is wrong.
type checks struct {
	conf     *conf.Config
	life     string
	problems []conf.Problem
}

func (k *checks) add(path, msg, cure string) {
	k.problems = append(k.problems, k.conf.Problem(path, msg, cure))
}

func (k *checks) warn(path, msg, cure string) {
	k.problems = append(k.problems, k.conf.Warn(path, msg, cure))
}

// server looks at the server's settings, how far it is, and both clocks.
func (k *checks) server(r postgres.Report) {
	for _, p := range r.Problems {
		k.add(urlPath(k.conf), p, "")
	}
	for _, w := range r.Warnings {
		k.warn(urlPath(k.conf), w, "")
	}
	if lease := k.conf.Cluster.Lease; lease < 3*r.RoundTrip {
		k.add(
			"cluster.lease",
			fmt.Sprintf("is %s, and a round trip to the database takes %s: a lease would run out while it is renewed",
				lease, r.RoundTrip.Round(time.Millisecond)),
			"make it longer, or place the gateway nearer to the database",
		)
	}
	switch off := r.ClockOffset.Round(time.Millisecond); {
	case off.Abs() > MaxOffset:
		k.add(urlPath(k.conf), fmt.Sprintf("this machine's clock is %s off the database's: the gateway would take no calls", off),
			"set both by NTP")
	case off.Abs() > WarnOffset:
		k.warn(urlPath(k.conf), fmt.Sprintf("this machine's clock is %s off the database's", off), "set both by NTP")
	}
}

// key looks whether the other gateways have another one.
func (k *checks) key(ctx context.Context, db *postgres.Store) {
	if len(k.conf.ClusterKeys()) == 0 {
		return // conf says so
	}
	err := KnownKey(ctx, db.Values(), k.conf.ClusterKeys())
	if errors.Is(err, ErrOtherKey) {
		k.add("cluster.key_file", fmt.Sprintf("holds another key than the gateways of cluster %q share", k.conf.Cluster.Name),
			"copy the file of one of them here")
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		k.warn("cluster.key_file", "was not compared: "+err.Error(), "see stagelock store check")
	}
}

// members looks for a gateway of the same name elsewhere, and for others that say something else.
func (k *checks) members(ctx context.Context, db *postgres.Store) {
	all, err := db.Members().Members(ctx)
	if err != nil {
		k.warn(urlPath(k.conf), "the other gateways were not looked at: "+err.Error(), "see stagelock store check")
		return
	}
	name, err := NodeName(k.conf)
	if err != nil {
		k.add("cluster.node", err.Error(), "write a name")
		return
	}
	digest := Digest(k.conf)
	for _, m := range all {
		switch {
		case m.Over:
		case m.Node == name && m.ID != k.life:
			k.add("cluster.node", fmt.Sprintf("is %q, and another gateway runs under that name since %s: the one that starts last ends it",
				name, m.StartedAt.Format(time.RFC3339)), "give each gateway a name of its own")
		case m.Node != name && m.ConfigDigest != digest:
			k.warn("", fmt.Sprintf("gateway %q has another configuration: a call may pass there and not here", m.Node),
				"make names, hosts, peers, engine, quota and limits the same on all gateways; stagelock config effective shows them")
		}
	}
}
