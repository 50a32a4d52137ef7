package blind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Seeds is what the seeds of a fuzz target are added to: a *testing.F, or the corpus of a blind test.
type Seeds interface {
	testing.TB
	// Add adds an input: strings, slices of bytes and single bytes, as many and in the order that the target takes them.
	Add(args ...any)
}

// longest is how many bytes an argument may have; no target looks at more.
const longest = 1 << 16

// header is the first line of an input that is kept.
const header = "go test fuzz v1"

// entry is an input.
type entry struct {
	kinds  string // a letter an argument: b for bytes, s for a string, 1 for one byte
	fields [][]byte
}

// corpus is what inputs are made of.
type corpus struct {
	testing.TB
	entries []entry
}

// Add implements Seeds. What is longer than any target reads is left out.
func (c *corpus) Add(args ...any) {
	c.Helper()
	var e entry
	for _, arg := range args {
		switch v := arg.(type) {
		case []byte:
			e = e.with('b', v)
		case string:
			e = e.with('s', []byte(v))
		case byte:
			e = e.with('1', []byte{v})
		default:
			c.Fatalf("a seed of type %T", arg)
		}
	}
	c.keep(e)
}

func (c *corpus) keep(e entry) {
	c.Helper()
	if len(c.entries) > 0 && c.entries[0].kinds != e.kinds {
		c.Fatalf("an input is %q, another %q", c.entries[0].kinds, e.kinds)
	}
	for _, f := range e.fields {
		if len(f) > longest {
			return
		}
	}
	c.entries = append(c.entries, e)
}

func (e entry) with(kind byte, field []byte) entry {
	return entry{kinds: e.kinds + string(kind), fields: append(e.fields, field)}
}

// read adds the inputs that are kept in a folder. It is no error that there is none.
func (c *corpus) read(dir string) error {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		e, err := parse(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, f.Name()), err)
		}
		c.keep(e)
	}
	return nil
}

// errForm is an input that is not in the form in which Go's engine keeps it.
var errForm = errors.New("no input of a fuzz target")

// types are those of arguments, by their letters.
var types = map[byte]string{'b': "[]byte", 's': "string", '1': "byte"}

// parse reads an input in the form in which Go's engine keeps it.
func parse(text string) (entry, error) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if lines[0] != header || len(lines) == 1 {
		return entry{}, errForm
	}
	var e entry
	for _, line := range lines[1:] {
		kind, field, ok := argument(line)
		if !ok {
			return entry{}, fmt.Errorf("%w: %s", errForm, line)
		}
		e = e.with(kind, field)
	}
	return e, nil
}

func argument(line string) (kind byte, field []byte, ok bool) {
	name, quoted, _ := strings.Cut(strings.TrimSuffix(line, ")"), "(")
	for kind, typ := range types {
		if typ != name {
			continue
		}
		if kind == '1' && len(quoted) > 2 {
			r, _, rest, err := strconv.UnquoteChar(quoted[1:len(quoted)-1], '\'')
			return kind, []byte{byte(r)}, err == nil && rest == "" && r < 256
		}
		s, err := strconv.Unquote(quoted)
		return kind, []byte(s), err == nil
	}
	return 0, nil, false
}

// format writes an input as Go's engine does.
func (e entry) format() string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i, f := range e.fields {
		if e.kinds[i] == '1' {
			fmt.Fprintf(&b, "byte(%q)\n", f[0])
			continue
		}
		fmt.Fprintf(&b, "%s(%q)\n", types[e.kinds[i]], f)
	}
	return b.String()
}
