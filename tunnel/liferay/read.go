package liferay

import (
	"errors"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// Reasons of refusals that are the wire's own; those of the stream itself are javaser's rules.
const (
	ReasonKey       tunnel.Reason = "call.key"       // the method key is not one of class names
	ReasonArguments tunnel.Reason = "call.arguments" // arguments that do not fit the parameter types
)

// methodUpdate is the one method that carries content.
const methodUpdate = "updateStagingRequest"

// Call is a call of the tunnel, with what is needed to write it again.
type Call struct {
	tunnel.Call
	root     *graph.Object
	args     *graph.Array
	password *graph.String // nil if the body carries null
	decoder  *javaser.Decoder

	early      partReader
	values     [4]any // room for Args
	parameters [8]string
}

// Release gives back what the call was read with. The call may not be used any more, but for what it named,
// texts and numbers, and to read another one.
func (c *Call) Release() {
	if c.decoder != nil {
		schema.Shapes().Release(c.decoder)
	}
	*c = Call{early: partReader{bulk: c.early.bulk}}
}

// Part is a call that carries content, at the moment its content begins. Its method is not known
// yet: what follows the content must turn out to be updateStagingRequest, or the call is refused.
type Part struct {
	*Call
	ID      int64 // of the staging request
	Name    string
	Size    int64  // bytes of the content
	Held    []byte // everything before the content, valid until the func returns
	Content *source.Content
}

// Read reads one request from in. For a call that carries content it calls part, which must read
// the content to its end, and keeps what follows: in.Held returns the whole body, or what stands
// behind the content. Refusals are *tunnel.Problem; errors of part are returned as they are. A nil
// part refuses calls with content.
func Read(in *source.Input, lim javaser.Limits, part func(Part) error) (*Call, error) {
	call := &Call{}
	if err := call.Read(in, lim, part); err != nil {
		return nil, err
	}
	return call, nil
}

// Read is the func Read in a place of the caller's, which holds no call: a new one, or one that was released. After
// an error it holds none either, and may be used again.
func (c *Call) Read(in *source.Input, lim javaser.Limits, part func(Part) error) error {
	shapes := schema.Shapes()
	d := shapes.Decoder(in, lim)
	c.early.decoder, c.early.part, c.early.called = d, part, false
	if c.early.bulk == nil {
		c.early.bulk = c.early.read
	}
	if part != nil {
		d.Bulk = c.early.bulk
	}
	err := c.read(d, shapes.Request)
	if err == nil && c.early.called && c.Method.Name != methodUpdate {
		err = problem(ReasonArguments, "only updateStagingRequest carries content", nil)
	}
	if err != nil { // the decoder may be asked where it stopped: it is not used again
		*c = Call{early: partReader{bulk: c.early.bulk}}
		return err
	}
	c.decoder = d
	return nil
}

func (c *Call) read(d *javaser.Decoder, request *graph.Slot) error {
	v, err := d.Decode(request)
	if err != nil {
		return refusal(err)
	}
	return c.fill(v.(*graph.Object))
}

// partReader hands content on.
type partReader struct {
	decoder *javaser.Decoder
	part    func(Part) error
	called  bool
	bulk    func(held []byte, size int64, c *source.Content) error // read, made once
}

func (r *partReader) read(held []byte, size int64, c *source.Content) error {
	p, err := partOf(r.decoder.Open(), size)
	if err != nil {
		return err
	}
	r.called = true
	p.Held, p.Content = held, c
	return r.part(*p)
}

// refusal turns a decoder's error into what the peer is told.
func refusal(err error) error {
	var e *javaser.Error
	if !errors.As(err, &e) {
		return err
	}
	p := problem(tunnel.Reason(e.Rule), "the call is not one that a publisher of the CMS writes: "+e.Msg, err)
	if e.Rule == javaser.RuleTruncated {
		p.Code = tunnel.BadRequest
	}
	return p
}

func problem(reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: tunnel.Refused, Reason: reason, Msg: msg, Err: err}
}

