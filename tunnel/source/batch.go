package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// maxBatch bounds how many objects are carried out together, and maxBatchBytes what they may say.
const (
	maxBatch      = 1000
	maxBatchBytes = 32 << 20
)

type batch struct{ s Batch }

// outcome is an Applied as it travels.
type outcome struct {
	Seq     int64    `json:"seq,omitempty"`
	Refusal *refusal `json:"refusal,omitempty"`
}

func (h batch) applyAll(w http.ResponseWriter, r *http.Request) {
	var all []Application
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBatchBytes)).Decode(&all); err != nil {
		bad(w, err)
		return
	}
	if err := different(all); err != nil {
		bad(w, err)
		return
	}
	done, err := h.s.ApplyAll(r.Context(), all)
	if err != nil {
		fail(w, err)
		return
	}
	out := make([]outcome, len(done))
	for i, d := range done {
		out[i].Seq = d.Seq
		if d.Err == nil {
			continue
		}
		refused, is := refusalOf(d.Err)
		if !is { // what became of it is not known
			fail(w, d.Err)
			return
		}
		out[i].Refusal = &refused
	}
	answer(w, http.StatusOK, out)
}

// different wants objects, each once.
func different(all []Application) error {
	if len(all) > maxBatch {
		return fmt.Errorf("%d objects are more than %d", len(all), maxBatch)
	}
	seen := map[sync.Object]bool{}
	for _, a := range all {
		if _, err := sync.ParseObject(string(a.Object)); err != nil {
			return err
		}
		if seen[a.Object] {
			return fmt.Errorf("object %q is there twice", a.Object)
		}
		seen[a.Object] = true
	}
	return nil
}

var _ Batch = (*Client)(nil)

// several asks about n objects in one call, and returns as many answers. ErrSingly is that of an engine without
// that call.
func several[A any](ctx context.Context, c *Client, call string, question any, n int) ([]A, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, http.MethodPost, call, nil, nil, bytes.NewReader(body))
	if errors.Is(err, errNoCall) {
		return nil, ErrSingly
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out []A
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out); err != nil {
		return nil, fmt.Errorf("the engine's answer cannot be read: %w", err)
	}
	if len(out) != n {
		return nil, fmt.Errorf("the engine answers about %d of %d objects", len(out), n)
	}
	return out, nil
}

// ApplyAll implements Batch.
func (c *Client) ApplyAll(ctx context.Context, all []Application) ([]Applied, error) {
	out, err := several[outcome](ctx, c, "apply-all", all, len(all))
	if err != nil {
		return nil, err
	}
	done := make([]Applied, len(out))
	for i, o := range out {
		done[i].Seq = o.Seq
		if o.Refusal != nil {
			if done[i].Err = o.Refusal.err(); !Unchanged(done[i].Err) {
				return nil, fmt.Errorf("object %q: %w", all[i].Object, done[i].Err)
			}
		}
	}
	return done, nil
}
