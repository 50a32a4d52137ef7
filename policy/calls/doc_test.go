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
	known := codes(t)
	for _, code := range known {
		if !strings.Contains(text, "["+code+"]") {
			t.Errorf("the policy does not mention %s", code)
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

// codes are the constants of the reasons.
func codes(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`= "([a-z]+\.[a-z]+)"`).FindAllStringSubmatch(string(data), -1) {
		all = append(all, m[1])
	}
	if len(all) < 30 {
		t.Fatalf("%d codes", len(all))
	}
	return all
}

// TestRepeatFacts: what is repeated blindly, what is held, and what may change the node exclude
// each other as they must.
func TestRepeatFacts(t *testing.T) {
	once := []calls.Kind{calls.Update, calls.Validate, calls.Publish, calls.Enable, calls.Disable}
	for _, line := range calls.Lines() {
		for _, r := range preset(t, line).Rules() {
			held := slices.Contains(once, r.Kind)
			failover := r.Kind == calls.Read || r.Kind == calls.Create
			if r.Guarded != held || r.Failover != failover {
				t.Errorf("line %s: %s: guarded %v, failover %v", line, r.Signature(), r.Guarded, r.Failover)
			}
		}
	}
	if calls.Kind(0).String() != "none" || calls.Kind(200).String() != "none" {
		t.Error("an unknown kind has a name")
	}
}

func TestTextIsThePolicyInWords(t *testing.T) {
	text := calls.Text()
	for _, line := range []string{"Package calls decides", "\n# Which calls\n", "[site.denied]", "\tread            checkRemote"} {
		if !strings.Contains(text, line) {
			t.Errorf("the text lacks %q", line)
		}
	}
	if strings.Contains(text, "//") || strings.Contains(text, "package calls\n") {
		t.Error("the text holds source")
	}
}
