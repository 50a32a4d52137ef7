package publisher_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

const ref = "0190a1b2-0000-7000-8000-000000000001"

// Each odd answer must become the failure that it is, for a call that may be repeated and for one that may not.
func TestOddAnswers(t *testing.T) {
	gateway := "X-Stagelock-Reference: " + ref
	own := func(msg string) string {
		return ok(thrown(t, "com.liferay.portal.kernel.exception.PortalException", msg+" (stagelock reference "+ref+")"), gateway)
	}
	portal := func(class, msg string) string { return ok(thrown(t, class, msg)) }
	tests := []struct {
		name, answer   string
		kind           failure.Kind
		unexecuted     bool
		msg            string
		reference      string
		reason         string
		repeatableKind failure.Kind // of createStagingRequest, if it differs
	}{
		{name: "nothing where a value is due", answer: status(200, ""), kind: failure.BadAnswer, msg: "not one that a staging tunnel gives"},
		{name: "web page", answer: status(200, "<html>hello</html>"), kind: failure.BadAnswer},
		{name: "redirect", answer: status(302, "", "Location: https://live.example.com/login"), kind: failure.BadAnswer, msg: "redirect to \"https://live.example.com/login\""},
		{name: "no http", answer: "220 mail.example.com ESMTP\r\n\r\n", kind: failure.BadAnswer},
		{name: "wrong path", answer: status(404, ""), kind: failure.BadAnswer, msg: "no staging tunnel is at this address"},
		{name: "address denied", answer: status(403, "address 10.0.0.9 is not on the list of allowed hosts (reference "+ref+")\n", gateway, "Content-Type: text/plain; charset=utf-8"),
			kind: failure.Denied, msg: "address 10.0.0.9 is not on the list of allowed hosts", reference: ref},
		{name: "denied by a portal", answer: status(403, ""), kind: failure.Denied, msg: "does not let this machine in"},
		{name: "too large for a proxy", answer: status(413, ""), kind: failure.TooLarge, msg: "larger than the other side takes"},
		{name: "gateway without engine", answer: status(503, "the live engine cannot be reached; nothing was carried out (reference "+ref+")", gateway, "Retry-After: 5", "Content-Type: text/plain"),
			kind: failure.Unavailable, unexecuted: true, msg: "the live engine cannot be reached", reference: ref},
		{name: "503 without a promise", answer: status(503, ""), kind: failure.Unavailable},
		{name: "bad gateway", answer: status(502, "<html>"), kind: failure.Uncertain, msg: "failed with status 502", repeatableKind: failure.Unavailable},
		{name: "wrong host", answer: status(421, ""), kind: failure.BadAnswer, msg: "does not serve this host name"},
		{name: "slow line", answer: status(408, ""), kind: failure.Slow, msg: "too slowly"},
		{name: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\n\r\n", kind: failure.BadAnswer, msg: "answers in HTTP/1.0"},
		{name: "published by somebody else", answer: own("this archive is being published now, since 10:00:00, by a@example.com; if that publish is dead, try again in 1m40s"),
			kind: failure.Busy, reference: ref, msg: "since 10:00:00, by a@example.com"},
		{name: "login that is not listed", answer: own("the login \"x\" may not publish from this server; publish as a user that is listed"), kind: failure.Denied, reference: ref, msg: "may not publish from this server"},
		{name: "a reason that words do not tell", answer: ok(thrown(t, "com.liferay.portal.kernel.exception.PortalException", "no (stagelock reference "+ref+")"), gateway, "X-Stagelock-Reason: request.publishing"),
			kind: failure.Busy, reference: ref, reason: "request.publishing"},
		{name: "too slow for a gateway", answer: status(408, "body came too slowly (reference "+ref+")", gateway, "X-Stagelock-Reason: http.timeout", "Content-Type: text/plain"),
			kind: failure.Slow, reference: ref, reason: "http.timeout", msg: "body came too slowly"},
		{name: "a reason of a gateway of tomorrow", answer: ok(thrown(t, "com.liferay.portal.kernel.exception.PortalException", "no (stagelock reference "+ref+")"), gateway, "X-Stagelock-Reason: moon.full"),
			kind: failure.Refused, reference: ref, reason: "moon.full"},
		{name: "a reason of nobody known", answer: status(404, "", "X-Stagelock-Reason: request.publishing"), kind: failure.BadAnswer},
		{name: "build", answer: portal("com.liferay.exportimport.kernel.exception.LayoutImportException", "LAR build number 6204 does not match portal build number 7413"),
			kind: failure.Mismatch, msg: "6204"},
		{name: "language", answer: portal("com.liferay.portal.kernel.exception.LocaleException", "hu_HU"), kind: failure.Mismatch, msg: "hu_HU"},
		{name: "wrong secret", answer: ok(thrown(t, "com.liferay.portal.kernel.security.auth.RemoteAuthException", "")), kind: failure.Denied, msg: "shared secret"},
		{name: "no permission", answer: portal("com.liferay.portal.kernel.security.auth.PrincipalException", "User 7 must have"), kind: failure.Denied, msg: "may not do this"},
		{name: "no such site", answer: portal("com.liferay.portal.kernel.exception.NoSuchGroupException", "No Group exists"), kind: failure.Exception, msg: "no site with this id"},
		{name: "engine failed", answer: portal("com.liferay.portal.kernel.exception.SystemException", "disk"), kind: failure.Exception, msg: "SystemException: disk"},
		{name: "refused by a gateway", answer: own("the call updateUser is not a staging call"), kind: failure.Refused, msg: "the call updateUser is not a staging call", reference: ref},
		{name: "gateway does not know", answer: own("the live engine went away before it answered: the call may have been carried out"), kind: failure.Uncertain, reference: ref},
		{name: "gateway refused the answer", answer: own("the call was carried out, but the live engine's answer was refused"), kind: failure.BadAnswer, reference: ref},
		{name: "the engine's words through a gateway", answer: ok(thrown(t, "com.liferay.portal.kernel.exception.PortalException", "x was carried out"), gateway), kind: failure.Exception, reference: ref},
		{name: "closed without a word", answer: "", kind: failure.Uncertain, repeatableKind: failure.Unreachable},
		{name: "cut in the middle", answer: strings.TrimSuffix(status(200, "\xac\xed\x00\x05sr"), "sr"), kind: failure.Uncertain, repeatableKind: failure.Interrupted},
		{name: "heartbeats, then cut", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\xac\xed\x00\x05y\r\n1\r\ny\r\n",
			kind: failure.Uncertain, repeatableKind: failure.Interrupted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, call := range []struct {
				name string
				kind failure.Kind
				make func(*publisher.Client) error
			}{
				{"publish", tt.kind, func(c *publisher.Client) error {
					_, err := c.PublishStagingRequest(t.Context(), 7, publisher.DefaultSettings(site, false, nil))
					return err
				}},
				{"create", or(tt.repeatableKind, tt.kind), func(c *publisher.Client) error {
					_, err := c.CreateStagingRequest(t.Context(), site, strings.Repeat("0", 32))
					return err
				}},
			} {
				t.Run(call.name, func(t *testing.T) {
					s := &script{answers: []string{closing(tt.answer)}}
					c := client(t, config(t, "http://"+s.serve(t)))
					f := failureOf(t, call.make(c))
					if f.Kind != call.kind || f.Reference != tt.reference || f.Unexecuted != tt.unexecuted {
						t.Errorf("kind %s, reference %q, unexecuted %t; want %s, %q, %t\n%v", f.Kind, f.Reference, f.Unexecuted, call.kind, tt.reference, tt.unexecuted, f.Err)
					}
					if f.Reason != tt.reason {
						t.Errorf("reason %q, want %q", f.Reason, tt.reason)
					}
					if !strings.Contains(f.Msg, tt.msg) || f.Cure == "" || strings.Contains(f.Msg, ref) {
						t.Errorf("message %q with cure %q, want %q", f.Msg, f.Cure, tt.msg)
					}
					if got := len(s.methods()); got != 1 {
						t.Errorf("sent %d times", got)
					}
				})
			}
		})
	}
}

