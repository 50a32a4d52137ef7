package statements

import (
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
