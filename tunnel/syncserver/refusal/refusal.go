package refusal

import "fmt"

// Code says which rule a call broke.
type Code string

// The codes. Those with a number are named after the public advisory whose way in they shut.
const (
	NotProfile  Code = "not-profile"  // not a call of this wire: path, method, content type, action
	Malformed   Code = "malformed"    // XML that is not well formed or uses what is not admitted
	TooLarge    Code = "too-large"    // a limit was passed
	BadEnvelope Code = "bad-envelope" // SOAP that is not the one call
	Credentials Code = "credentials"  // token or secret
	Stale       Code = "stale"        // a token outside its time
	Replay      Code = "replay"       // a token that was used before
	Bypass2746  Code = "bypass-2746"  // a digest of the empty secret
	Bypass2747  Code = "bypass-2747"  // a token without a password
	Class10068  Code = "class-10068"  // an object of another class or assembly
	BadTask     Code = "bad-task"     // a task document outside its form
	TaskDenied  Code = "task-denied"  // a task or an object type that the peer may not send
	UserDenied  Code = "user-denied"  // a user that the peer may not name
	BadServers  Code = "bad-servers"  // a list of servers outside its form
	Loop        Code = "loop"         // a task that the server behind the gateway already has
	BadData     Code = "bad-data"     // a data set outside its form
	TableDenied Code = "table-denied" // rows of a table that does not belong to the task
	Path2749    Code = "path-2749"    // a path, name or extension that could leave its place or be run
	BadFile     Code = "bad-file"     // the bytes of a file that are not what they are called
)

// Error is what every function that judges returns. Why is for the log and, once the sender is
// authenticated, for its administrator; it quotes at most a few characters of the call.
type Error struct {
	Code   Code
	Why    string
	Status int // HTTP status for a sender that is not authenticated; 0 for a refused task
	About  About
}

// About is what people call a task: for the log. It is empty for what was refused before it was read.
type About struct {
	Task   string // its type
	Object string // type of its object; document for a page, folder for one of a media library
	Name   string // of the object
	Site   string // code name, if the task says it
	User   string // who made it
}

func (r *Error) Error() string { return string(r.Code) + ": " + r.Why }

// New returns a refusal of a task.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Why: fmt.Sprintf(format, args...)}
}

// Outside is a refusal with the HTTP status that a stranger sees.
func Outside(status int, code Code, format string, args ...any) *Error {
	r := New(code, format, args...)
	r.Status = status
	return r
}

// Brief quotes s, shortened.
func Brief(s string) string {
	if len(s) > 40 {
		return fmt.Sprintf("%q…", s[:40])
	}
	return fmt.Sprintf("%q", s)
}
