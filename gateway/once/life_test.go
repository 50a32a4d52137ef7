package once_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

const lease = 10 * time.Second

type memberStore = interface {
	Join(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error)
	Renew(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error)
	Leave(ctx context.Context, id string) error
	Members(ctx context.Context) ([]store.Member, error)
}

// outage is a store of members that may be away.
type outage struct {
	memberStore
	away atomic.Bool
}

var errAway = errors.New("away")

func (o *outage) Renew(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error) {
	if o.away.Load() {
		return time.Time{}, errAway
	}
	return o.memberStore.Renew(ctx, m, ttl)
}

func lifeConfig(m store.Members) once.LifeConfig {
	return once.LifeConfig{
		Members: m, Node: "gate-a", Version: "1", Lease: lease, Digest: func() string { return "d" },
		State: func() store.MemberState { return store.MemberUp },
	}
}

func database(t *testing.T) *sqlite.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), t.TempDir()+"/db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// run has l renew until the returned func is called, which returns what Run did.
func run(l *once.Life) (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

func living(t *testing.T, db *sqlite.Store) (ids []string) {
	t.Helper()
	all, err := db.Members().Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !m.Over {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func TestALifeGoesOnAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t)
		l, err := once.Join(t.Context(), lifeConfig(db.Members()))
		if err != nil {
			t.Fatal(err)
		}
		end := run(l)
		<-time.After(10 * lease)
		id, node := l.Owner()
		if got := living(t, db); len(got) != 1 || got[0] != id || node != "gate-a" || !l.Holds() {
			t.Errorf("living %v, own %s of %s, holds %t", got, id, node, l.Holds())
		}
		if d := l.Offset(); d != 0 {
			t.Errorf("the clock is %v before its own", d)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		if got := living(t, db); len(got) != 0 {
			t.Errorf("living after the end: %v", got)
		}
	})
}

// A store that is away costs the lease before others may take the gateway for dead; when it is back
// in time the life goes on, else another one begins.
func TestALeaseIsLost(t *testing.T) {
	for _, tt := range []struct {
		name string
		away time.Duration
		same bool
	}{{"in time", 7500 * time.Millisecond, true}, {"too late", 20 * time.Second, false}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := database(t)
				members := &outage{memberStore: db.Members()}
				l, err := once.Join(t.Context(), lifeConfig(members))
				if err != nil {
					t.Fatal(err)
				}
				end := run(l)
				before, _ := l.Owner()
				members.away.Store(true)
				<-time.After(lease*8/10 - time.Second)
				if !l.Holds() {
					t.Error("the lease was given up early")
				}
				<-time.After(tt.away - (lease*8/10 - time.Second))
				if l.Holds() != tt.same {
					t.Errorf("after %v the lease is trusted: %t", tt.away, l.Holds())
				}
				members.away.Store(false)
				<-time.After(2 * lease / 5)
				after, _ := l.Owner()
				if !l.Holds() || (after == before) != tt.same {
					t.Errorf("holds %t, same life %t, want %t", l.Holds(), after == before, tt.same)
				}
				if err := end(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAnotherGatewayOfTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t)
		first, err := once.Join(t.Context(), lifeConfig(db.Members()))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- first.Run(t.Context()) }()
		second, err := once.Join(t.Context(), lifeConfig(db.Members()))
		if err != nil {
			t.Fatal(err)
		}
		end := run(second)
		if err := <-done; !errors.Is(err, once.ErrReplaced) || first.Holds() {
			t.Errorf("the former one ended with %v, holds %t", err, first.Holds())
		}
		<-time.After(5 * lease)
		if !second.Holds() {
			t.Error("the second one lost its lease")
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func TestJoinWantsAllOfIt(t *testing.T) {
	if _, err := once.Join(t.Context(), once.LifeConfig{}); err == nil {
		t.Error("a membership of nobody")
	}
	if _, err := once.New(once.Config{}); err == nil {
		t.Error("calls without a store")
	}
}

// mute is a store of members that keeps who joins and cannot say so.
type mute struct {
	memberStore
	dumb atomic.Int64 // how many more joins it says nothing of
}

func (m *mute) Join(ctx context.Context, one store.Member, ttl time.Duration) (time.Time, error) {
	now, err := m.memberStore.Join(ctx, one, ttl)
	if err == nil && m.dumb.Add(-1) >= 0 {
		return time.Time{}, errAway
	}
	return now, err
}

// A gateway whose lease ran out, and that joined though nobody could tell it so, does not take itself for
// another one of its name: it goes on.
func TestAJoinThatCountsThoughNobodyWasToldSo(t *testing.T) {
	for _, tt := range []struct {
		name string
		lost int64 // answers
		over bool  // the life that began is over before it is asked for again
	}{{"one answer is lost", 1, false}, {"several are", 5, false}, {"and its lease ran out", 1, true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := database(t)
				members := &mute{memberStore: db.Members()}
				l, err := once.Join(t.Context(), lifeConfig(members))
				if err != nil {
					t.Fatal(err)
				}
				first, _ := l.Owner()
				end := run(l)
				members.dumb.Store(tt.lost)
				if err := db.Members().Leave(t.Context(), first); err != nil { // as when its lease ran out
					t.Fatal(err)
				}
				if tt.over {
					<-time.After(lease / 4) // it has joined
					for _, id := range living(t, db) {
						if err := db.Members().Leave(t.Context(), id); err != nil {
							t.Fatal(err)
						}
					}
				}
				<-time.After(3 * lease)
				id, _ := l.Owner()
				if got := living(t, db); len(got) != 1 || got[0] != id || id == first || !l.Holds() {
					t.Errorf("living %v, own %s after %s, holds %t", got, id, first, l.Holds())
				}
				if err := end(); err != nil {
					t.Errorf("it ended with %v", err)
				}
			})
		})
	}
}

