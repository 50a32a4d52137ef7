package audittest_test

import (
	"testing"

	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest"
)

// TestMemory holds the fake to the contract that the real ones keep.
func TestMemory(t *testing.T) {
	places := map[string]*audittest.Memory{}
	storetest.TestEvents(t, func(t *testing.T, dir string) store.Events {
		m := &audittest.Memory{}
		if old := places[dir]; old != nil {
			m.Lines = old.Lines
		}
		places[dir] = m
		return m
	})
}
