package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"

	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

// scheme looks whether publishers are told to use TLS, and who answers plain HTTP.
func scheme(ctx context.Context, p *patient) []finding.Line {
	if p.To.Scheme == "https" {
		return nil
	}
	where := ""
	ctx, cancel := context.WithTimeout(ctx, p.Reply)
	defer cancel()
	client := p.client(nil)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.To.String(), nil)
	if err == nil {
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode/100 == 3 {
				where = fmt.Sprintf(
					"; what answers redirects to %s, which Java's client does not follow for a POST",
					res.Header.Get("Location"),
				)
			}
		}
	}
	p.To.Scheme = "https"
	return []finding.Line{finding.Mend("http carries secrets and content in the clear, and no gateway takes it"+where,
		"tick Use a Secure Network Connection, and enter the port of https")}
}

// names looks the other end up.
func names(ctx context.Context, p *patient) []finding.Line {
	host := p.To.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		p.addrs, p.known[named] = []netip.Addr{a}, true
		return []finding.Line{finding.Well(host + " is an address")}
	}
	if p.Proxy != nil {
		p.known[named] = true
		return []finding.Line{finding.Well("the proxy " + proxy.Address(p.Proxy) + " looks " + host + " up")}
	}
	var lines []finding.Line
	for _, family := range []struct{ id, network, name string }{{"dns.v4", "ip4", "IPv4"}, {"dns.v6", "ip6", "IPv6"}} {
		found, err := p.Resolve(ctx, family.network, host)
		if err != nil || len(found) == 0 {
			lines = append(lines, finding.Know("no "+family.name+" address; nothing to do").As(family.id))
			continue
		}
		p.addrs = append(p.addrs, found...)
		lines = append(lines, finding.Well(fmt.Sprintf("%s is %s", host, list(found))).As(family.id))
	}
	if len(p.addrs) == 0 {
		return []finding.Line{finding.Mend(host+" has no address", "look at the name that is entered as Remote Host, and at this machine's name server")}
	}
	p.known[named] = true
	return lines
}

func list[T fmt.Stringer](all []T) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

// onlyIPv4 looks whether the portal's JVM can reach any of the addresses.
func onlyIPv4(_ context.Context, p *patient) []finding.Line {
	o := p.Portal.Option("java.net.preferIPv4Stack")
	if o.Text != "true" {
		return nil
	}
	for _, a := range p.addrs {
		if a.Unmap().Is4() {
			return []finding.Line{finding.Well("the portal's JVM uses IPv4 only, and there is an IPv4 address")}
		}
	}
	return []finding.Line{finding.Mend(p.To.Hostname()+" has IPv6 addresses only, and the portal's JVM is told to use IPv4 only",
		"remove -Djava.net.preferIPv4Stack=true").In(o)}
}

// connect connects to each address.
func connect(ctx context.Context, p *patient) []finding.Line {
	var lines []finding.Line
	for _, addr := range p.targets(p.port()) {
		begun := p.Now()
		conn, err := p.dial(ctx, addr)
		if err != nil {
			lines = append(lines, p.unreached(addr, err))
			continue
		}
		conn.Close()
		p.known[reached] = true
		lines = append(lines, finding.Well(fmt.Sprintf("%s answers in %d ms%s", addr, p.Now().Sub(begun).Milliseconds(), p.through())))
	}
	if p.known[reached] { // Java tries the next address too, as long as one answers
		for i := range lines {
			if lines[i].Mark == finding.Bad && strings.Contains(lines[i].Words, "[") {
				lines[i].Mark = finding.Note
			}
		}
	}
	return lines
}

// targets are what to connect to, in order: the addresses, or the name where a proxy looks it up.
func (p *patient) targets(port string) []string {
	if len(p.addrs) == 0 {
		return []string{net.JoinHostPort(p.To.Hostname(), port)}
	}
	all := make([]string, len(p.addrs))
	for i, a := range p.addrs {
		all[i] = net.JoinHostPort(a.Unmap().String(), port)
	}
	return all
}

// through says which way connections go, where it is not the straight one.
func (p *patient) through() string {
	if p.Proxy == nil {
		return ""
	}
	return " through the proxy " + proxy.Address(p.Proxy)
}

func (p *patient) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	return p.Dial(ctx, "tcp", addr)
}

// unreached says why a connection could not be made.
func (p *patient) unreached(addr string, err error) finding.Line {
	var timeout net.Error
	var at *proxy.Error
	switch {
	case errors.As(err, &at):
		return barred(addr, at)
	case errors.Is(err, syscall.ECONNREFUSED):
		return finding.Mend(addr+" refuses connections", "start the gateway there, or mend the port; a firewall may refuse too")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return finding.Mend("there is no way to "+addr, "look at the routes of this machine, and at the address of the name")
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return finding.Mend(
			fmt.Sprintf("%s gives no answer in %s: a firewall drops it", addr, p.Patience),
			"have the firewalls between let this machine through to that port",
		)
	}
	return finding.Mend(addr+" cannot be reached: "+err.Error(), "look at the line between")
}

// barred says why a proxy opens no way.
func barred(addr string, e *proxy.Error) finding.Line {
	mend := func(words, cure string) finding.Line {
		return finding.Mend("the proxy "+e.Proxy+" "+words, cure).As("proxy")
	}
	switch {
	case strings.HasPrefix(e.Status, "407"):
		return mend("wants a login: it answers "+e.Status, "write it into the proxy's address: http://login:password@host:port")
	case strings.HasPrefix(e.Status, "5"):
		return mend("does not get to "+addr+": it answers "+e.Status,
			"look at the name and the port, and whether the firewall behind the proxy lets it through")
	case e.Status != "":
		return mend("opens no way to "+addr+": it answers "+e.Status, "have it allow CONNECT to that host and port")
	case errors.Is(e.Err, proxy.ErrAnswer):
		return mend("is none: "+e.Err.Error(), "mend its address in --proxy or HTTPS_PROXY; --proxy none goes straight")
	}
	return mend("cannot be reached: "+e.Err.Error(), "start it, or mend its address in --proxy or HTTPS_PROXY; --proxy none goes straight")
}

// client calls the other end as publishers do: HTTP/1.1, one connection after the other.
func (p *patient) client(t *http.Transport) *http.Client {
	if t == nil {
		t = &http.Transport{}
	}
	t.DisableCompression, t.DialContext = true, func(ctx context.Context, _, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		var conn net.Conn
		for _, to := range p.targets(port) {
			if conn, err = p.dial(ctx, to); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
	return &http.Client{Transport: t}
}
