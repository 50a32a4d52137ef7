package lar_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

// packed is an archive of these entries, names and texts in turn.
func packed(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		if err := w.Put(entries[i], time.Time{}, []byte(entries[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// articles are the entries of that many articles with that text, and their manifest.
func articles(n int, text string) []string {
	entries := []string{"manifest.xml", fine}
	for i := range n {
		at := fmt.Sprint(entryOf, i)
		entries = append(entries, at+".xml", itemXML("article", fmt.Sprint("u-", i), text, "/"+at+"/content"), at+"/content", text)
	}
	return entries
}

// copyFolder makes a folder what from is at this moment, as a disk is after the machine has died.
func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		}
		if strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".lock") { // these do not outlive the process
			return nil
		}
		b, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(filepath.Join(to, rel), b, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// packs counts the files of content in a folder.
func packs(t testing.TB, dir string) int {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// texts are the contents of the site's articles.
func texts(t testing.TB, s *content.Store) (all []string) {
	t.Helper()
	items, err := s.Items(t.Context(), site, content.Article)
	for _, it := range items {
		r, other := s.Open(t.Context(), it)
		if err = errors.Join(err, other); err != nil {
			t.Fatal(err)
		}
		b, other := io.ReadAll(r)
		err = errors.Join(err, other, r.Close())
		all = append(all, it.Name+"="+string(b))
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAnImportThatDiesAnywhere has the machine die at each point of an import: who opens the folder again finds
// the site as it was or as it was to be, each content readable, no file too many, and the ledger in step with it.
func TestAnImportThatDiesAnywhere(t *testing.T) {
	dir := t.TempDir()
	type image struct{ point, dir string }
	var images []image
	arm := false
	store, err := content.Open(t.Context(), content.Config{Dir: dir, CompanyID: 20097, Now: time.Now, Pause: func(point string) {
		if arm {
			images = append(images, image{point, copyFolder(t, dir)})
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	target, err := store.CreateSite(t.Context(), content.Site{ID: site, Name: "Site"})
	archives, other := lar.New(t.Context(), lar.Config{Dir: t.TempDir(), Build: "7413"}, store)
	if err = errors.Join(err, other); err != nil {
		t.Fatal(err)
	}
	bring := func(n int, text string) {
		b := packed(t, articles(n, text)...)
		_, err := archives.Import(t.Context(), content.Invoke("anna", "publishStagingRequest").OnSite(site), bytes.NewReader(b), int64(len(b)),
			lar.Order{Target: target, Request: 1, Login: "anna"})
		if err != nil {
			t.Fatal(err)
		}
	}
	bring(2, "old")
	before := texts(t, store)
	arm = true
	bring(3, "new")
	arm = false
	after := texts(t, store)
	images = append(images, image{"the end", copyFolder(t, dir)})
	seen := map[string]bool{}
	for i, m := range images {
		seen[m.point] = true
		s, err := content.Open(t.Context(), content.Config{Dir: m.dir, CompanyID: 20097, Now: time.Now})
		if err != nil {
			t.Fatalf("%s: %v", m.point, err)
		}
		want, calls := before, 1
		if i == len(images)-1 {
			want, calls = after, 2
		}
		ledger, err := s.Ledger(t.Context())
		if diff := cmp.Diff(want, texts(t, s)); diff != "" || err != nil || len(ledger) != calls || packs(t, m.dir) != calls {
			t.Errorf("at %s: %d calls in the ledger, %d files, %v\n%s", m.point, len(ledger), packs(t, m.dir), err, diff)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, point := range []string{"checked", "entry", "unpacked", "kept", "listed", "before-commit", "half-applied", "item"} {
		if !seen["publishStagingRequest:"+point] {
			t.Errorf("the import never came to %s", point)
		}
	}
}

// TestAnImportThatFailsAnywhere: when an import ends with an error at any entry, the site, the files and the
// ledger are as they were.
func TestAnImportThatFailsAnywhere(t *testing.T) {
	cut := errors.New("the journal of arrivals is full")
	for _, tt := range []struct {
		name   string
		change func(*lar.Order, context.CancelCauseFunc)
		want   error
	}{
		{"the call ends at the first entry", func(o *lar.Order, end context.CancelCauseFunc) { o.Tell = func(lar.Progress) { end(cut) } }, cut},
		{"the call ends before the site is changed", func(o *lar.Order, end context.CancelCauseFunc) {
			o.Apply = func(context.Context) { end(cut) }
		}, context.Canceled},
		{"what belongs to the import cannot be written", func(o *lar.Order, _ context.CancelCauseFunc) {
			o.Arrived = func(context.Context, *content.Tx, content.Publish) error { return cut }
		}, cut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			store, err := content.Open(t.Context(), content.Config{Dir: dir, CompanyID: 20097, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			target, err := store.CreateSite(t.Context(), content.Site{ID: site, Name: "Site"})
			archives, other := lar.New(t.Context(), lar.Config{Dir: t.TempDir(), Build: "7413"}, store)
			if err = errors.Join(err, other); err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancelCause(t.Context())
			o := lar.Order{Target: target, Request: 1}
			tt.change(&o, end)
			b := packed(t, articles(3, "new")...)
			_, err = archives.Import(ctx, content.Invoke("anna", "publishStagingRequest").OnSite(site), bytes.NewReader(b), int64(len(b)), o)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			ledger, err := store.Ledger(t.Context())
			publishes, other := store.Publishes(t.Context(), site)
			if got := texts(t, store); got != nil || len(ledger)+len(publishes)+packs(t, dir) != 0 || errors.Join(err, other) != nil {
				t.Errorf("the site has %q, ledger %+v, publishes %+v, %d files", got, ledger, publishes, packs(t, dir))
			}
		})
	}
}

// TestArchivesThatAreBroken: an archive that is cut anywhere, or has a byte changed in what its checksums cover,
// is refused or is the same; it never brings anything else.
func TestArchivesThatAreBroken(t *testing.T) {
	r := newRoom(t, nil)
	target, err := r.store.Site(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	whole := packed(t, articles(1, "Buy.")...)
	bring := func(b []byte) error {
		_, err := r.archives.Import(t.Context(), content.Invoke("anna", "publishStagingRequest").OnSite(site), bytes.NewReader(b), int64(len(b)),
			lar.Order{Target: target, Request: 1})
		return err
	}
	for n := 0; n < len(whole); n += 7 {
		if err := bring(whole[:n]); !errors.Is(err, lar.BadArchive) || r.has(site) != nil {
			t.Fatalf("cut to %d bytes of %d: %v, the site has %q", n, len(whole), err, r.has(site))
		}
	}
	for i := 0; i < len(whole); i += 11 {
		b := bytes.Clone(whole)
		b[i] ^= 0x55
		err := bring(b)
		if got := r.has(site); got != nil && !slices.Equal(got, []string{"article Buy."}) || err != nil && !errors.Is(err, lar.BadArchive) &&
			!errors.Is(err, lar.BadManifest) && !errors.Is(err, lar.BadEntry) {
			t.Fatalf("byte %d changed: %v, the site has %q", i, err, got)
		}
	}
}

// TestHostileEntries: names that leave the archive and things that are no archive bring nothing.
func TestHostileEntries(t *testing.T) {
	for _, tt := range []struct {
		name    string
		archive []byte
	}{
		{"nothing", nil},
		{"no archive", []byte("<root/>")},
		{"an archive of nothing", packed(t)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, nil)
			target, _ := r.store.Site(t.Context(), site)
			_, err := r.archives.Import(t.Context(), content.Invoke("anna", "publish"), bytes.NewReader(tt.archive), int64(len(tt.archive)), lar.Order{Target: target})
			if !errors.Is(err, lar.BadArchive) && !errors.Is(err, lar.BadManifest) || r.has(site) != nil {
				t.Errorf("got %v, the site has %q", err, r.has(site))
			}
		})
	}
}

// TestVersionsOfApplications holds which schema of an application an engine reads.
func TestVersionsOfApplications(t *testing.T) {
	for _, tt := range []struct {
		deployed, arrives string
		fits              bool
	}{
		{"2.0.0", "2.0.0", true}, {"2.3.0", "2.1.9", true}, {"2.1.0", "2.1.99", true}, {"2.1.0", "2.2.0", false}, {"2.0.0", "1.9.0", false},
		{"2.0.0", "3.0.0", false}, {"1.0.0", "", true}, {"2.0.0", "", false}, {"2.0.0", "2", false}, {"2.0.0", "2.x", false}, {"2.0.0", " 2.0", false},
		{"2.0.0", "99999999999999999999.0", false}, {"10.0.0", "10.0.0", true}, {"10.0.0", "1.0.0", false},
	} {
		r := newRoom(t, func(c *lar.Config) { c.Portlets = map[string]string{journalApp: tt.deployed} })
		_, err := r.arrives(site, nil, "manifest.xml", manifestWith(`type="layout-set" build-number="7413" schema-version="4.0.0"`,
			`<site-portlets><portlet portlet-id="`+journalApp+`_INSTANCE_7" schema-version="`+tt.arrives+`"/></site-portlets>`))
		if tt.fits != (err == nil) || !tt.fits && !errors.Is(err, lar.WrongPortletSchema) {
			t.Errorf("%q into %q: %v", tt.arrives, tt.deployed, err)
		}
	}
}

// TestBuildsOfArchives: before 7.0 the build must be the portal's own, from then on the schema decides.
func TestBuildsOfArchives(t *testing.T) {
	for _, tt := range []struct {
		engine, build, schema string
		code                  content.Code
		says                  string
	}{
		{"6210", "6210", "", "", ""}, {"6210", "6210", "9.0.0", "", ""},
		{"6210", "6211", "", lar.WrongBuild, "archive of build 6211, the engine is of build 6210"},
		{"7413", "6999", "4.0.0", lar.WrongBuild, "archive of build 6999, the engine is of build 7413"},
		{"7413", "7000", "4.0.0", "", ""}, {"7413", "9999", "4.0.0", "", ""}, {"6210", "7000", "4.0.0", "", ""},
		{"7413", "7413", "", lar.WrongSchema, "archive of schema version 1.0.0, the engine has 4.0.0"},
		{"7413", "7413", "4.1.0", lar.WrongSchema, "archive of schema version 4.1.0, the engine has 4.0.0"},
	} {
		r := newRoom(t, func(c *lar.Config) { c.Build = tt.engine })
		head := manifestWith(fmt.Sprintf(`type="layout-set" build-number="%s" schema-version="%s"`, tt.build, tt.schema), "")
		_, err := r.arrives(site, nil, "manifest.xml", head)
		if tt.code == "" && err != nil || tt.code != "" && (!errors.Is(err, tt.code) || err.Error() != tt.says) {
			t.Errorf("build %s, schema %q into %s: %v, want %q", tt.build, tt.schema, tt.engine, err, tt.says)
		}
		any := newRoom(t, func(c *lar.Config) { c.Build, c.AnyBuild = tt.engine, true })
		_, err = any.arrives(site, nil, "manifest.xml", head)
		all, other := any.store.Publishes(t.Context(), site)
		if err = errors.Join(err, other); err != nil || len(all) != 1 || strings.Join(all[0].Warnings, "") != tt.says {
			t.Errorf("any build: %+v, %v, want the warning %q", all, err, tt.says)
		}
	}
}

// TestMissingReferencesHoldTheImport: one that must be there and is not stops everything, a weak one nothing.
func TestMissingReferencesHoldTheImport(t *testing.T) {
	const head = `type="layout-set" build-number="7413" schema-version="4.0.0"`
	ref := func(uuid, kind, path string) string {
		return `<missing-references><missing-reference class-name="com.liferay.journal.model.JournalArticle" uuid="` + uuid +
			`" display-name="News" type="` + kind + `" element-path="` + path + `"/></missing-references>`
	}
	for _, tt := range []struct {
		name, more     string
		hard, weak     int
		articles, runs int
	}{
		{"one that must be there", ref("far", "dependency", ""), 1, 0, 0, 0},
		{"a weak one", ref("far", "weak", ""), 0, 1, 1, 1},
		{"one of another type", ref("far", "x", ""), 1, 0, 0, 0},
		{"one in the archive", ref("far", "dependency", "/"+entryOf+"0.xml"), 0, 0, 1, 1},
		{"one said to be in the archive", ref("far", "dependency", "/nowhere.xml"), 1, 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, nil)
			applied := 0
			entries := articles(1, "x")
			entries[1] = manifestWith(head, tt.more)
			refs, err := r.arrives(site, func(o *lar.Order) { o.Apply = func(context.Context) { applied++ } }, entries...)
			if err != nil || len(refs.Dependency) != tt.hard || len(refs.Weak) != tt.weak || len(r.has(site)) != tt.articles || applied != tt.runs {
				t.Errorf("got %+v, %v; %q, applied %d times", refs, err, r.has(site), applied)
			}
		})
	}
}
