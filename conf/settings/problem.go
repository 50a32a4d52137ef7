package settings

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Source is the kind of place that a value comes from; a later one wins over an earlier one.
type Source int

// The places that values come from, in rising precedence.
const (
	Default    Source = iota
	VendorFile        // of the product that the settings are about
	VendorEnv
	File
	Env
	Flag
)

// Origin is where a value comes from.
type Origin struct {
	Source Source
	Name   string // the file, the environment variable or the flag
	Line   int    // in a file; 0 if none is known
}

// String returns file:line, env NAME, flag name or default.
func (o Origin) String() string {
	switch o.Source {
	case Default:
		return "default"
	case Env, VendorEnv:
		return "env " + o.Name
	case Flag:
		return "flag " + o.Name
	}
	if o.Line == 0 {
		return o.Name
	}
	return o.Name + ":" + strconv.Itoa(o.Line)
}

// Problem is one thing that is wrong with what the operator wrote, and what to do about it.
type Problem struct {
	File    string // a file, or "env NAME", "flag name", "default"
	Line    int
	Path    string // such as hosts.allow[3]
	Msg     string // what is wrong: reads on after the path
	Cure    string
	Warning bool // what is configured can be used all the same
}

// String returns file:line: path: message (cure); a part that is unknown is left out.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Msg)
	if p.Cure != "" {
		b.WriteString(" (" + p.Cure + ")")
	}
	return b.String()
}

// At returns a Problem that stands where o says.
func At(o Origin, path, msg, cure string) Problem {
	switch o.Source {
	case File, VendorFile:
		return Problem{File: o.Name, Line: o.Line, Path: path, Msg: msg, Cure: cure}
	case Default:
		return Problem{Path: path, Msg: msg, Cure: cure}
	}
	return Problem{File: o.String(), Path: path, Msg: msg, Cure: cure}
}

// AsWarning returns the problem as one that can be lived with.
func (p Problem) AsWarning() Problem {
	p.Warning = true
	return p
}

// Fatal reports whether ps holds a Problem that is more than a warning.
func Fatal(ps []Problem) bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning })
}

// Sort orders problems as a reader goes through the files: by file and line, warnings last, then by
// path.
func Sort(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), rank(a)-rank(b), cmp.Compare(a.Path, b.Path))
	})
}

func rank(p Problem) int {
	if p.Warning {
		return 1
	}
	return 0
}

// Origins knows where the values of one decoded struct come from. The zero Origins knows nothing.
type Origins struct {
	places map[string]Origin
	top    Origin // the file itself, for what is missing altogether
}

// Set records where the value at path comes from.
func (o Origins) Set(path string, from Origin) { o.places[path] = from }

// Of returns where the value at path comes from. For a path without a place of its own it is the
// place of the nearest thing around it: of the list for an entry, of the section for a key that is
// missing.
func (o Origins) Of(path string) Origin {
	for path != "" {
		if from, found := o.places[path]; found {
			return from
		}
		path = Parent(path)
	}
	return o.top
}

// Problem returns a Problem at the place where the value at path comes from.
func (o Origins) Problem(path, msg, cure string) Problem {
	from := o.Of(path)
	for up := path; from.Source == Default && up != ""; {
		up = Parent(up) // nobody wrote a default: point at the section that lacks it
		if from = o.places[up]; up == "" {
			from = o.top
		}
	}
	return At(from, path, msg, cure)
}

// Parent cuts the last key or index off a path.
func Parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
