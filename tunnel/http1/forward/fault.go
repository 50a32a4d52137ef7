package forward

import "errors"

// Reasons of a Fault: stable codes that are counted and audited.
const (
	// ReasonConnect is an engine that could not be reached.
	ReasonConnect = "upstream.connect"
	// ReasonSend is a request that the engine did not take.
	ReasonSend = "upstream.send"
	// ReasonSilent is a connection that ended before a byte of an answer.
	ReasonSilent = "upstream.silent"
	// ReasonReply is an answer that is not written as it must be.
	ReasonReply = "upstream.reply"
	// ReasonReplyCut is an answer that ended early.
	ReasonReplyCut = "upstream.cut"
	// ReasonReplyLarge is an answer above the limit.
	ReasonReplyLarge = "upstream.too-large"
	// ReasonCancelled is an answer that was not waited for.
	ReasonCancelled = "upstream.cancelled"
)

// Sentinels for callers that branch.
var (
	// ErrOverrun refuses to send more than the Content-Length that the head has named.
	ErrOverrun = errors.New("more bytes than the content length")
	// ErrClosed refuses to open a connection of a closed Upstream, or to use an Exchange that
	// ended.
	ErrClosed = errors.New("closed")
	// ErrOldVersion is an answer in HTTP/1.0, which knows no length that can be relied on.
	ErrOldVersion = errors.New("answer in HTTP/1.0")
)

// Fault is a fault on the side of the engine, as opposed to one of the client whose bytes
// are forwarded.
type Fault struct {
	Addr    string
	Reason  string
	Started bool // a byte of an answer had arrived, so the engine was at work
	Err     error
}

// Error returns reason, address and cause.
func (e *Fault) Error() string {
	s := e.Reason + ": " + e.Addr + ": " + e.Err.Error()
	if e.Started {
		s += " (an answer had begun)"
	}
	return s
}

// Unwrap returns the cause.
func (e *Fault) Unwrap() error { return e.Err }
