package term

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// failed is a failure for a script.
type failed struct {
	OK         bool     `json:"ok"`
	Exit       int      `json:"exit"`
	Kind       string   `json:"kind,omitempty"`
	Call       string   `json:"call,omitempty"`
	Reason     string   `json:"reason,omitempty"` // the gateway's code
	Message    string   `json:"message"`
	Known      string   `json:"known,omitempty"`
	Cure       string   `json:"cure,omitempty"`
	Reference  string   `json:"reference,omitempty"`
	Exception  string   `json:"exception,omitempty"`
	References []string `json:"missing_references,omitempty"`
}

// Report tells the user why a command failed, and returns its exit code.
func (sh *Shell) Report(err error) int {
	code := ExitCode(err)
	var c *ConfigError
	var q *SilentError
	switch {
	case err == nil, errors.As(err, &c) && c.Said:
		return code
	case errors.As(err, &q):
		return q.Code
	}
	f := describe(err)
	f.Exit = code
	if sh.JSON && sh.Print(f) == nil {
		return code
	}
	fmt.Fprintf(sh.Err, "stagelock: %s\n", Plain(strings.TrimSpace(f.Message)))
	for _, r := range f.References {
		fmt.Fprintf(sh.Err, "  missing: %s\n", Plain(r))
	}
	if f.Known != "" {
		fmt.Fprintf(sh.Err, "  what is known: %s\n", Plain(f.Known))
	}
	if f.Cure != "" {
		fmt.Fprintf(sh.Err, "  what to do: %s\n", f.Cure)
	}
	if f.Reference != "" {
		fmt.Fprintf(sh.Err, "  reference: %s\n", Plain(f.Reference))
	}
	return code
}

func describe(err error) failed {
	f := failed{Message: err.Error()}
	var p *failure.Failure
	var d *DataError
	var u *UsageError
	var away *UnavailableError
	var denied *DeniedError
	var again *AgainError
	var r *refusal.Refusal
	switch {
	case errors.As(err, &p):
		f.Kind, f.Call, f.Message, f.Cure = string(p.Kind), p.Call, p.Msg, p.Cure
		f.Reference, f.References, f.Known = p.Reference, p.References, p.Known
		if p.Thrown != nil {
			f.Exception = p.Thrown.Class
		}
		if r, told := policy.ReasonOf(p.Reason); told { // its words are those of the catalogue
			f.Reason, f.Cure = r.Code, r.Cure
			f.Message = strings.TrimSuffix(f.Message, "; "+r.Cure)
		}
		if p.Kind == failure.Unreadable && p.Err != nil {
			f.Message += ": " + p.Err.Error()
		}
	case errors.As(err, &r):
		f.Kind, f.Cure = "archive", r.Cure()
	case errors.As(err, &d):
		f.Kind, f.Cure = "data", d.Cure
	case errors.As(err, &away):
		f.Kind, f.Cure = "unavailable", away.Cure
	case errors.As(err, &denied):
		f.Kind, f.Cure = "denied", denied.Cure
	case errors.As(err, &again):
		f.Kind, f.Cure = "again", again.Cure
	case errors.As(err, &u):
		f.Kind, f.Cure = "usage", "see "+u.help()
	}
	if f.Cure == "" {
		f.Cure = cureOf(err)
	}
	return f
}

// fileCures say what to do about errors of the system; the first that fits counts.
var fileCures = []struct {
	output bool // of what is written, else of what is read
	is     error
	cure   string
}{
	{true, fs.ErrExist, "name another file, or take that one away if nothing uses it"},
	{true, fs.ErrNotExist, "make the folder first, or name another file"},
	{true, fs.ErrPermission, "name a file in a folder where this user may write"},
	{true, syscall.ENOSPC, "make room on the disk, or name a file on another"},
	{true, syscall.ENOTDIR, "name a file in a folder: a part of that name is a file"},
	{true, syscall.EISDIR, "name a file in it: that is a folder"},
	{false, fs.ErrNotExist, "check the name: one that does not begin with a slash is looked for in the folder that you are in"},
	{false, fs.ErrPermission, "run the command as a user who may read it, such as the gateway's"},
	{false, syscall.ENOTDIR, "check the name: a part of it is a file and no folder"},
	{false, syscall.EISDIR, "name a file in it: that is a folder"},
	{false, syscall.ENOSPC, "make room on the disk"},
}

// cureOf says what to do about a file; nothing where it is not known.
func cureOf(err error) string {
	output := as[*OutputError](err)
	for _, c := range fileCures {
		if c.output == output && errors.Is(err, c.is) {
			return c.cure
		}
	}
	return ""
}
