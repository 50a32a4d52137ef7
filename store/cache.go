package store

import (
	"context"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Cached keeps the requests that were used last in memory, for one process that is the only one to
// write them. An archive of ten thousand parts would be read ten thousand times otherwise.
type Cached struct {
	Requests
	mu    sync.Mutex // orders what is read and written of one request
	known *lru.Cache[int64, Request]
}

var _ Requests = (*Cached)(nil)

// NewCached returns a Requests that remembers up to size requests of r. What Request returns must
// not be changed.
func NewCached(r Requests, size int) (*Cached, error) {
	known, err := lru.New[int64, Request](size)
	if err != nil {
		return nil, err
	}
	return &Cached{Requests: r, known: known}, nil
}

// Create implements Requests.
func (c *Cached) Create(ctx context.Context, req Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Remove(req.ID)
	return c.Requests.Create(ctx, req)
}

// Request implements Requests.
func (c *Cached) Request(ctx context.Context, id int64) (Request, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.known.Get(id); ok {
		return r, nil
	}
	r, err := c.Requests.Request(ctx, id)
	if err == nil {
		c.known.Add(id, r)
	}
	return r, err
}

// AddPart implements Requests.
func (c *Cached) AddPart(ctx context.Context, id int64, part Part) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Requests.AddPart(ctx, id, part); err != nil {
		c.known.Remove(id)
		return err
	}
	r, ok := c.known.Get(id)
	if !ok {
		return nil
	}
	r.Parts = slices.Clip(r.Parts) // readers may hold the old slice
	if i := slices.IndexFunc(r.Parts, func(p Part) bool { return p.Name == part.Name }); i >= 0 {
		r.Parts = slices.Clone(r.Parts)
		r.Parts[i] = part
	} else {
		r.Parts = append(r.Parts, part)
	}
	c.known.Add(id, r)
	return nil
}

// CleanUp implements Requests.
func (c *Cached) CleanUp(ctx context.Context, id int64, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Remove(id)
	return c.Requests.CleanUp(ctx, id, at)
}

// PruneRequests implements Requests.
func (c *Cached) PruneRequests(ctx context.Context, before time.Time) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Purge()
	return c.Requests.PruneRequests(ctx, before)
}
