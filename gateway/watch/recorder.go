package watch

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/trail"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/store"
)

// Log is the audit log as it is written. *audit.Log is one.
type Log interface {
	Append(ctx context.Context, ev audit.Event) (store.Seq, error)
	AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error)
	Write(ctx context.Context, ev audit.Event) (store.Seq, error)
}

// Meter counts. *metrics.Metrics is one.
type Meter interface {
	Recorded(kind string)
	OutcomeLost()
	Publish(p metrics.Publish)
}

// Requests knows staging requests, also those that another process made. store.Requests is one.
type Requests interface {
	Request(ctx context.Context, id int64) (store.Request, error)
}

// Config is what a Recorder is built from.
type Config struct {
	Audit    Log
	Meter    Meter
	Requests Requests
	// Shared says that other gateways see calls of the same publishes: one that has come to nothing here
	// may have ended there, and is not told.
	Shared bool
	Log    *logrus.Entry
	Now    func() time.Time
}

// Recorder is an audit log that is looked at while it is written. It is safe for concurrent use.
type Recorder struct {
	cfg       Config
	publishes *trail.Follower
}

// NewRecorder returns a Recorder that has seen nothing yet.
func NewRecorder(c Config) (*Recorder, error) {
	if c.Audit == nil || c.Meter == nil || c.Requests == nil || c.Log == nil || c.Now == nil {
		return nil, errors.New("watch: a part of its configuration is missing")
	}
	r := &Recorder{cfg: c}
	r.publishes = trail.NewFollower(r.ended)
	return r, nil
}

// Append is that of the log.
func (r *Recorder) Append(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.write(ctx, ev, r.cfg.Audit.Append)
}

// AppendSoon is that of the log.
func (r *Recorder) AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.write(ctx, ev, r.cfg.Audit.AppendSoon)
}

// Write is that of the log.
func (r *Recorder) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.write(ctx, ev, r.cfg.Audit.Write)
}

func (r *Recorder) write(
	ctx context.Context, ev audit.Event, write func(context.Context, audit.Event) (store.Seq, error),
) (store.Seq, error) {
	if ev.Time.IsZero() {
		ev.Time = r.cfg.Now()
	}
	seq, err := write(ctx, ev)
	switch {
	case err == nil:
		r.cfg.Meter.Recorded(string(ev.Kind))
	case ev.Kind == audit.KindOutcome:
		r.cfg.Meter.OutcomeLost()
	default:
		return seq, err
	}
	r.publishes.Take(&ev) // the call has ended, also if nobody could write that down
	return seq, err
}

// lull is how long a publish may go without a call before it is taken for given up.
const lull = 2 * time.Minute

// Run tells of publishes that nobody goes on with, until ctx ends.
func (r *Recorder) Run(ctx context.Context) error {
	t := time.NewTicker(lull / 4)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			r.publishes.GiveUp(r.cfg.Now(), lull)
		}
	}
}

// results are the ends of publishes as metrics and log name them, and how loud the log tells them.
var results = map[trail.PublishEnd]struct {
	name  string
	level logrus.Level
	msg   string
}{
	trail.Published: {"ok", logrus.InfoLevel, "published"},
	trail.Refused:   {"refused", logrus.WarnLevel, "publish refused"},
	trail.Failed:    {"failed", logrus.WarnLevel, "publish failed"},
	trail.Unknown: {
		"unknown",
		logrus.ErrorLevel,
		"nobody knows how a publish ended: look at the live site before it is made again",
	},
	trail.Unfinished: {"unfinished", logrus.WarnLevel, "publish given up by its publisher"},
}

// whole adds what another process has seen of a publish: one before a restart, or another gateway.
func (r *Recorder) whole(p trail.Publish) trail.Publish {
	if p.Request == 0 {
		return p
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	known, err := r.cfg.Requests.Request(ctx, p.Request)
	if err != nil {
		return p // what this process has seen is told
	}
	if known.PartBytes > p.Bytes {
		p.Parts, p.Bytes = known.PartCount, known.PartBytes
	}
	if !known.CreatedAt.IsZero() && known.CreatedAt.Before(p.Begun) {
		p.Begun = known.CreatedAt
	}
	return p
}

// askTime is how long the store may take to tell of a request.
const askTime = 2 * time.Second

// ended counts a publish and says how it ended, in one line.
func (r *Recorder) ended(p trail.Publish) {
	if r.cfg.Shared && p.End == trail.Unfinished {
		return
	}
	p = r.whole(p)
	how, took := results[p.End], max(0, p.Last.Sub(p.Begun))
	r.cfg.Meter.Publish(metrics.Publish{Peer: p.Peer, Result: how.name, Took: took, Bytes: p.Bytes})
	fields := logrus.Fields{
		"by": p.Peer, "login": p.Login, "peer": p.Addr.String(), "site": p.Site, "archive": p.Archive, "parts": p.Parts,
		"bytes": p.Bytes, "took": took.Round(time.Millisecond).String(), "result": how.name, "req": p.Ref,
	}
	for name, value := range map[string]string{"reason": string(p.Reason), "detail": p.Detail} {
		if value != "" {
			fields[name] = value
		}
	}
	r.cfg.Log.WithFields(fields).Log(how.level, how.msg)
}
