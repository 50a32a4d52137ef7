package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// maxContents bounds the contents of one answer, which grow by a third on their way.
const maxContents = 4 << 20

// question asks for contents.
type question struct {
	Objects []sync.Object `json:"objects"`
	Most    int           `json:"most"` // bytes of one
}

// found is a Read as it travels.
type found struct {
	Facts   Facts  `json:"facts"`
	Content []byte `json:"content,omitempty"`
	Large   bool   `json:"large,omitempty"`
}

// contents answers about several objects. What one of them says is bounded, and so are all.
func (h handler) contents(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAnswer)).Decode(&q); err != nil {
		bad(w, err)
		return
	}
	if len(q.Objects) > maxBatch {
		bad(w, fmt.Errorf("%d objects are more than %d", len(q.Objects), maxBatch))
		return
	}
	out := make([]found, len(q.Objects))
	left := maxContents
	for i, o := range q.Objects {
		_, err := sync.ParseObject(string(o))
		if err != nil {
			bad(w, err)
			return
		}
		if out[i], err = h.one(r.Context(), o, min(q.Most, left)); err != nil {
			fail(w, err)
			return
		}
		left -= len(out[i].Content)
	}
	answer(w, http.StatusOK, out)
}

func (h handler) one(ctx context.Context, o sync.Object, most int) (f found, err error) {
	content, facts, err := h.s.Content(ctx, o)
	if f.Facts = facts; err != nil || content == nil {
		return f, err
	}
	f.Content, err = io.ReadAll(io.LimitReader(content, int64(max(0, most))+1))
	if len(f.Content) > most {
		f.Content, f.Large = nil, true
	}
	return f, errors.Join(err, content.Close())
}

var _ Reader = (*Client)(nil)

// Contents implements Reader.
func (c *Client) Contents(ctx context.Context, all []sync.Object, most int) ([]Read, error) {
	out, err := several[found](ctx, c, "contents", question{all, most}, len(all))
	if err != nil {
		return nil, err
	}
	read := make([]Read, len(out))
	for i, f := range out {
		if len(f.Content) > most {
			return nil, fmt.Errorf("the engine says %d bytes of %s, where %d were asked for", len(f.Content), all[i], most)
		}
		read[i] = Read(f)
	}
	return read, nil
}
