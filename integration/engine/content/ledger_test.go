package content_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// outcomes returns the ledger as method=outcome.
func outcomes(t *testing.T, s *content.Store) []string {
	t.Helper()
	all, err := s.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, x := range all {
		if i > 0 && x.Seq <= all[i-1].Seq {
			t.Errorf("seq %d after %d", x.Seq, all[i-1].Seq)
		}
		if !x.At.Equal(noon()) {
			t.Errorf("at %s", x.At)
		}
		got = append(got, x.Method+"="+x.Outcome)
	}
	return got
}

func TestLedger(t *testing.T) {
	gone := errors.New("the disk is gone")
	for _, tt := range []struct {
		name, login string
		fail        error
		want        []string // of the ledger
		kept        bool     // the effect
	}{
		{"done", "anna", nil, []string{"enable=ok"}, true},
		{"refused", "anna", content.Errorf(content.BadItem, "no"), []string{"enable=bad-item"}, false},
		{"nobody", "eve", nil, []string{"enable=no-user"}, false},
		{"the engine's own failure leaves no trace", "anna", gone, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			site := addSite(t, s, content.Site{Name: "one"})
			addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
			c := content.Invoke(tt.login, "enable", site.ID).OnSite(site.ID)
			err := s.Execute(t.Context(), c, func(tx *content.Tx, u content.User) error {
				if u.ScreenName != tt.login {
					t.Errorf("carried out for %+v", u)
				}
				if err := tx.Attach(t.Context(), content.Attachment{Site: site.ID, At: noon()}); err != nil {
					return err
				}
				return tt.fail
			})
			if tt.fail != nil && !errors.Is(err, tt.fail) {
				t.Errorf("got %v, want %v", err, tt.fail)
			}
			if got := outcomes(t, s); !slices.Equal(got, tt.want) {
				t.Errorf("ledger %v, want %v", got, tt.want)
			}
			got, err := s.Site(t.Context(), site.ID)
			if err != nil || (got.StagingCount == 1) != tt.kept {
				t.Errorf("effect %+v, %v; want kept %t", got, err, tt.kept)
			}
		})
	}
}

