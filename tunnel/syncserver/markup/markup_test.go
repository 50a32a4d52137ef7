package markup_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

var limits = markup.Limits{Depth: 4, Elements: 10}

func TestDocuments(t *testing.T) {
	const decl = `<?xml version="1.0" encoding="utf-8"?>`
	for _, c := range []struct {
		name, text string
		code       refusal.Code // empty: read
	}{
		{"an element", "<a/>", ""},
		{"a declaration", decl + "<a/>", ""},
		{"blanks around", decl + "\n<a/>\n", ""},
		{"the five entities", "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x41;</a>", ""},
		{"CDATA", "<a><![CDATA[<b>]]></a>", ""},
		{"as deep as may be", "<a><a><a><a/></a></a></a>", ""},
		{"deeper", "<a><a><a><a><a/></a></a></a></a>", refusal.TooLarge},
		{"as many as may be", "<a>" + strings.Repeat("<b/>", 9) + "</a>", ""},
		{"more", "<a>" + strings.Repeat("<b/>", 10) + "</a>", refusal.TooLarge},
		{"too many attributes", "<a " + numbered("a", 33) + "/>", refusal.TooLarge},
		{"too many prefixes", "<a " + numbered("xmlns:a", 32) + "><b " + numbered("xmlns:b", 9) + "/></a>", refusal.TooLarge},
		{"nothing", "", refusal.Malformed},
		{"no element", decl, refusal.Malformed},
		{"an end too few", "<a>", refusal.Malformed},
		{"an end too many", "<a/></a>", refusal.Malformed},
		{"another end", "<a></b>", refusal.Malformed},
		{"an end of another prefix", `<x:a xmlns:x="u" xmlns:y="u"></y:a>`, refusal.Malformed},
		{"two documents", "<a/><a/>", refusal.Malformed},
		{"text outside", "<a/>b", refusal.Malformed},
		{"text beside a child", "<a>b<c/></a>", refusal.Malformed},
		{"a document type", "<!DOCTYPE a><a/>", refusal.Malformed},
		{"an internal subset", `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, refusal.Malformed},
		{"an entity of nobody", "<a>&b;</a>", refusal.Malformed},
		{"an external entity", `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, refusal.Malformed},
		{"a comment", "<a><!-- b --></a>", refusal.Malformed},
		{"an instruction", "<a><?b c?></a>", refusal.Malformed},
		{"a second declaration", "<a>" + decl + "</a>", refusal.Malformed},
		{"XML 1.1", `<?xml version="1.1"?><a/>`, refusal.Malformed},
		{"UTF-16", `<?xml version="1.0" encoding="utf-16"?><a/>`, refusal.Malformed},
		{"Latin-1 bytes", "<a>\xe9</a>", refusal.Malformed},
		{"a surrogate", "<a>&#xD800;</a>", refusal.Malformed},
		{"a zero", "<a>&#0;</a>", refusal.Malformed},
		{"a prefix of nobody", "<b:a/>", refusal.Malformed},
		{"an attribute's prefix of nobody", `<a b:c="1"/>`, refusal.Malformed},
		{"a prefix that becomes nothing", `<a xmlns:b=""/>`, refusal.Malformed},
		{"xml as somebody else", `<a xmlns:xml="b"/>`, refusal.Malformed},
		{"somebody else as xml", `<a xmlns:b="` + markup.XMLNS + `"/>`, refusal.Malformed},
		{"an attribute twice", `<a b="1" b="1"/>`, refusal.Malformed},
		{"an attribute twice by its namespace", `<a xmlns:b="u" xmlns:c="u" b:d="1" c:d="1"/>`, refusal.Malformed},
		{"a long name", "<" + strings.Repeat("a", 257) + "/>", refusal.Malformed},
		{"two colons", `<a:b:c xmlns:a="u"/>`, refusal.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := markup.Parse(strings.NewReader(c.text), limits, nil)
			var r *refusal.Error
			switch {
			case c.code == "" && (err != nil || n == nil):
				t.Errorf("refused: %v", err)
			case c.code != "" && (!errors.As(err, &r) || r.Code != c.code || n != nil):
				t.Errorf("got %+v, %v, want %s", n, err, c.code)
			}
		})
	}
}

