package exchange

import (
	"context"
	"errors"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// ApprovalState says what somebody made of a change that is held.
type ApprovalState string

// The states. The zero ApprovalState is that of a change that nobody holds.
const (
	Asked    ApprovalState = "asked" // nobody has decided yet
	Approved ApprovalState = "approved"
	Refused  ApprovalState = "refused"
)

// Approval is one change of a neighbour that is applied only if somebody approves it.
type Approval struct {
	Change *sync.Change
	Via    sync.ServerID // the neighbour that it came from
	State  ApprovalState
	Login  string // who decided
	Reason string
	At     time.Time // when it was asked for, or decided
	Known  bool      // it was accepted, and waits for nobody any more
}

// ErrRefused is returned where a change is to be taken that somebody refused.
var ErrRefused = errors.New("somebody refused the change")

// Approvals keeps changes that wait for a person, and what was decided. What is decided is decided of the
// change as it is kept, byte for byte: another one, also one of the same id, is another. It is safe for concurrent
// use, also from several processes; a write is on disk when it returns nil.
type Approvals interface {
	// Ask holds changes that came from a neighbour. One whose id is held already stays as it is.
	Ask(ctx context.Context, via sync.ServerID, all ...*sync.Change) error
	// Approval returns what is held of each of ids, in their order; its Change is nil where nothing is.
	Approval(ctx context.Context, ids ...sync.ID) ([]Approval, error)
	// Approvals returns what is held in that state, or in any if it is empty: the oldest first, at most limit.
	Approvals(ctx context.Context, state ApprovalState, limit int) ([]Approval, error)
	// Decide writes what somebody decided who saw the change in the state from. A decision may be changed. It
	// returns store.ErrNotFound if the change is not held, and store.ErrStale if it is in another state by now or is to
	// be refused when it is known, or an intent of it is open: then it is too late.
	Decide(ctx context.Context, id sync.ID, from, to ApprovalState, login, reason string) error
	// Release forgets changes: they were applied, or nobody has to approve them any more. None is no error.
	Release(ctx context.Context, ids ...sync.ID) error
}
