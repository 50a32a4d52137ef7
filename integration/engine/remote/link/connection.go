package link

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

// Connection says where the live site is and what of the staging site is staged.
type Connection struct {
	Address     string         `json:"address"` // name, IPv4 or IPv6 address, with brackets or without
	Port        int            `json:"port"`
	PathContext string         `json:"path_context,omitempty"`
	Site        int64          `json:"site"`                 // id of the site or asset library there
	Secure      bool           `json:"secure,omitempty"`     // https
	RemoteURL   string         `json:"remote_url,omitempty"` // of the live site's pages, if it is not what live says
	Types       []content.Type `json:"types"`                // what is staged; nil means all that the site has

	VersionPublic  bool `json:"version_public,omitempty"`  // page versioning of the public pages
	VersionPrivate bool `json:"version_private,omitempty"` // and of the private ones
}

// Why a connection is refused, each with the values that its Error carries.
const (
	BadAddress       content.Code = "bad-remote-address"      // address
	BadPort          content.Code = "bad-remote-port"         // port
	BadPathContext   content.Code = "bad-remote-path-context" // path context
	BadSiteID        content.Code = "bad-remote-site-id"      // id
	BadRemoteURL     content.Code = "bad-remote-url"          // url
	BadType          content.Code = "bad-type"                // type, in what
	NoPages          content.Code = "no-pages"                // none
	NoConnection     content.Code = "no-connection"           // url, why
	NoAuthentication content.Code = "no-authentication"       // url, why
	NoRemoteSite     content.Code = "no-remote-site"          // id
	NoRemoteRight    content.Code = "no-remote-permission"    // id
	RemoteRefused    content.Code = "remote-refused"          // url, why
	SameSite         content.Code = "same-site"               // none
	WrongScope       content.Code = "wrong-scope"             // id
)

// rules are what a connection must satisfy before anybody is called, in the documentation's order.
var rules = []struct {
	holds   func(Connection) bool
	refused func(Connection) *content.Error
}{
	{Connection.validAddress, func(c Connection) *content.Error {
		return content.Errorf(BadAddress, "the remote address %q is not valid", c.Address)
	}},
	{func(c Connection) bool { return c.Port >= 1 && c.Port <= 65535 }, func(c Connection) *content.Error {
		return content.Errorf(BadPort, "the remote port %d is not valid", c.Port)
	}},
	{Connection.validContext, func(c Connection) *content.Error {
		return content.Errorf(BadPathContext, "the remote path context %q is not valid", c.PathContext)
	}},
	{func(c Connection) bool { return c.Site > 0 }, func(c Connection) *content.Error {
		return content.Errorf(BadSiteID, "the remote site id %d is not valid", c.Site)
	}},
	{Connection.validURL, func(c Connection) *content.Error {
		return content.Errorf(BadRemoteURL, "the remote URL %q is not valid", c.RemoteURL)
	}},
}

// Clean returns the connection without what is only a manner of writing: the scheme in front of the
// address, which the documentation drops, and the brackets of an IPv6 address.
func (c Connection) Clean() Connection {
	for _, scheme := range []string{"http://", "https://"} {
		c.Address = strings.TrimPrefix(c.Address, scheme)
	}
	if inside, ok := strings.CutPrefix(c.Address, "["); ok {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inside, "]")); err == nil && a.Is6() && strings.HasSuffix(inside, "]") {
			c.Address = a.String()
		}
	}
	c.Types = inOrder(c.Types)
	return c
}

// inOrder returns the types in the order that they have everywhere, each once, and behind them what is no type. A list
// of none is not nil, which means all.
func inOrder(typed []content.Type) []content.Type {
	if len(typed) == 0 {
		return typed
	}
	all := content.Types(false)
	place := func(t content.Type) int {
		if i := slices.Index(all, t); i >= 0 {
			return i
		}
		return len(all)
	}
	sorted := slices.SortedStableFunc(slices.Values(typed), func(a, b content.Type) int { return place(a) - place(b) })
	return slices.Compact(sorted)
}

// Check returns the first rule that the connection does not satisfy.
func (c Connection) Check(library bool) error {
	for _, r := range rules {
		if !r.holds(c) {
			return r.refused(c)
		}
	}
	if library && (c.VersionPublic || c.VersionPrivate) {
		return content.Errorf(NoPages, "%s", "an asset library has no pages to version")
	}
	for _, t := range c.Types {
		if !slices.Contains(content.Types(library), t) {
			where := map[bool]string{false: "a site", true: "an asset library"}
			return content.Errorf(BadType, "%q cannot be staged in %s", string(t), where[library])
		}
	}
	return nil
}

// label is one label of a domain name.
var label = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// zone is the name of a network interface.
var zone = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

func (c Connection) validAddress() bool {
	if a, err := netip.ParseAddr(c.Address); err == nil {
		return a.Zone() == "" || zone.MatchString(a.Zone())
	}
	labels := strings.Split(c.Address, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return false
		}
	}
	_, err := strconv.Atoi(labels[len(labels)-1]) // 256.1.1.1 is no name
	return err != nil && len(c.Address) <= 253
}

func (c Connection) validContext() bool {
	p := c.PathContext
	return p == "" || strings.HasPrefix(p, "/") && !strings.HasSuffix(p, "/") && !strings.ContainsAny(p, "?#% \t\r\n")
}

func (c Connection) validURL() bool {
	if c.RemoteURL == "" {
		return true
	}
	u, err := url.Parse(c.RemoteURL)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// URL is the address of the tunnel, with the port, as the documentation builds it.
func (c Connection) URL() *url.URL {
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(c.Address, strconv.Itoa(c.Port)), Path: c.PathContext}
	if c.Secure {
		u.Scheme = "https"
	}
	return u
}

// Versions reports whether a page set is versioned.
func (c Connection) Versions(private bool) bool {
	if private {
		return c.VersionPrivate
	}
	return c.VersionPublic
}

// Same reports whether two connections lead to the same live site.
func (c Connection) Same(o Connection) bool {
	return c.URL().String() == o.URL().String() && c.Site == o.Site
}

// Settings are the type settings that a staging site has.
func (c Connection) Settings() map[string]string {
	m := map[string]string{
		"staged": "true", "stagedRemotely": "true", "remoteAddress": c.Address, "remotePort": strconv.Itoa(c.Port),
		"remotePathContext": c.PathContext, "remoteGroupId": strconv.FormatInt(c.Site, 10),
		"secureConnection": strconv.FormatBool(c.Secure),
		"branchingPublic":  strconv.FormatBool(c.VersionPublic), "branchingPrivate": strconv.FormatBool(c.VersionPrivate),
		"overrideRemoteSiteURL": strconv.FormatBool(c.RemoteURL != ""), "remoteSiteURL": c.RemoteURL,
	}
	for key, value := range lar.StagedFlags(c.Types) {
		m[key] = value
	}
	return m
}
