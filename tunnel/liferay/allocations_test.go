//go:build !race

package liferay_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// One small call behind another costs what it says: texts and arguments, no graph. The race detector
// allocates for itself.
func TestASmallCallReadAgainAllocatesLittle(t *testing.T) {
	i := slices.IndexFunc(allRecorded(t, "req"), func(r recording) bool { return r.name == "7.4.3.112/003-createStagingRequest" })
	if i < 0 {
		t.Fatal("the recording is not there")
	}
	data := allRecorded(t, "req")[i].data
	lim, buf := javaser.DefaultLimits(), make([]byte, 0, 16<<10)
	body := bytes.NewReader(data)
	var err error
	var call liferay.Call
	var in source.Input
	n := testing.AllocsPerRun(200, func() {
		body.Reset(data)
		in.Begin(body, buf, lim.Held)
		if fault := call.Read(&in, lim, nil); fault != nil {
			err = errors.Join(err, fault)
		}
		call.Release()
	})
	if err != nil || n > 4 {
		t.Errorf("%v allocations, %v", n, err)
	}
}
