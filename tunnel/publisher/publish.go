package publisher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Stage is a step of a publish; each is named like the call that it makes, but for reading the
// archive.
type Stage string

// The stages, in order.
const (
	StageRead     Stage = "read"
	StageCheck    Stage = "checkRemoteStagingGroup"
	StageCreate   Stage = "createStagingRequest"
	StageUpload   Stage = "updateStagingRequest"
	StageValidate Stage = "validateStagingRequest"
	StagePublish  Stage = "publishStagingRequest"
	StageCleanUp  Stage = "cleanUpStagingRequest"
)

// Progress is what a publish is doing.
type Progress struct {
	Stage       Stage
	Part, Parts int           // of StageUpload, from 1
	Done, Total int64         // bytes of the archive, of StageRead and StageUpload
	Beats       int64         // heartbeats of the live side while it works
	Retry       int           // which attempt comes next; 0 if nothing failed
	Wait        time.Duration // until then
	Err         *Failure      // why
}

// Result is a publish that succeeded, as far as it came if it did not.
type Result struct {
	Request int64         `json:"request"`
	Parts   int           `json:"parts"`
	Bytes   int64         `json:"bytes"`
	MD5     string        `json:"md5"`
	Weak    []string      `json:"weak_references,omitempty"` // content that live lacks and that may be missing
	Elapsed time.Duration `json:"-"`
	// CleanUp is the failure of the clean-up, which takes nothing away from the publish.
	CleanUp error `json:"-"`
}

// Publish sends the archive of that many bytes under its file name, and has it imported into the
// Client's site. It returns when the import is done. Errors are *Failure. The request is cleaned up
// whatever happens, under a timeout of its own.
func (c *Client) Publish(ctx context.Context, lar io.ReaderAt, size int64, name string) (Result, error) {
	begun := c.cfg.Now()
	p := &publication{c: c, lar: lar, name: name, Result: Result{Bytes: size}}
	err := p.run(ctx)
	p.Elapsed = c.cfg.Now().Sub(begun)
	return p.Result, err
}

// publication is one archive on its way.
type publication struct {
	Result
	c       *Client
	lar     io.ReaderAt
	name    string
	portlet string // the application whose data the archive holds; empty for pages
}

func (p *publication) run(ctx context.Context) error {
	parts, err := archive.Split(p.name, p.Bytes, p.c.cfg.Buffer)
	if err != nil {
		return &Failure{Kind: Unreadable, Msg: "the archive cannot be cut into parts", Err: err,
			Unexecuted: true,
			Cure:       "use another --buffer"}
	}
	if p.portlet = portletOf(p.lar, p.Bytes); p.portlet != "" && p.c.cfg.Map {
		return &Failure{Kind: Unreadable, Unexecuted: true,
			Msg: "the archive holds the data of one application, " + p.portlet +
				", which this version line publishes with pages only",
			Cure: "export the pages with that application's data"}
	}
	if err := p.digest(ctx); err != nil {
		return err
	}
	err = p.c.try(ctx, StageCheck, func() error { return p.c.CheckRemoteStagingGroup(ctx, p.c.cfg.Site) })
	if err != nil {
		return err
	}
	err = p.c.try(ctx, StageCreate, func() (err error) {
		p.Request, err = p.c.CreateStagingRequest(ctx, p.c.cfg.Site, p.MD5)
		return err
	})
	if err != nil {
		return err
	}
	defer p.cleanUp(ctx)
	for part := range parts {
		p.Parts++
		if err := p.upload(ctx, part); err != nil {
			return err
		}
	}
	return p.finish(ctx)
}

