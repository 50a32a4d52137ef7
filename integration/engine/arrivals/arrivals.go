package arrivals

import (
	"context"
	"database/sql"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// The states of an arrival.
const (
	Running     = "running"
	Succeeded   = "succeeded"
	Failed      = "failed"
	Interrupted = "interrupted" // the engine ended before the import did: nothing of it is there
)

// The stages of an arrival that is running.
const (
	Checking  = "checking"  // the archive is put together and held to the site
	Unpacking = "unpacking" // its entries are stored, but nothing points at them yet
	Applying  = "applying"  // they become the content of the site, all at once
)

// Arrival is one publish as live sees it.
type Arrival struct {
	ID, Site, Request  int64
	Login              string
	State, Stage       string
	Started            time.Time
	Seen               time.Time // the last sign of life, or when it ended
	Entries, OfEntries int
	Bytes, OfBytes     int64  // unpacked
	Publish            int64  // what it became, 0 if it is not there
	Message            string // of a failure
}

// Log keeps arrivals in a store. It is safe for concurrent use, also by another process.
type Log struct{ store *content.Store }

// Open returns the log of a store, after it marked the imports of engines that are gone as interrupted
// if no other process has the folder open.
func Open(ctx context.Context, store *content.Store) (*Log, error) {
	l := &Log{store}
	if !store.Alone() {
		return l, nil
	}
	return l, store.Change(ctx, func(tx *content.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE arrivals SET state = ?, message = ? WHERE state = ?`, Interrupted,
			"the engine ended before the import did; nothing of it is there: publish again", Running)
		return err
	})
}

// Begin writes an arrival down that was just asked for.
func (l *Log) Begin(ctx context.Context, a Arrival) (*Entry, error) {
	a.State, a.Stage, a.Started = Running, Checking, l.store.Now()
	e := &Entry{log: l}
	return e, l.store.Change(ctx, func(tx *content.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO arrivals (site, request, login, state, stage, started, seen)
			VALUES (?, ?, ?, ?, ?, ?, ?)`, a.Site, a.Request, a.Login, a.State, a.Stage,
			content.Stamp(a.Started), content.Stamp(a.Started))
		if err != nil {
			return err
		}
		a.ID, err = res.LastInsertId()
		e.Arrival = a
		return err
	})
}

// Entry is an arrival on its way. It belongs to the goroutine that imports.
type Entry struct {
	Arrival
	log  *Log
	told int64 // twentieths of the way that were written down
}

// steps are how many times the way of an import is written down: each is a commit.
const steps = 20

// worth is how many entries or bytes make an import worth more than its stages.
const (
	worthEntries = 100
	worthBytes   = 10 << 20
)

// Progress notes how far the unpacking has come. What cannot be written is lost: it is no failure of
// the import.
func (e *Entry) Progress(ctx context.Context, entries, ofEntries int, bytes, ofBytes int64) {
	e.Entries, e.OfEntries, e.Bytes, e.OfBytes = entries, ofEntries, bytes, ofBytes
	now := max(int64(entries)*steps/max(int64(ofEntries), 1), bytes*steps/max(ofBytes, 1))
	small := ofEntries < worthEntries && ofBytes < worthBytes
	if e.Stage == Unpacking && (small || now <= e.told) {
		return
	}
	e.Stage, e.told = Unpacking, now
	e.write(ctx)
}

// Apply notes that the import begins to change the site. Until it ends nothing more can be written.
func (e *Entry) Apply(ctx context.Context) {
	e.Stage = Applying
	e.write(ctx)
}

func (e *Entry) write(ctx context.Context) {
	_ = e.log.store.Change(ctx, func(tx *content.Tx) error { return e.save(ctx, tx) })
}

func (e *Entry) save(ctx context.Context, tx *content.Tx) error {
	e.Seen = e.log.store.Now()
	_, err := tx.ExecContext(ctx, `UPDATE arrivals SET state = ?, stage = ?, seen = ?, entries = ?, of_entries = ?,
		bytes = ?, of_bytes = ?, publish = ?, message = ? WHERE id = ?`, e.State, e.Stage, content.Stamp(e.Seen),
		e.Entries, e.OfEntries, e.Bytes, e.OfBytes, e.Publish, e.Message, e.ID)
	return err
}

// Arrived notes in the transaction of the import what the arrival became: both are there or neither is.
func (e *Entry) Arrived(ctx context.Context, tx *content.Tx, publish int64) error {
	e.State, e.Publish = Succeeded, publish
	return e.save(ctx, tx)
}

// Fail notes that nothing arrived, and why.
func (e *Entry) Fail(ctx context.Context, why string) {
	e.State, e.Message, e.Publish = Failed, why, 0
	e.write(context.WithoutCancel(ctx))
}

// List returns the arrivals of a site, newest first.
func (l *Log) List(ctx context.Context, site int64) ([]Arrival, error) {
	if _, err := l.store.Site(ctx, site); err != nil {
		return nil, err
	}
	return content.Collect(ctx, l.store, scan, `SELECT id, site, request, login, state, stage, started, seen, entries,
		of_entries, bytes, of_bytes, publish, message FROM arrivals WHERE site = ? ORDER BY id DESC`, site)
}

func scan(r *sql.Rows) (a Arrival, err error) {
	var started, seen string
	err = r.Scan(&a.ID, &a.Site, &a.Request, &a.Login, &a.State, &a.Stage, &started, &seen, &a.Entries, &a.OfEntries,
		&a.Bytes, &a.OfBytes, &a.Publish, &a.Message)
	if err != nil {
		return a, err
	}
	if a.Started, err = time.Parse(time.RFC3339Nano, started); err != nil {
		return a, err
	}
	a.Seen, err = time.Parse(time.RFC3339Nano, seen)
	return a, err
}
