package files_test

import (
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/store/storetest"
)

func TestEvents(t *testing.T) {
	for name, limit := range map[string]int64{"one segment": 0, "small segments": 200,
		"a segment each": 1} {
		t.Run(name, func(t *testing.T) {
			storetest.TestEvents(t, func(t *testing.T, dir string) store.Events {
				e, err := files.Open(files.Config{Dir: dir, SegmentBytes: limit})
				if err != nil {
					t.Fatal(err)
				}
				return e
			})
		})
	}
}
