package star

import (
	"context"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
)

// names are those of the hub, and then of the leaves.
var names = []string{"live", "author", "test", "dev"}

// star is everything that runs.
type star struct {
	sh  *term.Shell
	dir string
	all []*server // the hub first
}

func (s *star) hub() *server { return s.all[0] }

func (s *star) leaf(n int) *server { return s.all[n] }

// make makes every server, and tells each of its neighbours: the hub of all, a leaf of the hub.
func (s *star) make(ctx context.Context) error {
	for i, name := range names {
		one, err := newServer(ctx, s.sh, filepath.Join(s.dir, name), name, int64(20121+i))
		if err != nil {
			return err
		}
		s.all = append(s.all, one)
	}
	for _, one := range s.all {
		if err := s.start(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// start switches a server on.
func (s *star) start(ctx context.Context, one *server) error {
	peers, more := []*server{s.hub()}, ""
	if one == s.hub() {
		peers, more = s.all[1:], ", approve: [document]"
	}
	return one.on(ctx, one.alike(s.all, peers, more))
}

func (s *star) close() error {
	var all errgroup.Group // each waits for what is under way
	for _, one := range s.all {
		all.Go(one.close)
	}
	return all.Wait()
}

// everywhere waits until every server that is on has an article with that text.
func (s *star) everywhere(ctx context.Context, uuid, text string) error {
	for _, one := range s.all {
		if one.stop == nil {
			continue
		}
		err := await(ctx, one.name+" has the article "+uuid, func() (bool, error) {
			got, err := one.text(ctx, uuid)
			return got == text, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// quiet waits until nothing is on its way, but to servers that are off.
func (s *star) quiet(ctx context.Context) error {
	for _, one := range s.all {
		if one.stop == nil {
			continue
		}
		err := await(ctx, "nothing is on its way from "+one.name, func() (bool, error) {
			st, err := order[exchange.Status](ctx, one, "status", exchange.Order{})
			for _, t := range st.Targets {
				if t.Backlog > 0 {
					return false, err
				}
			}
			return err == nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// conflicts waits until every server knows of that many.
func (s *star) conflicts(ctx context.Context, n int) error {
	for _, one := range s.all {
		err := await(ctx, one.name+" knows what is to be decided", func() (bool, error) {
			st, err := order[exchange.Status](ctx, one, "status", exchange.Order{})
			return st.Conflicts == n, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
