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

// rows counts what a table holds, whatever the contracts show of it.
func rows(t *testing.T, url, table string) (n int) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer c.Close(context.Background())
	must(t, c.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

// What is forgotten leaves no row, in its own table or in one below it: a contract that shows it no more would
// not tell.
func TestWhatIsForgottenLeavesNoRows(t *testing.T) {
	url, dir, passed := shared.URL(t), t.TempDir(), time.Duration(0)
	s := openIn(t, postgres.Config{URL: url, Offset: func() time.Duration { return passed }}, dir)
	t.Cleanup(func() { must(t, s.Close()) })
	ctx := t.Context()
	join := func(n int) store.Member {
		m := store.Member{ID: fmt.Sprint("life-", n), Node: "gate-a", State: store.MemberUp}
		_, err := s.Members().Join(ctx, m, time.Minute)
		must(t, err)
		return m
	}
	for n := range int64(10) {
		m := join(int(n))
		key := store.RepeatKey{Login: "a", Method: "publish", Digest: fmt.Sprint(n)}
		_, _, err := s.Repeats().Begin(ctx, store.Repeat{Key: key, Scope: "s", Reference: m.ID, Owner: m.ID, Node: m.Node}, time.Minute)
		must(t, err)
		must(t, s.Requests().Create(ctx, store.Request{ID: n + 1, Site: 1, Checksum: "c", Peer: "p", Logins: []string{"a", "b"}}))
		must(t, s.Requests().AddPart(ctx, n+1, store.Part{Name: "x.zip00", Size: 1, Width: 2, Login: "a"}))
		must(t, s.Pages().Put(ctx, 1, n+1))
		_, err = s.Nonces().Use(ctx, "n", []byte{byte(n)}, time.Minute)
		must(t, err)
		must(t, s.Logs().Log("gate-a").Append(ctx, []store.Record{{Seq: store.Seq(n + 1), Body: []byte("{}")}}))
		must(t, s.Logs().AppendCheckpoint(ctx, uint64(n+1), []byte("note\n")))
		must(t, s.Logs().Sign(ctx, uint64(n+1), []byte("by another\n")))
	}
	passed = 49 * time.Hour
	for what, prune := range map[string]func() (int, error){
		"repeats":  func() (int, error) { return s.Repeats().PruneRepeats(ctx, time.Hour) },
		"requests": func() (int, error) { return s.Requests().PruneRequests(ctx, time.Hour, time.Hour) },
		"pages":    func() (int, error) { return s.Pages().PrunePages(ctx, time.Hour) },
		"nonces":   func() (int, error) { return s.Nonces().PruneNonces(ctx) },
	} {
		if n, err := prune(); n != 10 || err != nil {
			t.Errorf("%s: forgot %d, %v", what, n, err)
		}
	}
	join(10) // forgets the lives that nothing names any more
	_, err := s.Logs().Cut(ctx, "gate-a", 10)
	must(t, err)
	_, err = s.Logs().CutCheckpoints(ctx, 10)
	must(t, err)
	for table, want := range map[string]int{
		"members": 1, "repeats": 0, "requests": 0, "request_logins": 0, "request_parts": 0, "pages": 0, "nonces": 0, "events": 1,
		"checkpoints": 1, "checkpoint_signatures": 1,
	} {
		if n := rows(t, url, schemaOf(dir)+"."+table); n != want {
			t.Errorf("%s holds %d rows, want %d", table, n, want)
		}
	}
}
