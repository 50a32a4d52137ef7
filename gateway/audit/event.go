package audit

import (
	"net/netip"
	"strings"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// Kind says what an event is about.
type Kind string

// The kinds of events.
const (
	KindVerdict    Kind = "verdict"    // a call was allowed, denied or answered by the gateway
	KindOutcome    Kind = "outcome"    // how an allowed call ended
	KindConfig     Kind = "config"     // a configuration was loaded or refused
	KindStart      Kind = "start"      // the process began
	KindStop       Kind = "stop"       // the process ended in order
	KindDrain      Kind = "drain"      // the process takes no new calls
	KindWitness    Kind = "witness"    // what a gateway found in the logs of others
	KindSummary    Kind = "summary"    // refusals that have no record of their own
	KindCheckpoint Kind = "checkpoint" // written by the log itself
	KindAlarm      Kind = "alarm"      // the log is not what its newest checkpoint says
	KindDamaged    Kind = "damaged"    // never written: List shows a line so that it could not read
)

// The kinds of events about a change between servers.
const (
	KindSyncAccepted Kind = "sync.accepted" // it is known, or was approved, and nothing new is shown
	KindSyncApplied  Kind = "sync.applied"  // the engine has it
	KindSyncHeld     Kind = "sync.held"     // until somebody decides a conflict, or approves it
	KindSyncResolved Kind = "sync.resolved" // it is what somebody decided about a conflict
	KindSyncRefused  Kind = "sync.refused"
	KindSyncEcho     Kind = "sync.echo" // the engine wrote again what it shows already: no change
)

// appendable are the kinds that Append takes.
var appendable = map[Kind]bool{
	KindVerdict: true, KindOutcome: true, KindConfig: true, KindSummary: true, KindStart: true,
	KindStop: true, KindDrain: true, KindWitness: true,
	KindSyncAccepted: true, KindSyncApplied: true, KindSyncHeld: true, KindSyncResolved: true, KindSyncRefused: true,
	KindSyncEcho: true,
}

// Verdict says what became of a call.
type Verdict string

// The verdicts. The zero one is none.
const (
	Allow  Verdict = "allow"
	Deny   Verdict = "deny"
	Answer Verdict = "answer" // the gateway answered itself and nothing was forwarded
)

// Event is one record of the log. It never holds a token or a body. What is zero is left out of the
// record.
type Event struct {
	Seq  store.Seq `json:"seq"`  // set by Append
	Kind Kind      `json:"kind"` // one that the log does not write itself
	Time time.Time `json:"time"` // set by Append unless it is set already

	// Ref is the id of the call, the same in verdict, outcome, log and reply.
	Ref    string         `json:"ref,omitempty"`
	Node   string         `json:"node,omitempty"`  // set by Append
	Addr   netip.Addr     `json:"addr,omitzero"`   // the client, as decided from proxies
	Socket netip.AddrPort `json:"socket,omitzero"` // the other end of the connection
	Peer   string         `json:"peer,omitempty"`  // name in the configuration
	Login  string         `json:"login,omitempty"` // as claimed, raw
	KeyID  string         `json:"key,omitempty"`   // which shared secret it was signed with

	About

	Verdict Verdict       `json:"verdict,omitempty"`
	Reason  tunnel.Reason `json:"reason,omitempty"`
	Detail  string        `json:"detail,omitempty"` // plain words
	Found

	Ended

	ConfigDigest string            `json:"config,omitempty"`
	Fields       map[string]string `json:"fields,omitempty"` // the rest

	Prev string `json:"prev"` // set by Append
	Hash string `json:"hash"` // set by Append
}

// About is what a call says: itself, and what of a publish it is about.
type About struct {
	Line   string `json:"line,omitempty"`   // version line of the writer
	Method string `json:"method,omitempty"` // signature

	Site     int64  `json:"site,omitempty"`
	Request  int64  `json:"request,omitempty"`
	Part     string `json:"part,omitempty"`
	Checksum string `json:"checksum,omitempty"`
	Size     int64  `json:"size,omitempty"` // of the part or the body
}

// Found is where in a call the reason of a refusal was found.
type Found struct {
	Rule      string `json:"rule,omitempty"` // which rule decided
	ClassPath string `json:"class_path,omitempty"`
	Offset    int64  `json:"offset,omitempty"` // of the offending slot in the body
}

// Ended is how a call ended that the gateway let pass.
type Ended struct {
	Upstream      string `json:"upstream,omitempty"`
	Status        int    `json:"status,omitempty"`
	BytesIn       int64  `json:"bytes_in,omitempty"`
	BytesOut      int64  `json:"bytes_out,omitempty"`
	LatencyMicros int64  `json:"latency_us,omitempty"`
	End           string `json:"end,omitempty"` // how an outcome ended
}

// MethodName is the name of the method without its service and parameters.
func (ev *Event) MethodName() string {
	_, after, ok := strings.Cut(ev.Method, "#")
	if !ok {
		return ev.Method
	}
	name, _, _ := strings.Cut(after, "(")
	return name
}
