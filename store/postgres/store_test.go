package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// own starts a server that a test may stop.
func own(t *testing.T) *postgrestest.Server {
	t.Helper()
	s, err := postgrestest.Start(context.Background())
	postgrestest.Here(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// exec runs a statement as an administrator would.
func exec(t *testing.T, url, query string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	must(t, err)
	_, err = c.Exec(context.Background(), query)
	must(t, errors.Join(err, c.Close(context.Background())))
}

// TestOpenAtOnce starts several gateways on an empty database.
func TestOpenAtOnce(t *testing.T) {
	cfg := postgres.Config{URL: shared.URL(t), Schema: schemaOf(t.TempDir()), Cluster: "live", Connections: 4}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			s, err := postgres.Open(context.Background(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Values().Store(context.Background(), "a", nil); err != nil {
				t.Error(err)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOpenRefuses(t *testing.T) {
	url, dir := shared.URL(t), t.TempDir()
	must(t, openIn(t, postgres.Config{URL: url}, dir).Close())
	good := postgres.Config{URL: url, Schema: schemaOf(dir), Cluster: "test"}
	for name, tt := range map[string]struct {
		change func(c *postgres.Config)
		before string
		want   string
	}{
		"another cluster's":  {func(c *postgres.Config) { c.Cluster = "other" }, "", `belongs to the cluster "test"`},
		"schema with quotes": {func(c *postgres.Config) { c.Schema = `x"; DROP` }, "", "use lower-case"},
		"no URL":             {func(c *postgres.Config) { c.URL = "postgres://h:x/" }, "", "URL cannot be read: invalid port"},
		"no sslmode":         {func(c *postgres.Config) { c.URL = "postgres://h/?sslmode=no" }, "", "(sslmode is invalid)"},
		"manual and empty": {func(c *postgres.Config) { c.Schema, c.Manual = c.Schema+"_empty", true }, "",
			"run stagelock store migrate"},
		"a newer release's": {func(*postgres.Config) {}, "UPDATE " + good.Schema + ".cluster SET lowest = 99",
			"upgrade this gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.before != "" {
				exec(t, url, tt.before)
				defer exec(t, url, "UPDATE "+good.Schema+".cluster SET lowest = 1")
			}
			cfg := good
			tt.change(&cfg)
			s, err := postgres.Open(context.Background(), cfg)
			if err == nil {
				must(t, s.Close())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestPasswordIsNotTold has a URL that cannot be read, and one that nobody answers.
func TestPasswordIsNotTold(t *testing.T) {
	for _, url := range []string{"postgres://u:hunter2@h:port/x", "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=1",
		"host=/nowhere user=u password=hunter2", "postgres://u:hunter2@h/x?sslmode=maybe", "postgres://u:hunter2/db",
		"host=h password=a hunter2", "postgres://u:a%zz hunter2@h/x", "postgres://u:hunter2`: x@h:port/x"} {
		_, err := postgres.Open(context.Background(), postgres.Config{URL: url, Cluster: "c"})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", url, err)
		}
	}
}

// TestNewerSchemaIsServed has the next release add a migration: this one goes on beside it.
func TestNewerSchemaIsServed(t *testing.T) {
	url, dir := shared.URL(t), t.TempDir()
	must(t, openIn(t, postgres.Config{URL: url}, dir).Close())
	exec(t, url, fmt.Sprintf(`INSERT INTO %s.goose_db_version (version_id, is_applied) VALUES (99, true);
		ALTER TABLE %s.members ADD COLUMN next text`, schemaOf(dir), schemaOf(dir)))
	s := openIn(t, postgres.Config{URL: url}, dir)
	_, err := s.Members().Join(context.Background(), store.Member{ID: "a", Node: "a"}, time.Minute)
	must(t, errors.Join(err, s.Close()))
}

func TestMigrateByHand(t *testing.T) {
	ctx := context.Background()
	cfg := postgres.Config{URL: shared.URL(t), Schema: schemaOf(t.TempDir()), Cluster: "live"}
	before, err := postgres.Plan(ctx, cfg)
	must(t, err)
	if len(before) == 0 || before[0].Applied {
		t.Errorf("plan of an empty database: %v", before)
	}
	done, err := postgres.Migrate(ctx, cfg)
	must(t, err)
	if len(done) != len(before) || !done[0].Applied {
		t.Errorf("applied %v of %v", done, before)
	}
	if again, err := postgres.Migrate(ctx, cfg); err != nil || len(again) != 0 {
		t.Errorf("applied again: %v, %v", again, err)
	}
	cfg.Manual = true
	s, err := postgres.Open(ctx, cfg)
	must(t, err)
	must(t, s.Close())
}

func TestCheck(t *testing.T) {
	server := own(t)
	exec(t, server.URL(), "CREATE ROLE checked LOGIN SUPERUSER")
	role := func(settings string) string {
		exec(t, server.URL(), "ALTER ROLE checked RESET ALL; "+settings)
		return strings.Replace(server.URL(), "user=postgres", "user=checked", 1)
	}
	for name, tt := range map[string]struct{ settings, want string }{
		"as installed":   {"", ""},
		"asynchronous":   {"ALTER ROLE checked SET synchronous_commit = off", "synchronous_commit is off"},
		"read-only role": {"ALTER ROLE checked SET default_transaction_read_only = on", "read-only"},
		"local commit":   {"ALTER ROLE checked SET synchronous_commit = local", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := postgres.Config{URL: role(tt.settings), Cluster: "live"}
			r, err := postgres.Inspect(context.Background(), cfg)
			must(t, err)
			if r.VersionNumber < 150000 || r.RoundTrip <= 0 || r.Fsync != "on" {
				t.Errorf("report %+v", r)
			}
			got := strings.Join(r.Problems, "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
			s, err := postgres.Open(context.Background(), cfg)
			if err == nil {
				must(t, s.Close())
			}
			if (err == nil) != (tt.want == "") {
				t.Errorf("Open: %v", err)
			}
		})
	}
}

// TestPoolerIsNamed goes through a pooler without saying so.
func TestPoolerIsNamed(t *testing.T) {
	server := own(t)
	url, err := server.Pooler()
	postgrestest.Here(t, err)
	ctx := context.Background()
	cfg := postgres.Config{URL: url, Pooler: true, Cluster: "live"}
	s, err := postgres.Open(ctx, cfg)
	must(t, err)
	must(t, s.Close())
	cfg.Pooler = false
	for range 20 { // until a session meets another one's statements
		s, err := postgres.Open(ctx, cfg)
		if err == nil {
			for i := 0; i < 20 && err == nil; i++ {
				err = s.Values().Store(ctx, "a", nil)
			}
			must(t, s.Close())
		}
		if err != nil {
			if !strings.Contains(err.Error(), "set cluster.postgres.pooler: true") {
				t.Errorf("error %v", err)
			}
			return
		}
	}
	t.Error("prepared statements did not fail through a pooler: the option is not needed")
}

// TestCrash crashes the server under writers: what was acknowledged is there.
func TestCrash(t *testing.T) {
	server := own(t)
	ctx := context.Background()
	s, err := postgres.Open(ctx, postgres.Config{URL: server.URL(), Cluster: "live"})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	join(t, s, "a")
	const writers, crashes = 8, 3
	stop := make(chan struct{})
	acked := make([]int, writers)
	var wg sync.WaitGroup
	begun := make(chan struct{}, 1024*writers)
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if keep(ctx, s, w, i) == nil {
					acked[w] = i + 1
				} else {
					i-- // the same once more: it may have been kept
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range crashes {
		for range 100 {
			<-begun
		}
		must(t, server.Crash())
	}
	close(stop)
	wg.Wait()
	for w, n := range acked {
		if n == 0 {
			t.Errorf("writer %d wrote nothing", w)
		}
		for i := range n {
			rep, err := s.Repeats().Repeat(ctx, call(w, i).Key)
			if err != nil || rep.Reference != call(w, i).Reference {
				t.Fatalf("call %d of %d of writer %d: %+v, %v", i, n, w, rep, err)
			}
			if p, err := s.Requests().Part(ctx, int64(w), fmt.Sprint(i)); err != nil || p.Size != 1 {
				t.Fatalf("part %d of %d of writer %d: %v, %v", i, n, w, p, err)
			}
		}
		r, err := s.Requests().Request(ctx, int64(w))
		if err != nil || r.PartCount < n || r.PartBytes != int64(r.PartCount) {
			t.Errorf("request of writer %d with %d parts: %+v, %v", w, n, r, err)
		}
	}
}

func join(t *testing.T, s *postgres.Store, id string) {
	t.Helper()
	_, err := s.Members().Join(context.Background(), store.Member{ID: id, Node: id}, time.Hour)
	must(t, err)
}

func call(w, i int) store.Repeat {
	return store.Repeat{Key: store.RepeatKey{Login: fmt.Sprint(w), Digest: fmt.Sprint(i)},
		Scope: fmt.Sprint(w, " ", i), Reference: fmt.Sprint("ref ", w, " ", i), Owner: "a"}
}

// keep writes step i of writer w.
func keep(ctx context.Context, s *postgres.Store, w, i int) error {
	rep, own, err := s.Repeats().Begin(ctx, call(w, i), time.Minute)
	if err == nil && !own {
		return fmt.Errorf("a call of its own was taken for %s's", rep.Reference)
	}
	if i == 0 && err == nil {
		err = s.Requests().Create(ctx, store.Request{ID: int64(w), Logins: []string{"a"}})
	}
	if err == nil {
		err = s.Requests().AddPart(ctx, int64(w), store.Part{Name: fmt.Sprint(i), Size: 1})
	}
	return err
}

// TestReadOnlyIsFull makes the database read-only under a gateway, as a fail-over can.
func TestReadOnlyIsFull(t *testing.T) {
	server := own(t)
	ctx := context.Background()
	s, err := postgres.Open(ctx, postgres.Config{URL: server.URL(), Cluster: "live", Connections: 1})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	exec(t, server.URL(), "ALTER SYSTEM SET default_transaction_read_only = on")
	must(t, server.Crash())
	for range 3 { // the first one meets a connection that is gone
		if err = s.Values().Store(ctx, "a", nil); errors.Is(err, store.ErrFull) {
			break
		}
	}
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "primary") {
		t.Errorf("error %v, want ErrFull", err)
	}
}

// TestServerAway says so, in time, and the store goes on when it is back.
func TestServerAway(t *testing.T) {
	server := own(t)
	ctx := context.Background()
	s, err := postgres.Open(ctx, postgres.Config{URL: server.URL(), Cluster: "live"})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	join(t, s, "a")
	server.Stop()
	if _, _, err := s.Repeats().Begin(ctx, call(1, 1), 0); err == nil {
		t.Error("a call began without a database")
	}
	if ok, err := s.Nonces().Use(ctx, "a", []byte("1"), time.Minute); ok || err == nil {
		t.Errorf("a nonce was good without a database: %v, %v", ok, err)
	}
	must(t, server.Run())
	if _, own, err := s.Repeats().Begin(ctx, call(1, 1), 0); err != nil || !own {
		t.Errorf("begin after the outage: %v, %v", own, err)
	}
}
