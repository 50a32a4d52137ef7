package syncserver

import (
	"errors"
	"io"
	"strings"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
)

const (
	maxReply   = 64 << 10
	notChanged = "Target not reached, nothing was changed"
	// NotAccepted is all that a stranger is told, whatever it was.
	NotAccepted = "Not accepted"
)

// ErrBadReply is returned for an answer of an engine that says neither that a task was carried out nor
// why not. The task may have been carried out.
var ErrBadReply = errors.New("an answer that is none of this wire")

// Reply is what an engine says about a task. With neither text it was carried out.
type Reply struct {
	Result string // why it failed, for the sender's administrator
	Fault  string // the text of a SOAP fault
}

// ReadReply reads the body of an answer with HTTP status 200 or 500. Every error wraps ErrBadReply.
func ReadReply(status int, r io.Reader) (Reply, error) {
	lim := DefaultLimits()
	root, err := markup.Parse(&markup.Capped{R: r, Left: maxReply}, lim.markup(), nil)
	if err != nil {
		return Reply{}, errors.Join(ErrBadReply, err)
	}
	if !root.Is(soapNS, "Envelope") || len(root.Kids) == 0 {
		return Reply{}, ErrBadReply
	}
	body := root.Kids[len(root.Kids)-1]
	if len(root.Kids) > 2 || !body.Is(soapNS, "Body") || len(body.Kids) != 1 ||
		len(root.Kids) == 2 && !root.Kids[0].Is(soapNS, "Header") {
		return Reply{}, ErrBadReply
	}
	switch {
	case status == 200 && body.Kids[0].Is(serverNS, "ProcessSynchronizationTaskDataResponse"):
		return readResult(body.Kids[0])
	case status == 500 && body.Kids[0].Is(soapNS, "Fault"):
		return readFault(body.Kids[0])
	}
	return Reply{}, ErrBadReply
}

func readResult(n *markup.Node) (Reply, error) {
	if n.Leaf() && markup.Blank(n.Text) {
		return Reply{}, nil
	}
	if len(n.Kids) != 1 || !n.Kids[0].Is(serverNS, "ProcessSynchronizationTaskDataResult") || !n.Kids[0].Leaf() {
		return Reply{}, ErrBadReply
	}
	result := n.Kids[0]
	if null, _ := result.Attr(xsiNS, "nil"); (null == "true" || null == "1") && result.Text != "" {
		return Reply{}, ErrBadReply
	}
	return Reply{Result: result.Text}, nil
}

func readFault(n *markup.Node) (Reply, error) {
	text := ""
	for _, k := range n.Kids {
		if k.Is("", "faultstring") && k.Leaf() && text == "" {
			text = k.Text
		}
	}
	if text == "" {
		return Reply{}, ErrBadReply
	}
	return Reply{Fault: text}, nil
}

// Answer is what the sender is told: an HTTP status, its reason phrase, and a body that may be empty.
type Answer struct {
	Status int
	Reason string
	Body   []byte
}

// Forwarded answers with what the engine said. MessageID and to are those of the answer, relates that
// of the call.
func Forwarded(r Reply, messageID, relates, to string) Answer {
	if r.Fault != "" {
		return Answer{500, "Internal Server Error", reply(messageID, relates, to, "<soap:Fault>"+
			"<faultcode>soap:Server</faultcode><faultstring>"+markup.Escape(r.Fault)+"</faultstring></soap:Fault>")}
	}
	return result(r.Result, messageID, relates, to)
}

// Denied answers a call of an authenticated sender that may not be carried out.
func Denied(why, ref, messageID, relates, to string) Answer {
	return result("Refused by gateway: "+why+" ("+ref+")", messageID, relates, to)
}

// NotReached answers a call of which nothing was sent.
func NotReached() Answer { return Answer{Status: 503, Reason: notChanged} }

// Uncertain answers a call that was sent and whose answer is missing or none of this wire.
func Uncertain(ref, messageID, relates, to string) Answer {
	return result("May have been carried out ("+ref+")", messageID, relates, to)
}

func result(text, messageID, relates, to string) Answer {
	return Answer{200, "OK", reply(messageID, relates, to, `<ProcessSynchronizationTaskDataResponse xmlns="`+
		serverNS+`"><ProcessSynchronizationTaskDataResult>`+markup.Escape(text)+
		`</ProcessSynchronizationTaskDataResult></ProcessSynchronizationTaskDataResponse>`)}
}

func reply(messageID, relates, to, body string) []byte {
	var b strings.Builder
	b.WriteString(declaration + `<soap:Envelope xmlns:soap="` + soapNS + `" xmlns:wsa="` + addrNS +
		`"><soap:Header>`)
	leaf(&b, "wsa:Action", "", Action+"Response")
	leaf(&b, "wsa:MessageID", "", messageID)
	leaf(&b, "wsa:RelatesTo", "", relates)
	leaf(&b, "wsa:To", "", to)
	b.WriteString("</soap:Header><soap:Body>" + body + "</soap:Body></soap:Envelope>")
	return []byte(b.String())
}
