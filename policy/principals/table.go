// Package principals says under which login of live the publishers of a peer act, where the users of
// the two sides do not have the same logins. It is pure.
package principals

import (
	"strings"

	"github.com/stagelock/stagelock/policy"
)

// arrow stands between the two logins of an entry.
const arrow = "->"

// Table maps logins. The nil Table leaves every login as it is.
type Table struct {
	exact    map[string]string
	patterns []pattern
}

// pattern maps what stands between two texts to the same between two others.
type pattern struct {
	before, behind string // of the login that comes
	to             string // with one star, or none
}

// New returns the table of entries such as "anna@staging -> anna@live" and "*@staging -> *@live": a
// star is one or more characters, the same on both sides. The first entry with a login exactly wins,
// then the first pattern. Check tells what is no entry; it maps nothing.
func New(entries []string) *Table {
	t := &Table{exact: map[string]string{}}
	for _, e := range entries {
		from, to, ok := split(e)
		if !ok || Check(e) != nil {
			continue
		}
		before, behind, star := strings.Cut(from, "*")
		if star {
			t.patterns = append(t.patterns, pattern{before, behind, to})
			continue
		}
		if _, twice := t.exact[from]; !twice {
			t.exact[from] = to
		}
	}
	return t
}

func split(entry string) (from, to string, ok bool) {
	from, to, ok = strings.Cut(entry, arrow)
	return strings.TrimSpace(from), strings.TrimSpace(to), ok
}

// Check returns what is wrong with an entry, or nil.
func Check(entry string) *policy.Finding {
	from, to, ok := split(entry)
	msg := ""
	switch {
	case !ok || from == "" || to == "":
		msg = "does not say which login becomes which"
	case strings.Contains(to, arrow):
		msg = "has two arrows"
	case strings.Count(from, "*") > 1 || strings.Count(to, "*") > 1:
		msg = "has two stars on one side"
	case strings.Contains(to, "*") && !strings.Contains(from, "*"):
		msg = "has a star on its right side only"
	case strings.ContainsFunc(from+to, func(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }):
		msg = "has a character that no login has"
	default:
		return nil
	}
	return &policy.Finding{Msg: msg,
		Cure: "write the login that comes, an arrow, and the login on live: anna@staging.example.com -> anna@example.com"}
}

// Login returns the login that live is called under for one that came.
func (t *Table) Login(came string) string {
	if t == nil {
		return came
	}
	if to, ok := t.exact[came]; ok {
		return to
	}
	for _, p := range t.patterns {
		star, ok := strings.CutPrefix(came, p.before)
		if ok {
			star, ok = strings.CutSuffix(star, p.behind)
		}
		if ok && star != "" {
			return strings.Replace(p.to, "*", star, 1)
		}
	}
	return came
}
