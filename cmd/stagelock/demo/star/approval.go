package star

import (
	"context"
	"fmt"
	"strings"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/author"
)

// prices is a document: of these somebody must approve each change on the hub.
const (
	prices    = "price-list"
	meanwhile = "written-meanwhile"
)

// Approval is a document that waits for a person on the hub.
type Approval struct {
	Object  string        `json:"object"`
	On      string        `json:"on"`
	Held    exchange.Held `json:"held"`    // as the hub lists it
	Before  []string      `json:"before"`  // servers that had it while nobody had approved it
	Article bool          `json:"article"` // one that was written meanwhile did not wait
	Became  string        `json:"became"`  // of it, when it was approved
	After   []string      `json:"after"`
}

// approval writes a document on a leaf, and an article while that waits; then it is approved.
func (s *star) approval(ctx context.Context) (out Approval, err error) {
	leaf := s.leaf(2)
	out = Approval{Object: siteName + "/document/" + prices, On: leaf.name}
	_, err = leaf.engine.Author.Add(ctx, leaf.site, author.Draft{Kind: engine.Document, UUID: prices, Name: "prices.txt"},
		strings.NewReader("All prices are new."))
	if err != nil {
		return out, err
	}
	if out.Held, err = s.asked(ctx, out.Object); err != nil {
		return out, err
	}
	if err := leaf.write(ctx, meanwhile, "Meanwhile", "does not wait"); err != nil {
		return out, err
	}
	if err := s.everywhere(ctx, meanwhile, "does not wait"); err != nil {
		return out, err
	}
	out.Article = true
	if out.Before, err = s.having(ctx); err != nil {
		return out, err
	}
	done, err := order[exchange.Done](ctx, s.hub(), "approve",
		exchange.Order{ID: out.Held.ID.String(), Digest: out.Held.Payload, Author: "the editor in chief"})
	if err != nil {
		return out, err
	}
	out.Became = done.State
	err = await(ctx, "the document is everywhere", func() (bool, error) {
		out.After, err = s.having(ctx)
		return len(out.After) == len(s.all), err
	})
	return out, err
}

// asked waits until the hub lists a change of an object.
func (s *star) asked(ctx context.Context, object string) (h exchange.Held, err error) {
	return h, await(ctx, fmt.Sprintf("%s asks for %s", s.hub().name, object), func() (bool, error) {
		all, err := order[[]exchange.Held](ctx, s.hub(), "approvals", exchange.Order{})
		for _, one := range all {
			if string(one.Object) == object {
				h = one
			}
		}
		return err == nil && !h.ID.IsZero(), err
	})
}

// having are the servers whose engine has the document.
func (s *star) having(ctx context.Context) (all []string, err error) {
	for _, one := range s.all {
		_, found, err := one.engine.Item(ctx, one.site, engine.Document, false, prices)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, one.name)
		}
	}
	return all, nil
}

func (a Approval) holds() bool {
	return len(a.Before) == 1 && a.Before[0] == a.On && a.Article && a.Became == "applied" && len(a.After) == len(names)
}

func (s *show) showApproval(ctx context.Context) (err error) {
	if s.report.Approval, err = s.approval(ctx); err != nil {
		return err
	}
	a := s.report.Approval
	if err := s.title("A document is written on %s: on %s somebody must approve it first", a.On, names[0]); err != nil {
		return err
	}
	return s.say("  while %s waited, %s had it, and an article of the same server was everywhere\n"+
		"  approved on %s: it is %s, and %s have it\n", a.Held.ID, strings.Join(a.Before, ", "), names[0], a.Became,
		strings.Join(a.After, ", "))
}
