package failure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

func live(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse("https://live.example.com:8443/portal")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUnconnectedTellsTheCause holds for causes as they come: wrapped by whoever dialled.
func TestUnconnectedTellsTheCause(t *testing.T) {
	certificate := &x509.Certificate{DNSNames: []string{"other.example.com"}}
	for _, tt := range []struct {
		name string
		err  error
		kind failure.Kind
		msg  string
		cure string
	}{
		{"closed port", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
			failure.Unreachable, "nothing listens at live.example.com:8443", "port"},
		{"no such name", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}},
			failure.Unreachable, "the name live.example.com is not known", "spelling"},
		{"no answer", os.ErrDeadlineExceeded, failure.Unreachable, "no answer from live.example.com:8443", "firewall"},
		{"deadline of a context", context.DeadlineExceeded, failure.Unreachable, "no answer from", "firewall"},
		{"no route", os.NewSyscallError("connect", syscall.EHOSTUNREACH), failure.Unreachable, "no answer from", "firewall"},
		{"no network", os.NewSyscallError("connect", syscall.ENETUNREACH), failure.Unreachable, "no answer from", "firewall"},
		{"unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, failure.TLS,
			"authority that is not trusted", "--ca"},
		{"other name", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: certificate, Host: "live.example.com"}},
			failure.TLS, "the certificate is not for live.example.com", "name"},
		{"expired", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
			failure.TLS, "expired or is not valid yet", "clock"},
		{"not for servers", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}},
			failure.TLS, "is not valid: ", ""},
		{"plain HTTP", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, failure.TLS,
			"live.example.com:8443 does not speak TLS", "http://"},
		{"an alert", tls.AlertError(70), failure.TLS, "handshake", "TLS 1.2"},
		{"proxy refused", &proxy.Error{Proxy: "proxy:3128", Status: "403 Forbidden"}, failure.Unreachable,
			"the proxy proxy:3128 does not let the connection to live.example.com:8443 pass: it answers 403 Forbidden", "--proxy"},
		{"proxy that is none", &proxy.Error{Proxy: "proxy:3128", Err: fmt.Errorf("%w: EOF", proxy.ErrAnswer)}, failure.Unreachable,
			"the proxy proxy:3128 does not answer as a proxy does", "something else may be listening"},
		{"proxy away", &proxy.Error{Proxy: "proxy:3128", Err: syscall.ECONNREFUSED}, failure.Unreachable,
			"the proxy proxy:3128 cannot be reached", "--proxy none"},
		{"anything", errors.New("cosmic rays"), failure.Unreachable, "no connection to live.example.com:8443", "network"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := failure.Unconnected(t.Context(), live(t), fmt.Errorf("dial: %w", tt.err))
			if f.Kind != tt.kind || !strings.Contains(f.Msg, tt.msg) || !strings.Contains(f.Cure, tt.cure) {
				t.Errorf("got %s, %q, cure %q", f.Kind, f.Msg, f.Cure)
			}
			if !f.Unexecuted || f.Uncertain() {
				t.Error("a call that never left counts as carried out")
			}
			if f.Cure == "" || !errors.Is(f, tt.err) {
				t.Errorf("no cure, or the cause %v is lost", f.Err)
			}
		})
	}
}

// TestGivenUpWins holds: a caller that stopped is not told of what its stopping broke.
func TestGivenUpWins(t *testing.T) {
	why := errors.New("second signal")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(why)
	for _, tt := range []struct {
		name       string
		got        *failure.Failure
		unexecuted bool
		says       string
	}{
		{"before it was sent", failure.Unconnected(ctx, live(t), syscall.ECONNREFUSED), true, "before the call was sent"},
		{"while it waited", failure.Unanswered(ctx, live(t), false, net.ErrClosed), false, "may have been carried out"},
		{"while a read waited", failure.Unanswered(ctx, live(t), true, net.ErrClosed), false, "may have been carried out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.got
			if f.Kind != failure.Stopped || f.Unexecuted != tt.unexecuted || !strings.Contains(f.Msg, tt.says) || !errors.Is(f, why) {
				t.Errorf("got %+v", f)
			}
			if !tt.unexecuted && f.Cure == "" {
				t.Error("may have been carried out, and no word of what to do")
			}
		})
	}
}

