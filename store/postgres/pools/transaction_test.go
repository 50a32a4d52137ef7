package pools_test

import (
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/pools"
)

var (
	_ store.Tx = pools.Transaction{}
	_ store.Tx = pools.Reading{}
)

// TestAViewDoesNotWrite: no server is asked, which would carry it out.
func TestAViewDoesNotWrite(t *testing.T) {
	if n, err := (pools.Reading{}).Exec("DELETE FROM @.leases"); err == nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}
