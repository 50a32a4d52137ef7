package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange/collector"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Status is how the exchange is.
type Status struct {
	ID        sync.ServerID       `json:"id"`
	Name      string              `json:"name"`
	Targets   []TargetStatus      `json:"targets"`
	Conflicts int                 `json:"conflicts"`
	Here      int                 `json:"here"` // of them, to be decided on this server
	Dead      int                 `json:"dead"`
	Approvals int                 `json:"approvals"`      // changes that somebody must approve here
	Asked     time.Time           `json:"asked,omitzero"` // since when the oldest of them waits
	Decided   Decided             `json:"decided"`
	Changes   map[string]int64    `json:"changes"` // accepted on this gateway since it started, by what became of them
	Have      []Counter           `json:"have"`
	Servers   []ServerStatus      `json:"servers"`
	Links     []sync.ServerID     `json:"links"` // to which changes of this server go
	Contents  *collector.Contents `json:"contents,omitempty"`
}

// Counter is up to which counter every change of a server is here.
type Counter struct {
	Server  sync.ServerID `json:"server"`
	Counter uint64        `json:"counter"`
}

// TargetStatus is how a target is.
type TargetStatus struct {
	ID      sync.ServerID `json:"id"`
	Name    string        `json:"name"`
	State   string        `json:"state"` // ok, blocked, waiting, operator, held
	Backlog int           `json:"backlog"`
	Waiting int           `json:"waiting"`
	Dead    int           `json:"dead"`
	Oldest  time.Time     `json:"oldest,omitzero"`
	Last    time.Time     `json:"last,omitzero"`
	Next    time.Time     `json:"next,omitzero"`
	Tries   int           `json:"tries"`
	Reason  string        `json:"reason,omitempty"`
}

// ServerStatus is a server that said hello.
type ServerStatus struct {
	ID     sync.ServerID   `json:"id"`
	Name   string          `json:"name"`
	Links  []sync.ServerID `json:"links"`
	SeenAt time.Time       `json:"seen_at"`
}

// Conflict is one object whose versions differ.
type Conflict struct {
	Object   sync.Object `json:"object"`
	Title    string      `json:"title"`
	Decide   string      `json:"decide"` // on which server
	Here     bool        `json:"here"`   // it is this one
	Versions []Version   `json:"versions"`
}

// Version is one of them.
type Version struct {
	ID      sync.ID   `json:"id"`
	Server  string    `json:"server"` // on which it was made, by name
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
	Op      sync.Op   `json:"op"`
	Payload string    `json:"payload,omitempty"`
	Size    int64     `json:"size"`
	Shown   bool      `json:"shown"` // the engine here has it
}

// Event is one change with what became of it.
type Event struct {
	ID         sync.ID     `json:"id"`
	Object     sync.Object `json:"object"`
	Title      string      `json:"title"`
	Op         sync.Op     `json:"op"`
	Author     string      `json:"author"`
	Server     string      `json:"server"`
	Made       time.Time   `json:"made"`
	Accepted   time.Time   `json:"accepted"`
	Via        string      `json:"via,omitempty"`
	Size       int64       `json:"size"`
	Payload    string      `json:"payload,omitempty"`
	Resolves   []sync.ID   `json:"resolves,omitempty"`
	Has        []string    `json:"has"` // servers that are known to have it
	Deliveries []Delivery  `json:"deliveries,omitempty"`
}

// Delivery is one change for one target.
type Delivery struct {
	Target string    `json:"target"`
	State  string    `json:"state"`
	Tries  int       `json:"tries"`
	Class  string    `json:"class,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Bytes  int64     `json:"bytes"`
	Queued time.Time `json:"queued"`
	Ended  time.Time `json:"ended,omitzero"`
	Next   time.Time `json:"next,omitzero"`
}

// Order is what a person asks for. Which fields count depends on the path.
type Order struct {
	Object  string        `json:"object,omitempty"`
	ID      string        `json:"id,omitempty"`
	Target  string        `json:"target,omitempty"` // name or key
	State   string        `json:"state,omitempty"`
	Take    string        `json:"take,omitempty"` // name or key of a server
	Both    bool          `json:"both,omitempty"`
	Content []byte        `json:"content,omitempty"`
	Here    bool          `json:"here,omitempty"`
	Author  string        `json:"author,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	For     time.Duration `json:"for,omitempty"`
	Limit   int           `json:"limit,omitempty"`
	Digest  string        `json:"digest,omitempty"`
	Deletes bool          `json:"deletes,omitempty"`
	// Overrule decides about a change although somebody decided otherwise.
	Overrule bool `json:"overrule,omitempty"`
}

// Done says what an order did.
type Done struct {
	N     int     `json:"n"`
	ID    sync.ID `json:"id,omitzero"`
	State string  `json:"state,omitempty"` // of a change that was approved: applied, conflict, approved; or refused
	Text  string  `json:"text,omitempty"`  // why it is no more than approved
}

// Failure is why an order was not carried out.
type Failure struct {
	Code    string `json:"code"` // elsewhere, no-conflict, no-version, moved, decided, unknown, input, peer, denied, failed
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Message }

