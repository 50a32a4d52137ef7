package replica_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	stdsync "sync"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// engine is a Source in memory: a journal, and what each object is now.
type engine struct {
	mu      stdsync.Mutex // guards what follows
	journal []source.Row
	text    map[sync.Object]string // of those that are there
	last    map[sync.Object]int64

	before      func(o sync.Object) // called before an Apply is judged: somebody edits in that very moment
	careless    bool                // Apply does not compare: a control
	overwritten int                 // edits of people that an Apply wrote over without having been told
	parents     bool                // an object a/b needs a
	sayings     []saying            // what people wrote
	down        bool
	fails       error    // of an Apply
	late        []func() // each an Apply that is carried out later
	batches     int
	cut         bool // an Apply does not return, and is carried out later
}

type saying struct {
	object sync.Object
	text   string
	seq    int64
}

func newEngine() *engine {
	return &engine{text: map[sync.Object]string{}, last: map[sync.Object]int64{}}
}

// edit is a person's: an empty text deletes.
func (e *engine) edit(o sync.Object, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, there := e.text[o]; text == "" && !there {
		return
	}
	e.write(o, text, "")
	e.sayings = append(e.sayings, saying{o, text, e.last[o]})
}

func (e *engine) write(o sync.Object, text, tag string) int64 {
	seq := int64(len(e.journal) + 1)
	e.journal = append(e.journal, source.Row{Seq: seq, Object: o, Tag: tag, Deleted: text == "", Author: "somebody"})
	e.last[o] = seq
	if e.text[o] = text; text == "" {
		delete(e.text, o)
	}
	return seq
}

func (e *engine) Changes(_ context.Context, after int64, limit int) ([]source.Row, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return nil, io.ErrUnexpectedEOF
	}
	rows := e.journal[min(after, int64(len(e.journal))):]
	return append([]source.Row(nil), rows[:min(limit, len(rows))]...), nil
}

func (e *engine) Content(_ context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text, there := e.text[o]
	f := source.Facts{Seq: e.last[o], Deleted: !there, Title: string(o)}
	if !there {
		return nil, f, nil
	}
	if parent := e.parent(o); parent != "" {
		f.Needs = []sync.Object{parent}
	}
	return io.NopCloser(bytes.NewReader([]byte(text))), f, nil
}

func (e *engine) parent(o sync.Object) sync.Object {
	i := bytes.LastIndexByte([]byte(o), '/')
	if parent, err := sync.ParseObject(string(o[:i])); e.parents && err == nil {
		return parent
	}
	return ""
}

func (e *engine) Apply(
	_ context.Context, o sync.Object, expect int64, tag string, f source.Facts, content io.Reader,
) (int64, error) {
	text := ""
	if !f.Deleted {
		b, err := io.ReadAll(content)
		if err != nil {
			return 0, err
		}
		text = string(b)
	}
	if e.before != nil {
		e.before(o)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return 0, io.ErrUnexpectedEOF
	}
	if e.cut {
		e.cut = false
		e.late = append(e.late, func() { _, _ = e.carry(o, expect, tag, f, text) })
		return 0, io.ErrUnexpectedEOF
	}
	return e.carry(o, expect, tag, f, text)
}

// ApplyAll implements source.Batch.
func (e *engine) ApplyAll(ctx context.Context, all []source.Application) ([]source.Applied, error) {
	e.batches++
	out := make([]source.Applied, len(all))
	for i, a := range all {
		seq, err := e.Apply(ctx, a.Object, a.Expect, a.Tag, a.Facts, bytes.NewReader(a.Content))
		if err != nil && !source.Unchanged(err) {
			return nil, err
		}
		out[i] = source.Applied{Seq: seq, Err: err}
	}
	return out, nil
}

// carry is an Apply. mu is held.
func (e *engine) carry(o sync.Object, expect int64, tag string, f source.Facts, text string) (int64, error) {
	if e.fails != nil {
		return 0, e.fails
	}
	if first := e.firstAfter(o, expect); tag != "" && first.Tag == tag {
		return first.Seq, nil
	}
	if e.last[o] != expect {
		if !e.careless {
			return 0, source.ErrMoved
		}
		if e.journal[e.last[o]-1].Tag == "" {
			e.overwritten++
		}
	}
	if err := e.needs(o, f); err != nil {
		return 0, err
	}
	if f.Rename != "" {
		text += " as " + f.Rename
	}
	return e.write(o, text, tag), nil
}

func (e *engine) needs(o sync.Object, f source.Facts) error {
	for _, n := range f.Needs {
		if _, there := e.text[n]; !there && !f.Deleted {
			return &source.Missing{Objects: []sync.Object{n}}
		}
	}
	if f.Deleted {
		for other := range e.text {
			if e.parent(other) == o {
				return &source.Kept{Objects: []sync.Object{other}}
			}
		}
	}
	return nil
}

func (e *engine) firstAfter(o sync.Object, seq int64) source.Row {
	for _, row := range e.journal[min(seq, int64(len(e.journal))):] {
		if row.Object == o {
			return row
		}
	}
	return source.Row{}
}

// twice returns a tag that more than one row has.
func (e *engine) twice() string {
	seen := map[string]bool{}
	for _, row := range e.journal {
		key := row.Tag
		if key != "" && seen[key] {
			return key
		}
		seen[key] = true
	}
	return ""
}

// said is what is there, for comparison.
func (e *engine) said() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprint(e.text)
}
