package finding_test

import (
	"encoding/json"
	"testing"

	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
)

// TestReportCounts: what is well is counted nowhere, and a line has the id of its check unless it has its own.
func TestReportCounts(t *testing.T) {
	var r finding.Report
	r.Add("a", finding.Well("is well"))
	r.Add("b", finding.Mend("is broken", "mend it").As("b.part").In(portal.Value{Text: "x", File: "f", Line: 7}))
	r.Add("b", finding.Mend("is broken too", "mend it"))
	r.Add("c", finding.Know("is so"))
	if r.ToMend != 2 || r.ToKnow != 1 {
		t.Errorf("%d to mend, %d to know", r.ToMend, r.ToKnow)
	}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"checks":[{"mark":"ok","id":"a","words":"is well"},` +
		`{"mark":"BAD","id":"b.part","words":"is broken","cure":"mend it","file":"f","line":7},` +
		`{"mark":"BAD","id":"b","words":"is broken too","cure":"mend it"},` +
		`{"mark":"--","id":"c","words":"is so"}],"to_mend":2,"to_know":1}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
