package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
)

// TestStoreCommands looks at a real server, before and after its schema is made.
func TestStoreCommands(t *testing.T) {
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	dir := t.TempDir()
	file, key := filepath.Join(dir, "stagelock.yaml"), filepath.Join(dir, "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "names: [live.example.com]\nhosts: { allow: [10.0.0.0/8] }\nengine: { upstream: { nodes: ['http://127.0.0.1:8080'] } }\n" +
		"peers: [{ name: staging, sites: [1], secret: { value: 0123456789abcdef } }]\nstore: postgres\n" +
		"cluster: { key_file: '" + key + "', postgres: { url: { value: '" + db.URL() + "' } } }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	weak := filepath.Join(dir, "weak.yaml")
	weakURL := db.URL() + "&options=-crole%3Dpg_monitor"
	text = strings.Replace(text, db.URL(), weakURL, 1)
	if err := os.WriteFile(weak, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	variant := func(name, url string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Replace(text, weakURL, url, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	standby := variant("standby.yaml", db.URL()+"&options=-cdefault_transaction_read_only%3Don")
	away := variant("away.yaml", "postgres:///postgres?host=/nowhere&user=postgres")
	nobody := variant("nobody.yaml", strings.Replace(db.URL(), "user=postgres", "user=nobody", 1))
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"store check", 0, "steps missing"},
		{"store migrate --plan", 0, "missing"},
		{"store check", 0, "steps missing"}, // a plan changes nothing
		{"store migrate", 0, "applied"},
		{"store migrate", 0, "up to date"},
		{"store check", 0, "up to date"},
		{"store check --json", 0, `"ok":true`},
		{"store check --config " + weak, 1, "cannot be looked at"},
		{"store check --config " + weak, 1, `role "pg_monitor" may not use the schema`},
		{"validate --config " + weak, 1, `role "pg_monitor" may not use the schema`},
		{"store check --set store=embedded", 1, "store is embedded"},
		{"store migrate --config " + standby, 69, "point cluster.postgres.url at the primary"},
		{"store check --config " + away, 69, "start the database server"},
		{"store migrate --config " + away, 69, "start the database server"},
		{"store migrate --plan --config " + away, 69, "start the database server"},
		{"cluster status --config " + away, 69, "start the database server"},
		{"store check --config " + nobody, 65, "make the role"},
		{"store check --set cluster.postgres.url.value=postgres:///x?host=/nowhere", 1, "cluster.postgres.url"},
	} {
		args := append([]string{"stagelock"}, strings.Fields(tt.args)...)
		if !strings.Contains(tt.args, "--config") {
			args = append(args, "--config", file)
		}
		var out strings.Builder
		sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now}
		code := commands.Run(t.Context(), sh, args)
		if (code != 0) != (tt.code != 0) || tt.code > 1 && code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: code %d, %q, want %q", tt.args, code, out.String(), tt.want)
		}
	}
}
