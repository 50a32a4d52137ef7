package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/remote"
	"github.com/stagelock/stagelock/integration/engine/revisions"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
	"github.com/stagelock/stagelock/tunnel"
)

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
	// Portlets maps root portlet ids to the schema version of their data handlers; nil means the engine's own.
	Portlets map[string]string
	// AnyBuild takes archives of another build or schema version, with a warning in the publish's record.
	AnyBuild bool
	// MaxArchive limits the unpacked size of an archive in bytes; 0 means 4 GiB.
	MaxArchive int64

	// Authorize makes the header with which live engines are called, Roots are the authorities that are
	// trusted there, nil for the system's, Buffer is the length of a part, 0 for 10 MiB, and LoginBy what
	// of the publishing user is his login there.
	Authorize func(login string) string
	Roots     *x509.CertPool
	Buffer    int64
	LoginBy   content.LoginBy

	// Patch is its patch level: with it the engine says on both sides what it is, without it nothing.
	Patch string

	Now      func() time.Time
	Rand     io.Reader // source of uuids; nil means crypto/rand
	Verify   servlet.VerifyFunc
	Progress func(lar.Progress) // told after every entry of an import; nil means nobody
	Pause    func(point string) // called at the points of an import and of every commit; tests hold or kill there
}

// Engine is one portal's worth of sites. It is safe for concurrent use.
type Engine struct {
	*content.Store
	*author.Author
	*lar.Archives
	*staging.Live
	Staging *remote.Staging  // this engine as the staging side
	Pages   *revisions.Pages // the versions of its pages
	servlet *servlet.Servlet
}

// rules are what a Config must satisfy.
var rules = []struct {
	name, cure string
	holds      func(Config) bool
}{
	{"Dir", "is empty: nowhere to keep sites", func(c Config) bool { return c.Dir != "" }},
	{"Build", "is empty: no archive could be compared with it", func(c Config) bool { return c.Build != "" }},
	{"Build", "is not a number", func(c Config) bool { return c.Build == "" || isNumber(c.Build) }},
	{"Line", "is none of 6.2, 7.0, 7.1, 7.2, 7.3, 7.4", func(c Config) bool { return knownLine(c.Line) }},
	{"LoginBy", "is none of mail, screen-name, id", func(c Config) bool { return c.LoginBy.Valid() }},
	{"CompanyID", "is not above 0", func(c Config) bool { return c.CompanyID > 0 }},
	{"Now", "is nil: no clock", func(c Config) bool { return c.Now != nil }},
	{"Context", "does not begin with / or ends with /", func(c Config) bool { return validContext(c.Context) }},
}

// New opens the engine in cfg.Dir, which it makes when it is missing, and throws away what an
// interrupted call left behind unless another process has the folder open.
func New(cfg Config) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	e, err := build(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return e, nil
}

func build(ctx context.Context, cfg Config) (e *Engine, err error) {
	e = &Engine{}
	e.Store, err = content.Open(ctx, content.Config{Dir: cfg.Dir, CompanyID: cfg.CompanyID, Now: cfg.Now,
		Rand: cfg.Rand, Outcome: outcome(cfg.Line), Pause: cfg.Pause})
	if err != nil {
		return nil, err
	}
	if err := e.fill(ctx, cfg); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// fill makes the rooms above the store.
func (e *Engine) fill(ctx context.Context, cfg Config) (err error) {
	e.Author, e.Pages = author.New(e.Store), revisions.New(e.Store)
	e.Archives, err = lar.New(ctx, lar.Config{Dir: filepath.Join(cfg.Dir, "exports"), Build: cfg.Build,
		Portlets: cfg.Portlets, AnyBuild: cfg.AnyBuild, MaxArchive: cfg.MaxArchive, Progress: cfg.Progress}, e.Store)
	if err != nil {
		return err
	}
	e.Live, err = staging.NewLive(ctx, staging.Config{Dir: filepath.Join(cfg.Dir, "parts"), URL: cfg.URL,
		Context: cfg.Context}, e.Store, e.Archives)
	if err != nil {
		return err
	}
	e.Staging = remote.New(remote.Config{Line: cfg.Line, Authorize: cfg.Authorize, Roots: cfg.Roots,
		Buffer: cfg.Buffer, Known: cfg.LoginBy, Level: cfg.level()}, e.Store, e.Archives)
	e.servlet, err = servlet.New(servlet.Config{Live: e.Live, Store: e.Store, Line: cfg.Line, Context: cfg.Context,
		Level: cfg.level(), CompanyID: cfg.CompanyID, HideExceptions: cfg.HideExceptions, Verify: cfg.Verify})
	if err != nil {
		return err
	}
	return e.Share()
}

// outcome is what the ledger of a line calls an error: the class that is thrown in its place.
func outcome(line string) func(*content.Error) string {
	return func(err *content.Error) string {
		if x, known := servlet.Translate(line, err); known {
			return x.Class
		}
		return string(err.Code)
	}
}

// Handler returns the tunnel's servlet.
func (e *Engine) Handler() http.Handler { return e.servlet.Handler() }

// Execute carries out a call for login. part is the content that came with it, nil if none did; it
// is kept or left to the caller to close. The answer is one of those that servlet.Servlet.Execute
// documents.
func (e *Engine) Execute(
	ctx context.Context, login string, c tunnel.Call, part *staging.Part,
) (any, error) {
	return e.servlet.Execute(ctx, login, c, part)
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
	if c.Line == "7.3" {
		c.HideExceptions = true
	}
	if c.URL == "" {
		c.URL = "http://localhost:8080"
	}
	return c
}

// level is what the engine says it is.
func (c Config) level() string {
	if c.Patch == "" {
		return ""
	}
	return "Stagelock Engine " + c.Line + " " + c.Patch
}

func isNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0
}

func knownLine(line string) bool {
	return slices.Contains([]string{"", "6.2", "7.0", "7.1", "7.2", "7.3", "7.4"}, line)
}

func validContext(c string) bool {
	return c == "" || strings.HasPrefix(c, "/") && !strings.HasSuffix(c, "/")
}
