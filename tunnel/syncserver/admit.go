package syncserver

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// Path is where an engine takes tasks, behind the prefix of its site.
const Path = "/CMSPages/Staging/SyncServer.asmx"

// Gateway is the code name under which a server lists its gateway as its target.
const Gateway = "stagelock"

// Head is what counts of the head of an HTTP request. A header that came twice must not be joined:
// it is refused before.
type Head struct {
	Method      string
	Target      string // as it came: path and query, undecoded
	ContentType string
	SOAPAction  string
	Encoding    string // Content-Encoding
	Length      int64  // Content-Length; negative: none
}

// Check says whether h can be the head of a call to the engine under prefix.
func (h Head) Check(prefix string, lim Limits) error {
	switch {
	case h.Target != prefix+Path:
		return refusal.Outside(404, refusal.NotProfile, "the target %s", refusal.Brief(h.Target))
	case h.Method != "POST": //nolint:usestdlibvars // this room knows no net/http
		return refusal.Outside(405, refusal.NotProfile, "the method %s", refusal.Brief(h.Method))
	case !isXML(h.ContentType) || h.Encoding != "":
		return refusal.Outside(415, refusal.NotProfile, "the content type %s, or a content encoding", refusal.Brief(h.ContentType))
	case h.SOAPAction != Action && h.SOAPAction != `"`+Action+`"`:
		return refusal.Outside(400, refusal.NotProfile, "the action %s", refusal.Brief(h.SOAPAction))
	case h.Length < 0:
		return refusal.Outside(411, refusal.NotProfile, "no Content-Length")
	case h.Length > lim.Bytes:
		return refusal.Outside(413, refusal.TooLarge, "%d bytes, %d are allowed", h.Length, lim.Bytes)
	}
	return nil
}

func isXML(contentType string) bool {
	media, charset, has := strings.Cut(strings.ToLower(contentType), ";")
	if strings.TrimSpace(media) != "text/xml" {
		return false
	}
	charset = strings.TrimSpace(charset)
	return !has || charset == "charset=utf-8" || charset == `charset="utf-8"`
}

// Limits bound what is read of one call.
type Limits struct {
	Bytes    int64 // the whole request
	Head     int64 // of it, what may stand before the end of the SOAP header
	Depth    int   // elements in each other, in each of the three layers
	Elements int   // in each layer
	Value    int   // bytes of one column that is not the content of a file
	File     int   // bytes of a file, decoded
}

// DefaultLimits are those of the profile: 40 MB a call, of which the engine takes 30,000,000 bytes.
func DefaultLimits() Limits {
	return Limits{
		Bytes: 40_000_000, Head: 64 << 10, Depth: 16, Elements: 200_000, Value: 4 << 20, File: 20 << 20,
	}
}

// markup returns what bounds each of the three layers.
func (l Limits) markup() markup.Limits { return markup.Limits{Depth: l.Depth, Elements: l.Elements} }

// Admitted is a call that passed.
type Admitted struct {
	Envelope Envelope
	Task     Task
	// Misnamed says that the task does not carry the peer's name last: the two servers were given
	// different names for one of them, and changes may come back.
	Misnamed bool
	Looped   bool // see Peer.Echo
}

// Admit reads a call and judges all of it. The body of the HTTP message is read to its end only if its
// header carries the peer's token. The error is a *refusal.Error, or what first returned.
func (p Peer) Admit(body io.Reader, now time.Time, first token.First) (Admitted, error) {
	return Admit(body, p.Limits, now, func(string) (Peer, token.First) { return p, first })
}

// Admit is Peer.Admit for the peer that chooses finds by the user whom the call names, before its token
// is looked at. The zero Peer is the one of a user whom nobody knows.
func Admit(body io.Reader, lim Limits, now time.Time, choose func(user string) (Peer, token.First)) (Admitted, error) {
	if lim == (Limits{}) {
		lim = DefaultLimits()
	}
	var p Peer
	env, text, err := readMessage(body, lim, func(env Envelope) error {
		if !env.Expires.IsZero() && !now.Before(env.Expires) {
			return refusal.Outside(400, refusal.Stale, "the timestamp ended at %s", env.Expires.Format(token.TimeForm))
		}
		var first token.First
		p, first = choose(env.Token.User)
		return p.Secret.Authenticate(env.Token, p.User, now, first)
	})
	if err != nil {
		return Admitted{}, err
	}
	task, err := p.task(text, lim)
	if err != nil {
		var r *refusal.Error
		if errors.As(err, &r) {
			r.Status = 0 // the sender is known: it is told why
		}
		return Admitted{}, err
	}
	return Admitted{Envelope: env, Task: task, Misnamed: p.misnamed(task.Servers), Looped: p.looped(task)}, nil
}

// misnamed reports whether a list ends with another name than the peer's. Gateways on the way are no
// servers.
func (p Peer) misnamed(servers []string) bool {
	n := len(servers)
	if n > 0 && strings.EqualFold(servers[n-1], Gateway) {
		n--
	}
	return n > 0 && !strings.EqualFold(servers[n-1], p.Name)
}

// Read reads what Task.Document wrote, of the peer's assembly, and judges it as what the peer sends. The error is a
// *refusal.Error.
func (p Peer) Read(document string) (Task, error) {
	lim := p.Limits
	if lim == (Limits{}) {
		lim = DefaultLimits()
	}
	return p.task(document, lim)
}

func (p Peer) task(text string, lim Limits) (Task, error) {
	t, err := readTask(text, p.Assembly, lim)
	if err != nil {
		return Task{}, err
	}
	judged, err := p.judge(t, lim)
	var r *refusal.Error
	if errors.As(err, &r) {
		r.About = t.Facts().About
	}
	return judged, err
}
