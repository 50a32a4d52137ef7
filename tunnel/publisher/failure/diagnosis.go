package failure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

// Unconnected is a connection that could not be made.
func Unconnected(ctx context.Context, u *url.URL, err error) *Failure {
	if ctx.Err() != nil {
		return GivenUp(ctx, true)
	}
	f := &Failure{Err: err, Unexecuted: true}
	for _, c := range causes {
		if msg, ok := c.explain(err, u); ok {
			f.Kind, f.Msg, f.Cure = c.kind, msg, c.cure
			return f
		}
	}
	f.Kind, f.Msg = Unreachable, "no connection to "+proxy.Address(u)
	f.Cure = "check the address and the network between here and there"
	return f
}

// cause explains one way in which connecting fails.
type cause struct {
	kind    Kind
	explain func(err error, u *url.URL) (string, bool)
	cure    string
}

var causes = []cause{
	{Unreachable, proxyRefused, "check --proxy, or HTTPS_PROXY of the environment; a login for it stands in its " +
		"address: http://user:password@proxy:3128"},
	{Unreachable, proxyOdd, "check --proxy, or HTTPS_PROXY of the environment: something else may be listening there, or " +
		"something on the way opens every connection itself; --proxy none goes without one"},
	{Unreachable, proxyAway, "check --proxy, or HTTPS_PROXY of the environment; --proxy none goes without one"},
	{TLS, unknownAuthority,
		"get the certificate of that authority from whoever runs the live side, check its " +
			"fingerprint, and name it with --ca"},
	{TLS, otherName, "use the name that the certificate is for, or have it made for this one"},
	{TLS, expired, "the live side must renew it; a wrong clock here looks the same"},
	{TLS, noTLS, "use http:// or the port that speaks TLS"},
	{TLS, otherTLS, "check that both sides support TLS 1.2 or later"},
	{Unreachable, unknownName, "check the spelling of the name and the DNS server of this machine"},
	{Unreachable, closedPort, "check the port, and that the live side is running"},
	{Unreachable, silent,
		"a firewall may drop the packets; ask for this machine's address to be let through"},
}

func proxyRefused(err error, u *url.URL) (string, bool) {
	var e *proxy.Error
	if !errors.As(err, &e) || e.Status == "" {
		return "", false
	}
	return "the proxy " + e.Proxy + " does not let the connection to " + proxy.Address(u) + " pass: it answers " + e.Status, true
}

func proxyOdd(err error, _ *url.URL) (string, bool) {
	var e *proxy.Error
	if !errors.As(err, &e) || !errors.Is(err, proxy.ErrAnswer) {
		return "", false
	}
	return "the proxy " + e.Proxy + " does not answer as a proxy does", true
}

func proxyAway(err error, _ *url.URL) (string, bool) {
	var e *proxy.Error
	if !errors.As(err, &e) {
		return "", false
	}
	return "the proxy " + e.Proxy + " cannot be reached", true
}

func unknownAuthority(err error, u *url.URL) (string, bool) {
	var e x509.UnknownAuthorityError
	return "the certificate of " + u.Host + " is signed by an authority that is not trusted here",
		errors.As(err, &e)
}

func otherName(err error, u *url.URL) (string, bool) {
	var e x509.HostnameError
	return "the certificate is not for " + u.Hostname(), errors.As(err, &e)
}

func expired(err error, u *url.URL) (string, bool) {
	var e x509.CertificateInvalidError
	if !errors.As(err, &e) {
		return "", false
	}
	if e.Reason == x509.Expired {
		return "the certificate of " + u.Host + " has expired or is not valid yet", true
	}
	return "the certificate of " + u.Host + " is not valid: " + e.Error(), true
}

func noTLS(err error, u *url.URL) (string, bool) {
	var e tls.RecordHeaderError
	return u.Host + " does not speak TLS", errors.As(err, &e)
}

func otherTLS(err error, u *url.URL) (string, bool) {
	var alert tls.AlertError
	var cert *tls.CertificateVerificationError
	return "the TLS handshake with " + u.Host + " failed", errors.As(err, &alert) || errors.As(err, &cert)
}

func unknownName(err error, u *url.URL) (string, bool) {
	var e *net.DNSError
	return "the name " + u.Hostname() + " is not known", errors.As(err, &e)
}

func closedPort(err error, u *url.URL) (string, bool) {
	return "nothing listens at " + proxy.Address(u), errors.Is(err, syscall.ECONNREFUSED)
}

func silent(err error, u *url.URL) (string, bool) {
	var e net.Error
	timeout := errors.As(err, &e) && e.Timeout() || errors.Is(err, context.DeadlineExceeded)
	return "no answer from " + proxy.Address(u), timeout || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.ENETUNREACH)
}

