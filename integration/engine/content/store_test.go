package content_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

const company = 20097

// noon is the time of every store of these tests.
func noon() time.Time { return time.Date(2026, 3, 1, 13, 0, 0, 7, time.FixedZone("CET", 3600)) }

func openAt(t *testing.T, cfg content.Config) *content.Store {
	t.Helper()
	cfg.CompanyID, cfg.Now = company, noon
	s, err := content.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t *testing.T) *content.Store {
	t.Helper()
	return openAt(t, content.Config{Dir: t.TempDir()})
}

func addSite(t *testing.T, s *content.Store, site content.Site) content.Site {
	t.Helper()
	made, err := s.CreateSite(t.Context(), site)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func addUser(t *testing.T, s *content.Store, u content.User) content.User {
	t.Helper()
	if err := s.AddUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	u, err := s.User(t.Context(), u.Email)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// keep writes data into a pack that counts, and returns its digest.
func keep(t *testing.T, s *content.Store, tx *content.Tx, data string) string {
	t.Helper()
	p, err := s.NewPack()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b, err := p.Add(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := tx.Keep(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	p.Committed(true)
	return b.SHA256
}

func change(t *testing.T, s *content.Store, fn func(*content.Tx) error) {
	t.Helper()
	if err := s.Change(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSaysWhyItCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := t.TempDir()
	if err := os.WriteFile(filepath.Join(garbage, "engine.db"), bytes.Repeat([]byte("no database "), 400), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, want string }{
		{"a file stands where the folder should be", file, "file"},
		{"the database is none", garbage, "engine.db"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := content.Open(t.Context(), content.Config{Dir: tt.dir, CompanyID: company, Now: noon})
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v: does not name %s", err, tt.want)
			}
		})
	}
	t.Run("a failed open leaves no lock", func(t *testing.T) {
		if err := os.Remove(filepath.Join(garbage, "engine.db")); err != nil {
			t.Fatal(err)
		}
		openAt(t, content.Config{Dir: garbage})
	})
}

// taken says whether another process holds the folder so that this kind of lock has to wait.
func taken(t *testing.T, dir string, kind int) bool {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "engine.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), kind|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Fatal(err)
	}
	return err != nil
}

// The second process has its lock when it is open. It can have that only once the first shares.
func TestWhoHasTheFolder(t *testing.T) {
	dir := t.TempDir()
	first := openAt(t, content.Config{Dir: dir})
	if !first.Alone() || !taken(t, dir, syscall.LOCK_SH) {
		t.Error("the first is not alone")
	}
	opened := make(chan *content.Store, 1)
	go func() {
		s, err := content.Open(t.Context(), content.Config{Dir: dir, CompanyID: company, Now: noon})
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	if err := first.Share(); err != nil {
		t.Fatal(err)
	}
	if first.Alone() || taken(t, dir, syscall.LOCK_SH) {
		t.Error("alone though it shares")
	}
	second := <-opened
	if second == nil {
		t.Fatal("the second did not open")
	}
	defer second.Close()
	if second.Alone() {
		t.Error("the second is alone")
	}
	made := addSite(t, first, content.Site{Name: "Guest"})
	if got, err := second.Site(t.Context(), made.ID); err != nil || got.Name != "Guest" {
		t.Errorf("the second process sees %+v, %v", got, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if !taken(t, dir, syscall.LOCK_EX) {
		t.Error("the second has no lock")
	}
}

// TestSweepLeavesWhatOthersMayUse holds: only a store that is alone removes files that no row names.
func TestSweepLeavesWhatOthersMayUse(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, content.Config{Dir: dir})
	var digest string
	change(t, s, func(tx *content.Tx) error { digest = keep(t, s, tx, "kept"); return nil })
	stray := filepath.Join(dir, "content", "stray")
	if err := os.WriteFile(stray, []byte("of a call that was cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Share(); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context(), filepath.Dir(stray), `SELECT DISTINCT pack FROM blobs`); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stray); err != nil {
		t.Errorf("a shared store swept: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, content.Config{Dir: dir})
	if _, err := os.Stat(stray); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening alone left the stray file: %v", err)
	}
	if got := readAll(t, again, digest); got != "kept" {
		t.Errorf("what a row names reads as %q", got)
	}
}

func readAll(t *testing.T, s *content.Store, digest string) string {
	t.Helper()
	r, err := s.Open(t.Context(), content.Item{SHA256: digest})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestContentThatIsNotThere(t *testing.T) {
	s := open(t)
	if _, err := s.Open(t.Context(), content.Item{SHA256: "abcd"}); !errors.Is(err, sql.ErrNoRows) || !strings.Contains(err.Error(), "abcd") {
		t.Errorf("got %v, want one that names the digest", err)
	}
	if _, err := s.ReadEntry(t.Context(), 7, "group/7/a.xml"); !errors.Is(err, sql.ErrNoRows) || !strings.Contains(err.Error(), "group/7/a.xml of site 7") {
		t.Errorf("got %v, want one that names the entry and the site", err)
	}
}

func TestUUIDs(t *testing.T) {
	for _, tt := range []struct {
		name, rand, want string
		fails            bool
	}{
		{"zeros", strings.Repeat("\x00", 16), "00000000-0000-4000-8000-000000000000", false},
		{"ones", strings.Repeat("\xff", 16), "ffffffff-ffff-4fff-bfff-ffffffffffff", false},
		{"the source ends", "short", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openAt(t, content.Config{Dir: t.TempDir(), Rand: strings.NewReader(tt.rand)})
			got, err := s.NewUUID()
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestSiteWithoutRandomnessIsNotMade(t *testing.T) {
	s := openAt(t, content.Config{Dir: t.TempDir(), Rand: strings.NewReader("")})
	if _, err := s.CreateSite(t.Context(), content.Site{Name: "Guest"}); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if all, err := s.Sites(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestChangeIsWholeOrNothing holds for an error, a panic and a context that ended.
func TestChangeIsWholeOrNothing(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name string
		fn   func(context.Context, context.CancelFunc) error
	}{
		{"error", func(context.Context, context.CancelFunc) error { return boom }},
		{"panic", func(context.Context, context.CancelFunc) error { panic(boom) }},
		{"the caller went away", func(_ context.Context, stop context.CancelFunc) error { stop(); return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			site := addSite(t, s, content.Site{Name: "Guest"})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			func() {
				defer func() { _ = recover() }()
				err := s.Change(ctx, func(tx *content.Tx) error {
					if err := tx.Attach(ctx, content.Attachment{Site: site.ID, Login: "anna", At: noon()}); err != nil {
						return err
					}
					return tt.fn(ctx, stop)
				})
				if err == nil {
					t.Error("no error")
				}
			}()
			got, err := s.Site(t.Context(), site.ID)
			if err != nil || got.StagingCount != 0 {
				t.Errorf("half of the change is there: %+v, %v", got, err)
			}
			change(t, s, func(tx *content.Tx) error {
				return tx.Attach(t.Context(), content.Attachment{Site: site.ID, At: noon()})
			})
		})
	}
}

// TestReadSeesOneMoment holds: what is written beside a Read is not in it.
func TestReadSeesOneMoment(t *testing.T) {
	s := open(t)
	addSite(t, s, content.Site{Name: "one"})
	err := s.Read(t.Context(), func(v content.View) error {
		before, err := v.Sites(t.Context())
		if err != nil {
			return err
		}
		addSite(t, s, content.Site{Name: "two"})
		after, err := v.Sites(t.Context())
		if len(before) != 1 || len(after) != 1 {
			t.Errorf("%d sites, then %d", len(before), len(after))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := s.Sites(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestWritersWaitForEachOther(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "Guest"})
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				err := s.Change(t.Context(), func(tx *content.Tx) error {
					return tx.Attach(t.Context(), content.Attachment{Site: site.ID, Login: "anna", At: noon()})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := s.Site(t.Context(), site.ID)
	if err != nil || got.StagingCount != writers*each {
		t.Errorf("%d attachments, %v; want %d", got.StagingCount, err, writers*each)
	}
}

func TestCloseTwice(t *testing.T) {
	s := open(t)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := s.Change(t.Context(), func(*content.Tx) error { return nil }); err == nil {
		t.Error("a closed store changes")
	}
	if err := s.Read(t.Context(), func(content.View) error { return nil }); err == nil {
		t.Error("a closed store reads")
	}
}

func TestJSONColumn(t *testing.T) {
	var to []string
	for _, tt := range []struct {
		name string
		src  any
		want []string
		fail bool
	}{
		{"list", `["a","b"]`, []string{"a", "b"}, false},
		{"null", `null`, nil, false},
		{"bytes are of another column", []byte(`[]`), nil, true},
		{"nothing", nil, nil, true},
		{"no JSON", `[`, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to = nil
			err := content.JSON{V: &to}.Scan(tt.src)
			if (err != nil) != tt.fail || !slices.Equal(to, tt.want) {
				t.Errorf("got %v, %v", to, err)
			}
		})
	}
	if _, err := (content.JSON{V: make(chan int)}).Value(); err == nil {
		t.Error("a channel has no JSON")
	}
}
