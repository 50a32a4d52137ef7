package statements

import (
	"fmt"
	"testing"
	"time"
)

// Every name is written with its schema, and the time is the server's, moved by what a test says.
func TestStatementsAreWrittenForTheirSchema(t *testing.T) {
	moved := func() time.Duration { return -3 * time.Second }
	for _, tt := range []struct {
		name, query, want string
		offset            func() time.Duration
	}{
		{"a table", `SELECT 1 FROM @.a JOIN @.b`, `SELECT 1 FROM live.a JOIN live.b`, nil},
		{"the time", `SELECT {now}`, `SELECT clock_timestamp()`, nil},
		{"a time that was moved", `SELECT {now}`, `SELECT (clock_timestamp() + interval '-3000000 microseconds')`, moved},
		{"the name of a lease", `{name} = $1`, `convert_from(name, 'UTF8') = $1`, nil},
		{"a row that nobody changes meanwhile", `SELECT 1 FROM @.x {share}`, `SELECT 1 FROM live.x FOR SHARE`, nil},
		{"a part of a text", `{strpos}(a, $1)`, `strpos(a, $1)`, nil},
		{"nothing of ours", `SELECT '@', '{}'`, `SELECT '@', '{}'`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Runner{cfg: Config{Schema: "live", Offset: tt.offset}}
			for range 2 {
				if got := r.SQL(tt.query); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// What a statement costs to write is paid once, and no number of them makes the memory grow without end.
func TestStatementsAreWrittenOnce(t *testing.T) {
	r := &Runner{cfg: Config{Schema: "live"}}
	query := `SELECT 1 FROM @.a WHERE at < {now}`
	want := r.SQL(query)
	if n := testing.AllocsPerRun(100, func() { r.SQL(query) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for i := range 3 * maxWritten {
		if got, want := r.SQL(fmt.Sprintf("SELECT %d FROM @.a", i)), fmt.Sprintf("SELECT %d FROM live.a", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if len(r.written) != maxWritten || r.SQL(query) != want {
		t.Errorf("%d statements are kept", len(r.written))
	}
}

func BenchmarkSQL(b *testing.B) {
	r := &Runner{cfg: Config{Schema: "live"}}
	b.ReportAllocs()
	for b.Loop() {
		r.SQL(`INSERT INTO @.events (log, seq, body) SELECT $1, s, b FROM unnest($3::bigint[], $4::bytea[]) u (s, b)
			WHERE $2::bigint = (SELECT coalesce(max(seq), 0) + 1 FROM @.events WHERE log = $1)`)
	}
}
