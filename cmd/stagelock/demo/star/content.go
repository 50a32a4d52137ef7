package star

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/author"
)

// article is what a server's engine has of one, and how it came there.
type article struct {
	text string
	rows int    // of the engine's journal
	via  string // the server from which the newest change of it came
}

// write edits an article as a person does, or makes it.
func (s *server) write(ctx context.Context, uuid, name, text string) error {
	_, found, err := s.engine.Item(ctx, s.site, engine.Article, false, uuid)
	if err != nil {
		return err
	}
	if found {
		_, err = s.engine.Update(ctx, s.site, engine.Article, uuid, strings.NewReader(text))
		return err
	}
	_, err = s.engine.Author.Add(ctx, s.site, author.Draft{Kind: engine.Article, UUID: uuid, Name: name}, strings.NewReader(text))
	return err
}

// text is that of an article, as the engine has it; empty if it has none.
func (s *server) text(ctx context.Context, uuid string) (string, error) {
	it, found, err := s.engine.Item(ctx, s.site, engine.Article, false, uuid)
	if err != nil || !found {
		return "", err
	}
	r, err := s.engine.Open(ctx, it)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// look asks the engine and the gateway about an article.
func (s *server) look(ctx context.Context, uuid string) (a article, err error) {
	if a.text, err = s.text(ctx, uuid); err != nil {
		return a, err
	}
	if a.rows, err = s.rows(ctx); err != nil {
		return a, err
	}
	all, err := order[[]exchange.Event](ctx, s, "log", exchange.Order{Object: object(uuid), Limit: 1})
	if err == nil && len(all) > 0 {
		a.via = all[0].Via
	}
	return a, err
}

// rows is how often anything was written into the engine.
func (s *server) rows(ctx context.Context) (n int, err error) {
	return n, s.engine.QueryRowContext(ctx, `SELECT count(*) FROM journal`).Scan(&n)
}

func object(uuid string) string { return siteName + "/article/" + uuid }

// patience is how long the demonstration waits for what is to come.
const patience = time.Minute

// await waits until something is true.
func await(ctx context.Context, what string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := holds()
		if err != nil && ctx.Err() == nil {
			return err
		}
		if ok && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %v: %w", what, patience, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
