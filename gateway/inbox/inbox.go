package inbox

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/outbox"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Receiver takes changes, as a replica does.
type Receiver interface {
	// Wanted returns what becomes of changes that are offered by a neighbour, without taking any.
	Wanted(ctx context.Context, via sync.ServerID, offered []sync.Offered) ([]sync.Answer, error)
	// Receive takes changes whose contents are there.
	Receive(ctx context.Context, via sync.ServerID, offered []sync.Offered) []sync.Answer
}

// Config is what an Inbox is built from. All fields but Pause are needed.
type Config struct {
	Key        ed25519.PrivateKey
	Peers      func() []Peer   // as they are now
	Origins    []sync.ServerID // servers that are no neighbours and whose changes are taken
	Receiver   Receiver
	Blobs      exchange.Blobs
	Deliveries exchange.Deliveries
	Allowances exchange.Allowances
	Nonces     store.Nonces
	Hello      func(ctx context.Context, to sync.ServerID) (sync.Hello, error)
	Met        func(other sync.ServerID, h sync.Hello)                // told of every hello of another
	Refused    func(via sync.ServerID, c *sync.Change, a sync.Answer) // told of every refusal for good
	// Shown returns what this server shows of those objects.
	Shown func(ctx context.Context, covers func(o sync.Object) bool, q sync.Compare) (sync.Page, error)
	Now   func() time.Time
	Pause func(point string) // called between two writes; tests crash there
}

// Inbox answers other gateways. It is safe for concurrent use.
type Inbox struct {
	cfg      Config
	self     sync.ServerID
	reserved reservations
}

// New returns an Inbox.
func New(c Config) (*Inbox, error) {
	if len(c.Key) != ed25519.PrivateKeySize || c.Receiver == nil || c.Peers == nil || c.Blobs == nil ||
		c.Deliveries == nil || c.Allowances == nil || c.Nonces == nil || c.Hello == nil || c.Shown == nil || c.Met == nil ||
		c.Refused == nil || c.Now == nil {
		return nil, errors.New("inbox: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	in := &Inbox{cfg: c, self: sync.IDOf(c.Key.Public().(ed25519.PublicKey))}
	in.reserved.all = map[sync.ID]reservation{}
	return in, nil
}

// Reasons of a refusal of a whole request.
const (
	ReasonSignature tunnel.Reason = "exchange.signature"
	ReasonPeer      tunnel.Reason = "exchange.peer"
	ReasonReplay    tunnel.Reason = "exchange.replay"
	ReasonMessage   tunnel.Reason = "exchange.message"
)

// request is one that was read and whose sender is known.
type request struct {
	*http.Request
	peer Peer
	name string // of the call
	body []byte
}

// Serve answers one request. It tells who sent it before anything is done, and returns a Problem if it
// is refused; then nothing was answered yet.
func (in *Inbox) Serve(w http.ResponseWriter, r *http.Request, sentBy func(name string)) error {
	req, err := in.read(r)
	if err != nil {
		return err
	}
	sentBy(string(req.peer.ID))
	for _, call := range []struct {
		method, prefix string
		do             func(context.Context, request) (any, error)
	}{
		{http.MethodPost, "hello", in.hello}, {http.MethodPost, "offer", in.offer}, {http.MethodPost, "deliver", in.deliver},
		{http.MethodPost, "compare", in.compare}, {http.MethodGet, "blobs/", in.part}, {http.MethodPut, "blobs/", in.blob},
	} {
		whole := req.name == call.prefix
		if strings.HasSuffix(call.prefix, "/") {
			whole = strings.HasPrefix(req.name, call.prefix)
		}
		if r.Method == call.method && whole {
			out, err := call.do(r.Context(), req)
			return in.answer(w, r, out, err)
		}
	}
	return problem(tunnel.NotFound, ReasonMessage, "gateways have no such call", nil)
}

func problem(code tunnel.Code, reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: code, Reason: reason, Msg: msg, Err: err}
}

// read takes the whole request and finds out who signed it. Nothing is looked at before.
func (in *Inbox) read(r *http.Request) (request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, sync.MaxMessage+1))
	if err != nil || len(body) > sync.MaxMessage {
		return request{}, problem(tunnel.BadRequest, ReasonMessage, "the message is too long, or was cut", err)
	}
	id, err := signed.Verify(r, body, in.cfg.Now())
	if err != nil {
		return request{}, problem(tunnel.Forbidden, ReasonSignature, err.Error(), nil)
	}
	sender := sync.IDOf(id.Key)
	peers := in.cfg.Peers()
	i := slices.IndexFunc(peers, func(p Peer) bool { return p.ID == sender })
	if i < 0 {
		return request{}, problem(tunnel.Forbidden, ReasonPeer, "the key "+string(sender)+" is no peer's", nil)
	}
	first, err := in.cfg.Nonces.Use(r.Context(), "sync/"+string(sender), id.Nonce, signed.NonceTime)
	if err != nil {
		return request{}, problem(tunnel.Unavailable, ReasonReplay, "nobody knows whether the request came before", err)
	}
	if !first {
		return request{}, problem(tunnel.Forbidden, ReasonReplay, "the request came before", nil)
	}
	return request{Request: r, peer: peers[i], name: strings.TrimPrefix(r.URL.Path, sync.Path), body: body}, nil
}

