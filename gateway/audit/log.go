package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// How often a log is signed if its Config does not say.
const (
	DefaultEvery    = 1000
	DefaultInterval = 10 * time.Second
)

// Place is where a log and what belongs to it lie.
type Place struct {
	Dir        string // the folder of the records
	Checkpoint string // the file of the newest checkpoint
	Anchor     string // the file that says what was archived
	PublicKey  string
}

// Config says where a log is kept and how often it is signed.
type Config struct {
	Events store.Events
	Node   string // name of this gateway, in every event
	Now    func() time.Time
	Key    ed25519.PrivateKey  // signs checkpoints, see chain.LoadKey
	Former []ed25519.PublicKey // of keys that signed before this one
	// Checkpoint is the file that holds the newest checkpoint. It should not lie where the log
	// lies.
	Checkpoint string
	// Elsewhere says that the folder of that file does not outlive the process: that it is missing is
	// nothing to tell, something else knows how far the log went.
	Elsewhere bool
	// Archived reports, if it is not nil, whether the log was archived up to a record or further.
	Archived func(ctx context.Context, size store.Seq) (bool, error)
	// SetBack is told, if it is not nil, when the store lost the last records of the log while it was
	// written: what else it knew of these moments is lost too.
	SetBack func()
	// A checkpoint is signed after so many events, or this time after an event that none covers. 0
	// means 1000 and 10 s.
	CheckpointEvery    int
	CheckpointInterval time.Duration
}

// Log is an audit log that is being written. It is safe for concurrent use.
type Log struct {
	cfg    Config
	signer chain.Signer
	keys   note.Verifiers
	groups chan *pending // unbuffered: an event that was taken is answered
	quit   chan struct{}
	ended  chan struct{}
	once   sync.Once
	free   sync.Pool // of *pending

	signed atomic.Int64 // when the file of the newest checkpoint was written, in nanoseconds; 0: not yet

	mu    sync.Mutex // guards err and found, and changes of saveErr and flushErr
	err   error
	found string // what was wrong when the log was opened, or since

	lazy     store.Lazy    // the log, if it is one; else nil
	direct   store.Written // the log, if callers write it themselves; else nil
	unsynced chan struct{} // tells runDirect that something was written
	told     atomic.Bool   // it was told
	writing  sync.Mutex    // guards w if callers write, but for saveErr and flushErr

	turn    chan struct{} // has room for who writes, run or a caller who is alone: guards w if callers do not write
	waiting atomic.Int32  // how many callers wait for run, whose events nobody parks

	w writer // guarded by writing or turn
}

