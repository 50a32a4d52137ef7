package markup

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

const (
	// EncodingNS is the namespace of SOAP's encoding, of which arrays are.
	EncodingNS = "http://schemas.xmlsoap.org/soap/encoding/"
	// XMLNS is the namespace of xml:space.
	XMLNS     = "http://www.w3.org/XML/1998/namespace"
	maxAttrs  = 32
	maxName   = 256
	replacing = "\uFFFD" // also what a surrogate written as a number becomes
)

// Limits bound one document.
type Limits struct {
	Depth    int // elements in each other
	Elements int
}

// Attr is an attribute.
type Attr struct{ Space, Local, Value string }

// Allowed is an attribute for Only; with an empty value, any.
func Allowed(space, local, value string) Attr { return Attr{Space: space, Local: local, Value: value} }

// Node is an element: either its text or its children, never both.
type Node struct {
	Space, Local string
	Attrs        []Attr
	Text         string
	Kids         []*Node
	Item         string            // namespace of what a SOAP array holds
	bound        map[string]string // prefixes, until the element ends
}

// Is reports whether n has that name.
func (n *Node) Is(space, local string) bool { return n.Space == space && n.Local == local }

// Only returns the first attribute that is not allowed.
func (n *Node) Only(allowed ...Attr) error {
next:
	for _, a := range n.Attrs {
		for _, ok := range allowed {
			if a.Space == ok.Space && a.Local == ok.Local && (ok.Value == "" || ok.Value == a.Value) {
				continue next
			}
		}
		return refusal.New(refusal.BadEnvelope, "attribute %s of %s", refusal.Brief(a.Local), refusal.Brief(n.Local))
	}
	return nil
}

// Attr returns the value of an attribute.
func (n *Node) Attr(space, local string) (string, bool) {
	for _, a := range n.Attrs {
		if a.Space == space && a.Local == local {
			return a.Value, true
		}
	}
	return "", false
}

// Leaf reports whether n has no children.
func (n *Node) Leaf() bool { return len(n.Kids) == 0 }

// Capped fails behind Left bytes.
type Capped struct {
	R    io.Reader
	Left int64
}

var errTooLarge = errors.New("more bytes than allowed")

func (c *Capped) Read(p []byte) (int, error) {
	if c.Left <= 0 {
		if n, err := c.R.Read(p[:min(1, len(p))]); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	n, err := c.R.Read(p[:min(int64(len(p)), c.Left)])
	c.Left -= int64(n)
	return n, err
}

// source remembers with what reading failed.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// open is an element whose end was not yet read.
type open struct {
	*Node
	raw  xml.Name
	text strings.Builder
}

// document is the state of one parse.
type document struct {
	lim    Limits
	stack  []*open
	root   *Node
	count  int
	began  bool
	closed func(depth int, n *Node) error // called at the end of each element, if set
}

// Parse reads one whole document. No markup but elements, attributes and text is admitted.
func Parse(r io.Reader, lim Limits, closed func(depth int, n *Node) error) (*Node, error) {
	d := &document{lim: lim, closed: closed}
	src := &source{r: r}
	dec := xml.NewDecoder(src)
	dec.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		return nil, errors.New("an encoding other than UTF-8")
	}
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(src.err, errTooLarge) {
			return nil, refusal.Outside(413, refusal.TooLarge, "%v", src.err)
		}
		if err != nil && src.err != nil {
			return nil, src.err
		}
		if err != nil {
			return nil, refusal.New(refusal.Malformed, "%v", err)
		}
		if err := d.token(tok); err != nil {
			return nil, err
		}
		d.began = true
	}
	if d.root == nil || len(d.stack) > 0 {
		return nil, refusal.New(refusal.Malformed, "the document ends early")
	}
	return d.root, nil
}

func (d *document) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return d.start(t)
	case xml.EndElement:
		return d.end(t)
	case xml.CharData:
		return d.chars(string(t))
	case xml.ProcInst:
		return d.declaration(t)
	case xml.Comment:
		return refusal.New(refusal.Malformed, "a comment")
	}
	return refusal.New(refusal.Malformed, "a document type or another directive")
}

var declarations = map[string]bool{
	`version="1.0"`: true, `version="1.0" encoding="utf-8"`: true, `version="1.0" encoding="UTF-8"`: true,
}

func (d *document) declaration(t xml.ProcInst) error {
	if d.began || t.Target != "xml" || !declarations[string(t.Inst)] {
		return refusal.New(refusal.Malformed, "a processing instruction, or a declaration other than XML 1.0 in UTF-8")
	}
	return nil
}

func (d *document) chars(s string) error {
	if strings.Contains(s, replacing) {
		return refusal.New(refusal.Malformed, "the replacement character")
	}
	if len(d.stack) == 0 {
		if !Blank(s) {
			return refusal.New(refusal.Malformed, "text outside the document")
		}
		return nil
	}
	d.stack[len(d.stack)-1].text.WriteString(s)
	return nil
}

