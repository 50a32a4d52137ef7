package plan

import (
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/levels"
	"github.com/stagelock/stagelock/policy/quota"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/syncserver"
)

// Check returns what is wrong with cfg beyond what conf.Load finds by itself: addresses, keys, and
// what only fits together.
func Check(cfg *conf.Config) []conf.Problem {
	b := newBuilder(Options{Conf: cfg})
	p := b.policy(nil)
	if cfg.Kenticos() {
		b.tasks(p)
	}
	if p.Engine.Pool != nil {
		p.Engine.Pool.Close()
	}
	b.certificate(time.Now())
	return b.problems
}

// Options say what a policy is built of.
type Options struct {
	Conf    *conf.Config
	Ports   []uint16       // that the listeners really have; nil: those of Conf
	Log     *logrus.Entry  // of the engine's nodes; nil: nobody reads it
	Limiter *quota.Limiter // used on where its limits stayed the same; nil: a new one
	Pool    *upstream.Pool // used on where the engine's settings stayed the same; nil: a new one
}

// Policy returns the policy that a configuration describes, and all that is wrong with it. It must not be
// used if a problem is fatal; its pool, if there is one, is the caller's to close.
func Policy(o Options) (*rules.Policy, []conf.Problem) {
	b := newBuilder(o)
	p := b.policy(o.Limiter)
	return p, b.problems
}

func newBuilder(o Options) *builder {
	b := &builder{cfg: o.Conf, ports: o.Ports, entry: o.Log, keep: o.Pool}
	if b.ports == nil {
		b.ports = ports(o.Conf.Listen)
	}
	if b.entry == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		b.entry = logrus.NewEntry(quiet)
	}
	return b
}

func ports(listen []netip.AddrPort) []uint16 {
	var all []uint16
	for _, l := range listen {
		all = append(all, l.Port())
	}
	return all
}

// builder makes a policy of a configuration and collects all problems on the way.
type builder struct {
	cfg      *conf.Config
	ports    []uint16 // that the listeners really have
	entry    *logrus.Entry
	keep     *upstream.Pool // used on where the engine's settings stayed the same
	problems []conf.Problem
}

func (b *builder) add(path, msg, cure string, warning bool) {
	p := b.cfg.Problem(path, msg, cure)
	if warning {
		p = b.cfg.Warn(path, msg, cure)
	}
	same := func(q conf.Problem) bool { return q.File == p.File && q.Line == p.Line && q.Msg == p.Msg }
	if !slices.ContainsFunc(b.problems, same) { // one secret of a file may serve several peers
		b.problems = append(b.problems, p)
	}
}

// policy builds everything that a reload replaces. The limiter is kept where its limits stayed the
// same.
func (b *builder) policy(limiter *quota.Limiter) *rules.Policy {
	c := b.cfg
	preset, err := calls.NewPreset(c.Engine.Line)
	if err != nil {
		b.add("engine.line", err.Error(), "write one of "+strings.Join(calls.Lines(), ", "), false)
	}
	build, err := liferay.BuildOf(c.Engine.Line)
	if err != nil {
		b.add("engine.line", err.Error(), "write one of "+strings.Join(calls.Lines(), ", "), false)
	}
	if limiter == nil {
		limiter = quota.New(quotaOf(c.Quota))
	}
	p := &rules.Policy{
		Rules: visit.Rules{
			Hosts:   b.hosts("hosts.allow", c.Hosts.Allow, c.Hosts.AllowAny),
			Proxies: b.proxies("hosts.trusted_proxies", c.Hosts.TrustedProxies),
			Senders: b.proxies("hosts.proxy_protocol", c.Hosts.ProxyProtocol), Own: own(),
			Drop: c.Hosts.Refuse == "drop", Quota: limiter,
		},
		PathContext: c.Engine.PathContext, BrowserURL: b.browserURL(), Build: build, Preset: preset,
		Peers: b.peers(), CallsAtOnce: c.Quota.CallsPerPeer, CallMemory: int64(c.Quota.Memory), Strangers: c.Audit.Strangers,
		Profile: b.profile(), Limits: b.limits(), ReplyMax: int64(c.Limits.Reply),
		Heartbeat: c.Heartbeat, RetryAfter: c.RetryAfter,
		PatchLevel: levels.Policy(c.Engine.PatchLevel),
		RepeatKeep: c.Repeats.Keep, RequestKeep: c.Requests.Keep, Abandoned: c.Requests.Abandoned,
	}
	b.hosts("admin.allow", c.Admin.Allow, false)
	b.adminGroup()
	p.Engine = b.engine()
	p.Desk = b.desk(p)
	return p
}

