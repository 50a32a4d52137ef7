package replica_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	stdsync "sync"
	"testing"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// reader is an engine that says what it has of several at once.
type reader struct {
	*engine
	mu           stdsync.Mutex // guards what follows
	alone, asked int
	says         error
}

func (e *reader) Content(ctx context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	e.mu.Lock()
	e.alone++
	e.mu.Unlock()
	return e.engine.Content(ctx, o)
}

func (e *reader) Contents(ctx context.Context, all []sync.Object, most int) ([]source.Read, error) {
	e.mu.Lock()
	e.asked++
	says := e.says
	e.mu.Unlock()
	if says != nil {
		return nil, says
	}
	out := make([]source.Read, len(all))
	for i, o := range all {
		content, f, err := e.engine.Content(ctx, o)
		if err != nil {
			return nil, err
		}
		if out[i].Facts = f; content == nil {
			continue
		}
		b, err := io.ReadAll(content)
		if err != nil {
			return nil, err
		}
		if out[i].Content = b; len(b) > most {
			out[i].Content, out[i].Large = nil, true
		}
	}
	return out, nil
}

// TestAPageIsReadTogether: whichever way contents are read, the same changes are made of them.
func TestAPageIsReadTogether(t *testing.T) {
	for name, tt := range map[string]struct {
		says         error
		asked, alone int // in the first pull, of 120 objects of which one is large; and in the second, of two
		again, rest  int
	}{
		"together":        {nil, 3, 1, 1, 0},
		"only one by one": {source.ErrSingly, 3, 120, 0, 2},
		"it fails":        {source.ErrFailed, 3, 120, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBatched(t)
			e := &reader{engine: b.to.engine, says: tt.says}
			r := b.other(e, b.to.book)
			texts := map[sync.Object]string{}
			for n := range 120 {
				texts[object(n)] = fmt.Sprint("text ", n)
			}
			texts[object(60)] = strings.Repeat("large ", sync.MaxInline)
			for n := range 120 {
				b.to.engine.edit(object(n), texts[object(n)])
			}
			b.pulls(r)
			if e.asked > tt.asked || e.asked == 0 || e.alone != tt.alone {
				t.Errorf("asked together %d times and %d times for one", e.asked, e.alone)
			}
			for o, text := range texts {
				s, err := b.to.book.Object(t.Context(), o)
				b.must(err)
				if s.Show() == nil || readAll(t, b.to.book, s.Show().Payload) != text || s.Show().Size != int64(len(text)) ||
					s.Show().Title != string(o) || s.Show().Author != "somebody" {
					t.Fatalf("%s is %+v", o, s.Show())
				}
			}
			e.asked, e.alone = 0, 0
			b.to.engine.edit(object(1), "")
			b.to.engine.edit(object(2), "another")
			b.pulls(r)
			if e.asked != tt.again || e.alone != tt.rest {
				t.Errorf("then asked together %d times and %d times for one", e.asked, e.alone)
			}
			if s, err := b.to.book.Object(t.Context(), object(1)); err != nil || s.Show().Op != sync.Delete || s.Show().Title != string(object(1)) {
				t.Errorf("the deletion: %+v, %v", s.Show(), err)
			}
		})
	}
}

func (b *batched) pulls(r interface {
	Pull(ctx context.Context) (int, error)
}) {
	b.t.Helper()
	_, err := r.Pull(b.t.Context())
	b.must(err)
}
