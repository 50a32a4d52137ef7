package sqlite

import (
	"context"
	"database/sql"
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
	createRequest = `INSERT INTO requests (id, site, checksum, peer, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET cleaned_at = NULL`
	addLogin = `INSERT INTO request_logins (request, login) VALUES (?1, ?2) ON CONFLICT DO NOTHING`
	addPart  = `INSERT INTO request_parts (request, name, size)
		SELECT id, ?2, ?3 FROM requests WHERE id = ?1
		ON CONFLICT (request, name) DO UPDATE SET size = excluded.size`
	cleanUp       = `UPDATE requests SET cleaned_at = ?2 WHERE id = ?1`
	pruneRequests = `DELETE FROM requests WHERE cleaned_at < ?1`
	// readRequest is one statement, so that no write comes between its three tables.
	readRequest = `SELECT 0 AS kind, 0 AS ord, checksum, peer, site, created_at, cleaned_at
		FROM requests WHERE id = ?1
		UNION ALL SELECT 1, ord, login, '', 0, NULL, NULL FROM request_logins WHERE request = ?1
		UNION ALL SELECT 2, ord, name, '', size, NULL, NULL FROM request_parts WHERE request = ?1
		ORDER BY kind, ord`
)

// Create implements store.Requests.
func (s *Store) Create(ctx context.Context, req store.Request) error {
	return s.write(ctx, fmt.Sprintf("create request %d", req.ID), func(tx *txn) error {
		return createIn(tx, req)
	})
}

func createIn(tx *txn, req store.Request) error {
	if _, err := tx.exec(dropOther, req.ID, req.Site, req.Checksum); err != nil {
		return err
	}
	if _, err := tx.exec(dropCleaned, req.ID); err != nil {
		return err
	}
	if _, err := tx.exec(createRequest, req.ID, req.Site, req.Checksum, req.Peer,
		nanos(req.CreatedAt)); err != nil {
		return err
	}
	for _, login := range req.Logins {
		if _, err := tx.exec(addLogin, req.ID, login); err != nil {
			return err
		}
	}
	for _, p := range req.Parts {
		if _, err := tx.exec(addPart, req.ID, p.Name, p.Size); err != nil {
			return err
		}
	}
	return nil
}

// Request implements store.Requests.
func (s *Store) Request(ctx context.Context, id int64) (store.Request, error) {
	req := store.Request{ID: id}
	err := s.read(ctx, fmt.Sprintf("request %d", id), readRequest, func(st *sql.Stmt) error {
		rows, err := st.QueryContext(ctx, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for ; rows.Next(); n++ {
			if err := scanRequest(rows, &req); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return found(int64(n), nil)
	})
	if err != nil {
		return store.Request{}, err
	}
	return req, nil
}

// scanRequest adds one row of readRequest to req.
func scanRequest(rows *sql.Rows, req *store.Request) error {
	var (
		kind, ord, number int64
		text, peer        string
		created, cleaned  sql.NullInt64
	)
	if err := rows.Scan(&kind, &ord, &text, &peer, &number, &created, &cleaned); err != nil {
		return err
	}
	switch kind {
	case 0:
		req.Checksum, req.Peer, req.Site = text, peer, number
		req.CreatedAt, req.CleanedAt = fromNanos(created), fromNanos(cleaned)
	case 1:
		req.Logins = append(req.Logins, text)
	default:
		req.Parts = append(req.Parts, store.Part{Name: text, Size: number})
	}
	return nil
}

// AddPart implements store.Requests.
func (s *Store) AddPart(ctx context.Context, id int64, part store.Part) error {
	return s.write(ctx, fmt.Sprintf("add part %q to request %d", part.Name, id),
		func(tx *txn) error {
			return found(tx.exec(addPart, id, part.Name, part.Size))
		})
}

// CleanUp implements store.Requests.
func (s *Store) CleanUp(ctx context.Context, id int64, at time.Time) error {
	return s.write(ctx, fmt.Sprintf("clean up request %d", id), func(tx *txn) error {
		return found(tx.exec(cleanUp, id, nanos(at)))
	})
}

// PruneRequests implements store.Requests.
func (s *Store) PruneRequests(ctx context.Context, before time.Time) (int, error) {
	return s.count(ctx, "prune requests", pruneRequests, nanos(before))
}
