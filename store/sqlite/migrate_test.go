package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

// firstSchema is what a gateway of the first schema leaves.
const firstSchema = `
INSERT INTO requests VALUES (5, 20121, 'sum', 'staging', 1000000000, NULL), (6, 20121, 'sum', 'staging', 1000000000, 2000000000);
INSERT INTO request_logins (request, login) VALUES (5, 'a'), (5, 'b'), (6, 'a');
INSERT INTO request_parts (request, name, size) VALUES (5, 'x.zip00', 10), (5, 'x.zip01', 7), (6, 'y.zip000', 1);
INSERT INTO repeats VALUES ('a', 'k', 'm', 'running', 's', 'r1', 'running', NULL, 1, NULL),
	('a', 'k', 'm', 'unknown', 's', 'r2', 'unknown', NULL, 1, NULL),
	('a', 'k', 'm', 'answered', 's', 'r3', 'answered', x'aced', 1, 2);
INSERT INTO certificate_values VALUES ('a/b', x'00ff', 3);
INSERT INTO certificate_leases VALUES ('l', 'me', 7, 1);`

// TestMigrateFromFirstSchema opens a database that the first release wrote.
func TestMigrateFromFirstSchema(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	old, err := sqlite.OpenAt(ctx, filepath.Join(dir, "stagelock.db"), 1)
	must(t, err)
	_, err = old.Exec(firstSchema)
	must(t, err)
	must(t, old.Close())
	s := opened(t, dir)
	got, err := s.Requests().Request(ctx, 5)
	must(t, err)
	got.Idle = 0
	want := store.Request{ID: 5, Site: 20121, Checksum: "sum", Peer: "staging", Logins: []string{"a", "b"},
		CreatedAt: time.Unix(1, 0).UTC(), PartCount: 2, PartWidth: 2, PartBytes: 17}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
	if r, err := s.Requests().Request(ctx, 6); err != nil || r.CleanedAt.IsZero() || r.PartWidth != 3 {
		t.Errorf("cleaned up request: %+v, %v", r, err)
	}
	for digest, state := range map[string]store.RepeatState{"running": store.RepeatUnknown,
		"unknown": store.RepeatUnknown, "answered": store.RepeatAnswered} {
		key := store.RepeatKey{Login: "a", KeyID: "k", Method: "m", Digest: digest}
		if r, err := s.Repeats().Repeat(ctx, key); err != nil || r.State != state {
			t.Errorf("%s became %+v, %v", digest, r, err)
		}
	}
	if v, err := s.Values().Load(ctx, "a/b"); err != nil || string(v) != "\x00\xff" {
		t.Errorf("value %q, %v", v, err)
	}
	if fence, err := s.Leases().Acquire(ctx, "l", "you", time.Minute); err != nil || fence != 8 {
		t.Errorf("fence %d, %v, want 8", fence, err)
	}
}

// TestScopeIsNotScanned holds that a call of a scope that has ended thousands looks at the open ones
// only.
func TestScopeIsNotScanned(t *testing.T) {
	dir := t.TempDir()
	opened(t, dir)
	db, err := sqlite.OpenAt(t.Context(), filepath.Join(dir, "stagelock.db"), 2)
	must(t, err)
	defer db.Close()
	plan, err := sqlite.PlanOfEnd(t.Context(), db)
	must(t, err)
	if !strings.Contains(plan, "repeats_open") {
		t.Errorf("the plan is:\n%s", plan)
	}
}

// TestContentsOfAnEarlierGatewayAreNamed: what a gateway accepted before contents were removed keeps its content.
func TestContentsOfAnEarlierGatewayAreNamed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	old, err := sqlite.OpenAt(ctx, filepath.Join(dir, "stagelock.db"), 6)
	must(t, err)
	for i, body := range []string{`{"author":"größe","payload":"aa","title":"x"}`, `{"payload":"bb"}`} {
		_, err = old.Exec(`INSERT INTO sync_changes (origin, counter, object, body, via, at) VALUES ('o', ?, 's/article/a', ?, '', 1)`,
			i+1, []byte(body))
		must(t, err)
	}
	must(t, old.Close())
	s := opened(t, dir)
	var got []string
	must(t, s.View(ctx, "payloads", func(tx store.Tx) error {
		return tx.Query(`SELECT payload FROM @.sync_changes ORDER BY counter`, nil, func(scan func(...any) error) error {
			var payload string
			err := scan(&payload)
			got = append(got, payload)
			return err
		})
	}))
	if d := cmp.Diff([]string{"aa", "bb"}, got); d != "" {
		t.Errorf("payloads (-want +got):\n%s", d)
	}
}