// closing makes the server close after an answer that has no length of its own.
func closing(answer string) string {
	return strings.Replace(answer, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
}

func or(a, b failure.Kind) failure.Kind {
	if a == "" {
		return b
	}
	return a
}

func TestHeartbeatsAreReadOver(t *testing.T) {
	empty := missing(t, nil, nil)
	_, object, _ := strings.Cut(empty, "\r\n\r\n")
	rest := object[4:]
	answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + object[:4] + "y\r\n" + strings.Repeat("1\r\ny\r\n", 50) +
		hex(len(rest)) + "\r\n" + rest + "\r\n0\r\n\r\n"
	void := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + object[:4] + "y\r\n1\r\ny\r\n0\r\n\r\n"
	s := &script{answers: []string{answer, void}}
	cfg := config(t, "http://"+s.serve(t))
	beats := int64(0)
	cfg.Progress = func(p publisher.Progress) { beats = max(beats, p.Beats) }
	c := client(t, cfg)
	if _, err := c.PublishStagingRequest(t.Context(), 7, publisher.DefaultSettings(site, false, nil)); err != nil {
		t.Error(err)
	}
	if beats == 0 {
		t.Error("no heartbeat was told")
	}
	if err := c.EnableStaging(t.Context(), site); err != nil {
		t.Errorf("a void answer after heartbeats: %v", err)
	}
	if s.conns != 1 {
		t.Errorf("%d connections, want one that is reused", s.conns)
	}
}

func hex(n int) string {
	const digits = "0123456789abcdef"
	if n < 16 {
		return digits[n : n+1]
	}
	return hex(n/16) + digits[n%16:n%16+1]
}

// An empty answer is what a void call gets. Nothing tells it from a call that the portal could not read.
func TestVoidAnswersNothing(t *testing.T) {
	s := &script{answers: []string{status(200, "")}}
	c := client(t, config(t, "http://"+s.serve(t)))
	if err := c.CheckRemoteStagingGroup(t.Context(), site); err != nil {
		t.Error(err)
	}
	want := request{method: "checkRemoteStagingGroup", args: []any{int64(site)}, authorization: "Basic of:" + login, target: "/api/liferay/do", conn: 1}
	got := s.requests[0]
	got.host, got.length = "", 0
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(request{})); diff != "" {
		t.Error(diff)
	}
}

