package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

const (
	// MaxGroup bounds how many events share an fsync.
	MaxGroup = 256
	// patience is how long an event that nobody waits for lets others come whose fsync it shares.
	patience = 10 * time.Millisecond
	// gatherMost bounds how long a group waits for those who came for the one before, and gatherShare which
	// part of the time that one took.
	gatherMost, gatherShare = time.Millisecond, 4
	// NoteField is the field that holds a checkpoint in an event.
	NoteField = "checkpoint"
	// HadField is the field of an alarm that holds how many records a log had that was set back.
	HadField = "had"
)

// pending is an event that waits for the writer, its members encoded already.
type pending struct {
	members []byte
	seq     store.Seq
	done    chan error
	patient bool // may wait for another event
	lazy    bool // need not be on disk when it is done
}

func (l *Log) newPending(ev *Event) *pending {
	p, ok := l.free.Get().(*pending)
	if !ok {
		p = &pending{done: make(chan error, 1)}
	}
	p.members = appendEvent(p.members[:0], ev)
	p.seq, p.patient, p.lazy = 0, false, false
	return p
}

// writer is what the goroutine that writes the log knows.
type writer struct {
	chain     *chain.Chain
	seq       store.Seq    // of the last record
	head      chain.Digest // its hash
	uncovered int          // events that no checkpoint covers
	unsaved   bool         // one was signed that the file was not written for, if callers write
	parked    []*pending   // that wait for another event; if callers write, theirs no more
	group     []*pending   // room for a group
	saveErr   error        // why the file does not hold the newest checkpoint
	flushErr  error        // why the tail is not on disk
	slab      []byte
	ends      []int
	recs      []store.Record
	expect    int            // how many came for the groups before
	took      time.Duration  // to append the last one
	begun     bool           // this process has written
	doubtful  []chain.Digest // last records of groups that may have been kept, see doubt
	tail      tail

	checkpoint, late, flush, gathering *alarm // if run writes
}

// run takes events until the log closes. The timers run while something is not covered by a
// checkpoint, is parked, or not on disk.
func (l *Log) run(ctx context.Context) {
	defer close(l.ended)
	w := &l.w
	for _, a := range []*alarm{w.checkpoint, w.late, w.flush, w.gathering} {
		defer a.timer.Stop()
	}
	for {
		select {
		case p := <-l.groups:
			l.inTurn(func() { l.take(ctx, p) })
		case <-w.late.timer.C:
			l.inTurn(func() { l.wake(ctx) })
		case <-w.checkpoint.timer.C:
			l.inTurn(func() { l.due(ctx) })
		case <-w.flush.timer.C:
			l.inTurn(func() {
				w.flush.armed = false
				l.flush(ctx)
			})
		case f := <-w.tail.flushed: // only this goroutine changes it
			l.inTurn(func() { l.settled(ctx, f) })
		case <-l.quit:
			l.inTurn(func() { l.last(ctx) })
			return
		}
	}
}

// inTurn does something with the log while nobody else does.
func (l *Log) inTurn(do func()) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	do()
	l.armFlush()
}

// take parks an event, or writes it with all that wait.
func (l *Log) take(ctx context.Context, p *pending) {
	if l.w.park(p) {
		l.w.late.arm()
		return
	}
	_ = l.commit(ctx, l.group(p)) // Err tells
	l.w.checkpoint.arm()
}

// wake writes what was parked for long enough.
func (l *Log) wake(ctx context.Context) {
	l.w.late.armed = false
	if len(l.w.parked) > 0 {
		_ = l.commit(ctx, l.group(nil)) // Err tells
		l.w.checkpoint.arm()
	}
}

// due makes a checkpoint.
func (l *Log) due(ctx context.Context) {
	l.w.checkpoint.armed = false
	if l.sign(ctx); l.unsigned() {
		l.w.checkpoint.arm()
	}
}

// last writes what waits, and a checkpoint over everything, with which it is on disk.
func (l *Log) last(ctx context.Context) {
	if l.w.tail.flushed != nil {
		l.settled(ctx, <-l.w.tail.flushed)
	}
	if len(l.w.parked) > 0 {
		_ = l.commit(ctx, l.group(nil)) // Err tells
	}
	l.sign(ctx)
}

// alarm is a timer that runs or does not.
type alarm struct {
	timer *time.Timer
	after time.Duration
	armed bool
}

func newAlarm(after time.Duration) *alarm {
	a := &alarm{timer: time.NewTimer(after), after: after}
	a.timer.Stop() // nothing is sent after that
	return a
}

func (a *alarm) arm() {
	if !a.armed {
		a.timer.Reset(a.after)
		a.armed = true
	}
}

func (a *alarm) disarm() {
	if a.armed {
		a.timer.Stop() // nothing is sent after that
		a.armed = false
	}
}

// park keeps an event until another one comes, unless it is in a hurry or many wait already.
func (w *writer) park(p *pending) bool {
	if !p.patient || len(w.parked) >= MaxGroup/2 {
		return false
	}
	w.parked = append(w.parked, p)
	return true
}

// group adds first, unless it is nil, and every event that waits already to those that are parked.
func (l *Log) group(first *pending) []*pending {
	group := l.w.group[:0]
	group = append(group, l.w.parked...)
	l.w.parked = l.w.parked[:0]
	if first != nil {
		group = append(group, first)
	}
	l.w.group = l.gather(group)
	return l.w.group
}

