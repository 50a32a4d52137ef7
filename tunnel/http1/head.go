package http1

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

// parseRequest reads a complete head into r, which it resets. A refused head whose framing is
// beyond doubt leaves ContentLength set, so that the body can be drained before the answer.
func parseRequest(head string, p *Profile, r *Request) *Error {
	r.reset()
	if err := r.parse(head, p.Probes); err != nil {
		r.ContentLength = 0
		return err
	}
	return r.admit(p)
}

func (r *Request) parse(head string, probes []string) *Error {
	line, rest := grammar.CutLine(head)
	if err := r.requestLine(line, probes); err != nil {
		return err
	}
	if err := r.fields(rest); err != nil {
		return err
	}
	return r.framing()
}

// requestLine accepts method SP target SP HTTP/1.1 and nothing else, but for a probe in HTTP/1.0.
func (r *Request) requestLine(line string, probes []string) *Error {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	r.Method, r.Target = method, target
	r.Probe = asks(method) && slices.Contains(probes, target)
	old := r.Probe && version == "HTTP/1.0"
	r.KeepAlive = !old
	switch {
	case version == "HTTP/1.0" && !old:
		return bad(ReasonRequestLine, "the request came in HTTP/1.0, in which an answer that was cut looks whole", line)
	case version != "HTTP/1.1" && !old:
		return bad(ReasonRequestLine, "request line does not end in HTTP/1.1", line)
	case method == "" || !grammar.All(method, grammar.InToken):
		return bad(ReasonRequestLine, "method is not a token", line)
	case target == "" || !grammar.All(target, grammar.InTarget):
		return bad(ReasonRequestLine, "target has bytes that no address has", line)
	case target[0] != '/' && grammar.KnownMethod(method):
		return bad(ReasonRequestLine, "target does not begin with a slash", line)
	}
	return nil
}

// asks reports whether a method is one of balancers' probes, which carries nothing.
func asks(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// fields reads the lines up to the empty one.
func (r *Request) fields(rest string) *Error {
	for n := 0; ; n++ {
		var line string
		line, rest = grammar.CutLine(rest)
		if line == "" {
			return nil
		}
		if n == maxFields {
			return bad(ReasonHeader, fmt.Sprintf("more than %d header fields", maxFields), "")
		}
		if err := r.field(line); err != nil {
			return err
		}
	}
}

// field reads one line: name, colon, value between optional blanks.
func (r *Request) field(line string) *Error {
	colon := strings.IndexByte(line, ':')
	if colon <= 0 || !grammar.All(line[:colon], grammar.InName) {
		return bad(ReasonHeader, "header field has no proper name", "") // the line may hold a token
	}
	value := grammar.Trim(line[colon+1:])
	if !grammar.All(value, grammar.InValue) {
		return bad(ReasonHeader, "header field has bytes outside printable ASCII", line[:colon])
	}
	rule, ok := ruleOf(line[:colon])
	if !ok {
		return nil
	}
	if rule.once {
		if r.seen&rule.bit != 0 {
			return bad(rule.reason, "header field "+rule.name+" stands twice", "")
		}
		r.seen |= rule.bit
	}
	return rule.read(r, value)
}

// framing decides how long the body is, before anything else is judged.
func (r *Request) framing() *Error {
	length := r.seen&grammar.BitLength != 0
	switch {
	case r.seen&grammar.BitEncoding != 0 && length:
		return bad(ReasonEncoding, "both Transfer-Encoding and Content-Length", "")
	case r.seen&grammar.BitEncoding != 0 && r.encoding != "chunked":
		return bad(ReasonEncoding, "Transfer-Encoding is not taken", r.encoding)
	case r.seen&grammar.BitEncoding != 0:
		return &Error{Status: 411, Reason: ReasonChunked,
			Msg: "chunked requests are not taken: send Content-Length"}
	case r.Method == "POST" && !length:
		return &Error{Status: 411, Reason: ReasonNoLength, Msg: "Content-Length is missing"}
	case (r.Probe || r.Method == "GET" || r.Method == "HEAD") && r.ContentLength > 0:
		return bad(ReasonLength, r.Method+" with a body", "")
	}
	return nil
}

// admit judges a head that is well formed.
func (r *Request) admit(p *Profile) *Error {
	if r.Probe {
		return nil // no call can come of it
	}
	if !grammar.KnownMethod(r.Method) {
		return &Error{Status: 405, Reason: ReasonMethod, Msg: "method is not allowed",
			Err: fmt.Errorf("method %.40q", r.Method)}
	}
	if r.seen&grammar.BitHost == 0 {
		return bad(ReasonHost, "Host is missing", "")
	}
	if !listed(p.Hosts, r.Host) {
		return bad(ReasonHost, "this host is not served here", r.Host)
	}
	if r.ContentLength > p.MaxContent {
		return &Error{Status: 413, Reason: ReasonTooLarge, Msg: "content is too large",
			Err: fmt.Errorf("%d bytes, limit %d", r.ContentLength, p.MaxContent)}
	}
	return nil
}

// listed tells whether host is one of hosts, or one without a port on whatever port its client knows:
// a firewall may turn it into another one. Folding costs nothing when it came in lower case, as it
// does. An IPv6 address is the same in each of its spellings: Java writes [0:0:0:0:0:0:0:1].
func listed(hosts []string, host string) bool {
	host = shortest(strings.ToLower(host))
	name := host
	if i := strings.LastIndexByte(host, ':'); i > 0 && isPort(host[i+1:]) && (host[i-1] == ']' || !strings.Contains(host[:i], ":")) {
		name = host[:i]
	}
	for _, h := range hosts {
		if h = shortest(h); h != "" && (h == host || h == name) {
			return true
		}
	}
	return false
}

// shortest spells an IPv6 address in brackets, with or without a port, in the one way that Go does.
func shortest(host string) string {
	end := strings.IndexByte(host, ']')
	if end < 0 || host[0] != '[' {
		return host
	}
	a, err := netip.ParseAddr(host[1:end])
	if err != nil || !a.Is6() || a.Zone() != "" {
		return host
	}
	return "[" + a.String() + host[end:]
}

// isPort tells whether s is a port as clients write it.
func isPort(s string) bool {
	n, ok := grammar.ParseLength(s)
	return ok && n > 0 && n < 1<<16
}

// bad returns a refusal with status 400; detail is for the log and shortened.
func bad(reason, msg, detail string) *Error {
	e := &Error{Status: 400, Reason: reason, Msg: msg}
	if detail != "" {
		e.Err = fmt.Errorf("%.120q", detail)
	}
	return e
}