// answer signs what is said.
func (in *Inbox) answer(w http.ResponseWriter, r *http.Request, out any, err error) error {
	status, body := http.StatusOK, bytes.Buffer{}
	var refused *outbox.Refusal
	switch {
	case errors.As(err, &refused):
		status = refused.Status
		body.WriteString(refused.Text)
	case errors.Is(err, store.ErrFull):
		status = http.StatusInsufficientStorage
		body.WriteString("the disk is full")
	case err != nil:
		status = http.StatusServiceUnavailable
		body.WriteString(err.Error())
	default:
		e := json.NewEncoder(&body)
		e.SetEscapeHTML(false)
		if err := e.Encode(out); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
	}
	signed.Answer(w.Header(), r, status, body.Bytes(), in.cfg.Key)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // who asked may be gone
	return nil
}

func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &outbox.Refusal{Status: http.StatusBadRequest, Text: "the message cannot be read: " + err.Error()}
	}
	return nil
}

func (in *Inbox) hello(ctx context.Context, r request) (any, error) {
	var h sync.Hello
	if err := decode(r.body, &h); err != nil {
		return nil, err
	}
	if !h.Speaks() {
		return nil, &outbox.Refusal{
			Status: http.StatusUpgradeRequired,
			Text:   "this gateway speaks version 1 of sync: bring both to one release",
		}
	}
	if ahead := time.UnixMilli(h.Clock).Sub(in.cfg.Now()).Abs(); ahead > sync.MaxAhead {
		return nil, &outbox.Refusal{
			Status: http.StatusConflict,
			Text:   fmt.Sprintf("the clocks are %v apart: set one of them", ahead.Round(time.Second)),
		}
	}
	own, err := in.cfg.Hello(ctx, r.peer.ID)
	if err != nil {
		return nil, err
	}
	other := h.Server(r.peer.ID)
	holder, err := in.self, store.ErrStale
	if !strings.EqualFold(own.Name, other.Name) {
		holder, err = in.cfg.Deliveries.Greet(ctx, exchange.Server{ID: other.ID, Name: other.Name, Links: other.Links})
	}
	if errors.Is(err, store.ErrStale) {
		return nil, &outbox.Refusal{Status: http.StatusConflict,
			Text: fmt.Sprintf("the name %s is taken by the key %s; give this server another sync.name", other.Name, holder)}
	}
	if err != nil {
		return nil, err
	}
	in.cfg.Met(r.peer.ID, h)
	return own, nil
}

// offered reads changes and says of which there is nothing more to say.
func (in *Inbox) offered(r request) (o sync.Offer, all []sync.Answer, err error) {
	if err := decode(r.body, &o); err != nil {
		return o, nil, err
	}
	if len(o.Changes) == 0 || len(o.Changes) > sync.MaxOffer {
		return o, nil, &outbox.Refusal{Status: http.StatusBadRequest, Text: fmt.Sprintf("%d changes in one message", len(o.Changes))}
	}
	all = make([]sync.Answer, len(o.Changes))
	for i, c := range o.Changes {
		if c.Change == nil {
			return o, nil, &outbox.Refusal{Status: http.StatusBadRequest, Text: "an offer without a change"}
		}
		a, refused := in.Refuses(r.peer, c.Change)
		if refused {
			all[i] = a
			in.cfg.Refused(r.peer.ID, c.Change, a)
		}
	}
	return o, all, nil
}

// rest returns those without an answer yet, and where their answers belong.
func rest(o sync.Offer, all []sync.Answer) (left []sync.Offered, at []int) {
	for i, a := range all {
		if a.Status == "" {
			left, at = append(left, o.Changes[i]), append(at, i)
		}
	}
	return left, at
}

