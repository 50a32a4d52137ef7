package manifest

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

// errBudget ends a token that is longer than allowed while it is read, not after.
var errBudget = errors.New("token is too long")

// budget hands out bytes one at a time, so that the decoder reads no further than its token.
type budget struct {
	r    *bufio.Reader
	left int
}

func (b *budget) ReadByte() (byte, error) {
	if b.left == 0 {
		return 0, errBudget
	}
	b.left--
	return b.r.ReadByte()
}

// Read exists because the decoder asks for a Reader; it reads a ByteReader by bytes.
func (b *budget) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// attributes of one element by name.
type attributes map[string]string

// byteOrderMark stands in front of what some editors on Windows save. The portal reads the manifest
// as characters, in which the mark is one too many.
const byteOrderMark = "\ufeff"

// elements reads the start tags of a document one after the other and refuses whatever no exporter
// writes: directives, instructions, other encodings, depth, breadth and length without end.
type elements struct {
	dec   *xml.Decoder
	src   *budget
	lim   archive.Limits
	path  []string // names of the open elements
	begun bool     // the root element was seen
	first bool     // nothing was read yet
}

// declaration is what may stand in one: encoding/xml looks for two words in it and takes anything else too, other readers do not.
var declaration = regexp.MustCompile(`^version\s*=\s*("1\.0"|'1\.0')` +
	`(\s+encoding\s*=\s*("[uU][tT][fF]-8"|'[uU][tT][fF]-8'))?(\s+standalone\s*=\s*("yes"|"no"|'yes'|'no'))?\s*$`)

func newElements(r io.Reader, lim archive.Limits) *elements {
	src := &budget{r: bufio.NewReader(r)}
	return &elements{dec: xml.NewDecoder(src), src: src, lim: lim, first: true}
}

// next returns the next start tag; path then names it and its ancestors. It returns io.EOF after a
// whole document.
func (e *elements) next() (attributes, error) {
	for {
		e.src.left = e.lim.Token
		offset := e.dec.InputOffset()
		token, err := e.dec.Token()
		if err != nil {
			return nil, e.failed(err, offset)
		}
		attrs, ref := e.step(token)
		e.first = false
		if ref != nil {
			ref.Offset = -1
			return nil, ref
		}
		if attrs != nil {
			return attrs, nil
		}
	}
}

func (e *elements) step(token xml.Token) (attributes, *refusal.Refusal) {
	switch t := token.(type) {
	case xml.StartElement:
		return e.open(t)
	case xml.EndElement:
		e.path = e.path[:len(e.path)-1]
	case xml.CharData:
		switch {
		case len(e.path) > 0 || strings.TrimSpace(string(t)) == "":
		case e.first && strings.HasPrefix(string(t), byteOrderMark):
			return nil, refusal.New(refusal.CodeXML, "document begins with a byte order mark, which the portal does not read").
				Heal("save it as UTF-8 without the mark (BOM), as other editors do, and pack it again")
		default:
			return nil, refusal.New(refusal.CodeXML, "text outside the root element")
		}
	case xml.Directive:
		return nil, refusal.New(refusal.CodeXML, "document has a directive")
	case xml.ProcInst:
		if t.Target != "xml" || !e.first {
			return nil, refusal.New(refusal.CodeXML, "document has a processing instruction")
		}
		if !declaration.Match(t.Inst) {
			return nil, refusal.New(refusal.CodeXML, "document has a declaration that is none of XML 1.0 in UTF-8")
		}
	}
	return nil, nil
}

func (e *elements) open(t xml.StartElement) (attributes, *refusal.Refusal) {
	if len(e.path) == 0 && e.begun {
		return nil, refusal.New(refusal.CodeXML, "document has two root elements")
	}
	e.begun = true
	if len(e.path) >= e.lim.Depth {
		return nil, refusal.New(refusal.CodeXMLLimit, "elements are nested more than %d deep", e.lim.Depth)
	}
	if len(t.Attr) > e.lim.Attrs {
		return nil, refusal.New(refusal.CodeXMLLimit, "element has %d attributes, more than %d",
			len(t.Attr), e.lim.Attrs)
	}
	if t.Name.Space != "" {
		return nil, spaced()
	}
	e.path = append(e.path, t.Name.Local)
	attrs := make(attributes, len(t.Attr))
	for _, a := range t.Attr {
		if a.Name.Space != "" || a.Name.Local == "xmlns" {
			return nil, spaced()
		}
		if _, twice := attrs[a.Name.Local]; twice {
			return nil, refusal.New(refusal.CodeXML, "element has an attribute twice")
		}
		attrs[a.Name.Local] = a.Value
	}
	return attrs, nil
}

// spaced refuses name spaces: the portal looks for names whatever their space, so that x:portlet is an
// application to it.
func spaced() *refusal.Refusal {
	return refusal.New(refusal.CodeXML, "document uses name spaces, which no exporter does")
}

// failed tells what is wrong with the document from what is wrong with reading it.
func (e *elements) failed(err error, offset int64) error {
	var syntax *xml.SyntaxError
	var ref *refusal.Refusal
	switch {
	case errors.Is(err, errBudget):
		return refusal.New(refusal.CodeXMLLimit, "token at %d is longer than %d bytes", offset, e.lim.Token)
	case errors.As(err, &ref):
		return err
	case errors.As(err, &syntax):
		return &refusal.Refusal{Code: refusal.CodeXML, Index: -1, Offset: -1, Msg: "parse", Err: err}
	case errors.Is(err, io.EOF) && e.begun:
		return io.EOF
	case errors.Is(err, io.EOF):
		return refusal.New(refusal.CodeXML, "document has no root element")
	case strings.HasPrefix(err.Error(), "xml: "): // other encodings and versions have no type of their own
		return &refusal.Refusal{Code: refusal.CodeXML, Index: -1, Offset: -1, Msg: "parse", Err: err}
	}
	return err
}
