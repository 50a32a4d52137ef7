package remote

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Schedule is a publish that is carried out again and again.
type Schedule struct {
	ID      int64     `json:"id"`
	Site    int64     `json:"site"`
	Login   string    `json:"login"`          // who publishes
	Cron    string    `json:"cron"`           // five fields, or six with the seconds first
	Zone    string    `json:"zone"`           // time zone of the fields, such as Europe/Berlin
	Start   time.Time `json:"start,omitzero"` // no run begins earlier
	Until   time.Time `json:"until,omitzero"` // no run begins later
	Next    time.Time `json:"next"`
	Options Options   `json:"options"`
}

// Why a schedule was not made or found, each with the values that its Error carries.
const (
	BadSchedule content.Code = "bad-schedule" // what is wrong
	NoSchedule  content.Code = "no-schedule"  // id
)

// parseCron reads the times of a schedule.
func parseCron(text, zone string) (cron.Schedule, *time.Location, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, nil, content.Errorf(BadSchedule, "there is no time zone %q", zone)
	}
	fields := strings.Fields(text)
	if strings.ContainsAny(text, "=@") || len(fields) != 5 && len(fields) != 6 {
		return nil, nil, content.Errorf(BadSchedule, "the publication schedule %q is invalid: want five fields "+
			"(minute hour day month weekday), or six with the seconds first", text)
	}
	if len(fields) == 6 && strings.ContainsAny(fields[5], "0123456789") {
		return nil, nil, content.Errorf(BadSchedule, "the publication schedule %q is invalid: "+
			"write weekdays by name, such as MON: in six fields some count them from 1, some from 0", text)
	}
	options := cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow
	if len(fields) == 6 {
		options |= cron.Second
	}
	s, err := cron.MustNewParser(options).Parse(text)
	if err != nil {
		return nil, nil, content.Errorf(BadSchedule, "%s", "the publication schedule is invalid: "+err.Error())
	}
	return s, loc, nil
}

// next returns the first time of the schedule behind now, and false if there is none.
func (sc Schedule) next(now time.Time) (time.Time, bool, error) {
	s, loc, err := parseCron(sc.Cron, sc.Zone)
	if err != nil {
		return time.Time{}, false, err
	}
	if first := sc.Start.Add(-time.Nanosecond); !sc.Start.IsZero() && first.After(now) {
		now = first
	}
	t := s.Next(now.In(loc))
	return t.UTC(), !t.IsZero() && (sc.Until.IsZero() || !t.After(sc.Until)), nil
}

// Schedule makes a schedule. Live is asked now, and again whenever it runs.
func (s *Staging) Schedule(ctx context.Context, sc Schedule) (Schedule, error) {
	if sc.Zone == "" {
		sc.Zone = "UTC"
	}
	next, err := sc.first(s.store.Now())
	if err != nil {
		return sc, err
	}
	_, u, err := s.admit(ctx, sc.Login, sc.Site, sc.Options)
	if err != nil {
		return sc, err
	}
	options, err := json.Marshal(sc.Options)
	if err != nil {
		return sc, err
	}
	sc.Next, sc.Login = next, u.Email
	err = s.store.Change(ctx, func(tx *content.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO schedules (site, login, cron, zone, start, until, options, next)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, sc.Site, sc.Login, sc.Cron, sc.Zone, bound(sc.Start), bound(sc.Until),
			string(options), sortable(sc.Next))
		if err != nil {
			return err
		}
		sc.ID, err = res.LastInsertId()
		return err
	})
	return sc, err
}

// first is the time of the first run of a schedule that is made now.
func (sc Schedule) first(now time.Time) (time.Time, error) {
	switch {
	case !sc.Start.IsZero() && !sc.Start.After(now):
		return now, content.Errorf(BadSchedule, "%s", "the start of the schedule must be in the future")
	case !sc.Start.IsZero() && !sc.Until.IsZero() && sc.Until.Before(sc.Start):
		return now, content.Errorf(BadSchedule, "%s", "the schedule ends before it starts")
	case !sc.Until.IsZero() && !sc.Until.After(now):
		return now, content.Errorf(BadSchedule, "%s", "the end of the schedule must be in the future")
	}
	next, runs, err := sc.next(now)
	if err == nil && !runs {
		err = content.Errorf(BadSchedule, "the publication schedule %q never runs", sc.Cron)
	}
	return next, err
}

