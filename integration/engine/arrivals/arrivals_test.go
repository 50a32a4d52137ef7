package arrivals_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/arrivals"
	"github.com/stagelock/stagelock/integration/engine/content"
)

const site = 20121

func open(t *testing.T, dir string) (*content.Store, *arrivals.Log) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := content.Open(t.Context(), content.Config{Dir: dir, CompanyID: 1, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l, err := arrivals.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func withSite(t *testing.T, dir string) (*content.Store, *arrivals.Log) {
	t.Helper()
	s, l := open(t, dir)
	if _, err := s.CreateSite(t.Context(), content.Site{ID: site, Name: "Shop"}); err != nil {
		t.Fatal(err)
	}
	return s, l
}

func begin(t *testing.T, l *arrivals.Log) *arrivals.Entry {
	t.Helper()
	e, err := l.Begin(t.Context(), arrivals.Arrival{Site: site, Request: 31001, Login: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newest(t *testing.T, l *arrivals.Log) arrivals.Arrival {
	t.Helper()
	all, err := l.List(t.Context(), site)
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	return all[0]
}

func TestTheWayOfAnImportIsSeen(t *testing.T) {
	s, l := withSite(t, t.TempDir())
	e := begin(t, l)
	if a := newest(t, l); a.State != arrivals.Running || a.Stage != arrivals.Checking || a.Login != "anna" || a.Request != 31001 {
		t.Errorf("begun: %+v", a)
	}
	ctx := t.Context()
	seen := map[int]bool{}
	for i := range 1000 {
		e.Progress(ctx, i+1, 1000, int64(i)*10, 10_000)
		a := newest(t, l)
		if seen[a.Entries] = true; a.Stage != arrivals.Unpacking || a.Entries > i+1 {
			t.Fatalf("entry %d: %+v", i, a)
		}
	}
	if len(seen) < 15 || len(seen) > 25 {
		t.Errorf("written down %d times", len(seen))
	}
	e.Apply(ctx)
	if a := newest(t, l); a.Stage != arrivals.Applying || a.Entries != 1000 {
		t.Errorf("applying: %+v", a)
	}
	undone := errors.New("undone")
	for _, end := range []error{undone, nil} {
		err := s.Change(ctx, func(tx *content.Tx) error { return errors.Join(e.Arrived(ctx, tx, 7), end) })
		if a := newest(t, l); !errors.Is(err, end) || (a.Publish == 7) != (end == nil) {
			t.Errorf("with %v: %+v", end, a)
		}
	}
	if a := newest(t, l); a.State != arrivals.Succeeded {
		t.Errorf("arrived: %+v", a)
	}
}

// A small import is not slowed down by telling of it.
func TestASmallImportIsToldOnce(t *testing.T) {
	_, l := withSite(t, t.TempDir())
	e := begin(t, l)
	for i := range 20 {
		e.Progress(t.Context(), i+1, 20, int64(i), 20)
	}
	if a := newest(t, l); a.Entries != 1 {
		t.Errorf("%+v", a)
	}
}

func TestAFailureIsKeptWithItsReason(t *testing.T) {
	_, l := withSite(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	e, err := l.Begin(ctx, arrivals.Arrival{Site: site})
	if err != nil {
		t.Fatal(err)
	}
	cancel() // the publisher is gone
	e.Fail(ctx, "no locale hu_HU")
	if a := newest(t, l); a.State != arrivals.Failed || a.Message != "no locale hu_HU" || a.Publish != 0 {
		t.Errorf("%+v", a)
	}
}

func TestOnlyAnEngineThatIsAloneCallsOthersGone(t *testing.T) {
	dir := t.TempDir()
	s, l := withSite(t, dir)
	begin(t, l)
	if err := s.Share(); err != nil {
		t.Fatal(err)
	}
	second, other := open(t, dir)
	if a := newest(t, other); a.State != arrivals.Running {
		t.Errorf("beside the engine that imports: %+v", a)
	}
	if err := errors.Join(second.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, l = open(t, dir)
	if a := newest(t, l); a.State != arrivals.Interrupted || a.Message == "" {
		t.Errorf("after both are gone: %+v", a)
	}
}

func TestNewestFirstAndBySite(t *testing.T) {
	s, l := withSite(t, t.TempDir())
	if _, err := s.CreateSite(t.Context(), content.Site{ID: 5, Name: "Other"}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		begin(t, l).Fail(t.Context(), fmt.Sprint("failure ", i))
	}
	all, err := l.List(t.Context(), site)
	if err != nil || len(all) != 3 || all[0].Message != "failure 2" || all[2].ID >= all[0].ID {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := l.List(t.Context(), 5); err != nil || len(all) != 0 {
		t.Errorf("another site: %+v, %v", all, err)
	}
	if _, err := l.List(t.Context(), 404); !errors.Is(err, content.NoSite) {
		t.Errorf("no site: %v", err)
	}
}

// TestFailedImportBecameNothing holds when the transaction of an import broke after it was noted in it.
func TestFailedImportBecameNothing(t *testing.T) {
	s, l := withSite(t, t.TempDir())
	e := begin(t, l)
	full := errors.New("database or disk is full")
	err := s.Change(t.Context(), func(tx *content.Tx) error {
		if err := e.Arrived(t.Context(), tx, 7); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Fatal(err)
	}
	if a := newest(t, l); a.State != arrivals.Running || a.Publish != 0 {
		t.Errorf("before it failed: %+v", a)
	}
	e.Fail(t.Context(), err.Error())
	if a := newest(t, l); a.State != arrivals.Failed || a.Publish != 0 || a.Message != full.Error() {
		t.Errorf("failed and still %+v", a)
	}
}
