package syncserver

import (
	"errors"
	"io"
	"time"
)

// The namespaces of the wire.
const (
	soapNS   = "http://schemas.xmlsoap.org/soap/envelope/"
	addrNS   = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	anyone   = addrNS + "/role/anonymous"
	oasis    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
	wsseNS   = oasis + "wssecurity-secext-1.0.xsd"
	wsuNS    = oasis + "wssecurity-utility-1.0.xsd"
	digested = oasis + "username-token-profile-1.0#PasswordDigest"
	encoded  = oasis + "soap-message-security-1.0#Base64Binary"
	serverNS = "http://localhost/SyncWebService/SyncServer"
	// Action is the SOAPAction of the one call that is taken.
	Action = serverNS + "/ProcessSynchronizationTaskData"
)

// Envelope is what surrounds a task.
type Envelope struct {
	MessageID string
	To        string
	Token     Token
	Expires   time.Time // of the Timestamp; zero if there was none
}

var (
	anyID  = attr{wsuNS, "Id", ""}
	mustBe = []attr{anyID, {soapNS, "mustUnderstand", "1"}, {soapNS, "mustUnderstand", "0"}, {soapNS, "actor", ""}}
)

// readMessage returns the text of the task in the body. Admit is called with the header before the
// body is read; nothing more is read behind its error.
func readMessage(r io.Reader, lim Limits, admit func(Envelope) error) (Envelope, string, error) {
	in := &capped{r: r, left: min(lim.Head, lim.Bytes)}
	var env Envelope
	headed := false
	root, err := parse(in, lim, func(depth int, n *node) error {
		if depth != 1 || headed {
			return nil
		}
		if !n.is(soapNS, "Header") {
			return outside(400, BadEnvelope, "no header")
		}
		var err error
		if env, err = readHeader(n); err != nil {
			return err
		}
		headed, in.left = true, in.left+lim.Bytes-min(lim.Head, lim.Bytes)
		return admit(env)
	})
	if err != nil {
		return Envelope{}, "", stranger(err, headed)
	}
	text, err := readBody(root)
	return env, text, err
}

// stranger gives a refusal before the credentials were taken the status for a stranger.
func stranger(err error, admitted bool) error {
	var r *Refusal
	if errors.As(err, &r) && r.Status == 0 && !admitted {
		return outside(400, r.Code, "%s", r.Why)
	}
	return err
}

func readBody(root *node) (string, error) {
	if !root.is(soapNS, "Envelope") || root.only() != nil || len(root.kids) != 2 {
		return "", refuse(BadEnvelope, "not a SOAP 1.1 envelope of header and body")
	}
	body := root.kids[1]
	if !body.is(soapNS, "Body") || body.only(anyID) != nil || len(body.kids) != 1 {
		return "", refuse(BadEnvelope, "not one body with one call")
	}
	call := body.kids[0]
	if !call.is(serverNS, "ProcessSynchronizationTaskData") || call.only() != nil || len(call.kids) != 1 {
		return "", refuse(BadEnvelope, "not the one call that is taken")
	}
	data := call.kids[0]
	if !data.is(serverNS, "stagingTaskData") || data.only() != nil || !data.leaf() {
		return "", refuse(BadEnvelope, "the call carries something else than the text of a task")
	}
	return data.text, nil
}

// children returns the children of n by name. Each name must be one of names and stand once.
func children(n *node, code Code, names ...[2]string) (map[string]*node, error) {
	found := map[string]*node{}
next:
	for _, k := range n.kids {
		for _, name := range names {
			if k.is(name[0], name[1]) && found[k.local] == nil {
				found[k.local] = k
				continue next
			}
		}
		return nil, outside(400, code, "%s in %s: not known, or a second one", brief(k.local), n.local)
	}
	return found, nil
}

