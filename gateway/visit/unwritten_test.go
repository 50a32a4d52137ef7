package visit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// fullLog is an audit log that has no room.
type fullLog struct{}

func (fullLog) Append(context.Context, audit.Event) (store.Seq, error) { return 0, store.ErrFull }
func (fullLog) AppendSoon(context.Context, audit.Event) (store.Seq, error) {
	return 0, store.ErrFull
}

func (fullLog) Write(context.Context, audit.Event) (store.Seq, error) { return 0, store.ErrFull }

func openFull(t *testing.T) *visit.Visits {
	t.Helper()
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	v, err := visit.New(visit.Config{Audit: fullLog{}, Log: logrus.NewEntry(quiet), Now: time.Now, Strangers: func() int { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAStopIsNoBrokenLog: a write that was given up because the gateway stops said in health that nothing
// can be written.
func TestAStopIsNoBrokenLog(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		reason tunnel.Reason
		broken bool
	}{
		{"stopping", fmt.Errorf("audit verdict event: %w", context.Canceled), visit.ReasonDraining, false},
		{"full", fmt.Errorf("audit verdict event: %w", store.ErrFull), visit.ReasonStore, true},
		{"failing", errors.New("input/output error"), visit.ReasonStore, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := openFull(t)
			var p *tunnel.Problem
			if err := v.Unwritten(tt.err); !errors.As(err, &p) || p.Code != tunnel.Unavailable || p.Reason != tt.reason {
				t.Errorf("got %v", err)
			}
			if (v.Broken() != nil) != tt.broken {
				t.Errorf("broken: %v", v.Broken())
			}
		})
	}
}

// A full disk is not waited for: each call waited as long as for a store that is away.
func TestAFullDiskIsNotWaitedFor(t *testing.T) {
	v := openFull(t)
	_ = v.Unwritten(store.ErrFull)
	ready := make(chan error, 1)
	go func() { ready <- v.Ready(t.Context(), 24*time.Hour) }()
	if err := <-ready; !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v", err)
	}
}

func TestAPathIsShownAsItCanBe(t *testing.T) {
	for path, want := range map[string]string{
		"/c/portal": `"/c/portal"`, "": `""`, "/\x1b[2J": `"/\x1b[2J"`, "/ü": `"/\u00fc"`,
		strings.Repeat("a", 201): `"` + strings.Repeat("a", 200) + `"...`,
	} {
		if got := visit.Shown(path); got != want {
			t.Errorf("%q is shown as %s", path, got)
		}
	}
}
