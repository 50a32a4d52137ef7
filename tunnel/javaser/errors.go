package javaser

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Rule is the stable code of the rule that a stream broke.
type Rule string

// The rules, named in audit events.
const (
	RuleHeader     Rule = "stream.header"     // not magic, version 5
	RuleTag        Rule = "stream.tag"        // a type code that has no business there
	RuleSlot       Rule = "stream.slot"       // a value that may not stand in this place
	RuleClass      Rule = "stream.class"      // a class that may not stand in this place
	RuleShape      Rule = "stream.shape"      // a descriptor that is not the class's
	RuleTwice      Rule = "stream.twice"      // a class described twice, a field or key named twice
	RuleAnnotation Rule = "stream.annotation" // data in a class annotation
	RuleHandle     Rule = "stream.handle"     // a reference to nothing, or to something unfit or unfinished
	RuleSealed     Rule = "stream.sealed"     // a reference to a value that is cut out on the way
	RuleText       Rule = "stream.text"       // text that no Java writer writes
	RuleLength     Rule = "stream.length"     // a length in a form that no Java writer writes
	RuleMap        Rule = "stream.map"        // a map or list whose data does not fit
	RuleDepth      Rule = "stream.depth"      // nested too deep
	RuleLimit      Rule = "stream.limit"      // too many handles, classes, elements or bytes
	RuleWeight     Rule = "stream.weight"     // shared containers that expand too far
	RuleTrailing   Rule = "stream.trailing"   // bytes after the object
	RuleTruncated  Rule = "stream.truncated"  // the stream ended too early
)

// Error says which rule a stream broke, where, and in which place of the tree.
type Error struct {
	Rule   Rule
	Offset int64  // of the byte behind the offending token
	Path   string // such as ObjectValuePair._value.MethodHandler._arguments[1]
	Msg    string
	Err    error // the reader's own, if it failed
}

// Error returns the rule, the place and the reason.
func (e *Error) Error() string {
	s := string(e.Rule) + " at byte " + strconv.FormatInt(e.Offset, 10)
	if e.Path != "" {
		s += " in " + e.Path
	}
	s += ": " + e.Msg
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the reader's error, if that was the cause.
func (e *Error) Unwrap() error { return e.Err }

// Ended says whether the stream stopped because its source had no more, not because the source
// failed.
func (e *Error) Ended() bool { return errors.Is(e.Err, errEnded) }

// errEnded is the end of a source that itself found nothing wrong with that.
var errEnded = fmt.Errorf("%w", io.ErrUnexpectedEOF)

// Where returns the slot that was refused, such as ObjectValuePair._value.MethodHandler, and the
// offset behind its token in the body, in bytes.
func (e *Error) Where() (path string, offset int64) { return e.Path, e.Offset }
