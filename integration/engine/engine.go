package engine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/stagelock/stagelock/tunnel/liferay"
)

// VerifyFunc judges an Authorization header and returns the login that it proves. An empty header
// is not passed to it. An error is what a wrong token is.
type VerifyFunc func(authorization string) (login string, err error)

// Config says what an Engine is. Dir, Build, CompanyID and Now are needed; the zero Verify admits
// nobody.
type Config struct {
	Dir       string // database, parts and content live here; made if it is missing
	Build     string // build number, such as 6011 or 7413: older archives must carry the same one
	Line      string // version line whose class names and manners it has: 6.2, 7.0 to 7.4; empty means 7.4
	CompanyID int64  // the portal instance that calls belong to
	URL       string // scheme, host and port of its own pages; getGroupDisplayURL's answer begins with it
	Context   string // path context before /api/liferay/do, such as /portal

	// HideExceptions sends PortalException("Invocation failed due to <class>") instead of the exception
	// itself; 7.3 always does.
	HideExceptions bool
	// Portlets maps root portlet ids to the schema version of their data handlers; nil means the engine's own three.
	Portlets map[string]string
	// MaxArchive limits the unpacked size of an archive in bytes; 0 means 4 GiB.
	MaxArchive int64

	Now      func() time.Time
	Rand     io.Reader // source of uuids; nil means crypto/rand
	Verify   VerifyFunc
	Progress func(Progress)     // told after every entry of an import; nil means nobody
	Pause    func(point string) // called at the points of an import and of every commit; tests hold or kill there
}

// Progress says how far the import of one publish has come.
type Progress struct {
	Site, Request      int64
	Entries, OfEntries int
	Bytes, OfBytes     int64 // unpacked
}

// Engine is one portal's worth of sites. It is safe for concurrent use.
type Engine struct {
	cfg     Config
	build   string // recorded build whose classes the answers are written in
	db      *sql.DB
	content *vault
	parts   *spool

	writing sync.Mutex // held around every write transaction: SQLite has one writer, and waiting here has no deadline
	closing sync.Once
	closed  error
}

const defaultMaxArchive = 4 << 30

// rules are what a Config must satisfy.
var rules = []struct {
	name, cure string
	holds      func(Config) bool
}{
	{"Dir", "is empty: nowhere to keep sites", func(c Config) bool { return c.Dir != "" }},
	{"Build", "is empty: no archive could be compared with it", func(c Config) bool { return c.Build != "" }},
	{"Build", "is not a number", func(c Config) bool { return c.Build == "" || buildNumber(c.Build) > 0 }},
	{"Line", "is none of 6.2, 7.0, 7.1, 7.2, 7.3, 7.4", func(c Config) bool { return knownLine(c.Line) }},
	{"CompanyID", "is not above 0", func(c Config) bool { return c.CompanyID > 0 }},
	{"Now", "is nil: no clock", func(c Config) bool { return c.Now != nil }},
	{"Context", "does not begin with / or ends with /", func(c Config) bool { return validContext(c.Context) }},
}

// New opens the engine in cfg.Dir, which it makes when it is missing, and throws away what an
// interrupted call left behind.
func New(cfg Config) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	build, err := liferay.BuildOf(cfg.Line)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	for _, dir := range []string{"parts", "content", "exports"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	db, err := openDB(context.Background(), filepath.Join(cfg.Dir, "engine.db"))
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{cfg: cfg, build: build, db: db,
		content: &vault{dir: filepath.Join(cfg.Dir, "content")},
		parts:   &spool{dir: filepath.Join(cfg.Dir, "parts")}}
	if err := e.sweep(context.Background()); err != nil {
		db.Close()
		return nil, fmt.Errorf("engine: %w", err)
	}
	return e, nil
}

// Close releases the database. It is idempotent; calls that are under way end with an error.
func (e *Engine) Close() error {
	e.closing.Do(func() { e.closed = e.db.Close() })
	return e.closed
}

func (c Config) check() error {
	var errs []error
	for _, r := range rules {
		if !r.holds(c) {
			errs = append(errs, fmt.Errorf("engine: %s %s", r.name, r.cure))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Line == "" {
		c.Line = "7.4"
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Portlets == nil {
		c.Portlets = ownPortlets
	}
	if c.MaxArchive == 0 {
		c.MaxArchive = defaultMaxArchive
	}
	if c.Line == "7.3" {
		c.HideExceptions = true
	}
	if c.URL == "" {
		c.URL = "http://localhost:8080"
	}
	return c
}

// sweep removes files that no committed row points at.
func (e *Engine) sweep(ctx context.Context) error {
	packs, err := column(ctx, e.db, `SELECT DISTINCT pack FROM blobs`)
	if err != nil {
		return err
	}
	files, err := column(ctx, e.db, `SELECT file FROM parts`)
	if err != nil {
		return err
	}
	return errors.Join(removeOthers(e.content.dir, packs), removeOthers(e.parts.dir, files))
}

func (e *Engine) pause(point string) {
	if e.cfg.Pause != nil {
		e.cfg.Pause(point)
	}
}

func (e *Engine) stamp() string { return e.cfg.Now().UTC().Format(time.RFC3339Nano) }

// uuid returns a random identifier of version 4.
func (e *Engine) uuid() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(e.cfg.Rand, b[:]); err != nil {
		return "", fmt.Errorf("uuid: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