// partOf reads what is known when content begins: the principal, the request's id, and the part's
// name.
func partOf(open []graph.Value, size int64) (*Part, error) {
	unfit := problem(ReasonArguments, "content stands where no call carries it", nil)
	if len(open) != 4 {
		return nil, unfit
	}
	pair, _ := open[0].(*graph.Object)
	args, _ := open[2].(*graph.Array)
	if pair == nil || args == nil || len(args.Refs) != 2 {
		return nil, unfit
	}
	id, isLong := args.Refs[0].(*graph.Object)
	name, isText := graph.Text(args.Refs[1])
	if !isLong || !isText || id.Class.Name != "java.lang.Long" {
		return nil, unfit
	}
	c := &Call{root: pair, args: args}
	if err := c.readPrincipal(); err != nil {
		return nil, err
	}
	c.Args = []any{int64(id.Bits("value")), name, tunnel.Content{Size: size}}
	return &Part{Call: c, ID: int64(id.Bits("value")), Name: name, Size: size}, nil
}

// callOf reads a whole decoded request.
func callOf(root *graph.Object) (*Call, error) {
	c := &Call{}
	if err := c.fill(root); err != nil {
		return nil, err
	}
	return c, nil
}

// fill reads a whole decoded request into an empty call.
func (c *Call) fill(root *graph.Object) error {
	c.root = root
	handler, _ := root.Ref("_value").(*graph.Object)
	if handler == nil {
		return problem(ReasonArguments, "a call without a method", nil)
	}
	if err := c.readPrincipal(); err != nil {
		return err
	}
	key := handler.Ref("_methodKey").(*graph.Object)
	method, err := readKey(key.Note[0].(graph.Block), c.parameters[:0])
	if err != nil {
		return problem(ReasonKey, "the call does not name a method in the form that a publisher writes", err)
	}
	c.Method = method
	c.args = handler.Ref("_arguments").(*graph.Array)
	return c.readArguments()
}

func (c *Call) readPrincipal() error {
	p, ok := c.root.Ref("_key").(*graph.Object)
	if !ok {
		return problem(ReasonArguments, "a call without a principal", nil)
	}
	c.Line = Line7
	if p.Class.Name == schema.ClassPrincipal62 {
		c.Line = Line62
	}
	c.Principal.CompanyID = int64(p.Bits("_companyId"))
	c.Principal.Login, c.Principal.HasLogin = graph.Text(p.Ref("_login"))
	c.Principal.URL, _ = graph.Text(p.Ref("_url"))
	c.password, _ = p.Ref("_password").(*graph.String)
	return nil
}

// WrittenFor says whether an engine of that build can read the call: a class of the tunnel's own whose
// version another build is known by is not. A version that nobody recorded may be a later patch's.
func (c *Call) WrittenFor(build string) bool {
	for _, o := range []graph.Value{c.root, c.root.Ref("_key"), c.root.Ref("_value")} {
		own, ok := o.(*graph.Object)
		if ok && !schema.Classes().Fits(own.Class, build) {
			return false
		}
	}
	return true
}

// emptyText is how an empty string is written. It takes a handle as any other, so that later
// references stay right.
var emptyText = [3]byte{0x74, 0, 0}

// BlankedSize returns by how many bytes Blank shortens the body.
func (c *Call) BlankedSize() int64 {
	if c.password == nil {
		return 0
	}
	from, to := c.password.Span()
	return max(0, to-from-int64(len(emptyText))) // a call that was not read has no span
}

// Blank takes the stored password out of the principal. held begins with the first byte of the
// body; it is changed, and what is returned lies inside it.
func (c *Call) Blank(held []byte) []byte {
	cut := c.BlankedSize()
	if cut == 0 {
		return held
	}
	from, to := c.password.Span()
	copy(held[to-int64(len(emptyText)):to], emptyText[:])
	copy(held[cut:], held[:from])
	return held[cut:]
}
