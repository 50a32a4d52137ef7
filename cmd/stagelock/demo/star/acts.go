package star

import (
	"context"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/policy/topology"
)

const hours = "opening-hours"

// places are all servers as they are now.
func (s *star) places(ctx context.Context, uuid string) (all []Place, err error) {
	for _, one := range s.all {
		a, err := one.look(ctx, uuid)
		if err != nil {
			return nil, err
		}
		all = append(all, Place{Server: one.name, Text: a.text, Written: a.rows, Via: a.via})
	}
	return all, nil
}

// edit writes an article on a leaf and waits until it is everywhere and nothing is on its way.
func (s *star) edit(ctx context.Context) (out Spread, err error) {
	leaf, text := s.leaf(1), "Monday to Friday, 9 to 17."
	out = Spread{Object: object(hours), On: leaf.name}
	begun := s.sh.Now()
	if err := leaf.write(ctx, hours, "Opening hours", text); err != nil {
		return out, err
	}
	if err := s.everywhere(ctx, hours, text); err != nil {
		return out, err
	}
	out.Took = s.sh.Now().Sub(begun)
	if err := s.quiet(ctx); err != nil {
		return out, err
	}
	out.Places, err = s.places(ctx, hours)
	return out, err
}

// collide has two people edit the article at once: neither edit leaves its server before the other is made.
func (s *star) collide(ctx context.Context) (out Conflict, err error) {
	one, two := s.leaf(1), s.leaf(2)
	for _, leaf := range []*server{one, two} {
		_, err := order[exchange.Done](ctx, leaf, "hold", exchange.Order{Target: s.hub().name, Reason: "two edits at once are shown"})
		if err != nil {
			return out, err
		}
	}
	if err := errors.Join(one.write(ctx, hours, "", "Monday to Friday, 8 to 16."),
		two.write(ctx, hours, "", "Monday to Saturday, 9 to 17.")); err != nil {
		return out, err
	}
	for _, leaf := range []*server{one, two} {
		if err := s.taken(ctx, leaf); err != nil {
			return out, err
		}
		if _, err := order[exchange.Done](ctx, leaf, "release", exchange.Order{Target: s.hub().name}); err != nil {
			return out, err
		}
	}
	if err := s.conflicts(ctx, 1); err != nil {
		return out, err
	}
	out.Seen = len(s.all)
	if out.Shown, err = s.places(ctx, hours); err != nil {
		return out, err
	}
	out.Versions, err = s.versions(ctx)
	return out, err
}

// taken waits until a gateway has noticed the edit of its own engine.
func (s *star) taken(ctx context.Context, leaf *server) error {
	return await(ctx, leaf.name+" has noticed its edit", func() (bool, error) {
		st, err := order[exchange.Status](ctx, leaf, "status", exchange.Order{})
		return len(st.Targets) == 1 && st.Targets[0].Backlog > 0, err
	})
}

// versions are those that the hub has of the article.
func (s *star) versions(ctx context.Context) (all []Version, err error) {
	found, err := order[[]exchange.Conflict](ctx, s.hub(), "conflicts", exchange.Order{Object: object(hours)})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d conflicts on %s, not one", len(found), s.hub().name)
	}
	for _, v := range found[0].Versions {
		c, err := order[exchange.Order](ctx, s.hub(), "content", exchange.Order{Digest: v.Payload})
		if err != nil {
			return nil, err
		}
		all = append(all, Version{v, lastLine(c.Content)})
	}
	return all, nil
}

