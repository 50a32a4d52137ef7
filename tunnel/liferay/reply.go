package liferay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

var (
	// ErrEmptyReply is returned for a reply without a byte where a value was due. It is the
	// vendor's sign that the call could not be read, and its client takes it for success.
	ErrEmptyReply = errors.New("the engine answered with nothing where a value was due")
	// ErrReturnType is returned for a return type that no known method has.
	ErrReturnType = errors.New("no known method returns this type")
)

// Thrown is an exception that a reply carries.
type Thrown struct {
	Class   string // as in Java
	Message string
	Type    int // of a RemoteAuthException, such as TypeWrongSecret; 0 for others
}

// Error returns the class and the message.
func (t *Thrown) Error() string {
	if t.Message == "" {
		return t.Class
	}
	return t.Class + ": " + t.Message
}

// Reply is what a call answered.
type Reply struct {
	Value  any     // as in tunnel.Call.Args; nil for nothing, for models and for an exception
	Thrown *Thrown // nil for a value
	root   graph.Value

	decoder *javaser.Decoder
}

// Release gives back what the reply was read with. It may not be used any more, but for texts and numbers
// that it had.
func (r *Reply) Release() {
	if r.decoder != nil {
		schema.Shapes().Release(r.decoder)
	}
	*r = Reply{}
}

// ReadReply reads the reply of a method that returns the Java type returns. Its errors are
// *javaser.Error for a stream that is not allowed, ErrEmptyReply, ErrReturnType, or the reader's
// own. With resets it allows heartbeats before the object, as a client must.
func ReadReply(in *source.Input, lim javaser.Limits, returns string, resets bool) (*Reply, error) {
	r := &Reply{}
	if err := r.Read(in, lim, returns, resets); err != nil {
		return nil, err
	}
	return r, nil
}

// Read is ReadReply in a place of the caller's, which holds no reply: a new one, or one that was released.
func (r *Reply) Read(in *source.Input, lim javaser.Limits, returns string, resets bool) error {
	shapes := schema.Shapes()
	slot, ok := shapes.Replies[returns]
	if !ok {
		return fmt.Errorf("%w: %s", ErrReturnType, returns)
	}
	d := shapes.Decoder(in, forReply(lim))
	d.Resets = resets
	v, err := d.Decode(slot)
	if err != nil {
		if !isEmpty(err, in, resets) {
			return err
		}
		if returns != "void" {
			return ErrEmptyReply
		}
		return nil
	}
	*r = Reply{root: v, Thrown: thrown(v), decoder: d}
	if r.Thrown == nil {
		r.Value = plain(v)
	}
	return nil
}

// forReply widens the limits of a request where exceptions need it: ten causes, each of a class of
// its own, are an ordinary sight in an engine's log.
func forReply(lim javaser.Limits) javaser.Limits {
	lim.Depth, lim.Classes = max(lim.Depth, 64), max(lim.Classes, 256)
	return lim
}

// isEmpty says whether the source ended before the first byte, or behind the heartbeats that stand
// in for nothing. A source that failed there is not empty: what it would have said is not known.
func isEmpty(err error, in *source.Input, resets bool) bool {
	var e *javaser.Error
	if !errors.As(err, &e) || e.Rule != javaser.RuleTruncated || !e.Ended() {
		return false
	}
	arrived := in.Everything()
	if !resets || len(arrived) == 0 {
		return len(arrived) == 0
	}
	beats, ok := bytes.CutPrefix(arrived, graph.Header())
	return ok && len(bytes.TrimLeft(beats, string(rune(graph.Reset)))) == 0
}

// Append appends the stream of the reply to dst.
func (r *Reply) Append(dst []byte) ([]byte, error) {
	if r.root == nil {
		return dst, nil
	}
	return graph.Append(dst, r.root)
}

// primaryKeys has the field that holds the id of a model.
var primaryKeys = map[string]string{
	schema.ModelImpl + "GroupImpl": "_groupId", schema.ModelImpl + "LayoutImpl": "_plid",
	schema.ModelImpl + "ClassNameImpl": "_classNameId",
}

// ID returns the id that the reply carries: a Long itself, or the primary key of a site, a page or a
// class name. It is 0 for an exception and for everything else.
func (r *Reply) ID() int64 {
	if n, ok := r.Value.(int64); ok {
		return n
	}
	o, ok := r.root.(*graph.Object)
	if !ok || primaryKeys[o.Class.Name] == "" {
		return 0
	}
	return int64(o.Bits(primaryKeys[o.Class.Name]))
}

// MissingReferences returns the names of the references that a publish found missing: those that
// made it fail, and those that are only warned of. ok is false for a reply that is something else.
func (r *Reply) MissingReferences() (hard, weak []string, ok bool) {
	o, isObject := r.root.(*graph.Object)
	if !isObject || !strings.HasSuffix(o.Class.Name, ".MissingReferences") {
		return nil, nil, false
	}
	return names(o.Ref("_dependencyMissingReferences")), names(o.Ref("_weakMissingReferences")), true
}

func names(v graph.Value) []string {
	o, ok := v.(*graph.Object)
	if !ok || len(o.Note) == 0 {
		return nil
	}
	var out []string
	for i := 2; i < len(o.Note); i += 2 {
		m := o.Note[i].(*graph.Object)
		name, _ := graph.Text(m.Ref("_displayName"))
		class, _ := graph.Text(m.Ref("_className"))
		out = append(out, class+" "+name)
	}
	return out
}

// thrown returns the exception that v is, or nil.
func thrown(v graph.Value) *Thrown {
	o, ok := v.(*graph.Object)
	if !ok {
		return nil
	}
	for c := o.Class; c != nil; c = c.Super {
		if c.Name == "java.lang.Throwable" {
			msg, _ := graph.Text(o.Ref("detailMessage"))
			return &Thrown{Class: o.Class.Name, Message: msg, Type: int(int32(o.Bits("_type")))}
		}
	}
	return nil
}

// Glimpse looks into a reply that ReadReply refused and returns the exception in it, if it is one:
// its class and message are all that may be told of it. What stands behind the message need not be
// readable; a body that was cut off tells nothing. A room that is not nil is asked for the memory that it takes.
func Glimpse(body []byte, lim javaser.Limits, room func(int64) error) (*Thrown, bool) {
	in := source.New(bytes.NewReader(body), nil, lim.Held)
	if in.Charge(room) != nil {
		return nil, false
	}
	d := javaser.NewDecoder(in, forReply(lim))
	v, err := d.Decode(graph.Any())
	var e *javaser.Error
	if errors.As(err, &e) && e.Rule != javaser.RuleTruncated {
		if open := d.Open(); len(open) > 0 {
			v = open[0]
		}
	}
	t := thrown(v)
	return t, t != nil
}
