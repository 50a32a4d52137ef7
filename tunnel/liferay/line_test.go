package liferay_test

import (
	"testing"

	"github.com/stagelock/stagelock/tunnel/liferay"
)

// TestWrittenFor: an engine answers a call of another version line with an empty 200, which its client
// takes for success. So the recorded versions of the tunnel's own classes tell lines apart.
func TestWrittenFor(t *testing.T) {
	readers := map[string][]string{
		"6.2": {"6.2"}, "7.0": {"7.0", "7.1"}, "7.1": {"7.0", "7.1"},
		"7.2": {"7.2", "7.3", "7.4.3.51", "7.4.3.112"}, "7.4.3.112": {"7.2", "7.3", "7.4.3.51", "7.4.3.112"},
	}
	recordings(t, "req", func(writer, _, name string, data []byte) {
		want, listed := readers[writer]
		if !listed {
			return
		}
		call, _, err := read(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, build := range liferay.Builds() {
			fits := false
			for _, b := range want {
				fits = fits || b == build
			}
			if got := call.WrittenFor(build); got != fits {
				t.Errorf("%s for %s: %t, want %t", name, build, got, fits)
			}
		}
	})
}

func TestALaterPatchPasses(t *testing.T) {
	e := edited(t, build7, create)
	e.class("com.liferay.portal.kernel.util.MethodHandler").UID++
	call, _, err := read(e.data())
	if err != nil {
		t.Fatal(err)
	}
	if !call.WrittenFor(build7) {
		t.Error("a version that nobody recorded is refused")
	}
}
