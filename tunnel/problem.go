package tunnel

import "strconv"

// Code says what kind of answer a Problem gets; see the table in section 3 of the call rules.
type Code int

// The kinds of answers. The zero Code is no answer: a Problem without one is a fault of the
// gateway.
const (
	BadRequest  Code = iota + 1 // 400 and close: not HTTP as the profile wants it
	NotFound                    // 404
	BadMethod                   // 405
	NoLength                    // 411
	TooLarge                    // 413
	Forbidden                   // 403: the address is not allowed
	Unauthentic                 // 200 with a RemoteAuthException of type 101
	Refused                     // 200 with a PortalException: the call itself is not allowed
	Unavailable                 // 503 with Retry-After: nothing was executed
	Uncertain                   // 200 with a PortalException: the call may have been carried out
	BadAnswer                   // 200 with a PortalException: carried out, but its answer was refused
)

// Reason is the stable code of a refusal: it is counted, audited and documented, and never changes
// its meaning.
type Reason string

// Problem is an error that a peer is told about. Msg goes to the peer, Err to the log and the audit
// event only.
type Problem struct {
	Code   Code
	Reason Reason
	Msg    string
	Err    error
}

// Error returns the reason, the message and the cause.
func (p *Problem) Error() string {
	s := string(p.Reason) + ": " + p.Msg
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	if p.Code == 0 {
		s += " (code " + strconv.Itoa(int(p.Code)) + ")"
	}
	return s
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// NotBegun returns the Problem of a call of which nothing was carried out: the publisher may try again.
func NotBegun(reason Reason, what string, err error) *Problem {
	return &Problem{Code: Unavailable, Reason: reason, Msg: what + "; nothing was carried out", Err: err}
}

// MayHaveRun returns the Problem of a call of which nobody knows whether it was carried out.
func MayHaveRun(reason Reason, what string, err error) *Problem {
	return &Problem{Code: Uncertain, Reason: reason, Msg: what + ": the call may have been carried out", Err: err}
}
