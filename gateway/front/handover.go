package front

import (
	"context"
	"time"
)

// handOverPoll is how often HandOver looks whether a connection rests.
const handOverPoll = 20 * time.Millisecond

// HandOver ends the connections of HTTP/1.1 once each has had the answer to the call that it is at,
// or is about to make: another process takes the next ones, from the same socket. The caller has
// closed the listeners before. It returns ctx's cause if that ends first.
func (f *Front) HandOver(ctx context.Context) error {
	f.open.ending.Store(true)
	t := time.NewTicker(handOverPoll)
	defer t.Stop()
	for quiet := 0; quiet < 2; { // a connection that was just accepted may not be counted yet
		f.open.closeUsed()
		if quiet++; f.open.busy.Load() > 0 {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
		}
	}
	return nil
}

// closeUsed closes the connections that rest and have had an answer; a new one is about to call.
func (c *connections) closeUsed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o := range c.all {
		o.mu.Lock()
		if o.rests && o.used {
			o.conn.Close()
		}
		o.mu.Unlock()
	}
}
