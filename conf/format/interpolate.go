package format

import (
	"errors"
	"strings"
)

// What the portal does not start with.
var (
	errCircle  = errors.New("refers to itself")
	errNothing = errors.New("has a ${} without a name in it")
)

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
	Err        error    // the portal does not start; it says why in words that follow the key
}

// Expand returns s with its references put in.
func (r Resolver) Expand(s string) Expansion {
	var e Expansion
	e.Text = r.replace(s, nil, &e)
	return e
}

func (r Resolver) replace(s string, within []string, e *Expansion) string {
	var out []byte
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		out, s = append(out, s[:i]...), s[i:]
		if len(out) > 0 && out[len(out)-1] == '$' { // $${ is an escape, the first $ of a reference too
			out, s = append(out[:len(out)-1], "${"...), s[2:]
			continue
		}
		end := strings.IndexByte(s, '}')
		if end < 0 {
			break
		}
		out, s = append(out, r.value(s[2:end], within, e)...), s[end+1:]
		if len(out) > maxText {
			e.Err = errCircle
			return ""
		}
	}
	return string(out) + s
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
	switch {
	case !found && name == "":
		e.Err = errNothing
		return ""
	case !found:
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
