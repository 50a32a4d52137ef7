package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// Config describes the nodes of the live engine.
type Config struct {
	Nodes          []*url.URL
	TLS            *tls.Config // for https nodes; nil: the system's authorities; no ServerName: the node's own
	ConnectTimeout time.Duration
	ReplyMax       int64 // bytes
	Single         bool  // a connection carries one call
	HealthPath     string
	Interval       time.Duration // between probes
	Timeout        time.Duration // of a probe
	Failures       int           // in a row that take a node out
	Log            *logrus.Entry
}

// Pool is the nodes of the live engine and which of them are up. It is safe for concurrent use.
type Pool struct {
	cfg     Config
	members []*Member
	turn    atomic.Uint32

	mu      sync.Mutex // guards what follows
	calls   int        // that may still open connections
	retired bool       // to be closed by the last of them
}

// New returns the pool of c's nodes, all taken for up. It connects to none.
func New(c Config) (*Pool, error) {
	if len(c.Nodes) == 0 {
		return nil, errors.New("no node of the live engine")
	}
	p := &Pool{cfg: c}
	for _, u := range c.Nodes {
		p.members = append(p.members, newMember(c, u))
	}
	return p, nil
}

func newMember(c Config, u *url.URL) *Member {
	port, secure := u.Port(), (*tls.Config)(nil)
	if u.Scheme == "https" {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
		if c.TLS != nil {
			secure = c.TLS.Clone()
		}
		if secure.ServerName == "" {
			secure.ServerName = u.Hostname()
		}
	}
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[secure != nil]
	}
	kept := 0 // as many as usual
	if c.Single {
		kept = forward.NoneIdle
	}
	return &Member{
		name: u.Host, base: u.Scheme + "://" + u.Host, host: u.Host, limit: int32(c.Failures), entry: c.Log,
		up: forward.New(forward.Config{
			Addr: net.JoinHostPort(u.Hostname(), port), TLS: secure,
			ConnectTimeout: c.ConnectTimeout, MaxReply: c.ReplyMax, MaxIdle: kept,
		}),
	}
}

// Run asks the nodes for their health until ctx ends.
func (p *Pool) Run(ctx context.Context) error {
	var all errgroup.Group
	client := &http.Client{
		Timeout:       p.cfg.Timeout,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: p.cfg.TLS},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, m := range p.members {
		all.Go(func() error {
			t := time.NewTicker(p.cfg.Interval)
			defer t.Stop()
			for {
				m.probe(ctx, client, p.cfg.HealthPath)
				m.up.Prune()
				select {
				case <-ctx.Done():
					return nil
				case <-t.C:
				}
			}
		})
	}
	return all.Wait()
}

// Close closes the connections that rest, once the calls that began with the pool have left it.
// Exchanges under way end by themselves.
func (p *Pool) Close() {
	p.mu.Lock()
	p.retired = true
	last := p.calls == 0
	p.mu.Unlock()
	if last {
		p.shut()
	}
}

func (p *Pool) shut() {
	for _, m := range p.members {
		m.up.Close()
	}
}

// Enter keeps the pool open for a call until it leaves.
func (p *Pool) Enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
}

// Leave takes an Enter back.
func (p *Pool) Leave() {
	p.mu.Lock()
	p.calls--
	last := p.retired && p.calls == 0
	p.mu.Unlock()
	if last {
		p.shut()
	}
}

// Members returns the nodes, in the order of Config.Nodes.
func (p *Pool) Members() []*Member { return slices.Clone(p.members) }

// Up reports whether Pick finds a node.
func (p *Pool) Up() bool { return len(p.candidates(make([]*Member, 0, 8), nil)) > 0 }

// State returns which nodes are up, by name: those that neither probes nor calls found failing.
func (p *Pool) State() map[string]bool {
	state := map[string]bool{}
	for _, m := range p.members {
		state[m.name] = m.reachable()
	}
	return state
}

// Says returns what the nodes say they are, product, version and patch level, each text once; nothing
// stands for a node that has not said anything.
func (p *Pool) Says() []string {
	var all []string
	for _, m := range p.members {
		text := ""
		if says := m.says.Load(); says != nil {
			text = *says
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// candidates returns the nodes that a call may go to: those that are up, or else those of which
// only probes say that they are not.
// They are appended to room.
func (p *Pool) candidates(room []*Member, except *Member) []*Member {
	if up := p.filter(room, except, (*Member).reachable); len(up) > 0 {
		return up
	}
	return p.filter(room, except, (*Member).usable)
}

func (p *Pool) filter(all []*Member, except *Member, fits func(*Member) bool) []*Member {
	for _, m := range p.members {
		if m != except && fits(m) {
			all = append(all, m)
		}
	}
	return all
}

// Pick returns a node for a call of that staging request (0: of none): the one named home, which
// created it, or always the same one, on every gateway; nil if none but except is up.
func (p *Pool) Pick(request int64, home string, except *Member) *Member {
	var room [8]*Member
	up := p.candidates(room[:0], except)
	if len(up) == 0 {
		return nil
	}
	if request == 0 {
		return up[int(p.turn.Add(1))%len(up)]
	}
	for _, m := range p.members {
		if m.name == home && m != except && m.usable() {
			return m
		}
	}
	best, weight := up[0], uint64(0)
	for _, m := range up {
		// the same after a restart and on every gateway
		if w := xxh3.HashString(strconv.FormatInt(request, 10) + "@" + m.name); w >= weight {
			best, weight = m, w
		}
	}
	return best
}

// Bases returns the URLs that the engine's own links begin with, given the Host that it is asked by
// (empty: the node's) and its path context.
func (p *Pool) Bases(host, context string) []string {
	var all []string
	for _, m := range p.members {
		all = append(all, m.base+context)
		if scheme, _, ok := strings.Cut(m.base, "://"); ok && host != "" {
			all = append(all, scheme+"://"+host+context)
		}
	}
	return all
}
