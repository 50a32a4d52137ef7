package sqlstate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/stagelock/stagelock/store"
)

// Codes that are told apart.
const (
	UniqueViolation     = "23505"
	SchemaExists        = "42P06"
	foreignKeyViolation = "23503"
	serializationFailed = "40001"
	deadlock            = "40P01"
	noSuchStatement     = "26000"
	statementExists     = "42P05"
	diskFull            = "53100"
	tooMany             = "53300"
	noSuchDatabase      = "3D000"
	noSuchRole          = "28000"
	wrongPassword       = "28P01"
	noRight             = "42501"
	readOnly            = "25006"
	adminShutdown       = "57P01"
	crashShutdown       = "57P02"
	startingUp          = "57P03"
)

// Code returns the SQLSTATE of err, "" if the server did not say one.
func Code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// again has the codes of a transaction that met another one: nothing of it was kept.
var again = map[string]bool{
	serializationFailed: true, deadlock: true, foreignKeyViolation: true, UniqueViolation: true,
}

// Again reports whether err ended a transaction that met another one.
func Again(err error) bool { return again[Code(err)] }

// Broken reports whether a connection went away under a statement: what it was to change may be
// changed. A server that cannot be connected to is not meant.
func Broken(err error) bool {
	var connect *pgconn.ConnectError
	var op *net.OpError
	switch c := Code(err); {
	case errors.As(err, &connect):
		return false
	case c != "":
		return c == adminShutdown || c == crashShutdown
	}
	return errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// Away reports whether err says that there is no server that takes writes now: none answers, it goes down
// or comes up, or another one is about to take its place.
func Away(err error) bool {
	var connect *pgconn.ConnectError
	switch c := Code(err); {
	case errors.As(err, &connect):
		return !strings.Contains(err.Error(), "password authentication")
	case c != "":
		return c == adminShutdown || c == crashShutdown || c == startingUp || c == readOnly
	}
	return Broken(err) || errors.Is(err, context.DeadlineExceeded)
}

// ReadOnly reports whether a connection leads to a server that takes no writes, as one does that was
// replaced.
func ReadOnly(err error) bool { return Code(err) == readOnly }

// Unreachable reports whether err says that no server was reached: none answers, it goes down or comes up. One
// that answered and let nobody in, or that takes no writes, was reached.
func Unreachable(err error) bool {
	switch Code(err) {
	case noSuchDatabase, noSuchRole, wrongPassword, tooMany, readOnly:
		return false
	}
	return Away(err)
}

// cures has what to do about a code.
var cures = map[string]string{
	statementExists: "a pooler in transaction mode is in front: set cluster.postgres.pooler: true",
	noSuchStatement: "a pooler in transaction mode is in front: set cluster.postgres.pooler: true",
	diskFull:        "make room on the database server's disk",
	tooMany: "too many are connected: raise max_connections, which each gateway takes cluster.postgres.connections and 3 of, " +
		"or lower those",
	noSuchDatabase: "make the database, or correct the URL",
	noSuchRole:     "make the role, let it in with pg_hba.conf, or correct the URL",
	wrongPassword:  "correct the password of the URL",
	noRight:        "the role lacks a right: stagelock store check says which",
	readOnly:       "the server is a standby or read-only: point the URL at the primary",
}

// unreachable is why no server could be connected to, on one line: the driver has one for each address and each way of
// encrypting that it tried.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

func (u unreachable) Error() string {
	first, rest, _ := strings.Cut(u.error.Error(), "\n")
	var all []string
	for line := range strings.Lines(rest) {
		all = append(all, strings.TrimSpace(line))
	}
	return strings.TrimSpace(first + " " + strings.Join(slices.Compact(all), "; "))
}

// Translate makes the contracts' words of what the server and the driver say.
func Translate(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = unreachable{err}
	}
	switch c := Code(err); {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	case c == diskFull || c == readOnly:
		return fmt.Errorf("%w: %w; %s", store.ErrFull, err, cures[c])
	case cures[c] != "":
		return fmt.Errorf("%w; %s", err, cures[c])
	}
	return err
}
