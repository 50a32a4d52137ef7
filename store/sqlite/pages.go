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
	readPage = `SELECT site, seen_at FROM pages WHERE page = ?1`
	putPage  = `INSERT INTO pages (page, site, seen_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (page) DO UPDATE SET site = excluded.site, seen_at = excluded.seen_at`
	prunePages = `DELETE FROM pages WHERE seen_at <= ?1`
)

// pageFresh is how old a sighting may be before it is written down anew.
const pageFresh = 24 * time.Hour

// pages implements store.Pages.
type pages struct{ *file }

func (s pages) Put(ctx context.Context, site int64, all ...int64) error {
	var news []int64
	for _, page := range all {
		known, seen, err := s.page(ctx, page)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil || known != site || s.now().Sub(time.Unix(0, seen)) >= pageFresh {
			news = append(news, page)
		}
	}
	if len(news) == 0 {
		return nil
	}
	return s.write(ctx, fmt.Sprintf("put pages of site %d", site), func(tx *txn) error {
		for _, page := range news {
			if _, err := tx.exec(putPage, page, site, tx.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// page reads one; store.ErrNotFound is in the error of one that is not known.
func (s pages) page(ctx context.Context, page int64) (site, seen int64, err error) {
	err = s.read(ctx, fmt.Sprintf("page %d", page), readPage, func(st *sql.Stmt) error {
		return st.QueryRowContext(ctx, page).Scan(&site, &seen)
	})
	return site, seen, err
}

func (s pages) Site(ctx context.Context, page int64) (int64, error) {
	site, _, err := s.page(ctx, page)
	return site, err
}

func (s pages) PrunePages(ctx context.Context, keep time.Duration) (int, error) {
	return s.countAt(ctx, "prune pages", func(now int64) (string, []any) {
		return prunePages, []any{now - int64(keep+pageFresh)} // what is seen daily is not written daily
	})
}
