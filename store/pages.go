package store

import (
	"context"
	"time"
)

// Pages remembers which site a page belongs to, as the replies of look-ups told: a publish onto a
// page names no site. It is safe for concurrent use, also from several processes.
type Pages interface {
	// Put keeps that pages were seen in site; what was told last holds. It is on disk when it returns
	// nil. A page that is known for that site and was seen within a day costs no write.
	Put(ctx context.Context, site int64, pages ...int64) error
	// Site returns the site of page, or ErrNotFound.
	Site(ctx context.Context, page int64) (int64, error)
	// PrunePages forgets pages that nobody saw for longer than keep, and returns how many; up to a
	// day longer.
	PrunePages(ctx context.Context, keep time.Duration) (int, error)
}
