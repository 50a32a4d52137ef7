package remote_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote"
)

// state is what a site has: the digest of each item by kind and uuid.
type state map[string]string

func key(it content.Item) string { return string(it.Kind) + " " + it.UUID }

// items are the public pages of a site and all its other content.
func (p *pair) items(e *engine.Engine, site int64) []content.Item {
	p.Helper()
	all, err := e.List(p.Context(), site)
	p.must(err)
	return slices.DeleteFunc(all, func(it content.Item) bool { return it.Kind == content.Entry || it.Private })
}

func (p *pair) state(e *engine.Engine, site int64) state {
	s := state{}
	for _, it := range p.items(e, site) {
		s[key(it)] = it.SHA256
	}
	return s
}

// want is the live site as it should be, told by rules that know nothing of how the engine publishes.
type want struct {
	live    state
	written map[string]bool // since the last publish that left nothing out
	deleted map[string]content.Kind
}

// publish applies a publish that takes the items for which takes is true and, with deletions, those
// that were deleted of the kinds for which gone is true.
func (w *want) publish(now []content.Item, takes func(content.Item) bool, gone func(content.Kind) bool) {
	for k, kind := range w.deleted {
		if gone(kind) {
			delete(w.live, k)
		}
	}
	for _, it := range now {
		if takes(it) {
			w.live[key(it)] = it.SHA256
		}
	}
}

func none(content.Kind) bool { return false }

func every(content.Kind) bool { return true }

// selections are the ways to say what a publish takes, each with its meaning.
var selections = []struct {
	name  string
	whole bool // nothing is left out: the next publish since the last begins here
	make  func(r *rand.Rand, w *want, now []content.Item, at time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool)
}{
	{"all", true, func(*rand.Rand, *want, []content.Item, time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		return remote.Options{}, func(content.Item) bool { return true }, every
	}},
	{"since the last publish", true, func(_ *rand.Rand, w *want, _ []content.Item, _ time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		return remote.Options{Since: true}, func(it content.Item) bool { return w.written[key(it)] }, every
	}},
	{"without deletions", false, func(*rand.Rand, *want, []content.Item, time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		return remote.Options{NoDeletions: true}, func(content.Item) bool { return true }, none
	}},
	{"types", false, func(r *rand.Rand, _ *want, _ []content.Item, _ time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		all := content.Types(false)
		types := []content.Type{all[r.IntN(len(all))], all[r.IntN(len(all))]}
		of := func(k content.Kind) bool { return slices.Contains(types, content.TypeOf(k)) }
		return remote.Options{Types: types}, func(it content.Item) bool { return of(it.Kind) }, of
	}},
	{"a date range", false, func(r *rand.Rand, _ *want, _ []content.Item, at time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		from := at.Add(-time.Duration(r.IntN(40)) * time.Minute)
		to := from.Add(time.Duration(r.IntN(30)) * time.Minute)
		return remote.Options{From: from, To: to},
			func(it content.Item) bool { return !it.Modified.Before(from) && !it.Modified.After(to) }, every
	}},
	{"single content", false, func(r *rand.Rand, _ *want, now []content.Item, _ time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		if len(now) == 0 {
			return remote.Options{}, func(content.Item) bool { return true }, every
		}
		one := now[r.IntN(len(now))]
		return remote.Options{Items: []content.Ref{{Kind: one.Kind, UUID: one.UUID}}},
			func(it content.Item) bool { return key(it) == key(one) }, none
	}},
	{"the data of an application", false, func(*rand.Rand, *want, []content.Item, time.Time) (remote.Options, func(content.Item) bool, func(content.Kind) bool) {
		of := func(k content.Kind) bool { return content.TypeOf(k) == content.WebContent }
		return remote.Options{Portlet: "com_liferay_journal_web_portlet_JournalPortlet"},
			func(it content.Item) bool { return of(it.Kind) }, of
	}},
}

