package levels_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/levels"
)

const (
	dxp92 = "Liferay Digital Experience Platform 7.4.13 Update 92 (Cavanaugh / Build 7413 / August 7, 2023)"
	dxp80 = "Liferay Digital Experience Platform 7.4.13 Update 80 (Cavanaugh / Build 7413 / June 1, 2023)"
	ce112 = "Liferay Community Edition Portal 7.4.3.112 CE GA112 (Cavanaugh / Build 7413 / February 20, 2024)"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]levels.Level{
		dxp92:                      {"Liferay Digital Experience Platform", "7.4.13", "Update 92 (Cavanaugh / Build 7413 / August 7, 2023)"},
		"Liferay DXP 2024.Q1.5":    {"Liferay DXP", "2024.Q1.5", ""},
		"Liferay":                  {"Liferay", "", ""},
		"":                         {},
		"  Stagelock\tEngine 7.4 ": {"StagelockEngine", "7.4", ""},
		"7.4":                      {"", "7.4", ""},
		"Größe 1":                  {"Gre", "1", ""},
	} {
		if got := levels.Parse(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
	if got := levels.Parse(strings.Repeat("x", 1000)).String(); len(got) > 200 {
		t.Errorf("%d bytes are kept", len(got))
	}
	if got := (levels.Level{}).String(); got != "unknown" {
		t.Errorf("nothing is %q", got)
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		want       levels.Relation
	}{
		{"the same", dxp92, dxp92, levels.Equal},
		{"another patch", dxp92, dxp80, levels.Unequal},
		{"another edition", dxp92, ce112, levels.Unequal},
		{"the same quarter", "Liferay DXP 2024.Q1.5", "Liferay DXP 2024.Q1.5", levels.Equal},
		{"another release of a quarter", "Liferay DXP 2024.Q1.5", "Liferay DXP 2024.Q1.6", levels.Unequal},
		{"nothing said", dxp92, "", levels.Unknown},
		{"nothing said by both", "", "", levels.Unknown},
		{"the product alone", dxp92, "Liferay", levels.Unknown},
		{"another product alone", dxp92, "Kentico", levels.Unequal},
		{"a version line", dxp92, "Liferay 7.4", levels.Unknown},
		{"another version line", dxp92, "Liferay 7.3", levels.Unequal},
		{"a line that only begins alike", "Liferay 7.40", "Liferay 7.4", levels.Unequal},
		{"no patch said by one", dxp92, "Liferay Digital Experience Platform 7.4.13", levels.Unknown},
		{"no patch said by both, of a line", "Stagelock Engine 7.4", "Stagelock Engine 7.4", levels.Unknown},
		{"patches", "Stagelock Engine 7.4 patch 5", "Stagelock Engine 7.4 patch 5", levels.Equal},
		{"other patches", "Stagelock Engine 7.4 patch 5", "Stagelock Engine 7.4 patch 6", levels.Unequal},
	} {
		a, b := levels.Parse(tt.a), levels.Parse(tt.b)
		if got := levels.Compare(a, b); got != tt.want || levels.Compare(b, a) != tt.want {
			t.Errorf("%s: %d and %d, want %d", tt.name, got, levels.Compare(b, a), tt.want)
		}
	}
}

func TestFarthest(t *testing.T) {
	for _, tt := range []struct {
		name  string
		texts []string
		want  levels.Relation
		level string
	}{
		{"none", nil, levels.Unknown, ""},
		{"alike", []string{dxp92, dxp92}, levels.Equal, dxp92},
		{"one says nothing", []string{dxp92, ""}, levels.Unknown, ""},
		{"the first says nothing", []string{"", dxp92}, levels.Unknown, ""},
		{"one differs", []string{"", dxp80, dxp92}, levels.Unequal, dxp80},
	} {
		r, b := levels.Farthest(levels.Parse(dxp92), tt.texts)
		if r != tt.want || b != levels.Parse(tt.level) {
			t.Errorf("%s: %d, %v", tt.name, r, b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(dxp92, ce112)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := levels.Parse(a), levels.Parse(b)
		if levels.Compare(x, y) != levels.Compare(y, x) {
			t.Fatal("the order counts")
		}
		if again := levels.Parse(x.String()); x != (levels.Level{}) && x.String() != "unknown" && again != x {
			t.Fatalf("%+v is written %q and read %+v", x, x, again)
		}
		if levels.Compare(x, x) == levels.Unequal {
			t.Fatal("it differs from itself")
		}
	})
}

func TestPolicy(t *testing.T) {
	for p, want := range map[levels.Policy][3]bool{
		"": {false, true, false}, levels.Require: {false, true, false}, "typo": {false, true, false},
		levels.Warn: {true, true, true}, levels.Any: {true, true, true},
	} {
		for r, lets := range want {
			if got := p.Lets(levels.Relation(r)); got != lets {
				t.Errorf("%q and relation %d: %t", p, r, got)
			}
		}
	}
}
