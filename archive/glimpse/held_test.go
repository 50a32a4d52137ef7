package glimpse_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/archive/manifest"
)

const (
	article = "com.liferay.journal.model.JournalArticle"
	layout  = "com.liferay.portal.kernel.model.Layout"
	wiki    = "com_liferay_wiki_web_portlet_WikiPortlet"
	events  = "group/20121/deletion-system-events.xml"
)

func (g *gate) look() (*glimpse.Held, error) {
	var all []glimpse.Sight
	for i := range g.kept {
		s, _ := g.sight(i)
		all = append(all, s)
	}
	return glimpse.Look(all, archive.DefaultLimits())
}

// seen lets an archive go by in parts of that size, in an order, and looks.
func seen(t testing.TB, lar []byte, size, piece int, order func(n int, r *rand.Rand) []int) (*glimpse.Held, error) {
	t.Helper()
	g, parts := newGate(t), cut(lar, size)
	for _, i := range order(len(parts), rand.New(rand.NewPCG(3, uint64(size)))) {
		g.part(i, parts[i], piece)
	}
	return g.look()
}

// file is an entry of an archive that Go's own writer packs.
type file struct {
	name, text string
	method     uint16
}

func packed(t testing.TB, files ...file) []byte {
	t.Helper()
	return zipped(t, func(w *zip.Writer) {
		for _, f := range files {
			put(t, w, zip.FileHeader{Name: f.name, Method: f.method}, f.text)
		}
	})
}

func deletionsOf(classes ...string) string {
	var b strings.Builder
	b.WriteString("<deletion-system-events>")
	for i, c := range classes {
		fmt.Fprintf(&b, `<deletion-system-event class-name="%s" group-id="20121" uuid="%x"/>`, c, i*7919)
	}
	return b.String() + "</deletion-system-events>"
}

