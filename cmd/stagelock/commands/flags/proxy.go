package flags

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// Proxy returns the forward proxy towards an address: that of the flag, or of the environment as
// other tools read it (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in small letters too); nil for
// none. A flag of none asks for none.
func Proxy(sh *term.Shell, flag string, to *url.URL) (*url.URL, error) {
	from := "--proxy"
	switch {
	case flag == "none":
		return nil, nil
	case flag == "":
		from, flag = proxyVariable(sh, to)
	}
	if flag == "" {
		return nil, nil
	}
	if !strings.Contains(flag, "://") {
		flag = "http://" + flag
	}
	u, err := url.Parse(flag)
	if err != nil { // its text has the whole address, with a password perhaps
		return nil, term.Usagef("the address of the proxy in %s cannot be read", from)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, term.Usagef("%s: a proxy's address is http://host:port or https://host:port, not %s", from, u.Redacted())
	}
	return u, nil
}

// proxyVariable returns the variable that names a proxy towards an address, and its value.
func proxyVariable(sh *term.Shell, to *url.URL) (name, value string) {
	if bypassed(first(sh, "NO_PROXY", "no_proxy"), to) {
		return "", ""
	}
	names := []string{"HTTPS_PROXY", "https_proxy"}
	if to.Scheme == "http" {
		names = []string{"http_proxy", "HTTP_PROXY"}
	}
	for _, n := range append(names, "ALL_PROXY", "all_proxy") {
		if v := sh.Env(n); v != "" {
			return n, v
		}
	}
	return "", ""
}

func first(sh *term.Shell, names ...string) string {
	for _, n := range names {
		if v := sh.Env(n); v != "" {
			return v
		}
	}
	return ""
}

// bypassed reports whether a list of exceptions has the address. This machine always is one.
func bypassed(list string, to *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(to.Hostname(), "."))
	ip, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if exception(strings.ToLower(item), host, port(to), ip.Unmap()) {
			return true
		}
	}
	return false
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// exception reports whether one item of the list means the host: *, a name with all below it, an
// address, a prefix, each with a port perhaps.
func exception(item, host, port string, ip netip.Addr) bool {
	if item == "*" {
		return true
	}
	if prefix, err := netip.ParsePrefix(item); err == nil {
		return ip.IsValid() && prefix.Contains(ip)
	}
	if h, p, err := net.SplitHostPort(item); err == nil {
		if p != port {
			return false
		}
		item = h
	}
	if a, err := netip.ParseAddr(strings.Trim(item, "[]")); err == nil {
		return a.Unmap() == ip
	}
	item = strings.TrimPrefix(strings.TrimPrefix(item, "*"), ".")
	return item != "" && (host == item || strings.HasSuffix(host, "."+item))
}
