package http1

import (
	"errors"
	"strconv"
)

// Reasons of an Error and of an UpstreamError: stable codes that are counted and audited.
const (
	// ReasonRequestLine is a request line other than method, target and HTTP/1.1.
	ReasonRequestLine = "http.request-line"
	// ReasonMethod is a method other than POST, GET and HEAD.
	ReasonMethod = "http.method"
	// ReasonHeader is a head that is no head of this profile, or a field that stands twice.
	ReasonHeader = "http.header"
	// ReasonHost is a Host that is missing, stands twice, or is not served.
	ReasonHost = "http.host"
	// ReasonLength is a Content-Length that stands twice, is not canonical, or has no business there.
	ReasonLength = "http.length"
	// ReasonNoLength is a call without a Content-Length.
	ReasonNoLength = "http.no-length"
	// ReasonEncoding is any Transfer-Encoding but chunked alone.
	ReasonEncoding = "http.transfer-encoding"
	// ReasonChunked is a chunked request, however well it is made.
	ReasonChunked = "http.chunked"
	// ReasonHop is a field for the next hop: Upgrade, TE, Trailer, Proxy-*, a list in Connection.
	ReasonHop = "http.hop-by-hop"
	// ReasonExpect is an Expect other than 100-continue.
	ReasonExpect = "http.expect"
	// ReasonTooLarge is a Content-Length above the limit.
	ReasonTooLarge = "http.too-large"
	// ReasonTimeout is a head or a body that came too slowly.
	ReasonTimeout = "http.timeout"
	// ReasonCut is a head or a body that ended early.
	ReasonCut = "http.cut"
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
	// ErrIdle ends Next when no request began within the idle timeout.
	ErrIdle = errors.New("no request within the idle timeout")
	// ErrFinished ends Next when the last answer said that the connection closes.
	ErrFinished = errors.New("connection ends after this answer")
	// ErrUnanswered ends Next when the last request was not answered yet.
	ErrUnanswered = errors.New("last request is not answered")
	// ErrAnswered refuses a second answer to one request.
	ErrAnswered = errors.New("request is already answered")
	// ErrDrainLimit ends Drain when more body is left than the limit allows to read.
	ErrDrainLimit = errors.New("body is longer than the limit of the drain")
	// ErrField refuses to write a head field that would not be one field for every reader.
	ErrField = errors.New("field cannot be written")
	// ErrOverrun refuses to send more than the Content-Length that the head has named.
	ErrOverrun = errors.New("more bytes than the content length")
	// ErrClosed refuses to open a connection of a closed Upstream, or to use an Exchange that
	// ended.
	ErrClosed = errors.New("closed")
	// ErrOldVersion is an answer in HTTP/1.0, which knows no length that can be relied on.
	ErrOldVersion = errors.New("answer in HTTP/1.0")
)

// Error is a request that is refused: answer Status with Msg and close. Err goes to the log only.
type Error struct {
	Status int
	Reason string
	Msg    string
	Err    error
}

// Error returns status, reason, message and cause.
func (e *Error) Error() string {
	s := strconv.Itoa(e.Status) + " " + e.Reason + ": " + e.Msg
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// UpstreamError is a fault on the side of the engine, as opposed to one of the client whose bytes
// are forwarded.
type UpstreamError struct {
	Addr    string
	Reason  string
	Started bool // a byte of an answer had arrived, so the engine was at work
	Err     error
}

// Error returns reason, address and cause.
func (e *UpstreamError) Error() string {
	s := e.Reason + ": " + e.Addr + ": " + e.Err.Error()
	if e.Started {
		s += " (an answer had begun)"
	}
	return s
}

// Unwrap returns the cause.
func (e *UpstreamError) Unwrap() error { return e.Err }
