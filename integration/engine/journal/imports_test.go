package journal_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/tunnel/source"
)

// publish brings an archive of what changed on this side to another.
func (s *side) publish(to *side) {
	s.t.Helper()
	ctx := s.t.Context()
	archives := func(on *side) *lar.Archives {
		a, err := lar.New(ctx, lar.Config{Dir: s.t.TempDir(), Build: "7413"}, on.store)
		must(s.t, err)
		return a
	}
	from := archives(s)
	file, err := from.Export(ctx, s.site, lar.ExportOptions{SinceLastPublish: true})
	must(s.t, err)
	f, err := os.Open(file.Path)
	must(s.t, err)
	defer f.Close()
	site, err := to.store.Site(ctx, to.site)
	must(s.t, err)
	refs, err := archives(to).Import(ctx, content.Invoke("somebody", "publish"), f, file.Size, lar.Order{Target: site, Deletions: true})
	if err != nil || len(refs.Dependency) > 0 {
		s.t.Fatalf("%+v, %v", refs, err)
	}
	must(s.t, from.Published(ctx, file.Summary))
}

// TestAnImportIsAnEditLikeOthers has an archive bring and take away what sync knows: what comes from
// elsewhere is not written over it.
func TestAnImportIsAnEditLikeOthers(t *testing.T) {
	publisher, other, live := newSide(t, 1), newSide(t, 2), newSide(t, 3)
	o := publisher.add(author.Draft{Kind: content.Article, Name: "x", UUID: "u"}, "published")
	other.add(author.Draft{Kind: content.Article, Name: "x", UUID: "u"}, "written elsewhere")
	publisher.publish(live)
	rows := live.rows()
	if len(rows) != 1 || rows[0].Object != o || rows[0].Tag != "" || rows[0].Deleted {
		t.Fatalf("rows of an import: %+v", rows)
	}
	if _, err := live.take(other, o, 0, "t1"); !errors.Is(err, source.ErrMoved) {
		t.Errorf("over an import: %v", err)
	}
	if text, f := live.read(o); !strings.HasSuffix(text, "\npublished") || f.Seq != rows[0].Seq {
		t.Errorf("what was imported is %q now, of row %d", text, f.Seq)
	}
	must(t, publisher.author.Delete(t.Context(), publisher.site, content.Article, false, "u"))
	publisher.publish(live)
	if rows = live.rows(); len(rows) != 2 || !rows[1].Deleted {
		t.Fatalf("rows of a deletion that was imported: %+v", rows)
	}
	if _, err := live.take(other, o, rows[0].Seq, "t2"); !errors.Is(err, source.ErrMoved) {
		t.Errorf("over a deletion that was imported: %v", err)
	}
}