func TestUnanswered(t *testing.T) {
	cut := &forward.Fault{Addr: "a", Reason: forward.ReasonReplyCut, Err: net.ErrClosed}
	bad := &forward.Fault{Addr: "a", Reason: forward.ReasonReply, Err: errors.New("no status line")}
	for _, tt := range []struct {
		name       string
		err        error
		repeatable bool
		kind       failure.Kind
		uncertain  bool
	}{
		{"cut", cut, false, failure.Uncertain, true},
		{"cut, of a call that may be repeated", cut, true, failure.Interrupted, false},
		{"reset", syscall.ECONNRESET, false, failure.Uncertain, true},
		{"no HTTP", bad, false, failure.BadAnswer, false},
		{"no HTTP, of a call that may be repeated", bad, true, failure.BadAnswer, false},
		{"an old version", fmt.Errorf("reply: %w", forward.ErrOldVersion), true, failure.BadAnswer, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := failure.Unanswered(t.Context(), live(t), tt.repeatable, tt.err)
			if f.Kind != tt.kind || f.Uncertain() != tt.uncertain || f.Unexecuted || f.Cure == "" || !errors.Is(f, tt.err) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// TestOfStatusCallsNothingUndone holds: whatever a server may have done before it failed is uncertain,
// and every other answer has its cure.
func TestOfStatusCallsNothingUndone(t *testing.T) {
	for status := 100; status < 1000; status++ {
		f := failure.OfStatus(status, live(t), "")
		if f.Unexecuted {
			t.Errorf("%d: called undone", status)
		}
		if f.Msg == "" || f.Cure == "" {
			t.Errorf("%d: %q, cure %q", status, f.Msg, f.Cure)
		}
		if maybe := status/100 == 5 && status != http.StatusServiceUnavailable; (f.Kind == failure.Uncertain) != maybe {
			t.Errorf("%d is %s", status, f.Kind)
		}
	}
}

func TestOfStatusIsEachCallsOwn(t *testing.T) {
	first := failure.OfStatus(http.StatusForbidden, live(t), "")
	first.Msg = "changed by its caller"
	if again := failure.OfStatus(http.StatusForbidden, live(t), ""); again.Msg == first.Msg {
		t.Error("two failures share their words")
	}
}

// TestRedirectIsNamedWhole holds: the cure is to publish to the address, so a path alone is of no use.
// What may be secret in it is left out.
func TestRedirectIsNamedWhole(t *testing.T) {
	for _, tt := range []struct{ name, location, want string }{
		{"absolute", "https://www.example.com/portal", ` to "https://www.example.com/portal"`},
		{"path", "/c/login", ` to "https://live.example.com:8443/c/login"`},
		{"other host, same scheme", "//www.example.com/a", ` to "https://www.example.com/a"`},
		{"session in the query", "/login?jsessionid=1234", ` to "https://live.example.com:8443/login"`},
		{"login in the address", "https://u:p@www.example.com/", ` to "https://www.example.com/"`},
		{"terminal codes", "/\x1b[31m", ""},
		{"escaped terminal codes", "/%1b[31m", `\x1b[31m"`},
		{"none", "", ""},
		{"nonsense", "http://[::1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := failure.OfStatus(http.StatusFound, live(t), tt.location)
			if f.Kind != failure.BadAnswer || !strings.Contains(f.Msg, tt.want+" instead of the tunnel") {
				t.Errorf("got %q, want %q in it", f.Msg, tt.want)
			}
			if tt.want == "" && strings.Contains(f.Msg, " to ") {
				t.Errorf("names a target: %q", f.Msg)
			}
		})
	}
}

func TestThrown(t *testing.T) {
	const kernel = "com.liferay.portal.kernel.exception."
	for _, tt := range []struct {
		name, class, message, ref string
		kind                      failure.Kind
		msg                       string // the whole of it
	}{
		{"permission", "com.liferay.portal.kernel.security.auth.PrincipalException$MustHavePermission", "User 7", "",
			failure.Denied, "the login may not do this on the live site: User 7"},
		{"secret", "com.liferay.portal.security.auth.RemoteAuthException", "", "",
			failure.Denied, "the live side does not accept the shared secret or the login"},
		{"no site", kernel + "NoSuchGroupException", "", "", failure.Exception, "there is no site with this id on live"},
		{"a class that only ends alike", "com.example.MyNoSuchGroupException", "x", "",
			failure.Exception, "the live engine failed: com.example.MyNoSuchGroupException: x"},
		{"unknown", "java.lang.NullPointerException", "", "", failure.Exception, "the live engine failed: java.lang.NullPointerException"},
		{"wrapped by a gateway", "java.lang.Exception", kernel + "LocaleException: hu_HU", "",
			failure.Mismatch, "the live site lacks a language of the archive: hu_HU"},
		{"a sentence that begins like a class", "java.lang.Exception", "com.liferay.portal is down: x", "",
			failure.Exception, "the live engine failed: java.lang.Exception: com.liferay.portal is down: x"},
		{"a gateway's busy", "java.lang.Exception", "the archive is being published now (stagelock reference r1)", "r1",
			failure.Busy, "the archive is being published now"},
		{"a gateway's login", "java.lang.Exception", "the login eve may not publish (stagelock reference r1)", "r1",
			failure.Denied, "the login eve may not publish"},
		{"a gateway's doubt", "java.lang.Exception", "the call may have been carried out (stagelock reference r1)", "r1",
			failure.Uncertain, "the call may have been carried out"},
		{"a gateway's answer", "java.lang.Exception", "the call was carried out (stagelock reference r1)", "r1",
			failure.BadAnswer, "the call was carried out"},
		{"a gateway's rule", "java.lang.Exception", "no (stagelock reference r1)", "r1", failure.Refused, "no"},
		{"a gateway's words under another reference", "java.lang.Exception", "no (stagelock reference r2)", "r1",
			failure.Exception, "the live engine failed: java.lang.Exception: no (stagelock reference r2)"},
		{"a gateway's words without a reference", "java.lang.Exception", "no (stagelock reference )", "",
			failure.Exception, "the live engine failed: java.lang.Exception: no (stagelock reference )"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := failure.Thrown(&liferay.Thrown{Class: tt.class, Message: tt.message}, tt.ref)
			if f.Kind != tt.kind || f.Msg != tt.msg || f.Cure == "" {
				t.Errorf("got %s, %q, cure %q; want %s, %q", f.Kind, f.Msg, f.Cure, tt.kind, tt.msg)
			}
			var thrown *liferay.Thrown
			if !errors.As(f, &thrown) || thrown.Class != tt.class {
				t.Errorf("the exception is lost: %v", f.Err)
			}
			if got := f.Error(); tt.ref != "" && !strings.HasSuffix(got, "(reference "+tt.ref+")") {
				t.Errorf("%q does not name the reference", got)
			}
		})
	}
}

func TestDuplicateParts(t *testing.T) {
	for _, tt := range []struct {
		name, class, message string
		want                 bool
	}{
		{"6.2", "com.liferay.portlet.documentlibrary.DuplicateFileException", "", true},
		{"7", "com.liferay.document.library.kernel.exception.DuplicateFileEntryException", "", true},
		{"through a gateway", "java.lang.Exception", "com.liferay.portal.kernel.exception.DuplicateFileEntryException: a", true},
		{"ends alike", "com.example.NoDuplicateFileException", "", false},
		{"words", "java.lang.Exception", "x.DuplicateFileException", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := failure.Thrown(&liferay.Thrown{Class: tt.class, Message: tt.message}, "").Duplicate(); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if (&failure.Failure{Kind: failure.Uncertain}).Duplicate() {
		t.Error("a call without an exception is a duplicate")
	}
}

func TestLackingNamesTheCallAndSaysNothingWasImported(t *testing.T) {
	f := failure.Lacking("validateStagingRequest", []string{"logo.png"})
	if got := f.Error(); !strings.HasPrefix(got, "validateStagingRequest: ") || !strings.Contains(got, "nothing was imported") {
		t.Error(got)
	}
	if f.Kind != failure.Missing || len(f.References) != 1 || f.Uncertain() {
		t.Errorf("got %+v", f)
	}
}

// TestRealConnections holds what was said of made-up errors against a real listener.
func TestRealConnections(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := plain.Accept(); err == nil {
			fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	u := &url.URL{Scheme: "https", Host: plain.Addr().String()}
	dial := func() *failure.Failure {
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}}
		c, err := d.DialContext(t.Context(), "tcp", u.Host)
		if err == nil {
			c.Close()
			t.Fatal("connected")
		}
		return failure.Unconnected(t.Context(), u, err)
	}
	if f := dial(); f.Kind != failure.TLS || !strings.Contains(f.Msg, "does not speak TLS") {
		t.Errorf("plain HTTP: %+v", f)
	}
	<-served
	plain.Close()
	u.Host = ports.Free(t)
	if f := dial(); f.Kind != failure.Unreachable || f.Msg != "nothing listens at "+u.Host {
		t.Errorf("closed: %+v", f)
	}
}