// decide tries it on the hub, on which the article was not made, and then where it was.
func (s *star) decide(ctx context.Context, out *Conflict) error {
	take := exchange.Order{Object: object(hours), Take: s.leaf(2).name, Author: "the editor in chief"}
	_, err := order[exchange.Done](ctx, s.hub(), "resolve", take)
	if err == nil {
		return fmt.Errorf("a decision on %s was not refused", s.hub().name)
	}
	var no *exchange.Failure
	if !errors.As(err, &no) {
		return err
	}
	out.Refused = no.Message
	done, err := order[exchange.Done](ctx, s.leaf(1), "resolve", take)
	if err != nil {
		return err
	}
	out.Decision = done.ID.String()
	if err := errors.Join(s.conflicts(ctx, 0), s.quiet(ctx)); err != nil {
		return err
	}
	out.Places, err = s.places(ctx, hours)
	for _, one := range s.all {
		st, err := order[exchange.Status](ctx, one, "status", exchange.Order{})
		if err != nil {
			return err
		}
		out.Left += st.Conflicts
	}
	return err
}

const awayEdits = 10

func news(n int) string { return fmt.Sprint("news-", n) }

// away switches the last leaf off while people write, there and elsewhere.
func (s *star) away(ctx context.Context) (out Away, err error) {
	off := s.leaf(3)
	out = Away{Server: off.name, Edits: awayEdits}
	if err := off.off(); err != nil {
		return out, err
	}
	for n := range awayEdits {
		if err := s.leaf(1).write(ctx, news(n), fmt.Sprint("News ", n), "while dev was off"); err != nil {
			return out, err
		}
	}
	if err := off.write(ctx, "own", "A draft", "written on dev while its gateway was off"); err != nil {
		return out, err
	}
	for n := range awayEdits {
		if err := s.everywhere(ctx, news(n), "while dev was off"); err != nil {
			return out, err
		}
	}
	err = await(ctx, s.hub().name+" says that "+off.name+" is away", func() (bool, error) {
		st, err := order[exchange.Status](ctx, s.hub(), "status", exchange.Order{})
		out.Meanwhile = st.Targets
		for _, t := range st.Targets {
			backlog := 0 // of a server that has it all, and the hub has heard so
			if t.Name == off.name {
				backlog = awayEdits
			}
			if (t.Name == off.name) != (t.State == "blocked") || t.Backlog != backlog {
				return false, err
			}
		}
		return err == nil, err
	})
	if err == nil {
		out.Had, err = s.has(ctx, off)
	}
	return out, err
}

// back switches it on again, and waits until everybody has everything.
func (s *star) back(ctx context.Context, out *Away) error {
	off, begun := s.leaf(3), s.sh.Now()
	if err := s.start(ctx, off); err != nil {
		return err
	}
	for n := range awayEdits {
		if err := s.everywhere(ctx, news(n), "while dev was off"); err != nil {
			return err
		}
	}
	if err := s.everywhere(ctx, "own", "written on dev while its gateway was off"); err != nil {
		return err
	}
	out.Own, out.Took = true, s.sh.Now().Sub(begun)
	var err error
	out.Has, err = s.has(ctx, off)
	return errors.Join(err, s.quiet(ctx))
}

// has counts the news that a server's engine has.
func (s *star) has(ctx context.Context, one *server) (n int, err error) {
	for i := range awayEdits {
		text, err := one.text(ctx, news(i))
		if err != nil {
			return n, err
		}
		if text != "" {
			n++
		}
	}
	return n, nil
}

// paths asks what a link between two leaves would make of the links that the gateways know.
func (s *star) paths(ctx context.Context) (out Paths, err error) {
	st, err := order[exchange.Status](ctx, s.hub(), "status", exchange.Order{})
	if err != nil {
		return out, err
	}
	from, to := s.leaf(1), s.leaf(2)
	servers, links := st.Graph()
	out.Star = topology.Check(servers, links, topology.Listed).Headline()
	out.Added = topology.Route{From: from.name, To: to.name}
	links = append(links, topology.Link{From: string(from.id), To: string(to.id)})
	out.Refused = loud(topology.Check(servers, links, topology.Listed))
	out.Warned = loud(topology.Check(servers, links, topology.Native))
	return out, nil
}

// loud are the findings that are more than notes.
func loud(r topology.Report) (all []topology.Finding) {
	for _, f := range r.Findings {
		if f.Level != topology.Note {
			all = append(all, f)
		}
	}
	return all
}
