package exchange

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// DeliveryState says how far a delivery is.
type DeliveryState string

// The states of a delivery. Pending and Waiting are open: they are tried again.
const (
	Pending DeliveryState = "pending"
	Waiting DeliveryState = "waiting" // the target lacks what the change needs, or holds it for approval
	Done    DeliveryState = "done"    // the target has it
	Dead    DeliveryState = "dead"    // refused for good, until somebody retries it
	Dropped DeliveryState = "dropped" // somebody gave it up
)

// ForApproval is the class of a Waiting delivery that somebody must approve at the target. Nothing waits behind it.
const ForApproval = "approval"

// Delivery is one change for one target. It is kept when it has ended, as history.
type Delivery struct {
	Position int64 // the order of the log
	Target   sync.ServerID
	ID       sync.ID
	Object   sync.Object
	State    DeliveryState
	Tries    int
	Class    string // of the last failure
	Reason   string // in words
	Bytes    int64  // of content that was sent
	NextAt   time.Time
	QueuedAt time.Time
	EndedAt  time.Time // zero while it is open
}

// Result is how a try ended.
type Result struct {
	ID     sync.ID
	State  DeliveryState
	Class  string
	Reason string
	After  time.Duration // until the next try of an open one
	Bytes  int64
}

// TargetState says whether anything is sent to a target.
type TargetState string

// The states of a target. The zero TargetState is Open.
const (
	Open    TargetState = ""
	Stopped TargetState = "stopped" // something that an operator must mend
	Held    TargetState = "held"    // somebody holds it until a time
)

// Target is a target's own state, and its backlog.
type Target struct {
	ID      sync.ServerID
	State   TargetState
	Reason  string
	Until   time.Time // of Held; zero for no end
	Open    int       // deliveries
	Waiting int       // among them
	Dead    int
	Oldest  time.Time // when the oldest open one was queued
	Last    time.Time // when the last one was done
	Next    time.Time // when the next open one is due
	Tries   int       // of the next one
	Failure string    // of the next one, in words
}

// Filter chooses deliveries; a zero field chooses all.
type Filter struct {
	Target sync.ServerID
	ID     sync.ID
	Object sync.Object
	State  DeliveryState
	Limit  int // 0: 1,000
}

// Server is what is known of a server that said hello.
type Server struct {
	ID     sync.ServerID
	Name   string
	Links  []sync.ServerID // to which its changes flow
	SeenAt time.Time
}

// Deliveries is the queue of every target. All times are the store's own. It is safe for concurrent
// use, also from several processes; a write is on disk when it returns nil.
type Deliveries interface {
	// Due returns the open deliveries of a target whose time has come, in the order of the log, at most
	// limit. A change waits behind an open one of the same object that is not due, unless that is ForApproval;
	// nothing else waits.
	Due(ctx context.Context, target sync.ServerID, limit int) ([]Delivery, error)
	// Settle keeps how tries ended. A result of a delivery that has ended changes nothing. If one is
	// Done, what waits for the same target is due at once, but for what is ForApproval.
	Settle(ctx context.Context, target sync.ServerID, all ...Result) error
	// Acknowledge ends the open deliveries of changes that the target has, up to each counter, and
	// returns how many.
	Acknowledge(ctx context.Context, target sync.ServerID, have map[sync.ServerID]uint64) (int, error)
	// Baseline queues every current version of an object of those kinds that covers says for a target that
	// never had a delivery of it and is not known to have it, and returns how many.
	Baseline(ctx context.Context, target sync.ServerID, kinds []string, covers func(o sync.Object) bool) (int, error)
	// Targets returns the state and the backlog of each of ids, in that order.
	Targets(ctx context.Context, ids ...sync.ServerID) ([]Target, error)
	// SetTarget writes the state of a target, for as long as until unless that is 0.
	SetTarget(ctx context.Context, id sync.ServerID, state TargetState, reason string, until time.Duration) error
	// Deliveries returns what f chooses, newest first.
	Deliveries(ctx context.Context, f Filter) ([]Delivery, error)
	// Retry makes open deliveries due at once, and dead ones open and due, and returns how many.
	Retry(ctx context.Context, f Filter) (int, error)
	// Drop gives up the open and dead deliveries that f chooses, and returns how many.
	Drop(ctx context.Context, f Filter, reason string) (int, error)
	// Prune forgets deliveries that ended longer than keep ago, and returns how many.
	Prune(ctx context.Context, keep time.Duration) (int, error)
	// Greet keeps what a server said of itself. It returns store.ErrStale, and the server that has the
	// name, if another one was given it.
	Greet(ctx context.Context, s Server) (holder sync.ServerID, err error)
	// Servers returns those that said hello, by name.
	Servers(ctx context.Context) ([]Server, error)
}