// A connection that died while it was kept is replaced for a read, and never for a publish.
func TestStaleConnection(t *testing.T) {
	for _, tt := range []struct {
		name string
		call func(context.Context, *publisher.Client) error
		want []string
	}{
		{"read", func(ctx context.Context, c *publisher.Client) error { return c.CheckRemoteStagingGroup(ctx, site) },
			[]string{"checkRemoteStagingGroup", "checkRemoteStagingGroup", "checkRemoteStagingGroup"}},
		{"enable", func(ctx context.Context, c *publisher.Client) error { return c.EnableStaging(ctx, site) },
			[]string{"checkRemoteStagingGroup", "enableStaging"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: []string{status(200, ""), "", status(200, "")}} // the second is read and its connection closed
			c := client(t, config(t, "http://"+s.serve(t)))
			if err := c.CheckRemoteStagingGroup(t.Context(), site); err != nil {
				t.Fatal(err)
			}
			err := tt.call(t.Context(), c)
			if len(tt.want) == 3 && err != nil {
				t.Error(err)
			}
			if len(tt.want) == 2 && failureOf(t, err).Kind != failure.Uncertain {
				t.Errorf("%v, want an uncertain failure", err)
			}
			if got := s.methods(); !slices.Equal(got, tt.want) {
				t.Errorf("calls %v, want %v", got, tt.want)
			}
		})
	}
}