func quotaOf(q conf.Quota) quota.Config {
	return quota.Config{
		AddressRate: float64(q.PerAddressRate), AddressBurst: q.PerAddressBurst, FailureCost: q.FailureCost,
		PeerRate: float64(q.PeerRate), PeerBurst: q.PeerBurst,
		Connections: q.Connections, ConnectionsPerAddress: q.ConnectionsPerAddress, Strangers: q.Strangers,
		HandshakeRate: float64(q.StrangerHandshakes), Tracked: q.Tracked,
	}
}

// own is the set of this machine's addresses; empty if they cannot be found out.
func own() *hosts.Set {
	set, _ := hosts.New(hosts.Config{Allow: []string{hosts.ServerIP}, Interfaces: interfaces})
	return set
}

// adminGroup reports a group that could not come as far as the socket.
func (b *builder) adminGroup() {
	c := b.cfg
	if c.Admin.Group == "" {
		return
	}
	if _, err := user.LookupGroup(c.Admin.Group); err != nil {
		b.add("admin.group", "is not known on this machine", "make it with groupadd, or name another one", false)
	}
	for i, e := range c.Admin.Listen {
		if e.Socket == "" {
			continue
		}
		dir := filepath.Dir(c.SocketFile(e))
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o011 == 0 {
			b.add(fmt.Sprintf("admin.listen[%d]", i), "lies in "+dir+", which nobody but its owner can enter: "+
				"the group of admin.group does not reach it",
				"write unix: and a path elsewhere, such as unix:/run/stagelock/admin.sock", true)
		}
	}
}

// AdminHosts are the machines that may read at the admin listener, beside this one.
func AdminHosts(c *conf.Config) *hosts.Set {
	set, _ := hosts.New(hosts.Config{Allow: c.Admin.Allow, Interfaces: interfaces}) // Check tells what is wrong
	return set
}

func (b *builder) hosts(path string, entries []string, allowAny bool) *hosts.Set {
	set, problems := hosts.New(hosts.Config{Allow: entries, AllowAny: allowAny, Interfaces: interfaces})
	b.entries(path, entries, problems)
	return set
}

func (b *builder) proxies(path string, entries []string) *hosts.Proxies {
	p, problems := hosts.NewProxies(entries)
	b.entries(path, entries, problems)
	return p
}

func (b *builder) entries(path string, entries []string, problems []hosts.Finding) {
	for _, p := range problems {
		if p.Index < 0 && len(entries) == 0 {
			continue // conf says so
		}
		at := path
		if p.Index >= 0 {
			at = fmt.Sprintf("%s[%d]", path, p.Index)
		}
		msg := p.Msg
		if p.Entry != "" {
			msg = strconv.Quote(p.Entry) + " " + msg
		}
		b.add(at, msg, p.Cure, p.Warning)
	}
}

