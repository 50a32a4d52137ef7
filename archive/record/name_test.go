package record_test

import (
	"testing"

	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

func TestCheckName(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     refusal.Code
	}{
		{"plain", "group/1/a.xml", ""},
		{"folder", "group/1/", ""},
		{"empty", "", refusal.CodeName},
		{"absolute", "/etc/passwd", refusal.CodePath},
		{"up", "a/../b", refusal.CodePath},
		{"here", "./a", refusal.CodePath},
		{"empty segment", "a//b", refusal.CodePath},
		{"backslash", `a\b`, refusal.CodeName},
		{"drive", "c:a", refusal.CodeName},
		{"control", "a\x00b", refusal.CodeName},
		{"decomposed", "u\u0308", refusal.CodeName},
		{"no UTF-8", "a\xff", refusal.CodeName},
		{"too long", "123456789012345678901", refusal.CodeName},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := refusal.Code("")
			if r := record.CheckName(tt.in, 20); r != nil {
				got = r.Code
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNameSet(t *testing.T) {
	s := record.NewNameSet()
	for _, tt := range []struct {
		in   string
		want bool // taken
	}{{"a", false}, {"A", true}, {"b/c", false}, {"a/d", false}, {"stra\u00dfe", false}} {
		if got := s.Add(tt.in) != nil; got != tt.want {
			t.Errorf("%q: refused %t, want %t", tt.in, got, tt.want)
		}
	}
	if s.CheckParents("a/d") == nil {
		t.Error("a/d lies below the file a and passes")
	}
	if r := s.CheckParents("b/c"); r != nil {
		t.Errorf("b/c: %v", r)
	}
}
