package doctor

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

func ok(words string) Line { return Line{Mark: OK, Words: words} }

func note(words string) Line { return Line{Mark: Note, Words: words} }

func bad(words, cure string) Line { return Line{Mark: Bad, Words: words, Cure: cure} }

// in says where the cure belongs.
func (l Line) in(v portal.Value) Line {
	l.File, l.At = v.File, v.Line
	return l
}

// as gives a line the id of a finding, where a check has several.
func (l Line) as(id string) Line {
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

func (r *Report) add(id string, l Line) {
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
