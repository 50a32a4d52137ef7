package sights_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/policy/contents"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

const request = 31001

// gateways are two gateways that share a store.
type gateways struct {
	testing.TB
	values store.Values
	all    []*sights.Keeper
}

func newGateways(t testing.TB) *gateways {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	g := &gateways{TB: t}
	for range 2 {
		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		g.values = db.Values()
		g.all = append(g.all, sights.New(g.values))
	}
	return g
}

func (g *gateways) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// pack returns an archive whose manifest has that summary, with more entries: names and contents.
func pack(t testing.TB, manifest string, more ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for i := 0; i < len(more); i += 2 {
		if err := w.Put(more[i], time.Time{}, []byte(more[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		w.Put("group/1/com.liferay.portal.kernel.model.Group/1.xml", time.Time{}, noise), w.Put("manifest.xml", time.Time{}, []byte("<root><header type=\"layout-set\"/>"+manifest+"</root>")), w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func name(i int) string { return fmt.Sprintf("a.lar%03d", i) }

// watch lets a part go by a gateway, up to where its tail would leave.
func (g *gateways) watch(k *sights.Keeper, i int, content []byte) *sights.Watch {
	g.Helper()
	w, err := k.Watch(g.Context(), request, name(i))
	g.must(err)
	_, err = w.Write(content)
	g.must(errors.Join(err, w.Leaves(g.Context())))
	return w
}

func parts(lar []byte) [][]byte {
	var all [][]byte
	for rest := lar; len(rest) > 0; rest = rest[min(500, len(rest)):] {
		all = append(all, rest[:min(500, len(rest))])
	}
	return all
}

// publish has the parts go by both gateways in turn, in that order.
func (g *gateways) publish(lar []byte) {
	g.Helper()
	all := parts(lar)
	for n, i := range rand.Perm(len(all)) {
		g.must(g.watch(g.all[n%2], i, all[i]).Taken(g.Context()))
	}
}

func TestWhatIsJudged(t *testing.T) {
	const article = `<manifest-summary><staged-model manifest-summary-key="com.liferay.journal.model.JournalArticle" addition-count="%d" deletion-count="%d"/></manifest-summary>`
	for _, tt := range []struct{ name, manifest, types, denied string }{
		{"nothing in it", "", "tags", ""},
		{"added", fmt.Sprintf(article, 1, 0), "tags", "web-content"},
		{"deleted", fmt.Sprintf(article, 0, 1), "tags", "web-content"},
		{"counted beyond all numbers", fmt.Sprintf(article, math.MaxInt64, 1), "tags", "web-content"},
		{"counted as none", fmt.Sprintf(article, 0, 0), "tags", ""},
		{"an application with data", `<site-portlets><portlet portlet-id="36" portlet-data="true"/></site-portlets>`, "tags", "wiki"},
		{"an application with settings only", `<site-portlets><portlet portlet-id="36" portlet-data="false"/></site-portlets>`, "tags", ""},
		{"an old application, which does not say", `<portlets><portlet portlet-id="36"/></portlets>`, "tags", "wiki"},
		{"a page of old", `<layouts><layout layout-id="1"/></layouts>`, "wiki", "pages"},
		{"allowed", fmt.Sprintf(article, 1, 1), "web-content", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateways(t)
			lar := pack(t, tt.manifest)
			g.publish(lar)
			for _, k := range g.all {
				err := k.Judge(t.Context(), request, int64(len(lar)), contents.New([]string{tt.types}))
				var d *sights.Denied
				if tt.denied == "" && err != nil || tt.denied != "" && (!errors.As(err, &d) || !strings.Contains(d.Error(), tt.denied)) {
					t.Errorf("%v, want %q", err, tt.denied)
				}
			}
		})
	}
}

// What the entries are of counts, whatever the manifest says of them.
func TestEntriesAreJudged(t *testing.T) {
	const settings = `<site-portlets><portlet portlet-id="36" portlet-data="false"/></site-portlets>`
	for _, tt := range []struct {
		name, manifest, entry, text, types string
		denied                             string // what of it is, by name
		unseen                             string
	}{
		{"settings only, and they are", settings, "groups/1/portlets/36/7/portlet.xml", "x", "tags", "", ""},
		{"settings only, and there is data", settings, "groups/1/portlets/36/7/portlet-data.xml", "x", "tags", "wiki", ""},
		{"settings only, and there are its entries", settings, "groups/1/portlets/36/pages/1.xml", "x", "tags", "wiki", ""},
		{"not named at all", "", "group/1/com.liferay.journal.model.JournalArticle/1.xml", "x", "tags", "web-content", ""},
		{"not named, and allowed", "", "group/1/com.liferay.journal.model.JournalArticle/1.xml", "x", "web-content", "", ""},
		{"a binary of it", "", "group/1/com.liferay.document.library.kernel.model.DLFileEntry/1/a.png", "x", "tags", "documents", ""},
		{"a page of old", "", "groups/1/layouts/1/layout.xml", "x", "tags", "pages", ""},
		{"deleted", "", "group/1/deletion-system-events.xml", `<x><deletion-system-event class-name="com.liferay.blogs.model.BlogsEntry"/></x>`, "tags", "blogs", ""},
		{"deleted, and allowed", "", "group/1/deletion-system-events.xml", `<x><deletion-system-event class-name="com.liferay.blogs.model.BlogsEntry"/></x>`,
			"blogs", "", ""},
		{"nothing deleted", "", "group/1/deletion-system-events.xml", `<x/>`, "tags", "", ""},
		{"comments go along", "", "groups/1/comments/1/2/3.xml", "x", "tags", "", ""},
		{"no type tells", "", "group/1/x/1.xml", "x", "tags", "", `what is in its entry "group/1/x/1.xml" cannot be told by its place`},
		{"no type tells, and another is denied", settings, "x/groups/1/portlets/36/pages/1.xml", "x", "tags", "", "cannot be told by its place"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateways(t)
			lar := pack(t, tt.manifest, tt.entry, tt.text)
			g.publish(lar)
			for _, k := range g.all {
				err := k.Judge(t.Context(), request, int64(len(lar)), contents.New([]string{tt.types}))
				var d *sights.Denied
				switch {
				case tt.unseen != "":
					if !isUnseen(err) || !strings.Contains(err.Error(), tt.unseen) {
						t.Errorf("%v, want %q", err, tt.unseen)
					}
				case tt.denied != "":
					if !errors.As(err, &d) || len(d.Types) != 1 || d.Types[0] != tt.denied {
						t.Errorf("%v, want %q", err, tt.denied)
					}
				case err != nil:
					t.Error(err)
				}
				if err := k.Judge(t.Context(), request, int64(len(lar)), nil); tt.unseen == "" && err != nil {
					t.Errorf("everything is allowed: %v", err)
				}
			}
		})
	}
}

func isUnseen(err error) bool {
	var u *glimpse.Unseen
	return errors.As(err, &u)
}

// A part of which nobody knows whether live took it leaves the archive unseen, until it was sent again
// and its answer is known.
func TestAPartOfUnknownEnd(t *testing.T) {
	g := newGateways(t)
	lar := pack(t, "")
	all := parts(lar)
	for i, p := range all {
		w := g.watch(g.all[0], i, p)
		if i != 2 {
			g.must(w.Taken(t.Context()))
		}
	}
	judge := func() error { return g.all[1].Judge(t.Context(), request, int64(len(lar)), contents.New(nil)) }
	if err := judge(); !isUnseen(err) || !strings.Contains(err.Error(), name(2)) {
		t.Errorf("with a part under way: %v", err)
	}
	again := g.watch(g.all[1], 2, all[2])
	g.must(again.Refused(t.Context())) // live has it already, and nobody knows what it got
	if err := judge(); !isUnseen(err) || !strings.Contains(err.Error(), name(2)) {
		t.Errorf("with a part that live had: %v", err)
	}
	g.must(g.watch(g.all[1], 2, all[2]).Taken(t.Context()))
	if err := judge(); err != nil {
		t.Errorf("with all parts: %v", err)
	}
	first, second := g.watch(g.all[0], 2, all[2]), g.watch(g.all[1], 2, all[2])
	for _, err := range []error{first.Taken(t.Context()), second.Leaves(t.Context()), second.Refused(t.Context()), judge()} {
		if err != nil {
			t.Errorf("with a part that came twice at once: %v", err)
		}
	}
}

func TestNothingIsKeptForEver(t *testing.T) {
	g := newGateways(t)
	lar := pack(t, "")
	left := func() int {
		keys, err := g.values.List(t.Context(), "archives", true)
		g.must(err)
		return len(keys)
	}
	g.publish(lar)
	g.must(g.all[0].Prune(t.Context(), func(_ context.Context, id int64) (bool, error) { return id == request, nil }))
	if left() == 0 {
		t.Error("a request that is known was forgotten")
	}
	away := errors.New("the store is away")
	if err := g.all[0].Prune(t.Context(), func(context.Context, int64) (bool, error) { return false, away }); !errors.Is(err, away) || left() == 0 {
		t.Errorf("a request was forgotten of which nobody could say whether it is known: %v", err)
	}
	g.must(g.all[0].Prune(t.Context(), func(context.Context, int64) (bool, error) { return false, nil }))
	if n := left(); n != 0 {
		t.Errorf("%d keys of a request that nobody knows", n)
	}
	g.publish(lar)
	for range 2 {
		g.must(g.all[1].Forget(t.Context(), request))
	}
	if n := left(); n != 0 {
		t.Errorf("%d keys of a request that was cleaned up", n)
	}
	if err := g.all[0].Judge(t.Context(), request, int64(len(lar)), contents.New(nil)); !isUnseen(err) {
		t.Errorf("what is forgotten: %v", err)
	}
}

// Names of parts that are no series are as good as any: only their order counts.
func TestOddNamesOfParts(t *testing.T) {
	g := newGateways(t)
	lar := pack(t, "")
	for i, n := range []string{"00", "05", "99"} {
		w, err := g.all[0].Watch(t.Context(), request, n)
		g.must(err)
		from := i * len(lar) / 3
		_, err = w.Write(lar[from : (i+1)*len(lar)/3])
		g.must(errors.Join(err, w.Taken(t.Context())))
	}
	if err := g.all[0].Judge(t.Context(), request, int64(len(lar)), contents.New(nil)); err != nil {
		t.Error(err)
	}
}

// Engines put parts in the order of their names, some whatever their case: parts of two series have none.
func TestPartsOfTwoSeries(t *testing.T) {
	g := newGateways(t)
	lar := pack(t, "")
	for i, n := range []string{"B.lar00", "a.lar01"} {
		w, err := g.all[0].Watch(t.Context(), request, n)
		g.must(err)
		_, err = w.Write(lar[i*len(lar)/2 : (i+1)*len(lar)/2])
		g.must(errors.Join(err, w.Taken(t.Context())))
	}
	if err := g.all[0].Judge(t.Context(), request, int64(len(lar)), contents.New(nil)); !isUnseen(err) || !strings.Contains(err.Error(), "two series") {
		t.Error(err)
	}
}

// What the engine has and nobody looked at, or does not have and was looked at once, leaves the archive
// unseen, also where the rest would be a whole one.
func TestOtherBytesThanTheEngineHas(t *testing.T) {
	g := newGateways(t)
	lar := pack(t, "")
	g.publish(lar)
	for _, more := range []int64{-1, 1} {
		if err := g.all[0].Judge(t.Context(), request, int64(len(lar))+more, contents.New(nil)); !isUnseen(err) {
			t.Errorf("with %d bytes more: %v", more, err)
		}
	}
}
