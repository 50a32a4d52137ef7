package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/schema"
)

// TestInspectOfARole: a check said that all was well, and the gateway did not start for want of rights. What is said
// to do is done then, and the gateway starts.
func TestInspectOfARole(t *testing.T) {
	server, ctx := own(t).URL(), context.Background()
	for i, tt := range []struct {
		name    string
		made    bool   // the schema is there, made by its owner, and nobody else's
		before  string // what else was done
		problem string // a part of it
		cure    string // its last words are a statement that begins so; empty: nothing is wrong
	}{
		{"an empty database", false, "", `may not make the schema s0 in the database "postgres"`, "CREATE SCHEMA"},
		{"a database in which it may make schemas", false, `GRANT CREATE ON DATABASE postgres TO weak1`, "", ""},
		{"a schema that is not its own", true, "", "may not use the schema s2", "GRANT USAGE"},
		{"tables that are not its own", true, "GRANT USAGE ON SCHEMA s3 TO weak3", "may not read and write 14 tables", "GRANT SELECT"},
		{"a table of somebody else beside its own", true, `GRANT USAGE ON SCHEMA s4 TO weak4;
			GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA s4 TO weak4; CREATE TABLE s4.other (a int)`, "", ""},
		{"an empty schema that it may only look into", false, "CREATE SCHEMA s5; GRANT USAGE ON SCHEMA s5 TO weak5",
			"may not make tables in the schema s5", "GRANT CREATE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			schema, role := fmt.Sprintf("s%d", i), fmt.Sprintf("weak%d", i)
			exec(t, server, "CREATE ROLE "+role+" LOGIN")
			if tt.made {
				s, err := postgres.Open(ctx, postgres.Config{URL: server, Schema: schema, Cluster: "live"})
				must(t, err)
				must(t, s.Close())
			}
			if tt.before != "" {
				exec(t, server, tt.before)
			}
			cured(t, server, postgres.Config{URL: strings.Replace(server, "user=postgres", "user="+role, 1), Schema: schema, Cluster: "live"},
				tt.problem, tt.cure)
		})
	}
}

// cured does what is said to do about the one problem that there is, until there is none; then a gateway starts.
func cured(t *testing.T, server string, cfg postgres.Config, problem, cure string) {
	t.Helper()
	for cures := 0; cure != ""; cures++ {
		r, err := postgres.Inspect(t.Context(), cfg)
		must(t, err)
		if cures > 0 && len(r.Problems) == 0 {
			break
		}
		text := strings.Join(r.Problems, "\n")
		at := max(strings.LastIndex(text, "GRANT "), strings.Index(text, "CREATE SCHEMA"))
		if len(r.Problems) != 1 || at < 0 || cures == 3 ||
			cures == 0 && (!strings.Contains(text, problem) || !strings.HasPrefix(text[at:], cure)) {
			t.Fatalf("problems %q after %d cures", r.Problems, cures)
		}
		if s, err := postgres.Open(t.Context(), cfg); err == nil {
			t.Errorf("%q, and the gateway starts", text)
			must(t, s.Close())
		}
		exec(t, server, strings.TrimSuffix(text[at:], ", as a role that may"))
	}
	r, err := postgres.Inspect(t.Context(), cfg)
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("problems %q, %v", r.Problems, err)
	}
	s, err := postgres.Open(t.Context(), cfg)
	must(t, err)
	must(t, s.Close())
}

// TestTablesOfALaterReleaseAreNotGranted: rights on all tables are rights on those that are there. A check said that all
// was well after an upgrade that made a table that the role may not use.
func TestTablesOfALaterReleaseAreNotGranted(t *testing.T) {
	server, ctx := own(t).URL(), context.Background()
	cfg := postgres.Config{URL: server, Cluster: "live"}
	_, err := postgres.Migrate(ctx, cfg)
	must(t, err)
	exec(t, server, `CREATE ROLE weak LOGIN; GRANT USAGE ON SCHEMA stagelock TO weak;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stagelock TO weak`)
	cfg.URL = strings.Replace(server, "user=postgres", "user=weak", 1)
	for _, tt := range []struct{ name, table, problem, warning string }{
		{"all are", "", "", ""},
		{"one of sync", "sync_errands", "", "may not read and write 1 tables of sync in the schema stagelock"},
		{"one of each gateway", "pages", "may not read and write 1 tables of the schema stagelock", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.table != "" {
				exec(t, server, "REVOKE ALL ON stagelock."+tt.table+" FROM weak")
			}
			r, err := postgres.Inspect(ctx, cfg)
			must(t, err)
			says := func(all []string, want string) bool {
				got := strings.Join(all, "\n")
				return (got == "") == (want == "") && strings.Contains(got, want)
			}
			if !says(r.Problems, tt.problem) || !says(r.Warnings, tt.warning) {
				t.Errorf("problems %q, warnings %q", r.Problems, r.Warnings)
			}
			if _, grant, said := strings.Cut(strings.Join(r.Warnings, ""), "GRANT"); said {
				exec(t, server, "GRANT"+grant)
			}
			pooled := cfg
			pooled.Pooler = true // nothing is prepared then
			if r, err := postgres.Inspect(ctx, pooled); err != nil || len(r.Warnings) > 0 {
				t.Errorf("after what is said to do: %q, %v", r.Warnings, err)
			}
		})
	}
}

