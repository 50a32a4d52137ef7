package integration_test

import (
	"testing"

	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

// The client sends again what the policy does not guard, and nothing else: validate among what it
// guards, which deletes parts up to 7.2.
func TestPublisherRepeatsWhatThePolicyDoesNotGuard(t *testing.T) {
	seen := 0
	for _, line := range calls.Lines() {
		p, err := calls.NewPreset(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Rules() {
			if r.Kind == calls.Event || r.Method == "fetchLayoutPlid" { // the client asks neither
				continue
			}
			seen++
			if methods.Repeatable(r.Method) == r.Guarded {
				t.Errorf("line %s: %s: repeatable %t, guarded %t", line, r.Signature(),
					methods.Repeatable(r.Method), r.Guarded)
			}
		}
	}
	if seen < 80 {
		t.Fatalf("only %d calls looked at", seen)
	}
}
