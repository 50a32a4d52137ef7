package integration_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// repacked returns an archive with other entries: change returns the name and the content of each, no name for
// one that is left out. more are behind them.
func repacked(t testing.TB, lar []byte, change func(name, text string) (string, string), more ...string) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(lar), int64(len(lar)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	to := archive.NewWriter(&b)
	for _, e := range from.File {
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, content := change(e.Name, string(text))
		if name == "" {
			continue
		}
		if err := to.Put(name, time.Time{}, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(more); i += 2 {
		if err := to.Put(more[i], time.Time{}, []byte(more[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// saysNothing leaves out of a manifest what it says of the content: only the header stays.
func saysNothing(name, text string) (string, string) {
	if name == "manifest.xml" {
		text = "<root>" + regexp.MustCompile(`(?s)<header.*?(/>|</header>)`).FindString(text) + "</root>"
	}
	return name, text
}

// saysSettingsOnly has the manifest say that of each application only the settings are there.
func saysSettingsOnly(name, text string) (string, string) {
	name, text = saysNothing(name, text)
	return name, strings.Replace(text, "</root>", `<site-portlets><portlet portlet-id="com_liferay_journal_web_portlet_JournalPortlet" `+
		`portlet-data="false"/></site-portlets></root>`, 1)
}

// A manifest that does not say what is in its archive is not believed: the entries count, and the lists of
// deletions, and what cannot be told is held back.
func TestContentPolicyOfForgedArchives(t *testing.T) {
	const deleted = `<deletion-system-events><deletion-system-event class-name="com.liferay.wiki.model.WikiPage" group-id="1" uuid="u"/></deletion-system-events>`
	data := "group/1/portlet/com_liferay_blogs_web_portlet_BlogsPortlet/1/portlet-data.xml"
	for _, tt := range []struct {
		name    string
		article bool
		change  func(name, text string) (string, string)
		more    []string
		reason  string
		want    string
	}{
		{"the manifest says nothing", true, saysNothing, nil, "content.denied", "may not publish: web-content"},
		{"the manifest says settings only", true, saysSettingsOnly, nil, "content.denied", "may not publish: web-content"},
		{"the data of an application", false, saysNothing, []string{data, "<portlet-data/>"}, "content.denied", "may not publish: blogs"},
		{"a deletion", false, saysNothing, []string{"group/77/deletion-system-events.xml", deleted}, "content.denied", "may not publish: wiki"},
		{"a list of deletions that cannot be read", false, saysNothing, []string{"group/77/deletion-system-events.xml", "evil"}, "content.unseen", "cannot be read"},
		{"a model that nobody knows", false, saysNothing, []string{"group/1/com.acme.Shop/1.xml", "x"}, "content.denied", "may not publish: com.acme.Shop"},
		{"a place where no portal puts anything", false, saysNothing, []string{"group/1/hidden/1.xml", "x"}, "content.unseen",
			`what the archive holds was not seen: what is in its entry "group/1/hidden/1.xml" cannot be told by its place`},
		{"a file of its own", false, saysNothing, []string{"article.xml", "x"}, "content.unseen", `"article.xml"`},
		{"of the whole company", false, saysNothing, []string{"company/1/com.liferay.asset.kernel.model.AssetTag/1.xml", "x"}, "content.denied",
			"may not publish: tags"},
	} {
		for _, size := range []int{350, 1 << 20} {
			t.Run(fmt.Sprintf("%s in parts of %d", tt.name, size), func(t *testing.T) {
				g := newSelective(t, mayPublish("pages"))
				lar := repacked(t, g.archive(tt.article), tt.change, tt.more...)
				g.refused(g.request(lar, size, inOrder), tt.reason, tt.want)
				if n := g.has(); n != 0 {
					t.Errorf("%d items arrived", n)
				}
			})
		}
	}
}

// The same archives without anything forbidden pass: it is not their form that is refused.
func TestContentPolicyLetsPlainArchivesPass(t *testing.T) {
	g := newSelective(t, mayPublish("pages"))
	same := func(name, text string) (string, string) { return name, text }
	if err := g.request(repacked(t, g.archive(false), same), 350, inOrder); err != nil || g.has() == 0 {
		t.Errorf("%d items, %v", g.has(), err)
	}
}

// shares returns options of two gateways that share a PostgreSQL.
func shares(t *testing.T, types string) (a, b harness.Options) {
	t.Helper()
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	key := filepath.Join(t.TempDir(), "cluster.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b = shared("gate-a", db.URL(), key), shared("gate-b", db.URL(), key)
	for _, o := range []*harness.Options{&a, &b} {
		o.Peer, o.Sites, o.Logins = mayPublish(types).Peer, "", ""
	}
	return a, b
}

// Each part goes by another gateway of a cluster, and what all of them saw is what is judged, at whichever
// the publish comes in.
func TestContentPolicyOfACluster(t *testing.T) {
	oa, ob := shares(t, "pages")
	a := newSelective(t, oa)
	ob.Upstream = a.live.URL
	b := &selective{TB: t, live: a.live, source: a.source, gateway: harness.Start(t, ob)}
	pages := a.archive(false)
	all := a.archive(true)
	for _, tt := range []struct {
		name         string
		lar          []byte
		reason, want string
	}{
		{"an article too much", all, "content.denied", "may not publish: web-content"},
		{"an article that the manifest does not name", repacked(t, all, saysNothing), "content.denied", "may not publish: web-content"},
		{"an article that the manifest calls settings", repacked(t, all, saysSettingsOnly), "content.denied", "may not publish: web-content"},
		{"an entry of its own", repacked(t, pages, saysNothing, "x.xml", "x"), "content.unseen", "cannot be told by its place"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.refused(overBoth(a, b, tt.lar), tt.reason, tt.want)
			if n := a.has(); n != 0 {
				t.Errorf("%d items arrived", n)
			}
		})
	}
	if err := overBoth(a, b, pages); err != nil || a.has() == 0 {
		t.Errorf("pages alone: %d items, %v", a.has(), err)
	}
}

// overBoth creates a request at one gateway, sends the parts by both in turn, and publishes at the other.
func overBoth(a, b *selective, lar []byte) error {
	a.Helper()
	ctx, both := a.Context(), []*publisher.Client{a.client(nil), b.client(nil)}
	id, err := both[0].CreateStagingRequest(ctx, harness.Site, md5Of(lar))
	a.must(err)
	const size = 700
	for i := 0; i*size < len(lar); i++ {
		part := lar[i*size : min((i+1)*size, len(lar))]
		a.must(both[i%2].UpdateStagingRequest(ctx, id, partName(i), bytes.NewReader(part), int64(len(part))))
	}
	_, err = both[1].PublishStagingRequest(ctx, id, publisher.DefaultSettings(harness.Site, false, nil))
	a.must(both[0].CleanUpStagingRequest(ctx, id))
	return err
}