// Whatever is written, deleted and selected, live has afterwards what the words of the selection say,
// and nothing else.
func TestEverySelectionLeavesLiveAsItsWordsSay(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			p := newPair(t)
			p.enable()
			w := &want{live: state{}, written: map[string]bool{}, deleted: map[string]content.Kind{}}
			for step := range 30 {
				for range r.IntN(4) {
					p.edit(r, w)
				}
				sel := selections[r.IntN(len(selections))]
				now := p.items(p.staging, here)
				o, takes, gone := sel.make(r, w, now, p.clock.Now())
				w.publish(now, takes, gone)
				out, err := p.staging.Staging.Publish(t.Context(), login, here, o, nil)
				if err != nil || out.State != remote.Succeeded {
					t.Fatalf("step %d, %s: %+v, %v", step, sel.name, out, err)
				}
				if sel.whole {
					w.written, w.deleted = map[string]bool{}, map[string]content.Kind{}
				}
				if diff := cmp.Diff(w.live, p.state(p.live, there)); diff != "" {
					t.Fatalf("step %d, %s:\n%s", step, sel.name, diff)
				}
			}
			p.publish(remote.Succeeded)
			if diff := cmp.Diff(p.state(p.staging, here), p.state(p.live, there)); diff != "" {
				t.Errorf("in the end:\n%s", diff)
			}
		})
	}
}

// edit writes, changes or deletes one thing in the staging site.
func (p *pair) edit(r *rand.Rand, w *want) {
	p.Helper()
	p.clock.add(time.Duration(1+r.IntN(10)) * time.Minute)
	ctx, text := p.Context(), fmt.Sprint("text ", r.Uint64())
	all := p.items(p.staging, here)
	kinds := []content.Kind{content.Page, content.Article, content.Document, content.Tag, content.Vocabulary}
	var it content.Item
	var err error
	switch what := r.IntN(4); {
	case what > 1 || len(all) == 0:
		it, err = p.staging.Add(ctx, here, author.Draft{Kind: kinds[r.IntN(len(kinds))], Name: text}, strings.NewReader(text))
	case what == 1:
		it = all[r.IntN(len(all))]
		it, err = p.staging.Update(ctx, here, it.Kind, it.UUID, strings.NewReader(text))
	default:
		it = all[r.IntN(len(all))]
		err = p.staging.Delete(ctx, here, it.Kind, false, it.UUID)
		delete(w.written, key(it))
		w.deleted[key(it)] = it.Kind
		p.must(err)
		return
	}
	p.must(err)
	w.written[key(it)] = true
}

const (
	journal  = "com_liferay_journal_content_web_portlet_JournalContentPortlet"
	instance = journal + "_INSTANCE_x1"
)

// An application is published onto the page that holds it: what it shows arrives, and nothing else.
func TestOneApplicationOntoAPage(t *testing.T) {
	p := newPair(t)
	p.enable()
	ctx := t.Context()
	shown, err := p.staging.AddArticle(ctx, here, "Shown", "old")
	p.must(err)
	_, err = p.staging.AddArticle(ctx, here, "Other", "old")
	p.must(err)
	page, err := p.staging.AddPage(ctx, here, "Home", "Welcome", engine.PageOptions{Portlets: []string{instance},
		Refs: []content.Ref{{Kind: content.Article, UUID: shown.UUID, Name: shown.Name}}})
	p.must(err)
	onto := remote.Options{Portlet: instance, Onto: page.UUID}
	out, err := p.staging.Staging.Publish(ctx, login, here, onto, nil)
	p.must(err)
	if out.State != remote.Failed || !strings.Contains(out.Outcome.Message, `the page "Home" is not in the remote site 30001`) {
		t.Errorf("onto a page that live lacks: %+v", out)
	}
	p.publish(remote.Succeeded)
	before := p.state(p.live, there)
	for _, name := range []string{shown.UUID, page.UUID} {
		kind := content.Article
		if name == page.UUID {
			_, err = p.staging.UpdatePage(ctx, here, false, name, "new page")
		} else {
			_, err = p.staging.Update(ctx, here, kind, name, strings.NewReader("new text"))
		}
		p.must(err)
	}
	out, err = p.staging.Staging.Publish(ctx, login, here, onto, nil)
	if err != nil || out.State != remote.Succeeded {
		t.Fatalf("%+v, %v", out, err)
	}
	new, _, err := p.staging.Item(ctx, here, content.Article, false, shown.UUID)
	p.must(err)
	before[key(shown)] = new.SHA256
	if diff := cmp.Diff(before, p.state(p.live, there)); diff != "" {
		t.Errorf("live:\n%s", diff)
	}
	last, err := p.live.Publishes(ctx, there)
	p.must(err)
	if n := len(last); n != 2 || last[1].Updated != 1 {
		t.Errorf("publishes %+v", last)
	}
}

