package http1

import (
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

// Request is a head that was accepted. It is valid until the next call of Next; its strings stay
// valid.
type Request struct {
	Method           string // POST, GET or HEAD; OPTIONS too of a Probe
	Target           string // as sent: bytes 21 to 7E, the first a slash; the caller judges it
	Host             string // as sent; one of Profile.Hosts, but for case and a port
	ContentType      string
	Authorization    string
	HasAuthorization bool
	ContentLength    int64    // 0 for GET and HEAD
	ForwardedFor     []string // values of X-Forwarded-For in the order of their lines, unread
	UserAgent        string
	Action           string // SOAPAction, as sent
	ContentEncoding  string // as sent; the caller judges it
	Level            string // what the sender's engine says it is, of grammar.LevelField; at most 200 bytes
	KeepAlive        bool
	ExpectContinue   bool
	Probe            bool // of one of Profile.Probes; Host and version are not looked at

	seen     uint
	encoding string
}

func (r *Request) reset() {
	*r = Request{KeepAlive: true, ForwardedFor: r.ForwardedFor[:0]}
}

// maxLevel is how much is read of what an engine says it is.
const maxLevel = 200

// fieldRule says what is done with a field of one name; fields without a rule are read over.
type fieldRule struct {
	name   string
	bit    uint
	once   bool
	reason string
	read   func(*Request, string) *Error
}

func once(name string, bit uint, reason string, read func(*Request, string) *Error) fieldRule {
	return fieldRule{name: name, bit: bit, once: true, reason: reason, read: read}
}

func refused(name string) fieldRule {
	return fieldRule{name: name, reason: ReasonHop, read: func(*Request, string) *Error {
		return bad(ReasonHop, "header field "+name+" is not taken", "")
	}}
}

// rules are found by the name in lower case.
var rules = byName(
	once("host", grammar.BitHost, ReasonHost, func(r *Request, v string) *Error { r.Host = v; return nil }),
	once("content-length", grammar.BitLength, ReasonLength, (*Request).readLength),
	once("transfer-encoding", grammar.BitEncoding, ReasonEncoding, func(r *Request, v string) *Error {
		r.encoding = v
		return nil
	}),
	once("content-type", grammar.BitType, ReasonHeader, func(r *Request, v string) *Error {
		r.ContentType = v
		return nil
	}),
	once("authorization", grammar.BitAuthorization, ReasonHeader, func(r *Request, v string) *Error {
		r.Authorization, r.HasAuthorization = v, true
		return nil
	}),
	once("connection", grammar.BitConnection, ReasonHop, (*Request).readConnection),
	once("expect", grammar.BitExpect, ReasonExpect, (*Request).readExpect),
	once("user-agent", grammar.BitAgent, ReasonHeader, func(r *Request, v string) *Error {
		r.UserAgent = v
		return nil
	}),
	once("x-stagelock-level", grammar.BitLevel, ReasonHeader, func(r *Request, v string) *Error {
		r.Level = v[:min(len(v), maxLevel)]
		return nil
	}),
	once("soapaction", grammar.BitAction, ReasonHeader, func(r *Request, v string) *Error {
		r.Action = v
		return nil
	}),
	once("content-encoding", grammar.BitCoding, ReasonHeader, func(r *Request, v string) *Error {
		r.ContentEncoding = v
		return nil
	}),
	fieldRule{name: "x-forwarded-for", read: func(r *Request, v string) *Error {
		r.ForwardedFor = append(r.ForwardedFor, v)
		return nil
	}},
	refused("upgrade"), refused("te"), refused("trailer"), refused("http2-settings"),
)

const proxyPrefix = "proxy-"

func byName(list ...fieldRule) map[string]fieldRule {
	m := make(map[string]fieldRule, len(list))
	for _, r := range list {
		m[r.name] = r
	}
	return m
}

// ruleOf finds the rule of a field name in any case without allocating.
func ruleOf(name string) (fieldRule, bool) {
	if len(name) >= len(proxyPrefix) && strings.EqualFold(name[:len(proxyPrefix)], proxyPrefix) {
		return refused(strings.ToLower(name)), true
	}
	var low grammar.Folded
	r, ok := rules[string(grammar.Fold(&low, name))]
	return r, ok
}

// readLength accepts the canonical decimal only: 0, or up to 19 digits that begin with another
// than 0.
func (r *Request) readLength(v string) *Error {
	n, ok := grammar.ParseLength(v)
	if !ok {
		return bad(ReasonLength, "Content-Length is not a plain decimal number", v)
	}
	r.ContentLength = n
	return nil
}

// readConnection accepts one of two words: a list could name fields that a proxy would strip.
func (r *Request) readConnection(v string) *Error {
	switch {
	case strings.EqualFold(v, "keep-alive"):
	case strings.EqualFold(v, "close"):
		r.KeepAlive = false
	default:
		return bad(ReasonHop, "Connection is neither close nor keep-alive but "+strconv.QuoteToASCII(v[:min(len(v), 40)]), v)
	}
	return nil
}

func (r *Request) readExpect(v string) *Error {
	if v != "100-continue" {
		return bad(ReasonExpect, "Expect is not 100-continue", v)
	}
	r.ExpectContinue = true
	return nil
}
