package syncserver

import (
	"regexp"
	"strings"
	"sync"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// Dataset is rows of tables, as the engines exchange them. An empty Root is no data set at all.
type Dataset struct {
	Root string
	Rows []Row
}

// Row is one row of a table.
type Row struct {
	Table   string
	Columns []Column
}

// Column is one value. Preserve says that blanks count.
type Column struct {
	Name, Value string
	Preserve    bool
}

var (
	plain   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`) })
	escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)
	keep    = markup.Allowed(markup.XMLNS, "space", "preserve")
)

// lookup returns a column without regard to case.
func (r Row) lookup(name string) (string, bool) {
	for _, c := range r.Columns {
		if strings.EqualFold(c.Name, name) {
			return c.Value, true
		}
	}
	return "", false
}

func readDataset(text string, lim Limits) (Dataset, error) {
	root, err := markup.Parse(strings.NewReader(text), lim.markup(), nil)
	if err != nil {
		return Dataset{}, err
	}
	if err := named(root); err != nil {
		return Dataset{}, err
	}
	d := Dataset{Root: root.Local}
	if len(root.Attrs) > 0 || root.Leaf() {
		return Dataset{}, refusal.New(refusal.BadData, "a data set without rows, or with attributes")
	}
	for _, k := range root.Kids {
		row, err := readRow(k, lim)
		if err != nil {
			return Dataset{}, err
		}
		d.Rows = append(d.Rows, row)
	}
	return d, nil
}

func readRow(n *markup.Node, lim Limits) (Row, error) {
	if err := named(n); err != nil {
		return Row{}, err
	}
	if n.Leaf() || len(n.Attrs) > 0 {
		return Row{}, refusal.New(refusal.BadData, "a row of %s without columns, or with attributes", n.Local)
	}
	row, seen := Row{Table: n.Local}, map[string]bool{}
	for _, k := range n.Kids {
		if err := named(k); err != nil {
			return Row{}, err
		}
		if !k.Leaf() || k.Only(keep) != nil || seen[strings.ToLower(k.Local)] {
			return Row{}, refusal.New(refusal.BadData, "%s of %s stands twice or is more than text", k.Local, n.Local)
		}
		seen[strings.ToLower(k.Local)] = true
		if most := longest(row.Table, k.Local, lim); len(k.Text) > most {
			return Row{}, refusal.New(refusal.TooLarge, "%s of %s has more than %d bytes", k.Local, n.Local, most)
		}
		row.Columns = append(row.Columns, Column{k.Local, k.Text, len(k.Attrs) > 0})
	}
	return row, nil
}

func longest(table, column string, lim Limits) int {
	if strings.EqualFold(table, "BinaryData") && strings.EqualFold(column, "FileBinaryData") {
		return (lim.File + 2) / 3 * 4
	}
	return lim.Value
}

// named refuses names that are not plain. A namespace is one of a schema or a diffgram.
func named(n *markup.Node) error {
	if n.Space != "" || !plain().MatchString(n.Local) || escaped.MatchString(n.Local) {
		return refusal.New(refusal.BadData, "the element %s: a schema, a diffgram or no plain name", refusal.Brief(n.Local))
	}
	return nil
}

func (d Dataset) text() string {
	if d.Root == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<" + d.Root + ">")
	for _, r := range d.Rows {
		b.WriteString("<" + r.Table + ">")
		for _, c := range r.Columns {
			b.WriteString("<" + c.Name)
			if c.Preserve {
				b.WriteString(` xml:space="preserve"`)
			}
			b.WriteString(">" + markup.Escape(c.Value) + "</" + c.Name + ">")
		}
		b.WriteString("</" + r.Table + ">")
	}
	b.WriteString("</" + d.Root + ">")
	return b.String()
}
