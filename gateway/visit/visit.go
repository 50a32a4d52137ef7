package visit

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel"
)

// Subject is what a visit is about: a call of some wire. It adds what it knows to an event.
type Subject interface {
	Describe(ev *audit.Event)
}

// Visit is one request of a peer. It belongs to one goroutine.
type Visit struct {
	Ref    string         // the id in log, audit events and answer
	Begun  time.Time      // when its head was read
	Socket netip.AddrPort // the other end of the connection
	Addr   netip.Addr     // the client's own, once Client found it
	Method string         // of its request, as sent; empty if none was read

	Peer, Login, KeyID string // once Authenticated

	visits   *Visits
	rules    *Rules
	recorded bool // its verdict is written
	failed   bool // it was charged to its address
	flood    bool // its address had nothing left to be charged
}

// Client finds out who is calling: the socket's address, or what a trusted proxy says of it in its
// X-Forwarded-For lines.
func (v *Visit) Client(forwardedFor []string) error {
	addr, err := v.rules.Proxies.Client(v.Socket.Addr(), forwardedFor)
	if err != nil {
		return problem(tunnel.BadRequest, ReasonForwarded, "the address list of a proxy cannot be read", err)
	}
	v.Addr = addr
	return nil
}

// Own begins a visit that the gateway makes itself for the client of v.
func (v *Visit) Own() *Visit {
	own := v.visits.Open(v.Socket, v.rules)
	own.Addr, own.Peer, own.Login, own.KeyID = v.Addr, v.Peer, v.Login, v.KeyID
	return own
}

// Wait returns how long a visit is to wait before a secret that nobody knows yet is looked at: its
// address failed too often.
func (v *Visit) Wait() time.Duration { return v.rules.Quota.Wait(v.Addr, v.Begun) }

// Fail charges the address of a visit that proves nothing, once, and returns a Problem if it failed
// too often: what it does is then a flood, which is answered and counted.
func (v *Visit) Fail() error {
	if v.failed {
		return nil
	}
	v.failed = true
	if err := v.rules.Quota.Fail(v.Addr, v.Begun); err != nil {
		v.flood = true
		return problem(tunnel.Refused, ReasonRate, "too many calls of this address failed", err)
	}
	return nil
}

// Charge counts a visit as n calls of its address that did not prove who made them, and returns an error
// if that has had too many.
func (v *Visit) Charge(n int) error { return v.rules.Quota.Charge(v.Addr, n, v.Begun) }

// Admit refuses an address that is not on the list, and one of a connection over the limit.
func (v *Visit) Admit(overLimit bool) error {
	if !v.Allowed() {
		msg := "address " + v.Addr.String() + " is not on the list of allowed hosts"
		return problem(tunnel.Forbidden, ReasonHost, msg, nil)
	}
	if overLimit {
		return problem(tunnel.Refused, ReasonConnections, "too many connections", nil)
	}
	return nil
}

// Allowed reports whether the client's address is on the list of allowed hosts.
func (v *Visit) Allowed() bool { return v.rules.Hosts.Contains(v.Addr) }

// Local reports whether health may be told to this client.
func (v *Visit) Local() bool { return v.rules.Local(v.Addr) }

// Authenticated notes who the client proved to be: from here on it counts for its peer.
func (v *Visit) Authenticated(peer, login, keyID string) {
	v.Peer, v.Login, v.KeyID = peer, login, keyID
}

// event begins an audit event with what is known of the visit. It goes back with Visits.forget.
func (v *Visit) event(kind audit.Kind, s Subject) *audit.Event {
	ev := v.visits.blank()
	*ev = audit.Event{
		Kind: kind, Ref: v.Ref, Addr: v.Addr, Socket: v.Socket, Login: v.Login, KeyID: v.KeyID, Peer: v.Peer,
	}
	if s != nil {
		s.Describe(ev)
	}
	return ev
}

// Verdict is what Allow records beside what the subject says of itself.
type Verdict struct {
	Verdict audit.Verdict // Allow or Answer
	Reason  tunnel.Reason
	Detail  string
	Fields  map[string]string
	// Reads says that the call changes nothing: its verdict is not waited for until it is on disk.
	Reads bool
}

// Allow records the verdict; when nil is returned it is on disk, and that of a call that only reads
// outlives the process. The error is a Problem.
func (v *Visit) Allow(ctx context.Context, s Subject, d Verdict) error {
	ev := v.event(audit.KindVerdict, s)
	defer v.visits.forget(ev)
	ev.Verdict, ev.Reason, ev.Detail = d.Verdict, d.Reason, d.Detail
	if d.Fields != nil {
		ev.Fields = d.Fields
	}
	write := v.visits.cfg.Audit.Append
	if d.Reads {
		write = v.visits.cfg.Audit.Write
	}
	if _, err := write(ctx, *ev); err != nil {
		return v.visits.Unwritten(err)
	}
	v.recorded = true
	return nil
}

// checks are the methods of balancers' checks; none carries anything.
var checks = []string{"GET", "HEAD", "OPTIONS"}

