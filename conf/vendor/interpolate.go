package vendor

import (
	"errors"
	"strings"
)

// errCircle is of a reference that cannot be resolved.
var errCircle = errors.New("refers to itself")

// maxDepth bounds how deep values refer to each other.
const maxDepth = 64

// resolver puts in what ${name} stands for, as the portal's reader does: ${env:NAME} and
// ${sys:name}, the properties of the files, and the JVM's. What nothing resolves stays as it is;
// $${ is an escaped ${.
type resolver struct {
	property func(name string) (string, bool)
	jvm      func(name string) (string, bool)
	env      func(name string) (string, bool)
}

// expansion is a text with its references put in.
type expansion struct {
	text  string
	names []string // that were referred to
	open  []string // of these, the ones that nothing resolves
	err   error    // errCircle: the portal does not start
}

func (r resolver) expand(s string) expansion {
	var e expansion
	e.text = r.replace(s, nil, &e)
	return e
}

func (r resolver) replace(s string, within []string, e *expansion) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		if i > 0 && s[i-1] == '$' { // $${ is an escape
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			break
		}
		name := s[i+2 : i+end]
		b.WriteString(s[:i] + r.value(name, within, e))
		s = s[i+end+1:]
		if b.Len() > maxText {
			e.err = errCircle
			return ""
		}
	}
	return b.String() + s
}

// maxText bounds what references can blow a value up to.
const maxText = 1 << 20

func (r resolver) value(name string, within []string, e *expansion) string {
	e.names = append(e.names, name)
	for _, w := range within {
		if w == name {
			e.err = errCircle
			return ""
		}
	}
	value, found := r.lookup(name)
	if !found {
		e.open = append(e.open, name)
		return "${" + name + "}"
	}
	if len(within) == maxDepth || len(e.names) > 1<<12 {
		e.err = errCircle
		return ""
	}
	return r.replace(value, append(within[:len(within):len(within)], name), e)
}

func (r resolver) lookup(name string) (string, bool) {
	if n, ok := strings.CutPrefix(name, "env:"); ok {
		return r.env(n)
	}
	if n, ok := strings.CutPrefix(name, "sys:"); ok {
		return r.jvm(n)
	}
	if r.property != nil {
		if v, found := r.property(name); found {
			return v, true
		}
	}
	return r.jvm(name)
}
