package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stagelock/stagelock/policy/hosts"
)

// Path is what stands between the path context and the name of a question.
const Path = "/stagelock/doctor/"

// Bounds of the questions.
const (
	maxBody = 16 << 10          // of every question but size
	maxWait = 130 * time.Second // of silence
	atOnce  = 8                 // questions that wait, or look around
	recent  = 30 * time.Second  // how long a nonce is worth something
)

// Config is what a Desk is built from.
type Config struct {
	Me      Me // what everybody is told; the desk fills in what is the caller's own
	Context string
	Hosts   *hosts.Set
	Proxies *hosts.Proxies // whose X-Forwarded-For is read
	Secrets []Secret
	// Heartbeat is how often a publisher who waits gets a sign of life.
	Heartbeat time.Duration
	Now       func() time.Time
	Random    io.Reader
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	// After returns a channel that is sent to after a time.
	After func(time.Duration) <-chan time.Time
}

// Desk answers questions. It is safe for concurrent use. The nil Desk answers none.
type Desk struct {
	cfg    Config
	seal   []byte // of the nonces
	places chan struct{}
}

// New returns a Desk.
func New(c Config) (*Desk, error) {
	if c.Now == nil || c.Random == nil || c.Dial == nil || c.After == nil {
		return nil, errors.New("desk: a part of its configuration is missing")
	}
	d := &Desk{cfg: c, seal: make([]byte, 32), places: make(chan struct{}, atOnce)}
	if _, err := io.ReadFull(c.Random, d.seal); err != nil {
		return nil, err
	}
	return d, nil
}

// NameOf returns the name of the question at a target, or an empty text. They are found without the
// path context too: a client that has the wrong one is to learn it.
func (d *Desk) NameOf(target string) string {
	if d == nil {
		return ""
	}
	for _, context := range []string{d.cfg.Context, ""} {
		if name, ok := strings.CutPrefix(target, context+Path); ok && names[name] != nil {
			return name
		}
	}
	return ""
}

// Question is one question of a client that is admitted.
type Question struct {
	Name      string
	Addr      netip.Addr     // the client's own
	Socket    netip.AddrPort // the other end of the connection
	Forwarded []string       // lines of X-Forwarded-For
	Host      string         // that it calls
	Body      io.Reader
	Length    int64
	Beat      func() error // sends a sign of life
}

// Answer is what is said.
type Answer struct {
	Status int
	Body   []byte
	Failed bool // a secret that is none: it costs what that costs
}

// names are the questions.
var names = map[string]func(*Desk, context.Context, Question) (any, error){
	"me": (*Desk).me, "secret": (*Desk).secret, "size": (*Desk).size, "wait": (*Desk).wait, "look": (*Desk).look,
}

// Errors of questions that make no sense.
var (
	errForm = errors.New("the question is not written as it must be")
	errBusy = errors.New("too many questions are being answered: ask again in a moment")
)

// Ask answers a question. It reads the body to its end.
func (d *Desk) Ask(ctx context.Context, q Question) Answer {
	f := names[q.Name]
	if f == nil {
		return problem(http.StatusNotFound, errors.New("nothing is here"))
	}
	told, err := f(d, ctx, q)
	switch {
	case errors.Is(err, errForm):
		return problem(http.StatusBadRequest, err)
	case errors.Is(err, errBusy):
		return problem(http.StatusServiceUnavailable, err)
	case err != nil:
		return problem(http.StatusInternalServerError, err)
	}
	body, err := json.Marshal(told)
	if err != nil {
		return problem(http.StatusInternalServerError, err)
	}
	match, compared := told.(*Match)
	return Answer{Status: http.StatusOK, Body: append(body, '\n'), Failed: compared && !match.Same}
}

func problem(status int, err error) Answer {
	return Answer{Status: status, Body: []byte(err.Error() + "\n")}
}

// read reads the body of a question.
func read(q Question, into any) error {
	if q.Length > maxBody {
		return errForm
	}
	d := json.NewDecoder(io.LimitReader(q.Body, q.Length))
	if q.Length > 0 && d.Decode(into) != nil {
		return errForm
	}
	_, err := io.Copy(io.Discard, q.Body)
	return err
}

// Me is what a client is to the gateway.
type Me struct {
	Address string    `json:"address"` // on which it is judged
	Socket  string    `json:"socket"`  // the other end of the connection, with its port
	By      string    `json:"by"`      // how the address is known: connection (its PROXY protocol header too), or header
	Entry   string    `json:"entry"`   // of hosts.allow, that lets it pass
	Unread  []string  `json:"unread"`  // X-Forwarded-For that was not read, as its sender is not trusted
	Context string    `json:"context"` // path context that publishers use
	Host    string    `json:"host"`    // as it was asked for
	Line    string    `json:"line"`    // of the live engine
	PartMax int64     `json:"part_max"`
	Beat    float64   `json:"beat_seconds"`
	Now     time.Time `json:"now"`
}

func (d *Desk) me(_ context.Context, q Question) (any, error) {
	if err := read(q, &struct{}{}); err != nil {
		return nil, err
	}
	me := d.cfg.Me
	me.Address, me.Socket, me.Host, me.Context = q.Addr.String(), q.Socket.String(), q.Host, d.cfg.Context
	me.Now, me.Beat = d.cfg.Now().UTC(), d.cfg.Heartbeat.Seconds()
	me.Entry, _ = d.cfg.Hosts.Match(q.Addr)
	me.By = "connection"
	if q.Addr != q.Socket.Addr() {
		me.By = "header"
	}
	if len(q.Forwarded) > 0 && !d.cfg.Proxies.Trusted(q.Socket.Addr()) {
		me.Unread = slices.Clone(q.Forwarded)
	}
	return &me, nil
}

// Size is how much arrived.
type Size struct {
	Bytes int64 `json:"bytes"`
}

// size reads everything, which was bounded by the reader of the head.
func (d *Desk) size(_ context.Context, q Question) (any, error) {
	n, err := io.Copy(io.Discard, q.Body)
	return &Size{n}, err
}

// Wait asks for an answer that is silent for a while, or that comes with signs of life.
type Wait struct {
	Seconds float64 `json:"seconds"`
	Beats   bool    `json:"beats"`
}

func (d *Desk) wait(ctx context.Context, q Question) (any, error) {
	var w Wait
	if err := read(q, &w); err != nil {
		return nil, err
	}
	leave, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	left := min(time.Duration(max(0, w.Seconds)*float64(time.Second)), maxWait)
	for left > 0 {
		step := left
		if w.Beats {
			step = min(left, max(d.cfg.Heartbeat, time.Second))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-d.cfg.After(step):
		}
		if left -= step; w.Beats {
			if err := q.Beat(); err != nil {
				return nil, err
			}
		}
	}
	return &w, nil
}

// enter takes one of the places for what lasts.
func (d *Desk) enter() (leave func(), err error) {
	select {
	case d.places <- struct{}{}:
		return func() { <-d.places }, nil
	default:
		return nil, errBusy
	}
}
