package statements

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store/postgres/outage"
)

// unconnected is a Runner for what asks no server.
func unconnected() *Runner {
	r := &Runner{pace: outage.NewPace(Time, LongTime)}
	r.outage = outage.New(outage.Config{Attempts: 1, Reset: func() {}, Closed: r.closed.Load})
	return r
}

// fails is a transaction that ends so.
func fails(err error) func(context.Context) error { return func(context.Context) error { return err } }

// TestWhoGivesUpDoesNotEndAnOutage: a call that was cancelled while the database was away had it be there again,
// so that the gateway said it was ready, and the patience of the others began anew.
func TestWhoGivesUpDoesNotEndAnOutage(t *testing.T) {
	s := unconnected()
	if err := s.run(t.Context(), "a", fails(io.EOF)); err == nil || s.Away() == nil {
		t.Fatalf("%v; away: %v", err, s.Away())
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.run(ctx, "b", func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err == nil || s.Away() == nil {
		t.Errorf("after one that was cancelled: %v; away: %v", err, s.Away())
	}
	if err := s.run(t.Context(), "c", fails(pgx.ErrNoRows)); err == nil || s.Away() != nil {
		t.Errorf("after an answer: %v; away: %v", err, s.Away())
	}
}

// TestLateSaysHowLate: it said how long the next attempt may take. An answer that says no counts as one too.
func TestLateSaysHowLate(t *testing.T) {
	for _, answer := range []error{nil, pgx.ErrNoRows} {
		t.Run(fmt.Sprint(answer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := unconnected()
				_ = s.run(t.Context(), "a", fails(answer))
				for _, want := range []string{"within 5s:", "within 10s:"} {
					err := s.run(t.Context(), "b", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
					if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(s.Away().Error(), want) {
						t.Errorf("%v; away: %v; want %s", err, s.Away(), want)
					}
					if len(want) == len("within 5s:") && s.pace.Limit() != 10*time.Second {
						t.Errorf("the next attempt may take %v", s.pace.Limit())
					}
				}
			})
		})
	}
}
