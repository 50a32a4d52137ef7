package http1

import (
	"errors"
	"strconv"
)

// Reasons of an Error: stable codes that are counted and audited.
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
)

// Error is a request that is refused: answer Status with Msg and close. Err goes to the log only.
type Error struct {
	Status int
	Reason string
	Msg    string
	Err    error
	Method string // as sent, whatever it is; empty if its line was not read
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
