package origin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

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