// ofBalancer reports whether a balancer speaks for itself, as in a check of its own that nobody answers:
// it comes every second, and one record a minute tells of it. What else it brings is somebody's call.
func (v *Visit) ofBalancer() bool {
	a := v.Socket.Addr()
	return slices.Contains(checks, v.Method) && v.Peer == "" && v.Addr == a &&
		(v.rules.Proxies.Trusted(a) || v.rules.Senders.Trusted(a))
}

// Deny counts, records and logs a refusal that the step of that name found. The verdict of a visit
// that was already allowed stays; the outcome says what became of it.
func (v *Visit) Deny(ctx context.Context, s Subject, p *tunnel.Problem, step string) {
	all := v.visits
	all.refusals.add(p.Reason)
	if v.ofBalancer() {
		all.checks.Add(1)
	}
	if v.ofBalancer() && !all.floods.worthARecord(v.Addr, v.Begun) {
		all.unrecorded.count(p.Reason, 1)
		return
	}
	if v.Peer == "" && !v.ofBalancer() {
		_ = v.Fail() // each refusal is a record, so a stranger gets few
	}
	v.log(p)
	if v.recorded || !v.worthARecord(p.Reason) {
		return
	}
	ev := v.event(audit.KindVerdict, s)
	defer all.forget(ev)
	ev.Verdict, ev.Reason, ev.Detail, ev.Rule = audit.Deny, p.Reason, p.Msg, step
	if p.Err != nil {
		ev.Detail += " (" + p.Err.Error() + ")"
	}
	var where interface {
		Where() (path string, offset int64)
	}
	if errors.As(p.Err, &where) {
		ev.ClassPath, ev.Offset = where.Where()
	}
	// a refusal at the end of a drain is one too
	if _, err := all.cfg.Audit.Append(context.WithoutCancel(ctx), *ev); err != nil {
		_ = all.Unwritten(err)
	}
}

// worthARecord reports whether a refusal is recorded by itself: a flood does not fill the log, it
// is counted.
func (v *Visit) worthARecord(r tunnel.Reason) bool {
	all := v.visits
	if v.flood && !all.floods.worthARecord(v.Addr, v.Begun) {
		all.unrecorded.count(r, 1)
		return false
	}
	return v.Peer != "" || v.Allowed() || all.unrecorded.spend(r, v.Begun, float64(all.cfg.Strangers()))
}

// levels are those of the catalogue of reasons.
var levels = map[policy.Level]logrus.Level{
	policy.Info: logrus.InfoLevel, policy.Warn: logrus.WarnLevel, policy.Error: logrus.ErrorLevel,
}

// log writes one line for a refusal: its facts are in the audit event of the same id.
func (v *Visit) log(p *tunnel.Problem) {
	reason, _ := policy.ReasonOf(string(p.Reason))
	entry := v.visits.cfg.Log.WithFields(logrus.Fields{
		"req": v.Ref, "peer": v.Addr.String(), "reason": string(p.Reason), "cure": reason.Cure,
	})
	if p.Err != nil {
		entry = entry.WithError(p.Err)
	}
	entry.Log(levels[reason.Level], "call refused")
}

// Close records how an allowed visit ended, behind the answer: s says how. It is lost with the
// process; the verdict is not. Then is called when it is written.
func (v *Visit) Close(ctx context.Context, s Subject, then func()) {
	if !v.recorded {
		return
	}
	all := v.visits // v may be another visit's by the time that it is written
	ev := all.blank()
	defer all.forget(ev)
	*ev = audit.Event{
		Kind: audit.KindOutcome, Ref: v.Ref, Peer: v.Peer, Login: v.Login,
		Ended: audit.Ended{LatencyMicros: all.cfg.Now().Sub(v.Begun).Microseconds()},
	}
	s.Describe(ev)
	if all.cfg.Prompt {
		all.outcome(context.Background(), *ev) // also of a gateway that stops
		then()
		return
	}
	all.behind(context.WithoutCancel(ctx), *ev, then)
}

// behind has the outcome written behind its caller.
func (v *Visits) behind(ctx context.Context, ev audit.Event, then func()) {
	away := v.cfg.Away != nil && v.cfg.Away() != nil
	taken := v.background.do(away, func() {
		v.outcome(ctx, ev)
		then()
	})
	if !taken {
		then()
	}
}

func (v *Visits) outcome(ctx context.Context, ev audit.Event) {
	if _, err := v.cfg.Audit.AppendSoon(ctx, ev); err != nil {
		_ = v.Unwritten(err)
	}
}

// blank returns an event to be filled; subjects describe themselves to it, so it would be an allocation each time.
func (v *Visits) blank() *audit.Event {
	if ev, ok := v.events.Get().(*audit.Event); ok {
		return ev
	}
	return &audit.Event{}
}

// forget takes back an event that was written.
func (v *Visits) forget(ev *audit.Event) {
	*ev = audit.Event{}
	v.events.Put(ev)
}
