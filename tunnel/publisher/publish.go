package publisher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
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
	Part, Parts int   // of StageUpload, from 1
	Done, Total int64 // bytes of the archive, of StageRead and StageUpload
	// Arrived is how much of Done the other side has taken, as far as this machine can tell.
	Arrived int64
	Skipped int64            // bytes that an earlier publish has sent
	Beats   int64            // heartbeats of the live side while it works
	Retry   int              // which attempt comes next; 0 if nothing failed
	Wait    time.Duration    // until then
	Err     *failure.Failure // why
	Note    string           // something to know, in plain words; all else is zero
}

// Result is a publish that succeeded, as far as it came if it did not.
type Result struct {
	Request int64         `json:"request"`
	Parts   int           `json:"parts"`             // of the archive
	Arrived int           `json:"arrived"`           // parts that live has taken
	Resumed int           `json:"resumed,omitempty"` // of these, by an earlier publish
	Bytes   int64         `json:"bytes"`
	MD5     string        `json:"md5"`
	Weak    []string      `json:"weak_references,omitempty"` // content that live lacks and that may be missing
	Elapsed time.Duration `json:"-"`
	// CleanUp is the failure of the clean-up, which takes nothing away from the publish.
	CleanUp error `json:"-"`
}

// Publish sends the archive of that many bytes and has it imported into the Client's site. It
// returns when the import is done. Errors are *Failure, which say what is known. The request is
// cleaned up whatever happens, under a timeout of its own, but for a line that broke while there is
// a Journal: then the parts stay, and the next Publish of the archive goes on behind them.
func (c *Client) Publish(ctx context.Context, lar io.ReaderAt, size int64) (Result, error) {
	p := &publication{c: c, lar: lar, begun: c.cfg.Now(), Result: Result{Bytes: size}}
	begun := p.begun
	err := p.run(ctx)
	p.Elapsed = c.cfg.Now().Sub(begun)
	return p.Result, err
}

// Rehearse does what Publish does before it sends: it reads the archive, holds it against the live
// side's version line, and asks live for the site. Nothing is changed anywhere.
func (c *Client) Rehearse(ctx context.Context, lar io.ReaderAt, size int64) (Result, error) {
	begun := c.cfg.Now()
	p := &publication{c: c, lar: lar, Result: Result{Bytes: size}}
	err := p.prepare(ctx)
	if err == nil {
		err = p.check(ctx)
	}
	p.Elapsed = c.cfg.Now().Sub(begun)
	return p.Result, err
}

// publication is one archive on its way.
type publication struct {
	Result
	c       *Client
	lar     io.ReaderAt
	begun   time.Time
	portlet string // the application whose data the archive holds; empty for pages

	entry   Entry      // of the journal; nil: none
	last    Checkpoint // of an earlier publish
	resumed bool       // this publish goes on behind the parts of an earlier one
	ours    bool       // the request is this publish's to clean up
	sent    int        // parts that this publish has sent
	asked   bool       // live was asked to import
	cleaned bool       // what was sent was removed
	unsaved bool       // the journal cannot be written
}

