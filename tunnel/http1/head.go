package http1

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Classes of bytes: what may stand in a field name, a field value and a request target.
const (
	inName = 1 << iota
	inValue
	inTarget
	inToken // names in replies: any token of RFC 9110
)

var classes = func() (t [256]byte) {
	for b := range t {
		alnum := b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		if alnum || b == '-' {
			t[b] |= inName
		}
		if b >= 0x20 && b <= 0x7e || b == '\t' {
			t[b] |= inValue
		}
		if b >= 0x21 && b <= 0x7e {
			t[b] |= inTarget
		}
		if alnum || strings.IndexByte("!#$%&'*+-.^_`|~", byte(b)) >= 0 {
			t[b] |= inToken
		}
	}
	return t
}()

// all tells whether every byte of s is in the class.
func all(s string, class byte) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// scanner finds the end of a head in a buffer that grows. Lines end with CRLF: it says so at the
// first that does not.
type scanner struct{ line, next int }

var (
	errBareLF = errors.New("line feed without carriage return")
)

// find returns the length of the head in b with its empty line, or 0 if it is not complete.
func (s *scanner) find(b []byte) (int, error) {
	for {
		i := bytes.IndexByte(b[s.next:], '\n')
		if i < 0 {
			s.next = len(b)
			return 0, nil
		}
		end := s.next + i
		if end == s.line || b[end-1] != '\r' {
			return 0, errBareLF
		}
		empty := end-1 == s.line
		s.line, s.next = end+1, end+1
		if empty {
			return end + 1, nil
		}
	}
}

// cutLine splits s after its first CRLF, which the scanner has seen.
func cutLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	return s[:i-1], s[i+1:]
}

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
	line, rest := cutLine(head)
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
	case method == "" || !all(method, inToken):
		return bad(ReasonRequestLine, "method is not a token", line)
	case target == "" || !all(target, inTarget):
		return bad(ReasonRequestLine, "target has bytes that no address has", line)
	case target[0] != '/' && known(method):
		return bad(ReasonRequestLine, "target does not begin with a slash", line)
	}
	return nil
}

// asks reports whether a method is one of balancers' probes, which carries nothing.
func asks(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

func known(method string) bool { return method == "POST" || method == "GET" || method == "HEAD" }

// fields reads the lines up to the empty one.
func (r *Request) fields(rest string) *Error {
	for n := 0; ; n++ {
		var line string
		line, rest = cutLine(rest)
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
	if colon <= 0 || !all(line[:colon], inName) {
		return bad(ReasonHeader, "header field has no proper name", "") // the line may hold a token
	}
	value := trimBlanks(line[colon+1:])
	if !all(value, inValue) {
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

func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// framing decides how long the body is, before anything else is judged.
func (r *Request) framing() *Error {
	length := r.seen&bitLength != 0
	switch {
	case r.seen&bitEncoding != 0 && length:
		return bad(ReasonEncoding, "both Transfer-Encoding and Content-Length", "")
	case r.seen&bitEncoding != 0 && r.encoding != "chunked":
		return bad(ReasonEncoding, "Transfer-Encoding is not taken", r.encoding)
	case r.seen&bitEncoding != 0:
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
	if !known(r.Method) {
		return &Error{Status: 405, Reason: ReasonMethod, Msg: "method is not allowed",
			Err: fmt.Errorf("method %.40q", r.Method)}
	}
	if r.seen&bitHost == 0 {
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
	n, ok := parseLength(s)
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