// Path begins the paths of orders on the admin listener.
const Path = "/-/sync/"

// Handler answers orders: POST <Path><name>, an Order as JSON.
func (x *Exchange) Handler() http.Handler {
	orders := map[string]func(context.Context, Order) (any, error){
		"status": x.status, "conflicts": x.conflicts, "log": x.log, "show": x.show, "resolve": x.resolve,
		"retry": x.retry, "drop": x.drop, "hold": x.hold, "release": x.release, "baseline": x.baseline, "content": x.content,
		"compare": x.compare, "approvals": x.approvals, "approve": x.approveOrder, "refuse": x.refuseOrder,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do, known := orders[strings.TrimPrefix(r.URL.Path, Path)]
		var o Order
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, sync.MaxMessage)).Decode(&o)
		var out any = &Failure{Code: "input", Message: "there is no such order"}
		status := http.StatusNotFound
		if known && err == nil {
			status = http.StatusOK
			if out, err = do(r.Context(), o); err != nil {
				out, status = failure(err), http.StatusConflict
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out) // who asked may be gone
	})
}

func failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	for known, code := range map[error]string{replica.ErrElsewhere: "elsewhere", replica.ErrNoConflict: "no-conflict",
		replica.ErrNoVersion: "no-version", replica.ErrOther: "other",
		source.ErrMoved: "moved", store.ErrNotFound: "unknown", sync.ErrObject: "input"} {
		if errors.Is(err, known) {
			return &Failure{Code: code, Message: err.Error()}
		}
	}
	return &Failure{Code: "failed", Message: err.Error()}
}

// names are what servers call themselves, by key.
type names map[sync.ServerID]string

func (x *Exchange) names(ctx context.Context) (names, error) {
	all := names{}
	servers, err := x.servers(ctx)
	for _, s := range servers {
		all[s.ID] = s.Name
	}
	all[x.Self()] = x.cfg.Name
	return all, err
}

func (n names) of(id sync.ServerID) string {
	if name := n[id]; name != "" {
		return name
	}
	return string(id)
}

// named has names in the place of keys.
func (n names) named(text string) string {
	for id := range n {
		text = strings.ReplaceAll(text, string(id), n.of(id))
	}
	return text
}

// find returns the server of a name or a key. Of servers that are far a neighbour may say any name: one
// that two have, or that is another's key, names nobody.
func (n names) find(text string) (sync.ServerID, error) {
	key, err := sync.ParseServerID(strings.ToUpper(text))
	if _, known := n[key]; known {
		return key, nil
	}
	var found []string
	for id, name := range n {
		if strings.EqualFold(name, text) {
			found = append(found, string(id))
		}
	}
	switch {
	case len(found) == 1:
		return sync.ServerID(found[0]), nil
	case len(found) > 1:
		slices.Sort(found)
		return "", &Failure{Code: "input",
			Message: fmt.Sprintf("%q is said to be the name of %s: write the key", text, strings.Join(found, " and of "))}
	case err != nil:
		return "", &Failure{Code: "unknown", Message: fmt.Sprintf("no server is called %q", text)}
	}
	return key, nil
}

func (x *Exchange) status(ctx context.Context, _ Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	s := Status{
		ID:      x.Self(),
		Name:    x.cfg.Name,
		Targets: []TargetStatus{},
		Have:    []Counter{},
		Links:   x.links(),
		Changes: x.replica.Counts(),

		Contents: x.collector.Contents(),
	}
	all, err := x.cfg.Book.Targets(ctx, s.Links...)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		s.Targets = append(s.Targets, targetStatus(t, n.of(t.ID)))
		s.Dead += t.Dead
	}
	have, err := x.cfg.Book.Have(ctx)
	if err != nil {
		return nil, err
	}
	for id, c := range have {
		s.Have = append(s.Have, Counter{id, c})
	}
	if s.Servers, err = x.servers(ctx); err != nil {
		return nil, err
	}
	if err := x.waiting(ctx, &s); err != nil {
		return nil, err
	}
	conflicts, err := x.cfg.Book.Conflicts(ctx)
	for _, c := range conflicts {
		if s.Conflicts++; c.First.Origin == x.Self() {
			s.Here++
		}
	}
	return s, err
}

// servers are those that said hello, and then those that they told of.
func (x *Exchange) servers(ctx context.Context) ([]ServerStatus, error) {
	near, err := x.cfg.Book.Servers(ctx)
	all := []ServerStatus{}
	seen := map[sync.ServerID]bool{x.Self(): true}
	for _, o := range near {
		seen[o.ID] = true
		all = append(all, ServerStatus{o.ID, o.Name, o.Links, o.SeenAt})
	}
	for _, o := range x.far.All() {
		if !seen[o.ID] {
			all = append(all, ServerStatus{ID: o.ID, Name: o.Name, Links: o.Links})
		}
	}
	return all, err
}

func (x *Exchange) links() []sync.ServerID {
	all := []sync.ServerID{}
	for _, p := range x.now() {
		if p.Takes {
			all = append(all, p.ID)
		}
	}
	return all
}

