package remote

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// The states of a publication.
const (
	Running     = "running"
	Succeeded   = "succeeded"
	Failed      = "failed"
	Interrupted = "interrupted" // the engine ended before it did
)

// Publication is one publish, as the history keeps it.
type Publication struct {
	ID       int64     `json:"id"`
	Site     int64     `json:"site"`
	Login    string    `json:"login"`
	Schedule int64     `json:"schedule,omitempty"` // whose run it is; 0 for one that was asked for
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	Options  Options   `json:"options"`
	Progress Progress  `json:"progress"`
	Outcome  Outcome   `json:"outcome"`
}

// Progress is how far a publish has come.
type Progress struct {
	Stage string `json:"stage,omitempty"` // export, or the call that is made
	Part  int    `json:"part,omitempty"`
	Parts int    `json:"parts,omitempty"`
	Done  int64  `json:"done,omitempty"` // bytes of the archive
	Total int64  `json:"total,omitempty"`
	Retry int    `json:"retry,omitempty"`
	Why   string `json:"why,omitempty"` // of the retry
}

// Outcome is what came of a publish.
type Outcome struct {
	Request   int64                `json:"request,omitempty"`
	Parts     int                  `json:"parts,omitempty"`
	Bytes     int64                `json:"bytes,omitempty"`
	Items     map[content.Kind]int `json:"items,omitempty"`
	Deletions int                  `json:"deletions,omitempty"`
	Weak      []string             `json:"weak_references,omitempty"`
	Warnings  []string             `json:"warnings,omitempty"`
	Message   string               `json:"message,omitempty"` // of a failure
	Cure      string               `json:"cure,omitempty"`
	Kind      failure.Kind         `json:"kind,omitempty"` // of a call to live that failed
	Code      content.Code         `json:"code,omitempty"` // of a reason of the engine's own
	Missing   []string             `json:"missing_references,omitempty"`
}

// fail notes why a publish failed.
func (o *Outcome) fail(err error) {
	o.Message = err.Error()
	var f *failure.Failure
	var e *content.Error
	switch {
	case errors.As(err, &f):
		o.Message, o.Cure, o.Missing, o.Kind = f.Error(), f.Cure, f.References, f.Kind
	case errors.As(err, &e):
		o.Code = e.Code
	}
}

func progressOf(p publisher.Progress) Progress {
	out := Progress{Stage: string(p.Stage), Part: p.Part, Parts: p.Parts, Done: p.Done, Total: p.Total, Retry: p.Retry}
	if p.Err != nil {
		out.Why = p.Err.Msg
	}
	return out
}

// A publication that is running has a lease, which its process renews. When it is over, the process
// is gone.
const (
	leaseTime = 30 * time.Second
	beatTime  = leaseTime / 3
)

// begin writes the publication down. Only one of a site runs at a time: another one is Busy.
func (s *Staging) begin(ctx context.Context, p Publication) (Publication, error) {
	err := s.store.Change(ctx, func(tx *content.Tx) (err error) {
		p, err = s.beginIn(ctx, tx, p)
		return err
	})
	return p, err
}

func (s *Staging) beginIn(ctx context.Context, tx *content.Tx, p Publication) (Publication, error) {
	if err := s.sweepIn(ctx, tx); err != nil {
		return p, err
	}
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM publications WHERE site = ? AND state = ?`,
		p.Site, Running).Scan(&n)
	if err != nil {
		return p, err
	}
	if n > 0 {
		return p, content.Errorf(Busy, "another publish of site %d is running", p.Site)
	}
	options, err := json.Marshal(p.Options)
	if err != nil {
		return p, err
	}
	p.State, p.Started = Running, s.store.Now()
	res, err := tx.ExecContext(ctx, `INSERT INTO publications (site, login, schedule, state, started, lease, options)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, p.Site, p.Login, p.Schedule, p.State, content.Stamp(p.Started),
		lease(p.Started), string(options))
	if err != nil {
		return p, err
	}
	p.ID, err = res.LastInsertId()
	return p, err
}

