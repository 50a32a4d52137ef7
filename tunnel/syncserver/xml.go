package syncserver

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	xmlNS     = "http://www.w3.org/XML/1998/namespace"
	maxAttrs  = 32
	maxName   = 256
	replacing = "\uFFFD" // also what a surrogate written as a number becomes
)

// Limits bound what is read of one call.
type Limits struct {
	Bytes    int64 // the whole request
	Head     int64 // of it, what may stand before the end of the SOAP header
	Depth    int   // elements in each other, in each of the three layers
	Elements int   // in each layer
	Value    int   // bytes of one column that is not the content of a file
	File     int   // bytes of a file, decoded
}

// DefaultLimits are those of the profile: 40 MB a call, of which the engine takes 30,000,000 bytes.
func DefaultLimits() Limits {
	return Limits{
		Bytes: 40_000_000, Head: 64 << 10, Depth: 16, Elements: 200_000, Value: 4 << 20, File: 20 << 20,
	}
}

type attr struct{ space, local, value string }

// node is an element: either its text or its children, never both.
type node struct {
	space, local string
	attrs        []attr
	text         string
	kids         []*node
	bound        map[string]string // prefixes, until the element ends
	item         string            // namespace of what a SOAP array holds
}

func (n *node) is(space, local string) bool { return n.space == space && n.local == local }

// only returns the first attribute that is not allowed.
func (n *node) only(allowed ...attr) error {
next:
	for _, a := range n.attrs {
		for _, ok := range allowed {
			if a.space == ok.space && a.local == ok.local && (ok.value == "" || ok.value == a.value) {
				continue next
			}
		}
		return refuse(BadEnvelope, "attribute %s of %s", brief(a.local), brief(n.local))
	}
	return nil
}

func (n *node) attr(space, local string) (string, bool) {
	for _, a := range n.attrs {
		if a.space == space && a.local == local {
			return a.value, true
		}
	}
	return "", false
}

// leaf reports whether n has no children.
func (n *node) leaf() bool { return len(n.kids) == 0 }

// capped fails with errTooLarge behind left bytes.
type capped struct {
	r    io.Reader
	left int64
}

var errTooLarge = errors.New("more bytes than allowed")

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		if n, err := c.r.Read(p[:min(1, len(p))]); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// open is an element whose end was not yet read.
type open struct {
	*node
	raw  xml.Name
	text strings.Builder
}

// document is the state of one parse.
type document struct {
	lim    Limits
	stack  []*open
	root   *node
	count  int
	began  bool
	closed func(depth int, n *node) error // called at the end of each element, if set
}

// parse reads one whole document. No markup but elements, attributes and text is admitted.
func parse(r io.Reader, lim Limits, closed func(depth int, n *node) error) (*node, error) {
	d := &document{lim: lim, closed: closed}
	dec := xml.NewDecoder(r)
	dec.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		return nil, errors.New("an encoding other than UTF-8")
	}
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, errTooLarge) {
			return nil, outside(413, TooLarge, "%v", err)
		}
		if err != nil {
			return nil, refuse(Malformed, "%v", err)
		}
		if err := d.token(tok); err != nil {
			return nil, err
		}
		d.began = true
	}
	if d.root == nil || len(d.stack) > 0 {
		return nil, refuse(Malformed, "the document ends early")
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
		return refuse(Malformed, "a comment")
	}
	return refuse(Malformed, "a document type or another directive")
}

var declarations = map[string]bool{
	`version="1.0"`: true, `version="1.0" encoding="utf-8"`: true, `version="1.0" encoding="UTF-8"`: true,
}

func (d *document) declaration(t xml.ProcInst) error {
	if d.began || t.Target != "xml" || !declarations[string(t.Inst)] {
		return refuse(Malformed, "a processing instruction, or a declaration other than XML 1.0 in UTF-8")
	}
	return nil
}

func (d *document) chars(s string) error {
	if strings.Contains(s, replacing) {
		return refuse(Malformed, "the replacement character")
	}
	if len(d.stack) == 0 {
		if !blank(s) {
			return refuse(Malformed, "text outside the document")
		}
		return nil
	}
	d.stack[len(d.stack)-1].text.WriteString(s)
	return nil
}

func (d *document) start(t xml.StartElement) error {
	d.count++
	if d.root != nil && len(d.stack) == 0 {
		return refuse(Malformed, "a second document")
	}
	if d.count > d.lim.Elements || len(d.stack) >= d.lim.Depth || len(t.Attr) > maxAttrs {
		return outside(413, TooLarge, "too many elements or attributes, or too deep")
	}
	n := &node{bound: map[string]string{"xml": xmlNS}}
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
		up.kids = append(up.kids, n)
	} else {
		d.root = n
	}
	d.stack = append(d.stack, &open{node: n, raw: t.Name})
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
func (n *node) bind(attrs []xml.Attr) error {
	seen := map[string]bool{}
	for _, a := range attrs {
		prefix, ok := declared(a)
		if !ok {
			continue
		}
		reserved := prefix == "xml" || prefix == "xmlns" || a.Value == xmlNS
		if seen[prefix] || reserved || (prefix != "" && a.Value == "") || len(a.Value) > 1024 {
			return refuse(Malformed, "the prefix %s is declared twice, empty or reserved", brief(prefix))
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
		return outside(413, TooLarge, "too many prefixes")
	}
	return nil
}

// name resolves the name and the attributes of an element.
func (n *node) name(t xml.StartElement) (err error) {
	if n.space, err = n.resolve(t.Name, true); err != nil {
		return err
	}
	n.local = t.Name.Local
	for _, a := range t.Attr {
		if _, ok := declared(a); ok {
			continue
		}
		space, err := n.resolve(a.Name, false)
		if err != nil {
			return err
		}
		if _, twice := n.attr(space, a.Name.Local); twice || strings.Contains(a.Value, replacing) {
			return refuse(Malformed, "the attribute %s twice, or a character in it", brief(a.Name.Local))
		}
		n.attrs = append(n.attrs, attr{space, a.Name.Local, a.Value})
	}
	return nil
}

func (n *node) resolve(name xml.Name, element bool) (string, error) {
	if strings.Contains(name.Local, ":") || len(name.Local) > maxName {
		return "", refuse(Malformed, "the name %s", brief(name.Local))
	}
	if name.Space == "" && !element {
		return "", nil
	}
	space, ok := n.bound[name.Space]
	if !ok && name.Space != "" {
		return "", refuse(Malformed, "the prefix %s is not declared", brief(name.Space))
	}
	return space, nil
}

func (d *document) end(t xml.EndElement) error {
	if len(d.stack) == 0 || d.stack[len(d.stack)-1].raw != t.Name {
		return refuse(Malformed, "the end of %s has no beginning", brief(t.Name.Local))
	}
	o := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	o.node.text = o.text.String()
	if kind, ok := o.attr(encNS, "arrayType"); ok {
		prefix, _, _ := strings.Cut(kind, ":")
		o.item = o.bound[prefix]
	}
	o.bound = nil // else a call of empty elements would hold a hundred times its size
	if !o.leaf() {
		if !blank(o.node.text) {
			return refuse(Malformed, "text beside the children of %s", brief(o.local))
		}
		o.node.text = ""
	}
	if d.closed == nil {
		return nil
	}
	return d.closed(len(d.stack), o.node)
}

func blank(s string) bool { return strings.Trim(s, " \t\r\n") == "" }

var escaper = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#xD;")

// escape writes s as text or the value of an attribute; what is read back is s.
func escape(s string) string { return escaper.Replace(s) }
