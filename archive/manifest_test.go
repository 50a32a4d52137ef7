package archive_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
)

func readManifest(s string) (*manifest.Manifest, error) {
	return manifest.Read(strings.NewReader(s), archive.DefaultLimits())
}

// The manifest of this test was made after the vendor's writer, as no archive of that line was at
// hand.
func TestManifestOfARecentLine(t *testing.T) {
	b, err := os.ReadFile("testdata/manifest-7.xml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readManifest(string(b))
	if err != nil {
		t.Fatal(err)
	}
	got.Attributes = nil
	want := &manifest.Manifest{
		Header: manifest.Header{
			Type: "layout-set", BuildNumber: 7413, SchemaVersion: "4.0.0", CompanyID: 20097, CompanyGroupID: 20121,
			GroupID: 20143, PrivateLayout: true, Locales: []string{"en_US", "hu_HU"},
			ExportDate: time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC), StartDate: time.Date(2024, 2, 1, 9, 30, 0, 0, time.UTC),
			EndDate: time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC), TypeUUID: "5b2d",
		},
		Portlets: []manifest.Portlet{
			{
				ID: "com_liferay_journal_web_portlet_JournalPortlet", LayoutID: "0", SchemaVersion: "4.0.0",
				DisplayName: "Web Content", Path: "/group/20143/portlet/journal/0/portlet.xml",
			},
		},
		Layouts:  []manifest.Layout{{ID: "1", UUID: "a-1", Path: "/group/20143/com.liferay.portal.kernel.model.Layout/7.xml"}},
		Services: 1,
		Missing: []manifest.MissingReference{
			{
				ClassName: "com.liferay.document.library.kernel.model.DLFileEntry", ClassPK: "41", UUID: "u-41",
				GroupID: "20143", DisplayName: "logo.png", Type: "weak", ReferrerClassName: "com.liferay.journal.model.JournalArticle",
				ReferrerName: "Welcome",
			},
			{
				ClassName: "com.liferay.portal.kernel.model.Layout", ClassPK: "7", Type: "dependency",
				ElementPath: "/group/20143/com.liferay.portal.kernel.model.Layout/7.xml",
			},
		},
		Models: map[string]int{"Layout": 1, "JournalArticle": 2},
		Summary: map[string]manifest.ModelCounts{
			"com.liferay.journal.model.JournalArticle": {Additions: 2, Deletions: 3},
			"com.liferay.portal.kernel.model.Layout":   {Additions: 1, Deletions: 0},
		},
		Additions: 3, Deletions: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
}

const Header = `<header build-number="7413" type="portlet"/>`

func TestManifestRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		code refusal.Code
		xml  string
	}{
		{"nothing", refusal.CodeXML, ""},
		{"white space", refusal.CodeXML, " \n"},
		{"no header", refusal.CodeManifest, "<root/>"},
		{"header elsewhere", refusal.CodeManifest, "<root><a>" + Header + "</a></root>"},
		{"header in a name space", refusal.CodeXML, `<root xmlns:x="u"><x:header build-number="1"/></root>`},
		{"application in a name space", refusal.CodeXML, "<root>" + Header + `<a:portlets xmlns:a="u"><a:portlet portlet-id="15"/></a:portlets></root>`},
		{"application in a name space without a prefix", refusal.CodeXML, "<root>" + Header + `<portlets xmlns="u"><portlet portlet-id="15"/></portlets></root>`},
		{"attribute in a name space", refusal.CodeXML, "<root>" + Header + `<portlet xml:portlet-id="15"/></root>`},
		{"two headers", refusal.CodeManifest, "<root>" + Header + Header + "</root>"},
		{"another root", refusal.CodeManifest, "<lar>" + Header + "</lar>"},
		{"build number is text", refusal.CodeManifest, `<root><header build-number="7.4"/></root>`},
		{"build number is negative", refusal.CodeManifest, `<root><header build-number="-1"/></root>`},
		{"group does not fit", refusal.CodeManifest, `<root><header group-id="99999999999999999999"/></root>`},
		{"flag is text", refusal.CodeManifest, `<root><header private-layout="maybe"/></root>`},
		{"date is text", refusal.CodeManifest, `<root><header export-date="yesterday"/></root>`},
		{"count is text", refusal.CodeManifest, "<root>" + Header +
			`<manifest-summary><staged-model addition-count="x"/></manifest-summary></root>`},
		{"two roots", refusal.CodeXML, "<root>" + Header + "</root><root/>"},
		{"text after the root", refusal.CodeXML, "<root>" + Header + "</root>x"},
		{"text before the root", refusal.CodeXML, "x<root>" + Header + "</root>"},
		{"byte order mark", refusal.CodeXML, "\ufeff<root>" + Header + "</root>"},
		{"cut", refusal.CodeXML, "<root>" + Header},
		{"wrong end", refusal.CodeXML, "<root>" + Header + "</roo>"},
		{"doctype", refusal.CodeXML, "<!DOCTYPE root><root>" + Header + "</root>"},
		{"entity", refusal.CodeXML, `<!DOCTYPE root [<!ENTITY a "b">]><root>` + Header + "</root>"},
		{"external entity", refusal.CodeXML, `<!DOCTYPE root SYSTEM "file:///etc/passwd"><root>` + Header + "</root>"},
		{"directive inside", refusal.CodeXML, "<root>" + Header + "<!ELEMENT a></root>"},
		{"undeclared entity", refusal.CodeXML, "<root>" + Header + "&lol;</root>"},
		{"instruction", refusal.CodeXML, "<?php x?><root>" + Header + "</root>"},
		{"declaration inside", refusal.CodeXML, `<root><?xml version="1.0"?>` + Header + "</root>"},
		{"another encoding", refusal.CodeXML, `<?xml version="1.0" encoding="ISO-8859-1"?><root>` + Header + "</root>"},
		{"another version", refusal.CodeXML, `<?xml version="1.1"?><root>` + Header + "</root>"},
		{"UTF-16", refusal.CodeXML, "\xff\xfe<\x00r\x00"},
		{"invalid UTF-8", refusal.CodeXML, "<root a=\"\xff\">" + Header + "</root>"},
		{"attribute twice", refusal.CodeXML, `<root><header type="portlet" type="layout-set"/></root>`},
		{"65 deep", refusal.CodeXMLLimit, "<root>" + Header + strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64) + "</root>"},
		{"257 attributes", refusal.CodeXMLLimit, "<root>" + Header + "<a" + manyAttributes(257) + "/></root>"},
		{"long attribute", refusal.CodeXMLLimit, `<root a="` + strings.Repeat("a", 1<<20) + `">` + Header + "</root>"},
		{"long text", refusal.CodeXMLLimit, "<root>" + Header + strings.Repeat("a", 1<<20+1) + "</root>"},
		{"long comment", refusal.CodeXMLLimit, "<root>" + Header + "<!--" + strings.Repeat("a", 1<<20) + "--></root>"},
		{"long name", refusal.CodeXMLLimit, "<root>" + Header + "<" + strings.Repeat("a", 1<<20) + "/></root>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := readManifest(tt.xml)
			if refusal.CodeOf(err) != tt.code {
				t.Errorf("got %+v, %v, want %s", m, err, tt.code)
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String()
}

func TestManifestTwinsPass(t *testing.T) {
	for _, tt := range []struct{ name, xml string }{
		{"bare", "<root>" + Header + "</root>"},
		{"declaration and comment", "<?xml version='1.0' encoding='utf-8'?>\n<!-- c --><root>" + Header + "</root>\n<!-- c -->\n"},
		{"64 deep", "<root>" + Header + strings.Repeat("<a>", 63) + strings.Repeat("</a>", 63) + "</root>"},
		{"256 attributes", "<root>" + Header + "<a" + manyAttributes(256) + "/></root>"},
		{"empty values", `<root><header build-number="" group-id="" export-date="" type="portlet"/></root>`},
		{"unknown elements", "<root>" + Header + "<future><x y='z'/>text</future></root>"},
		{"date with a named zone", `<root><header export-date="Fri, 1 Mar 2024 12:00:00 GMT"/></root>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readManifest(tt.xml); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestManifestStopsAtItsLimit(t *testing.T) {
	lim := archive.DefaultLimits()
	lim.Manifest = 100
	_, err := manifest.Read(strings.NewReader("<root>"+Header+strings.Repeat("<a/>", 100)+"</root>"), lim)
	if refusal.CodeOf(err) != refusal.CodeXMLLimit {
		t.Errorf("got %v, want %s", err, refusal.CodeXMLLimit)
	}
}

// endless never ends a token: only a limit inside the token stops it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	if e.read == 0 {
		copy(p, "<root a='")
	}
	e.read += len(p)
	return len(p), nil
}

func TestManifestReadsNoFurtherThanATokenMayGo(t *testing.T) {
	r := &endless{}
	_, err := manifest.Read(r, archive.DefaultLimits())
	if refusal.CodeOf(err) != refusal.CodeXMLLimit || r.read > 1<<20+1<<13 {
		t.Errorf("got %v after %d bytes, want %s after 1 MiB", err, r.read, refusal.CodeXMLLimit)
	}
}

func TestManifestPassesReadErrorsOn(t *testing.T) {
	r := io.MultiReader(strings.NewReader("<root>"), brokenReader{})
	if _, err := manifest.Read(r, archive.DefaultLimits()); !errors.Is(err, errDisk) || refusal.CodeOf(err) != "" {
		t.Errorf("got %v, want %v", err, errDisk)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errDisk }

func TestManifestOfAnArchiveIsHeldToItsChecksum(t *testing.T) {
	a, err := open(with(func(c *crafted) {
		c.items[3].both(func(r *rec) { r.crc++ })
		c.items[3].local.crc = 0
		c.items[3].descriptor = descriptor(0x08074b50, c.items[3].central)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Of(a); refusal.CodeOf(err) != refusal.CodeCRC {
		t.Errorf("got %v, want %s", err, refusal.CodeCRC)
	}
}

func TestArchiveWithoutManifest(t *testing.T) {
	a, err := open(craft(stored("Manifest.xml", "<root/>")).bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Of(a); refusal.CodeOf(err) != refusal.CodeManifest {
		t.Errorf("got %v, want %s", err, refusal.CodeManifest)
	}
}

// People edit manifest.xml with what their system has: other ends of lines change nothing, and a
// mark of the byte order, which the portal does not read, is called by its name.
func TestManifestEditedByHand(t *testing.T) {
	for _, text := range []string{strings.ReplaceAll(manifestText, "\n", "\r\n"), manifestText + "\n\n"} {
		m, err := manifest.Read(strings.NewReader(text), archive.DefaultLimits())
		if err != nil || m.Header.BuildNumber != 7413 {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	_, err := manifest.Read(strings.NewReader("\ufeff"+manifestText), archive.DefaultLimits())
	var r *refusal.Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Msg, "byte order mark") || !strings.Contains(r.Cure(), "without the mark") {
		t.Errorf("byte order mark: %v", err)
	}
}