// lease is until when a process that lives renews what it holds, in a form that sorts.
func lease(now time.Time) string { return sortable(now.Add(leaseTime)) }

func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// sweepIn marks the publications whose process is gone.
func (s *Staging) sweepIn(ctx context.Context, tx *content.Tx) error {
	out, err := json.Marshal(Outcome{Message: "the engine ended before the publish did",
		Cure: "look at the live site's history, then publish again: stagelock staging relaunch"})
	if err != nil {
		return err
	}
	now := s.store.Now()
	_, err = tx.ExecContext(ctx, `UPDATE publications SET state = ?, finished = ?, outcome = ?
		WHERE state = ? AND lease < ?`, Interrupted, content.Stamp(now), string(out), Running, sortable(now))
	return err
}

// beat renews the lease of a publication until the func that it returns is called.
func (s *Staging) beat(ctx context.Context, id int64) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(beatTime)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			_ = s.store.Change(ctx, func(tx *content.Tx) error { // the next beat tries again
				_, err := tx.ExecContext(ctx, `UPDATE publications SET lease = ? WHERE id = ? AND state = ?`,
					lease(s.store.Now()), id, Running)
				return err
			})
		}
	}()
	return func() { cancel(); <-done }
}

// note keeps the progress where others see it, each new step and part.
func (s *Staging) note(ctx context.Context, p Publication) {
	b, err := json.Marshal(p.Progress)
	if err != nil {
		return
	}
	_ = s.store.Change(ctx, func(tx *content.Tx) error { // progress that is lost is no failure of the publish
		_, err := tx.ExecContext(ctx, `UPDATE publications SET progress = ? WHERE id = ?`, string(b), p.ID)
		return err
	})
}

func (s *Staging) finish(ctx context.Context, p Publication) error {
	b, err := json.Marshal(p.Outcome)
	if err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *content.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE publications SET state = ?, finished = ?, outcome = ? WHERE id = ?`,
			p.State, content.Stamp(p.Finished), string(b), p.ID)
		return err
	})
}

const publicationColumns = `id, site, login, schedule, state, started, finished, options, progress, outcome`

func scanPublication(row interface{ Scan(...any) error }) (p Publication, err error) {
	var started, finished, options, progress, outcome string
	err = row.Scan(&p.ID, &p.Site, &p.Login, &p.Schedule, &p.State, &started, &finished, &options, &progress, &outcome)
	if err != nil {
		return p, err
	}
	if p.Started, err = time.Parse(time.RFC3339Nano, started); err != nil {
		return p, err
	}
	if finished != "" {
		if p.Finished, err = time.Parse(time.RFC3339Nano, finished); err != nil {
			return p, err
		}
	}
	return p, errors.Join(json.Unmarshal([]byte(options), &p.Options), json.Unmarshal([]byte(progress), &p.Progress),
		json.Unmarshal([]byte(outcome), &p.Outcome))
}

// NoPublication is the code of what needs a publication that there is.
const NoPublication content.Code = "no-publication" // id

// Publication returns one publication of the history.
func (s *Staging) Publication(ctx context.Context, id int64) (Publication, error) {
	p, err := scanPublication(s.store.QueryRowContext(ctx,
		`SELECT `+publicationColumns+` FROM publications WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, content.Errorf(NoPublication, "there is no publication %d", id)
	}
	return p, err
}

// History returns the publications of a site, newest first.
func (s *Staging) History(ctx context.Context, site int64) ([]Publication, error) {
	if err := s.store.Change(ctx, func(tx *content.Tx) error { return s.sweepIn(ctx, tx) }); err != nil {
		return nil, err
	}
	return content.Collect(ctx, s.store, func(r *sql.Rows) (Publication, error) { return scanPublication(r) },
		`SELECT `+publicationColumns+` FROM publications WHERE site = ? ORDER BY id DESC`, site)
}
