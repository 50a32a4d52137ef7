package engine

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/integration/engine"
)

// checked says which flag of engine run has a value that no engine can have.
func checked(c *cli.Context, cfg engine.Config) error {
	_, known := ownBuilds[cfg.Line]
	build, err := strconv.Atoi(cfg.Build)
	for _, rule := range []struct {
		holds      bool
		flag, want string
	}{
		{known, "line", "one of 6.2, 7.0, 7.1, 7.2, 7.3, 7.4"},
		{!known || err == nil && build > 0, "as-build", "a build number, such as 7413"},
		{cfg.CompanyID > 0, "company", "an id above 0"},
		{cfg.Context == "" || strings.HasPrefix(cfg.Context, "/") && !strings.HasSuffix(cfg.Context, "/"), "context",
			"nothing, or a path that begins with / and does not end with /, such as /portal"},
		{isOrigin(cfg.URL), "url", "a scheme, a host and perhaps a port, such as https://www.example.com"},
		{cfg.LoginBy.Valid(), "login-by", "mail, screen-name or id"},
	} {
		if !rule.holds {
			return flags.Misused(c, "--%s %v: want %s", rule.flag, c.Value(rule.flag), rule.want)
		}
	}
	return nil
}

// isOrigin reports whether text is the beginning of an address, without a path; so is none.
func isOrigin(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

// warnOfCommands warns of a listener for commands that other machines reach: what keeps them out is the token only, and
// it goes over the network as it is.
func (sh shell) warnOfCommands(at net.Addr) {
	if a, err := netip.ParseAddrPort(at.String()); err == nil && !a.Addr().Unmap().IsLoopback() {
		fmt.Fprintf(sh.Err, "stagelock: warning: commands are taken at %s, which other machines reach; the token goes there "+
			"without TLS\n  what to do: leave --commands out, or give it an address of this machine\n", at)
	}
}