// bound is a bound of a schedule as the database keeps it, and readBound reads it.
func bound(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return content.Stamp(t)
}

func readBound(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

// Unschedule ends a schedule. A run that has begun goes on.
func (s *Staging) Unschedule(ctx context.Context, id int64) error {
	return s.store.Change(ctx, func(tx *content.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM schedules WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, content.Errorf(NoSchedule, "there is no schedule %d", id))
		}
		return nil
	})
}

const scheduleColumns = `id, site, login, cron, zone, start, until, options, next`

func scanSchedule(r *sql.Rows) (sc Schedule, err error) {
	var start, until, options, next string
	if err := r.Scan(&sc.ID, &sc.Site, &sc.Login, &sc.Cron, &sc.Zone, &start, &until, &options, &next); err != nil {
		return sc, err
	}
	for text, to := range map[string]*time.Time{next: &sc.Next, start: &sc.Start, until: &sc.Until} {
		if *to, err = readBound(text); err != nil {
			return sc, err
		}
	}
	return sc, json.Unmarshal([]byte(options), &sc.Options)
}

// Schedules returns the schedules of a site, by id.
func (s *Staging) Schedules(ctx context.Context, site int64) ([]Schedule, error) {
	return content.Collect(ctx, s.store, scanSchedule,
		`SELECT `+scheduleColumns+` FROM schedules WHERE site = ? ORDER BY id`, site)
}

// claim takes the schedules that are due, each of them once whoever else looks: with the claim the
// next run is set and the publication is begun. A site that publishes already is skipped.
func (s *Staging) claim(ctx context.Context) (begun []Publication, err error) {
	err = s.store.Change(ctx, func(tx *content.Tx) error {
		now := s.store.Now()
		due, err := content.Collect(ctx, tx, scanSchedule,
			`SELECT `+scheduleColumns+` FROM schedules WHERE next <= ? ORDER BY next, id`, sortable(now))
		if err != nil {
			return err
		}
		for _, sc := range due {
			p, err := s.claimOne(ctx, tx, sc, now)
			if errors.Is(err, Busy) {
				continue
			}
			if err != nil {
				return err
			}
			begun = append(begun, p)
		}
		return nil
	})
	return begun, err
}

func (s *Staging) claimOne(ctx context.Context, tx *content.Tx, sc Schedule, now time.Time) (Publication, error) {
	p, err := s.beginIn(ctx, tx, Publication{Site: sc.Site, Login: sc.Login, Schedule: sc.ID, Options: sc.Options})
	if err != nil {
		return p, err // a busy site stays due
	}
	next, more, err := sc.next(now)
	if err != nil {
		return p, err
	}
	if !more {
		_, err = tx.ExecContext(ctx, `DELETE FROM schedules WHERE id = ?`, sc.ID)
		return p, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE schedules SET next = ? WHERE id = ?`, sortable(next), sc.ID)
	return p, err
}

// RunDue publishes what is due, and returns when all of it ended and how many there were.
func (s *Staging) RunDue(ctx context.Context) (int, error) {
	due, err := s.claim(ctx)
	if err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	for _, p := range due {
		wg.Go(func() { s.runOne(ctx, p) })
	}
	wg.Wait()
	return len(due), nil
}

func (s *Staging) runOne(ctx context.Context, p Publication) {
	st, u, err := s.admit(ctx, p.Login, p.Site, p.Options)
	if err == nil {
		s.carryOut(ctx, p, st, u, nil)
		return
	}
	p.State, p.Finished = Failed, s.store.Now()
	p.Outcome.fail(err)
	_ = s.finish(context.WithoutCancel(ctx), p) // its lease runs out, and then it is interrupted
}

// lookTime is how often schedules are looked at; another process may have made one.
const lookTime = time.Second

// Run publishes what is due until ctx ends, and returns when the last publish did.
func (s *Staging) Run(ctx context.Context) error {
	t := time.NewTicker(lookTime)
	defer t.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		due, err := s.claim(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		for _, p := range due {
			wg.Go(func() { s.runOne(ctx, p) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
