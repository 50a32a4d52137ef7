package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
)

// unconfirmed has a server wait at each commit for a standby that is not there, unless the commit does not
// wait for any disk. The func that it returns ends that.
func unconfirmed(t *testing.T, url string) (confirm func()) {
	t.Helper()
	exec(t, url, `ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
	exec(t, url, `SELECT pg_reload_conf()`)
	shows(t, url, `SELECT 'nobody' = current_setting('synchronous_standby_names')`)
	return func() {
		exec(t, url, `ALTER SYSTEM RESET synchronous_standby_names`)
		exec(t, url, `SELECT pg_reload_conf()`)
	}
}

// shows waits until a query answers true, each time on another connection.
func shows(t *testing.T, url, query string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		var yes bool
		c, err := pgx.Connect(context.Background(), url)
		must(t, err)
		err = c.QueryRow(context.Background(), query).Scan(&yes)
		must(t, c.Close(context.Background()))
		must(t, err)
		if yes {
			return
		}
		select {
		case <-late:
			t.Fatalf("%s is not true", query)
		default:
		}
	}
}

// A lazy append does not wait for the server's disk, nor for that of a standby that must confirm; an append
// and a flush do, on the same connections.
func TestLazyAppendsDoNotWaitForTheDisk(t *testing.T) {
	server := own(t)
	s, err := postgres.Open(context.Background(), postgres.Config{URL: server.URL(), Cluster: "live", Patience: time.Minute})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	log := s.Logs().Log("gate-a").(store.Lazy)
	rec := func(seq store.Seq) []store.Record {
		return []store.Record{{Seq: seq, Body: fmt.Appendf(nil, `{"n":%d}`, seq)}}
	}
	seq := store.Seq(0)
	for _, tt := range []struct {
		name string
		do   func() error
	}{
		{"an append", func() error { seq++; return log.Append(context.Background(), rec(seq)) }},
		{"a flush", func() error { return log.Flush(context.Background(), seq) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			confirm := unconfirmed(t, server.URL())
			for range 3 {
				seq++
				must(t, log.AppendLazily(context.Background(), rec(seq)))
			}
			done := make(chan error, 1)
			go func() { done <- tt.do() }()
			shows(t, server.URL(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')`)
			select {
			case err := <-done:
				t.Errorf("it did not wait: %v", err)
				confirm()
			default:
				confirm()
				must(t, <-done)
			}
		})
	}
	last, err := log.Last(context.Background())
	if err != nil || last.Seq != seq {
		t.Errorf("the log ends at %d, %v, want %d", last.Seq, err, seq)
	}
}
