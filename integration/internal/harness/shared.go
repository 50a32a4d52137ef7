package harness

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/store/postgres"
)

// Database returns the database that the gateway shares with others.
func (g *Gateway) Database(t testing.TB) *postgres.Store {
	t.Helper()
	if g.database != nil {
		return g.database
	}
	cfg, problems := g.load()
	if cfg == nil {
		t.Fatal(problems)
	}
	pc := cluster.PostgresConfig(cfg)
	pc.Manual = true
	db, err := postgres.Open(context.Background(), pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	g.database = db
	return db
}

// log opens the gateway's audit log.
func (g *Gateway) log(t testing.TB) (log store.Events, done func()) {
	t.Helper()
	if cfg, _ := g.load(); cfg.Store == "postgres" {
		return g.Database(t).Logs().Log(cfg.Cluster.Node), func() {}
	}
	files, err := files.Open(files.Config{Dir: filepath.Join(g.Dir, "audit"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return files, func() { _ = files.Close() }
}

// VerifyShared checks the logs of all gateways that share the database of g, as an auditor would.
func (g *Gateway) VerifyShared(t testing.TB) witness.Report {
	t.Helper()
	db := g.Database(t)
	keys, err := witness.StoredKeys(context.Background(), db.Values())
	if err != nil {
		t.Fatal(err)
	}
	trust := witness.Trust{Now: time.Now}
	for _, k := range keys {
		trust.Keys = append(trust.Keys, k.Key)
	}
	r, err := witness.Verify(context.Background(), db.Logs(), trust)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verifyShared is VerifyShared for the gateway's own log.
func (g *Gateway) verifyShared(t testing.TB) proof.Report {
	t.Helper()
	cfg, _ := g.load()
	r := g.VerifyShared(t)
	if r.Bad != "" {
		t.Errorf("the notes over all logs: %s", r.Bad)
	}
	for _, l := range r.Logs {
		if l.Log == cfg.Cluster.Node {
			return l.Report
		}
	}
	t.Fatalf("there is no log of %s", cfg.Cluster.Node)
	return proof.Report{}
}