// What the entries are of is found whatever the manifest says, however the parts cut them, and in whatever
// order they come.
func TestWhatTheEntriesAreOf(t *testing.T) {
	const says = `<root><header type="layout-set"/></root>`
	deleted := file{events, deletionsOf(article, "com.acme.Shop", article), zip.Deflate}
	noise := strings.Repeat("some text that is not random at all ", 30)
	for name, files := range map[string][]file{
		"manifest last": {{"group/20121/" + article + "/1.xml", noise, zip.Deflate}, {"group/20121/" + layout + "/2.xml", noise, zip.Store},
			{"group/20121/portlet/" + wiki + "/20121/portlet-data.xml", noise, zip.Deflate}, deleted, {manifest.Name, says, zip.Deflate}},
		"manifest first": {{manifest.Name, says, zip.Store}, deleted, {"group/20121/" + layout + "/2.xml", noise, zip.Store},
			{"group/20121/portlet/" + wiki + "/20121/portlet-data.xml", noise, zip.Deflate},
			{"group/20121/" + article + "/1/a name of a picture that is rather long and goes on and on and on and on and on.png", noise, zip.Deflate}},
		"folders and settings too": {{"group/", "", zip.Store}, {"group/20121/", "", zip.Store}, {"group/20121/" + article + "/1.xml", "", zip.Store},
			{"group/20121/portlet/com_acme_Portlet/1/portlet.xml", noise, zip.Store}, deleted, {"group/20121/" + layout + "/2.xml", noise, zip.Deflate},
			{"group/20121/portlet/" + wiki + "/20121/portlet-data.xml", noise, zip.Deflate}, {manifest.Name, says, zip.Store}},
	} {
		lar := packed(t, files...)
		for _, size := range []int{40, 46, 47, 90, 300, 1000, len(lar)} {
			for order, of := range orders {
				t.Run(fmt.Sprintf("%s, parts of %d, %s", name, size, order), func(t *testing.T) {
					h, err := seen(t, lar, size, 1+size/4, of)
					if err != nil {
						t.Fatal(err)
					}
					want := glimpse.Held{Manifest: h.Manifest, Models: []string{article, layout}, Applications: []string{wiki},
						Deleted: []string{"com.acme.Shop", article}}
					if diff := cmp.Diff(want, *h); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

// A record that parts cut in a long name is found, too, where nothing else keeps what it needs: the manifest
// is far in front of the directory.
func TestRecordsWithLongNamesThatAreCut(t *testing.T) {
	long := strings.Repeat("a long name of a picture ", 38) // 950 bytes
	files := []file{{manifest.Name, `<root><header type="layout-set"/></root>`, zip.Store},
		{"group/1/" + layout + "/1", strings.Repeat("x", glimpse.Most+1000), zip.Store}}
	for i := range 6 {
		files = append(files, file{fmt.Sprintf("group/1/com.acme.Model%d/1/%s", i, long), "x", zip.Store})
	}
	lar := packed(t, files...)
	directory := bytes.Index(lar, []byte("PK\x01\x02"))
	for size := 250; size < 1500; size += 83 {
		parts := append([][]byte{lar[:directory+size/2]}, cut(lar[directory+size/2:], size)...)
		for order, of := range orders {
			g := newGate(t)
			for _, i := range of(len(parts), rand.New(rand.NewPCG(3, uint64(size)))) {
				g.part(i, parts[i], 1<<20)
			}
			h, err := g.look()
			if err != nil || len(h.Models) != 7 || h.Strange != "" {
				t.Errorf("in parts of %d, %s: %+v, %v", size, order, h, err)
			}
		}
	}
}

// What cannot be told is strange or unseen, and never left out.
func TestEntriesThatHide(t *testing.T) {
	says := file{manifest.Name, `<root><header type="layout-set"/></root>`, zip.Deflate}
	nested := packed(t, file{"evil.xml", "x", zip.Store}, file{"group/1/com.acme.Shop/1.xml", "x", zip.Store})
	inDirectory := func(lar []byte, old, new string) []byte {
		return patched(t, lar, bytes.Count(lar, []byte(old)), old, new)
	}
	plain := packed(t, file{"group/20121/" + article + "/1.xml", "x", zip.Store}, says)
	full := packed(t, file{"group/20121/" + article + "/1.xml/", "", zip.Store}, says)
	for _, tt := range []struct {
		name    string
		lar     []byte
		strange string // what the name of the strange one begins with
		models  []string
		unseen  string
	}{
		{"an odd place", packed(t, file{"evil.xml", "x", zip.Store}, says), "evil.xml", nil, ""},
		{"a detour", packed(t, file{"group/1/Layout/../" + article + "/1.xml", "x", zip.Store}, says), "group/1/Layout/../", nil, ""},
		{"backslashes", packed(t, file{`group\1\` + article + `\1.xml`, "x", zip.Store}, says), `group\1`, nil, ""},
		{"a very long name", packed(t, file{"group/1/" + layout + "/" + strings.Repeat("x", 2000), "x", zip.Store}, says), "…", nil, ""},
		{"a name as long as is read", packed(t, file{"group/1/" + layout + "/" + strings.Repeat("x", 1024-9-len(layout)), "x", zip.Store}, says), "",
			[]string{layout}, ""},
		{"a folder with content", sized(t, full), "", []string{article}, ""},
		{"another name in its own header", inDirectory(plain, article, strings.Repeat("Z", len(article))), "",
			[]string{strings.Repeat("Z", len(article))}, ""},
		{"inside of a document", packed(t, file{"group/1/" + layout + "/1.zip", string(nested), zip.Store}, says), "", []string{layout}, ""},
		{"as many kinds as are noted", packed(t, append(many(1000), says)...), "", nil, ""},
		{"a list of deletions that is none", packed(t, file{events, "evil", zip.Store}, says), "", nil, "outside the root element"},
		{"a list of deletions that names no class", packed(t, file{events, deletionsOf(""), zip.Store}, says), "", nil, "of what class"},
		{"a list of deletions whose header is another's", inDirectory(packed(t, file{"group/20121/deletion-system-evenXX.xml", deletionsOf("a"), zip.Store}, says),
			"evenXX", "events"), "", nil, "what the archive has deleted was not seen"},
		{"a list of deletions whose checksum is wrong", patched(t, packed(t, file{events, deletionsOf(article), zip.Store}, says), 1, "JournalArticle", "JournalArticlX"),
			"", nil, "not what its record in the directory declares"},
		{"two lists, one behind the other", packed(t, file{events, deletionsOf(), zip.Deflate}, says, file{events, deletionsOf("com.acme.Shop"), zip.Deflate}),
			"", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{len(tt.lar), max(70, len(tt.lar)/150)} {
				h, err := seen(t, tt.lar, size, 61, orders["in order"])
				if tt.unseen != "" {
					if err == nil || !strings.Contains(err.Error(), tt.unseen) {
						t.Errorf("in parts of %d: %+v, %v, want %q", size, h, err, tt.unseen)
					}
					continue
				}
				if err != nil || !strings.HasPrefix(h.Strange, tt.strange) || (h.Strange != "") != (tt.strange != "") {
					t.Errorf("in parts of %d: %+v, %v, want %q", size, h, err, tt.strange)
				}
				if tt.models != nil && (err != nil || !slices.Equal(h.Models, tt.models)) {
					t.Errorf("in parts of %d: models %q, want %q", size, h.Models, tt.models)
				}
				if strings.HasPrefix(tt.name, "two lists") && !slices.Equal(h.Deleted, []string{"com.acme.Shop"}) {
					t.Errorf("in parts of %d: deleted %q", size, h.Deleted)
				}
			}
		})
	}
}

// More kinds than are noted of a part are all found, or the archive is unseen.
func TestMoreKindsThanAreNoted(t *testing.T) {
	lar := packed(t, append(many(1100), file{manifest.Name, `<root><header type="layout-set"/></root>`, zip.Deflate})...)
	for _, size := range []int{len(lar), len(lar) / 2, 30_000, 5_000, 1_130} {
		for order, of := range orders {
			h, err := seen(t, lar, size, 4096, of)
			var u *glimpse.Unseen
			if err != nil && !errors.As(err, &u) || err == nil && len(h.Models) != 1100 || err == nil && size == len(lar) {
				t.Errorf("in parts of %d, %s: %+v, %v", size, order, h, err)
			}
		}
	}
}

// many are entries of so many classes.
func many(n int) []file {
	var all []file
	for i := range n {
		all = append(all, file{fmt.Sprintf("group/1/com.acme.Model%d/1.xml", i), "", zip.Store})
	}
	return all
}

// sized has the first record of the directory say that its entry, a folder, has content.
func sized(t testing.TB, lar []byte) []byte {
	t.Helper()
	lar = bytes.Clone(lar)
	at := bytes.Index(lar, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(lar[at+20:], 9)
	binary.LittleEndian.PutUint32(lar[at+24:], 9)
	return lar
}

// A list of deletions that is long is read as far as lists are kept; behind that it is unseen, not short.
func TestLongListsOfDeletions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var many []string
	for len(many) < 100_000 {
		many = append(many, fmt.Sprintf("com.acme.Model%x%x", r.Uint64(), r.Uint64()))
	}
	says := file{manifest.Name, `<root><header type="layout-set"/></root>`, zip.Deflate}
	text := deletionsOf(many[:2_000]...)
	h, err := seen(t, packed(t, says, file{events, text, zip.Deflate}), 10_000, 4096, orders["mixed"])
	if err != nil || len(h.Deleted) != 2_000 {
		t.Errorf("2,000 classes: %+v, %v", h, err)
	}
	_, err = seen(t, packed(t, file{events, deletionsOf(many...), zip.Deflate}, says), 1<<20, 64<<10, orders["in order"])
	var u *glimpse.Unseen
	if !errors.As(err, &u) || !strings.Contains(err.Error(), "what the archive has deleted was not seen") {
		t.Errorf("100,000 classes: %v", err)
	}
}

// What an earlier version kept has no marks: it is not taken for an archive without entries.
func TestSightsOfAnEarlierVersion(t *testing.T) {
	lar := pack(t, text(1), site(2, 0)...)
	w := glimpse.NewWatcher(name(0), 0)
	_, _ = w.Write(lar)
	s := w.Sight()
	s.Marks, s.Blind = nil, true
	old, err := glimpse.Parse(name(0), s.Append(nil))
	if err != nil || !old.Blind {
		t.Fatalf("%+v, %v", old, err)
	}
	_, err = glimpse.Look([]glimpse.Sight{old}, archive.DefaultLimits())
	if err == nil || !strings.Contains(err.Error(), "an earlier version of the gateway looked at part site.lar000000: publish again") {
		t.Errorf("error %v", err)
	}
	if trimmed := old.Trim(0); !trimmed.Blind {
		t.Error("it can see when it is trimmed")
	}
}

func TestEntriesOfRealArchives(t *testing.T) {
	files, err := filepath.Glob("../testdata/lar/*.lar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no real archives: %v", err)
	}
	for _, path := range files {
		lar, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := glimpse.Held{Manifest: real(t, lar)}
		a, err := zip.NewReader(bytes.NewReader(lar), int64(len(lar)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range a.File {
			if p := manifest.PlaceOf(e.Name); p.Application != "" && !strings.HasSuffix(e.Name, "/") {
				want.Applications = append(want.Applications, p.Application)
			} else if p.Model != "" && !strings.HasSuffix(e.Name, "/") {
				want.Models = append(want.Models, p.Model)
			}
		}
		for _, all := range []*[]string{&want.Applications, &want.Models} {
			slices.Sort(*all)
			*all = slices.Compact(*all)
		}
		for _, size := range []int{700, len(lar)} {
			for _, order := range []string{"in order", "backwards"} {
				h, err := seen(t, lar, size, 512, orders[order])
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				if diff := cmp.Diff(want, *h); diff != "" {
					t.Errorf("%s, %s in parts of %d:\n%s", path, order, size, diff)
				}
			}
		}
	}
}

// FuzzEntries packs anything under any names: what the directory names is found, strange, or the archive is
// unseen.
func FuzzEntries(f *testing.F) {
	f.Add("group/1/"+article+"/1.xml", "text", "x.xml", uint16(50), uint64(1))
	f.Add("group/1/portlet/15/1/portlet-data.xml", "PK\x01\x02", events, uint16(90), uint64(2))
	f.Add("a/", "", strings.Repeat("n", 300), uint16(400), uint64(3))
	f.Fuzz(func(t *testing.T, first, content, second string, size uint16, seed uint64) {
		folder := strings.HasSuffix(first, "/") || strings.HasSuffix(second, "/")
		if len(first)+len(second)+len(content) > 20_000 || folder && content != "" {
			return
		}
		lar := packed(t, file{first, content, zip.Deflate}, file{manifest.Name, text(1), zip.Deflate}, file{second, content, zip.Store})
		r := rand.New(rand.NewPCG(seed, 1))
		h, err := seen(t, lar, max(int(size), 1+len(lar)/100), 1+r.IntN(500), orders["mixed"])
		if err != nil {
			return
		}
		for _, n := range []string{first, second} {
			p := manifest.PlaceOf(n)
			if strings.HasSuffix(n, "/") {
				continue
			}
			if p.Strange && h.Strange == "" || p.Model != "" && !slices.Contains(h.Models, p.Model) ||
				p.Application != "" && !slices.Contains(h.Applications, p.Application) {
				t.Errorf("%q is not among %+v", n, h)
			}
		}
	})
}
