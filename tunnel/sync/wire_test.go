package sync_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

func TestBackOff(t *testing.T) {
	for _, tt := range []struct {
		class    sync.Class
		failures int
		spread   float64
		want     time.Duration
	}{
		{sync.ClassLater, 0, 0.5, time.Second}, {sync.ClassLater, 1, 0.5, time.Second}, {sync.ClassLater, 2, 0.5, 2 * time.Second},
		{sync.ClassLater, 10, 0.5, 512 * time.Second}, {sync.ClassLater, 11, 0.5, 15 * time.Minute}, {sync.ClassLater, 1e9, 0.5, 15 * time.Minute},
		{sync.ClassLater, 1, 0, 800 * time.Millisecond}, {sync.ClassLater, 1, 1, 1200 * time.Millisecond}, {sync.ClassLater, 1, 7, 1200 * time.Millisecond},
		{sync.ClassWaiting, 1, 0.5, time.Minute}, {sync.ClassWaiting, 4, 0.5, 8 * time.Minute}, {sync.ClassWaiting, 60, 0.5, time.Hour},
	} {
		if got := sync.BackOff(tt.class, tt.failures, tt.spread); got.Round(time.Microsecond) != tt.want {
			t.Errorf("%s after %d failures, spread %v: %v, want %v", tt.class, tt.failures, tt.spread, got, tt.want)
		}
	}
}

// TestChangesKeepTheirFormInMessages: a JSON writer that escapes more than the canonical form does
// would break every signature.
func TestChangesKeepTheirFormInMessages(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(sync.Offer{Changes: []sync.Offered{{Change: sample(0, nil), Content: []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	var got sync.Offer
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if err := got.Changes[0].Change.Verify(noon); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal(bytes.Replace(b.Bytes(), []byte(`"title":"Gr`), []byte(`"title":"gr`), 1), &got); err != nil {
		t.Fatal(err)
	}
	if err := got.Changes[0].Change.Verify(noon); err == nil {
		t.Error("an altered change is taken")
	}
}

func TestHello(t *testing.T) {
	for versions, want := range map[int]bool{1: true, 2: false} {
		if got := (sync.Hello{Versions: []int{versions}}).Speaks(); got != want {
			t.Errorf("version %d: %t", versions, got)
		}
	}
	if (sync.Hello{}).Speaks() {
		t.Error("the zero Hello speaks")
	}
}