// interfaces returns every address of this machine, in both families; link-local ones with their
// zone, as their peers come.
func interfaces() ([]netip.Addr, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, ifc := range all {
		own, err := ifc.Addrs()
		if err != nil {
			return nil, fmt.Errorf("addresses of %s: %w", ifc.Name, err)
		}
		for _, a := range own {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			addr := p.Addr()
			if addr.IsLinkLocalUnicast() && addr.Is6() {
				addr = addr.WithZone(ifc.Name)
			}
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

func (b *builder) peers() []rules.Peer {
	var all []rules.Peer
	for i, c := range b.cfg.Peers {
		at := fmt.Sprintf("peers[%d]", i)
		p := rules.Peer{Peer: calls.Peer{
			Name: c.Name, AnySite: c.AnySite(), Sites: calls.SitesOf(sites(c.Sites)...), Logins: c.Logins,
			PartMax: int64(c.PartMaxBytes), ArchiveMax: int64(c.ArchiveMaxBytes),
		}}
		if len(c.Addresses) > 0 {
			p.Addresses = b.hosts(at+".addresses", c.Addresses, b.cfg.Hosts.AllowAny)
			if p.Addresses == nil {
				p.Addresses = &hosts.Set{}
			}
		}
		b.publishing(at, c, &p)
		p.Verifier = secret.NewVerifier(secret.VerifierConfig{Keys: b.keys(at, c), Logins: c.Logins})
		all = append(all, p)
	}
	return all
}

func sites(all []conf.Site) []int64 {
	var ids []int64
	for _, s := range all {
		if s != conf.AnySite {
			ids = append(ids, int64(s))
		}
	}
	return ids
}

func (b *builder) keys(at string, p conf.Peer) []*secret.Key {
	keys := []*secret.Key{b.key(at+".secret", p.Name, p.Secret.Key)}
	if p.Secret.Previous.Value.IsSet() {
		keys = append(keys, b.key(at+".secret.previous", p.Name+"/previous", p.Secret.Previous))
	}
	return keys
}

func (b *builder) key(path, id string, c conf.Key) *secret.Key {
	if !c.Value.IsSet() {
		return nil // conf says so
	}
	k, problems := secret.NewKey(secret.KeyConfig{
		ID: id, Algorithm: c.Algorithm, Secret: []byte(c.Value.Reveal()), Hex: c.Hex, Line: b.cfg.Engine.Line,
	})
	at := SecretPath(path, c)
	for _, p := range problems {
		b.add(at, p.Msg, p.Cure, p.Warning)
	}
	return k
}

// SecretPath is the setting that says what a secret is.
func SecretPath(path string, c conf.Key) string {
	if c.File != "" {
		return path + ".file"
	}
	return path + ".value"
}

// profile is what a head must look like. A name without a port stands for every port that is
// listened on.
func (b *builder) profile() *http1.Profile {
	c := b.cfg
	p := &http1.Profile{
		HeadTimeout: c.Limits.HeadTimeout, IdleTimeout: c.Limits.IdleTimeout, MinRate: int(c.Limits.BodyMinRate),
		MaxContent: int64(c.Limits.Envelope) + b.partMax(), Probes: admin.Paths(),
	}
	if c.Kenticos() {
		p.MaxContent = syncserver.DefaultLimits().Bytes
	}
	for _, name := range c.Names {
		name = strings.ToLower(name)
		p.Hosts = append(p.Hosts, name)
		if _, _, err := net.SplitHostPort(name); err == nil {
			continue
		}
		for _, port := range b.ports {
			p.Hosts = append(p.Hosts, net.JoinHostPort(strings.Trim(name, "[]"), strconv.Itoa(int(port))))
		}
	}
	return p
}

func (b *builder) partMax() int64 {
	most := int64(0)
	for _, p := range b.cfg.Peers {
		most = max(most, int64(p.PartMaxBytes))
	}
	return most
}

func (b *builder) limits() javaser.Limits {
	c, l := b.cfg.Limits, javaser.DefaultLimits()
	l.Held, l.Bulk = int64(c.Envelope), math.MaxInt32 // the policy knows each peer's bound, and says what to do
	l.Depth, l.Handles, l.Classes, l.Array = c.Depth, c.Handles, c.ClassDescriptors, c.Elements
	l.Weight = int64(c.Handles)
	return l
}

// browserURL is how browsers reach the live sites, for links in replies.
func (b *builder) browserURL() string {
	if u := b.cfg.Engine.BrowserURL; u != nil {
		return strings.TrimSuffix(u.String(), "/")
	}
	return ""
}

func (b *builder) engine() engine.Config {
	c := b.cfg.Engine.Upstream
	e := engine.Config{
		PathContext: c.PathContext, Host: c.Host, HostOf: c.HostOf, Encoded: b.cfg.Engine.Line != liferay.Line62,
		Key: b.key("engine.upstream.secret", "upstream", c.Secret),
	}
	if b.keep != nil {
		e.Pool = b.keep
		return e
	}
	if slices.Contains(c.Nodes, nil) {
		return e // conf says what is wrong with that node
	}
	b.authorities(time.Now())
	pool, err := upstream.New(upstream.Config{
		Nodes: c.Nodes, TLS: upstreamTLS(&c), ConnectTimeout: c.ConnectTimeout,
		ReplyMax: int64(b.cfg.Limits.Reply), HealthPath: c.Health.Path,
		Interval: c.Health.Interval, Timeout: c.Health.Timeout, Failures: c.Health.Failures, Log: b.entry,
		Single: !c.Reuse,
	})
	if err != nil {
		b.add("engine.upstream.nodes", err.Error(), "write the base URL of the live engine, such as http://127.0.0.1:8080", false)
		return e
	}
	e.Pool = pool
	return e
}

// upstreamTLS says whom to trust for the certificates of https nodes.
func upstreamTLS(u *conf.Upstream) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: u.Roots(), ServerName: u.ServerName}
}
