package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel"
)

// Reasons why a connection ends before a request is read.
const (
	ReasonPlain        tunnel.Reason = "hello.plain"
	ReasonUntrusted    tunnel.Reason = "hello.untrusted"
	ReasonVersion      tunnel.Reason = "hello.version"
	ReasonCipher       tunnel.Reason = "hello.cipher"
	ReasonFailed       tunnel.Reason = "hello.failed"
	ReasonProxyAbsent  tunnel.Reason = "proxy.absent"
	ReasonProxyForeign tunnel.Reason = "proxy.foreign"
)

// silent is a connection that ended, closed or reset, before a byte came: a balancer that looks
// whether the port is open. It is counted and nothing else.
const silent = "silent"

// unaccepted is a connection that could not be accepted, for want of open files in most cases. It
// waits, and is counted each time that it is tried.
const unaccepted = "files"

// stalls says when it is to be told that connections cannot be accepted: at once, then once a minute.
type stalls struct {
	mu   sync.Mutex
	n    int64 // since it was last told
	told time.Time
}

func (s *stalls) due(now time.Time) (n int64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if !s.told.IsZero() && now.Sub(s.told) < troubleWindow {
		return s.n, false
	}
	n, s.n, s.told = s.n, 0, now
	return n, true
}

// greeted is what the first message of a TLS client told.
type greeted struct{ versions []uint16 }

type greetedKey struct{}

// greet notes what the client offers, for the case that nothing comes of it.
func greet(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if g, ok := hello.Context().Value(greetedKey{}).(*greeted); ok {
		g.versions = hello.SupportedVersions
	}
	return nil, nil
}

// The alerts of TLS by which clients say what they do not like (RFC 8446, section 6.2).
const (
	alertClose            = 0
	alertHandshakeFailure = 40
	alertBadCertificate   = 42
	alertUnknownCA        = 48
	alertVersion          = 70
)

// alertOf returns the alert that the client sent. Its type is crypto/tls's own.
func alertOf(err error) (alert uint64, ok bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return v.Uint(), true
}

// verdict is what is said about a connection that came to nothing.
type verdict struct {
	reason tunnel.Reason // empty: nothing is said
	msg    string
}

// untrusted is a client that sent an alert about the certificate, or hung up when it saw it.
func untrusted(how string) verdict {
	return verdict{ReasonUntrusted, "the client does not trust the gateway's certificate: it " + how}
}

// failure is a handshake that failed, as far as it is known.
type failure struct {
	error
	*greeted
	lowest  uint16 // version that is taken
	alert   uint64 // of the client
	alerted bool
}

// met reports whether the client said what it speaks.
func (f failure) met() bool { return len(f.versions) > 0 }

func (f failure) is(target ...error) bool {
	return slices.ContainsFunc(target, func(t error) bool { return errors.Is(f.error, t) })
}

// verdicts are looked through in this order.
var verdicts = []struct {
	fits func(failure) bool
	say  func(failure) verdict
}{
	{func(f failure) bool { return f.is(proxyproto.ErrNoProxyProtocol) }, func(failure) verdict {
		return verdict{ReasonProxyAbsent, "a balancer of hosts.proxy_protocol sent no PROXY protocol header"}
	}},
	{func(f failure) bool { return f.is(errProxyHeader) }, func(f failure) verdict {
		return verdict{ReasonProxyAbsent, "a balancer of hosts.proxy_protocol sent a " + f.Error()}
	}},
	{func(f failure) bool { var r tls.RecordHeaderError; return errors.As(f.error, &r) }, func(f failure) verdict {
		var record tls.RecordHeaderError
		errors.As(f.error, &record)
		return foreign(record.RecordHeader)
	}},
	{
		func(f failure) bool { return f.alerted && f.alert >= alertBadCertificate && f.alert <= alertUnknownCA },
		func(f failure) verdict {
			return untrusted(fmt.Sprintf("answers with the alert %q", strings.TrimPrefix(errors.Unwrap(f.error).Error(), "tls: ")))
		},
	},
	{func(f failure) bool { return f.met() && strings.HasSuffix(f.Error(), "bad record MAC") }, func(failure) verdict {
		return untrusted("breaks off in plain text, as OpenSSL does in TLS 1.3")
	}},
	{func(f failure) bool {
		return f.met() && slices.Max(f.versions) < f.lowest || f.alerted && f.alert == alertVersion
	}, func(f failure) verdict {
		return verdict{ReasonVersion, "the client's newest TLS is " + versionName(f.versions) + ", older than the lowest that is taken"}
	}},
	{func(f failure) bool {
		return strings.Contains(f.Error(), "cipher suite") || f.alerted && f.alert == alertHandshakeFailure
	}, func(failure) verdict { return verdict{ReasonCipher, "client and gateway have no cipher in common"} }},
	{func(f failure) bool {
		return f.met() && (f.is(io.EOF, syscall.ECONNRESET, syscall.EPIPE) || f.alerted && f.alert == alertClose)
	}, func(failure) verdict {
		return untrusted("hung up when it saw it")
	}},
	{func(f failure) bool { return !f.met() && f.is(io.EOF, syscall.ECONNRESET) }, func(failure) verdict { return verdict{} }},
	{func(f failure) bool { return f.is(os.ErrDeadlineExceeded, context.DeadlineExceeded) }, func(failure) verdict {
		return verdict{ReasonFailed, "the client did not end its TLS handshake in time"}
	}},
}

