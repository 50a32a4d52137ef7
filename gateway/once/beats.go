package once

import (
	"context"
	"time"
)

// beats are the signs of life that a client gets while it waits.
type beats struct {
	tick *time.Ticker
	beat func() error
}

func newBeats(interval time.Duration, beat func() error) *beats {
	return &beats{tick: time.NewTicker(interval), beat: beat}
}

func (b *beats) stop() { b.tick.Stop() }

// await returns when done is closed, ctx ends or the client is gone.
func (b *beats) await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.tick.C:
			if err := b.beat(); err != nil {
				return err
			}
		}
	}
}

// pause is await for a time.
func (b *beats) pause(ctx context.Context, d time.Duration) error {
	over := make(chan struct{})
	t := time.AfterFunc(d, func() { close(over) })
	defer t.Stop()
	return b.await(ctx, over)
}