func (d *document) start(t xml.StartElement) error {
	d.count++
	if d.root != nil && len(d.stack) == 0 {
		return refusal.New(refusal.Malformed, "a second document")
	}
	if d.count > d.lim.Elements || len(d.stack) >= d.lim.Depth || len(t.Attr) > maxAttrs {
		return refusal.Outside(413, refusal.TooLarge, "too many elements or attributes, or too deep")
	}
	n := &Node{bound: map[string]string{"xml": XMLNS}}
	if len(d.stack) > 0 {
		n.bound = d.stack[len(d.stack)-1].bound
	}
	if err := n.bind(t.Attr); err != nil {
		return err
	}
	if err := n.name(t); err != nil {
		return err
	}
	if len(d.stack) > 0 {
		up := d.stack[len(d.stack)-1]
		up.Kids = append(up.Kids, n)
	} else {
		d.root = n
	}
	d.stack = append(d.stack, &open{Node: n, raw: t.Name})
	return nil
}

// declared returns the prefix that a declares, and whether it declares one; "" is the default.
func declared(a xml.Attr) (string, bool) {
	if a.Name.Space == "xmlns" {
		return a.Name.Local, true
	}
	return "", a.Name.Space == "" && a.Name.Local == "xmlns"
}

// bind takes the prefixes that an element declares. The map of the parent is never changed.
func (n *Node) bind(attrs []xml.Attr) error {
	seen := map[string]bool{}
	for _, a := range attrs {
		prefix, ok := declared(a)
		if !ok {
			continue
		}
		reserved := prefix == "xml" || prefix == "xmlns" || a.Value == XMLNS
		if seen[prefix] || reserved || (prefix != "" && a.Value == "") || len(a.Value) > 1024 {
			return refusal.New(refusal.Malformed, "the prefix %s is declared twice, empty or reserved", refusal.Brief(prefix))
		}
		if len(seen) == 0 {
			own := make(map[string]string, len(n.bound)+1)
			for k, v := range n.bound {
				own[k] = v
			}
			n.bound = own
		}
		seen[prefix] = true
		n.bound[prefix] = a.Value
	}
	if len(n.bound) > maxAttrs {
		return refusal.Outside(413, refusal.TooLarge, "too many prefixes")
	}
	return nil
}

// name resolves the name and the attributes of an element.
func (n *Node) name(t xml.StartElement) (err error) {
	if n.Space, err = n.resolve(t.Name, true); err != nil {
		return err
	}
	n.Local = t.Name.Local
	for _, a := range t.Attr {
		if _, ok := declared(a); ok {
			continue
		}
		space, err := n.resolve(a.Name, false)
		if err != nil {
			return err
		}
		if _, twice := n.Attr(space, a.Name.Local); twice || strings.Contains(a.Value, replacing) {
			return refusal.New(refusal.Malformed, "the attribute %s twice, or a character in it", refusal.Brief(a.Name.Local))
		}
		n.Attrs = append(n.Attrs, Attr{space, a.Name.Local, a.Value})
	}
	return nil
}

func (n *Node) resolve(name xml.Name, element bool) (string, error) {
	if strings.Contains(name.Local, ":") || len(name.Local) > maxName {
		return "", refusal.New(refusal.Malformed, "the name %s", refusal.Brief(name.Local))
	}
	if name.Space == "" && !element {
		return "", nil
	}
	space, ok := n.bound[name.Space]
	if !ok && name.Space != "" {
		return "", refusal.New(refusal.Malformed, "the prefix %s is not declared", refusal.Brief(name.Space))
	}
	return space, nil
}

func (d *document) end(t xml.EndElement) error {
	if len(d.stack) == 0 || d.stack[len(d.stack)-1].raw != t.Name {
		return refusal.New(refusal.Malformed, "the end of %s has no beginning", refusal.Brief(t.Name.Local))
	}
	o := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	o.Node.Text = o.text.String()
	if kind, ok := o.Attr(EncodingNS, "arrayType"); ok {
		prefix, _, _ := strings.Cut(kind, ":")
		o.Item = o.bound[prefix]
	}
	o.bound = nil // else a call of empty elements would hold a hundred times its size
	if !o.Leaf() {
		if !Blank(o.Node.Text) {
			return refusal.New(refusal.Malformed, "text beside the children of %s", refusal.Brief(o.Local))
		}
		o.Node.Text = ""
	}
	if d.closed == nil {
		return nil
	}
	return d.closed(len(d.stack), o.Node)
}

// Blank reports whether s has nothing but blanks.
func Blank(s string) bool { return strings.Trim(s, " \t\r\n") == "" }

var escaper = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#xD;")

// Escape writes s as text or the value of an attribute; what is read back is s.
func Escape(s string) string { return escaper.Replace(s) }