func readHeader(n *node) (Envelope, error) {
	kids, err := children(n, BadEnvelope, [2]string{addrNS, "Action"}, [2]string{addrNS, "MessageID"},
		[2]string{addrNS, "ReplyTo"}, [2]string{addrNS, "To"}, [2]string{wsseNS, "Security"})
	if err != nil {
		return Envelope{}, err
	}
	if len(kids) != 5 || n.only() != nil {
		return Envelope{}, outside(400, BadEnvelope, "a header is missing")
	}
	for _, k := range kids {
		if err := k.only(mustBe...); err != nil {
			return Envelope{}, err
		}
		if actor, _ := k.attr(soapNS, "actor"); actor != "" {
			return Envelope{}, outside(400, BadEnvelope, "a header for another actor")
		}
	}
	if !kids["Action"].leaf() || kids["Action"].text != Action || !toAnyone(kids["ReplyTo"]) {
		return Envelope{}, outside(400, BadEnvelope, "another action, or a reply to somebody else")
	}
	env := Envelope{MessageID: kids["MessageID"].text, To: kids["To"].text}
	if !address(kids["MessageID"]) || !address(kids["To"]) {
		return Envelope{}, outside(400, BadEnvelope, "a message id or address outside its form")
	}
	err = readSecurity(kids["Security"], &env)
	return env, err
}

// address reports whether n holds one printable word.
func address(n *node) bool {
	for _, c := range n.text {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return n.leaf() && n.text != "" && len(n.text) <= 1024
}

func toAnyone(n *node) bool {
	if len(n.kids) != 1 {
		return false
	}
	a := n.kids[0]
	return a.is(addrNS, "Address") && len(a.attrs) == 0 && a.leaf() && a.text == anyone
}

func readSecurity(n *node, env *Envelope) error {
	kids, err := children(n, Credentials, [2]string{wsuNS, "Timestamp"}, [2]string{wsseNS, "UsernameToken"})
	if err != nil {
		return err
	}
	token := kids["UsernameToken"]
	if token == nil || token.only(anyID) != nil {
		return outside(400, Credentials, "no user name token")
	}
	if stamp := kids["Timestamp"]; stamp != nil {
		if env.Expires, err = readTimestamp(stamp); err != nil {
			return err
		}
	}
	env.Token, err = readToken(token)
	return err
}

func readTimestamp(n *node) (time.Time, error) {
	kids, err := children(n, Credentials, [2]string{wsuNS, "Created"}, [2]string{wsuNS, "Expires"})
	if err != nil {
		return time.Time{}, err
	}
	if len(kids) != 2 || n.only(anyID) != nil || kids["Created"].only() != nil || kids["Expires"].only() != nil {
		return time.Time{}, outside(400, Credentials, "a timestamp outside its form")
	}
	from, err := parseTime(kids["Created"].text)
	if err != nil {
		return time.Time{}, err
	}
	to, err := parseTime(kids["Expires"].text)
	if err == nil && !from.Before(to) {
		err = outside(400, Credentials, "a timestamp that ends before it begins")
	}
	return to, err
}

func readToken(n *node) (Token, error) {
	if !hasPassword(n) {
		return Token{}, outside(400, Bypass2747, "a token without a password")
	}
	kids, err := children(n, Credentials, [2]string{wsseNS, "Username"}, [2]string{wsseNS, "Password"},
		[2]string{wsseNS, "Nonce"}, [2]string{wsuNS, "Created"})
	if err != nil {
		return Token{}, err
	}
	if len(kids) != 4 || kids["Username"].only() != nil || kids["Created"].only() != nil ||
		kids["Nonce"].only(attr{"", "EncodingType", encoded}) != nil || !kids["Username"].leaf() {
		return Token{}, outside(400, Credentials, "a token outside its form")
	}
	password := kids["Password"]
	if kind, _ := password.attr("", "Type"); kind != digested || len(password.attrs) != 1 {
		return Token{}, outside(400, Credentials, "a password other than a digest")
	}
	t := Token{User: kids["Username"].text}
	if t.User == "" || !exactly(t.Nonce[:], kids["Nonce"].text) || !exactly(t.Digest[:], password.text) {
		return Token{}, outside(400, Credentials, "a nonce or digest outside its form")
	}
	t.Created, err = parseTime(kids["Created"].text)
	return t, err
}

func hasPassword(token *node) bool {
	for _, k := range token.kids {
		if k.is(wsseNS, "Password") {
			return true
		}
	}
	return false
}
