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

func TestSameServers(t *testing.T) {
	one, two := sync.Server{ID: "A", Name: "one", Links: []sync.ServerID{"B"}}, sync.Server{ID: "B", Name: "two"}
	for _, tt := range []struct {
		name string
		a, b []sync.Server
		want bool
	}{
		{"none", nil, []sync.Server{}, true},
		{"in another order", []sync.Server{one, two}, []sync.Server{two, one}, true},
		{"one more", []sync.Server{one}, []sync.Server{one, two}, false},
		{"one less", []sync.Server{one, two}, []sync.Server{one}, false},
		{"another name", []sync.Server{one}, []sync.Server{{ID: "A", Name: "1", Links: one.Links}}, false},
		{"another link", []sync.Server{one}, []sync.Server{{ID: "A", Name: "one", Links: []sync.ServerID{"C"}}}, false},
		{"another key", []sync.Server{two}, []sync.Server{{ID: "C", Name: "two"}}, false},
	} {
		if got := sync.SameServers(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
