package watch

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/store"
)

// Stopwatch takes what an operation of the store took. *metrics.Metrics is one.
type Stopwatch interface {
	Stored(op string, took time.Duration)
}

// timed has the time of an operation taken: defer timed(s, "op")().
func timed(s Stopwatch, op string) func() {
	begun := time.Now()
	return func() { s.Stored(op, time.Since(begun)) }
}

// TimedRepeats are the repeats of r, the time of those operations taken that calls wait for.
func TimedRepeats(r store.Repeats, s Stopwatch) store.Repeats { return timedRepeats{r, s} }

type timedRepeats struct {
	store.Repeats
	s Stopwatch
}

// Begin is that of the store.
func (t timedRepeats) Begin(ctx context.Context, rep store.Repeat, keep time.Duration) (store.Repeat, bool, error) {
	defer timed(t.s, "repeat.begin")()
	return t.Repeats.Begin(ctx, rep, keep)
}

// Answer is that of the store.
func (t timedRepeats) Answer(ctx context.Context, key store.RepeatKey, reference string, answer []byte) error {
	defer timed(t.s, "repeat.answer")()
	return t.Repeats.Answer(ctx, key, reference, answer)
}

// EndScope is that of the store.
func (t timedRepeats) EndScope(ctx context.Context, scope string, except store.RepeatKey, age time.Duration) error {
	defer timed(t.s, "repeat.end")()
	return t.Repeats.EndScope(ctx, scope, except, age)
}

// TimedRequests are the requests of r, the time of those operations taken that calls wait for.
func TimedRequests(r store.Requests, s Stopwatch) store.Requests { return timedRequests{r, s} }

type timedRequests struct {
	store.Requests
	s Stopwatch
}

// Create is that of the store.
func (t timedRequests) Create(ctx context.Context, req store.Request) error {
	defer timed(t.s, "request.create")()
	return t.Requests.Create(ctx, req)
}

// Request is that of the store.
func (t timedRequests) Request(ctx context.Context, id int64) (store.Request, error) {
	defer timed(t.s, "request.read")()
	return t.Requests.Request(ctx, id)
}

// Find is that of the store.
func (t timedRequests) Find(ctx context.Context, site int64, checksum string) (store.Request, error) {
	defer timed(t.s, "request.find")()
	return t.Requests.Find(ctx, site, checksum)
}

// AddPart is that of the store.
func (t timedRequests) AddPart(ctx context.Context, id int64, part store.Part, answers ...store.Answer) error {
	defer timed(t.s, "request.part")()
	return t.Requests.AddPart(ctx, id, part, answers...)
}

// CleanUp is that of the store.
func (t timedRequests) CleanUp(ctx context.Context, id int64) error {
	defer timed(t.s, "request.cleanup")()
	return t.Requests.CleanUp(ctx, id)
}
