// Package finding has what a check of a doctor found, and the report of them all.
package finding

import "github.com/stagelock/stagelock/gateway/doctor/portal"

// Mark says how a line is to be taken.
type Mark string

// The marks.
const (
	OK   Mark = "ok"
	Bad  Mark = "BAD" // it must be mended
	Note Mark = "--"  // to know; or a check that could not be made, and why
)

// Line is what one check found.
type Line struct {
	Mark  Mark   `json:"mark"`
	ID    string `json:"id"`
	Words string `json:"words"`
	Cure  string `json:"cure,omitempty"`
	File  string `json:"file,omitempty"` // where the cure belongs
	At    int    `json:"line,omitempty"`
}

// Well is a line of what is as it should be.
func Well(words string) Line { return Line{Mark: OK, Words: words} }

// Know is a line of what is to be known, and of a check that could not be made.
func Know(words string) Line { return Line{Mark: Note, Words: words} }

// Mend is a line of what is to be mended, and what cures it.
func Mend(words, cure string) Line { return Line{Mark: Bad, Words: words, Cure: cure} }

// In says where the cure belongs.
func (l Line) In(v portal.Value) Line {
	l.File, l.At = v.File, v.Line
	return l
}

// CuredBy says what would mend it.
func (l Line) CuredBy(cure string) Line {
	l.Cure = cure
	return l
}

// As gives a line the id of a finding, where a check has several.
func (l Line) As(id string) Line {
	l.ID = id
	return l
}

// Report is what a doctor found.
type Report struct {
	Lines       []Line `json:"checks"`
	ToMend      int    `json:"to_mend"`
	ToKnow      int    `json:"to_know"`
	Unreachable bool   `json:"unreachable,omitempty"` // the other end: most could not be looked at
}

// Add adds a line; the id is its own unless it has one.
func (r *Report) Add(id string, l Line) {
	if l.ID == "" {
		l.ID = id
	}
	switch l.Mark {
	case Bad:
		r.ToMend++
	case Note:
		r.ToKnow++
	}
	r.Lines = append(r.Lines, l)
}
