package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/journal"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// one is an application of an article without a parent.
func one(uuid string, expect int64, tag, text string) source.Application {
	return source.Application{Object: sync.Object(inSite + "article/" + uuid), Expect: expect, Tag: tag,
		Content: []byte(`{"name":"Article ` + uuid + `"}` + "\n" + text)}
}

// TestSeveralAtOnce: each of a batch is judged for itself, and those that are refused take nothing along.
func TestSeveralAtOnce(t *testing.T) {
	s := newSide(t, 20121)
	edited := s.add(author.Draft{Kind: content.Article, UUID: "edited", Name: "Article edited"}, "of a person")
	before := len(s.rows())
	missing := one("child", 0, "t3", "x")
	missing.Content = []byte(`{"name":"x","parent":"nowhere","parent_kind":"article-folder"}` + "\nx")
	foreign := one("x", 0, "t4", "x")
	foreign.Object = "Elsewhere/article/x"
	all := []source.Application{
		one("a", 0, "t1", "first"), one("edited", 0, "t2", "over it"), missing, foreign,
		{Object: inSite + "article/no-head", Tag: "t5", Content: []byte("no line of JSON")},
		{Object: inSite + "article/gone", Tag: "t6", Facts: source.Facts{Deleted: true}},
		one("b", 0, "t7", "last"),
	}
	got, err := s.journal.ApplyAll(t.Context(), all)
	must(t, err)
	var needs *source.Missing
	var invalid *source.Invalid
	for i, ok := range []func(source.Applied) bool{
		func(a source.Applied) bool { return a.Err == nil && a.Seq > 0 },
		func(a source.Applied) bool { return errors.Is(a.Err, source.ErrMoved) && a.Seq == 0 },
		func(a source.Applied) bool { return errors.As(a.Err, &needs) && len(needs.Objects) == 1 },
		func(a source.Applied) bool {
			return errors.As(a.Err, &needs) && needs.Objects[0] == "Elsewhere/site/Elsewhere"
		},
		func(a source.Applied) bool { return errors.As(a.Err, &invalid) },
		func(a source.Applied) bool { return a.Err == nil && a.Seq > 0 },
		func(a source.Applied) bool { return a.Err == nil && a.Seq > got[0].Seq },
	} {
		if !ok(got[i]) {
			t.Errorf("%s: %+v", all[i].Object, got[i])
		}
	}
	if n := len(s.rows()) - before; n != 3 {
		t.Errorf("%d rows were written, want 3", n)
	}
	for o, want := range map[sync.Object]string{all[0].Object: "first", all[6].Object: "last", edited: "of a person"} {
		if text, _ := s.read(o); !strings.HasSuffix(text, "\n"+want) {
			t.Errorf("%s is %q, want %q", o, text, want)
		}
	}
	again, err := s.journal.ApplyAll(t.Context(), []source.Application{all[0], all[6]})
	must(t, err)
	if again[0] != got[0] || again[1] != got[6] || len(s.rows())-before != 3 {
		t.Errorf("a repeat is %+v, the first time %+v", again, got)
	}
}

// TestARefusedBatchLeavesNoFile: content of which nothing counts does not stay on the disk, and content that
// counts does.
func TestARefusedBatchLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	store, err := content.Open(t.Context(), content.Config{Dir: dir, CompanyID: 1, Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	_, err = store.CreateSite(t.Context(), content.Site{ID: 1, Name: siteName})
	must(t, err)
	j := journal.New(store)
	packs := func() (n int) {
		must(t, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if strings.HasPrefix(d.Name(), "pack-") {
				n++
			}
			return err
		}))
		return n
	}
	for _, tt := range []struct {
		name string
		all  []source.Application
		want int
	}{
		{"all refused", []source.Application{one("a", 9, "t", "x"), one("b", 9, "t", "x")}, 0},
		{"nothing", nil, 0},
		{"one of two", []source.Application{one("a", 9, "t", "x"), one("b", 0, "t", "x")}, 1},
		{"a repeat", []source.Application{one("b", 0, "t", "x")}, 1},
	} {
		_, err := j.ApplyAll(t.Context(), tt.all)
		must(t, err)
		if got := packs(); got != tt.want {
			t.Errorf("%s: %d files of content, want %d", tt.name, got, tt.want)
		}
	}
}