// explain says why a handshake failed.
func explain(err error, g *greeted, lowest uint16) verdict {
	f := failure{error: err, greeted: g, lowest: lowest}
	f.alert, f.alerted = alertOf(err)
	for _, v := range verdicts {
		if v.fits(f) {
			return v.say(f)
		}
	}
	return verdict{ReasonFailed, "the TLS handshake failed"}
}

func versionName(all []uint16) string {
	if len(all) == 0 {
		return "unknown"
	}
	return tls.VersionName(slices.Max(all))
}

// foreign is a connection whose first bytes are no TLS.
func foreign(first [5]byte) verdict {
	head := string(first[:])
	word, _, _ := strings.Cut(head, " ")
	switch {
	case head == "PROXY" || head == "\r\n\r\n\x00":
		return verdict{ReasonProxyForeign, "a PROXY protocol header came from an address that is not in hosts.proxy_protocol"}
	case len(word) >= 3 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "":
		return verdict{ReasonPlain, "plain HTTP came to a port that speaks TLS"}
	}
	return verdict{ReasonFailed, fmt.Sprintf("what came is no TLS: it begins with %q", first)}
}

// turn counts a connection that is closed before a byte is read.
func (f *Front) turn(why tunnel.Reason) {
	f.cfg.Visits.Count(why)
	f.trouble.count(string(why))
}

// refused tells of a connection that came to nothing, to the client that can read it too.
func (f *Front) refused(ctx context.Context, raw net.Conn, socket netip.AddrPort, v verdict, err error) {
	if v.reason == "" {
		f.trouble.count(silent)
		return
	}
	f.trouble.count(string(v.reason))
	ref := ""
	if now := f.cfg.Visits.Now(); f.trouble.first(socket.Addr(), v.reason, now) {
		visit := f.cfg.Visits.Open(socket, f.cfg.Rules())
		visit.Deny(ctx, nil, &tunnel.Problem{Code: tunnel.BadRequest, Reason: v.reason, Msg: v.msg, Err: err}, "accept")
		ref = visit.Ref
	} else {
		f.cfg.Visits.Count(v.reason)
	}
	if v.reason == ReasonPlain {
		f.answerPlain(raw, socket.Addr(), ref)
	}
}

// How much of a plain request is read, so that its client comes to reading the answer.
const (
	plainDrain    = 64 << 10 // of a stranger's
	plainDrainOwn = 32 << 20 // of one who may call
	plainTime     = 10 * time.Second
)

// answerPlain tells a client that speaks no TLS so: Java's sends the call again if nobody answers.
func (f *Front) answerPlain(raw net.Conn, addr netip.Addr, ref string) {
	body := policy.Tell(string(ReasonPlain), "this port speaks TLS")
	head := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n" +
		"X-Stagelock-Reason: " + string(ReasonPlain) + "\r\n"
	if ref != "" {
		body += " (reference " + ref + ")"
		head += "X-Stagelock-Reference: " + ref + "\r\n"
	}
	body += "\n"
	if raw.SetDeadline(time.Now().Add(plainTime)) != nil {
		return
	}
	if _, err := fmt.Fprintf(raw, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body); err != nil {
		return
	}
	most := int64(plainDrain)
	if f.cfg.Rules().Hosts.Contains(addr) {
		most = plainDrainOwn
	}
	_ = raw.SetReadDeadline(time.Now().Add(plainPause))
	buf := make([]byte, 32<<10)
	for most > 0 {
		n, err := raw.Read(buf)
		if most -= int64(n); err != nil || bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			return // the end of a head without a body, or of what the client sends
		}
		_ = raw.SetReadDeadline(time.Now().Add(plainPause))
	}
}

// plainPause is how long a plain client may pause before its connection is closed.
const plainPause = 2 * time.Second

// Bounds of what is remembered of addresses whose connections came to nothing.
const (
	troubleWindow = time.Minute
	maxTroubles   = 4096
)

// troubles counts connections that came to nothing, and tells which are worth a line.
type troubles struct {
	mu   sync.Mutex
	n    map[string]int64
	last map[trouble]time.Time
}

type trouble struct {
	addr   netip.Addr
	reason tunnel.Reason
}

func (t *troubles) count(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]int64{}
	}
	t.n[why]++
}

// first reports whether this is the first of its kind in a while.
func (t *troubles) first(addr netip.Addr, reason tunnel.Reason, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := trouble{addr, reason}
	if last, ok := t.last[key]; ok && now.Sub(last) < troubleWindow {
		return false
	}
	if t.last == nil || len(t.last) >= maxTroubles {
		maps.DeleteFunc(t.last, func(_ trouble, last time.Time) bool { return now.Sub(last) >= troubleWindow })
		if t.last == nil {
			t.last = map[trouble]time.Time{}
		}
	}
	if len(t.last) >= maxTroubles {
		return false // a flood from many addresses: it is counted
	}
	t.last[key] = now
	return true
}

// Refused returns how many connections ended before a request was read, by why: the code of a reason
// of policy, or silent for one that said nothing.
func (f *Front) Refused() map[string]int64 {
	f.trouble.mu.Lock()
	defer f.trouble.mu.Unlock()
	all := maps.Clone(f.trouble.n)
	if all == nil {
		all = map[string]int64{}
	}
	return all
}
