package publisher

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// Key identifies a publish: the same archive to the same site, under the same login.
type Key struct {
	URL   string `json:"url"`
	Site  int64  `json:"site"`
	Login string `json:"login"`
	MD5   string `json:"md5"`
}

// Checkpoint is how far a publish came.
type Checkpoint struct {
	Request int64     `json:"request"` // zero: nothing was announced
	Buffer  int64     `json:"buffer"`  // length of a part
	Parts   int       `json:"parts"`   // that live has taken; the next one may have arrived too
	Asked   bool      `json:"asked"`   // live was asked to import
	Begun   time.Time `json:"begun"`
}

// Journal remembers publishes, so that one that was cut goes on where it was.
type Journal interface {
	// Open gives the publish to the caller alone, with the Checkpoint of an earlier one that did
	// not end, zero if there was none. A *BusyError says who has it now; another error means that
	// nothing can be remembered.
	Open(Key) (Entry, Checkpoint, error)
}

// Entry is a publish under way. Its methods belong to one goroutine.
type Entry interface {
	Save(Checkpoint) error
	// Close gives the publish free; forget says that nothing is left of it on live.
	Close(forget bool) error
}

// BusyError is a publish of the same archive that another process is making.
type BusyError struct {
	PID   int
	Since time.Time
}

// Error returns who it is.
func (e *BusyError) Error() string {
	return fmt.Sprintf("this archive is being published now, since %s, by the process %d of this machine",
		e.Since.Format(time.TimeOnly), e.PID)
}

