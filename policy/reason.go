package policy

import (
	"slices"
	"strings"
	"sync"
)

// Reason explains one reason for which something is refused, or answered by the gateway itself. Log,
// audit listing, answers, metrics and documentation take their words from it.
type Reason struct {
	Code    string // family and name, such as site.denied; it never changes its meaning
	Meaning string // what was found
	Cure    string // what the publisher or the operator does about it
	Answer  Answer // what the caller gets
	// Late is true for what can also be found once the engine may have the call. The answer is then
	// LateException or LateResult.
	Late  bool
	Level Level
}

// Family returns what stands before the first dot of the code, such as site.
func (r Reason) Family() string {
	family, _, _ := strings.Cut(r.Code, ".")
	return family
}

// Answer is what a caller of the tunnel gets. Java's client reads an exception from a 200 only, and
// takes any 4xx and 5xx for a failed connection.
type Answer uint8

// The answers. The zero Answer is none: a detail of another reason, or a caller that is gone.
const (
	NoAnswer      Answer = iota
	Void                 // 200 without a body, as the engine answers a void call
	Exception            // 200 with a PortalException that says what was refused, and the reference
	AuthException        // 200 with a RemoteAuthException of type 101, as the vendor answers a wrong secret
	BadRequest           // 400, and the connection ends
	Forbidden            // 403
	NotFound             // 404
	BadMethod            // 405
	NoLength             // 411
	TooLarge             // 413
	TryAgain             // 503 with Retry-After: nothing was carried out
	Repeated             // what the first of equal calls was answered
	LateException        // 200 with a PortalException: the call may have been, or was, carried out
	Result               // 200 with a Result that says what was refused, as Kentico says that a task failed
	LateResult           // 200 with a Result: the task may have been carried out
)

var answers = [...]struct {
	status int
	text   string
}{
	NoAnswer:      {0, "none"},
	Void:          {200, "200, void"},
	Exception:     {200, "200, PortalException: nothing was carried out"},
	AuthException: {200, "200, RemoteAuthException"},
	BadRequest:    {400, "400, close"},
	Forbidden:     {403, "403"},
	NotFound:      {404, "404"},
	BadMethod:     {405, "405"},
	NoLength:      {411, "411"},
	TooLarge:      {413, "413"},
	TryAgain:      {503, "503, Retry-After: nothing was carried out"},
	Repeated:      {200, "200, the answer to the first of equal calls"},
	LateException: {200, "200, PortalException: the call may have been carried out"},
	Result:        {200, "200, Result with the words: nothing was carried out"},
	LateResult:    {200, "200, Result: the task may have been carried out"},
}

// Status returns the HTTP status, or 0 for no answer.
func (a Answer) Status() int { return answers[a.known()].status }

// String returns the answer in words.
func (a Answer) String() string { return answers[a.known()].text }

func (a Answer) known() Answer {
	if int(a) < len(answers) {
		return a
	}
	return NoAnswer
}

// Level says how loud the log tells of a reason.
type Level uint8

// The levels. The zero Level is the one of a refusal.
const (
	Warn  Level = iota // denied or degraded
	Info               // as it should be
	Error              // somebody must act, or nobody publishes
)

// String returns the level as logs write it.
func (l Level) String() string {
	switch l {
	case Info:
		return "info"
	case Error:
		return "error"
	}
	return "warning"
}

// Reasons returns the catalogue, by family in the order in which a call meets them.
func Reasons() []Reason { return slices.Clone(catalogue) }

// ReasonOf returns the reason of that code, and whether there is one.
func ReasonOf(code string) (Reason, bool) {
	r, ok := byCode()[code]
	return r, ok
}

var byCode = sync.OnceValue(func() map[string]Reason {
	all := make(map[string]Reason, len(catalogue))
	for _, r := range catalogue {
		all[r.Code] = r
	}
	return all
})

// Tell returns what a caller is told: what was found, and the cure of the reason.
func Tell(code, msg string) string {
	if r, ok := ReasonOf(code); ok {
		return msg + "; " + r.Cure
	}
	return msg
}

// catalogue has every reason once.
var catalogue = slices.Concat(frontReasons, visitReasons, httpReasons, streamReasons, callReasons, engineReasons,
	taskReasons, exchangeReasons)