func (p *publication) run(ctx context.Context) (err error) {
	if err := p.prepare(ctx); err != nil {
		return p.known(err)
	}
	if err := p.remember(); err != nil {
		return p.known(err)
	}
	defer func() { err = p.end(ctx, err) }()
	for _, step := range []func(context.Context) error{p.check, p.begin, p.upload, p.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare does what can be done without the other side.
func (p *publication) prepare(ctx context.Context) error {
	if _, err := parts.Split("", p.Bytes, p.c.cfg.Buffer); err != nil {
		return uncuttable(err)
	}
	p.Parts = int((p.Bytes + p.c.cfg.Buffer - 1) / p.c.cfg.Buffer)
	if h, ok := headerOf(p.lar, p.Bytes); ok {
		if f := p.c.fits(h); f != nil {
			return f
		}
		p.portlet = h.RootPortletID
	}
	return p.digest(ctx)
}

// remember opens the journal. Without one the publish goes on; with one that another process has
// it does not.
func (p *publication) remember() error {
	if p.c.cfg.Journal == nil {
		return nil
	}
	key := Key{URL: p.c.cfg.URL.String(), Site: p.c.cfg.Site, Login: p.c.cfg.Login, MD5: p.MD5}
	entry, last, err := p.c.cfg.Journal.Open(key)
	var busy *BusyError
	switch {
	case errors.As(err, &busy):
		return &failure.Failure{Kind: failure.Busy, Msg: busy.Error(), Err: err, Unexecuted: true,
			Cure: "wait until that one ends"}
	case err != nil:
		p.note("how far it came cannot be kept, so a publish that is cut begins anew: " + err.Error())
		return nil
	}
	p.entry, p.last = entry, last
	return nil
}

func (p *publication) check(ctx context.Context) error {
	return p.c.try(ctx, StageCheck, func() error { return p.c.CheckRemoteStagingGroup(ctx, p.c.cfg.Site) })
}

// digest reads the archive once for its MD5.
func (p *publication) digest(ctx context.Context) error {
	meter := &meter{r: io.NewSectionReader(p.lar, 0, p.Bytes), tell: func(n int64) {
		p.c.tell(Progress{Stage: StageRead, Done: n, Total: p.Bytes})
	}}
	d, err := parts.Digest(ctx, meter)
	switch {
	case ctx.Err() != nil:
		return failure.GivenUp(ctx, true)
	case err == nil && d.Bytes != p.Bytes:
		err = io.ErrUnexpectedEOF
		fallthrough
	case err != nil:
		return &failure.Failure{Kind: failure.Unreadable, Msg: "the archive could not be read", Err: err, Unexecuted: true,
			Cure: "check the file and its disk, then publish again"}
	}
	p.MD5 = d.MD5
	return nil
}

// finish has the archive imported, in the form of the Client.
func (p *publication) finish(ctx context.Context) error {
	private, parameters := p.c.cfg.Private, p.c.parameters()
	if !p.c.cfg.Map {
		settings := p.c.settings(p.portlet)
		return p.ask(ctx, StagePublish, func() (*liferay.Reply, error) {
			return p.c.PublishStagingRequest(ctx, p.Request, settings)
		})
	}
	err := p.ask(ctx, StageValidate, func() (*liferay.Reply, error) {
		return p.c.ValidateStagingRequest(ctx, p.Request, private, parameters)
	})
	if err != nil {
		return err
	}
	return p.ask(ctx, StagePublish, func() (*liferay.Reply, error) {
		return p.c.PublishStagingRequestMap(ctx, p.Request, private, parameters)
	})
}

// ask makes a call that reads the whole archive, and keeps the warnings of its answer.
func (p *publication) ask(ctx context.Context, stage Stage, call func() (*liferay.Reply, error)) error {
	p.asked = true
	p.save()
	return p.c.try(ctx, stage, func() error {
		r, err := call()
		if err != nil {
			return err
		}
		if _, weak, ok := r.MissingReferences(); ok && len(weak) > 0 {
			p.Weak = weak
		}
		return nil
	})
}

// end cleans up, gives the journal free and adds to err what is known.
func (p *publication) end(ctx context.Context, err error) error {
	if p.ours && !p.stays(err) {
		p.cleanUp(ctx)
	}
	if p.entry != nil {
		forget := err == nil || p.cleaned || !p.ours
		if closed := p.entry.Close(forget); closed != nil {
			p.note("what was kept of the publish cannot be removed: " + closed.Error())
		}
	}
	return p.known(err)
}

// stays reports whether what was sent is left on live for the next publish to go on behind it: a
// line that broke, with somebody who remembers.
func (p *publication) stays(err error) bool {
	var f *failure.Failure
	if !errors.As(err, &f) || p.entry == nil || p.unsaved || p.asked || p.Arrived == 0 {
		return false
	}
	return f.Kind == failure.Interrupted || f.Kind == failure.Unreachable || f.Kind == failure.Unavailable || f.Kind == failure.Slow
}

// known adds to a failure what is known of the publish.
func (p *publication) known(err error) error {
	var f *failure.Failure
	if !errors.As(err, &f) {
		return err
	}
	switch {
	case f.Kind == failure.Busy:
	case p.Request == 0:
		f.Known = "nothing was sent"
	case !p.asked:
		f.Known = fmt.Sprintf("%d of %d parts had arrived; nothing was imported; %s", p.Arrived, p.Parts, p.whereabouts(f))
	case f.Kind == failure.Stopped || f.Kind == failure.Uncertain:
		f.Known = fmt.Sprintf("all %d parts had arrived and live was asked to import; whether it did is not known", p.Parts)
	}
	return err
}

// whereabouts says what became of the parts.
func (p *publication) whereabouts(f *failure.Failure) string {
	switch {
	case p.cleaned:
		return "what had arrived was removed from live"
	case p.entry != nil && p.ours:
		f.Cure = "publish the same file again: it goes on behind the parts that live has"
		return "the parts are still there"
	}
	return "the parts may still be there"
}

// cleanUp throws the request away, also when ctx has ended.
func (p *publication) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.c.cfg.CleanUpTimeout)
	defer cancel()
	p.CleanUp = p.remove(ctx)
	p.cleaned = p.CleanUp == nil
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
