package claims

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// Create is a call that begins a publish of an archive.
type Create struct {
	Ref       string // of the call
	Site      int64
	Checksum  string
	Abandoned time.Duration // a publish without a call for as long is dead
	// Wait waits until another call has cleaned up, with signs of life for the publisher.
	Wait func(ctx context.Context, done <-chan struct{}) error
	// CleanUp has the engine delete what an abandoned publish left, which nobody else uses meanwhile.
	CleanUp func(ctx context.Context, r store.Request) error
}

// Begin looks whether the archive is being published already: a second publish of it would meet the first
// one's parts, and the end of either delete what the other needs. One that was abandoned is cleaned up
// first (call rules, section 2).
func (c *Claims) Begin(ctx context.Context, n Create) error {
	for {
		r, err := c.memory.Find(ctx, n.Site, n.Checksum)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return problems.Unreadable(err)
		}
		busy := c.Busy(r.ID)
		switch {
		case !busy && r.PartCount == 0:
			return nil
		case busy || r.Idle < n.Abandoned:
			return publishedNow(r, n.Abandoned, busy)
		}
		if again, err := c.cleanUpAlone(ctx, n, r); !again || err != nil {
			return err
		}
	}
}

// cleanUpAlone cleans an abandoned publish up, unless another call does or anything has become of it.
// Again reports that what was found is out of date.
func (c *Claims) cleanUpAlone(ctx context.Context, n Create, found store.Request) (again bool, err error) {
	leave, other := c.requests.Alone(found.ID)
	if other != nil {
		return true, n.Wait(ctx, other)
	}
	if leave == nil {
		return true, nil
	}
	defer leave()
	giveBack, err := c.memory.Alone(ctx, found.ID, n.Ref)
	if errors.Is(err, store.ErrStale) { // another gateway does, or has a call of it
		over := make(chan struct{})
		defer time.AfterFunc(elsewherePause, func() { close(over) }).Stop()
		return true, n.Wait(ctx, over)
	}
	if err != nil {
		return false, problems.Unreadable(err)
	}
	defer func() {
		if err := giveBack(context.WithoutCancel(ctx)); err != nil {
			c.log.WithError(err).WithField("req", n.Ref).Warn("a request stays taken for a while")
		}
	}()
	now, err := c.memory.Request(ctx, found.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, problems.Unreadable(err)
	}
	if err != nil || !now.CleanedAt.IsZero() || now.Idle < n.Abandoned || c.parts.Has(found.ID) {
		return true, nil
	}
	return false, n.CleanUp(ctx, now)
}

func publishedNow(r store.Request, abandoned time.Duration, busy bool) error {
	left := abandoned
	if !busy {
		left -= r.Idle
	}
	msg := fmt.Sprintf("this archive is being published now, since %s, by %s; if that publish is dead, try again in %s",
		r.CreatedAt.UTC().Format("15:04:05 UTC"), By(r), max(left.Round(time.Second), time.Second))
	return problems.New(tunnel.Refused, problems.ReasonPublishing, msg, nil)
}

// By says who publishes a request, for people.
func By(r store.Request) string {
	if len(r.Logins) == 0 {
		return r.Peer
	}
	return r.Logins[len(r.Logins)-1] + " of " + r.Peer
}
