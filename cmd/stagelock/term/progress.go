package term

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/stagelock/stagelock/tunnel/publisher"
)

// Display shows a publish while it goes on. Its methods are called by one goroutine.
type Display interface {
	Update(publisher.Progress)
	// Close leaves what was shown as it is. Nothing is shown after it.
	Close()
}

// StageVerify is the step before those of a publisher: holding the content of an archive against
// what it declares.
const StageVerify publisher.Stage = "verify"

// NewDisplay returns a bar for a terminal, lines for everything else, and lines of JSON for a
// script. The archive has total bytes.
func (sh *Shell) NewDisplay(total int64) Display {
	switch {
	case sh.JSON:
		return &stream{sh: sh}
	case sh.Terminal(sh.Err):
		return newBar(sh, total)
	}
	return &lines{sh: sh}
}

// NewBar returns a bar for a terminal, and nothing for everything else.
func (sh *Shell) NewBar(total int64) Display {
	if sh.JSON || !sh.Terminal(sh.Err) {
		return silence{}
	}
	return newBar(sh, total)
}

type silence struct{}

func (silence) Update(publisher.Progress) {}
func (silence) Close()                    {}

// stages are the steps of a publish in words.
var stages = map[publisher.Stage]string{
	StageVerify:             "checking the archive",
	publisher.StageRead:     "reading the archive",
	publisher.StageCheck:    "asking for the live site",
	publisher.StageCreate:   "announcing the archive",
	publisher.StageUpload:   "uploading",
	publisher.StageValidate: "validating on live",
	publisher.StagePublish:  "importing on live",
	publisher.StageCleanUp:  "cleaning up",
}

// lines tells of each step and of each tenth of the upload.
type lines struct {
	sh    *Shell
	stage publisher.Stage
	tenth int64
	pace  pace
}

func (l *lines) Update(p publisher.Progress) {
	switch {
	case p.Note != "":
		fmt.Fprintf(l.sh.Err, "  note: %s\n", Plain(p.Note))
		return
	case p.Retry > 0:
		fmt.Fprintf(l.sh.Err, "  %s; attempt %d in %s\n", Plain(p.Err.Msg), p.Retry, Span(p.Wait))
		return
	}
	if p.Stage != l.stage {
		l.stage, l.tenth, l.pace = p.Stage, 0, pace{begun: l.sh.Now()}
		if p.Stage != publisher.StageUpload {
			fmt.Fprintf(l.sh.Err, "%s\n", stages[p.Stage])
		}
	}
	if p.Stage == publisher.StageUpload && p.Total > 0 {
		l.upload(p)
	}
}

func (l *lines) upload(p publisher.Progress) {
	tenth := p.Arrived * 10 / p.Total
	if tenth == l.tenth {
		return
	}
	l.tenth = tenth
	text := fmt.Sprintf("uploading %3d %%  part %d of %d, %s of %s", tenth*10, p.Part, p.Parts,
		Size(p.Arrived), Size(p.Total))
	if left := l.pace.left(p, l.sh.Now()); left > 0 {
		text += ", " + Span(left) + " left"
	}
	fmt.Fprintln(l.sh.Err, text)
}

func (l *lines) Close() {}

// bar is a progress bar on a terminal.
type bar struct {
	box  *mpb.Progress
	bar  *mpb.Bar
	pace pace
	last time.Time // that the bar was told of
	sh   *Shell
	// What the bar says on its left, and how long it will take; the bar paints from a goroutine of its own.
	words, left chan string
}

func newBar(sh *Shell, total int64) *bar {
	b := &bar{sh: sh, words: make(chan string, 1), left: make(chan string, 1)}
	b.words <- ""
	b.left <- ""
	b.box = mpb.New(mpb.WithOutput(sh.Err), mpb.WithWidth(40), mpb.WithAutoRefresh())
	b.bar = b.box.AddBar(total,
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return peek(b.words) },
			decor.WC{W: 26, C: decor.DindentRight})),
		mpb.AppendDecorators(
			decor.CountersKibiByte("% .1f / % .1f "), decor.EwmaSpeed(decor.SizeB1024(0), "% .1f ", 30),
			decor.OnComplete(decor.Any(func(decor.Statistics) string { return peek(b.left) }), "")),
	)
	return b
}

// peek returns what is in the one place of c, and leaves it there.
func peek(c chan string) string {
	s := <-c
	c <- s
	return s
}

// put puts s into the one place of c.
func put(c chan string, s string) {
	<-c
	c <- s
}

func (b *bar) Update(p publisher.Progress) {
	switch {
	case p.Note != "":
		fmt.Fprintf(b.box, "note: %s\n", Plain(p.Note))
		return
	case p.Retry > 0:
		put(b.words, "waiting for live")
		return
	case p.Stage == publisher.StageUpload && p.Parts > 0:
		put(b.words, fmt.Sprintf("uploading part %d of %d", p.Part, p.Parts))
	case p.Beats == 0:
		put(b.words, stages[p.Stage])
	}
	now := b.sh.Now()
	switch {
	case p.Stage != publisher.StageUpload || p.Total == 0:
		b.pace, b.last = pace{}, time.Time{}
		return
	case b.last.IsZero():
		b.pace, b.last = pace{begun: now}, now
		b.bar.SetCurrent(p.Skipped) // it was not sent now: it says nothing of the speed
	}
	b.bar.EwmaSetCurrent(p.Arrived, now.Sub(b.last))
	b.last = now
	text := ""
	if left := b.pace.left(p, now); left > 0 {
		text = Span(left)
	}
	put(b.left, text)
}

func (b *bar) Close() {
	b.bar.Abort(false)
	b.box.Wait()
}

// pace is how fast an upload goes: since when, and what was on the other side then.
type pace struct {
	begun time.Time
	part  int
	there int64
}

// left is how long the rest takes at that pace. Parts that are sent once more since the other side has lost them
// begin a pace of their own: what was sent of them before is to be sent again.
func (w *pace) left(p publisher.Progress, now time.Time) time.Duration {
	switch {
	case w.part == 0:
		w.there = p.Skipped
	case p.Part < w.part:
		w.begun, w.there = now, p.Arrived
	}
	w.part, p.Skipped = p.Part, w.there
	return remaining(p, now.Sub(w.begun))
}

// ETA writes how long the rest of an upload takes at the speed so far; nothing if that is not known.
// It counts what the other side has taken since the upload began, not what waits in this machine,
// nor what an earlier publish has sent.
func ETA(p publisher.Progress, since time.Duration) string {
	if left := remaining(p, since); left > 0 {
		return Span(left)
	}
	return ""
}

func remaining(p publisher.Progress, since time.Duration) time.Duration {
	done := p.Arrived - p.Skipped
	if done <= 0 || p.Arrived >= p.Total || since <= 0 {
		return 0
	}
	return time.Duration(float64(since) / float64(done) * float64(p.Total-p.Arrived))
}
