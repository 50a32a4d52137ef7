package operate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node"
)

// maxHealth is how much of an answer is read.
const maxHealth = 1 << 20

func (sh shell) healthcheckCommand() *cli.Command {
	return &cli.Command{
		Name:  "healthcheck",
		Usage: "ask the gateway on this machine how it is: exit 0 if publishes can pass, else 1",
		Flags: append(flags.Config(), &cli.DurationFlag{Name: "timeout", Value: 5 * time.Second,
			Usage: "how long the answer may take"}),
		Action: sh.healthcheck,
	}
}

// health is the answer of the gateway.
type health struct {
	Ready    bool            `json:"ready"`
	Problems []string        `json:"problems,omitempty"`
	Nodes    map[string]bool `json:"nodes,omitempty"`
}

func (sh shell) healthcheck(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := load()
	if cfg == nil || len(cfg.Listen) == 0 || len(cfg.Names) == 0 {
		return flags.BadConfig(sh.Shell, problems)
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	h, err := ask(ctx, cfg)
	if err != nil {
		h.Problems = append(h.Problems, err.Error())
	}
	if err := sh.showHealth(h); err != nil {
		return err
	}
	if !h.Ready {
		return errUnhealthy
	}
	return nil
}

// errUnhealthy ends a healthcheck whose findings were printed.
var errUnhealthy = &term.SilentError{Code: term.ExitStart}

func (sh shell) showHealth(h health) error {
	if sh.JSON {
		return sh.Print(h)
	}
	if h.Ready {
		return sh.Printf("ready\n")
	}
	for _, p := range h.Problems {
		if err := sh.Printf("not ready: %s\n", term.Plain(p)); err != nil {
			return err
		}
	}
	return nil
}

// ask gets the health of the gateway of cfg.
func ask(ctx context.Context, cfg *conf.Config) (h health, err error) {
	name := cfg.Names[0]
	host := name
	if bare, _, err := net.SplitHostPort(name); err == nil {
		host = bare
	} else {
		name = net.JoinHostPort(strings.Trim(name, "[]"), strconv.Itoa(int(cfg.Listen[0].Port())))
	}
	roots, err := healthRoots(cfg)
	if err != nil {
		return h, err
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, loopback(cfg.Listen[0]).String())
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{ServerName: strings.Trim(host, "[]"), RootCAs: roots,
			MinVersion: tls.VersionTLS12}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+"/-/ready", nil)
	if err != nil {
		return h, err
	}
	res, err := client.Do(req)
	if err != nil {
		return h, fmt.Errorf("the gateway does not answer: %w", errors.Unwrap(err))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHealth))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return h, fmt.Errorf("the gateway's answer broke off: %w", err)
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return h, fmt.Errorf("the gateway answers with status %d", res.StatusCode)
	}
	h.Ready = h.Ready && res.StatusCode == http.StatusOK
	return h, nil
}

// loopback is where this machine reaches a listener.
func loopback(a netip.AddrPort) netip.AddrPort {
	switch {
	case !a.Addr().IsUnspecified():
		return a
	case a.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), a.Port())
}

// healthRoots are the system's authorities, the gateway's own, and those in its certificate file.
func healthRoots(cfg *conf.Config) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	file := map[string]string{
		"local": node.DataDir(cfg.Data).CA(), "files": string(cfg.TLS.Certificate),
	}[cfg.TLS.Source]
	if file == "" {
		return pool, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the gateway's certificate cannot be checked: %w", err)
	}
	pool.AppendCertsFromPEM(b)
	return pool, nil
}
