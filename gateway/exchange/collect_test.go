package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/exchange/collector"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// shop is an exchange on the store of a gateway, whose clock tests move.
type shop struct {
	t        *testing.T
	dir      string
	ahead    atomic.Int64
	db       *sqlite.Store
	book     stored.Book
	blobs    *blobs.Shelf
	exchange *exchange.Exchange
	paused   func(point string)
	counter  atomic.Uint64
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t, dir: t.TempDir(), paused: func(string) {}}
	s.open()
	t.Cleanup(func() { s.must(s.db.Close()) })
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// open opens everything, as a process does that starts after another died.
func (s *shop) open() {
	s.t.Helper()
	if s.db != nil {
		s.must(s.db.Close())
	}
	var err error
	s.db, err = sqlite.Open(context.Background(), filepath.Join(s.dir, "stagelock.db"),
		sqlite.WithClock(func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }))
	s.must(err)
	folder, err := blobs.Open(filepath.Join(s.dir, "blobs"))
	s.must(err)
	s.book, s.blobs = stored.NewBook(s.db), blobs.NewShelf(s.db, folder)
	s.exchange = s.started()
}

// started is the exchange of a process.
func (s *shop) started() *exchange.Exchange {
	s.t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: nobody{}, Book: s.book, Blobs: s.blobs,
		Nonces: nonces{}, Peers: []exchange.Peer{{Peer: inbox.Peer{ID: serverOf(2), Sends: true, Kinds: []string{"article"}}}},
		Interval: time.Second, Log: logrus.NewEntry(log), Now: time.Now, Pause: func(p string) { s.paused(p) }})
	s.must(err)
	return x
}

// age makes everything that is kept now two days older.
func (s *shop) age() {
	s.t.Helper()
	s.ahead.Add(int64(48 * time.Hour))
	then := time.Now().Add(-48 * time.Hour)
	s.must(filepath.WalkDir(filepath.Join(s.dir, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	}))
}

func (s *shop) sweep() { s.t.Helper(); s.must(s.exchange.Sweep(s.t.Context(), 24*time.Hour)) }

// change is one of server 1 with a text for content, which is kept.
func (s *shop) change(o sync.Object, text string) *sync.Change {
	s.t.Helper()
	ctx := context.Background()
	d, size, err := s.blobs.Put(ctx, strings.NewReader(text))
	s.must(err)
	return s.naming(o, d, size)
}

func (s *shop) naming(o sync.Object, d sync.Digest, size int64) *sync.Change {
	st, err := s.book.Object(context.Background(), o)
	s.must(err)
	c := &sync.Change{ID: sync.ID{Origin: serverOf(1), Counter: s.counter.Add(1)}, Object: o, Op: sync.Put, Payload: d, Size: size,
		Stamp: sync.Stamp{Milli: time.Now().UnixMilli()}}
	c.Follow(st.Versions)
	c.Sign(keyOf(1))
	return c
}

func (s *shop) accept(c *sync.Change, targets ...sync.ServerID) {
	s.t.Helper()
	st, err := s.book.Object(context.Background(), c.Object)
	s.must(err)
	out := sync.Edit(st, c, st.Seq+1)
	s.must(s.book.Accept(context.Background(), stored.Fence{}, stored.Acceptance{Outcome: &out, Targets: targets}))
}

func (s *shop) settle(c *sync.Change, state stored.DeliveryState) {
	s.t.Helper()
	s.must(s.book.Settle(s.t.Context(), serverOf(2), stored.Result{ID: c.ID, State: state}))
}

// here reports whether the whole of a text is kept.
func (s *shop) here(text string) bool {
	s.t.Helper()
	r, _, err := s.blobs.Open(context.Background(), sync.DigestOf([]byte(text)))
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	s.must(err)
	b, err := io.ReadAll(r)
	s.must(errors.Join(err, r.Close()))
	if string(b) != text {
		s.t.Errorf("%d bytes are kept of %d", len(b), len(text))
	}
	return true
}

// sized is a text that lies in the database, or in the folder.
func sized(name string, large bool) string {
	if large {
		return name + strings.Repeat("x", blobs.Small)
	}
	return name
}

