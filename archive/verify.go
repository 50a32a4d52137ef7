package archive

import (
	"context"
	"errors"
	"io"
)

// Verify reads all content once and checks it against what the headers declared. It calls progress,
// if not nil, with the content bytes done and due, at least after every entry. It uses the same
// small memory for any archive and ends early with the cause of ctx.
func (a *Archive) Verify(ctx context.Context, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	c, buf := newContent(a), make([]byte, 1<<15)
	var done int64
	for _, e := range a.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.reset(e)
		if err := c.drain(ctx, buf, func(n int64) { progress(done+n, a.total) }); err != nil {
			return err
		}
		done += e.Size
		progress(done, a.total)
	}
	return nil
}

// drain reads to the end, reporting about once per MiB.
func (c *content) drain(ctx context.Context, buf []byte, report func(int64)) error {
	reported := int64(0)
	for {
		_, err := c.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.n-reported < 1<<20 {
			continue
		}
		reported = c.n
		report(c.n)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