func targetStatus(t exchange.Target, name string) TargetStatus {
	s := TargetStatus{ID: t.ID, Name: name, State: "ok", Backlog: t.Open, Waiting: t.Waiting, Dead: t.Dead, Oldest: t.Oldest,
		Last: t.Last, Next: t.Next, Tries: t.Tries, Reason: t.Failure}
	switch {
	case t.State == exchange.Stopped:
		s.State, s.Reason = "operator", t.Reason
	case t.State == exchange.Held:
		s.State, s.Reason, s.Next = "held", t.Reason, t.Until
	case t.Open > 0 && t.Open == t.Waiting:
		s.State = "waiting"
	case t.Open > 0 && t.Tries > 0:
		s.State = "blocked"
	}
	return s
}

func (x *Exchange) conflicts(ctx context.Context, o Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	all, err := x.cfg.Book.Conflicts(ctx)
	out := []Conflict{}
	for _, s := range all {
		if o.Object == "" || o.Object == string(s.Object) {
			out = append(out, x.conflict(s, n))
		}
	}
	return out, err
}

func (x *Exchange) conflict(s sync.State, n names) Conflict {
	c := Conflict{Object: s.Object, Decide: n.of(s.First.Origin), Here: s.First.Origin == x.Self()}
	for _, v := range s.Versions {
		if v.Title != "" {
			c.Title = v.Title
		}
		one := version(v, n)
		one.Shown = v.ID == s.Shown
		c.Versions = append(c.Versions, one)
	}
	return c
}

func version(c *sync.Change, n names) Version {
	v := Version{ID: c.ID, Server: n.of(c.ID.Origin), Author: c.Author, At: c.Stamp.Time(), Op: c.Op, Size: c.Size}
	if c.Op == sync.Put {
		v.Payload = c.Payload.String()
	}
	return v
}

func (x *Exchange) event(ctx context.Context, e exchange.Entry, n names) (Event, error) {
	c := e.Change
	ev := Event{
		ID:       c.ID,
		Object:   c.Object,
		Title:    c.Title,
		Op:       c.Op,
		Author:   c.Author,
		Server:   n.of(c.ID.Origin),
		Made:     c.Stamp.Time(),
		Accepted: e.At,
		Size:     c.Size,
		Resolves: c.Resolves,
		Has:      []string{},
	}
	if e.Via != "" {
		ev.Via = n.of(e.Via)
	}
	if c.Op == sync.Put {
		ev.Payload = c.Payload.String()
	}
	for _, s := range e.Listed {
		ev.Has = append(ev.Has, n.of(s))
	}
	all, err := x.cfg.Book.Deliveries(ctx, exchange.Filter{ID: c.ID})
	for _, d := range all {
		ev.Deliveries = append(
			ev.Deliveries,
			Delivery{n.of(d.Target), string(d.State), d.Tries, d.Class, d.Reason, d.Bytes, d.QueuedAt, d.EndedAt, d.NextAt},
		)
	}
	return ev, err
}

// maxLog is how many changes are listed at most.
const maxLog = 1000

func (x *Exchange) log(ctx context.Context, o Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	if o.Limit <= 0 {
		o.Limit = 100
	}
	o.Limit = min(o.Limit, maxLog)
	all, err := x.entries(ctx, o)
	out := []Event{}
	for _, e := range all {
		if err != nil {
			break
		}
		var ev Event
		if ev, err = x.event(ctx, e, n); err == nil {
			out = append(out, ev)
		}
	}
	return out, err
}

// entries are the newest changes, or the newest that have a delivery in the state: a dead letter may be
// behind any number of others.
func (x *Exchange) entries(ctx context.Context, o Order) ([]exchange.Entry, error) {
	if o.State == "" {
		return x.cfg.Book.History(ctx, sync.Object(o.Object), o.Limit)
	}
	found, err := x.cfg.Book.Deliveries(ctx, exchange.Filter{Object: sync.Object(o.Object),
		State: exchange.DeliveryState(o.State), Limit: o.Limit * max(1, len(x.now()))})
	seen := map[sync.ID]bool{}
	var all []exchange.Entry
	for _, d := range found {
		if err != nil || len(all) == o.Limit {
			break
		}
		if seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		var e exchange.Entry
		e, err = x.cfg.Book.Change(ctx, d.ID)
		all = append(all, e)
	}
	return all, err
}

func (x *Exchange) show(ctx context.Context, o Order) (any, error) {
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	id, err := sync.ParseID(o.ID)
	if err != nil {
		return nil, &Failure{Code: "input", Message: err.Error()}
	}
	e, err := x.cfg.Book.Change(ctx, id)
	if err != nil {
		return nil, err
	}
	return x.event(ctx, e, n)
}

func (x *Exchange) content(ctx context.Context, o Order) (any, error) {
	d, err := sync.ParseDigest(o.Digest)
	if err != nil {
		return nil, &Failure{Code: "input", Message: err.Error()}
	}
	r, _, err := x.cfg.Blobs.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, sync.MaxMessage/2))
	return Order{Content: b}, errors.Join(err, r.Close())
}
