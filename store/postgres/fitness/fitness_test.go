package fitness_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store/postgres/fitness"
)

// server answers as a database server does whose settings are these.
type server struct {
	version, number, commit, fsync, readOnly string
	standby                                  bool
	standbys, synchronous                    int
	ahead                                    time.Duration // of its clock to this machine's
	distance                                 time.Duration
	fails                                    int // at the query of that number, from 1
	asked                                    []string
}

func good() *server {
	return &server{version: "15.6 (Debian)", number: "150006", commit: "on", fsync: "on", readOnly: "off"}
}

var errServer = errors.New("the connection was reset")

func (s *server) ask(_ context.Context, query string, into ...any) error {
	s.asked = append(s.asked, query)
	if len(s.asked) == s.fails {
		return errServer
	}
	if s.distance > 0 {
		<-time.After(s.distance)
	}
	if query == "SELECT {now}" {
		*into[0].(*time.Time) = time.Now().Add(s.ahead)
		return nil
	}
	for i, v := range []any{s.version, s.number, s.commit, s.fsync, s.readOnly} {
		*into[i].(*string) = v.(string)
	}
	*into[5].(*bool), *into[6].(*int), *into[7].(*int) = s.standby, s.standbys, s.synchronous
	return nil
}

// What keeps a gateway from starting, what it is warned of, and what is nobody's business.
func TestOfAServer(t *testing.T) {
	for _, tt := range []struct {
		name             string
		change           func(s *server)
		problem, warning string // a part of the one that there is; empty: none
	}{
		{"as it should be", func(*server) {}, "", ""},
		{"the oldest that is good", func(s *server) { s.number = "150000" }, "", ""},
		{"older", func(s *server) { s.number = "140012" }, "older than PostgreSQL 15: upgrade it", ""},
		{"of the last century", func(s *server) { s.number = "60502" }, "older than PostgreSQL 15", ""},
		{"a later one", func(s *server) { s.number = "190001" }, "", ""},
		{"commits are not waited for", func(s *server) { s.commit = "off" }, "ALTER ROLE … SET synchronous_commit = on", ""},
		{"commits are waited for here", func(s *server) { s.commit = "local" }, "", ""},
		{"commits are waited for at a standby", func(s *server) { s.commit = "remote_apply" }, "", ""},
		{"nothing is flushed", func(s *server) { s.fsync = "off" }, "a power cut destroys the database", ""},
		{"it follows another one", func(s *server) { s.standby = true }, "point the URL at the primary", ""},
		{"it is read-only", func(s *server) { s.readOnly = "on" }, "the database is read-only", ""},
		{"a standby that is not waited for", func(s *server) { s.standbys = 1 }, "", "set synchronous_standby_names"},
		{"one of two is waited for", func(s *server) { s.standbys, s.synchronous = 2, 1 }, "", ""},
		{"it is far away", func(s *server) { s.distance = 60 * time.Millisecond }, "", "place the gateway nearer to it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := good()
			tt.change(s)
			r, err := fitness.Of(t.Context(), s.ask)
			if err != nil {
				t.Fatal(err)
			}
			one(t, "problem", r.Problems, tt.problem)
			one(t, "warning", r.Warnings, tt.warning)
			if refusal := r.Refusal(); (refusal != nil) != (tt.problem != "") {
				t.Errorf("refused: %v", refusal)
			}
		})
	}
}

// one checks that all is the one text that has want in it, or none.
func one(t *testing.T, what string, all []string, want string) {
	t.Helper()
	if want == "" && len(all) > 0 || want != "" && (len(all) != 1 || !strings.Contains(all[0], want)) {
		t.Errorf("%ss %q, want %q", what, all, want)
	}
}

// Everything that is wrong is said at once.
func TestAllProblemsAtOnce(t *testing.T) {
	s := good()
	s.number, s.commit, s.fsync, s.standby = "90600", "off", "off", true
	r, err := fitness.Of(t.Context(), s.ask)
	if err != nil {
		t.Fatal(err)
	}
	refusal := r.Refusal()
	if len(r.Problems) != 4 || refusal == nil || strings.Count(refusal.Error(), "\n") != 3 {
		t.Errorf("%d problems, refused with %v", len(r.Problems), refusal)
	}
}

func TestTheReportHasWhatTheServerSaid(t *testing.T) {
	s := good()
	s.standbys, s.synchronous = 3, 2
	r, err := fitness.Of(t.Context(), s.ask)
	if err != nil {
		t.Fatal(err)
	}
	want := fitness.Report{Version: "15.6 (Debian)", VersionNumber: 150006, SynchronousCommit: "on", Fsync: "on", ReadOnly: "off",
		Standbys: 3, Synchronous: 2, RoundTrip: r.RoundTrip, ClockOffset: r.ClockOffset}
	if r.Problems != nil || r.Warnings != nil || r.Version != want.Version || r.VersionNumber != want.VersionNumber ||
		r.SynchronousCommit != want.SynchronousCommit || r.Fsync != want.Fsync || r.ReadOnly != want.ReadOnly ||
		r.Standbys != want.Standbys || r.Synchronous != want.Synchronous || r.Standby {
		t.Errorf("%+v, want %+v", r, want)
	}
	if len(s.asked) != 4 || s.asked[3] != "SELECT {now}" || !strings.Contains(s.asked[0], "pg_is_in_recovery()") {
		t.Errorf("asked %q", s.asked)
	}
}

// How far this machine's clock is before the server's: a server that is ahead makes it negative.
func TestClockOffset(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		s := good()
		s.ahead = ahead
		r, err := fitness.Of(t.Context(), s.ask)
		if err != nil {
			t.Fatal(err)
		}
		if d := r.ClockOffset + ahead; d.Abs() > 10*time.Second {
			t.Errorf("the server is %s ahead: offset %s", ahead, r.ClockOffset)
		}
	}
}

func TestAServerThatDoesNotAnswer(t *testing.T) {
	for n := 1; n <= 4; n++ {
		s := good()
		s.fails = n
		if r, err := fitness.Of(t.Context(), s.ask); !errors.Is(err, errServer) || r.Version != "" {
			t.Errorf("at query %d: %+v, %v", n, r, err)
		}
	}
	s := good()
	s.number = "15.6"
	if _, err := fitness.Of(t.Context(), s.ask); err == nil || !strings.HasPrefix(err.Error(), "version of the server: ") {
		t.Errorf("a version that is no number: %v", err)
	}
}
