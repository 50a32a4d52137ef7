// Package fitness is what a database server must be like for gateways to keep their calls in it: its version,
// its settings, how far it is. It asks through a func and knows no connection.
package fitness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// minVersion is the oldest server, as server_version_num has it.
	minVersion = 150000
	// slowRoundTrip is a distance that every call would feel.
	slowRoundTrip = 50 * time.Millisecond
)

// Report is what a check found of the server.
type Report struct {
	Version           string        `json:"version"`
	VersionNumber     int           `json:"version_number"`
	SynchronousCommit string        `json:"synchronous_commit"`
	Fsync             string        `json:"fsync"`
	ReadOnly          string        `json:"read_only"`
	Standby           bool          `json:"standby"` // the server follows another one
	Standbys          int           `json:"standbys"`
	Synchronous       int           `json:"synchronous_standbys"`
	RoundTrip         time.Duration `json:"round_trip_ns"`
	ClockOffset       time.Duration `json:"clock_offset_ns"` // of this machine's clock to the server's
	// Problems keep a gateway from starting; Warnings do not.
	Problems []string `json:"problems,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

const serverSettings = `SELECT current_setting('server_version'), current_setting('server_version_num'),
	current_setting('synchronous_commit'), current_setting('fsync'),
	current_setting('default_transaction_read_only'), pg_is_in_recovery(),
	(SELECT count(*) FROM pg_stat_replication),
	(SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))`

// Ask has the server answer a query of one row. {now} in it stands for the store's clock.
type Ask func(ctx context.Context, query string, into ...any) error

// Of asks a server for its settings and how far it is.
func Of(ctx context.Context, ask Ask) (Report, error) {
	var r Report
	var number string
	err := ask(ctx, serverSettings, &r.Version, &number, &r.SynchronousCommit, &r.Fsync, &r.ReadOnly, &r.Standby,
		&r.Standbys, &r.Synchronous)
	if err != nil {
		return Report{}, err
	}
	if r.VersionNumber, err = strconv.Atoi(number); err != nil {
		return Report{}, fmt.Errorf("version of the server: %w", err)
	}
	if r.RoundTrip, r.ClockOffset, err = roundTrip(ctx, ask); err != nil {
		return Report{}, err
	}
	r.judge()
	return r, nil
}

// judge notes what is wrong with what was found.
func (r *Report) judge() {
	for _, rule := range rules {
		if !rule.broken(*r) {
			continue
		}
		if rule.warning {
			r.Warnings = append(r.Warnings, rule.msg)
		} else {
			r.Problems = append(r.Problems, rule.msg)
		}
	}
}

// roundTrip is the best of some, on a connection that is open, and how far this machine's clock is before
// the server's.
func roundTrip(ctx context.Context, ask Ask) (best, offset time.Duration, err error) {
	for range 3 {
		var now time.Time
		begun := time.Now()
		if err := ask(ctx, "SELECT {now}", &now); err != nil {
			return 0, 0, err
		}
		if d := time.Since(begun); best == 0 || d < best {
			best, offset = d, begun.Add(d/2).Round(0).Sub(now)
		}
	}
	return best, offset, nil
}

// TakesNoWrites reports whether the server is a standby, or read-only.
func (r Report) TakesNoWrites() bool { return r.Standby || r.ReadOnly == "on" }

// Refusal is why a gateway does not start on such a server; nil if it may.
func (r Report) Refusal() error {
	var errs []error
	for _, p := range r.Problems {
		errs = append(errs, errors.New(p))
	}
	return errors.Join(errs...)
}

var rules = []struct {
	msg     string
	warning bool
	broken  func(r Report) bool
}{
	{"the database server is older than PostgreSQL 15: upgrade it", false,
		func(r Report) bool { return r.VersionNumber < minVersion }},
	{"synchronous_commit is off, so a crash of the server loses calls that were carried out: " +
		"set it to on, or ALTER ROLE … SET synchronous_commit = on", false,
		func(r Report) bool { return r.SynchronousCommit == "off" }},
	{"fsync is off, so a power cut destroys the database: set it to on", false,
		func(r Report) bool { return r.Fsync == "off" }},
	{"the database is read-only: point the URL at the primary", false,
		Report.TakesNoWrites},
	{"the server has standbys and none is synchronous: a fail-over can lose calls that were carried out; " +
		"set synchronous_standby_names", true,
		func(r Report) bool { return r.Standbys > 0 && r.Synchronous == 0 }},
	{"a round trip to the database takes more than 50 ms, and every call waits for several: " +
		"place the gateway nearer to it", true,
		func(r Report) bool { return r.RoundTrip > slowRoundTrip }},
}
