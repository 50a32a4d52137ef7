package publish

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

func testJournal(t *testing.T) *journal {
	t.Helper()
	return &journal{dir: filepath.Join(t.TempDir(), "deep", "state"), now: func() time.Time { return time.Unix(1e9, 0).UTC() }}
}

var (
	testKey = publisher.Key{URL: "https://live.example.com", Site: 5, Login: "me"}
	saved   = publisher.Checkpoint{Request: 42}
)

func TestJournalRemembers(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(t *testing.T, j *journal, e publisher.Entry) // after the checkpoint was saved
		want publisher.Checkpoint
	}{
		{"what was saved", func(t *testing.T, _ *journal, e publisher.Entry) { mustClose(t, e, false) }, saved},
		{"nothing that was forgotten", func(t *testing.T, _ *journal, e publisher.Entry) { mustClose(t, e, true) }, publisher.Checkpoint{}},
		{"nothing of a file cut short", func(t *testing.T, j *journal, e publisher.Entry) {
			mustClose(t, e, false)
			damage(t, j, func(b []byte) []byte { return b[:20] })
		}, publisher.Checkpoint{}},
		{"nothing of an empty file", func(t *testing.T, j *journal, e publisher.Entry) {
			mustClose(t, e, false)
			damage(t, j, func([]byte) []byte { return nil })
		}, publisher.Checkpoint{}},
		{"nothing of another publish's file", func(t *testing.T, j *journal, e publisher.Entry) {
			mustClose(t, e, false)
			damage(t, j, func(b []byte) []byte { return []byte(strings.Replace(string(b), "live.example", "dead.example", 1)) })
		}, publisher.Checkpoint{}},
		{"the newest, if a longer one was before", func(t *testing.T, _ *journal, e publisher.Entry) {
			if err := errors.Join(e.Save(publisher.Checkpoint{Request: 1 << 60}), e.Save(publisher.Checkpoint{Request: 7})); err != nil {
				t.Fatal(err)
			}
			mustClose(t, e, false)
		}, publisher.Checkpoint{Request: 7}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := testJournal(t)
			e, before, err := j.Open(testKey)
			if err != nil || before != (publisher.Checkpoint{}) {
				t.Fatalf("%+v, %v", before, err)
			}
			if err := e.Save(saved); err != nil {
				t.Fatal(err)
			}
			tt.then(t, j, e)
			e, got, err := j.Open(testKey)
			if err != nil || got != tt.want {
				t.Errorf("remembered %+v, %v, want %+v", got, err, tt.want)
			}
			mustClose(t, e, false)
		})
	}
}

func mustClose(t *testing.T, e publisher.Entry, forget bool) {
	t.Helper()
	if err := e.Close(forget); err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, j *journal, f func([]byte) []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(j.dir, "*.json"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(names[0], f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Publishes of different things do not see each other, and one of the same thing is busy.
func TestJournalKeepsPublishesApart(t *testing.T) {
	j := testJournal(t)
	e, _, err := j.Open(testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, e, true)
	for _, tt := range []struct {
		name string
		key  publisher.Key
		busy bool
	}{
		{"the same", testKey, true},
		{"another site", publisher.Key{URL: testKey.URL, Site: 6, Login: "me"}, false},
		{"another login", publisher.Key{URL: testKey.URL, Site: 5, Login: "you"}, false},
		{"another address", publisher.Key{URL: "https://live.example.com:8443", Site: 5, Login: "me"}, false},
		{"what two fields would make of one", publisher.Key{URL: testKey.URL, Site: 5, Login: `me","x":"`}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, _, err := j.Open(tt.key)
			var busy *publisher.BusyError
			if errors.As(err, &busy) != tt.busy {
				t.Fatalf("got %v", err)
			}
			if tt.busy {
				if busy.PID != os.Getpid() || !busy.Since.Equal(j.now()) {
					t.Errorf("it says %+v", busy)
				}
				return
			}
			mustClose(t, e, true)
		})
	}
}

// One of many that begin at once has the publish, also while its file comes and goes.
func TestJournalHasOneOwner(t *testing.T) {
	j := testJournal(t)
	var mu sync.Mutex
	owners := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				e, _, err := j.Open(testKey)
				var busy *publisher.BusyError
				if errors.As(err, &busy) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !mu.TryLock() {
					t.Error("two have it")
					return
				}
				owners++
				mu.Unlock()
				if err := e.Close(true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if owners == 0 {
		t.Error("nobody had it")
	}
}

func TestJournalRefusesWhatItCannotKeep(t *testing.T) {
	j := testJournal(t)
	long := testKey
	long.Login = strings.Repeat("a", recordSize)
	if _, _, err := j.Open(long); err == nil || !strings.Contains(err.Error(), "too long to be kept") {
		t.Errorf("got %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (&journal{dir: filepath.Join(file, "state"), now: j.now}).Open(testKey); err == nil {
		t.Error("a folder below a file")
	}
}

func TestStateDir(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		want string
	}{
		{"no home", nil, ""},
		{"a home", []string{"HOME=/h"}, "/h/.local/state/stagelock/publish"},
		{"a state home", []string{"HOME=/h", "XDG_STATE_HOME=/s"}, "/s/stagelock/publish"},
		{"a state home that is no place", []string{"HOME=/h", "XDG_STATE_HOME=s"}, "/h/.local/state/stagelock/publish"},
		{"an empty one", []string{"HOME=/h", "XDG_STATE_HOME="}, "/h/.local/state/stagelock/publish"},
		{"a home that is no place", []string{"HOME=h"}, ""},
	} {
		if got := stateDir(&term.Shell{Environ: tt.env}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
