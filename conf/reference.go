package conf

import (
	"strings"
)

// referenceHead opens the reference.
const referenceHead = `# Every setting of stagelock. What is commented out shows its default.
#
# Each can also be given by a variable: its path in capitals with _ between the parts, as in STAGELOCK_HOSTS_ALLOW or
# STAGELOCK_PEERS_0_SECRET_FILE; entries of a list with commas. Flags win over variables, variables over this file, this
# file over Liferay's own variables and files, and these over the defaults.
`

// Reference returns a YAML file that shows and explains every setting. It loads as it stands, but
// for the secret file that it names.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	reference(&b, schema, page{})
	return b.String()
}

// referenceWidth is where explanations wrap.
const referenceWidth = 110

// page is the place of a section in the reference.
type page struct {
	indent string
	first  string // stands in place of the indent before the first key
	off    bool   // the section is commented out as a whole
	sample string // key=value that the section shows
}

func reference(b *strings.Builder, kids []*setting, p page) {
	for i, s := range kids {
		if p.indent == "" {
			b.WriteString("\n")
		}
		explain(b, s, p.indent)
		lead := p.indent
		if i == 0 && p.first != "" {
			lead = p.first
		}
		switch {
		case s.leaf():
			example := s.tag.Get("example")
			if value, found := strings.CutPrefix(p.sample, s.name+"="); found {
				example = value
			}
			b.WriteString(lead + s.line(example, p.off) + "\n")
		case s.sections():
			b.WriteString(lead + s.name + ":\n")
			reference(b, s.kids, page{indent: p.indent + "    ", first: p.indent + "  - ", off: p.off})
		default:
			below := page{indent: p.indent + "  ", off: p.off || !s.spoken(), sample: s.tag.Get("example")}
			b.WriteString(lead + hash(below.off) + s.name + ":\n")
			reference(b, s.kids, below)
		}
	}
}

// spoken tells whether a section has a setting without which nothing works.
func (s *setting) spoken() bool {
	if s.tag.Get("example") != "" {
		return true
	}
	for _, kid := range s.kids {
		if kid.spoken() {
			return true
		}
	}
	return false
}

func hash(off bool) string {
	if off {
		return "#"
	}
	return ""
}

// line returns a setting with its example, or commented out with its default.
func (s *setting) line(example string, off bool) string {
	value := example
	if value == "" {
		value, off = strings.Join(s.defaults(), ", "), true
	}
	if s.many {
		value = "[" + quoteAll(value) + "]"
	} else if value == "" || s.name == "line" || s.name == "min_version" {
		value = `"` + value + `"` // YAML would read nothing, or a number
	}
	return hash(off) + s.name + ": " + value
}

func quoteAll(value string) string {
	if value == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(value, ", ", `", "`) + `"`
}

// explain writes what a setting is for and what it may be.
func explain(b *strings.Builder, s *setting, indent string) {
	text := s.tag.Get("doc")
	if choices := s.choices(); len(choices) > 0 {
		text += " One of " + strings.Join(choices, ", ") + "."
	}
	low, high := s.tag.Get("min"), s.tag.Get("max")
	switch {
	case low != "" && high != "":
		text += " From " + low + " to " + high + "."
	case low != "":
		text += " At least " + low + "."
	case high != "":
		text += " At most " + high + "."
	}
	if s.restart {
		text += " Read at start only."
	}
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0, column+1+len(word) > referenceWidth:
			if column > 0 {
				b.WriteString("\n")
			}
			b.WriteString(indent + "# " + word)
			column = len(indent) + 2 + len(word)
		default:
			b.WriteString(" " + word)
			column += 1 + len(word)
		}
	}
	b.WriteString("\n")
}
