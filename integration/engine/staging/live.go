package staging

import (
	"context"
	"os"
	"path/filepath"

	"github.com/stagelock/stagelock/integration/engine/arrivals"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

// Config says what a Live is. Dir is needed.
type Config struct {
	Dir     string // parts are kept here; made if it is missing
	URL     string // scheme, host and port of its own pages
	Context string // path context of its own pages
}

// Live is one environment as its publishers see it. It is safe for concurrent use.
type Live struct {
	cfg   Config
	store *content.Store
	lar   *lar.Archives
	log   *arrivals.Log
}

// NewLive returns the Live of a store and throws away parts that no request names.
func NewLive(ctx context.Context, cfg Config, store *content.Store, lars *lar.Archives) (*Live, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	log, err := arrivals.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	l := &Live{cfg: cfg, store: store, lar: lars, log: log}
	return l, store.Sweep(ctx, cfg.Dir, `SELECT file FROM parts`)
}

// Arrivals returns what was published to a site, newest first, what is being imported among it.
func (l *Live) Arrivals(ctx context.Context, site int64) ([]arrivals.Arrival, error) {
	return l.log.List(ctx, site)
}

// Why a call was not carried out, each with the values that its Error carries.
const (
	NoPage          content.Code = "no-page"          // uuid, site, whether private
	NoPageID        content.Code = "no-page-id"       // id
	NoRequest       content.Code = "no-request"       // id
	DuplicatePart   content.Code = "duplicate-part"   // name
	WrongChecksum   content.Code = "wrong-checksum"   // request, checksum
	NoConfiguration content.Code = "no-configuration" // none
	NoPortlet       content.Code = "no-portlet"       // none
	NotOnPage       content.Code = "not-on-page"      // application, page
)

func (l *Live) path(file string) string { return filepath.Join(l.cfg.Dir, file) }
