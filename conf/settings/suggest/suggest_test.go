package suggest

import (
	"strings"
	"testing"
)

func TestDidYouMean(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"alow", "did you mean allow?"}, {"Allow", "did you mean allow?"}, {"refsue", "did you mean refuse?"},
		{"allow-any", "did you mean allow_any?"}, {"zzzzzz", "known here: allow, allow_any, refuse"}, {strings.Repeat("a", 100), "known here: allow, allow_any, refuse"},
	} {
		if got := DidYouMean(tt.word, []string{"allow", "allow_any", "refuse"}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.word, got, tt.want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ca", "abc", 3}} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
