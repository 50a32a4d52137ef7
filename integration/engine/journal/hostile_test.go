package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// apply puts a text where nobody has written.
func (s *side) apply(o sync.Object, expect int64, tag string, body io.Reader) (int64, error) {
	return s.journal.Apply(s.t.Context(), o, expect, tag, source.Facts{Author: "far"}, body)
}

// TestWordsOfRefusals holds the whole text of each refusal, and that none of them writes a row.
func TestWordsOfRefusals(t *testing.T) {
	s := newSide(t, 20121)
	s.add(author.Draft{Kind: content.Vocabulary, Name: "Colours", UUID: "v"}, "")
	s.add(author.Draft{Kind: content.ArticleFolder, Name: "News", UUID: "f"}, "")
	s.add(author.Draft{Kind: content.Article, Name: "in it", UUID: "child", Parent: "f"}, "")
	before := len(s.rows())
	long := strings.Repeat("a", 1<<20)
	for _, tt := range []struct{ name, object, text, want string }{
		{"no kind", inSite + "poem/x", `{"name":"x"}` + "\n", `the engine refuses it: "poem" is no kind of content`},
		{"nothing but a site", strings.TrimSuffix(inSite, "/"), `{"name":"x"}` + "\n", `the engine refuses it: "" is no kind of content`},
		{"a private tag", inSite + "tag.private/x", `{"name":"x"}` + "\n", `the engine refuses it: "tag" is no kind of content`},
		{"private twice", inSite + "page.private.private/x", `{"name":"x"}` + "\n", `the engine refuses it: "page.private" is no kind of content`},
		{"no name", inSite + "article/x", "{}\n", "the engine refuses it: it has no name"},
		{"an empty name", inSite + "article/x", `{"name":""}` + "\n", "the engine refuses it: it has no name"},
		{"nothing", inSite + "article/x", "", "the engine refuses it: it has no first line of JSON"},
		{"an empty line", inSite + "article/x", "\n", "the engine refuses it: its first line cannot be read: EOF"},
		{"half a line", inSite + "article/x", `{"name":` + "\n", "the engine refuses it: its first line cannot be read: unexpected EOF"},
		{"another type", inSite + "article/x", `{"name":7}` + "\n",
			"the engine refuses it: its first line cannot be read: json: cannot unmarshal number into Go struct field head.name of type string"},
		{"an unknown field", inSite + "article/x", `{"name":"x","a":1}` + "\n", `the engine refuses it: its first line cannot be read: json: unknown field "a"`},
		{"a line that is too long", inSite + "article/x", `{"name":"` + long + `"}` + strings.Repeat(" ", 8192) + "\n",
			"the engine refuses it: it has no first line of JSON"},
		{"a name that another has", inSite + "vocabulary/x", `{"name":"Colours"}` + "\n", `the engine refuses it: there is another vocabulary "Colours"`},
		{"a category in nothing", inSite + "category/x", `{"name":"x"}` + "\n", "the engine refuses it: a category lies in another object"},
		{"no site", "Nowhere/article/x", `{"name":"x"}` + "\n", "it needs Nowhere/site/Nowhere, which is not there"},
		{"a site's name that is not escaped", siteName + "/article/x", `{"name":"x"}` + "\n", "it needs Läden/site/Läden, which is not there"},
		{"no folder", inSite + "article/x", `{"name":"x","parent":"g","parent_kind":"article-folder"}` + "\n",
			"it needs " + inSite + "article-folder/g, which is not there"},
		{"a folder of another kind", inSite + "document/x", `{"name":"x","parent":"f","parent_kind":"document-folder"}` + "\n",
			"it needs " + inSite + "document-folder/f, which is not there"},
		{"no category and no tag", inSite + "article/x", `{"name":"x","categories":["c","d"],"tags":["t"]}` + "\n",
			"it needs " + inSite + "category/c, " + inSite + "category/d, " + inSite + "tag/t, which is not there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seq, err := s.apply(sync.Object(tt.object), 0, "t", strings.NewReader(tt.text))
			if err == nil || seq != 0 || strings.ReplaceAll(err.Error(), " and ", ", ") != tt.want || !source.Unchanged(err) {
				t.Errorf("row %d, %v, want %s", seq, err, tt.want)
			}
		})
	}
	_, err := s.journal.Apply(t.Context(), inSite+"article-folder/f", 2, "t", source.Facts{Deleted: true}, nil)
	if want := "it is kept by " + inSite + "article/child, which hangs on it"; err == nil || err.Error() != want {
		t.Errorf("a full folder: %v, want %s", err, want)
	}
	if after := len(s.rows()); after != before {
		t.Errorf("%d rows were written", after-before)
	}
}

// TestTheFirstLineInAnyPieces: where the reader cuts it does not matter.
func TestTheFirstLineInAnyPieces(t *testing.T) {
	s := newSide(t, 20121)
	text := `{"name":"` + strings.Repeat("ä", 5000) + `"}` + "\nline one\nline two\n"
	for name, reader := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader,
		"with-its-end": iotest.DataErrReader, "whole": func(r io.Reader) io.Reader { return r }} {
		o := sync.Object(inSite + "article/" + name)
		if _, err := s.apply(o, 0, "t", reader(strings.NewReader(text))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := s.read(o); !strings.HasSuffix(got, "\nline one\nline two\n") {
			t.Errorf("%s: %.20q", name, got)
		}
	}
}

