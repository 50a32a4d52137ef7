package memory

import (
	"context"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/store"
)

// Request returns a staging request, or store.ErrNotFound.
func (m *Memory) Request(ctx context.Context, id int64) (store.Request, error) {
	return m.cfg.Requests.Request(ctx, id)
}

// Find returns the request of an archive that was not cleaned up, or store.ErrNotFound.
func (m *Memory) Find(ctx context.Context, site int64, checksum string) (store.Request, error) {
	return m.cfg.Requests.Find(ctx, site, checksum)
}

// Created keeps a request that the engine created; see store.Requests.
func (m *Memory) Created(ctx context.Context, r store.Request) error {
	return m.cfg.Requests.Create(ctx, r)
}

// Accepted keeps a part that the engine took, and the answer of its call with it.
func (m *Memory) Accepted(ctx context.Context, request int64, p store.Part, answers ...store.Answer) error {
	return m.cfg.Requests.AddPart(ctx, request, p, answers...)
}

// CleanedUp keeps that the engine deleted a request.
func (m *Memory) CleanedUp(ctx context.Context, request int64) error {
	return m.cfg.Requests.CleanUp(ctx, request)
}

// aloneTTL is how long others wait for a gateway that died while it cleaned a request up.
const aloneTTL = 2 * time.Minute

// Alone keeps all other gateways from a request until leave is called: the gateway's own clean-up and a
// publish that goes on after a long pause exclude each other. It returns store.ErrStale if another one has
// it.
func (m *Memory) Alone(ctx context.Context, request int64, owner string) (leave func(context.Context) error, err error) {
	name := "request/" + strconv.FormatInt(request, 10)
	fence, err := m.cfg.Leases.Acquire(ctx, name, owner, aloneTTL)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return m.cfg.Leases.Release(ctx, name, fence) }, nil
}

// Used keeps that requests are in use, for other gateways and for later.
func (m *Memory) Used(ctx context.Context, requests ...int64) error {
	return m.cfg.Requests.Touch(ctx, requests...)
}