// GivenUp is a call whose caller gave up.
func GivenUp(ctx context.Context, unexecuted bool) *Failure {
	f := &Failure{Kind: Stopped, Err: context.Cause(ctx), Unexecuted: unexecuted,
		Msg: "stopped before the call was sent"}
	if !unexecuted {
		f.Msg = "stopped before the answer came: the call may have been carried out"
		f.Cure = "look at the live site before you publish again"
	}
	return f
}

// Unanswered is a call that was sent whole and whose answer did not come, or not to its end. One that is
// repeatable may be made again.
func Unanswered(ctx context.Context, u *url.URL, repeatable bool, err error) *Failure {
	if ctx.Err() != nil {
		return GivenUp(ctx, false)
	}
	var up *forward.Fault
	switch {
	case errors.Is(err, forward.ErrOldVersion):
		return &Failure{Kind: BadAnswer, Err: err,
			Msg: u.Host + " answers in HTTP/1.0, in which an answer that was cut looks whole",
			Cure: "something in front of live is set to HTTP/1.0, or is no web server of today: have its operator set it " +
				"to 1.1 (nginx: proxy_http_version 1.1)"}
	case errors.As(err, &up) && up.Reason == forward.ReasonReply:
		return Answer(err, "")
	}
	f := &Failure{Kind: Uncertain, Err: err, Broke: true,
		Msg:  "the connection broke before the answer came: the call may have been carried out",
		Cure: "look at the live site, or at the gateway's audit log, before you publish again"}
	if repeatable {
		f.Kind, f.Msg, f.Cure = Interrupted, "the connection broke before the answer came", "try again"
	}
	return f
}

var noTunnel = Failure{Kind: BadAnswer, Msg: "no staging tunnel is at this address",
	Cure: "check the host, and the path context that follows it in the address"}

// meanings are the answers that are no 200.
var meanings = map[int]Failure{
	http.StatusBadRequest: {Kind: BadAnswer,
		Msg:  "the other side does not take the request for one of a publisher",
		Cure: "check the address: plain HTTP sent to a TLS port looks like this"},
	http.StatusUnauthorized: {Kind: Denied, Msg: "the other side wants other credentials",
		Cure: "check the login and the shared secret"},
	http.StatusForbidden: {Kind: Denied, Msg: "the live side does not let this machine in",
		Cure: "have this machine's address put on the live side's list of allowed hosts; a " +
			"missing secret looks the same on a portal"},
	http.StatusNotFound:         noTunnel,
	http.StatusMethodNotAllowed: noTunnel,
	http.StatusMisdirectedRequest: {Kind: BadAnswer, Msg: "the other side does not serve this host name",
		Cure: "use the name that the live side is called by, or have it added to names: there"},
	http.StatusProxyAuthRequired: {Kind: Denied, Msg: "the proxy wants a login",
		Cure: "put it into the proxy's address: http://user:password@proxy:3128"},
	http.StatusLengthRequired: {Kind: BadAnswer, Msg: "a proxy on the way does not pass the call on as it is",
		Cure: "let the proxy keep the Content-Length"},
	http.StatusRequestEntityTooLarge: {Kind: TooLarge, Msg: "a part is larger than the other side takes",
		Cure: "use a smaller --buffer, or raise the limit there (nginx: client_max_body_size; the " +
			"gateway: part.max_bytes of the peer)"},
	http.StatusRequestTimeout: {Kind: Slow, Msg: "the call came too slowly for the other side",
		Cure: "have limits.body_min_rate of the gateway lowered, or use a smaller --buffer or a faster line"},
	http.StatusTooManyRequests: {Kind: Unavailable, Msg: "the other side takes no more calls at the moment",
		Cure: "try again later"},
	http.StatusServiceUnavailable: {Kind: Unavailable, Msg: "the live engine is not available",
		Cure: "try again later"},
}

// OfStatus says what an answer means that is no 200. Nothing of a call that may have been
// carried out is called undone.
func OfStatus(status int, u *url.URL, location string) *Failure {
	if f, ok := meanings[status]; ok {
		return &f
	}
	code := strconv.Itoa(status)
	switch status / 100 {
	case 3:
		return &Failure{Kind: BadAnswer, Msg: u.Host + " answers with a redirect" + to(u, location) +
			" instead of the tunnel",
			Cure: "publish to the address that it redirects to, with its scheme"}
	case 5:
		return &Failure{Kind: Uncertain,
			Msg: "something between here and live failed with status " + code +
				": the call may have been carried out",
			Cure: "look at the live site before you publish again"}
	}
	return &Failure{Kind: BadAnswer, Msg: "the answer has status " + code + ", which no staging tunnel gives",
		Cure: "check the address; something else may be listening there"}
}

// to names where a redirect of from leads, without what may be secret in it.
func to(from *url.URL, location string) string {
	u, err := from.Parse(location)
	if location == "" || err != nil {
		return ""
	}
	return " to " + strconv.Quote(u.Scheme+"://"+u.Host+u.Path)
}
