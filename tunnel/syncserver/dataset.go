package syncserver

import (
	"regexp"
	"strings"
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
	plain   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	escaped = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)
	keep    = attr{xmlNS, "space", "preserve"}
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
	root, err := parse(strings.NewReader(text), lim, nil)
	if err != nil {
		return Dataset{}, err
	}
	if err := named(root); err != nil {
		return Dataset{}, err
	}
	d := Dataset{Root: root.local}
	if len(root.attrs) > 0 || root.leaf() {
		return Dataset{}, refuse(BadData, "a data set without rows, or with attributes")
	}
	for _, k := range root.kids {
		row, err := readRow(k, lim)
		if err != nil {
			return Dataset{}, err
		}
		d.Rows = append(d.Rows, row)
	}
	return d, nil
}

func readRow(n *node, lim Limits) (Row, error) {
	if err := named(n); err != nil {
		return Row{}, err
	}
	if n.leaf() || len(n.attrs) > 0 {
		return Row{}, refuse(BadData, "a row of %s without columns, or with attributes", n.local)
	}
	row, seen := Row{Table: n.local}, map[string]bool{}
	for _, k := range n.kids {
		if err := named(k); err != nil {
			return Row{}, err
		}
		if !k.leaf() || k.only(keep) != nil || seen[strings.ToLower(k.local)] {
			return Row{}, refuse(BadData, "%s of %s stands twice or is more than text", k.local, n.local)
		}
		seen[strings.ToLower(k.local)] = true
		if most := longest(row.Table, k.local, lim); len(k.text) > most {
			return Row{}, refuse(TooLarge, "%s of %s has more than %d bytes", k.local, n.local, most)
		}
		row.Columns = append(row.Columns, Column{k.local, k.text, len(k.attrs) > 0})
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
func named(n *node) error {
	if n.space != "" || !plain.MatchString(n.local) || escaped.MatchString(n.local) {
		return refuse(BadData, "the element %s: a schema, a diffgram or no plain name", brief(n.local))
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
			b.WriteString(">" + escape(c.Value) + "</" + c.Name + ">")
		}
		b.WriteString("</" + r.Table + ">")
	}
	b.WriteString("</" + d.Root + ">")
	return b.String()
}
