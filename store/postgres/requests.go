package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
)

const (
	// dropOther forgets the request of that id if it is another one.
	dropOther     = `DELETE FROM @.requests WHERE id = $1 AND (site <> $2 OR checksum <> $3)`
	insertRequest = `INSERT INTO @.requests (id, site, checksum, peer, upstream, created_at, used_at)
		SELECT $1, $2, $3, $4, $5, t, t FROM (SELECT {now} AS t) clock ON CONFLICT (id) DO NOTHING`
	// dropCleaned forgets the parts of a request that was cleaned up, which reviveRequest then makes
	// live again. One that lives is not written: many creates of it at once do not wait for each other.
	dropCleaned = `DELETE FROM @.request_parts WHERE request =
		(SELECT id FROM @.requests WHERE id = $1 AND cleaned_at IS NOT NULL FOR UPDATE)`
	// dropFormer forgets who created it then.
	dropFormer = `DELETE FROM @.request_logins WHERE request =
		(SELECT id FROM @.requests WHERE id = $1 AND cleaned_at IS NOT NULL FOR UPDATE)`
	reviveRequest = `UPDATE @.requests SET cleaned_at = NULL, upstream = $2, used_at = {now},
		part_count = 0, part_width = 0, part_bytes = 0 WHERE id = $1 AND cleaned_at IS NOT NULL`
	addLogins = `INSERT INTO @.request_logins (request, login)
		SELECT $1, login FROM unnest($2::bytea[]) WITH ORDINALITY l (login, n) ORDER BY n
		ON CONFLICT DO NOTHING`
	oneRequest = `SELECT id, site, checksum, peer, upstream, part_count, part_width, part_bytes, created_at,
		cleaned_at, (extract(epoch FROM {now} - used_at) * 1000000)::bigint,
		ARRAY (SELECT login FROM @.request_logins l WHERE l.request = r.id ORDER BY ord),
		ARRAY (SELECT login FROM @.request_logins l WHERE l.request = r.id AND l.sent ORDER BY ord)
		FROM @.requests r WHERE id = `
	readRequest = oneRequest + `$1`

	findRequest = oneRequest + `(SELECT id FROM @.requests WHERE site = $1 AND checksum = $2 AND cleaned_at IS NULL
		ORDER BY created_at DESC, id DESC LIMIT 1)`

	// lockRequest has the parts of one request come one after the other, so that the sums are right.
	lockRequest = `SELECT FROM @.requests WHERE id = $1 FOR NO KEY UPDATE`
	putPart     = `WITH old AS (SELECT size FROM @.request_parts WHERE request = $1 AND name = $2),
	put AS (
		INSERT INTO @.request_parts AS p (request, name, size, width)
		SELECT id, $2, $3, $4 FROM @.requests WHERE id = $1
		ON CONFLICT (request, name) DO UPDATE SET size = excluded.size, width = excluded.width)
	UPDATE @.requests SET used_at = {now},
		part_count = part_count + CASE WHEN EXISTS (SELECT FROM old) THEN 0 ELSE 1 END,
		part_bytes = part_bytes + $3 - coalesce((SELECT size FROM old), 0),
		part_width = CASE WHEN part_count = 0 THEN $4 ELSE part_width END WHERE id = $1`
	// answerWith keeps the answer of a call that added to request $4, if there is one.
	answerWith = answer + ` AND EXISTS (SELECT FROM @.requests WHERE id = $4)`
	markSender = `UPDATE @.request_logins SET sent = true WHERE request = $1 AND sha256(login) = sha256($2) AND NOT sent`
	readPart   = `SELECT size, width FROM @.request_parts WHERE request = $1 AND name = $2`
	readParts  = `SELECT ord, name, size, width FROM @.request_parts WHERE request = $1 AND ord > $2
		ORDER BY ord LIMIT $3`
	touchRequests = `UPDATE @.requests SET used_at = {now} WHERE id = ANY ($1::bigint[])`
	cleanRequest  = `UPDATE @.requests SET used_at = {now}, cleaned_at = {now} WHERE id = $1`
	pruneRequests = `DELETE FROM @.requests WHERE cleaned_at <= {now} - $1 * interval '1 microsecond'
		OR used_at <= {now} - $2 * interval '1 microsecond'`
)

// partsPage is how many parts are read at a time.
const partsPage = 1000

// requests implements store.Requests.
type requests struct{ *db }

