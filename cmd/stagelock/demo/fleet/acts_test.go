package fleet

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/secret"
)

// A publish that ends before its middle ends the act too: nobody waits for what was never stopped.
func TestNobodyWaitsForWhatWasNotStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key, problems := secret.NewKey(secret.KeyConfig{ID: "demo", Algorithm: "AES", Secret: []byte(password), Line: "7.4"})
	if key == nil {
		t.Fatal(problems)
	}
	f := &fleet{sh: &term.Shell{Now: time.Now}, key: key, front: "no address"}
	lar, err := f.archive(ctx, t.TempDir(), 1, 2000)
	if err != nil {
		t.Fatal(err)
	}
	err = f.stopDatabase(ctx, lar, 1000)
	if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "was over before the database") {
		t.Errorf("it ended with %v", err)
	}
	if killed, err := f.killOne(ctx, lar, 1000); killed != "" || err == nil || !strings.Contains(err.Error(), "was over before a gateway") {
		t.Errorf("killed %q, %v", killed, err)
	}
}
