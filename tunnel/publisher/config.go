package publisher

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

// Defaults of a Config whose field is zero.
const (
	DefaultConnectTimeout = 10 * time.Second
	DefaultCleanUpTimeout = 30 * time.Second
	DefaultPatience       = time.Minute
	DefaultSilence        = time.Minute
)

// keepAlive finds out within a minute that the other side is gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 10 * time.Second, Count: 4}

// path is the one path of the tunnel.
const path = "/api/liferay/do"

// Config says whom a Client calls, and as whom.
type Config struct {
	URL   *url.URL // scheme, host, port, and the path context if there is one
	Build string   // version line or recorded build: 6.2, 7.0 to 7.4, 7.4.3.51; see liferay.Builds

	Login     string
	Authorize func(login string) string // makes the Authorization header; nil or "" sends none

	Level string // product, version and patch level of the engine that publishes; empty says nothing

	Site    int64 // group id of the live site
	Private bool  // its private pages instead of the public ones
	// Map publishes in the older form, a map of parameters with a validate before it. 6.2 knows no
	// other, 7.3 and later not this one.
	Map bool
	// Parameters are added to the parameter map of a publish, and win over what DefaultParameters
	// says.
	Parameters map[string][]string
	// Settings are added to the settings of a publish, and win over what DefaultSettings says.
	Settings liferay.Settings

	// AnyBuild sends an archive of another version line than the live engine's.
	AnyBuild bool
	Buffer   int64          // length of a part, archive.DefaultBuffer if zero
	Progress func(Progress) // told what happens, by the goroutine that calls; nil means nobody
	Journal  Journal        // remembers how far a publish came; nil: none goes on where one was cut
	// Restart begins anew and throws away what an earlier publish of the same archive has sent.
	Restart bool

	Roots          *x509.CertPool // authorities to trust; nil means the system's
	Proxy          *url.URL       // forward proxy, http or https; nil: none
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	ConnectTimeout time.Duration
	CleanUpTimeout time.Duration // for the clean-up after a publish, which happens even after a failure
	// Patience is how long, in all, Publish waits between attempts at one call that may be made
	// again: while a gateway restarts, or a line is down. Before a first answer it is 10 s at most.
	Patience time.Duration
	// Silence is how long heartbeats that have begun may stay away until the connection counts as
	// broken.
	Silence time.Duration
	Now     func() time.Time
	Wait    func(ctx context.Context, d time.Duration) error // between two attempts; nil waits on a timer
}

// Client calls one live environment and reuses its connections. It is safe for concurrent use.
type Client struct {
	cfg    Config
	build  string
	target string
	up     *forward.Upstream

	reached atomic.Bool // an answer came, so that the address is right
	gateway atomic.Bool // the answers are a gateway's, which carries a repeated call out once
}

// New returns a Client. It connects to nothing yet.
func New(cfg Config) (*Client, error) {
	build, err := liferay.BuildOf(cfg.Build)
	if err != nil {
		return nil, err
	}
	if err := check(cfg); err != nil {
		return nil, err
	}
	if cfg.Map && build > "7.2" {
		return nil, fmt.Errorf("version line %s has no older form of publishing; 7.2 is the last that has it", lineOf(build))
	}
	cfg.Map = cfg.Map || build == liferay.Line62
	c := &Client{cfg: cfg.complete(), build: build, target: cfg.URL.EscapedPath() + path}
	c.up = forward.New(forward.Config{
		Addr: proxy.Address(cfg.URL), TLS: tlsConfig(cfg),
		Dial:           proxy.Dialer(c.cfg.Dial, cfg.Proxy, cfg.Roots, cfg.URL.Scheme == "https"),
		ConnectTimeout: c.cfg.ConnectTimeout, Now: c.cfg.Now,
	})
	return c, nil
}

// complete returns the Config with the defaults of what is zero.
func (cfg Config) complete() Config {
	cfg.Buffer = cmp.Or(cfg.Buffer, parts.DefaultBuffer)
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, DefaultConnectTimeout)
	cfg.CleanUpTimeout = cmp.Or(cfg.CleanUpTimeout, DefaultCleanUpTimeout)
	cfg.Patience = cmp.Or(cfg.Patience, DefaultPatience)
	cfg.Silence = cmp.Or(cfg.Silence, DefaultSilence)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	return cfg
}

// rules are what must hold of a Config, each with the words for when it does not.
var rules = []struct {
	holds func(Config) bool
	msg   string
}{
	{func(c Config) bool { return c.URL != nil }, "no address to publish to"},
	{func(c Config) bool { return c.URL.Scheme == "http" || c.URL.Scheme == "https" },
		"does not begin with http:// or https://"},
	{func(c Config) bool { return c.URL.Hostname() != "" }, "has no host"},
	{func(c Config) bool { return c.URL.User == nil }, "carries a user name; the login is given apart"},
	{func(c Config) bool { return c.URL.RawQuery == "" && c.URL.Fragment == "" },
		"has a query; only a path context may follow the host"},
	{func(c Config) bool { return !strings.HasSuffix(c.URL.Path, "/") }, "ends with a slash; leave it off"},
	{func(c Config) bool { return !strings.HasSuffix(c.URL.Path, path) }, "ends with " + path +
		"; leave that off"},
	{func(c Config) bool { return c.Proxy == nil || c.Proxy.Scheme == "http" || c.Proxy.Scheme == "https" },
		"goes through a proxy whose address does not begin with http:// or https://"},
	{func(c Config) bool { return c.Proxy == nil || c.Proxy.Hostname() != "" },
		"goes through a proxy whose address has no host"},
	{func(c Config) bool { return c.Buffer >= 0 && c.Buffer <= math.MaxInt32 },
		"with a part length that is not between 1 and 2147483647"},
}

func check(cfg Config) error {
	for _, r := range rules {
		if r.holds(cfg) {
			continue
		}
		if cfg.URL == nil {
			return errors.New(r.msg)
		}
		return fmt.Errorf("address %s %s", cfg.URL.Redacted(), r.msg)
	}
	return nil
}

// Close closes the connections that are kept. Calls under way go on.
func (c *Client) Close() error { return c.up.Close() }

// Build returns the recorded build that the Client speaks as.
func (c *Client) Build() string { return c.build }

// Gateway reports whether an answer came from a gateway of this kind: it carries a call out once,
// however often it is sent.
func (c *Client) Gateway() bool { return c.gateway.Load() }

func tlsConfig(cfg Config) *tls.Config {
	if cfg.URL.Scheme != "https" {
		return nil
	}
	return &tls.Config{ServerName: cfg.URL.Hostname(), RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// absolute is what stands in front of the path of a call that a proxy forwards.
func (c *Client) absolute() string {
	if c.cfg.Proxy == nil || c.cfg.URL.Scheme == "https" {
		return ""
	}
	return "http://" + c.cfg.URL.Host
}
