package sqlite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

// A write that shares its transaction with nobody is kept whole or not at all, and the next one begins anew.
func TestFailedWriteAlone(t *testing.T) {
	s := opened(t, t.TempDir())
	for i := range 10 {
		key := fmt.Sprint(i)
		if err := s.Failing(t.Context(), key); !errors.Is(err, sqlite.ErrFailing) {
			t.Fatalf("failing write %d: %v", i, err)
		}
		if _, err := s.Values().Load(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("half of write %d is there: %v", i, err)
		}
		must(t, s.Values().Store(t.Context(), key, []byte("whole")))
		if v, err := s.Values().Load(t.Context(), key); string(v) != "whole" || err != nil {
			t.Fatalf("write %d behind one that failed: %q, %v", i, v, err)
		}
	}
}

// begun makes a repeat of a scope, answered if answer says so.
func begun(t *testing.T, s *sqlite.Store, digest, scope string, answer bool) store.RepeatKey {
	t.Helper()
	key := store.RepeatKey{Login: "a", KeyID: "k", Method: "m", Digest: digest}
	_, first, err := s.Repeats().Begin(t.Context(), store.Repeat{Key: key, Scope: scope, Reference: digest, Owner: "life"}, time.Minute)
	if err != nil || !first {
		t.Fatalf("begin %s: %t, %v", digest, first, err)
	}
	if answer {
		must(t, s.Repeats().Answer(t.Context(), key, digest, []byte("answer")))
	}
	return key
}

// The end of a scope in which nothing is open does not wait for whoever writes; one in which something is does.
func TestEndOfAnEmptyScopeIsNoWrite(t *testing.T) {
	s := opened(t, t.TempDir())
	if _, err := s.Members().Join(t.Context(), store.Member{ID: "life", Node: "gate"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	open := begun(t, s, "open", "request:1", true)
	begun(t, s, "over", "request:2", true)
	must(t, s.Repeats().EndScope(t.Context(), "request:2", store.RepeatKey{}, 0))

	release := s.Held(t.Context())
	for _, scope := range []string{"request:2", "request:3", "site:1"} {
		must(t, s.Repeats().EndScope(t.Context(), scope, store.RepeatKey{}, 0)) // would wait for ever
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Repeats().EndScope(t.Context(), "request:1", store.RepeatKey{}, 0) }()
	if rep, err := s.Repeats().Repeat(t.Context(), open); err != nil || rep.Ended {
		t.Errorf("before it is written: %+v, %v", rep, err)
	}
	must(t, release())
	must(t, <-ended)
	if rep, err := s.Repeats().Repeat(t.Context(), open); err != nil || !rep.Ended {
		t.Errorf("after it was written: %+v, %v", rep, err)
	}
}

// A request that is new, known, cleaned up, or another one of the same id: what is kept of it and of its parts.
func TestCreateOfWhateverWasThere(t *testing.T) {
	one := store.Request{ID: 7, Site: 1, Checksum: "c", Peer: "p", Logins: []string{"a"}, Upstream: "n1"}
	second := one
	second.Logins, second.Upstream = []string{"b"}, "n2"
	other := one
	other.Checksum, other.Logins = "d", []string{"z"}
	for _, tt := range []struct {
		name     string
		clean    bool
		again    store.Request
		logins   string
		parts    int
		upstream string
	}{
		{"known", false, second, "[a b]", 1, "n1"},
		{"cleaned up", true, second, "[b]", 0, "n2"},
		{"another one", false, other, "[z]", 0, "n1"},
		{"another one, cleaned up", true, other, "[z]", 0, "n1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := opened(t, t.TempDir()).Requests()
			must(t, r.Create(t.Context(), one))
			must(t, r.AddPart(t.Context(), 7, store.Part{Name: "a.zip00", Size: 5, Width: 2, Login: "a"}))
			if tt.clean {
				must(t, r.CleanUp(t.Context(), 7))
			}
			must(t, r.Create(t.Context(), tt.again))
			got, err := r.Request(t.Context(), 7)
			if err != nil || fmt.Sprint(got.Logins) != tt.logins || got.PartCount != tt.parts || got.Upstream != tt.upstream ||
				got.Checksum != tt.again.Checksum || !got.CleanedAt.IsZero() {
				t.Errorf("got %+v, %v", got, err)
			}
			if _, err := r.Part(t.Context(), 7, "a.zip00"); (err == nil) != (tt.parts == 1) {
				t.Errorf("the part: %v", err)
			}
		})
	}
}