// A gateway that goes down takes the connections with it that it had accepted. Whoever publishes at
// that moment comes to the next one.
func TestFirstCallAtTheEndOfAGateway(t *testing.T) {
	cut := 2
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cut > 0 {
			cut--
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusOK)
	}))
	s.StartTLS()
	t.Cleanup(s.Close)
	for _, tt := range []struct {
		name  string
		cut   int
		fails bool
	}{{"two attempts", 2, false}, {"for ever", 1 << 20, true}} {
		t.Run(tt.name, func(t *testing.T) {
			cut = tt.cut
			cfg := config(t, s.URL)
			cfg.Roots = x509.NewCertPool()
			cfg.Roots.AddCert(s.Certificate())
			_, err := client(t, cfg).Rehearse(t.Context(), bytes.NewReader(lar(2500)), 2500)
			if (err != nil) != tt.fails || err != nil && failureOf(t, err).Kind != failure.Unreachable {
				t.Errorf("%v, want a failure: %t", err, tt.fails)
			}
		})
	}
}

func TestCannotConnect(t *testing.T) {
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tlsServer.Close)
	plain := serveHTTP(t, http.NotFoundHandler())
	trusted := x509.NewCertPool()
	trusted.AddCert(tlsServer.Certificate())
	closed := ports.Free(t)
	for _, tt := range []struct {
		name, url string
		roots     *x509.CertPool
		dial      func(context.Context, string, string) (net.Conn, error)
		kind      failure.Kind
		msg       string
	}{
		{"closed port", "http://" + closed, nil, nil, failure.Unreachable, "nothing listens at " + closed},
		{"unknown authority", tlsServer.URL, x509.NewCertPool(), nil, failure.TLS, "not trusted here"},
		{"another name", strings.Replace(tlsServer.URL, "127.0.0.1", "localhost", 1), trusted, nil, failure.TLS, "not for localhost"},
		{"no TLS there", strings.Replace(plain, "http:", "https:", 1), nil, nil, failure.TLS, "does not speak TLS"},
		{"unknown name", "http://live.invalid", nil, func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "live.invalid", IsNotFound: true}}
		}, failure.Unreachable, "the name live.invalid is not known"},
		{"silence", "http://192.0.2.1", nil, func(ctx context.Context, _, _ string) (net.Conn, error) {
			return nil, context.DeadlineExceeded
		}, failure.Unreachable, "no answer from 192.0.2.1:80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t, tt.url)
			cfg.Roots, cfg.Dial = tt.roots, tt.dial
			f := failureOf(t, client(t, cfg).CheckRemoteStagingGroup(t.Context(), site))
			if f.Kind != tt.kind || !strings.Contains(f.Msg, tt.msg) || f.Cure == "" || !f.Unexecuted {
				t.Errorf("%s: %q (%s), unexecuted %t: %v", f.Kind, f.Msg, f.Cure, f.Unexecuted, f.Err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct{ name, url, build, want string }{
		{"unknown line", "https://live", "5.1", `version line "5.1" is not one of 6.2, 7.0`},
		{"scheme", "ftp://live", "7.2", "does not begin with http:// or https://"},
		{"no host", "https:///x", "7.2", "has no host"},
		{"user", "https://a:b@live", "7.2", "carries a user name"},
		{"query", "https://live?x=1", "7.2", "has a query"},
		{"slash", "https://live/portal/", "7.2", "ends with a slash"},
		{"whole path", "https://live/api/liferay/do", "7.2", "leave that off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t, tt.url)
			cfg.Build = tt.build
			if _, err := publisher.New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), ":b@") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestCallsOfOtherLines(t *testing.T) {
	s := &script{answers: []string{status(200, "")}}
	cfg := config(t, "http://"+s.serve(t)+"/portal")
	cfg.Build = "6.2"
	c := client(t, cfg)
	if _, err := c.HasRemoteLayout(t.Context(), "u", site, false); err == nil || !strings.Contains(err.Error(), "build 6.2 has no staging call hasRemoteLayout") {
		t.Error(err)
	}
	if err := c.CheckRemoteStagingGroup(t.Context(), site); err != nil {
		t.Error(err)
	}
	if got := s.requests[0].target; got != "/portal/api/liferay/do" {
		t.Errorf("target %s", got)
	}
}
