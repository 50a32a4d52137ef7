package calls_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/calls"
)

// TestPolicyIsWrittenDown holds the package comment, which auditors read, against the tables.
func TestPolicyIsWrittenDown(t *testing.T) {
	data, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	known := []string{}
	for _, doc := range calls.Reasons() {
		known = append(known, doc.Code)
		if !strings.Contains(text, "["+doc.Code+"]") {
			t.Errorf("the policy does not mention %s", doc.Code)
		}
	}
	for _, m := range regexp.MustCompile(`\[([a-z]+\.[a-z]+)\]`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("the policy mentions %s, which is no reason", m[1])
		}
	}
	for _, line := range calls.Lines() {
		for _, r := range preset(t, line).Rules() {
			if !strings.Contains(text, r.Method) || !strings.Contains(text, r.Kind.String()) {
				t.Errorf("the policy does not mention %s or its kind %s", r.Method, r.Kind)
			}
		}
	}
}

func TestReasonsAreDistinctAndCopied(t *testing.T) {
	seen := map[string]bool{}
	for _, doc := range calls.Reasons() {
		if seen[doc.Code] || !regexp.MustCompile(`^[a-z]+\.[a-z]+$`).MatchString(doc.Code) {
			t.Errorf("code %q stands twice or has another form", doc.Code)
		}
		seen[doc.Code] = true
	}
	calls.Reasons()[0].Code = "changed"
	if calls.Reasons()[0].Code != calls.CallUnknown {
		t.Error("the table can be changed from outside")
	}
}

// TestRepeatFacts: what is repeated blindly, what is held, and what may change the node exclude
// each other as they must.
func TestRepeatFacts(t *testing.T) {
	once := []calls.Kind{calls.Update, calls.Validate, calls.Publish, calls.Enable, calls.Disable}
	for _, line := range calls.Lines() {
		for _, r := range preset(t, line).Rules() {
			held := slices.Contains(once, r.Kind)
			failover := r.Kind == calls.Read || r.Kind == calls.Create
			if r.Guarded != held || r.Idempotent == held && r.Kind != calls.Event || r.Failover != failover {
				t.Errorf("line %s: %s: guarded %v, idempotent %v, failover %v", line, r.Signature(), r.Guarded, r.Idempotent, r.Failover)
			}
			if r.Kind == calls.Event && (r.Idempotent || r.Failover || r.Guarded) {
				t.Errorf("line %s: an event would be sent", line)
			}
			if r.Long != (r.Kind == calls.Publish || r.Kind == calls.Validate) {
				t.Errorf("line %s: %s: long %v", line, r.Signature(), r.Long)
			}
		}
	}
	if calls.Kind(0).String() != "none" || calls.Kind(200).String() != "none" {
		t.Error("an unknown kind has a name")
	}
}
