package errands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Book keeps a Journal in a database.
type Book struct{ db store.Transactor }

var _ Journal = Book{}

// NewBook returns the Book of a database, whose schema has the tables of this package.
func NewBook(db store.Transactor) Book { return Book{db} }

const (
	// nextSeq writes one row that every writer writes: they come one after the other, so that numbers become visible
	// in their order.
	nextSeq = `INSERT INTO @.sync_errand_seq AS s (name, seq) VALUES ('seq', 1)
		ON CONFLICT (name) DO UPDATE SET seq = s.seq + 1 RETURNING seq`
	columns = `seq, object, tag, under_way, deleted, title, author, needs, digest, size, content, state, made, begun, ended, at`
	insert  = `INSERT INTO @.sync_errands (` + columns + `, owner)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`
	ofObject = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE object = $1 AND ($2 = CAST(0 AS bigint) OR seq < $2)
		ORDER BY seq DESC LIMIT $3`
	newestOf = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE object = $1 AND under_way = 0 ORDER BY seq DESC LIMIT 1`
	firstOf  = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE object = $1 AND under_way = 0 AND seq > $2
		ORDER BY seq LIMIT 1`
	openOf = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE object = $1 AND under_way = 1 ORDER BY seq LIMIT 1`
	editOf = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE object = $1 AND tag = '' AND digest = $2 AND made = $3
		AND made > 0 ORDER BY seq LIMIT 1`
	newestPut = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE object = $1 AND under_way = 0 AND digest <> ''
		ORDER BY seq DESC LIMIT 1`
	behind   = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE seq > $1 AND under_way = 0 ORDER BY seq LIMIT $2`
	one      = `SELECT ` + columns + `, owner FROM @.sync_errands WHERE seq = $1`
	carried  = `UPDATE @.sync_errands SET seq = $2, under_way = 0, begun = $3, ended = $4, at = $5 WHERE seq = $1 AND under_way = 1`
	undo     = `DELETE FROM @.sync_errands WHERE seq = $1 AND under_way = 1`
	isNamed  = `SELECT 1 FROM @.sync_errands WHERE digest = $1 LIMIT 1`
	pruneOld = `DELETE FROM @.sync_errands WHERE at <= $1 AND under_way = 0
		AND EXISTS (SELECT 1 FROM @.sync_errands n WHERE n.object = sync_errands.object
			AND n.seq > sync_errands.seq AND n.under_way = 0)
		AND (digest = '' OR EXISTS (SELECT 1 FROM @.sync_errands n WHERE n.object = sync_errands.object
			AND n.seq > sync_errands.seq AND n.under_way = 0 AND n.digest <> ''))`
)

// held is a row with who is at it.
type held struct {
	Row
	owner string
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func text(d sync.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func rows(tx store.Tx, query string, args ...any) (all []held, err error) {
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var h held
		var object, needs, digest string
		var open, deleted, made, begun, ended, at int64
		err := scan(&h.Seq, &object, &h.Tag, &open, &deleted, &h.Title, &h.Author, &needs, &digest, &h.Size, &h.Content, &h.State,
			&made, &begun, &ended, &at, &h.owner)
		if err != nil {
			return err
		}
		h.Object, h.Open, h.Deleted = sync.Object(object), open == 1, deleted == 1
		h.Made, h.Begun, h.Ended, h.At = moment(made), moment(begun), moment(ended), moment(at)
		if needs != "" {
			err = json.Unmarshal([]byte(needs), &h.Needs)
		}
		if digest != "" && err == nil {
			h.Digest, err = sync.ParseDigest(digest)
		}
		all = append(all, h)
		return err
	})
	return all, err
}

func next(tx store.Tx) (seq int64, err error) {
	err = tx.Query(nextSeq, nil, func(scan func(...any) error) error { return scan(&seq) })
	return seq, err
}

func write(tx store.Tx, r Row, owner string) error {
	needs := ""
	if len(r.Needs) > 0 {
		b, err := json.Marshal(r.Needs)
		if err != nil {
			return err
		}
		needs = string(b)
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	_, err = tx.Exec(insert, r.Seq, string(r.Object), r.Tag, flag(r.Open), flag(r.Deleted), r.Title, r.Author, needs, text(r.Digest),
		r.Size, r.Content, r.State, micros(r.Made), micros(r.Begun), micros(r.Ended), now, owner)
	return err
}

// HandIn implements Journal.
func (b Book) HandIn(ctx context.Context, r Row) (seq int64, known bool, err error) {
	err = b.db.Transact(ctx, "hand in", func(tx store.Tx) error {
		seq, known, err = handIn(tx, r)
		return err
	})
	return seq, known, err
}

func handIn(tx store.Tx, r Row) (seq int64, known bool, err error) {
	if r.Seq, err = next(tx); err != nil { // first: who else writes waits, and sees this row
		return 0, false, err
	}
	newest, err := rows(tx, newestOf, string(r.Object))
	if err != nil {
		return 0, false, err
	}
	if len(newest) > 0 && newest[0].Deleted == r.Deleted && newest[0].Digest == r.Digest {
		return newest[0].Seq, true, nil
	}
	if !r.Deleted {
		edits, err := rows(tx, editOf, string(r.Object), text(r.Digest), micros(r.Made))
		if err != nil {
			return 0, false, err
		}
		if len(edits) > 0 {
			return edits[0].Seq, true, nil
		}
	}
	r.Tag, r.Open = "", false
	return r.Seq, false, write(tx, r, "")
}

// Begin implements Journal.
func (b Book) Begin(
	ctx context.Context, r Row, expect int64, owner string, patience time.Duration,
) (seq int64, done bool, err error) {
	err = b.db.Transact(ctx, "begin a delivery", func(tx store.Tx) error {
		seq, done, err = begin(tx, r, expect, owner, patience)
		return err
	})
	return seq, done, err
}

func begin(tx store.Tx, r Row, expect int64, owner string, patience time.Duration) (int64, bool, error) {
	seq, err := next(tx)
	if err != nil {
		return 0, false, err
	}
	first, err := rows(tx, firstOf, string(r.Object), expect)
	if err != nil {
		return 0, false, err
	}
	if len(first) > 0 && first[0].Tag == r.Tag {
		return first[0].Seq, true, nil
	}
	newest, err := rows(tx, newestOf, string(r.Object))
	if err != nil {
		return 0, false, err
	}
	if len(newest) > 0 && newest[0].Seq != expect || len(newest) == 0 && expect != 0 {
		return 0, false, ErrMoved
	}
	before, err := takeOver(tx, r.Object, owner, patience)
	if err != nil {
		return 0, false, err
	}
	if before > expect {
		seq = before // what is handed in meanwhile comes behind it
	}
	r.Seq, r.Open = seq, true
	return seq, false, write(tx, r, owner)
}

// takeOver ends the delivery of the object that is open, unless another owner may be at it, and returns its row; 0 if there
// is none.
func takeOver(tx store.Tx, o sync.Object, owner string, patience time.Duration) (int64, error) {
	open, err := rows(tx, openOf, string(o))
	if err != nil || len(open) == 0 {
		return 0, err
	}
	now, err := tx.Now()
	if err != nil {
		return 0, err
	}
	if open[0].owner != owner && micros(open[0].At)+patience.Microseconds() > now {
		return 0, ErrUnderWay
	}
	_, err = tx.Exec(undo, open[0].Seq)
	return open[0].Seq, err
}

// Carried implements Journal. What was handed in meanwhile stays behind the delivery; otherwise the row moves to the
// end, where who reads in order finds it.
func (b Book) Carried(ctx context.Context, seq int64, owner string, begun, ended time.Time) (at int64, err error) {
	err = b.db.Transact(ctx, "end a delivery", func(tx store.Tx) error {
		if at, err = next(tx); err != nil {
			return err
		}
		row, err := own(tx, seq, owner)
		if err != nil {
			return err
		}
		since, err := rows(tx, firstOf, string(row.Object), seq)
		if err != nil {
			return err
		}
		if len(since) > 0 {
			at = seq
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		_, err = tx.Exec(carried, seq, at, micros(begun), micros(ended), now)
		return err
	})
	return at, err
}

// Undo implements Journal.
func (b Book) Undo(ctx context.Context, seq int64, owner string) error {
	return b.db.Transact(ctx, "undo a delivery", func(tx store.Tx) error {
		if _, err := next(tx); err != nil { // as who takes a delivery over does: one comes after the other
			return err
		}
		if _, err := own(tx, seq, owner); err != nil {
			return err
		}
		_, err := tx.Exec(undo, seq)
		return err
	})
}

// own is the open delivery of that number, if it is still owner's.
func own(tx store.Tx, seq int64, owner string) (held, error) {
	row, err := rows(tx, one, seq)
	if err != nil {
		return held{}, err
	}
	if len(row) == 0 || !row[0].Open || row[0].owner != owner {
		return held{}, fmt.Errorf("delivery %d: %w", seq, store.ErrStale)
	}
	return row[0], nil
}

func (b Book) read(ctx context.Context, what, query string, args ...any) (all []Row, err error) {
	err = b.db.View(ctx, what, func(tx store.Tx) error {
		found, err := rows(tx, query, args...)
		all = make([]Row, len(found))
		for i, h := range found {
			all[i] = h.Row
		}
		return err
	})
	return all, err
}

// Rows implements Journal.
func (b Book) Rows(ctx context.Context, after int64, limit int) ([]Row, error) {
	return b.read(ctx, "errands", behind, after, limit)
}

// Row implements Journal.
func (b Book) Row(ctx context.Context, seq int64) (Row, error) {
	r, err := b.only(ctx, fmt.Sprintf("errand %d", seq), one, seq)
	if err == nil && r.Open {
		return Row{}, fmt.Errorf("errand %d is open: %w", seq, store.ErrNotFound)
	}
	return r, err
}

// only is the row that a query finds.
func (b Book) only(ctx context.Context, what, query string, args ...any) (Row, error) {
	all, err := b.read(ctx, what, query, args...)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	if err != nil {
		return Row{}, err
	}
	return all[0], nil
}

// First implements Journal.
func (b Book) First(ctx context.Context, o sync.Object, after int64) (Row, error) {
	return b.only(ctx, "first errand of "+string(o), firstOf, string(o), after)
}

// Last implements Journal.
func (b Book) Last(ctx context.Context, o sync.Object, before int64, limit int) ([]Row, error) {
	return b.read(ctx, "errands of "+string(o), ofObject, string(o), before, limit)
}

// Put implements Journal.
func (b Book) Put(ctx context.Context, o sync.Object) (Row, error) {
	return b.only(ctx, "document of "+string(o), newestPut, string(o))
}

// Named implements Journal.
func (b Book) Named(ctx context.Context, all ...sync.Digest) (named []bool, err error) {
	err = b.db.View(ctx, "documents that errands name", func(tx store.Tx) error {
		named = make([]bool, len(all))
		for i, d := range all {
			err := tx.Query(isNamed, []any{text(d)}, func(scan func(...any) error) error {
				var n int
				named[i] = true
				return scan(&n)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return named, err
}

// Prune implements Journal.
func (b Book) Prune(ctx context.Context, keep time.Duration) (n int, err error) {
	err = b.db.Transact(ctx, "forget errands", func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		rows, err := tx.Exec(pruneOld, now-keep.Microseconds())
		n = int(rows)
		return err
	})
	return n, err
}
