package trail

import (
	"cmp"
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/merge"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// PublishEnd says how a publish ended.
type PublishEnd string

// How a publish can end.
const (
	Published  PublishEnd = "published"  // the engine carried it out
	Refused    PublishEnd = "refused"    // the gateway did not let a call of it pass
	Failed     PublishEnd = "failed"     // the engine said no, or could not be reached
	Unknown    PublishEnd = "unknown"    // the engine had the call, and nobody knows what it did
	Unfinished PublishEnd = "unfinished" // nothing was asked to be published, so far
)

// Publish is one publish as the log tells it: all calls of one staging request.
type Publish struct {
	Request  int64         `json:"request,omitempty"` // 0 if it was refused before it had one
	Site     int64         `json:"site,omitempty"`
	Peer     string        `json:"peer,omitempty"`
	Login    string        `json:"login,omitempty"`
	Addr     netip.Addr    `json:"addr,omitzero"`
	Gateway  string        `json:"gateway,omitempty"` // all that took a call of it, in order
	Begun    time.Time     `json:"begun"`
	Last     time.Time     `json:"last"` // of its last event
	Archive  string        `json:"archive,omitempty"`
	Checksum string        `json:"checksum,omitempty"` // of the archive, as announced
	Parts    int           `json:"parts"`
	Bytes    int64         `json:"bytes"` // of its parts
	End      PublishEnd    `json:"end"`
	Reason   tunnel.Reason `json:"reason,omitempty"`
	Detail   string        `json:"detail,omitempty"`
	Ref      string        `json:"ref,omitempty"`  // of the call that decided how it ended, or of the first one
	Task     *Task         `json:"task,omitempty"` // of a Kentico; nil: it is a publish of a Liferay

	parts map[string]bool
	made  bool // its create call is in the log

	// what a Follower knows of it
	under int        // calls that passed and have no outcome yet
	told  PublishEnd // how it ended as it was told; empty: it was not
}

// Task is what a task of a Kentico is about. It is a publish of one call, whose login is the user who made it.
type Task struct {
	Type   string `json:"type"`
	Object string `json:"object,omitempty"` // its type
	Name   string `json:"name,omitempty"`
	Site   string `json:"site,omitempty"` // code name
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
}

// Publishes returns the publishes of one log, or of those of several gateways, oldest first. Those whose
// beginning was archived lack what only the beginning tells.
func Publishes(ctx context.Context, logs ...store.Events) ([]Publish, error) {
	p := publishes{created: map[string]*Publish{}, running: map[int64]*Publish{}}
	err := merge.Events(ctx, unchecked(logs), func(ev audit.Event) error {
		p.take(&ev)
		return nil
	})
	all := make([]Publish, 0, len(p.all))
	for _, one := range p.all {
		all = append(all, *one)
	}
	slices.SortStableFunc(all, func(a, b Publish) int { return a.Begun.Compare(b.Begun) })
	return all, err
}

// unchecked reads logs; what is damaged is told by audit.List and proof.Verify.
func unchecked(logs []store.Events) (all []merge.Reader) {
	for _, log := range logs {
		all = append(all, func(ctx context.Context, fn func(audit.Event) error) error {
			return log.Read(ctx, 1, func(r store.Record) error {
				var ev audit.Event
				if json.Unmarshal(r.Body, &ev) != nil {
					return nil
				}
				return fn(ev)
			})
		})
	}
	return all
}

// publishes collects them while a log is read.
type publishes struct {
	all     []*Publish
	created map[string]*Publish // by the reference of a create call that has no outcome yet
	running map[int64]*Publish  // by request
	tasks   map[string]*Publish // by the reference of a task that has no outcome yet
}

// The calls that a publish is made of, by the beginning of their name.
const (
	createCall  = "createStagingRequest"
	updateCall  = "updateStagingRequest"
	publishCall = "publishStagingRequest"
	cleanUpCall = "cleanUpStagingRequest"
)

// take returns the publish that the event is about; nil if it is about none.
func (p *publishes) take(ev *audit.Event) *Publish {
	if ev.Kind != audit.KindVerdict && ev.Kind != audit.KindOutcome {
		return nil
	}
	if ev.Fields["task"] != "" || p.tasks[ev.Ref] != nil {
		return p.task(ev)
	}
	if ev.MethodName() == createCall {
		return p.create(ev)
	}
	if ev.Request == 0 {
		return nil
	}
	one := p.running[ev.Request]
	if one == nil {
		one = p.begin(ev)
		one.Request = ev.Request
		p.running[ev.Request] = one
	}
	one.take(ev)
	return one
}

func (p *publishes) begin(ev *audit.Event) *Publish {
	one := &Publish{Begun: ev.Time, Last: ev.Time, Gateway: ev.Node, End: Unfinished, Ref: ev.Ref, parts: map[string]bool{}}
	one.who(ev)
	p.all = append(p.all, one)
	return one
}

// create takes the verdict on a call that makes a request, or its outcome, which tells the request.
func (p *publishes) create(ev *audit.Event) *Publish {
	if ev.Kind == audit.KindVerdict {
		one := p.begin(ev)
		one.Checksum, one.made = ev.Checksum, true
		if ev.Verdict == audit.Deny {
			one.ended(Refused, ev)
			return one
		}
		p.created[ev.Ref] = one
		return one
	}
	one := p.created[ev.Ref]
	if one == nil {
		return nil
	}
	delete(p.created, ev.Ref)
	one.Last = ev.Time
	if ev.Request == 0 {
		one.ended(Failed, ev)
		if !strings.HasPrefix(ev.End, "exception ") {
			one.Reason = cmp.Or(one.Reason, tunnel.Reason(ev.End))
		}
		return one
	}
	one.Request = ev.Request
	if early := p.running[ev.Request]; early != nil && !early.made && !early.Begun.Before(one.Begun) {
		p.join(one, early)
	}
	p.running[ev.Request] = one // an engine that was set up anew may give a number again
	return one
}

// join adds calls of a request that were recorded before the outcome of its create call was: that is
// written behind the answer.
func (p *publishes) join(one, early *Publish) {
	one.Archive, one.Parts, one.Bytes, one.parts = early.Archive, early.Parts, early.Bytes, early.parts
	one.End, one.Reason, one.Detail, one.Last = early.End, early.Reason, early.Detail, early.Last
	one.under, one.told = one.under+early.under, early.told
	if early.End != Unfinished {
		one.Ref = early.Ref
	}
	p.all = slices.DeleteFunc(p.all, func(other *Publish) bool { return other == early })
}

// who fills in what is not known yet.
func (one *Publish) who(ev *audit.Event) {
	if ev.Node != "" && !slices.Contains(strings.Split(one.Gateway, ", "), ev.Node) {
		one.Gateway = strings.TrimPrefix(one.Gateway+", "+ev.Node, ", ")
	}
	one.Peer, one.Login = cmp.Or(one.Peer, ev.Peer), cmp.Or(one.Login, ev.Login)
	one.Site, one.Checksum = cmp.Or(one.Site, ev.Site), cmp.Or(one.Checksum, ev.Checksum)
	if !one.Addr.IsValid() {
		one.Addr = ev.Addr
	}
}

func (one *Publish) ended(how PublishEnd, ev *audit.Event) {
	one.End, one.Reason, one.Detail, one.Ref, one.Last = how, ev.Reason, ev.Detail, ev.Ref, ev.Time
}

func (one *Publish) take(ev *audit.Event) {
	one.who(ev)
	one.Last = ev.Time
	name := ev.MethodName()
	switch {
	case ev.Kind == audit.KindOutcome:
		one.outcome(name, ev)
	case ev.Verdict == audit.Deny && one.End != Published:
		one.ended(Refused, ev)
	case ev.Verdict == audit.Allow && name == updateCall:
		one.part(ev)
		one.goesOn()
	case ev.Verdict == audit.Allow && name == publishCall && one.End != Published:
		one.ended(Unknown, ev)
		one.Detail = "its outcome is not in the log"
	}
}

// goesOn forgets a refusal that was followed by a call that passed.
func (one *Publish) goesOn() {
	if one.End == Refused || one.End == Failed {
		one.End, one.Reason, one.Detail = Unfinished, "", ""
	}
}

func (one *Publish) part(ev *audit.Event) {
	if one.parts[ev.Part] {
		return // sent again
	}
	one.parts[ev.Part] = true
	one.Parts++
	one.Bytes += ev.Size
	if one.Archive == "" {
		one.Archive = strings.TrimRight(ev.Part, "0123456789")
	}
}

// outcome takes how a call ended that had passed.
func (one *Publish) outcome(name string, ev *audit.Event) {
	class, thrown := strings.CutPrefix(ev.End, "exception ")
	switch {
	case name != publishCall && (ev.End == "answered" || one.End == Published || one.End == Unknown):
	case one.End == Published || strings.HasPrefix(ev.End, "repeat "):
	case ev.End == "answered":
		one.ended(Published, ev)
	case thrown:
		one.ended(Failed, ev)
		one.Detail = strings.TrimSpace(class + " " + ev.Detail)
	case name == publishCall && late[ev.End]:
		one.ended(Unknown, ev)
		one.Reason = cmp.Or(one.Reason, tunnel.Reason(ev.End))
	default:
		one.ended(Failed, ev)
		one.Reason = cmp.Or(one.Reason, tunnel.Reason(ev.End))
	}
}

// task takes the verdict on a task, or its outcome.
func (p *publishes) task(ev *audit.Event) *Publish {
	if ev.Kind == audit.KindOutcome {
		one := p.tasks[ev.Ref]
		delete(p.tasks, ev.Ref)
		if one != nil {
			one.taskEnded(ev)
		}
		return one
	}
	one, f := p.begin(ev), ev.Fields
	one.Task = &Task{Type: f["task"], Object: f["object"], Name: f["name"], Site: f["site"], From: f["from"], To: f["to"]}
	one.Login, one.Bytes, one.made = cmp.Or(f["user"], one.Login), ev.BytesIn, true
	switch {
	case ev.Verdict == audit.Deny && ev.Reason == "task.target": // it passed, and there was nobody
		one.ended(Failed, ev)
		return one
	case ev.Verdict == audit.Deny:
		one.ended(Refused, ev)
		return one
	case ev.Verdict == audit.Answer:
		one.ended(Published, ev)
	default:
		one.ended(Unknown, ev)
		one.Detail = "its outcome is not in the log"
	}
	if p.tasks == nil {
		p.tasks = map[string]*Publish{}
	}
	p.tasks[ev.Ref] = one
	return one
}

// taskEnded takes the outcome of a task.
func (one *Publish) taskEnded(ev *audit.Event) {
	one.Last = ev.Time
	switch ev.End {
	case "answered", "kept": // what was kept is carried by sync
		one.ended(Published, ev)
	case "echo":
	case "failed":
		one.ended(Failed, ev)
	case "task.lost", "task.reply", "gateway.fault":
		one.ended(Unknown, ev)
		one.Reason = tunnel.Reason(ev.End)
	default:
		one.ended(Failed, ev)
		one.Reason = tunnel.Reason(ev.End)
	}
}

// late are the ends of calls that the engine may have carried out.
var late = map[string]bool{
	"engine.lost": true, "reply.empty": true, "reply.refused": true, "store.unwritable": true, "gateway.draining": true,
	"repeat.unknown": true, "client.cut": true, "": true,
}
