package engine_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/parts"
)

// manyArticles returns an archive of n small articles, two entries each, other ones in each round.
func manyArticles(tb testing.TB, n, round int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for i := range n {
		base := fmt.Sprintf("group/%d/com.liferay.journal.model.JournalArticle/%d", site, i)
		uuid := md5.Sum(fmt.Appendf(nil, "%d %d", round, i)) // in no order, as a portal's are
		must(tb, w.Put(base+".xml", start, fmt.Appendf(nil, `<item xmlns="urn:stagelock:item:1" kind="article" uuid="%x" `+
			`name="Article %d" version="1" modified="2024-03-01T00:00:00Z" content="/%s/content"/>`, uuid, i, base)))
		must(tb, w.Put(base+"/content", start, fmt.Appendf(nil, "<p>Article %d of %d.</p>", i, round)))
	}
	must(tb, w.Put("manifest.xml", start, []byte("<root>"+header(map[string]string{"build-number": "7413",
		"schema-version": "4.0.0", "type": "layout-set", "available-locales": "en_US"})+"</root>")))
	must(tb, w.Close())
	return b.Bytes()
}

// spent is the time that went by, and the processor's time that this process took of it.
type spent struct{ wall, cpu time.Duration }

func (s spent) minus(o spent) spent { return spent{s.wall - o.wall, s.cpu - o.cpu} }

// tenths is the time that each tenth of an import took, of all its steps together: the n-th tenth of the entries is
// unpacked, of the rows written, of the items put into the site.
type tenths struct {
	started time.Time
	of      map[string]int // how often a step is done in the whole import
	done    map[string]int
	last    spent
	took    [10]spent
}

func newTenths(entries int) *tenths {
	const rows = 1000 // at once
	return &tenths{started: time.Now(), done: map[string]int{}, of: map[string]int{"entry": entries, "item": entries / 2,
		"kept": entries / rows, "listed": entries / rows}}
}

func (t *tenths) now() spent {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return spent{time.Since(t.started), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

// pause is told of every step.
func (t *tenths) pause(point string) {
	step := point[len("publishStagingRequest:"):]
	of, counted := t.of[step]
	if !counted {
		t.last = t.now() // what is done once counts in no tenth
		return
	}
	t.done[step]++
	if n := t.done[step]; n%(of/10) == 0 && n <= of {
		now := t.now()
		spent := now.minus(t.last)
		at := &t.took[n/(of/10)-1]
		at.wall, at.cpu, t.last = at.wall+spent.wall, at.cpu+spent.cpu, now
	}
}

// BenchmarkImportOfManySmallEntries imports 100,000 entries again and again into one engine, whose database grows: how
// many a second and what each takes of a processor, in every tenth of an import.
func BenchmarkImportOfManySmallEntries(b *testing.B) {
	const entries, rounds = 100_000, 3
	for b.Loop() {
		var at *tenths
		cfg := config(b.TempDir(), "7413")
		cfg.Pause = func(point string) {
			if at != nil {
				at.pause(point)
			}
		}
		e := newEngine(b, cfg)
		populate(b, e)
		for round := range rounds {
			at = nil
			id := send(b, e, manyArticles(b, entries/2, round), parts.DefaultBuffer)
			at = newTenths(entries)
			begun := at.now()
			refs, err := e.PublishStagingRequest(b.Context(), publisher, id, pages(site))
			if err != nil || len(refs.Dependency) > 0 {
				b.Fatal(refs, err)
			}
			report(b, round, entries, at, at.now().minus(begun))
		}
	}
}

func report(b *testing.B, round, entries int, at *tenths, all spent) {
	line := fmt.Sprintf("beside %7d others: %5.0f entries a second, %3d µs each; by tenths", round*entries,
		float64(entries)/all.wall.Seconds(), all.cpu.Microseconds()/int64(entries))
	for _, t := range at.took {
		line += fmt.Sprintf(" %5.0f/%d", float64(entries/10)/t.wall.Seconds(), t.cpu.Microseconds()/int64(entries/10))
	}
	b.Log(line)
	name := fmt.Sprint("round", round+1)
	b.ReportMetric(float64(entries)/all.wall.Seconds(), name+"-entries/s")
	b.ReportMetric(at.took[9].cpu.Seconds()/at.took[0].cpu.Seconds(), name+"-last/first-cpu")
}