// TestAStepThatOnlyTheOwnerCanTake: a check said that a gateway that starts applies it, and the gateway did not start.
func TestAStepThatOnlyTheOwnerCanTake(t *testing.T) {
	server, ctx := own(t).URL(), context.Background()
	cfg := postgres.Config{URL: server, Cluster: "live"}
	exec(t, server, "CREATE SCHEMA stagelock")
	plan, err := schema.List()
	must(t, err)
	db, err := sql.Open("pgx", server)
	must(t, err)
	_, err = schema.Apply(ctx, db, "stagelock", plan[:5], strings.NewReplacer("@.", "stagelock.").Replace)
	must(t, errors.Join(err, db.Close()))
	exec(t, server, `CREATE ROLE weak LOGIN; GRANT USAGE, CREATE ON SCHEMA stagelock TO weak;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stagelock TO weak`)
	weak := cfg
	weak.URL = strings.Replace(server, "user=postgres", "user=weak", 1)
	looks := func(cfg postgres.Config, want string) {
		t.Helper()
		r, err := postgres.Inspect(ctx, cfg)
		must(t, err)
		if got := strings.Join(r.Warnings, "\n"); len(r.Problems) > 0 || (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("problems %q, warnings %q, want %q", r.Problems, r.Warnings, want)
		}
	}
	looks(cfg, "")
	looks(weak, "have their owner run stagelock store migrate")
	if _, err := postgres.Open(ctx, weak); err == nil || !strings.Contains(err.Error(), "must be owner of table sync_changes") ||
		!strings.Contains(err.Error(), "stagelock store check") {
		t.Errorf("a gateway that is not their owner: %v", err)
	}
	if done, err := postgres.Migrate(ctx, cfg); err != nil || len(done) != len(plan)-5 {
		t.Errorf("its owner applies %v, %v", done, err)
	}
	looks(cfg, "")
	looks(weak, "tables of sync") // those that are new; nothing is missing any more
}

// TestInspectOfAnotherSchema: a check said that the schema was up to date, and the gateway did not start because it was
// of a later release, or another cluster's. It looks at what nobody has begun with, too, and changes nothing.
func TestInspectOfAnotherSchema(t *testing.T) {
	server, ctx := own(t).URL(), context.Background()
	cfg := postgres.Config{URL: server, Cluster: "live"}
	_, err := postgres.Migrate(ctx, cfg)
	must(t, err)
	for _, tt := range []struct{ name, before, cluster, want string }{
		{"of nobody", "", "live", ""},
		{"its own", "INSERT INTO stagelock.cluster (name, lowest) VALUES ('live', 1)", "live", ""},
		{"another cluster's", "", "test", `belongs to the cluster "live", cluster.name says "test"`},
		{"of whoever it may be", "", "", ""},
		{"a later release's", "UPDATE stagelock.cluster SET lowest = 900", "live", "releases of schema 900 or later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.before != "" {
				exec(t, server, tt.before)
			}
			cfg.Cluster = tt.cluster
			for range 2 { // the first one changed nothing
				r, err := postgres.Inspect(ctx, cfg)
				must(t, err)
				if got := strings.Join(r.Problems, "\n"); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
					t.Errorf("problems %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// TestAnAddressThatNobodyAnswersOn: the driver's error had a line for each way that it tried.
func TestAnAddressThatNobodyAnswersOn(t *testing.T) {
	_, err := postgres.Inspect(context.Background(), postgres.Config{URL: "postgres:///x?host=/nowhere,/neither&user=joe"})
	if err == nil {
		t.Fatal("somebody answers")
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\t") || strings.Count(text, "/nowhere/") != 2 ||
		!strings.Contains(text, "; /neither/") || !strings.Contains(text, "no such file") {
		t.Errorf("%q", text)
	}
}

// TestMigrateSaysUpToDateOnlyWhenItIs: it said so of a schema that a later release made, and of a server that takes no
// writes.
func TestMigrateSaysUpToDateOnlyWhenItIs(t *testing.T) {
	db, ctx := own(t), t.Context()
	cfg := postgres.Config{URL: db.URL(), Cluster: "live"}
	done, err := postgres.Migrate(ctx, cfg)
	must(t, err)
	last := done[len(done)-1].Version
	for _, tt := range []struct {
		name, before string
		newer, works bool
	}{
		{"its own", "", false, false},
		{"its own, begun with", "INSERT INTO stagelock.cluster (name, lowest) VALUES ('live', 1)", false, false},
		{"a later one that works with this", "INSERT INTO stagelock.goose_db_version (version_id, is_applied) VALUES (900, true)", true, true},
		{"a later one that does not", "UPDATE stagelock.cluster SET lowest = 900", true, false},
	} {
		if tt.before != "" {
			exec(t, db.URL(), tt.before)
		}
		_, err := postgres.Migrate(ctx, cfg)
		var newer *postgres.NewerError
		if errors.As(err, &newer) != tt.newer || !tt.newer && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if newer != nil && (newer.Works() != tt.works || newer.Has != 900 || newer.Knows != last) {
			t.Errorf("%s: %+v, works %t", tt.name, newer, newer.Works())
		}
		r, err := postgres.Inspect(ctx, cfg)
		if err != nil || (len(r.Warnings) > 0) != tt.works || (len(r.Problems) > 0) != (tt.newer && !tt.works) {
			t.Errorf("%s: a check says %q, %q, %v", tt.name, r.Problems, r.Warnings, err)
		}
	}
	exec(t, db.URL(), "ALTER DATABASE postgres SET default_transaction_read_only = on")
	if _, err := postgres.Migrate(ctx, cfg); !errors.Is(err, postgres.ErrReadOnly) {
		t.Errorf("a server that is read-only: %v", err)
	}
}
