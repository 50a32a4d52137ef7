package place_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/syncserver/place"
)

func TestFits(t *testing.T) {
	for _, c := range []struct {
		ext, bytes string
		ok         bool
	}{
		{".png", "\x89PNG\r\n\x1a\n...", true}, {".png", "GIF89a", false}, {".png", "", false},
		{".webp", "RIFF1234WEBP", true}, {".webp", "RIFF1234WAVE", false}, {".webp", "RIFF", false},
		{".txt", "plain ü", true}, {".txt", " <script>", false}, {".txt", "MZ\x00", false},
		{".txt", "\xff\xfe", false}, {".aspx", "text", false}, {"", "", false},
	} {
		if got := place.Fits(c.ext, []byte(c.bytes)); got != c.ok {
			t.Errorf("%s %q: %v", c.ext, c.bytes, got)
		}
	}
}

func TestExtension(t *testing.T) {
	for ext, ok := range map[string]bool{
		".png": true, ".PNG": false, "png": false, "": false, ".": false, ".svg": false, ".html": false,
		".zip": false, ".aspx": false, ".config": false, ".dll": false, ".png ": false,
	} {
		if got := place.Extension(ext); got != ok {
			t.Errorf("%q: %v", ext, got)
		}
	}
}

// FuzzPath: a path that is taken has only segments that are taken, and leads nowhere else.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a/b.png", "a/", "../a", `a\b`, "c:a", "nul", "a.aspx.png", "a//b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !place.Path(s) {
			return
		}
		if strings.HasPrefix(s, "/") || strings.ContainsAny(s, "\\:%~\x00") || len(s) > 260 {
			t.Fatalf("%q is taken", s)
		}
		for _, part := range strings.Split(strings.TrimSuffix(s, "/"), "/") {
			if !place.Segment(part) || part == ".." || part == "." || part == "" {
				t.Fatalf("%q is taken with %q", s, part)
			}
		}
	})
}

func TestColumn(t *testing.T) {
	for _, tt := range []struct {
		column, value string
		want          bool
	}{
		{"filepath", "a/b.png", true},
		{"filepath", "../b.png", false},
		{"targetpath", "a/../b", false},
		{"filename", "a.png", true},
		{"filename", "a/b.png", false},
		{"metafilename", `a\b.png`, false},
		{"fileextension", ".png", true},
		{"fileextension", ".aspx", false},
		{"attachmentextension", "png/..", false},
		{"documentname", "../../web.config", true}, // no place at all
	} {
		if got := place.Column(tt.column, tt.value); got != tt.want {
			t.Errorf("%s %q: %t", tt.column, tt.value, got)
		}
	}
}