// TestABodyThatBreaks is no refusal: it is tried again, and nothing was written.
func TestABodyThatBreaks(t *testing.T) {
	s := newSide(t, 20121)
	cut := errors.New("the line was cut")
	for _, text := range []string{"", `{"name":`, `{"name":"x"}` + "\n", `{"name":"x"}` + "\n" + strings.Repeat("x", 1<<17)} {
		seq, err := s.apply(inSite+"article/x", 0, "t", io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut)))
		if !errors.Is(err, cut) || seq != 0 || source.Unchanged(err) {
			t.Errorf("after %d bytes: row %d, %v", len(text), seq, err)
		}
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if _, err := s.journal.Apply(ctx, inSite+"article/x", 0, "t", source.Facts{}, strings.NewReader(`{"name":"x"}`+"\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that has ended: %v", err)
	}
	if rows := s.rows(); len(rows) != 0 {
		t.Errorf("rows %+v", rows)
	}
}

// TestNamesOfSitesNeverMeet: whatever sites are called, an object of one is not one of another.
func TestNamesOfSitesNeverMeet(t *testing.T) {
	s := newSide(t, 20121)
	names := []string{"a/b", "a%2Fb", "a%252Fb", "a\nb", "a%0Ab", "a\tb", "a\rb", "a b", "%", "%25", "/", "//", "a/article/x"}
	seen := map[sync.Object]string{}
	for _, name := range names {
		site, err := s.store.CreateSite(t.Context(), content.Site{Name: name})
		must(t, err)
		_, err = s.author.Add(t.Context(), site.ID, author.Draft{Kind: content.Article, Name: "x", UUID: "u"}, strings.NewReader("of "+name))
		must(t, err)
		rows := s.rows()
		o := rows[len(rows)-1].Object
		if seen[o] != "" || strings.Count(string(o), "/") != 2 || strings.ContainsAny(string(o), "\n\r\t") {
			t.Errorf("%q is %q, as is %q", name, o, seen[o])
		}
		seen[o] = name
	}
	for o, name := range seen {
		if text, _ := s.read(o); !strings.HasSuffix(text, "\nof "+name) {
			t.Errorf("%q has %q, want that of %q", o, text, name)
		}
	}
}

// TestChangesInAnyPages: however many rows are asked for, from wherever, they come once each and in order.
func TestChangesInAnyPages(t *testing.T) {
	s := newSide(t, 20121)
	for i := range 9 {
		s.add(author.Draft{Kind: content.Article, Name: "x", UUID: fmt.Sprint(i)}, "")
	}
	all := s.rows()
	for limit := range 12 {
		for after := range int64(12) {
			got, err := s.journal.Changes(t.Context(), after, limit)
			must(t, err)
			want := all[min(int(after), len(all)):]
			want = want[:min(limit, len(want))]
			if got == nil || !slices.Equal(got, want) {
				t.Errorf("%d rows after %d: %+v, want %+v", limit, after, got, want)
			}
		}
	}
	if got, err := s.journal.Changes(t.Context(), -1, 100); err != nil || len(got) != 9 {
		t.Errorf("from before the beginning: %d, %v", len(got), err)
	}
}

// TestWritersInAnyOrder has writers who saw this or that row write, repeat and delete: only who saw the last one
// is taken, a repeat of what was taken is answered with its row, and nothing else is ever written.
func TestWritersInAnyOrder(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := rand.New(rand.NewPCG(seed, 7))
			s := newSide(t, 20121)
			const o = sync.Object(inSite + "article/u")
			type done struct {
				expect, seq int64
				tag         string
				deleted     bool
			}
			var last int64
			text, written, seqs := "", []done{}, []int64{0}
			for i := range 80 {
				w := done{expect: seqs[x.IntN(len(seqs))], tag: fmt.Sprint("t", i), deleted: x.IntN(4) == 0}
				repeat := len(written) > 0 && x.IntN(4) == 0
				if repeat {
					w = written[x.IntN(len(written))]
				}
				body := fmt.Sprint("text ", i)
				seq, err := s.journal.Apply(t.Context(), o, w.expect, w.tag, source.Facts{Deleted: w.deleted},
					strings.NewReader(`{"name":"x"}`+"\n"+body))
				switch {
				case repeat:
					if err != nil || seq != w.seq {
						t.Fatalf("step %d: a repeat of row %d is %d, %v", i, w.seq, seq, err)
					}
				case w.expect != last:
					if !errors.Is(err, source.ErrMoved) || seq != 0 {
						t.Fatalf("step %d: on row %d of %d: row %d, %v", i, w.expect, last, seq, err)
					}
				default:
					if err != nil || seq <= last {
						t.Fatalf("step %d: on the last row: row %d, %v", i, seq, err)
					}
					w.seq, last = seq, seq
					written, seqs = append(written, w), append(seqs, seq)
					if text = body; w.deleted {
						text = ""
					}
				}
			}
			got, f := s.read(o)
			if _, got, _ = strings.Cut(got, "\n"); got != text || f.Seq != last || len(s.rows()) != len(written) || f.Deleted != (text == "") {
				t.Errorf("%q of row %d with %d rows, want %q of %d with %d", got, f.Seq, len(s.rows()), text, last, len(written))
			}
		})
	}
}
