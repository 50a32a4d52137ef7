package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// maxAffinity bounds the staging requests whose node is remembered; others go by their id.
const maxAffinity = 10_000

// PoolConfig describes the nodes of the live engine.
type PoolConfig struct {
	Nodes          []*url.URL
	TLS            *tls.Config // for https nodes
	ConnectTimeout time.Duration
	ReplyMax       int64
	HealthPath     string
	Interval       time.Duration
	Timeout        time.Duration
	Failures       int // in a row that take a node out
	Log            *logrus.Entry
}

// Pool is the nodes of the live engine and which of them are up. It is safe for concurrent use.
type Pool struct {
	cfg   PoolConfig
	nodes []*Node
	turn  atomic.Uint32

	mu      sync.Mutex
	home    map[int64]*Node // of staging requests: the node that created them
	calls   int             // that may still open connections
	retired bool            // to be closed by the last of them
}

// Node is one node of the live engine.
type Node struct {
	name  string // for log and audit
	base  string // URL without a path
	host  string
	up    *http1.Upstream
	limit int32
	fails atomic.Int32
	seen  atomic.Bool // it answered once
	entry *logrus.Entry
}

// NewPool returns the pool of c's nodes, all taken for up. It connects to none.
func NewPool(c PoolConfig) (*Pool, error) {
	if len(c.Nodes) == 0 {
		return nil, errors.New("no node of the live engine")
	}
	p := &Pool{cfg: c, home: map[int64]*Node{}}
	for _, u := range c.Nodes {
		port, secure := u.Port(), (*tls.Config)(nil)
		if u.Scheme == "https" {
			secure = &tls.Config{MinVersion: tls.VersionTLS12}
			if c.TLS != nil {
				secure = c.TLS.Clone()
			}
			secure.ServerName = u.Hostname()
		}
		if port == "" {
			port = map[bool]string{false: "80", true: "443"}[secure != nil]
		}
		n := &Node{name: u.Host, base: u.Scheme + "://" + u.Host, host: u.Host, limit: int32(c.Failures), entry: c.Log}
		n.up = http1.NewUpstream(http1.UpstreamConfig{
			Addr: net.JoinHostPort(u.Hostname(), port), TLS: secure,
			ConnectTimeout: c.ConnectTimeout, MaxReply: c.ReplyMax,
		})
		p.nodes = append(p.nodes, n)
	}
	return p, nil
}

// Run asks the nodes for their health until ctx ends.
func (p *Pool) Run(ctx context.Context) error {
	var all errgroup.Group
	client := &http.Client{
		Timeout:       p.cfg.Timeout,
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: p.cfg.TLS},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, n := range p.nodes {
		all.Go(func() error {
			t := time.NewTicker(p.cfg.Interval)
			defer t.Stop()
			for {
				n.probe(ctx, client, p.cfg.HealthPath)
				n.up.Prune()
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
	for _, n := range p.nodes {
		n.up.Close()
	}
}

func (p *Pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
}

func (p *Pool) leave() {
	p.mu.Lock()
	p.calls--
	last := p.retired && p.calls == 0
	p.mu.Unlock()
	if last {
		p.shut()
	}
}

// probe asks for a path that deserializes nothing.
func (n *Node) probe(ctx context.Context, client *http.Client, path string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, n.base+path, nil)
	if err != nil {
		n.failed(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			n.failed(err)
		}
		return
	}
	resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		n.failed(fmt.Errorf("health path answers %s", resp.Status))
		return
	}
	n.seen.Store(true)
	if n.fails.Swap(0) >= n.limit {
		n.entry.WithField("node", n.name).Info("node of the live engine is up again")
	}
}

// failed counts a failure; enough of them in a row take the node out until a probe succeeds. A node
// that never answered is out at once: what is wrong is more likely the configuration.
func (n *Node) failed(err error) {
	count := n.fails.Add(1)
	if !n.seen.Load() {
		n.fails.CompareAndSwap(count, max(count, n.limit))
		count = max(count, n.limit)
	}
	if count == n.limit {
		n.entry.WithError(err).WithField("node", n.name).Warn("the live engine cannot be reached: " +
			"start it, or mend engine.upstream.nodes")
	}
}

// answered ends a row of failures. A node that is out stays out until a probe succeeds.
func (n *Node) answered() {
	n.seen.Store(true)
	if f := n.fails.Load(); f > 0 && f < n.limit {
		n.fails.CompareAndSwap(f, 0)
	}
}

func (n *Node) isUp() bool { return n.fails.Load() < n.limit }

// Up says whether any node is.
func (p *Pool) Up() bool {
	for _, n := range p.nodes {
		if n.isUp() {
			return true
		}
	}
	return false
}

// State returns which nodes are up, by name.
func (p *Pool) State() map[string]bool {
	state := map[string]bool{}
	for _, n := range p.nodes {
		state[n.name] = n.isUp()
	}
	return state
}

// pick returns a node for a call of that staging request (0: of none): the one that created it, or
// always the same one; nil if none but except is up.
func (p *Pool) pick(request int64, except *Node) *Node {
	var up []*Node
	for _, n := range p.nodes {
		if n != except && n.isUp() {
			up = append(up, n)
		}
	}
	if len(up) == 0 {
		return nil
	}
	if request == 0 {
		return up[int(p.turn.Add(1))%len(up)]
	}
	p.mu.Lock()
	home := p.home[request]
	p.mu.Unlock()
	if home != nil && home != except && home.isUp() {
		return home
	}
	best, weight := up[0], uint64(0)
	for _, n := range up {
		// the same after a restart and on every gateway
		if w := xxh3.HashString(strconv.FormatInt(request, 10) + "@" + n.name); w >= weight {
			best, weight = n, w
		}
	}
	return best
}

func (p *Pool) remember(request int64, n *Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.home) >= maxAffinity {
		for id := range p.home { // any one: its calls go by their id from now on
			delete(p.home, id)
			break
		}
	}
	p.home[request] = n
}

func (p *Pool) forget(request int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.home, request)
}

// bases returns the URLs that the engine's own links begin with: it knows itself by its node's
// name, or by host.
func (p *Pool) bases(host, context string) []string {
	var all []string
	for _, n := range p.nodes {
		all = append(all, n.base+context)
		if scheme, _, ok := strings.Cut(n.base, "://"); ok && host != "" {
			all = append(all, scheme+"://"+host+context)
		}
	}
	return all
}
