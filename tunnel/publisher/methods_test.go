package publisher_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

// notMade are calls that no Client makes: live answers no event, and makes no call of its own. The newest portal asks
// fetchLayoutPlid where a Client asks getLayoutPlid, as every build can.
var notMade = []string{
	"propagateExportImportLifecycleEvent", "enableLocalStaging", "enableRemoteStaging", "fetchLayoutPlid",
}

// unserved is the interface that 7.3 names in one call of its own instead of the class that a live server of it serves.
const unserved = "com.liferay.portal.kernel.service.GroupService"

// The calls of every build are those that its own classes declare, no more and no fewer.
func TestCallsAreDeclaredAsTheVendorDoes(t *testing.T) {
	var all []struct {
		Service, Method, Returns string
		Parameters, Lines        []string
	}
	if err := json.Unmarshal(readFile(t, "../../policy/calls/calls.json"), &all); err != nil || len(all) < 35 {
		t.Fatalf("%d calls, %v", len(all), err)
	}
	for _, build := range liferay.Builds() {
		want := map[string]string{}
		for _, d := range all {
			if slices.Contains(d.Lines, build) && !slices.Contains(notMade, d.Method) && d.Service != unserved {
				want[tunnel.Method{Service: d.Service, Name: d.Method, Parameters: d.Parameters}.Signature()] = d.Returns
			}
		}
		got := methods.Declared(build)
		for _, s := range slices.Sorted(maps.Keys(want)) {
			if got[s] != want[s] {
				t.Errorf("%s: %s returns %q, want %q", build, s, got[s], want[s])
			}
			delete(got, s)
		}
		for s := range got {
			t.Errorf("%s: %s is a call of no client of that build", build, s)
		}
	}
}

func TestRepeatableUnknownCall(t *testing.T) {
	if methods.Repeatable("reboot") {
		t.Error("an unknown call may be repeated")
	}
}
