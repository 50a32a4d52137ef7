package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// maxGroup bounds how many writes share a transaction, and so how long the first of them waits for
// the last.
const maxGroup = 128

// write is one change that waits for the writer.
type write struct {
	gone  func() error // why its caller does not want it any more
	apply func(tx *txn) error
	done  chan error
}

// txn runs statements on the writer's connection, each prepared once. Its context cannot be
// cancelled: a caller who goes away must not take the other writes of the group along.
type txn struct {
	ctx   context.Context
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	now   func() int64 // of the store's clock, in nanoseconds since 1970
}

func (tx *txn) stmt(query string) (*sql.Stmt, error) {
	if st := tx.stmts[query]; st != nil {
		return st, nil
	}
	st, err := tx.conn.PrepareContext(tx.ctx, query)
	if err != nil {
		return nil, err
	}
	tx.stmts[query] = st
	return st, nil
}

// exec runs query and returns how many rows it changed.
func (tx *txn) exec(query string, args ...any) (int64, error) {
	st, err := tx.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query reads one row into dest.
func (tx *txn) query(query string, args []any, dest ...any) error {
	st, err := tx.stmt(query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(tx.ctx, args...).Scan(dest...)
}

func (tx *txn) close() error {
	var errs []error
	for _, st := range tx.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, tx.conn.Close())...)
}

// run takes writes until the store closes.
func (s *Store) run(tx *txn) {
	defer close(s.ended)
	for {
		select {
		case w := <-s.writes:
			tx.commit(s.group(w))
		case <-s.quit:
			s.writerErr = tx.close()
			return
		}
	}
}

// group adds every write that waits already to first.
func (s *Store) group(first *write) []*write {
	group := []*write{first}
	for len(group) < maxGroup {
		select {
		case w := <-s.writes:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

// commit carries out group in one transaction and tells each caller. A write that fails takes
// nothing else along; a transaction that fails fails every write in it.
func (tx *txn) commit(group []*write) {
	results := make([]error, len(group))
	broken := tx.transact(group, results)
	for i, w := range group {
		if broken != nil {
			results[i] = broken
		}
		w.done <- translate(results[i])
	}
}

// transact returns an error if nothing of group was kept.
func (tx *txn) transact(group []*write, results []error) (broken error) {
	if len(group) == 1 {
		results[0], broken = tx.alone(group[0])
		return broken
	}
	if _, err := tx.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for i, w := range group {
		if results[i], broken = tx.one(w); broken != nil {
			return tx.rollback(broken)
		}
	}
	if _, err := tx.exec("COMMIT"); err != nil {
		return tx.rollback(err)
	}
	return nil
}

// alone carries out a write that shares its transaction with nobody, and so can be undone with all of it.
func (tx *txn) alone(w *write) (result, broken error) {
	if err := w.gone(); err != nil {
		return err, nil
	}
	if _, err := tx.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	if result = w.apply(tx); result != nil {
		return tx.rollback(result), nil
	}
	if _, err := tx.exec("COMMIT"); err != nil {
		return nil, tx.rollback(err)
	}
	return nil, nil
}

// one carries out one write of a transaction, wholly or not at all. The second error is one that
// the transaction did not survive.
func (tx *txn) one(w *write) (result, broken error) {
	if err := w.gone(); err != nil {
		return err, nil
	}
	if _, err := tx.exec("SAVEPOINT one"); err != nil {
		return nil, err
	}
	if result = w.apply(tx); result != nil {
		if _, err := tx.exec("ROLLBACK TO one"); err != nil {
			return nil, result // SQLite rolled back all of it, as it does when the disk is full
		}
	}
	_, broken = tx.exec("RELEASE one")
	return result, broken
}

// rollback ends a failed transaction, which SQLite may have ended itself, and returns why it
// failed.
func (tx *txn) rollback(cause error) error {
	_, _ = tx.exec("ROLLBACK")
	return cause
}
