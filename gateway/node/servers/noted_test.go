package servers

import (
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/replica"
)

// TestEverythingThatIsNotedHasAKind of its event in the audit log.
func TestEverythingThatIsNotedHasAKind(t *testing.T) {
	all := append(replica.Whats(), "asked")
	for _, what := range all {
		if kinds[what] == "" {
			t.Errorf("%q would be written without a kind", what)
		}
	}
	for what := range kinds {
		if !slices.Contains(all, what) {
			t.Errorf("nobody notes %q", what)
		}
	}
}
