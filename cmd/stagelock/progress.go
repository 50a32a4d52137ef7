package main

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/stagelock/stagelock/tunnel/publisher"
)

// display shows a publish while it goes on.
type display interface {
	update(publisher.Progress)
	close()
}

// newDisplay returns a bar for a terminal, lines for everything else, and nothing for a script.
func (sh *shell) newDisplay(total int64) display {
	switch {
	case sh.json:
		return silence{}
	case sh.terminal(sh.err):
		return newBar(sh, total)
	}
	return &lines{sh: sh}
}

type silence struct{}

func (silence) update(publisher.Progress) {}
func (silence) close()                    {}

// stages are the steps of a publish in words.
var stages = map[publisher.Stage]string{
	publisher.StageRead: "reading the archive", publisher.StageCheck: "asking for the live site",
	publisher.StageCreate: "announcing the archive", publisher.StageUpload: "uploading",
	publisher.StageValidate: "validating on live",
	publisher.StagePublish:  "importing on live", publisher.StageCleanUp: "cleaning up",
}

// lines tells of each step and of each tenth of the upload.
type lines struct {
	sh    *shell
	stage publisher.Stage
	tenth int64
	begun time.Time
}

func (l *lines) update(p publisher.Progress) {
	if p.Retry > 0 {
		fmt.Fprintf(l.sh.err, "  %s; attempt %d in %s\n", p.Err.Msg, p.Retry, span(p.Wait))
		return
	}
	if p.Stage != l.stage {
		l.stage, l.tenth, l.begun = p.Stage, 0, l.sh.now()
		if p.Stage != publisher.StageUpload {
			fmt.Fprintf(l.sh.err, "%s\n", stages[p.Stage])
		}
	}
	if p.Stage == publisher.StageUpload && p.Total > 0 {
		l.upload(p)
	}
}

func (l *lines) upload(p publisher.Progress) {
	tenth := p.Done * 10 / p.Total
	if tenth == l.tenth {
		return
	}
	l.tenth = tenth
	since := l.sh.now().Sub(l.begun)
	text := fmt.Sprintf("uploading %3d %%  part %d of %d, %s of %s", tenth*10, p.Part, p.Parts,
		size(p.Done), size(p.Total))
	if left := eta(p.Done, p.Total, since); left != "" {
		text += ", " + left + " left"
	}
	fmt.Fprintln(l.sh.err, text)
}

func (l *lines) close() {}

// bar is a progress bar on a terminal.
type bar struct {
	box   *mpb.Progress
	bar   *mpb.Bar
	begun time.Time
	sh    *shell
	lines chan string // what the bar says on its left; the bar paints from a goroutine of its own
}

func newBar(sh *shell, total int64) *bar {
	b := &bar{sh: sh, lines: make(chan string, 1)}
	b.lines <- ""
	b.box = mpb.New(mpb.WithOutput(sh.err), mpb.WithWidth(40), mpb.WithAutoRefresh())
	b.bar = b.box.AddBar(total,
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return b.label() },
			decor.WC{W: 26, C: decor.DindentRight})),
		mpb.AppendDecorators(
			decor.CountersKibiByte("% .1f / % .1f "), decor.EwmaSpeed(decor.SizeB1024(0), "% .1f ", 30),
			decor.OnComplete(decor.EwmaETA(decor.ET_STYLE_GO, 30), "")),
	)
	return b
}

func (b *bar) label() string {
	s := <-b.lines
	b.lines <- s
	return s
}

func (b *bar) say(s string) {
	<-b.lines
	b.lines <- s
}

func (b *bar) update(p publisher.Progress) {
	switch {
	case p.Retry > 0:
		b.say("waiting for live")
		return
	case p.Stage == publisher.StageUpload && p.Parts > 0:
		b.say(fmt.Sprintf("uploading part %d of %d", p.Part, p.Parts))
	case p.Beats == 0:
		b.say(stages[p.Stage])
	}
	if p.Stage != publisher.StageUpload || p.Total == 0 {
		b.begun = b.sh.now()
		return
	}
	now := b.sh.now()
	b.bar.EwmaSetCurrent(p.Done, now.Sub(b.begun))
	b.begun = now
}

func (b *bar) close() {
	b.bar.Abort(false)
	b.box.Wait()
}
