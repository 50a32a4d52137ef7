package servers

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/errands"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/store"
	journal "github.com/stagelock/stagelock/store/errands"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
)

// NewID names a message.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// book is what sync knows, with the errands of a server that keeps no journal.
type book struct {
	stored.Book
	errands journal.Book
}

func newBook(db store.Transactor) book { return book{stored.NewBook(db), journal.NewBook(db)} }

// keepErrands is how long errands that others followed are kept.
const keepErrands = 30 * 24 * time.Hour

// Named tells which contents something needs, an errand too: one that nobody has read names its document alone.
func (b book) Named(ctx context.Context, all ...sync.Digest) ([]bool, error) {
	handed, err := b.errands.Named(ctx, all...) // first: what is read meanwhile is a version then
	if err != nil {
		return nil, err
	}
	named, err := b.Book.Named(ctx, all...)
	for i := range named {
		named[i] = named[i] || handed[i]
	}
	return named, err
}

// Prune forgets old deliveries, and old errands.
func (b book) Prune(ctx context.Context, keep time.Duration) (int, error) {
	n, err := b.Book.Prune(ctx, keep)
	if err != nil {
		return n, err
	}
	more, err := b.errands.Prune(ctx, keepErrands)
	return n + more, err
}

// engine returns what says what changed here, and the same once more if that is a Kentico whose tasks are kept.
func (b book) engine(c Config, contents stored.Blobs) (source.Source, *errands.Source, error) {
	s, kept := c.Conf().Sync, c.Conf().Forwards()
	self := sync.IDOf(c.Key.Public().(ed25519.PublicKey))
	cfg := errands.Config{Journal: b.errands, Blobs: contents, Names: b.names(self), Owner: c.Owner,
		Travels: travels(c.Conf), AtOnce: c.Conf().Kentico.AtOnce, Now: c.Now, NewID: NewID, Pause: c.Pause}
	if kept {
		cfg.Link = func() *tasks.Link { return c.Tasks().Kept() }
	}
	own, err := errands.New(cfg)
	if err != nil || kept {
		return own, own, err
	}
	return errands.Split{Errands: own, Engine: &source.Client{
		URL: strings.TrimSuffix(s.Engine.URL.String(), "/"), Token: token(string(s.Engine.TokenFile)),
		HTTP: &http.Client{Timeout: engineTime},
	}}, nil, nil
}

// travels tells whether a peer takes an object now.
func travels(c func() *conf.Config) func(o sync.Object) bool {
	return func(o sync.Object) bool {
		return slices.ContainsFunc(Peers(c()), func(p exchange.Peer) bool { return p.Takes && p.Covers(o) })
	}
}

// names returns what servers call themselves; one that never said hello has its key.
func (b book) names(self sync.ServerID) func(ctx context.Context, all []sync.ServerID) []string {
	return func(ctx context.Context, all []sync.ServerID) (names []string) {
		known := map[sync.ServerID]string{}
		met, _ := b.Servers(ctx) // names are for people only
		for _, s := range met {
			known[s.ID] = s.Name
		}
		for _, id := range all {
			switch {
			case id == self:
			case known[id] != "":
				names = append(names, known[id])
			default:
				names = append(names, string(id))
			}
		}
		return names
	}
}

// keeper keeps tasks, and has sync look at them at once.
type keeper struct {
	*errands.Source
	look func()
}

// Keep implements tasks.Keeper.
func (k keeper) Keep(ctx context.Context, t syncserver.Task) error {
	err := k.Source.Keep(ctx, t)
	if err == nil {
		k.look()
	}
	return err
}