// gather adds to a group who waits already, and who comes soon. Callers who were told together come again
// together, some of them a moment too late: without them a group is written for the first ones alone while the
// rest waits, and every second group is a small one. So as many are waited for as came before, for a part of
// the time that writing takes. Who is alone waits for nobody.
func (l *Log) gather(group []*pending) []*pending {
	w, came := &l.w, 0
	for _, p := range group {
		came += p.comes()
	}
	for late := false; len(group) < MaxGroup; {
		p := l.next()
		if p == nil && !late && came > 0 && came < w.expect {
			p = l.soon()
			late = p == nil
		}
		if p == nil {
			break
		}
		group, came = append(group, p), came+p.comes()
	}
	w.gathering.disarm()
	w.expect = max(came, w.expect*3/4)
	return group
}

// comes is 1 for an event that somebody waits for, who may come again.
func (p *pending) comes() int {
	if p.patient {
		return 0
	}
	return 1
}

// soon returns the next event; nil if none comes in the time that a group has.
func (l *Log) soon() *pending {
	l.w.gathering.after = min(gatherMost, l.w.took/gatherShare)
	l.w.gathering.arm()
	select {
	case p := <-l.groups:
		return p
	case <-l.w.gathering.timer.C:
		l.w.gathering.armed = false
		return nil
	}
}

// next returns an event that waits already; nil if there is none.
func (l *Log) next() *pending {
	select {
	case p := <-l.groups:
		return p
	default:
		return nil
	}
}

func (l *Log) unsigned() bool { return l.w.uncovered > 0 || l.w.saveErr != nil }

// note keeps what Err reports after a write.
func (l *Log) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(err, l.w.flushErr, l.w.saveErr)
}

// saved keeps whether the file of the newest checkpoint was written.
func (l *Log) saved(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.saveErr = err
}

// sign makes a checkpoint of what none covers yet, or saves one again that could not be saved.
func (l *Log) sign(ctx context.Context) {
	switch {
	case l.w.uncovered > 0:
		_ = l.commit(ctx, nil) // Err tells
	case l.w.saveErr != nil:
		l.saved(l.save())
		l.note(nil)
	}
}

// commit appends group, and a checkpoint if it is due or there is nothing else, with one fsync;
// then it tells each caller. The file of the newest checkpoint is written after they were told.
func (l *Log) commit(ctx context.Context, group []*pending) error {
	w := &l.w
	signed := len(group) == 0 || w.uncovered+len(group) >= l.cfg.CheckpointEvery
	begun := time.Now()
	err := l.keep(ctx, l.place(group, signed), func() error { return l.build(group, signed) })
	w.took = time.Since(begun)
	l.note(err) // before they are told, who may ask Err
	for i, p := range group {
		if err == nil {
			p.seq = w.recs[i].Seq
		}
		p.done <- err
	}
	if err != nil {
		return err
	}
	w.uncovered += len(group)
	if signed {
		w.uncovered = 0
		l.saved(l.save())
		l.note(nil)
	}
	return nil
}

// build makes the records of group, and of a checkpoint over all of them.
func (l *Log) build(group []*pending, signed bool) error {
	w := &l.w
	w.slab, w.ends, w.recs = w.slab[:0], w.ends[:0], w.recs[:0]
	for _, p := range group {
		w.add(p.members)
	}
	if signed {
		members, err := l.checkpointMembers()
		if err != nil {
			return err
		}
		w.add(members)
	}
	start := 0
	for i, end := range w.ends {
		seq := w.seq - store.Seq(len(w.ends)-1-i)
		w.recs = append(w.recs, store.Record{Seq: seq, Body: w.slab[start:end]})
		start = end
	}
	return nil
}

// add appends one line to the slab.
func (w *writer) add(members []byte) {
	w.seq++
	w.slab = slices.Grow(w.slab, len(members)+chain.Overhead)
	w.slab, w.head = w.chain.AppendLine(w.slab, w.seq, members, w.head)
	w.ends = append(w.ends, len(w.slab))
}

// checkpoint is what there is of the log.
func (l *Log) checkpoint(now time.Time) chain.Checkpoint {
	return chain.Checkpoint{Size: l.w.seq, Head: l.w.head, Node: l.cfg.Node, At: now}
}

func (l *Log) checkpointMembers() ([]byte, error) {
	now := l.cfg.Now()
	msg, err := l.signer.Note(l.checkpoint(now), chain.Newest)
	if err != nil {
		return nil, err
	}
	ev := Event{Kind: KindCheckpoint, Time: now, Node: l.cfg.Node,
		Fields: map[string]string{NoteField: string(msg)}}
	return appendEvent(nil, &ev), nil
}

// save writes the file of the newest checkpoint, which covers the whole log, its last checkpoint
// record too.
func (l *Log) save() error { return l.saveOf(l.checkpoint(l.cfg.Now())) }

func (l *Log) saveOf(c chain.Checkpoint) error {
	msg, err := l.signer.Note(c, chain.Newest)
	if err != nil {
		return err
	}
	if err := files.Replace(l.cfg.Checkpoint, msg, 0o644); err != nil {
		return fmt.Errorf("newest checkpoint: %w", err)
	}
	l.signed.Store(c.At.UnixNano())
	return nil
}