// TestWhatNothingNeedsIsRemoved, and everything else stays: the newest version, both of a conflict, what a target is
// still to get or may be sent again, and what is on its way into the engine.
func TestWhatNothingNeedsIsRemoved(t *testing.T) {
	for name, large := range map[string]bool{"small": false, "large": true} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			for i, state := range []stored.DeliveryState{stored.Done, stored.Dropped, stored.Dead, stored.Waiting, stored.Pending} {
				o := sync.Object(fmt.Sprint("s/article/", i))
				first := s.change(o, sized("first of "+string(state), large))
				s.accept(first, serverOf(2))
				s.settle(first, state)
				s.accept(s.change(o, sized("second of "+string(state), large)))
			}
			s.accept(s.change("s/article/c", sized("mine", large)))
			theirs := s.change("s/article/c", sized("theirs", large))
			theirs.ID, theirs.Vector = sync.ID{Origin: serverOf(2), Counter: 1}, nil
			theirs.Follow(nil)
			theirs.Sign(keyOf(2))
			st, err := s.book.Object(t.Context(), "s/article/c")
			s.must(err)
			out := sync.Receive(st, theirs, sync.Policy{})
			s.must(s.book.Accept(t.Context(), stored.Fence{}, stored.Acceptance{Outcome: &out, Via: serverOf(2)}))
			intended := s.change("s/article/i", sized("intended", large))
			s.must(s.book.Intend(t.Context(), stored.Fence{}, sync.Intent{Object: intended.Object, Change: intended, Tag: "t"}))
			held := s.change("s/article/h", sized("held", large))
			s.must(s.book.Ask(t.Context(), serverOf(2), held))
			s.change("s/article/n", sized("of nobody", large))
			s.age()
			s.change("s/article/y", sized("young", large))

			before := [2]bool{}
			for i := range before {
				s.sweep()
				for text, want := range map[string]bool{
					"first of done": false, "first of dropped": false, "of nobody": false,
					"first of dead": true, "first of waiting": true, "first of pending": true,
					"second of done": true, "second of dead": true, "mine": true, "theirs": true, "intended": true, "held": true, "young": true,
				} {
					if got := s.here(sized(text, large)); got != want {
						t.Errorf("sweep %d: %q is here: %t", i, text, got)
					}
				}
			}
			f := s.status()
			bytes := int64(0)
			for _, text := range []string{"first of done", "first of dropped", "of nobody"} {
				bytes += int64(len(sized(text, large)))
			}
			if f.Removed != 3 || f.Freed != bytes || f.N != 13 || f.Bytes <= 0 || f.At.IsZero() {
				t.Errorf("figures %+v, wanted 3 of %d bytes removed and 13 kept", f, bytes)
			}
		})
	}
}

func (s *shop) status() collector.Contents {
	s.t.Helper()
	p := &place{t: s.t, exchange: s.exchange}
	var st exchange.Status
	if code := p.ask("status", exchange.Order{}, &st); code != "" || st.Contents == nil {
		s.t.Fatalf("status: %q, contents %v", code, st.Contents)
	}
	return *st.Contents
}

// TestWhatComesWhileItIsRemoved: somebody looked whether a content is needed, and it was not; then it is put again,
// held, or continued, and named. However it comes, it is there.
func TestWhatComesWhileItIsRemoved(t *testing.T) {
	for name, come := range map[string]func(s *shop, text string) error{
		"put": func(s *shop, text string) error {
			_, _, err := s.blobs.Put(context.Background(), strings.NewReader(text))
			return err
		},
		"put with others": func(s *shop, text string) error {
			return s.blobs.PutAll(context.Background(), []byte("another"), []byte(text))
		},
		"held": func(s *shop, text string) error {
			here, err := s.blobs.Hold(context.Background(), sync.DigestOf([]byte(text)))
			if err == nil && !here {
				err = errors.New("it is not here")
			}
			return err
		},
		"continued": func(s *shop, text string) error {
			_, err := s.blobs.Continue(context.Background(), sync.DigestOf([]byte(text)), 0, int64(len(text)), strings.NewReader(text))
			return err
		},
	} {
		for _, large := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " large ", large), func(t *testing.T) {
				s, text := newShop(t), sized("text", large)
				s.change("s/article/a", text)
				s.age()
				s.paused = func(point string) {
					if point != "sync unnamed" {
						t.Errorf("paused at %q", point)
						return
					}
					s.paused = func(string) {}
					s.must(come(s, text))
					s.accept(s.naming("s/article/b", sync.DigestOf([]byte(text)), int64(len(text))))
					s.age() // the machine sleeps for two days
				}
				s.sweep()
				if !s.here(text) {
					t.Error("a content that is named was removed")
				}
				s.age()
				s.sweep()
				if !s.here(text) {
					t.Error("a content that is named was removed later")
				}
			})
		}
	}
}

