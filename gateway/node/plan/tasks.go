package plan

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/kentico"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// Tasks returns what a configuration with a Kentico behind it says of tasks, beside the policy that it
// makes, and what is wrong with that.
func Tasks(o Options, p *rules.Policy) (*tasks.Policy, []conf.Problem) {
	b := newBuilder(o)
	t := b.tasks(p)
	return t, b.problems
}

func (b *builder) tasks(p *rules.Policy) *tasks.Policy {
	c := b.cfg
	limits := syncserver.DefaultLimits()
	limits.File = int(c.Kentico.FileMaxBytes)
	t := &tasks.Policy{Rules: &p.Rules, Profile: p.Profile, Limits: limits, AtOnce: c.Kentico.AtOnce, Patience: c.Heartbeat}
	own := b.own(p)
	if c.Forwards() {
		f := &c.Kentico.Forward
		kept := b.link(link{&f.Bounds, f.PathContext, c.Kentico.Name, &c.Kentico.Sends, "kentico.sends", own})
		kept.Kept, kept.Peer.Upstream, kept.Peer.Limits = true, syncserver.Gateway, limits
		t.Links = []*tasks.Link{kept}
		return t
	}
	for i := range c.Kentico.Peers {
		peer, at := &c.Kentico.Peers[i], fmt.Sprintf("kentico.peers[%d]", i)
		if peer.Sends.User != "" {
			t.Links = append(t.Links, b.link(link{&peer.Bounds, c.Engine.PathContext, peer.Name, &peer.Sends, at + ".sends", own}))
		}
		if peer.Target.URL != nil {
			to := b.target(peer)
			from := link{&peer.Bounds, peer.Target.PathContext, c.Kentico.Name, &c.Kentico.Sends, "kentico.sends", to}
			t.Links = append(t.Links, b.link(from))
		}
	}
	return t
}

// own is the Kentico behind the gateway.
func (b *builder) own(p *rules.Policy) *tasks.Target {
	c := b.cfg
	up := c.Engine.Upstream
	to := &tasks.Target{
		Server: c.Kentico.Name, Path: up.PathContext + syncserver.Path, User: c.Kentico.Receives.User,
		Secret: password(&c.Kentico.Receives.Secret), Assembly: c.Kentico.AssemblyName(),
	}
	if p.Engine.Pool != nil && len(up.Nodes) > 0 && up.Nodes[0] != nil {
		to.Open = tasks.Engine(p.Engine.Pool, up.Host)
		to.To = up.Nodes[0].Scheme + "://" + cmp.Or(up.Host, up.Nodes[0].Host) + to.Path
	}
	return to
}

// target is another Kentico, or the gateway before it.
func (b *builder) target(p *kentico.Peer) *tasks.Target {
	t := &p.Target
	path := strings.TrimSuffix(t.URL.Path, "/") + syncserver.Path
	to := &tasks.Target{
		Server: p.Name, Path: path, To: t.URL.Scheme + "://" + t.URL.Host + path,
		User: t.User, Secret: password(&t.Secret), Assembly: b.cfg.Kentico.AssemblyName(),
	}
	to.Open = tasks.Gateway(forward.New(forward.Config{
		Addr: addrOf(t.URL), TLS: b.targetTLS(t), ConnectTimeout: b.cfg.Engine.Upstream.ConnectTimeout,
		MaxReply: int64(b.cfg.Limits.Reply),
	}), t.URL.Host)
	return to
}

func addrOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (b *builder) targetTLS(t *kentico.Target) *tls.Config {
	if t.URL.Scheme != "https" {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: conf.Roots(t.Authorities()), ServerName: cmp.Or(t.ServerName, t.URL.Hostname()),
	}
}

// link is one direction as it is described: who sends, under which path, with whose account, to whom.
type link struct {
	bounds  *kentico.Bounds
	context string
	sender  string
	account *kentico.Sender
	at      string // of account
	to      *tasks.Target
}

func (b *builder) link(l link) *tasks.Link {
	p := syncserver.Peer{
		Name: l.sender, User: l.account.User, Secret: password(&l.account.Secret), Assembly: b.cfg.Kentico.AssemblyName(),
		Version: b.cfg.Kentico.Version, Upstream: l.to.Server, Tables: tables(l.bounds.Tables),
		Deletes: l.bounds.Deletes, Sites: l.bounds.Sites, ACL: l.bounds.ACL, Dangerous: l.bounds.Dangerous,
	}
	for _, u := range l.bounds.Users {
		if name, guid, err := kentico.ParseUser(u); err == nil { // conf says so
			if p.Users == nil {
				p.Users = map[string]syncserver.GUID{}
			}
			p.Users[name] = guid
		}
	}
	if name, guid, err := kentico.ParseUser(l.bounds.RunAs); err == nil {
		p.RunAs, p.RunAsGUID = syncserver.Text{Set: true, Value: name}, guid
	}
	made := &tasks.Link{Context: l.context, Peer: p, To: l.to}
	if len(l.account.Addresses) > 0 {
		made.Addresses = b.hosts(l.at+".addresses", l.account.Addresses, b.cfg.Hosts.AllowAny)
		if made.Addresses == nil {
			made.Addresses = &hosts.Set{}
		}
	}
	return made
}

// tables are the tables of each object type; those of pages under the empty one.
func tables(entries []string) map[string][]string {
	var all map[string][]string
	for _, e := range entries {
		kind, table, _ := strings.Cut(e, ":")
		if kind = strings.ToLower(kind); kind == "pages" {
			kind = ""
		}
		if all == nil {
			all = map[string][]string{}
		}
		all[kind] = append(all[kind], table)
	}
	return all
}

// password is a secret as the wire has it; the zero one, which fits nothing, if there is none: conf says so.
func password(p *kentico.Password) token.Secret {
	if !p.Value.IsSet() {
		return token.Secret{}
	}
	s, _ := token.NewSecret(p.Value.Reveal())
	return s
}
