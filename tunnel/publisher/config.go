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
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Defaults of a Config whose field is zero.
const (
	DefaultConnectTimeout = 10 * time.Second
	DefaultCleanUpTimeout = 30 * time.Second
	DefaultAttempts       = 4
)

// path is the one path of the tunnel.
const path = "/api/liferay/do"

// Config says whom a Client calls, and as whom.
type Config struct {
	URL   *url.URL // scheme, host, port, and the path context if there is one
	Build string   // version line or recorded build: 6.2, 7.0 to 7.4, 7.4.3.51; see liferay.Builds

	Login     string
	Authorize func(login string) string // makes the Authorization header; nil or "" sends none

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

	Buffer   int64          // length of a part, archive.DefaultBuffer if zero
	Progress func(Progress) // told what happens, by the goroutine that calls; nil means nobody

	Roots          *x509.CertPool // authorities to trust; nil means the system's
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	ConnectTimeout time.Duration
	CleanUpTimeout time.Duration // for the clean-up after a publish, which happens even after a failure
	// Attempts is how often Publish makes a call of which it is certain that nothing was carried
	// out.
	Attempts int
	Now      func() time.Time
	Wait     func(ctx context.Context, d time.Duration) error // between two attempts; nil waits on a timer
}

// Client calls one live environment and reuses its connections. It is safe for concurrent use.
type Client struct {
	cfg    Config
	build  string
	target string
	up     *http1.Upstream
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
	cfg.Buffer = cmp.Or(cfg.Buffer, archive.DefaultBuffer)
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, DefaultConnectTimeout)
	cfg.CleanUpTimeout = cmp.Or(cfg.CleanUpTimeout, DefaultCleanUpTimeout)
	cfg.Attempts = cmp.Or(cfg.Attempts, DefaultAttempts)
	cfg.Map = cfg.Map || build == liferay.Line62
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	c := &Client{cfg: cfg, build: build, target: cfg.URL.EscapedPath() + path}
	c.up = http1.NewUpstream(http1.UpstreamConfig{
		Addr: address(cfg.URL), TLS: tlsConfig(cfg), Dial: cfg.Dial,
		ConnectTimeout: cfg.ConnectTimeout, Now: cfg.Now,
	})
	return c, nil
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

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

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
