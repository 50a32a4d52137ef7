package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// restarts is how often the server is crashed under load.
var restarts = flag.Int("restarts", 3, "how often the database server is crashed under load")

// diary is writers that append to one log, each group with its own numbers, and keep calls.
type diary struct {
	s       *postgres.Store
	log     store.Events
	stop    chan struct{}
	wg      sync.WaitGroup
	seq     store.Seq // of the last record, guarded by the one writer of the log
	records atomic.Int64
	calls   []int // acknowledged, by writer
	steps   chan struct{}
}

// write begins to write; each failure fails the test.
func write(t *testing.T, s *postgres.Store, writers int) *diary {
	d := &diary{s: s, log: s.Logs().Log("gate-a"), stop: make(chan struct{}), calls: make([]int, writers),
		steps: make(chan struct{}, 4096)}
	d.loop(t, func(int) error {
		if err := d.log.Append(context.Background(), []store.Record{{Seq: d.seq + 1, Body: fmt.Appendf(nil, "record %d", d.seq+1)}}); err != nil {
			return err
		}
		d.seq++
		d.records.Store(int64(d.seq))
		return nil
	})
	for w := range writers {
		d.loop(t, func(i int) error {
			if err := keep(context.Background(), s, w, i); err != nil {
				return err
			}
			d.calls[w] = i + 1
			return nil
		})
	}
	return d
}

func (d *diary) loop(t *testing.T, step func(i int) error) {
	d.wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-d.stop:
				return
			default:
			}
			if err := step(i); err != nil {
				t.Errorf("step %d: %v", i, err)
				return
			}
			select {
			case d.steps <- struct{}{}:
			default:
			}
		}
	})
}

// await returns once so many more steps were taken.
func (d *diary) await(n int) {
	for len(d.steps) > 0 {
		<-d.steps
	}
	for range n {
		<-d.steps
	}
}

// check stops the writers and looks for everything that was acknowledged.
func (d *diary) check(t *testing.T) {
	t.Helper()
	close(d.stop)
	d.wg.Wait()
	ctx := context.Background()
	n := store.Seq(0)
	must(t, d.log.Read(ctx, 1, func(r store.Record) error {
		n++
		if r.Seq != n || string(r.Body) != fmt.Sprintf("record %d", n) {
			return fmt.Errorf("record %d is %d %q", n, r.Seq, r.Body)
		}
		return nil
	}))
	if n != d.seq {
		t.Errorf("%d records are there, %d were acknowledged", n, d.seq)
	}
	calls := 0
	for w, acked := range d.calls {
		for i := range acked {
			calls++
			rep, err := d.s.Repeats().Repeat(ctx, call(w, i).Key)
			if err != nil || rep.Reference != call(w, i).Reference {
				t.Fatalf("call %d of writer %d: %+v, %v", i, w, rep, err)
			}
		}
	}
	t.Logf("%d records and %d calls were acknowledged, all are there, none failed", n, calls)
}

// The server crashes again and again under writers: none of them notices more than a pause, and nothing
// that was acknowledged is lost, nor there twice.
func TestRestartsUnderLoad(t *testing.T) {
	server := own(t)
	s, err := postgres.Open(context.Background(), postgres.Config{URL: server.URL(), Cluster: "live", Patience: time.Minute})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	join(t, s, "a")
	d := write(t, s, 7)
	for range *restarts {
		d.await(100)
		must(t, server.Crash())
	}
	d.await(100)
	d.check(t)
	if err := s.Away(); err != nil {
		t.Errorf("afterwards %v", err)
	}
}

// awaitSynchronous waits until the standby keeps what the primary acknowledges.
func awaitSynchronous(t *testing.T, primary *postgrestest.Server) {
	t.Helper()
	look, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for {
		r, err := postgres.Inspect(context.Background(), postgres.Config{URL: primary.URL()})
		must(t, err)
		if r.Synchronous > 0 {
			return
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("no standby is synchronous: %+v", r)
		}
	}
}

// The primary dies under writers, and its standby takes over: none of them notices more than a pause.
func TestFailOver(t *testing.T) {
	if testing.Short() {
		t.Skip("a standby takes a while")
	}
	ctx := context.Background()
	primary := own(t)
	standby, err := primary.Standby(ctx)
	postgrestest.Here(t, err)
	t.Cleanup(func() { must(t, standby.Close()) })
	exec(t, primary.URL(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
	exec(t, primary.URL(), "SELECT pg_reload_conf()")
	awaitSynchronous(t, primary)
	s, err := postgres.Open(ctx, postgres.Config{URL: postgrestest.EitherURL(primary, standby), Cluster: "live", Patience: time.Minute})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	join(t, s, "a")
	d := write(t, s, 7)
	d.await(300)
	primary.Kill()
	must(t, standby.Promote(ctx))
	exec(t, standby.URL(), "ALTER SYSTEM RESET synchronous_standby_names")
	exec(t, standby.URL(), "SELECT pg_reload_conf()")
	d.await(300)
	d.check(t)
}

// A server that is away is waited for as long as the patience lasts, from when it went away; what comes
// then is refused at once, and all is well once it is back.
func TestPatienceEnds(t *testing.T) {
	server := own(t)
	ctx := context.Background()
	s, err := postgres.Open(ctx, postgres.Config{URL: server.URL(), Cluster: "live", Patience: 300 * time.Millisecond})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.Values().Store(ctx, "a", []byte("1")))
	server.Stop()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := s.Values().Store(ctx, fmt.Sprint(i), nil); err == nil {
				t.Error("a value was stored nowhere")
			}
		})
	}
	wg.Wait()
	if err := s.Away(); err == nil {
		t.Error("nobody says that the database is away")
	}
	if _, err := s.Values().Load(ctx, "a"); err == nil {
		t.Error("a value was read from nowhere")
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Values().Load(cancelled, "a"); err == nil {
		t.Error("who was cancelled got something")
	}
	must(t, server.Run())
	if v, err := s.Values().Load(ctx, "a"); err != nil || string(v) != "1" {
		t.Errorf("afterwards %q, %v", v, err)
	}
	if err := s.Away(); err != nil {
		t.Errorf("afterwards %v", err)
	}
}