// numbered returns n attributes.
func numbered(name string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(name + string(rune('A'+i%26)) + string(rune('a'+i/26)) + `="u" `)
	}
	return b.String()
}

func TestNamesAreResolved(t *testing.T) {
	const text = `<a xmlns="u" xmlns:p="v"><p:b c="1" p:c="2"><c xmlns=""/></p:b></a>`
	a, err := markup.Parse(strings.NewReader(text), limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := a.Kids[0]
	bare, _ := b.Attr("", "c")
	with, _ := b.Attr("v", "c")
	if !a.Is("u", "a") || !b.Is("v", "b") || !b.Kids[0].Is("", "c") || bare != "1" || with != "2" {
		t.Errorf("%+v, %+v, %+v", a, b, b.Kids[0])
	}
	if err := b.Only(markup.Allowed("", "c", ""), markup.Allowed("v", "c", "2")); err != nil {
		t.Error(err)
	}
	if err := b.Only(markup.Allowed("", "c", ""), markup.Allowed("v", "c", "3")); err == nil {
		t.Error("an attribute of another value is allowed")
	}
}

// TestAnErrorAtAnEndEndsTheReading: what stands behind is not read.
func TestAnErrorAtAnEndEndsTheReading(t *testing.T) {
	enough := errors.New("enough")
	r := strings.NewReader("<a><b/>" + strings.Repeat("<c/>", 1<<20))
	_, err := markup.Parse(r, limits, func(depth int, n *markup.Node) error {
		if depth != 1 || n.Local != "b" {
			t.Errorf("the end of %s at depth %d", n.Local, depth)
		}
		return enough
	})
	if !errors.Is(err, enough) || r.Len() < 3<<20 {
		t.Errorf("%v, %d bytes are left", err, r.Len())
	}
}

func TestBytesAreBounded(t *testing.T) {
	for left, ok := range map[int64]bool{7: true, 8: true, 6: false, 0: false} {
		b, err := io.ReadAll(&markup.Capped{R: strings.NewReader("<a>b</a"), Left: left})
		if (err == nil) != ok || int64(len(b)) > left {
			t.Errorf("%d bytes: %q, %v", left, b, err)
		}
	}
	var r *refusal.Error
	_, err := markup.Parse(&markup.Capped{R: strings.NewReader("<a>bbb</a>"), Left: 5}, limits, nil)
	if !errors.As(err, &r) || r.Code != refusal.TooLarge || r.Status != 413 {
		t.Errorf("got %v", err)
	}
}

// FuzzParse: no document has more than its limits, and text is read back as it was escaped.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"<a/>", `<?xml version="1.0"?><a b="c">d</a>`, `<a xmlns:b="u"><b:c>&lt;&#13;</b:c></a>`,
		"<!DOCTYPE a><a/>", "<a><![CDATA[b]]></a>", "<a><b/><b/></a>", "<a>\xff</a>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		root, err := markup.Parse(strings.NewReader(s), limits, nil)
		if err != nil {
			return
		}
		count := 0
		measure(t, root, 1, &count)
		if count > limits.Elements {
			t.Fatalf("%d elements", count)
		}
		again, err := markup.Parse(strings.NewReader("<t>"+markup.Escape(root.Text)+"</t>"), limits, nil)
		if err != nil || again.Text != root.Text {
			t.Fatalf("%q became %q: %v", root.Text, again.Text, err)
		}
	})
}

func measure(t *testing.T, n *markup.Node, depth int, count *int) {
	t.Helper()
	*count++
	if depth > limits.Depth || n.Text != "" && len(n.Kids) > 0 {
		t.Fatalf("%s: depth %d, text %q beside %d children", n.Local, depth, n.Text, len(n.Kids))
	}
	for _, k := range n.Kids {
		measure(t, k, depth+1, count)
	}
}
