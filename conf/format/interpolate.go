package format

import (
	"errors"
	"strings"
)

// errCircle is of a reference that cannot be resolved.
var errCircle = errors.New("refers to itself")

// maxDepth bounds how deep values refer to each other.
const maxDepth = 64

// Resolver puts in what ${name} stands for, as the portal's reader does: ${env:NAME} and
// ${sys:name}, the properties of the files, and the JVM's. What nothing resolves stays as it is;
// $${ is an escaped ${.
type Resolver struct {
	Property func(name string) (string, bool)
	JVM      func(name string) (string, bool)
	Env      func(name string) (string, bool)
}

// Expansion is a text with its references put in.
type Expansion struct {
	Text       string
	Names      []string // that were referred to
	Unresolved []string // of these, the ones that nothing resolves
	Err        error    // errCircle: the portal does not start
}

// Expand returns s with its references put in.
func (r Resolver) Expand(s string) Expansion {
	var e Expansion
	e.Text = r.replace(s, nil, &e)
	return e
}

func (r Resolver) replace(s string, within []string, e *Expansion) string {
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
			e.Err = errCircle
			return ""
		}
	}
	return b.String() + s
}

// maxText bounds what references can blow a value up to.
const maxText = 1 << 20

func (r Resolver) value(name string, within []string, e *Expansion) string {
	e.Names = append(e.Names, name)
	for _, w := range within {
		if w == name {
			e.Err = errCircle
			return ""
		}
	}
	value, found := r.lookup(name)
	if !found {
		e.Unresolved = append(e.Unresolved, name)
		return "${" + name + "}"
	}
	if len(within) == maxDepth || len(e.Names) > 1<<12 {
		e.Err = errCircle
		return ""
	}
	return r.replace(value, append(within[:len(within):len(within)], name), e)
}

func (r Resolver) lookup(name string) (string, bool) {
	if n, ok := strings.CutPrefix(name, "env:"); ok {
		return r.Env(n)
	}
	if n, ok := strings.CutPrefix(name, "sys:"); ok {
		return r.JVM(n)
	}
	if r.Property != nil {
		if v, found := r.Property(name); found {
			return v, true
		}
	}
	return r.JVM(name)
}