// partsName returns the name that the parts of an archive have in front of their number: that of a
// temporary file of the vendor's sender, a UUID with zip from 7.0 on and a time with lar in 6.2. It
// follows from the archive's MD5, not from its file name, which may be any: so parts of two
// publishes of one archive are never mixed, and a part that was sent before is known again.
func partsName(build, md5 string) string {
	sum, err := hex.DecodeString(md5)
	if err != nil || len(sum) != 16 {
		sum = make([]byte, 16)
	}
	if build == liferay.Line62 {
		const span = 20 * 365 * 24 * uint64(time.Hour/time.Millisecond)
		at := time.UnixMilli(int64(binary.BigEndian.Uint64(sum)%span)).UTC().AddDate(30, 0, 0)
		return at.Format("20060102_150405") + fmt.Sprintf("%03d.lar", at.Nanosecond()/int(time.Millisecond))
	}
	sum[6], sum[8] = sum[6]&0x0f|0x30, sum[8]&0x3f|0x80 // version 3, as Java makes them of bytes
	return fmt.Sprintf("%x-%x-%x-%x-%x.zip", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}

// upload sends the parts from the first one that live does not have.
func (p *publication) upload(ctx context.Context) error {
	err := p.parts(ctx)
	var f *failure.Failure
	gone := []failure.Kind{failure.Refused, failure.Exception, failure.Busy}
	if p.resumed && p.sent == 0 && errors.As(err, &f) && slices.Contains(gone, f.Kind) {
		p.note("what an earlier publish has sent is gone: " + f.Msg + "; sending it all again")
		p.resumed, p.Arrived, p.Resumed = false, 0, 0
		if err := p.create(ctx); err != nil {
			return err
		}
		err = p.parts(ctx)
	}
	return err
}

func (p *publication) parts(ctx context.Context) error {
	parts, err := parts.Split(partsName(p.c.build, p.MD5), p.Bytes, p.c.cfg.Buffer)
	if err != nil {
		return uncuttable(err)
	}
	for part := range parts {
		if part.Index < p.Arrived {
			continue
		}
		if err := p.part(ctx, part); err != nil {
			return err
		}
		p.Arrived, p.sent = part.Index+1, p.sent+1
		p.save()
	}
	return nil
}

// part sends one part, again if its connection breaks where that does no harm.
func (p *publication) part(ctx context.Context, part parts.Part) error {
	progress := Progress{Stage: StageUpload, Part: part.Index + 1, Parts: p.Parts, Total: p.Bytes,
		Skipped: int64(p.Resumed) * p.c.cfg.Buffer}
	tell := func(done, queued int64) {
		progress.Done, progress.Arrived = part.Offset+done, part.Offset+max(0, done-queued)
		p.c.tell(progress)
	}
	mayBeThere := p.resumed
	err := p.c.try(ctx, StageUpload, func() error {
		content := io.NewSectionReader(p.lar, part.Offset, part.Size)
		err := p.c.sendPart(ctx, p.Request, part, content, tell)
		var f *failure.Failure
		if !errors.As(err, &f) {
			return err
		}
		if f.Duplicate() && mayBeThere {
			return nil // it had arrived, and its answer was lost
		}
		mayBeThere = mayBeThere || f.Uncertain()
		return err
	})
	if err != nil {
		return p.broken(err, part)
	}
	tell(part.Size, 0)
	return nil
}

// broken says of a part that was not taken what that means for the publish: nothing was imported.
func (p *publication) broken(err error, part parts.Part) error {
	var f *failure.Failure
	if !errors.As(err, &f) {
		return err
	}
	switch {
	case f.Duplicate():
		p.ours = false
		f.Kind = failure.Busy
		f.Msg = "parts of this archive are on live already: it is being published by somebody else, or a publish of it was cut"
		f.Cure = "wait until that one ends; if none is going on, publish with --restart, which removes those parts first"
	case f.Uncertain():
		f.Kind = failure.Interrupted
		f.Msg = fmt.Sprintf("the connection broke before live had answered for part %d of %d", part.Index+1, p.Parts)
		f.Cure = "publish again"
	}
	return f
}

// sendPart sends one part of the request. tell learns how much was written, and how much of that
// the other side has not taken yet.
func (c *Client) sendPart(ctx context.Context, id int64, part parts.Part, content io.Reader,
	tell func(done, queued int64)) error {
	return c.update(ctx, id, part.Name, &body{content: content, size: part.Size, tell: tell})
}

// create announces the archive.
func (p *publication) create(ctx context.Context) error {
	err := p.c.try(ctx, StageCreate, func() (err error) {
		p.Request, err = p.c.CreateStagingRequest(ctx, p.c.cfg.Site, p.MD5)
		return err
	})
	if p.ours = err == nil; p.ours {
		p.save()
	}
	return err
}

// begin takes up an earlier publish of the archive, or announces it.
func (p *publication) begin(ctx context.Context) error {
	last := p.last
	p.last = Checkpoint{}
	switch {
	case last.Request == 0 && !p.c.cfg.Restart:
		return p.create(ctx)
	case p.c.cfg.Restart || last.Asked || last.Buffer != p.c.cfg.Buffer:
		return p.anew(ctx, last)
	}
	p.Request, p.Arrived, p.Resumed = last.Request, last.Parts, last.Parts
	p.resumed, p.ours, p.begun = true, true, last.Begun
	p.note(fmt.Sprintf("going on with the publish of %s: live has %d of %d parts",
		last.Begun.Format(time.DateTime), last.Parts, p.Parts))
	return nil
}

// anew throws away what an earlier publish has left and announces the archive again. A gateway
// knows better whether that one has ended: there only what was never to be imported is thrown away.
func (p *publication) anew(ctx context.Context, last Checkpoint) error {
	if last.Asked {
		p.note("an earlier publish of this archive had asked live to import and did not hear the answer; publishing it again")
	}
	if last.Request != 0 && !last.Asked {
		p.Request = last.Request
		if err := p.remove(ctx); err != nil {
			return err
		}
	}
	if err := p.create(ctx); err != nil || p.c.gateway.Load() || last.Request != 0 && !last.Asked {
		return err
	}
	if err := p.remove(ctx); err != nil {
		return err
	}
	return p.create(ctx)
}

func (p *publication) remove(ctx context.Context) error {
	return p.c.try(ctx, StageCleanUp, func() error { return p.c.CleanUpStagingRequest(ctx, p.Request) })
}

// save keeps how far the publish came. What cannot be kept is said once: the publish goes on.
func (p *publication) save() {
	if p.entry == nil {
		return
	}
	err := p.entry.Save(Checkpoint{Request: p.Request, Buffer: p.c.cfg.Buffer, Parts: p.Arrived, Asked: p.asked, Begun: p.begun})
	if err != nil && !p.unsaved {
		p.unsaved = true
		p.note("how far it came cannot be kept, so a publish that is cut begins anew: " + err.Error())
	}
}

func (p *publication) note(text string) { p.c.tell(Progress{Note: text}) }

func uncuttable(err error) *failure.Failure {
	return &failure.Failure{Kind: failure.Unreadable, Msg: "the archive cannot be cut into parts", Err: err,
		Unexecuted: true, Cure: "use another --buffer"}
}
