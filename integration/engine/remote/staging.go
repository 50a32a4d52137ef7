package remote

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/libraries"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// Config says how live is called. Without Authorize no remote side lets a call in.
type Config struct {
	Line      string                    // version line whose calls are made
	Authorize func(login string) string // makes the Authorization header of the shared secret
	Roots     *x509.CertPool            // authorities to trust; nil means the system's
	Buffer    int64                     // length of a part: staging.remote.transfer.buffer.size; 0 means 10 MiB
	Level     string                    // what this engine says it is; empty says nothing
	Known     content.LoginBy           // by what of the publishing user live knows it; empty means the mail address
}

// Staging connects sites of a store to live ones. It is safe for concurrent use, and several
// processes may work on one store.
type Staging struct {
	cfg   Config
	store *content.Store
	lar   *lar.Archives
}

// New returns the Staging of a store.
func New(cfg Config, store *content.Store, lars *lar.Archives) *Staging {
	return &Staging{cfg: cfg, store: store, lar: lars}
}

// State is a site whose staging is on.
type State struct {
	Site       int64
	Connection link.Connection
	Login      string // who turned it on
	At         time.Time
	Parted     []libraries.Connection // that ended as it was turned on: between a staged library and an unstaged site
}

// NotStaged is the code of what needs a site whose staging is on.
const NotStaged content.Code = "not-staged" // site

// State returns how a site is staged, or a NotStaged.
func (s *Staging) State(ctx context.Context, site int64) (State, error) {
	if _, err := s.store.Site(ctx, site); err != nil {
		return State{}, err
	}
	st := State{Site: site}
	var connection, at string
	err := s.store.QueryRowContext(ctx, `SELECT connection, login, at FROM stagings WHERE site = ?`, site).
		Scan(&connection, &st.Login, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return st, content.Errorf(NotStaged, "staging is not enabled for site %d", site)
	case err != nil:
		return st, err
	}
	if err := json.Unmarshal([]byte(connection), &st.Connection); err != nil {
		return st, err
	}
	st.At, err = time.Parse(time.RFC3339Nano, at)
	return st, err
}

// allowed returns the site and the user behind login if the user may do a there.
func (s *Staging) allowed(
	ctx context.Context, login string, a content.Action, site int64,
) (at content.Site, u content.User, err error) {
	err = s.store.Read(ctx, func(v content.View) error {
		if u, err = v.User(ctx, login); err != nil {
			return err
		}
		at, err = v.PermittedSite(ctx, u, a, site)
		return err
	})
	return at, u, err
}

// client calls the live side of a connection as a user.
func (s *Staging) client(c link.Connection, u content.User, more func(*publisher.Config)) (*publisher.Client, error) {
	cfg := publisher.Config{
		URL:       c.URL(),
		Build:     s.cfg.Line,
		Login:     s.cfg.Known.Login(u),
		Authorize: s.cfg.Authorize,
		Site:      c.Site,
		Level:     s.cfg.Level,
		Roots:     s.cfg.Roots,
		Buffer:    s.cfg.Buffer,
	}
	if more != nil {
		more(&cfg)
	}
	return publisher.New(cfg)
}
