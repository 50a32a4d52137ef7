package publisher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/tunnel/publisher/failure"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

const (
	// firstPatience bounds the waiting for an environment that was never reached.
	firstPatience = 10 * time.Second
	// longestPause is the most between two attempts.
	longestPause = 30 * time.Second
	// remembered is how long a gateway has the answer of a call for who sends it again, with some
	// time to spare.
	remembered = 90 * time.Second
)

// try makes a call again as long as that does no harm and another moment may help.
func (c *Client) try(ctx context.Context, stage Stage, call func() error) error {
	c.tell(Progress{Stage: stage})
	var waited, lost time.Duration // lost: since the first attempt whose answer was
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil {
			return nil
		}
		var f *failure.Failure
		if !errors.As(err, &f) {
			return fmt.Errorf("%s: %w", stage, err)
		}
		pause := min(cmp.Or(f.RetryAfter, time.Second<<min(attempt-1, 10)), longestPause)
		if !c.again(stage, f) || waited+pause > c.patience() || f.Uncertain() && stage != StageUpload && lost+pause > remembered {
			return err
		}
		waited += pause
		if f.Uncertain() || lost > 0 {
			lost += pause
		}
		c.tell(Progress{Stage: stage, Retry: attempt + 1, Wait: pause, Err: f})
		if c.cfg.Wait(ctx, pause) != nil {
			return err
		}
	}
}

// patience is how long one call may be waited for in all.
func (c *Client) patience() time.Duration {
	if c.reached.Load() {
		return c.cfg.Patience
	}
	return min(c.cfg.Patience, firstPatience)
}

// again reports whether the same call may succeed in a moment, and does no harm: nothing was
// carried out for certain, or it may be carried out twice, or a gateway answers whoever sends it
// again with the first one's answer. An address that was never reached is told at once: a wrong
// port stays wrong.
func (c *Client) again(stage Stage, f *failure.Failure) bool {
	switch {
	case f.Uncertain():
		return c.gateway.Load()
	case f.Kind == failure.Unavailable:
		return f.Unexecuted || stage != StagePublish && stage != StageValidate && stage != StageUpload
	case f.Kind == failure.Interrupted:
		return f.Unexecuted || methods.Repeatable(f.Call)
	case f.Kind == failure.Unreachable && f.Broke && c.cfg.URL.Scheme == "https":
		// Its certificate is the right one: the gateway may be going down for another to come.
		return f.Unexecuted || methods.Repeatable(f.Call)
	}
	return f.Kind == failure.Unreachable && f.Unexecuted && c.reached.Load()
}

func (c *Client) tell(p Progress) {
	if c.cfg.Progress != nil {
		c.cfg.Progress(p)
	}
}
