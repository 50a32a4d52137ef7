package syncserver

import (
	"errors"
	"io"
	"time"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// The namespaces of the wire.
const (
	soapNS   = "http://schemas.xmlsoap.org/soap/envelope/"
	addrNS   = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	oasis    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
	wsseNS   = oasis + "wssecurity-secext-1.0.xsd"
	wsuNS    = oasis + "wssecurity-utility-1.0.xsd"
	digested = oasis + "username-token-profile-1.0#PasswordDigest"
	encoded  = oasis + "soap-message-security-1.0#Base64Binary"
	serverNS = "http://localhost/SyncWebService/SyncServer"
	// Anyone is the address of whoever sent a call.
	Anyone = addrNS + "/role/anonymous"
	// Action is the SOAPAction of the one call that is taken.
	Action = serverNS + "/ProcessSynchronizationTaskData"
)

// Envelope is what surrounds a task.
type Envelope struct {
	MessageID string
	To        string
	Token     token.Token
	Expires   time.Time // of the Timestamp; zero if there was none
}

var (
	anyID  = markup.Allowed(wsuNS, "Id", "")
	mustBe = []markup.Attr{
		anyID, markup.Allowed(soapNS, "mustUnderstand", "1"), markup.Allowed(soapNS, "mustUnderstand", "0"),
		markup.Allowed(soapNS, "actor", ""),
	}
)

// readMessage returns the text of the task in the body. Admit is called with the header before the
// body is read; nothing more is read behind its error.
func readMessage(r io.Reader, lim Limits, admit func(Envelope) error) (Envelope, string, error) {
	in := &markup.Capped{R: r, Left: min(lim.Head, lim.Bytes)}
	var env Envelope
	headed := false
	root, err := markup.Parse(in, lim.markup(), func(depth int, n *markup.Node) error {
		if depth != 1 || headed {
			return nil
		}
		if !n.Is(soapNS, "Header") {
			return refusal.Outside(400, refusal.BadEnvelope, "no header")
		}
		var err error
		if env, err = readHeader(n); err != nil {
			return err
		}
		headed, in.Left = true, in.Left+lim.Bytes-min(lim.Head, lim.Bytes)
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
	var r *refusal.Error
	if errors.As(err, &r) && r.Status == 0 && !admitted {
		return refusal.Outside(400, r.Code, "%s", r.Why)
	}
	return err
}

func readBody(root *markup.Node) (string, error) {
	if !root.Is(soapNS, "Envelope") || root.Only() != nil || len(root.Kids) != 2 {
		return "", refusal.New(refusal.BadEnvelope, "not a SOAP 1.1 envelope of header and body")
	}
	body := root.Kids[1]
	if !body.Is(soapNS, "Body") || body.Only(anyID) != nil || len(body.Kids) != 1 {
		return "", refusal.New(refusal.BadEnvelope, "not one body with one call")
	}
	call := body.Kids[0]
	if !call.Is(serverNS, "ProcessSynchronizationTaskData") || call.Only() != nil || len(call.Kids) != 1 {
		return "", refusal.New(refusal.BadEnvelope, "not the one call that is taken")
	}
	data := call.Kids[0]
	if !data.Is(serverNS, "stagingTaskData") || data.Only() != nil || !data.Leaf() {
		return "", refusal.New(refusal.BadEnvelope, "the call carries something else than the text of a task")
	}
	return data.Text, nil
}

// children returns the children of n by name. Each name must be one of names and stand once.
func children(n *markup.Node, code refusal.Code, names ...[2]string) (map[string]*markup.Node, error) {
	found := map[string]*markup.Node{}
next:
	for _, k := range n.Kids {
		for _, name := range names {
			if k.Is(name[0], name[1]) && found[k.Local] == nil {
				found[k.Local] = k
				continue next
			}
		}
		return nil, refusal.Outside(400, code, "%s in %s: not known, or a second one", refusal.Brief(k.Local), n.Local)
	}
	return found, nil
}

func readHeader(n *markup.Node) (Envelope, error) {
	kids, err := children(n, refusal.BadEnvelope, [2]string{addrNS, "Action"}, [2]string{addrNS, "MessageID"},
		[2]string{addrNS, "ReplyTo"}, [2]string{addrNS, "To"}, [2]string{wsseNS, "Security"})
	if err != nil {
		return Envelope{}, err
	}
	if len(kids) != 5 || n.Only() != nil {
		return Envelope{}, refusal.Outside(400, refusal.BadEnvelope, "a header is missing")
	}
	for _, k := range kids {
		if err := k.Only(mustBe...); err != nil {
			return Envelope{}, err
		}
		if actor, _ := k.Attr(soapNS, "actor"); actor != "" {
			return Envelope{}, refusal.Outside(400, refusal.BadEnvelope, "a header for another actor")
		}
	}
	if !kids["Action"].Leaf() || kids["Action"].Text != Action || !toAnyone(kids["ReplyTo"]) {
		return Envelope{}, refusal.Outside(400, refusal.BadEnvelope, "another action, or a reply to somebody else")
	}
	env := Envelope{MessageID: kids["MessageID"].Text, To: kids["To"].Text}
	if !address(kids["MessageID"]) || !address(kids["To"]) {
		return Envelope{}, refusal.Outside(400, refusal.BadEnvelope, "a message id or address outside its form")
	}
	err = readSecurity(kids["Security"], &env)
	return env, err
}

// address reports whether n holds one printable word.
func address(n *markup.Node) bool {
	for _, c := range n.Text {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return n.Leaf() && n.Text != "" && len(n.Text) <= 1024
}

func toAnyone(n *markup.Node) bool {
	if len(n.Kids) != 1 {
		return false
	}
	a := n.Kids[0]
	return a.Is(addrNS, "Address") && len(a.Attrs) == 0 && a.Leaf() && a.Text == Anyone
}

func readSecurity(n *markup.Node, env *Envelope) error {
	kids, err := children(n, refusal.Credentials, [2]string{wsuNS, "Timestamp"}, [2]string{wsseNS, "UsernameToken"})
	if err != nil {
		return err
	}
	token := kids["UsernameToken"]
	if token == nil || token.Only(anyID) != nil {
		return refusal.Outside(400, refusal.Credentials, "no user name token")
	}
	if stamp := kids["Timestamp"]; stamp != nil {
		if env.Expires, err = readTimestamp(stamp); err != nil {
			return err
		}
	}
	env.Token, err = readToken(token)
	return err
}

func readTimestamp(n *markup.Node) (time.Time, error) {
	kids, err := children(n, refusal.Credentials, [2]string{wsuNS, "Created"}, [2]string{wsuNS, "Expires"})
	if err != nil {
		return time.Time{}, err
	}
	if len(kids) != 2 || n.Only(anyID) != nil || kids["Created"].Only() != nil || kids["Expires"].Only() != nil {
		return time.Time{}, refusal.Outside(400, refusal.Credentials, "a timestamp outside its form")
	}
	from, err := token.ParseTime(kids["Created"].Text)
	if err != nil {
		return time.Time{}, err
	}
	to, err := token.ParseTime(kids["Expires"].Text)
	if err == nil && !from.Before(to) {
		err = refusal.Outside(400, refusal.Credentials, "a timestamp that ends before it begins")
	}
	return to, err
}

func readToken(n *markup.Node) (token.Token, error) {
	if !hasPassword(n) {
		return token.Token{}, refusal.Outside(400, refusal.Bypass2747, "a token without a password")
	}
	kids, err := children(n, refusal.Credentials, [2]string{wsseNS, "Username"}, [2]string{wsseNS, "Password"},
		[2]string{wsseNS, "Nonce"}, [2]string{wsuNS, "Created"})
	if err != nil {
		return token.Token{}, err
	}
	if len(kids) != 4 || kids["Username"].Only() != nil || kids["Created"].Only() != nil ||
		kids["Nonce"].Only(markup.Allowed("", "EncodingType", encoded)) != nil || !kids["Username"].Leaf() {
		return token.Token{}, refusal.Outside(400, refusal.Credentials, "a token outside its form")
	}
	password := kids["Password"]
	if kind, _ := password.Attr("", "Type"); kind != digested || len(password.Attrs) != 1 {
		return token.Token{}, refusal.Outside(400, refusal.Credentials, "a password other than a digest")
	}
	t := token.Token{User: kids["Username"].Text}
	if t.User == "" || !token.Exactly(t.Nonce[:], kids["Nonce"].Text) || !token.Exactly(t.Digest[:], password.Text) {
		return token.Token{}, refusal.Outside(400, refusal.Credentials, "a nonce or digest outside its form")
	}
	t.Created, err = token.ParseTime(kids["Created"].Text)
	return t, err
}

func hasPassword(token *markup.Node) bool {
	for _, k := range token.Kids {
		if k.Is(wsseNS, "Password") {
			return true
		}
	}
	return false
}
