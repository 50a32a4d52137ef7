package sqlstate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/sqlstate"
)

func server(code string) error { return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code}) }

func TestWhatIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name          string
		err           error
		again, broken bool
	}{
		{"deadlock", server("40P01"), true, false},
		{"serialization", server("40001"), true, false},
		{"row that another wrote", server(sqlstate.UniqueViolation), true, false},
		{"server shuts down", server("57P01"), false, true},
		{"server crashed", server("57P02"), false, true},
		{"connection ended", io.EOF, false, true},
		{"connection ended in a message", io.ErrUnexpectedEOF, false, true},
		{"socket", &net.OpError{Op: "read", Err: errors.New("reset")}, false, true},
		{"syntax", server("42601"), false, false},
		{"no row", pgx.ErrNoRows, false, false},
		{"nothing", nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if again, broken := sqlstate.Again(tt.err), sqlstate.Broken(tt.err); again != tt.again || broken != tt.broken {
				t.Errorf("got again %t, broken %t; want %t, %t", again, broken, tt.again, tt.broken)
			}
		})
	}
}

func TestTranslate(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		is   error
		says string
	}{
		{"no row", pgx.ErrNoRows, store.ErrNotFound, ""},
		{"full disk", server("53100"), store.ErrFull, "make room"},
		{"standby", server("25006"), store.ErrFull, "point the URL at the primary"},
		{"pooler", server("26000"), nil, "cluster.postgres.pooler"},
		{"too many", server("53300"), nil, "raise max_connections"},
		{"no database", server("3D000"), nil, "make the database"},
		{"no role", server("28000"), nil, "make the role"},
		{"a right that the role lacks", server("42501"), nil, "stagelock store check"},
		{"a wrong password", server("28P01"), nil, "correct the password"},
		{"too slow", context.DeadlineExceeded, context.DeadlineExceeded, "deadline exceeded"},
		{"another", server("42601"), nil, "42601"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := sqlstate.Translate(tt.err)
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			if !errors.Is(err, tt.err) && tt.is != store.ErrNotFound {
				t.Errorf("got %v, which lost its cause %v", err, tt.err)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, want %q in it", err, tt.says)
			}
		})
	}
	if err := sqlstate.Translate(nil); err != nil {
		t.Errorf("nil became %v", err)
	}
}

// TestWhoWasNotReached: a server that answered, and let nobody in, is there.
func TestWhoWasNotReached(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"no answer in time", context.DeadlineExceeded, true},
		{"a connection that broke", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{"a server that comes up", server("57P03"), true},
		{"no such database", server("3D000"), false},
		{"no such role", server("28000"), false},
		{"a wrong password", server("28P01"), false},
		{"a standby", server("25006"), false},
		{"too many connections", server("53300"), false},
		{"a statement that nobody understands", server("42601"), false},
		{"who asks has gone", context.Canceled, false},
	} {
		if got := sqlstate.Unreachable(tt.err); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
