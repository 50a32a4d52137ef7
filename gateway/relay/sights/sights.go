package sights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/policy/contents"
	"github.com/stagelock/stagelock/store"
)

// Keeper keeps the sights of requests. It is safe for concurrent use.
type Keeper struct{ values store.Values }

// New returns the Keeper of what is in values.
func New(values store.Values) *Keeper { return &Keeper{values} }

const (
	root   = "archives"
	taken  = "taken"  // parts that the engine has
	leaves = "leaves" // parts whose tail left
)

func keyOf(request int64, what, part string) string { return below(request) + "/" + what + "/" + part }

func below(request int64) string { return root + "/" + strconv.FormatInt(request, 10) }

// Watch returns the Watch of a part that is about to come.
func (k *Keeper) Watch(ctx context.Context, request int64, part string) (*Watch, error) {
	open := int64(glimpse.Most)
	before, number := neighbour(part, -1)
	if number == 0 {
		open = 0
	}
	if s, err := k.sight(ctx, request, before); err == nil {
		open = s.Open
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return &Watch{Watcher: glimpse.NewWatcher(part, open), keeper: k, request: request, part: part}, nil
}

// neighbour returns the name of the part so many behind, and the number of this one; no name if there
// is none.
func neighbour(part string, by int64) (name string, number int64) {
	stem := stemOf(part)
	digits := part[len(stem):]
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number+by < 0 {
		return "", number
	}
	return fmt.Sprintf("%s%0*d", stem, len(digits), number+by), number
}

// stemOf is the name of a part without its number.
func stemOf(part string) string { return strings.TrimRight(part, "0123456789") }

func (k *Keeper) sight(ctx context.Context, request int64, part string) (glimpse.Sight, error) {
	if part == "" {
		return glimpse.Sight{}, store.ErrNotFound
	}
	b, err := k.values.Load(ctx, keyOf(request, taken, part))
	if err != nil {
		return glimpse.Sight{}, err
	}
	return glimpse.Parse(part, b)
}

// Watch sees the content of one part go by.
type Watch struct {
	*glimpse.Watcher
	keeper  *Keeper
	request int64
	part    string
	doubted bool // nobody knows whether the engine took the part when it came before
}

// Leaves notes that the part may reach the engine from now on.
func (w *Watch) Leaves(ctx context.Context) error {
	key := keyOf(w.request, leaves, w.part)
	_, err := w.keeper.values.Load(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	w.doubted = err == nil
	return w.keeper.values.Store(ctx, key, []byte{1})
}

// Taken keeps the sight of a part that the engine took, and lets go of what was kept of the next ones
// for the case that this one goes on there.
func (w *Watch) Taken(ctx context.Context) error {
	s := w.Sight()
	if err := w.keeper.keep(ctx, w.request, s); err != nil {
		return err
	}
	if err := w.keeper.trim(ctx, w.request, s); err != nil {
		return err
	}
	return w.over(ctx)
}

// Refused takes back that the part is under way: the engine did not take it. It may have taken what came
// before under that name, if anything did whose end nobody knows.
func (w *Watch) Refused(ctx context.Context) error {
	if w.doubted {
		_, err := w.keeper.values.Load(ctx, keyOf(w.request, taken, w.part))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return w.over(ctx)
}

func (w *Watch) over(ctx context.Context) error {
	err := w.keeper.values.Delete(ctx, keyOf(w.request, leaves, w.part))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (k *Keeper) keep(ctx context.Context, request int64, s glimpse.Sight) error {
	return k.values.Store(ctx, keyOf(request, taken, s.Name), s.Append(nil))
}

func (k *Keeper) trim(ctx context.Context, request int64, s glimpse.Sight) error {
	for {
		next, _ := neighbour(s.Name, 1)
		behind, err := k.sight(ctx, request, next)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		trimmed := behind.Trim(s.Open)
		if err := k.keep(ctx, request, trimmed); err != nil || trimmed.Open == behind.Open {
			return err
		}
		s = trimmed
	}
}

// Denied is an archive with content that may not be published.
type Denied struct{ Types []string }

// Error names the types.
func (d *Denied) Error() string {
	return "the archive holds content that this server may not publish: " + strings.Join(d.Types, ", ")
}

// Judge returns why the archive of a request must not be imported: a *Denied, a *glimpse.Unseen or what
// its manifest is refused for, or the store's error. size is how many bytes of it the engine took.
func (k *Keeper) Judge(ctx context.Context, request, size int64, allowed *contents.Set) error {
	under, err := k.values.List(ctx, below(request)+"/"+leaves, false)
	if err != nil {
		return err
	}
	if len(under) > 0 {
		return &glimpse.Unseen{Why: "nobody knows whether the live engine took part " + last(under[0])}
	}
	keys, err := k.values.List(ctx, below(request)+"/"+taken, false)
	if err != nil {
		return err
	}
	var parts []glimpse.Sight
	var seen int64
	for _, key := range keys {
		if stemOf(last(key)) != stemOf(last(keys[0])) {
			return &glimpse.Unseen{Why: "its parts " + last(keys[0]) + " and " + last(key) +
				" are of two series, which engines put in different orders"}
		}
		s, err := k.sight(ctx, request, last(key))
		if err != nil {
			return err
		}
		parts = append(parts, s)
		seen += s.Size
	}
	if seen != size {
		return &glimpse.Unseen{Why: fmt.Sprintf("the live engine has %d bytes of it, and parts of %d bytes were looked at when they "+
			"came through this gateway", size, seen)}
	}
	held, err := glimpse.Look(parts, archive.DefaultLimits())
	if err != nil {
		return err
	}
	if types := allowed.Refused(carried(held)); len(types) > 0 {
		return &Denied{types}
	}
	if held.Strange != "" {
		return &glimpse.Unseen{What: glimpse.Entries, Why: fmt.Sprintf("what is in its entry %.200q cannot be told by its place",
			held.Strange)}
	}
	return nil
}

func last(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// carried is what an archive holds, by its manifest and by its entries: one of the two may not say all. An
// application whose data both say is not there has only its settings on pages there, which are pages.
func carried(held *glimpse.Held) contents.Carried {
	m, c := held.Manifest, contents.Carried{Applications: held.Applications, Models: slices.Concat(held.Models, held.Deleted)}
	for _, p := range m.Portlets {
		if p.Data != "false" {
			c.Applications = append(c.Applications, p.ID)
		}
	}
	if id := m.Header.RootPortletID; id != "" {
		c.Applications = append(c.Applications, id)
	}
	if len(m.Layouts) > 0 {
		c.Models = append(c.Models, "Layout")
	}
	for model := range m.Models {
		c.Models = append(c.Models, model)
	}
	for model, n := range m.Summary {
		if n.Additions > 0 || n.Deletions > 0 {
			c.Models = append(c.Models, model)
		}
	}
	return c
}

// Forget lets go of what was kept of a request.
func (k *Keeper) Forget(ctx context.Context, request int64) error {
	err := k.values.Delete(ctx, below(request))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Prune forgets the requests that nobody knows any more. An error of known ends it.
func (k *Keeper) Prune(ctx context.Context, known func(ctx context.Context, request int64) (bool, error)) error {
	keys, err := k.values.List(ctx, root, false)
	if err != nil {
		return err
	}
	for _, key := range keys {
		keep := false
		if request, err := strconv.ParseInt(last(key), 10, 64); err == nil {
			if keep, err = known(ctx, request); err != nil {
				return err
			}
		}
		if keep {
			continue
		}
		if err := k.values.Delete(ctx, key); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}
