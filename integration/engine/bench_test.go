package engine_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

// manyArticles returns an archive of n small articles, two entries each.
func manyArticles(tb testing.TB, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for i := range n {
		base := fmt.Sprintf("group/%d/com.liferay.journal.model.JournalArticle/%d", site, i)
		must(tb, w.Put(base+".xml", start, fmt.Appendf(nil, `<item xmlns="urn:stagelock:item:1" kind="article" uuid="u-%d" `+
			`name="Article %d" version="1" modified="2024-03-01T00:00:00Z" content="/%s/content"/>`, i, i, base)))
		must(tb, w.Put(base+"/content", start, fmt.Appendf(nil, "<p>Article %d.</p>", i)))
	}
	must(tb, w.Put("manifest.xml", start, []byte("<root>"+header(map[string]string{"build-number": "7413",
		"schema-version": "4.0.0", "type": "layout-set", "available-locales": "en_US"})+"</root>")))
	must(tb, w.Close())
	return b.Bytes()
}

// BenchmarkImportOfManySmallEntries imports 100,000 entries: how many a second on the whole, and how
// fast the last tenth of them is unpacked beside the first.
func BenchmarkImportOfManySmallEntries(b *testing.B) {
	const articles = 50_000
	content := manyArticles(b, articles)
	for b.Loop() {
		b.StopTimer()
		var marks []time.Time
		cfg := config(b.TempDir(), "7413")
		cfg.Progress = func(p lar.Progress) {
			if p.Entries%(p.OfEntries/10) == 0 {
				marks = append(marks, time.Now())
			}
		}
		e := newEngine(b, cfg)
		populate(b, e)
		id := send(b, e, content, parts.DefaultBuffer)
		begun := time.Now()
		b.StartTimer()
		refs, err := e.PublishStagingRequest(b.Context(), publisher, id, pages(site))
		if err != nil || len(refs.Dependency) > 0 {
			b.Fatal(refs, err)
		}
		b.ReportMetric(2*articles/time.Since(begun).Seconds(), "entries/s")
		b.ReportMetric(marks[9].Sub(marks[8]).Seconds()/marks[1].Sub(marks[0]).Seconds(), "last-tenth/second-tenth")
	}
}