// TestAStartWaitsForADatabaseThatIsBusy: a gateway whose database gave no answer for five seconds did not start; it joins under
// one name, however often it asks.
func TestAStartWaitsForADatabaseThatIsBusy(t *testing.T) {
	for _, tt := range []struct {
		name     string
		lost     int64 // answers
		patience time.Duration
		joins    bool
	}{
		{"no patience", 1, 0, false},
		{"three answers are lost", 3, 2 * lease, true},
		{"for too long", 1000, 2 * lease, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := database(t)
				members := &mute{memberStore: db.Members()}
				members.dumb.Store(tt.lost)
				c, begun := lifeConfig(members), time.Now()
				c.Patience = tt.patience
				l, err := once.Join(t.Context(), c)
				if (err == nil) != tt.joins || err != nil && !errors.Is(err, errAway) {
					t.Fatalf("joined with %v", err)
				}
				if took := time.Since(begun); took > tt.patience+lease {
					t.Errorf("it took %v, with a patience of %v", took, tt.patience)
				}
				if got := living(t, db); tt.joins && (len(got) != 1 || !l.Holds()) {
					t.Errorf("living %v, holds %t", got, l.Holds())
				}
			})
		})
	}
}

// Another gateway of the name is told apart from the gateway's own join of which it heard nothing.
func TestAnotherGatewayAfterAJoinThatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t)
		members := &mute{memberStore: db.Members()}
		l, err := once.Join(t.Context(), lifeConfig(members))
		if err != nil {
			t.Fatal(err)
		}
		first, _ := l.Owner()
		end := run(l)
		members.dumb.Store(1)
		if err := db.Members().Leave(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		<-time.After(lease / 4)
		other, err := once.Join(t.Context(), lifeConfig(db.Members()))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(lease / 2)
		if err := end(); !errors.Is(err, once.ErrReplaced) {
			t.Errorf("the former one ended with %v", err)
		}
		id, _ := other.Owner()
		if got := living(t, db); len(got) != 1 || got[0] != id {
			t.Errorf("living %v, want %s", got, id)
		}
	})
}