func (s requests) Create(ctx context.Context, req store.Request) error {
	logins := make([][]byte, len(req.Logins))
	for i, l := range req.Logins {
		logins[i] = raw(l)
	}
	return s.Write(ctx, fmt.Sprintf("create request %d", req.ID), func(ctx context.Context) error {
		b := s.NewBatch()
		b.Add(dropOther, req.ID, req.Site, raw(req.Checksum))
		b.Add(insertRequest, req.ID, req.Site, raw(req.Checksum), raw(req.Peer), raw(req.Upstream))
		b.Add(dropCleaned, req.ID)
		b.Add(dropFormer, req.ID)
		b.Add(reviveRequest, req.ID, raw(req.Upstream))
		b.Add(addLogins, req.ID, logins)
		_, err := b.Send(ctx)
		return err
	})
}

func (s requests) Request(ctx context.Context, id int64) (store.Request, error) {
	return s.one(ctx, fmt.Sprintf("request %d", id), readRequest, id)
}

func (s requests) Find(ctx context.Context, site int64, checksum string) (store.Request, error) {
	return s.one(ctx, fmt.Sprintf("request of site %d", site), findRequest, site, raw(checksum))
}

// one reads a request with one statement, as of one moment.
func (s requests) one(ctx context.Context, what, query string, args ...any) (req store.Request, err error) {
	err = s.Read(ctx, what, func(ctx context.Context) error {
		var checksum, peer, upstream []byte
		var cleaned *time.Time
		var idle int64
		var logins, senders [][]byte
		err := s.Calls.QueryRow(ctx, s.SQL(query), args...).Scan(&req.ID, &req.Site, &checksum, &peer, &upstream,
			&req.PartCount, &req.PartWidth, &req.PartBytes, &req.CreatedAt, &cleaned, &idle, &logins, &senders)
		req.Checksum, req.Peer, req.Upstream = string(checksum), string(peer), string(upstream)
		req.CreatedAt, req.CleanedAt = req.CreatedAt.UTC(), utc(cleaned)
		req.Idle = max(0, time.Duration(idle)*time.Microsecond)
		req.Logins, req.Senders = texts(logins), texts(senders)
		return err
	})
	if err != nil {
		return store.Request{}, err
	}
	return req, nil
}

// texts returns nil for none.
func texts(raw [][]byte) (all []string) {
	for _, r := range raw {
		all = append(all, string(r))
	}
	return all
}

func (s requests) AddPart(ctx context.Context, id int64, part store.Part, answers ...store.Answer) error {
	what := fmt.Sprintf("add part %q to request %d", part.Name, id)
	return s.Write(ctx, what, func(ctx context.Context) error {
		b := s.NewBatch()
		b.Add(lockRequest, id)
		for _, a := range answers {
			b.Add(answerWith, keyOf(a.Key), raw(a.Reference), a.Body, id)
		}
		if part.Login != "" {
			b.Add(markSender, id, raw(part.Login))
		}
		b.Add(putPart, id, raw(part.Name), part.Size, int64(part.Width))
		n, err := b.Send(ctx)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

func (s requests) Part(ctx context.Context, id int64, name string) (store.Part, error) {
	p := store.Part{Name: name}
	what := fmt.Sprintf("part %q of request %d", name, id)
	err := s.Read(ctx, what, func(ctx context.Context) error {
		return s.Calls.QueryRow(ctx, s.SQL(readPart), id, raw(name)).Scan(&p.Size, &p.Width)
	})
	if err != nil {
		return store.Part{}, err
	}
	return p, nil
}

func (s requests) Parts(ctx context.Context, id int64, fn func(store.Part) error) error {
	for after := int64(0); ; {
		var page []store.Part
		last := after // of the page: an attempt that breaks in the middle is begun anew
		err := s.Read(ctx, fmt.Sprintf("parts of request %d", id), func(ctx context.Context) error {
			rows, err := s.Calls.Query(ctx, s.SQL(readParts), id, after, partsPage)
			if err != nil {
				return err
			}
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p store.Part, err error) {
				var name []byte
				err = row.Scan(&last, &name, &p.Size, &p.Width)
				p.Name = string(name)
				return p, err
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := fn(p); err != nil {
				return err
			}
		}
		if len(page) < partsPage {
			return nil
		}
		after = last
	}
}

func (s requests) Touch(ctx context.Context, ids ...int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.Count(ctx, "touch requests", touchRequests, ids)
	return err
}

func (s requests) CleanUp(ctx context.Context, id int64) error {
	what := fmt.Sprintf("clean up request %d", id)
	n, err := s.Count(ctx, what, cleanRequest, id)
	if err == nil && n == 0 {
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return err
}

func (s requests) PruneRequests(ctx context.Context, cleaned, idle time.Duration) (int, error) {
	return s.Count(ctx, "prune requests", pruneRequests, micros(cleaned), micros(idle))
}