func TestOntoAPageThatCannotBe(t *testing.T) {
	p := newPair(t)
	p.enable()
	ctx := t.Context()
	bare, err := p.staging.AddPage(ctx, here, "Bare", "", engine.PageOptions{})
	p.must(err)
	page, err := p.staging.AddPage(ctx, here, "Home", "", engine.PageOptions{Portlets: []string{instance}})
	p.must(err)
	_, err = p.live.Unlock(ctx, "operator", there)
	p.must(err)
	_, err = p.live.AddPage(ctx, there, "Home", "", engine.PageOptions{UUID: page.UUID})
	p.must(err)
	for _, tt := range []struct {
		name string
		o    remote.Options
		want string
	}{
		{"a page that is not here", remote.Options{Portlet: instance, Onto: "nowhere"}, "no page nowhere in site 20121"},
		{"a page without it here", remote.Options{Portlet: instance, Onto: bare.UUID}, `on the page "Bare" here`},
		{"a page without it on live", remote.Options{Portlet: instance, Onto: page.UUID}, `on the page "Home" on live`},
		{"no application", remote.Options{Onto: page.UUID}, "name the application"},
		{"an application that there is not", remote.Options{Portlet: "com_x", Onto: page.UUID}, `"com_x" is not staged`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := p.staging.Staging.Publish(ctx, login, here, tt.o, nil)
			text := out.Outcome.Message
			if err != nil {
				text = err.Error()
			}
			if out.State == remote.Succeeded || !strings.Contains(text, tt.want) {
				t.Errorf("%s %q, want %q", out.State, text, tt.want)
			}
		})
	}
	if got, err := p.live.Publishes(ctx, there); err != nil || len(got) > 0 {
		t.Errorf("live imported %v, %v", got, err)
	}
}

// The publishing user goes along under the login that live's company knows its users by.
func TestLoginsByMailScreenNameAndID(t *testing.T) {
	for by, want := range map[content.LoginBy]string{"": login, content.ByMail: login,
		content.ByScreenName: "publisher", content.ByID: "20199"} {
		t.Run(string(by), func(t *testing.T) {
			p := newPair(t)
			p.staging = p.open(p.dir, func(c *engine.Config) { c.LoginBy = by })
			p.enable()
			_, err := p.staging.AddArticle(t.Context(), here, "Sale", "x")
			p.must(err)
			p.publish(remote.Succeeded)
			all, err := p.live.Ledger(t.Context())
			p.must(err)
			for _, x := range all {
				if x.Login != want {
					t.Errorf("%s by %q, want %q", x.Method, x.Login, want)
				}
			}
			if len(all) < 8 {
				t.Errorf("only %d calls", len(all))
			}
		})
	}
}

func TestScheduleThatStartsLater(t *testing.T) {
	p := newPair(t)
	p.enable()
	ctx, now := t.Context(), p.clock.Now()
	sc := remote.Schedule{Site: here, Login: login, Cron: "0 * * * *", Start: now.Add(-time.Second)}
	if _, err := p.staging.Staging.Schedule(ctx, sc); !errors.Is(err, remote.BadSchedule) ||
		!strings.Contains(err.Error(), "the start of the schedule must be in the future") {
		t.Errorf("a start in the past: %v", err)
	}
	sc.Start = now.Add(150 * time.Minute)
	made, err := p.staging.Staging.Schedule(ctx, sc)
	p.must(err)
	if first := now.Add(3 * time.Hour); !made.Next.Equal(first) {
		t.Errorf("the first run is at %v, want %v", made.Next, first)
	}
	sc.Start = now.Add(2 * time.Hour) // an hour of its own: the run at the start counts
	if made, err = p.staging.Staging.Schedule(ctx, sc); err != nil || !made.Next.Equal(sc.Start) {
		t.Errorf("%v, %v, want %v", made.Next, err, sc.Start)
	}
	all, err := p.staging.Staging.Schedules(ctx, here)
	if err != nil || len(all) != 2 || !all[1].Start.Equal(sc.Start) {
		t.Errorf("%+v, %v", all, err)
	}
}