func (in *Inbox) offer(ctx context.Context, r request) (any, error) {
	o, all, err := in.offered(r)
	if err != nil {
		return nil, err
	}
	left, at := rest(o, all)
	// A place is taken before it is asked what is known: what another delivers meanwhile would be wanted once more.
	free := make([]bool, len(left))
	for i, c := range left {
		free[i] = in.reserved.take(c.Change.ID, r.peer.ID, c.Change.Size, in.cfg.Now())
	}
	wanted, err := in.cfg.Receiver.Wanted(ctx, r.peer.ID, left)
	for i, c := range left {
		if free[i] && (err != nil || wanted[i].Status != sync.StatusWant) {
			in.reserved.free(c.Change.ID)
		}
	}
	if err != nil {
		return nil, err
	}
	for i, a := range wanted {
		if a.Status == sync.StatusWant && !free[i] {
			a = sync.Answer{
				ID:     a.ID,
				Status: sync.StatusBusy,
				Class:  sync.ClassLater,
				Reason: ReasonBusy,
				Text:   "somebody else is sending it",
			}
		}
		all[at[i]] = a
	}
	return sync.Answers{Answers: all}, nil
}

func (in *Inbox) deliver(ctx context.Context, r request) (any, error) {
	o, all, err := in.offered(r)
	if err != nil {
		return nil, err
	}
	if err := in.spend(ctx, r.peer, o, all); err != nil {
		return nil, err
	}
	var contents [][]byte
	for i, c := range o.Changes {
		if all[i].Status != "" {
			continue
		}
		if c.Content == nil && c.Change.Op == sync.Put && c.Change.Size == 0 {
			c.Content = []byte{} // of an empty one nothing travels
		}
		if c.Content == nil {
			continue
		}
		if sync.DigestOf(c.Content) != c.Change.Payload {
			all[i] = sync.Answer{ID: c.Change.ID, Status: sync.StatusRefused, Class: sync.ClassNever, Reason: ReasonForged,
				Text: exchange.ErrDigest.Error()}
			in.cfg.Refused(r.peer.ID, c.Change, all[i])
			continue
		}
		contents = append(contents, c.Content)
	}
	if err := in.cfg.Blobs.PutAll(ctx, contents...); err != nil {
		return nil, err
	}
	in.cfg.Pause("contents kept")
	left, at := rest(o, all)
	for i, a := range in.cfg.Receiver.Receive(ctx, r.peer.ID, left) {
		all[at[i]] = a
		in.reserved.free(a.ID)
	}
	in.cfg.Pause("received")
	return sync.Answers{Answers: all}, nil
}

// compare says what is shown here of what is exchanged with the one who asks.
func (in *Inbox) compare(ctx context.Context, r request) (any, error) {
	var q sync.Compare
	if err := decode(r.body, &q); err != nil {
		return nil, err
	}
	return in.cfg.Shown(ctx, r.peer.Covers, q)
}

// place reads blobs/<digest> or blobs/<digest>/<from>/<size>.
func place(name string) (d sync.Digest, from, size int64, err error) {
	parts := strings.Split(strings.TrimPrefix(name, "blobs/"), "/")
	d, err = sync.ParseDigest(parts[0])
	if err != nil || len(parts) == 1 {
		return d, 0, 0, err
	}
	if len(parts) != 3 {
		return d, 0, 0, errors.New("a content is named by its digest, where it goes on, and its size")
	}
	from, err = strconv.ParseInt(parts[1], 10, 64)
	size, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err == nil && err2 == nil && (from < 0 || size <= 0 || from >= size) {
		err = fmt.Errorf("byte %d of %d", from, size)
	}
	return d, from, size, errors.Join(err, err2)
}

func (in *Inbox) part(ctx context.Context, r request) (any, error) {
	d, _, _, err := place(r.name)
	if err != nil {
		return nil, &outbox.Refusal{Status: http.StatusBadRequest, Text: err.Error()}
	}
	n, err := in.cfg.Blobs.Part(ctx, d)
	return outbox.Part{Have: n}, err
}

func (in *Inbox) blob(ctx context.Context, r request) (any, error) {
	d, from, size, err := place(r.name)
	if err == nil && (size == 0 || !r.peer.Sends || size > r.peer.MaxContent || from+int64(len(r.body)) > size) {
		err = errors.New("the content is too large, or nobody may send it")
	}
	if err != nil {
		return nil, &outbox.Refusal{Status: http.StatusBadRequest, Text: err.Error()}
	}
	whole, err := in.cfg.Blobs.Continue(ctx, d, from, size, bytes.NewReader(r.body))
	if errors.Is(err, exchange.ErrDigest) {
		return nil, &outbox.Refusal{Status: http.StatusServiceUnavailable, Text: err.Error()}
	}
	if whole {
		return outbox.Part{Have: size}, err
	}
	return outbox.Part{Have: from + int64(len(r.body))}, err
}