// digest reads the archive once for its MD5.
func (p *publication) digest(ctx context.Context) error {
	meter := &meter{r: io.NewSectionReader(p.lar, 0, p.Bytes), tell: func(n int64) {
		p.c.tell(Progress{Stage: StageRead, Done: n, Total: p.Bytes})
	}}
	d, err := archive.Digest(ctx, meter)
	switch {
	case ctx.Err() != nil:
		return stopped(ctx, true)
	case err == nil && d.Bytes != p.Bytes:
		err = io.ErrUnexpectedEOF
		fallthrough
	case err != nil:
		return &Failure{Kind: Unreadable, Msg: "the archive could not be read", Err: err, Unexecuted: true,
			Cure: "check the file and its disk, then publish again"}
	}
	p.MD5 = d.MD5
	return nil
}

func (p *publication) upload(ctx context.Context, part archive.Part) error {
	total := int((p.Bytes + p.c.cfg.Buffer - 1) / p.c.cfg.Buffer)
	now := func(done int64) {
		p.c.tell(Progress{Stage: StageUpload, Part: p.Parts, Parts: total, Done: part.Offset + done,
			Total: p.Bytes})
	}
	return p.c.try(ctx, StageUpload, func() error {
		content := &meter{r: io.NewSectionReader(p.lar, part.Offset, part.Size), tell: now}
		return p.c.UpdateStagingRequest(ctx, p.Request, part.Name, content, part.Size)
	})
}

// finish has the archive imported, in the form of the Client.
func (p *publication) finish(ctx context.Context) error {
	private, parameters := p.c.cfg.Private, p.c.parameters()
	if !p.c.cfg.Map {
		settings := p.c.settings(p.portlet)
		return p.c.try(ctx, StagePublish, func() error {
			return p.note(p.c.PublishStagingRequest(ctx, p.Request, settings))
		})
	}
	err := p.c.try(ctx, StageValidate, func() error {
		return p.note(p.c.ValidateStagingRequest(ctx, p.Request, private, parameters))
	})
	if err != nil {
		return err
	}
	return p.c.try(ctx, StagePublish, func() error {
		return p.note(p.c.PublishStagingRequestMap(ctx, p.Request, private, parameters))
	})
}

// note keeps the warnings of an answer.
func (p *publication) note(r *liferay.Reply, err error) error {
	if err != nil {
		return err
	}
	if _, weak, ok := r.MissingReferences(); ok && len(weak) > 0 {
		p.Weak = weak
	}
	return nil
}

// cleanUp throws the request away, also when ctx has ended.
func (p *publication) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.c.cfg.CleanUpTimeout)
	defer cancel()
	p.CleanUp = p.c.try(ctx, StageCleanUp, func() error { return p.c.CleanUpStagingRequest(ctx, p.Request) })
}

// try makes a call again as long as it is certain that nothing was carried out and another moment
// may help.
func (c *Client) try(ctx context.Context, stage Stage, call func() error) error {
	c.tell(Progress{Stage: stage})
	for attempt := 1; ; attempt++ {
		err := call()
		var f *Failure
		if err == nil {
			return nil
		}
		if !errors.As(err, &f) {
			return fmt.Errorf("%s: %w", stage, err)
		}
		if attempt >= c.cfg.Attempts || !f.passing() {
			return err
		}
		pause := cmp.Or(f.RetryAfter, time.Second<<(attempt-1))
		pause = min(pause, time.Minute)
		c.tell(Progress{Stage: stage, Retry: attempt + 1, Wait: pause, Err: f})
		if c.cfg.Wait(ctx, pause) != nil {
			return err
		}
	}
}

// passing says whether the same call may succeed in a moment, and does no harm. A connection that
// cannot be made at all is told at once: a wrong port stays wrong.
func (f *Failure) passing() bool {
	return f.Unexecuted && (f.Kind == Unavailable || f.Kind == Unreachable && f.broke)
}

func (c *Client) tell(p Progress) {
	if c.cfg.Progress != nil {
		c.cfg.Progress(p)
	}
}

// meter tells how much was read.
type meter struct {
	r    io.Reader
	n    int64
	tell func(n int64)
}

// Read reads and tells.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.n += int64(n); n > 0 {
		m.tell(m.n)
	}
	return n, err
}
