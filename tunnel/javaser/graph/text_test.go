package graph_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

func TestText(t *testing.T) {
	for _, tt := range []struct {
		name, raw, want string
		bad             bool
	}{
		{name: "empty"},
		{name: "ascii", raw: "a~", want: "a~"},
		{name: "NUL", raw: "\xc0\x80", want: "\x00"},
		{name: "two bytes", raw: "\xc2\x80\xdf\xbf", want: "\u0080\u07ff"},
		{name: "three bytes", raw: "\xe0\xa0\x80\xef\xbf\xbf", want: "\u0800\uffff"},
		{name: "a pair", raw: "\xed\xa0\xbd\xed\xb8\x80", want: "\U0001f600"},
		{name: "the first and the last pair", raw: "\xed\xa0\x80\xed\xb0\x80\xed\xaf\xbf\xed\xbf\xbf", want: "\U00010000\U0010ffff"},
		{name: "a plain NUL", raw: "\x00", bad: true},
		{name: "ascii in two bytes", raw: "\xc1\xa1", bad: true},
		{name: "ascii in three bytes", raw: "\xe0\x81\xa1", bad: true},
		{name: "NUL in three bytes", raw: "\xe0\x80\x80", bad: true},
		{name: "two bytes' worth in three", raw: "\xe0\x82\x80", bad: true},
		{name: "four bytes", raw: "\xf0\x90\x80\x80", bad: true},
		{name: "cut after one of two", raw: "\xc2", bad: true},
		{name: "cut after two of three", raw: "\xe0\xa0", bad: true},
		{name: "a continuation alone", raw: "\x80", bad: true},
		{name: "no continuation", raw: "\xc2a", bad: true},
		{name: "high half alone", raw: "\xed\xa0\xbd", bad: true},
		{name: "high half and a letter", raw: "\xed\xa0\xbda", bad: true},
		{name: "two high halves", raw: "\xed\xa0\xbd\xed\xa0\xbd", bad: true},
		{name: "low half first", raw: "\xed\xb8\x80\xed\xa0\xbd", bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := graph.DecodeText([]byte(tt.raw))
			if (err != nil) != tt.bad || got != tt.want {
				t.Fatalf("got %q, %v", got, err)
			}
			if tt.bad {
				return
			}
			if back := graph.AppendText(nil, got); string(back) != tt.raw || graph.TextLen(got) != len(tt.raw) {
				t.Errorf("written back as %q, of %d bytes", back, graph.TextLen(got))
			}
		})
	}
}

// FuzzText: what is accepted is written back the same, and what Go can say is read back the same.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "abc", "\xc0\x80", "\xed\xa0\xbd\xed\xb8\x80", "\xe0\xa0\x80", "\xc1\xa1", "\U0001f600", "\u00e9\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := graph.DecodeText(raw); err == nil {
			if !utf8.ValidString(s) {
				t.Errorf("%q became %q", raw, s)
			}
			if back := graph.AppendText(nil, s); string(back) != string(raw) || graph.TextLen(s) != len(raw) {
				t.Errorf("%q became %q became %q", raw, s, back)
			}
		}
		if utf8.Valid(raw) {
			s, err := graph.DecodeText(graph.AppendText(nil, string(raw)))
			if err != nil || s != string(raw) {
				t.Errorf("%q was written and read as %q, %v", raw, s, err)
			}
		}
	})
}
