package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
)

const badDeclaration = "document has a declaration that is none of XML 1.0 in UTF-8"

const header = `<header build-number="7413" type="layout-set"/>`

func read(text string) (*manifest.Manifest, error) {
	return manifest.Read(strings.NewReader(text), archive.DefaultLimits())
}

// file is one entry of an archive of a test; a name with a slash at its end is a folder.
type file struct{ name, text string }

func packed(t testing.TB, files ...file) *archive.Archive {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	at := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, f := range files {
		put := func() error { return w.Put(f.name, at, []byte(f.text)) }
		if strings.HasSuffix(f.name, "/") {
			put = func() error { return w.Mkdir(f.name, at) }
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestRefusedManifests: what is wrong is said in these words, under this code, with a cure.
func TestRefusedManifests(t *testing.T) {
	in := func(attrs string) string { return "<root><header " + attrs + "/></root>" }
	for _, tt := range []struct {
		name, text string
		code       refusal.Code
		want       string
	}{
		{"nothing", "", refusal.CodeXML, "document has no root element"},
		{"a comment alone", "<!-- x -->", refusal.CodeXML, "document has no root element"},
		{"a declaration alone", "<?xml version='1.0'?>", refusal.CodeXML, "document has no root element"},
		{"no header", "<root><portlet/></root>", refusal.CodeManifest, "manifest has no header"},
		{"a header one level too deep", "<root><a>" + header + "</a></root>", refusal.CodeManifest, "manifest has no header"},
		{"a header in capitals", "<root><Header/></root>", refusal.CodeManifest, "manifest has no header"},
		{"two headers", "<root>" + header + header + "</root>", refusal.CodeManifest, "manifest has two headers"},
		{"a second header that is empty", "<root>" + header + "<header/></root>", refusal.CodeManifest, "manifest has two headers"},
		{"another root", "<Root>" + header + "</Root>", refusal.CodeManifest, "root element is not named root"},
		{"a root of HTML", "<html><body/></html>", refusal.CodeManifest, "root element is not named root"},
		{"two roots", "<root>" + header + "</root><root/>", refusal.CodeXML, "document has two root elements"},
		{"text before the root", "x<root>" + header + "</root>", refusal.CodeXML, "text outside the root element"},
		{"text behind the root", "<root>" + header + "</root>x", refusal.CodeXML, "text outside the root element"},
		{"a mark behind the root", "<root>" + header + "</root>\ufeff", refusal.CodeXML, "text outside the root element"},
		{"a mark behind a blank", " \ufeff<root/>", refusal.CodeXML, "text outside the root element"},
		{"a mark in front", "\ufeff<root>" + header + "</root>", refusal.CodeXML,
			"document begins with a byte order mark, which the portal does not read"},
		{"a doctype", "<!DOCTYPE root><root/>", refusal.CodeXML, "document has a directive"},
		{"an external entity", `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><root>&x;</root>`, refusal.CodeXML, "document has a directive"},
		{"a directive inside", "<root><!ELEMENT a></root>", refusal.CodeXML, "document has a directive"},
		{"an instruction", "<?php x?><root/>", refusal.CodeXML, "document has a processing instruction"},
		{"a style sheet", `<?xml version="1.0"?><?xml-stylesheet href="a"?><root/>`, refusal.CodeXML, "document has a processing instruction"},
		{"a second declaration", `<?xml version="1.0"?><?xml version="1.0"?><root/>`, refusal.CodeXML, "document has a processing instruction"},
		{"a declaration behind a blank", ` <?xml version="1.0"?><root/>`, refusal.CodeXML, "document has a processing instruction"},
		{"a doctype in the declaration", `<?xml<!DOCTYPE?><root/>`, refusal.CodeXML, badDeclaration},
		{"a declaration without a version", `<?xml encoding="UTF-8"?><root/>`, refusal.CodeXML, badDeclaration},
		{"an encoding twice", `<?xml version="1.0" encoding="UTF-8" encoding="UTF-16"?><root/>`, refusal.CodeXML, badDeclaration},
		{"an encoding behind another word", `<?xml version="1.0" xencoding="UTF-8" encoding="UTF-16"?><root/>`, refusal.CodeXML, badDeclaration},
		{"words of the declaration the other way round", `<?xml encoding="UTF-8" version="1.0"?><root/>`, refusal.CodeXML, badDeclaration},
		{"a version in two kinds of quotes", `<?xml version="1.0'?><root/>`, refusal.CodeXML, badDeclaration},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><root/>`, refusal.CodeXML,
			`parse: xml: encoding "ISO-8859-1" declared but Decoder.CharsetReader is nil`},
		{"another version", `<?xml version="1.1"?><root/>`, refusal.CodeXML, `parse: xml: unsupported version "1.1"; only version 1.0 is supported`},
		{"cut", "<root>" + header, refusal.CodeXML, "parse: XML syntax error on line 1: unexpected EOF"},
		{"another end", "<root>\n</roo>", refusal.CodeXML, "parse: XML syntax error on line 2: element <root> closed by </roo>"},
		{"an entity that nobody declared", "<root>&lol;</root>", refusal.CodeXML, "parse: XML syntax error on line 1: invalid character entity &lol;"},
		{"bytes that are not UTF-8", "<root>\xff</root>", refusal.CodeXML, "parse: XML syntax error on line 1: invalid UTF-8"},
		{"a nul", "<root>\x00</root>", refusal.CodeXML, "parse: XML syntax error on line 1: illegal character code U+0000"},
		{"an attribute without quotes", "<root a=b/>", refusal.CodeXML, "parse: XML syntax error on line 1: unquoted or missing attribute value in element"},
		{"an attribute twice", in(`type="a" type="b"`), refusal.CodeXML, "element has an attribute twice"},
		{"a name space", `<root xmlns="u">` + header + "</root>", refusal.CodeXML, "document uses name spaces, which no exporter does"},
		{"an empty name space", `<root xmlns="">` + header + "</root>", refusal.CodeXML, "document uses name spaces, which no exporter does"},
		{"a prefix", `<root><x:header/></root>`, refusal.CodeXML, "document uses name spaces, which no exporter does"},
		{"a prefix of an attribute", `<root><header xml:lang="en"/></root>`, refusal.CodeXML, "document uses name spaces, which no exporter does"},
		{"a prefix that is declared", `<root xmlns:x="u"/>`, refusal.CodeXML, "document uses name spaces, which no exporter does"},
		{"a build number of two parts", in(`build-number="7.4"`), refusal.CodeManifest,
			`header attribute build-number: strconv.ParseInt: parsing "7.4": invalid syntax`},
		{"a build number below zero", in(`build-number="-1"`), refusal.CodeManifest, "header attribute build-number: -1 is out of range"},
		{"a build number with a blank", in(`build-number=" 7413"`), refusal.CodeManifest,
			`header attribute build-number: strconv.ParseInt: parsing " 7413": invalid syntax`},
		{"a group beyond 63 bits", in(`group-id="9223372036854775808"`), refusal.CodeManifest,
			`header attribute group-id: strconv.ParseInt: parsing "9223372036854775808": value out of range`},
		{"a company below zero", in(`company-id="-9223372036854775808"`), refusal.CodeManifest,
			"header attribute company-id: -9223372036854775808 is out of range"},
		{"a company group in hex", in(`company-group-id="0x1"`), refusal.CodeManifest,
			`header attribute company-group-id: strconv.ParseInt: parsing "0x1": invalid syntax`},
		{"a flag of another word", in(`private-layout="yes"`), refusal.CodeManifest,
			`header attribute private-layout: strconv.ParseBool: parsing "yes": invalid syntax`},
		{"a date in another form", in(`end-date="2024-03-01"`), refusal.CodeManifest,
			`header attribute end-date: parsing time "2024-03-01" as "Mon, 2 Jan 2006 15:04:05 MST": cannot parse "2024-03-01" as "Mon"`},
		{"a day that is none", in(`start-date="Fri, 31 Feb 2024 12:00:00 GMT"`), refusal.CodeManifest,
			`header attribute start-date: parsing time "Fri, 31 Feb 2024 12:00:00 GMT": day out of range`},
		{"a count of another word", "<root>" + header + `<manifest-summary><staged-model addition-count="x"/></manifest-summary></root>`,
			refusal.CodeManifest, `addition-count: strconv.ParseInt: parsing "x": invalid syntax`},
		{"a count below zero", "<root>" + header + `<manifest-summary><staged-model deletion-count="-5"/></manifest-summary></root>`,
			refusal.CodeManifest, "deletion-count: -5 is out of range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once": strings.NewReader(tt.text), "by bytes": iotest.OneByteReader(strings.NewReader(tt.text)),
			} {
				m, err := manifest.Read(r, archive.DefaultLimits())
				if m != nil || err == nil || err.Error() != tt.want || refusal.CodeOf(err) != tt.code {
					t.Errorf("%s: got %v (%s)\nwant %s (%s)", name, err, refusal.CodeOf(err), tt.want, tt.code)
				}
				var ref *refusal.Refusal
				if errors.As(err, &ref); ref == nil || ref.Index != -1 || ref.Offset != -1 || ref.Cure() == "" {
					t.Errorf("%s: %+v", name, ref)
				}
			}
		})
	}
}

// TestManifestLimitsAreExact: what is of the limit passes, one more is refused with the limit in its words.
func TestManifestLimitsAreExact(t *testing.T) {
	nested := func(n int) string {
		return "<root>" + header + strings.Repeat("<a>", n-1) + strings.Repeat("</a>", n-1) + "</root>"
	}
	wide := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ` a%d=""`, i)
		}
		return "<root>" + header + "<x" + b.String() + "/></root>"
	}
	long := func(n int) string {
		return "<root>" + header + "</root>" + strings.Repeat(" ", n-len("<root>"+header+"</root>"))
	}
	for _, tt := range []struct {
		name string
		text func(n int) string
		set  func(*archive.Limits)
		at   int
		want string
	}{
		{"depth", nested, func(l *archive.Limits) { l.Depth = 5 }, 5, "elements are nested more than 5 deep"},
		{"depth of the root", nested, func(l *archive.Limits) { l.Depth = 2 }, 2, "elements are nested more than 2 deep"},
		{"attributes", wide, func(l *archive.Limits) { l.Attrs = 7 }, 7, "element has 8 attributes, more than 7"},
		{"length", long, func(l *archive.Limits) { l.Manifest = 100 }, 100, "document is longer than allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lim := archive.DefaultLimits()
			tt.set(&lim)
			if _, err := manifest.Read(strings.NewReader(tt.text(tt.at)), lim); err != nil {
				t.Errorf("of the limit: %v", err)
			}
			_, err := manifest.Read(strings.NewReader(tt.text(tt.at+1)), lim)
			if err == nil || err.Error() != tt.want || refusal.CodeOf(err) != refusal.CodeXMLLimit {
				t.Errorf("one more: %v, want %s", err, tt.want)
			}
		})
	}
	lim := archive.DefaultLimits()
	lim.Token = 60
	for what, text := range map[string]string{
		"a name": "<root><" + strings.Repeat("a", 61) + "/></root>", "an attribute": `<root><a b="` + strings.Repeat("c", 61) + `"/></root>`,
		"text": "<root>" + strings.Repeat("a", 61) + "</root>", "a comment": "<root><!--" + strings.Repeat("a", 61) + "--></root>",
		"an instruction": "<root><?a " + strings.Repeat("a", 61) + "?></root>", "a directive": "<root><!A " + strings.Repeat("a", 61) + "></root>",
	} {
		_, err := manifest.Read(strings.NewReader(text), lim)
		want := "token at 6 is longer than 60 bytes"
		if what == "text" {
			want = "token at 66 is longer than 60 bytes" // the decoder gives what it has of a text
		}
		if err == nil || err.Error() != want || refusal.CodeOf(err) != refusal.CodeXMLLimit {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := manifest.Read(strings.NewReader("<root/>"), archive.Limits{}); refusal.CodeOf(err) != refusal.CodeXMLLimit {
		t.Errorf("no limits allow nothing: %v", err)
	}
}

// TestHeaderAttributes: each attribute of the header has its field, and an empty one is none.
func TestHeaderAttributes(t *testing.T) {
	day := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		attr string
		want manifest.Header
	}{
		{``, manifest.Header{}},
		{`type="portlet"`, manifest.Header{Type: "portlet"}},
		{`build-number="0"`, manifest.Header{}},
		{`build-number="7413"`, manifest.Header{BuildNumber: 7413}},
		{`build-number="+7413"`, manifest.Header{BuildNumber: 7413}},
		{`schema-version="4.0.0"`, manifest.Header{SchemaVersion: "4.0.0"}},
		{`company-id="20097"`, manifest.Header{CompanyID: 20097}},
		{`company-group-id="20121"`, manifest.Header{CompanyGroupID: 20121}},
		{`group-id="9223372036854775807"`, manifest.Header{GroupID: 1<<63 - 1}},
		{`private-layout="true"`, manifest.Header{PrivateLayout: true}},
		{`private-layout="false"`, manifest.Header{}},
		{`root-portlet-id="a&amp;b"`, manifest.Header{RootPortletID: "a&b"}},
		{`available-locales="en_US,hu_HU"`, manifest.Header{Locales: []string{"en_US", "hu_HU"}}},
		{`available-locales=",en_US,,"`, manifest.Header{Locales: []string{"en_US"}}},
		{`export-date="Fri, 01 Mar 2024 12:00:00 +0000"`, manifest.Header{ExportDate: day}},
		{`export-date="Fri, 01 Mar 2024 12:00:00 GMT"`, manifest.Header{ExportDate: day}},
		{`export-date="Fri, 1 Mar 2024 12:00:00 GMT"`, manifest.Header{ExportDate: day}},
		{`export-date="Fri, 1 Mar 2024 13:00:00 +0100"`, manifest.Header{ExportDate: day}},
		{`start-date="Fri, 01 Mar 2024 12:00:00 +0000"`, manifest.Header{StartDate: day}},
		{`end-date="Fri, 01 Mar 2024 12:00:00 +0000"`, manifest.Header{EndDate: day}},
		{`type-uuid="u"`, manifest.Header{TypeUUID: "u"}},
		{`layout-set-prototype-uuid="p"`, manifest.Header{LayoutPrototypeUUID: "p"}},
		{`build-number="" group-id="" private-layout="" export-date="" type=""`, manifest.Header{}},
		{`future="x"`, manifest.Header{}},
	} {
		t.Run(tt.attr, func(t *testing.T) {
			m, err := read("<root><header " + tt.attr + "/></root>")
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range []*time.Time{&m.Header.ExportDate, &m.Header.StartDate, &m.Header.EndDate} {
				*d = d.UTC()
			}
			if !reflect.DeepEqual(m.Header, tt.want) {
				t.Errorf("got %+v, want %+v", m.Header, tt.want)
			}
			if n := strings.Count(tt.attr, "="); len(m.Attributes) != n {
				t.Errorf("%d of %d attributes are kept", len(m.Attributes), n)
			}
		})
	}
}

// TestWhereElementsCount: an element counts in its places, in all of them, and nowhere else.
func TestWhereElementsCount(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		portlets   int
		layouts    int
		services   int
		missing    int
		models     map[string]int
	}{
		{"an application of 6.x", `<portlet portlet-id="15"/>`, 1, 0, 0, 0, nil},
		{"applications of a site of 6.x", `<portlets><portlet/><portlet/></portlets>`, 2, 0, 0, 0, nil},
		{"applications of a site", `<site-portlets><portlet/></site-portlets>`, 1, 0, 0, 0, nil},
		{"in all places", `<portlet/><portlets><portlet/></portlets><site-portlets><portlet/></site-portlets>`, 3, 0, 0, 0, nil},
		{"an application in another place", `<other><portlet/></other>`, 0, 0, 0, 0, nil},
		{"an application too deep", `<portlets><a><portlet/></a></portlets>`, 0, 0, 0, 0, nil},
		{"an application in an application", `<portlet><portlet/></portlet>`, 1, 0, 0, 0, nil},
		{"an application in capitals", `<Portlet/>`, 0, 0, 0, 0, nil},
		{"services", `<site-services><service/><service/></site-services>`, 0, 0, 2, 0, nil},
		{"a service in another place", `<service/>`, 0, 0, 0, 0, nil},
		{"pages of 6.0", `<layouts><layout/></layouts>`, 0, 1, 0, 0, nil},
		{"pages", `<Layout><staged-model/><staged-model/></Layout>`, 0, 2, 0, 0, map[string]int{"Layout": 2}},
		{"other models", `<JournalArticle><staged-model/></JournalArticle><X><staged-model/><staged-model/></X>`, 0, 0, 0, 0,
			map[string]int{"JournalArticle": 1, "X": 2}},
		{"a model too deep", `<X><a><staged-model/></a></X>`, 0, 0, 0, 0, nil},
		{"a model too high", `<staged-model/>`, 0, 0, 0, 0, nil},
		{"missing references", `<missing-references><missing-reference/><other/></missing-references>`, 0, 0, 0, 1, nil},
		{"a summary is no model", `<manifest-summary><staged-model manifest-summary-key="X"/></manifest-summary>`, 0, 0, 0, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range []string{header + tt.text, tt.text + header, header + "<!-- c -->\r\n" + tt.text + "text"} {
				m, err := read("<root>" + text + "</root>")
				if err != nil {
					t.Fatal(err)
				}
				if len(m.Portlets) != tt.portlets || len(m.Layouts) != tt.layouts || m.Services != tt.services || len(m.Missing) != tt.missing {
					t.Errorf("got %+v", m)
				}
				if len(m.Models) != len(tt.models) || len(tt.models) > 0 && !reflect.DeepEqual(m.Models, tt.models) {
					t.Errorf("models %v, want %v", m.Models, tt.models)
				}
			}
		})
	}
}

// TestElementsKeepTheirAttributes: what an element says is in the field of that name.
func TestElementsKeepTheirAttributes(t *testing.T) {
	m, err := read(`<root>` + header +
		`<portlet portlet-id="i" layout-id="l" schema-version="s" display-name="d" path="p" portlet-data="false"/>` +
		`<layouts><layout layout-id="1" layout-uuid="u" uuid="v" path="p"/><layout uuid="v"/></layouts>` +
		`<missing-references><missing-reference class-name="c" class-pk="k" uuid="u" group-id="g" display-name="d" type="weak" ` +
		`referrer-class-name="rc" referrer-display-name="rd" element-path="e"/></missing-references>` +
		`<manifest-summary><staged-model manifest-summary-key="a" addition-count="2" deletion-count="3"/>` +
		`<staged-model manifest-summary-key="b" addition-count="5"/><staged-model manifest-summary-key="c" addition-count=""/></manifest-summary></root>`)
	if err != nil {
		t.Fatal(err)
	}
	if want := []manifest.Portlet{{ID: "i", LayoutID: "l", SchemaVersion: "s", DisplayName: "d", Path: "p", Data: "false"}}; !slices.Equal(m.Portlets, want) {
		t.Errorf("portlets %+v", m.Portlets)
	}
	if want := []manifest.Layout{{ID: "1", UUID: "u", Path: "p"}, {UUID: "v"}}; !slices.Equal(m.Layouts, want) {
		t.Errorf("layouts %+v", m.Layouts)
	}
	if want := []manifest.MissingReference{{
		ClassName: "c", ClassPK: "k", UUID: "u", GroupID: "g", DisplayName: "d", Type: "weak", ReferrerClassName: "rc", ReferrerName: "rd", ElementPath: "e",
	}}; !slices.Equal(m.Missing, want) {
		t.Errorf("missing %+v", m.Missing)
	}
	counts := map[string]manifest.ModelCounts{"a": {Additions: 2, Deletions: 3}, "b": {Additions: 5}, "c": {}}
	if !reflect.DeepEqual(m.Summary, counts) || m.Additions != 7 || m.Deletions != 3 {
		t.Errorf("counts %+v, %d and %d", m.Summary, m.Additions, m.Deletions)
	}
}

// TestManifestOfAnArchive: where it is not, it is said where it is, and what to do.
func TestManifestOfAnArchive(t *testing.T) {
	for _, tt := range []struct {
		name       string
		files      []file
		want, cure string
	}{
		{"there", []file{{"manifest.xml", "<root>" + header + "</root>"}}, "", ""},
		{"nowhere", []file{{"a.xml", "x"}}, "archive has no manifest.xml, so it is no LAR", "Export, then the .lar file"},
		{"in capitals", []file{{"Manifest.xml", "x"}}, "archive has no manifest.xml, so it is no LAR", "Export, then the .lar file"},
		{"a folder of that name alone", []file{{"manifest.xml/", ""}}, "archive has no manifest.xml, so it is no LAR", "Export, then the .lar file"},
		{"in a folder", []file{{"site/manifest.xml", "x"}},
			`manifest.xml is in the folder "site/": the folder was packed, not what it holds`, "zip -r ../site.lar ."},
		{"in what a Mac adds", []file{{"__MACOSX/manifest.xml", "x"}}, "archive has no manifest.xml, so it is no LAR", "Export, then"},
		{"an archive in an archive", []file{{"a/site.LAR", "x"}}, `the archive "site.LAR" is inside of this one`, "unzip it first"},
		{"bad", []file{{"manifest.xml", "<root/>"}}, "manifest.xml: manifest has no header", "Export, then"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := manifest.Of(packed(t, tt.files...))
			if tt.want == "" {
				if err != nil || m.Header.BuildNumber != 7413 {
					t.Errorf("got %+v, %v", m, err)
				}
				return
			}
			var ref *refusal.Refusal
			if m != nil || !errors.As(err, &ref) || err.Error() != tt.want || ref.Code != refusal.CodeManifest {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if !strings.Contains(ref.Cure(), tt.cure) {
				t.Errorf("cure %q, want one with %q", ref.Cure(), tt.cure)
			}
		})
	}
}

// TestSummaryTallies: each file counts once, under its model and its type; folders count by themselves.
func TestSummaryTallies(t *testing.T) {
	a := packed(t,
		file{"group/1/", ""}, file{"group/1/com.acme.Shop/1.xml", "12345"}, file{"group/1/com.acme.Shop/2.xml", "123"},
		file{"company/1/com.acme.Shop/1/logo.png", "1"}, file{"group/1/links.xml", "x"},
		file{"group/1/portlet/15/20/portlet-data.xml", "x"}, file{"groups/1/portlets/15/articles/1.xml", "x"},
		file{"groups/1/portlets/15/0/images/1.1", "x"}, file{"other/1/a.xml", "x"}, file{"README", "x"},
		file{"manifest.xml", "<root>" + header + `<missing-references><missing-reference uuid="a"/>` +
			`<missing-reference uuid="b" element-path="/x"/></missing-references></root>`},
	)
	s, err := manifest.Summarize(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	files := func(m map[string]manifest.Tally) map[string]int {
		n := map[string]int{}
		for k, v := range m {
			n[k] = v.Files
		}
		return n
	}
	models := map[string]int{
		"com.acme.Shop": 3, "site": 1, "portlet/15": 1, "portlets/15/articles": 1, "portlets/15": 1, "other": 1, "archive": 2,
	}
	if got := files(s.ByModel); !reflect.DeepEqual(got, models) {
		t.Errorf("by model %v, want %v", got, models)
	}
	if got, want := files(s.ByType), map[string]int{"xml": 7, "png": 1, "other": 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("by type %v, want %v", got, want)
	}
	if s.Directories != 1 || s.Entries.Files != 10 || s.ByModel["com.acme.Shop"].Size != 9 {
		t.Errorf("%d folders, %+v, %+v", s.Directories, s.Entries, s.ByModel["com.acme.Shop"])
	}
	if len(s.Missing) != 1 || s.Missing[0].UUID != "a" || s.ExportDate != nil || s.MD5 == "" {
		t.Errorf("got %+v", s)
	}
}

// TestSummaryOfDeletions: the exporter's count holds; where it says none, the lists are counted.
func TestSummaryOfDeletions(t *testing.T) {
	const event = `<deletion-system-event class-name="a"/>`
	counted := "<root>" + header + `<manifest-summary><staged-model deletion-count="7"/></manifest-summary></root>`
	silent := "<root>" + header + "</root>"
	list := func(folder string, n int) file {
		return file{folder + "/deletion-system-events.xml", "<deletion-system-events>" + strings.Repeat(event, n) + "</deletion-system-events>"}
	}
	for _, tt := range []struct {
		name  string
		files []file
		want  int64
		err   string
	}{
		{"none", []file{{"manifest.xml", silent}}, 0, ""},
		{"counted by the exporter", []file{{"manifest.xml", counted}}, 7, ""},
		{"counted and listed", []file{list("group/1", 2), {"manifest.xml", counted}}, 7, ""},
		{"listed", []file{list("group/1", 2), {"manifest.xml", silent}}, 2, ""},
		{"listed twice", []file{list("group/1", 2), list("company/1", 3), {"manifest.xml", silent}}, 5, ""},
		{"an empty list", []file{list("group/1", 0), {"manifest.xml", silent}}, 0, ""},
		{"a folder of that name", []file{{"a/deletion-system-events.xml/", ""}, {"manifest.xml", silent}}, 0, ""},
		{"a bad list", []file{{"group/1/deletion-system-events.xml", "<x>"}, {"manifest.xml", silent}}, 0,
			"group/1/deletion-system-events.xml: parse: XML syntax error on line 1: unexpected EOF"},
		{"an empty file", []file{{"group/1/deletion-system-events.xml", ""}, {"manifest.xml", silent}}, 0,
			"group/1/deletion-system-events.xml: document has no root element"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := manifest.Summarize(context.Background(), packed(t, tt.files...))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || s.Deletions != tt.want {
				t.Errorf("got %+v, %v, want %d", s, err, tt.want)
			}
		})
	}
	gone := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	if _, err := manifest.Summarize(ctx, packed(t, list("group/1", 2), file{"manifest.xml", silent})); !errors.Is(err, gone) {
		t.Errorf("a list that nobody waits for: %v", err)
	}
}

// TestReadErrorsAreNoRefusals: a disk that fails is no fault of the document, wherever it fails.
func TestReadErrorsAreNoRefusals(t *testing.T) {
	disk := errors.New("disk on fire")
	text := "<?xml version='1.0'?><root>" + header + "<portlet/></root>"
	for n := range len(text) + 1 {
		r := io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(disk))
		if _, err := manifest.Read(r, archive.DefaultLimits()); !errors.Is(err, disk) || refusal.CodeOf(err) != "" {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if _, err := manifest.Deleted(io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(disk)), archive.DefaultLimits()); !errors.Is(err, disk) {
			t.Errorf("deletions after %d bytes: %v", n, err)
		}
	}
	for n := range len(text) {
		if m, err := read(text[:n]); refusal.CodeOf(err) != refusal.CodeXML {
			t.Errorf("%q is read as %+v, %v", text[:n], m, err)
		}
	}
}
