package refusal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/archive/refusal"
)

func TestRefusal(t *testing.T) {
	cause := errors.New("short")
	r := refusal.New(refusal.CodeCRC, "checksum of %d bytes", 7)
	r.Err = cause
	err := fmt.Errorf("open: %w", r.At(3, "evil\nname", 40).At(4, "x", 50))
	if got, want := err.Error(), "open: entry 4: checksum of 7 bytes: short"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if refusal.CodeOf(err) != refusal.CodeCRC || refusal.CodeOf(cause) != "" || !errors.Is(err, cause) {
		t.Errorf("codes %q and %q", refusal.CodeOf(err), refusal.CodeOf(cause))
	}
	if r.Offset != 40 {
		t.Errorf("offset %d, want that of the deeper step, 40", r.Offset)
	}
	if r.Cure() == "" || r.Heal("look closer").Cure() != "look closer" {
		t.Errorf("cure %q", r.Cure())
	}
}
