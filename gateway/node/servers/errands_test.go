package servers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/errands"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/store/blobs"
	journal "github.com/stagelock/stagelock/store/errands"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/sync"
	"github.com/stagelock/stagelock/tunnel/syncserver"
)

// kept is a book in a database, whose clock a test moves.
type kept struct {
	book
	shelf *blobs.Shelf
	ahead time.Duration
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{}
	dir := t.TempDir()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"),
		sqlite.WithClock(func() time.Time { return time.Now().Add(k.ahead) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	folder, err := blobs.Open(filepath.Join(dir, "contents"))
	if err != nil {
		t.Fatal(err)
	}
	k.book, k.shelf = newBook(db), blobs.NewShelf(db, folder)
	return k
}

// TestADocumentThatNobodyHasReadIsNamed: a task that was answered is not removed because sync was not there to read it.
func TestADocumentThatNobodyHasReadIsNamed(t *testing.T) {
	k := newKept(t)
	handed, other := sync.DigestOf([]byte("handed in")), sync.DigestOf([]byte("other"))
	hand := func(text string) {
		t.Helper()
		r := journal.Row{Object: "s/kentico.document/a", Digest: sync.DigestOf([]byte(text)), Content: text}
		if _, _, err := k.errands.HandIn(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	hand("handed in")
	named := func() string {
		t.Helper()
		all, err := k.Named(t.Context(), handed, other)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(all)
	}
	if got := named(); got != "[true false]" {
		t.Errorf("named %s", got)
	}
	k.ahead = 31 * 24 * time.Hour
	hand("a later one")
	for range 2 {
		if _, err := k.Prune(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if got := named(); got != "[false false]" {
		t.Errorf("a month later: named %s", got)
	}
}

func TestNamesOfServers(t *testing.T) {
	k := newKept(t)
	self, met, far := sync.ServerID(strings.Repeat("A", 20)), sync.ServerID(strings.Repeat("B", 20)), sync.ServerID(strings.Repeat("C", 20))
	if _, err := k.Greet(t.Context(), stored.Server{ID: met, Name: "dev"}); err != nil {
		t.Fatal(err)
	}
	got := k.names(self)(t.Context(), []sync.ServerID{met, self, far})
	if want := "[dev " + string(far) + "]"; fmt.Sprint(got) != want {
		t.Errorf("names %v, want %s", got, want)
	}
}

// TestSyncLooksAtWhatIsKept at once, and at nothing that is not.
func TestSyncLooksAtWhatIsKept(t *testing.T) {
	k := newKept(t)
	link := &tasks.Link{Kept: true, Peer: syncserver.Peer{Assembly: "a"}}
	s, err := errands.New(errands.Config{Journal: k.errands, Blobs: k.shelf, Link: func() *tasks.Link { return link }, Owner: "gate", AtOnce: 1,
		Now: time.Now, NewID: NewID, Names: k.names(""), Travels: func(sync.Object) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	keep := keeper{s, func() { looked++ }}
	row := syncserver.Row{Table: "CMS_Document", Columns: []syncserver.Column{{Name: "DocumentGUID", Value: "1"}}}
	task := syncserver.Task{Type: "UpdateDocument", Data: syncserver.Dataset{Root: "NewDataSet", Rows: []syncserver.Row{row}}}
	if err := keep.Keep(t.Context(), task); err != nil || looked != 1 {
		t.Errorf("looked %d times, %v", looked, err)
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	row.Columns[0].Value = "2"
	if err := keep.Keep(gone, task); err == nil || looked != 1 {
		t.Errorf("looked %d times, %v", looked, err)
	}
}

// TestWhatTravels is what a peer takes, of the configuration of now.
func TestWhatTravels(t *testing.T) {
	c := &conf.Config{}
	holds := travels(func() *conf.Config { return c })
	for _, tt := range []struct {
		peer conf.SyncPeer
		want string
	}{
		{conf.SyncPeer{Direction: "both", Kinds: []string{"kentico.document"}}, "[true false]"},
		{conf.SyncPeer{Direction: "from", Kinds: []string{"kentico.document"}}, "[false false]"},
		{conf.SyncPeer{Direction: "to", Kinds: []string{"kentico.document", "kentico.media.file"}}, "[true true]"},
		{conf.SyncPeer{Direction: "to", Kinds: []string{"kentico.document"}, Paths: []string{"other"}}, "[false false]"},
	} {
		c.Sync.Peers = []conf.SyncPeer{tt.peer}
		if got := fmt.Sprint([]bool{holds("shop/kentico.document/a"), holds("shop/kentico.media.file/a")}); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.peer, got, tt.want)
		}
	}
}
