package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	// dropOther forgets the request of that id if it is another one.
	dropOther = `DELETE FROM requests WHERE id = ?1 AND (site <> ?2 OR checksum <> ?3)`
	// dropCleaned forgets the parts of a request that was cleaned up.
	dropCleaned = `DELETE FROM request_parts WHERE request = ?1
		AND (SELECT cleaned_at FROM requests WHERE id = ?1) IS NOT NULL`
	// dropFormer forgets who created it then.
	dropFormer = `DELETE FROM request_logins WHERE request = ?1
		AND (SELECT cleaned_at FROM requests WHERE id = ?1) IS NOT NULL`
	addLogin = `INSERT INTO request_logins (request, login) VALUES (?1, ?2) ON CONFLICT DO NOTHING`
	// reviveRequest makes one that was cleaned up live again; its parts are dropped before.
	reviveRequest = `UPDATE requests SET cleaned_at = NULL, upstream = ?2, used_at = ?3,
		part_count = 0, part_width = 0, part_bytes = 0 WHERE id = ?1 AND cleaned_at IS NOT NULL`
	insertRequest = `INSERT INTO requests (id, site, checksum, peer, upstream, created_at, used_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (id) DO NOTHING`
	oneRequest = `SELECT id, checksum, peer, site, upstream, part_count, part_width, part_bytes,
		created_at, cleaned_at, used_at, login, sent
		FROM requests LEFT JOIN request_logins l ON l.request = id WHERE id = `
	readLogins  = oneRequest + `?1 ORDER BY l.ord`
	findRequest = oneRequest + `(SELECT id FROM requests WHERE site = ?1 AND checksum = ?2 AND cleaned_at IS NULL
		ORDER BY created_at DESC, id DESC LIMIT 1) ORDER BY l.ord`
	readPart  = `SELECT size, width FROM request_parts WHERE request = ?1 AND name = ?2`
	readParts = `SELECT name, size, width FROM request_parts WHERE request = ?1 ORDER BY ord`
	partSize  = `SELECT (SELECT size FROM request_parts WHERE request = ?1 AND name = ?2)
		FROM requests WHERE id = ?1`
	putPart = `INSERT INTO request_parts (request, name, size, width) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (request, name) DO UPDATE SET size = excluded.size, width = excluded.width`
	markSender = `UPDATE request_logins SET sent = 1 WHERE request = ?1 AND login = ?2 AND sent = 0`
	sumParts   = `UPDATE requests SET used_at = ?2, part_count = part_count + ?3,
		part_bytes = part_bytes + ?4,
		part_width = CASE WHEN part_count = 0 THEN ?5 ELSE part_width END WHERE id = ?1`
	touchRequest = `UPDATE requests SET used_at = ?2 WHERE id = ?1`
	cleanRequest = `UPDATE requests SET cleaned_at = ?2, used_at = ?2 WHERE id = ?1`
	pruneCleaned = `DELETE FROM requests WHERE cleaned_at <= ?1 OR used_at <= ?2`
)

// requests implements store.Requests.
type requests struct{ *file }

func (s requests) Create(ctx context.Context, req store.Request) error {
	return s.write(ctx, fmt.Sprintf("create request %d", req.ID), func(tx *txn) error {
		if err := create(tx, &req); err != nil {
			return err
		}
		for _, login := range req.Logins {
			if _, err := tx.exec(addLogin, req.ID, login); err != nil {
				return err
			}
		}
		return nil
	})
}

// create makes the row of a request: most are new, and nothing else has their id.
func create(tx *txn, req *store.Request) error {
	insert := func() (int64, error) {
		return tx.exec(insertRequest, req.ID, req.Site, req.Checksum, req.Peer, req.Upstream, tx.now())
	}
	if n, err := insert(); err != nil || n == 1 {
		return err
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{dropOther, []any{req.ID, req.Site, req.Checksum}},
		{dropCleaned, []any{req.ID}},
		{dropFormer, []any{req.ID}},
		{reviveRequest, []any{req.ID, req.Upstream, tx.now()}},
	} {
		if _, err := tx.exec(step.query, step.args...); err != nil {
			return err
		}
	}
	_, err := insert()
	return err
}

