package operate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/policy/hosts"
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
	if _, _, err := net.SplitHostPort(name); err != nil {
		name = net.JoinHostPort(strings.Trim(name, "[]"), strconv.Itoa(int(cfg.Listen[0].Port())))
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialOwn(ctx, cfg) },
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, VerifyConnection: unexpired,
			InsecureSkipVerify: true}}} //nolint:gosec // this machine's own listener; who publishers trust is doctor's matter
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

// unexpired refuses a certificate that no publisher takes any more.
func unexpired(s tls.ConnectionState) error {
	if end := s.PeerCertificates[0].NotAfter; end.Before(time.Now()) {
		return fmt.Errorf("its certificate ran out on %s: renew it and reload", term.Stamp(end))
	}
	return nil
}

// dialOwn connects to the gateway's first listener, as a balancer on its own behalf where the gateway
// wants a PROXY protocol header from this machine.
func dialOwn(ctx context.Context, cfg *conf.Config) (net.Conn, error) {
	var conn net.Conn
	var err error
	for _, a := range own(cfg.Listen[0]) {
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", a.String()); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	senders, _ := hosts.NewProxies(cfg.Hosts.ProxyProtocol)
	if from, err := netip.ParseAddrPort(conn.LocalAddr().String()); err != nil || !senders.Trusted(from.Addr()) {
		return conn, nil
	}
	if _, err := io.WriteString(conn, "PROXY UNKNOWN\r\n"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// own is where this machine reaches a listener.
func own(a netip.AddrPort) []netip.AddrPort {
	v4 := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	switch {
	case !a.Addr().IsUnspecified():
		return []netip.AddrPort{a}
	case a.Addr().Is4():
		return []netip.AddrPort{v4}
	}
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Loopback(), a.Port()), v4} // there may be no IPv6
}
