// Package origin is where a value comes from, and how what is wrong with it is told: at which line of which
// file, in the environment, on the command line.
package origin

import "strconv"

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

// Origins knows where the values of one decoded struct come from. The zero Origins knows nothing.
type Origins struct {
	places map[string]Origin
	top    Origin // the file itself, for what is missing altogether
}

// New returns Origins of what stands in a file; top is the file itself.
func New(top Origin) Origins { return Origins{places: map[string]Origin{}, top: top} }

// At returns where the value at path comes from, and nothing of what is around it.
func (o Origins) At(path string) Origin { return o.places[path] }

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