func (s requests) Request(ctx context.Context, id int64) (store.Request, error) {
	return s.one(ctx, fmt.Sprintf("request %d", id), readLogins, id)
}

func (s requests) Find(ctx context.Context, site int64, checksum string) (store.Request, error) {
	return s.one(ctx, fmt.Sprintf("request of site %d", site), findRequest, site, checksum)
}

// one reads a request with one statement, as of one moment.
func (s requests) one(ctx context.Context, what, query string, args ...any) (store.Request, error) {
	if err := ctx.Err(); err != nil {
		return store.Request{}, fmt.Errorf("%s: %w", what, err)
	}
	req, n := store.Request{}, int64(0)
	err := s.rows(brief(ctx), what, query, args, func(row scanner) error {
		var created, cleaned, used sql.NullInt64
		var login sql.NullString
		var sent sql.NullBool
		err := row.Scan(&req.ID, &req.Checksum, &req.Peer, &req.Site, &req.Upstream, &req.PartCount,
			&req.PartWidth, &req.PartBytes, &created, &cleaned, &used, &login, &sent)
		req.CreatedAt, req.CleanedAt = fromNanos(created), fromNanos(cleaned)
		req.Idle = max(0, s.now().Sub(time.Unix(0, used.Int64)))
		if login.Valid {
			req.Logins = append(req.Logins, login.String)
		}
		if sent.Bool {
			req.Senders = append(req.Senders, login.String)
		}
		n++
		return err
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	if err != nil {
		return store.Request{}, err
	}
	return req, nil
}

func (s requests) AddPart(ctx context.Context, id int64, part store.Part, answers ...store.Answer) error {
	what := fmt.Sprintf("add part %q to request %d", part.Name, id)
	return s.write(ctx, what, func(tx *txn) error {
		for _, a := range answers {
			if _, err := tx.exec(answerOne, keyArgs(a.Key, a.Reference, a.Body, tx.now())...); err != nil {
				return err
			}
		}
		var before sql.NullInt64
		err := tx.query(partSize, []any{id, part.Name}, &before)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.exec(putPart, id, part.Name, part.Size, part.Width); err != nil {
			return err
		}
		if part.Login != "" {
			if _, err := tx.exec(markSender, id, part.Login); err != nil {
				return err
			}
		}
		more := 1
		if before.Valid {
			more = 0
		}
		_, err = tx.exec(sumParts, id, tx.now(), more, part.Size-before.Int64, part.Width)
		return err
	})
}

func (s requests) Part(ctx context.Context, id int64, name string) (store.Part, error) {
	p := store.Part{Name: name}
	what := fmt.Sprintf("part %q of request %d", name, id)
	err := s.read(ctx, what, readPart, func(st *sql.Stmt) error {
		return st.QueryRowContext(ctx, id, name).Scan(&p.Size, &p.Width)
	})
	if err != nil {
		return store.Part{}, err
	}
	return p, nil
}

func (s requests) Parts(ctx context.Context, id int64, fn func(store.Part) error) error {
	what := fmt.Sprintf("parts of request %d", id)
	return s.rows(ctx, what, readParts, []any{id}, func(row scanner) error {
		var p store.Part
		if err := row.Scan(&p.Name, &p.Size, &p.Width); err != nil {
			return err
		}
		return fn(p)
	})
}

func (s requests) Touch(ctx context.Context, ids ...int64) error {
	if len(ids) == 0 {
		return nil
	}
	return s.write(ctx, "touch requests", func(tx *txn) error {
		for _, id := range ids {
			if _, err := tx.exec(touchRequest, id, tx.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s requests) CleanUp(ctx context.Context, id int64) error {
	return s.write(ctx, fmt.Sprintf("clean up request %d", id), func(tx *txn) error {
		return found(tx.exec(cleanRequest, id, tx.now()))
	})
}

func (s requests) PruneRequests(
	ctx context.Context, cleaned, idle time.Duration,
) (int, error) {
	return s.countAt(ctx, "prune requests", func(now int64) (string, []any) {
		return pruneCleaned, []any{now - int64(cleaned), now - int64(idle)}
	})
}