func TestLedgerAfterACall(t *testing.T) {
	s := open(t)
	addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	for _, name := range []string{"one", "two", "three"} {
		c := content.Invoke("anna", name)
		if err := s.Execute(t.Context(), c, func(*content.Tx, content.User) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Ledger(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("%d calls, %v", len(all), err)
	}
	for i, after := range []int64{0, all[0].Seq, all[1].Seq, all[2].Seq, all[2].Seq + 1} {
		got, err := s.LedgerAfter(t.Context(), after)
		if want := all[min(i, 3):]; err != nil || !slices.Equal(got, want) {
			t.Errorf("after %d: %+v, %v, want %+v", after, got, err, want)
		}
	}
	read := content.Invoke("anna", "getGroup") // which is kept with the next effect, or when somebody looks
	if err := s.Consult(t.Context(), read, func(content.View, content.User) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := s.LedgerAfter(t.Context(), all[2].Seq); err != nil || len(got) != 1 || got[0].Method != "getGroup" {
		t.Errorf("after the last call with an effect: %+v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.LedgerAfter(t.Context(), 0); err == nil {
		t.Errorf("a store that is closed has %+v", got)
	}
}

func TestOutcomesAreNamedByTheCaller(t *testing.T) {
	s := openAt(t, content.Config{Dir: t.TempDir(), Outcome: func(e *content.Error) string { return "Exception of " + string(e.Code) }})
	c := content.Invoke("eve", "getGroup")
	if err := s.Consult(t.Context(), c, func(content.View, content.User) error { return nil }); !errors.Is(err, content.NoUser) {
		t.Errorf("got %v", err)
	}
	if got := outcomes(t, s); !slices.Equal(got, []string{"getGroup=Exception of no-user"}) {
		t.Error(got)
	}
}

// TestReadingsAreNotLost holds for readings in front of an effect, an effect that fails, and a close.
func TestReadingsAreNotLost(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, content.Config{Dir: dir})
	addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	read := func(method string) {
		t.Helper()
		err := s.Consult(t.Context(), content.Invoke("anna", method), func(content.View, content.User) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	read("first")
	boom := errors.New("boom")
	if err := s.Change(t.Context(), func(*content.Tx) error { return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	read("second")
	err := s.Execute(t.Context(), content.Invoke("anna", "effect"), func(*content.Tx, content.User) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	read("third")
	if err := s.Consult(t.Context(), content.Invoke("anna", "broken"), func(content.View, content.User) error { return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"first=ok", "second=ok", "effect=ok", "third=ok"}
	if got := outcomes(t, openAt(t, content.Config{Dir: dir})); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestManyReadings(t *testing.T) {
	s := open(t)
	addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	const readers, each = 6, 100
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for range each {
				err := s.Consult(t.Context(), content.Invoke("anna", "read"), func(content.View, content.User) error { return nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := outcomes(t, s); len(got) != readers*each {
		t.Errorf("%d in the ledger, want %d", len(got), readers*each)
	}
}

// TestPauses holds: a test can stop a call before and after its commit, and a call that fails never
// gets to the second point.
func TestPauses(t *testing.T) {
	var points []string
	s := openAt(t, content.Config{Dir: t.TempDir(), Pause: func(p string) { points = append(points, p) }})
	addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	for _, fail := range []error{nil, content.Errorf(content.BadItem, "no")} {
		_ = s.Execute(t.Context(), content.Invoke("anna", "call"), func(*content.Tx, content.User) error { return fail })
	}
	if want := []string{"call:before-commit", "call:committed"}; !slices.Equal(points, want) {
		t.Errorf("got %v, want %v", points, want)
	}
}

func TestDigestsTellCallsApart(t *testing.T) {
	seen := map[string]string{}
	for name, c := range map[string]*content.Invocation{
		"plain":          content.Invoke("anna", "call", 1),
		"other argument": content.Invoke("anna", "call", 2),
		"number as text": content.Invoke("anna", "call", "1"),
		"two":            content.Invoke("anna", "call", 1, 2),
		"nested":         content.Invoke("anna", "call", []int{1, 2}),
		"none":           content.Invoke("anna", "call"),
		"other method":   content.Invoke("anna", "call2", 1),
	} {
		if was, twice := seen[c.Digest]; twice || len(c.Digest) != 64 {
			t.Errorf("%s has the digest of %s: %s", name, was, c.Digest)
		}
		seen[c.Digest] = name
	}
	if a, b := content.Invoke("anna", "call", 1), content.Invoke("bela", "call", 1); a.Digest != b.Digest {
		t.Error("the login is part of the digest: a repeat by somebody else looks new")
	}
	defer func() {
		if r := recover(); r == nil || !strings.HasPrefix(r.(string), "content: ") {
			t.Errorf("recovered %v", r)
		}
	}()
	content.Invoke("anna", "call", make(chan int))
}

func TestItemsAndTheirVersions(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "one"}).ID
	page := content.Item{Site: site, Kind: content.Page, UUID: "u-1", Name: "Home", FriendlyURL: "/home", LayoutID: 1,
		Portlets: []string{"p"}, Refs: []content.Ref{{Kind: content.Article, UUID: "a", Name: "n", Weak: true}},
		Tags: []string{"t"}, Permissions: map[string][]string{"Guest": nil}, Modified: noon()}
	put := func(it content.Item, data string) (stored content.Item, added bool) {
		t.Helper()
		change(t, s, func(tx *content.Tx) (err error) {
			it.SHA256, it.Size = keep(t, s, tx, data), int64(len(data))
			stored, added, err = tx.Put(t.Context(), it)
			return err
		})
		return stored, added
	}
	private := page
	private.Private = true
	for _, tt := range []struct {
		name    string
		in      content.Item
		version int64 // asked for
		want    int64
		added   bool
		path    string
	}{
		{"first", page, 0, 1, true, "/web/home"},
		{"again", page, 0, 2, false, "/web/home"},
		{"of a higher version elsewhere", page, 9, 9, false, "/web/home"},
		{"of a lower version elsewhere", page, 3, 10, false, "/web/home"},
		{"private page of the same uuid", private, 4, 4, true, "/group/home"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Version = tt.version
			got, added := put(tt.in, tt.name)
			if got.Version != tt.want || added != tt.added || got.Path != tt.path {
				t.Errorf("got version %d, added %t, at %s", got.Version, added, got.Path)
			}
			again, found, err := s.ItemByID(t.Context(), got.ID)
			if err != nil || !found || again.Version != tt.want || readAll(t, s, again.SHA256) != tt.name ||
				!slices.Equal(again.Refs, page.Refs) || !again.Modified.Equal(noon()) {
				t.Errorf("stored %+v, %t, %v", again, found, err)
			}
		})
	}
	it, _, err := s.Item(t.Context(), site, content.Page, false, "u-1")
	if err != nil {
		t.Fatal(err)
	}
	versions, err := s.Versions(t.Context(), it.ID)
	var got []string
	for _, v := range versions {
		got = append(got, readAll(t, s, v.SHA256))
	}
	want := []string{"first", "again", "of a higher version elsewhere", "of a lower version elsewhere"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("versions %v, %v; want %v", got, err, want)
	}
	removes(t, s, it)
}

func removes(t *testing.T, s *content.Store, it content.Item) {
	t.Helper()
	for _, want := range []bool{true, false} {
		change(t, s, func(tx *content.Tx) error {
			removed, err := tx.Remove(t.Context(), it.Site, it.Kind, it.Private, it.UUID)
			if removed != want {
				t.Errorf("removed %t, want %t", removed, want)
			}
			return err
		})
	}
	if versions, err := s.Versions(t.Context(), it.ID); err != nil || versions != nil {
		t.Errorf("versions of what is gone: %v, %v", versions, err)
	}
	rest, err := s.Items(t.Context(), it.Site, it.Kind)
	if err != nil || len(rest) != 1 || !rest[0].Private {
		t.Errorf("the page of the other set is gone too: %v, %v", rest, err)
	}
}

// TestContentWithoutBytesIsRefused holds: no item points at content that is not there.
func TestContentWithoutBytesIsRefused(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "one"}).ID
	err := s.Change(t.Context(), func(tx *content.Tx) error {
		_, _, err := tx.Put(t.Context(), content.Item{Site: site, Kind: content.Tag, UUID: "u", SHA256: "nowhere", Modified: noon()})
		return err
	})
	if err == nil {
		t.Error("an item without content")
	}
	if all, err := s.List(t.Context(), site); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestNewestEntryCounts(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "one"}).ID
	var ids []int64
	for _, arrived := range []map[string]string{
		{"group/1/a.xml": "old", "manifest.xml": "m"}, {"group/1/a.xml": "new"},
	} {
		change(t, s, func(tx *content.Tx) error {
			var entries []content.Item
			for path, data := range arrived {
				entries = append(entries, content.Item{Path: path, SHA256: keep(t, s, tx, data), Size: int64(len(data))})
			}
			id, err := tx.AddPublish(t.Context(), content.Publish{Site: site, Request: 31001, Login: "anna", At: noon(),
				Entries: len(entries), Warnings: []string{"w"}})
			ids = append(ids, id)
			if err != nil {
				return err
			}
			if err := tx.AddEntries(t.Context(), content.Publish{ID: id, Site: site}, entries...); err != nil {
				return err
			}
			return tx.CountPublish(t.Context(), content.Publish{ID: id, Added: 1, Updated: 2, Deleted: 3})
		})
	}
	r, err := s.ReadEntry(t.Context(), site, "group/1/a.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "new" {
		t.Errorf("read %q, %v", b, err)
	}
	all, err := s.List(t.Context(), site)
	if err != nil || len(all) != 2 || all[0].Publish != ids[1] || all[0].Name != "a.xml" || all[1].Publish != ids[0] {
		t.Errorf("list %+v, %v", all, err)
	}
	old, err := s.Entries(t.Context(), ids[0])
	if err != nil || len(old) != 2 {
		t.Errorf("the first publish brought %v, %v", old, err)
	}
	pubs, err := s.Publishes(t.Context(), site)
	if err != nil || len(pubs) != 2 || pubs[0].Deleted != 3 || !slices.Equal(pubs[0].Warnings, []string{"w"}) {
		t.Errorf("%+v, %v", pubs, err)
	}
}

func TestEndedContextReadsNothing(t *testing.T) {
	s := open(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for name, call := range map[string]func() error{
		"sites":  func() error { _, err := s.Sites(ctx); return err },
		"user":   func() error { _, err := s.User(ctx, "anna"); return err },
		"ledger": func() error { return s.Consult(ctx, content.Invoke("anna", "x"), nil) },
		"site":   func() error { _, err := s.Site(ctx, 1); return err },
		"login":  func() error { _, err := s.Allowed(ctx, "anna", content.Update, 1); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := outcomes(t, s); got != nil {
		t.Errorf("ledger %v", got)
	}
}

func TestKindsAndTypesAgree(t *testing.T) {
	all := content.Kinds()
	for i, k := range all {
		r := content.RulesOf(k)
		if !r.Rooted && len(r.Parents) == 0 {
			t.Errorf("%s may lie nowhere", k)
		}
		if !slices.Contains(content.Types(false), content.TypeOf(k)) {
			t.Errorf("%s is of the type %q", k, content.TypeOf(k))
		}
		for _, p := range r.Parents {
			if j := slices.Index(all, p); j < 0 || j > i {
				t.Errorf("%s lies in %s, which an import meets later", k, p)
			}
		}
	}
	for _, k := range []content.Kind{content.Entry, "", "shoe"} {
		if r := content.RulesOf(k); content.TypeOf(k) != "" || r.Rooted || r.Parents != nil {
			t.Errorf("%q may lie somewhere: %+v", k, r)
		}
	}
	if slices.Contains(content.Types(true), content.Pages) {
		t.Error("a library has pages")
	}
}
