package liferay_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestInterop runs every line, one after another, and prints what was seen of it.
func TestInterop(t *testing.T) {
	needJVM(t)
	var rows []*row
	for _, r := range selected(releases) {
		t.Run(r.name, func(t *testing.T) {
			s := newStage(t, r)
			sum := &row{line: r.name}
			rows = append(rows, sum)
			for _, part := range parts {
				t.Run(part.name, func(t *testing.T) {
					s.in(t)
					part.run(t, s, sum)
				})
			}
		})
	}
	more := furtherBuilds(t)
	show("Line by line", table(rowHead, rows))
	show("Line by line, more", moreTable(rows))
	for _, part := range []struct{ title, file, text string }{
		{"Hostile calls", "hostile.md", hostileTable(rows)},
		{"Failures", "failures.md", failureTable(rows)},
		{"Flows", "flows.md", flowTable(append(rows, more...))},
	} {
		if part.text == "" {
			continue
		}
		show(part.title, part.text)
		if len(rows)+len(more) == len(releases)+len(further) {
			golden(t, part.file, part.text)
		}
	}
}

// furtherBuilds drives the flows with one more build of each line.
func furtherBuilds(t *testing.T) []*row {
	var rows []*row
	for _, r := range selected(further) {
		t.Run(r.name, func(t *testing.T) {
			build(t, r.name)
			s, sum := &stage{release: r}, &row{line: r.name}
			s.server, s.address = serve(t, r, secrets[0])
			flows(t, s, sum)
			rows = append(rows, sum)
		})
	}
	return rows
}

// parts are what is done with each line, in order.
var parts = []struct {
	name string
	run  func(*testing.T, *stage, *row)
}{
	{"publish", publishes}, {"flows", flows}, {"exceptions", exceptions}, {"login", logins}, {"display URL", displayURL},
	{"hostile", hostile}, {"failures", fails}, {"repeats", repeats}, {"generate", generate}, {"command", command},
	{"engine", toEngine}, {"read", reads}, {"ciphers", ciphers},
}

// row is what was seen of one line.
type row struct {
	line                       string
	made, arrived, equal       int
	results, sameResults       int
	exceptions, sameExceptions int
	turned                     int
	hidden, md5                string
	ciphers, login, display    string
	repeats, command, read     string
	generated                  *generated
	flows                      []*flowRow
	straight, through          map[string]string // what came of each attack
	thrown                     map[string]string // by each failure
}

var rowHead = []string{
	"line", "calls made", "arrived, arguments equal (events excepted)", "results equal", "exceptions equal", "exception data hidden",
	"25 MiB in three parts", "ciphers, hex and ASCII", "login `a+b%41`",
}

func (r *row) cells() []string {
	exceptions := fmt.Sprintf("%d of %d", r.sameExceptions, r.exceptions)
	if r.turned > 0 {
		exceptions += fmt.Sprintf(", %d more as PortalException", r.turned)
	}
	return []string{
		r.line, fmt.Sprint(r.made), fmt.Sprintf("%d, %d", r.arrived, r.equal), fmt.Sprintf("%d of %d", r.sameResults, r.results),
		exceptions, r.hidden, r.md5, r.ciphers, r.login,
	}
}

var moreHead = []string{
	"line", "random argument sets", "connections cut", "display URL", "`stagelock publish`", "streams of ours that the line's classes read",
}

// moreTable has what does not fit into the first table.
func moreTable(rows []*row) string {
	var lines []cells
	for _, r := range rows {
		lines = append(lines, cells{r.line, r.generated.words(), r.repeats, r.display, r.command, r.read})
	}
	return table(moreHead, lines)
}

// celled is a line of a table.
type celled interface{ cells() []string }

// table writes Markdown; without rows it is empty.
func table[T celled](head []string, rows []T) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", "\\|") + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		line(r.cells())
	}
	return b.String()
}

// show prints a table where it can be read and copied.
func show(title, text string) {
	fmt.Fprintf(os.Stdout, "\n## %s\n\n%s\n", title, text)
}
