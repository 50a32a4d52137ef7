package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// freshPages are those that need not be written down.
	freshPages = `SELECT page FROM @.pages WHERE page = ANY ($1::bigint[]) AND site = $2
		AND seen_at > {now} - interval '1 day'`
	putPages = `INSERT INTO @.pages (page, site, seen_at)
		SELECT p, $2, {now} FROM unnest($1::bigint[]) p ORDER BY p
		ON CONFLICT (page) DO UPDATE SET site = excluded.site, seen_at = excluded.seen_at`
	readPage = `SELECT site FROM @.pages WHERE page = $1`
	// prunePages gives a day more: what is seen daily is not written daily.
	prunePages = `DELETE FROM @.pages WHERE seen_at <= {now} - $1 * interval '1 microsecond' - interval '1 day'`
)

// pages implements store.Pages.
type pages struct{ *db }

func (s pages) Put(ctx context.Context, site int64, all ...int64) error {
	what := fmt.Sprintf("put pages of site %d", site)
	news := slices.Compact(slices.Sorted(slices.Values(all)))
	err := s.Read(ctx, what, func(ctx context.Context) error {
		rows, err := s.Calls.Query(ctx, s.SQL(freshPages), news, site)
		if err != nil {
			return err
		}
		fresh, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		news = slices.DeleteFunc(news, func(p int64) bool { return slices.Contains(fresh, p) })
		return err
	})
	if err != nil || len(news) == 0 {
		return err
	}
	_, err = s.Count(ctx, what, putPages, news, site)
	return err
}

func (s pages) Site(ctx context.Context, page int64) (int64, error) {
	var site int64
	err := s.Read(ctx, fmt.Sprintf("page %d", page), func(ctx context.Context) error {
		return s.Calls.QueryRow(ctx, s.SQL(readPage), page).Scan(&site)
	})
	return site, err
}

func (s pages) PrunePages(ctx context.Context, keep time.Duration) (int, error) {
	return s.Count(ctx, "prune pages", prunePages, micros(keep))
}