// TestACrashWhileContentsAreRemoved: what a process that died had not removed is removed by the next, and no more.
func TestACrashWhileContentsAreRemoved(t *testing.T) {
	s := newShop(t)
	for i := range 1200 { // three pages
		s.must(s.blobs.PutAll(t.Context(), fmt.Append(nil, "of nobody ", i)))
	}
	s.accept(s.change("s/article/a", "kept"))
	s.age()
	died := errors.New("died")
	page := 0
	s.paused = func(string) {
		if page++; page == 2 {
			panic(died)
		}
	}
	func() {
		defer func() {
			if r := recover(); r != died {
				t.Errorf("%v", r)
			}
		}()
		s.sweep()
	}()
	s.paused = func(string) {}
	s.open()
	n, _, err := s.blobs.Total(t.Context())
	s.must(err)
	if n <= 1 || n >= 1201 {
		t.Errorf("%d contents are left of a sweep that broke off", n)
	}
	s.sweep()
	if n, _, err := s.blobs.Total(t.Context()); err != nil || n != 1 || !s.here("kept") {
		t.Errorf("%d contents are left, %v", n, err)
	}
}

// TestOffersWhileContentsAreRemoved: contents come again and again, from several at once and some of them the same,
// while others sweep and days go by. No version ever lacks its content, and in the end there is no other.
func TestOffersWhileContentsAreRemoved(t *testing.T) {
	s := newShop(t)
	const writers, rounds = 4, 60
	var days stdsync.RWMutex // a day goes by between two changes, and not within one
	var working, sweeping stdsync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		sweeping.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := s.exchange.Sweep(context.Background(), 24*time.Hour); err != nil {
					t.Error(err)
					return
				}
				days.Lock()
				s.ahead.Add(int64(25 * time.Hour))
				days.Unlock()
			}
		})
	}
	for w := range writers {
		working.Go(func() {
			o := sync.Object(fmt.Sprint("s/article/", w))
			for i := range rounds {
				days.RLock()
				text := fmt.Sprint("text ", (i+w)%7) // others have had it, and have it no more
				if err := s.blobs.PutAll(context.Background(), []byte(text)); err != nil {
					t.Error(err)
				}
				s.accept(s.naming(o, sync.DigestOf([]byte(text)), int64(len(text))))
				days.RUnlock()
				if !s.here(text) {
					t.Errorf("round %d of %d: its newest content was removed", i, w)
				}
			}
		})
	}
	working.Wait()
	close(done)
	sweeping.Wait()
	s.age()
	s.sweep()
	left := map[string]bool{}
	for w := range writers {
		left[fmt.Sprint("text ", (rounds-1+w)%7)] = true
	}
	for text := range left {
		if !s.here(text) {
			t.Errorf("%q is not here", text)
		}
	}
	if n, _, err := s.blobs.Total(t.Context()); err != nil || n != len(left) {
		t.Errorf("%d contents are left, %d are named, %v", n, len(left), err)
	}
}

// removable is a place of contents that remembers when it was swept.
type removable struct {
	stored.Removable
	sweeps []time.Time
	fails  atomic.Bool
}

func (r *removable) Old(context.Context, time.Duration, sync.Digest, int) ([]stored.Old, error) {
	r.sweeps = append(r.sweeps, time.Now())
	if r.fails.Load() {
		return nil, errors.New("the disk is away")
	}
	return nil, nil
}

func (r *removable) Total(context.Context) (int, int64, error) { return 3, 30, nil }

// TestContentsAreLookedThroughAgainAndAgain: a while after the start, then every few hours, also after a failure.
func TestContentsAreLookedThroughAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := newPlace(t), &removable{}
		r.fails.Store(true)
		var words bytes.Buffer
		log := logrus.New()
		log.SetOutput(&words)
		x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: nobody{}, Book: p, Blobs: r, Nonces: nonces{},
			Interval: time.Minute, Log: logrus.NewEntry(log), Now: time.Now})
		p.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		begun, done := time.Now(), make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		<-time.After(time.Hour)
		r.fails.Store(false)
		<-time.After(12 * time.Hour)
		cancel()
		p.must(<-done)
		var at []time.Duration
		for _, s := range r.sweeps {
			at = append(at, s.Sub(begun))
		}
		if fmt.Sprint(at) != "[10m0s 6h10m0s 12h10m0s]" || !strings.Contains(words.String(), "the disk is away") {
			t.Errorf("swept after %v, said %s", at, words.String())
		}
		if f, counted := x.Figures(); !counted || f.Contents == nil || f.Contents.N != 3 || f.Contents.Bytes != 30 {
			t.Errorf("figures %+v", f)
		}
	})
}
