package policy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stagelock/stagelock/policy"
)

func TestEveryReasonIsExplained(t *testing.T) {
	code := regexp.MustCompile(`^[a-z]+\.[a-z-]+$`)
	seen := map[string]bool{}
	for _, r := range policy.Reasons() {
		if !code.MatchString(r.Code) || seen[r.Code] {
			t.Errorf("code %q stands twice or has another form", r.Code)
		}
		seen[r.Code] = true
		for name, text := range map[string]string{"meaning": r.Meaning, "cure": r.Cure} {
			if len(text) < 10 || len(text) > 300 || strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s %q", r.Code, name, text)
			}
			if strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsPrint(c) }) {
				t.Errorf("%s: %s is not printable ASCII", r.Code, name)
			}
		}
		unanswered := []string{"upstream", "proxy", "hello", "exchange"} // a detail, before HTTP, or between gateways
		if r.Answer == policy.NoAnswer && !slices.Contains(unanswered, r.Family()) {
			t.Errorf("%s has no answer", r.Code)
		}
		late := r.Answer == policy.LateException || r.Answer == policy.LateResult
		if r.Late != late && r.Answer != policy.TryAgain {
			t.Errorf("%s: late %v, answer %v", r.Code, r.Late, r.Answer)
		}
	}
	if len(seen) < 90 {
		t.Errorf("%d reasons", len(seen))
	}
}

func TestReasonOf(t *testing.T) {
	for _, r := range policy.Reasons() {
		if got, ok := policy.ReasonOf(r.Code); !ok || got != r {
			t.Errorf("%s: got %+v, %v", r.Code, got, ok)
		}
	}
	for _, code := range []string{"", "site", "site.", "site.denied ", "SITE.DENIED"} {
		if got, ok := policy.ReasonOf(code); ok || got != (policy.Reason{}) {
			t.Errorf("%q: got %+v, %v", code, got, ok)
		}
	}
}

// TestCatalogueCannotBeChanged from outside.
func TestCatalogueCannotBeChanged(t *testing.T) {
	policy.Reasons()[0].Code = "changed"
	if _, ok := policy.ReasonOf("changed"); ok {
		t.Error("the catalogue was changed")
	}
}

// TestFamiliesStandTogether: listings are read by family.
func TestFamiliesStandTogether(t *testing.T) {
	var families []string
	for _, r := range policy.Reasons() {
		if f := r.Family(); len(families) == 0 || families[len(families)-1] != f {
			families = append(families, f)
		}
	}
	twice := slices.Clone(families)
	slices.Sort(twice)
	if n := len(slices.Compact(twice)); n != len(families) {
		t.Errorf("a family stands in two places: %v", families)
	}
}

func TestAnswers(t *testing.T) {
	var zero policy.Answer
	if zero.Status() != 0 || zero.String() != "none" || policy.Answer(200).Status() != 0 || policy.Answer(200).String() != "none" {
		t.Error("the zero or an unknown answer is one")
	}
	for a := policy.Void; a <= policy.LateResult; a++ {
		if s := a.Status(); !strings.HasPrefix(a.String(), map[bool]string{true: "200", false: ""}[s == 200]) || s < 200 || s > 599 || s/100 == 3 {
			t.Errorf("%v: status %d", a, s)
		}
	}
}