// Open continues the log in cfg.Events and begins to write it; the caller closes it. If the log is
// not what its newest checkpoint says, it goes on with an alarm event that keeps the checkpoint as
// evidence. It returns an error if the last record cannot be continued.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	l, err := newLog(cfg)
	if err == nil {
		err = l.resume(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	if l.direct != nil {
		go l.runDirect(context.WithoutCancel(ctx))
	} else {
		l.w.checkpoint.arm()
		go l.run(context.WithoutCancel(ctx))
	}
	return l, nil
}

func newLog(cfg Config) (*Log, error) {
	if cfg.Events == nil || cfg.Now == nil || cfg.Checkpoint == "" {
		return nil, errors.New("events, a clock and a file for the checkpoint are needed")
	}
	s, err := chain.NewSigner(cfg.Key)
	if err != nil {
		return nil, err
	}
	keys, err := chain.Verifiers(cfg.Former, s)
	if err != nil {
		return nil, err
	}
	if cfg.CheckpointEvery <= 0 {
		cfg.CheckpointEvery = DefaultEvery
	}
	if cfg.CheckpointInterval <= 0 {
		cfg.CheckpointInterval = DefaultInterval
	}
	l := &Log{
		cfg: cfg, signer: s, keys: keys,
		groups: make(chan *pending), quit: make(chan struct{}), ended: make(chan struct{}),
		unsynced: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
	l.direct, _ = cfg.Events.(store.Written)
	l.lazy, _ = cfg.Events.(store.Lazy)
	l.w.chain = chain.New()
	l.w.checkpoint, l.w.late, l.w.flush = newAlarm(cfg.CheckpointInterval), newAlarm(patience), newAlarm(syncAfter)
	l.w.gathering = newAlarm(gatherMost)
	return l, nil
}

// resume reads the end of the log and holds it against the newest checkpoint.
func (l *Log) resume(ctx context.Context) error {
	if err := errors.Join(l.readHead(ctx), l.inherit(ctx)); err != nil {
		return err
	}
	msg, err := os.ReadFile(l.cfg.Checkpoint)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (l.w.seq == 0 || l.cfg.Elsewhere):
		return l.save() // so that a missing file means something from now on
	case errors.Is(err, fs.ErrNotExist):
		return l.alarm(ctx, nil, errMissing)
	case err != nil:
		return err
	}
	if diff := l.compare(ctx, msg); diff != nil {
		return l.alarm(ctx, msg, diff)
	}
	return nil
}

var errMissing = errors.New("the file of the newest checkpoint is not there")

// alarm writes what is wrong into the log, with the checkpoint as evidence, as the file will be
// overwritten.
func (l *Log) alarm(ctx context.Context, msg []byte, diff error) error {
	return l.alarmOf(ctx, msg, diff, map[string]string{})
}

// alarmOf is alarm with more fields.
func (l *Log) alarmOf(ctx context.Context, msg []byte, diff error, fields map[string]string) error {
	l.mu.Lock()
	l.found = diff.Error()
	l.mu.Unlock()
	ev := Event{Kind: KindAlarm, Time: l.cfg.Now(), Node: l.cfg.Node, Detail: diff.Error()}
	if ev.Fields = fields; msg != nil {
		ev.Fields[NoteField] = string(msg)
	}
	return l.commit(ctx, []*pending{l.newPending(&ev)})
}

// readHead finds where the chain goes on.
func (l *Log) readHead(ctx context.Context) error {
	last, err := l.cfg.Events.Last(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	split, err := chain.Split(last.Body)
	if err == nil && (split.Seq != last.Seq ||
		!l.w.chain.Whole(split)) {
		err = chain.ErrLine
	}
	if err != nil {
		return fmt.Errorf("record %d, the last, is damaged: keep this log elsewhere, begin anew: %w",
			last.Seq, err)
	}
	l.w.seq, l.w.head = split.Seq, split.Hash
	return nil
}

// inherit has the next event signed at once if whoever wrote the last one did not live to sign it: of a gateway that
// dies again and again, each time before its interval is over, nothing would ever be signed.
func (l *Log) inherit(ctx context.Context) error {
	last, err := l.cfg.Events.Last(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	var ev Event
	if err != nil || json.Unmarshal(last.Body, &ev) == nil && ev.Kind == KindCheckpoint {
		return err
	}
	l.w.uncovered = max(1, l.cfg.CheckpointEvery-1)
	return nil
}

var errFound = errors.New("found")

// compare returns how the log differs from what the checkpoint in msg says.
func (l *Log) compare(ctx context.Context, msg []byte) error {
	c, err := chain.OpenNote(msg, l.keys, chain.Newest)
	if err != nil {
		return err
	}
	if c.Size == 0 {
		return nil
	}
	if c.Size > l.w.seq {
		return fmt.Errorf("the log ends at %d, the newest checkpoint has %d records", l.w.seq,
			c.Size)
	}
	err = l.cfg.Events.Read(ctx, c.Size, func(r store.Record) error {
		if r.Seq > c.Size && l.cfg.Archived != nil {
			if gone, err := l.cfg.Archived(ctx, c.Size); gone && err == nil {
				return errFound
			}
		}
		if split, err := chain.Split(r.Body); err != nil || split.Hash != c.Head {
			return fmt.Errorf("record %d is not the one of the newest checkpoint", r.Seq)
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// Append adds ev and returns its number; it is on disk when Append returns nil. Events that come at
// the same time share an fsync. It returns ErrFull if the disk is full. If ctx ends first, the
// event was not added.
func (l *Log) Append(ctx context.Context, ev Event) (store.Seq, error) {
	return l.append(ctx, ev, now)
}

// AppendSoon is Append for an event that nobody waits for: it lets some milliseconds pass in which
// another event may come whose fsync it can share. If the store is a store.Written it is Write, but for an
// outcome: that leaves with the next event or after 5 ms, has no number yet when AppendSoon returns, and is lost
// with the process. If it is a store.Lazy, AppendSoon and Write are alike after that.
func (l *Log) AppendSoon(ctx context.Context, ev Event) (store.Seq, error) {
	return l.append(ctx, ev, soon)
}

// Prompt reports whether Write and AppendSoon wait for nobody but the kernel.
func (l *Log) Prompt() bool { return l.direct != nil }

// Write is Append for the verdict of a call that changes nothing: what it wrote outlives the process
// when it returns nil, and is on disk within 10 ms or Err says why not. A store that is neither a
// store.Written nor a store.Lazy is waited for.
func (l *Log) Write(ctx context.Context, ev Event) (store.Seq, error) {
	return l.append(ctx, ev, written)
}

// when says what a caller of append waits for.
type when uint8

const (
	now     when = iota // the disk
	written             // that it outlives the process
	soon                // the disk, and it can wait for others
)

func (l *Log) append(ctx context.Context, ev Event, w when) (store.Seq, error) {
	if !appendable[ev.Kind] {
		return 0, fmt.Errorf("audit: no event has kind %q", ev.Kind)
	}
	if ev.Time.IsZero() {
		ev.Time = l.cfg.Now()
	}
	ev.Node = l.cfg.Node
	p := l.newPending(&ev)
	p.patient, p.lazy = w == soon, w != now
	err, parked := ctx.Err(), false
	switch {
	case err != nil:
	case l.direct != nil && w == soon && ev.Kind == KindOutcome:
		parked, err = l.leave(p)
	case l.direct != nil:
		err = l.write(p, w == now)
	default:
		err = l.hand(ctx, p)
	}
	if parked { // p is the log's by now
		return 0, nil
	}
	seq := p.seq
	l.free.Put(p) // nobody waits for it any more
	if err != nil {
		return 0, fmt.Errorf("audit %s event: %w", ev.Kind, err)
	}
	return seq, nil
}

// Alarm returns how the log differed from its newest checkpoint when it was opened, or how it was set
// back since, in plain words; empty if it did not. It is in the log too, and verify goes on saying it.
func (l *Log) Alarm() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found
}

// Signed returns when the newest checkpoint was signed by this process; the zero time before that.
func (l *Log) Signed() time.Time {
	if at := l.signed.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Err returns why the newest event or checkpoint could not be kept, or nil: what health reports.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close signs what no checkpoint covers yet and ends the writer. It does not close the store. It
// may be called again.
func (l *Log) Close() error {
	l.once.Do(func() { close(l.quit) })
	<-l.ended
	return l.Err()
}
