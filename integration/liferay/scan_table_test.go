package liferay_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const remoteHead = `# The remote calls of the vendor's staging

Which calls a preset must let pass is found, not remembered. A program (` + "`make calls`" + `) reads the bytecode of
the vendor's jars, several builds a line, and prints every call that leaves a portal under an HttpPrincipal: the service, method
and types of the MethodKey that is sent, who sends it, in which jars, and from where that is reached.

` + "`make interop`" + ` holds the presets against it. It fails where a call is made that no preset has; where a preset
has a call that no jar has; where nothing that was read makes a call of a preset and no reason is given here; and where code that
was read hands an HttpPrincipal to code that was not, and no reason is given here.

A way ends where it leaves what the vendor wrote for staging, or where the portal runs a task or tells a listener.

`

// remoteCalls writes what was found, with the reasons.
func remoteCalls(t *testing.T, all scanned, without []uncalled) string {
	var b strings.Builder
	b.WriteString(remoteHead)
	section(&b, "What was read", table([]string{"line", "jars (classes)"}, jarsRead(all)))
	section(&b, "What could not be read", table([]string{"lines", "what"}, unreadRows()))
	head := []string{"line", "handed an HttpPrincipal", "by", "in", "why that is known"}
	section(&b, "Found by name only", table(head, namedRows(all)))
	section(&b, "Made and refused", cmp.Or(table([]string{"lines", "call", "why"}, refusedRows()), "None.\n"))
	section(&b, "In a preset, and made by nothing that was read", table([]string{"call", "lines", "why"}, uncalledRows(without)))
	for _, r := range releases {
		section(&b, "Calls of "+r.name, table([]string{"call", "made by", "in", "reached from"}, callRows(t, all, r.name)))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func section(b *strings.Builder, title, text string) { fmt.Fprintf(b, "## %s\n%s\n", title, text) }

func jarsRead(all scanned) []cells {
	var rows []cells
	for _, r := range releases {
		var jars []string
		for _, f := range all["read"] {
			if f.build == r.name {
				jars = append(jars, fmt.Sprintf("%s (%s)", f.jars, f.from))
			}
		}
		rows = append(rows, cells{r.name, strings.Join(jars, ", ")})
	}
	return rows
}

func unreadRows() []cells {
	var rows []cells
	for _, r := range unread {
		rows = append(rows, cells{strings.Join(r.lines, ", "), r.why})
	}
	return rows
}

func namedRows(all scanned) []cells {
	var rows []cells
	for _, f := range all["unread"] {
		name, _, _ := strings.Cut(f.call, "(")
		rows = append(rows, cells{f.build, f.call, f.by, f.jars, reasonFor(notRead, map[string]bool{}, f.line(), name)})
	}
	return rows
}

func refusedRows() []cells {
	var rows []cells
	for _, r := range madeButRefused {
		rows = append(rows, cells{strings.Join(r.lines, ", "), code(r.of...), r.why})
	}
	return rows
}

func code(names ...string) string { return "`" + strings.Join(names, "`, `") + "`" }

// uncalledRows joins the lines in which a call has no caller for the same reason.
func uncalledRows(without []uncalled) []cells {
	lines := map[[2]string][]string{}
	for _, u := range without {
		key := [2]string{u.call, u.why}
		lines[key] = append(lines[key], u.line)
	}
	var rows []cells
	for key, of := range lines {
		rows = append(rows, cells{code(key[0]), strings.Join(of, ", "), key[1]})
	}
	slices.SortFunc(rows, func(a, b cells) int {
		return cmp.Or(cmp.Compare(a[2], b[2]), cmp.Compare(a[0], b[0]))
	})
	return rows
}

func callRows(t *testing.T, all scanned, build string) []cells {
	var rows []cells
	for _, f := range all["call"] {
		if f.build != build {
			continue
		}
		call := code(brief(f.call))
		if !passes(t, f) {
			call += " (refused)"
		}
		rows = append(rows, cells{call, f.by, f.jars, f.from})
	}
	slices.SortStableFunc(rows, func(a, b cells) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	return rows
}
