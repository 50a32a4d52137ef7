package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
)

// TestValues runs the conformance suite of store.Values.
func TestValues(t *testing.T, open Opener[store.Values]) {
	rows(t, open, []row[store.Values]{
		{"store, load, overwrite", valuesRoundTrip},
		{"unknown", valuesUnknown},
		{"malformed keys", valuesMalformed},
		{"odd keys", valuesOdd},
		{"list", valuesList},
		{"delete", valuesDelete},
		{"stat", valuesStat},
		{"cancelled", valuesCancelled},
		{"concurrent", valuesConcurrent},
		{"closed", valuesClosed},
	})
}

func checkValue(t *testing.T, s store.Values, key string, want []byte) {
	t.Helper()
	got, err := s.Load(context.Background(), key)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("value of %q is %.40q, want %.40q", key, got, want)
	}
}

func valuesRoundTrip(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	for _, v := range [][]byte{[]byte("one"), {}, {0, 255, '\n'}, bytes.Repeat([]byte("x"), 1<<20),
		[]byte("two")} {
		must(t, p.cur.Store(ctx, "a/b", v))
		checkValue(t, p.cur, "a/b", v)
		checkValue(t, p.reopen(), "a/b", v)
	}
	v := []byte("mine")
	must(t, p.cur.Store(ctx, "a/b", v))
	clear(v)
	checkValue(t, p.cur, "a/b", []byte("mine"))
}

func valuesUnknown(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	must(t, p.cur.Store(ctx, "a/b/c", []byte("x")))
	for _, key := range []string{"a", "a/b", "a/b/c/d", "a/b/cd", "A/b/c", "b"} {
		_, err := p.cur.Load(ctx, key)
		wantErr(t, "Load "+key, err, store.ErrNotFound)
	}
	for _, key := range []string{"a/b/c/d", "a/b/cd", "a/", "b", "A"} {
		if _, err := p.cur.Stat(ctx, key); err == nil {
			t.Errorf("Stat %q found something", key)
		}
		if err := p.cur.Delete(ctx, key); err == nil {
			t.Errorf("Delete %q found something", key)
		}
	}
	checkValue(t, p.cur, "a/b/c", []byte("x"))
}

func valuesMalformed(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	must(t, p.cur.Store(ctx, "a/b", []byte("x")))
	for _, key := range []string{"", "/", "/a", "a/", "a//b"} {
		if p.cur.Store(ctx, key, []byte("x")) == nil {
			t.Errorf("key %q was taken", key)
		}
		if p.cur.Delete(ctx, key) == nil {
			t.Errorf("key %q was deleted", key)
		}
	}
	checkValue(t, p.cur, "a/b", []byte("x"))
}

func valuesOdd(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	for _, s := range odd {
		for _, key := range []string{s, "dir/" + s, s + "/in", s + "/in/" + s} {
			must(t, p.cur.Store(ctx, key, []byte(key)))
		}
	}
	s := p.reopen()
	for _, name := range odd {
		for _, key := range []string{name, "dir/" + name, name + "/in", name + "/in/" + name} {
			checkValue(t, s, key, []byte(key))
		}
		below, err := s.List(ctx, name, true)
		must(t, err)
		if d := cmp.Diff([]string{name + "/in", name + "/in/" + name}, below); d != "" {
			t.Errorf("below %q (-want +got):\n%s", name, d)
		}
	}
	want := make([]string, len(odd))
	for i, name := range odd {
		want[i] = "dir/" + name
	}
	slices.Sort(want)
	got, err := s.List(ctx, "dir", false)
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("below dir (-want +got):\n%s", d)
	}
	for i, name := range odd {
		must(t, s.Delete(ctx, name))
		left, err := s.List(ctx, "", false)
		must(t, err)
		if len(left) != len(odd)-i { // the others and dir
			t.Fatalf("after deleting %q %d are left: %q", name, len(left), left)
		}
	}
}

func valuesList(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	for _, key := range []string{"b/2/x", "a", "b/1", "b", "b/2/y", "ba/1", "b-/1", "b0",
		"c/d/e/f"} {
		must(t, p.cur.Store(ctx, key, []byte(key)))
	}
	for _, tt := range []struct {
		prefix    string
		recursive bool
		want      string
	}{
		{"", false, "a b b- b0 ba c"},
		{"", true, "a b b- b-/1 b/1 b/2 b/2/x b/2/y b0 ba ba/1 c c/d c/d/e c/d/e/f"},
		{"b", false, "b/1 b/2"},
		{"b", true, "b/1 b/2 b/2/x b/2/y"},
		{"b/2", false, "b/2/x b/2/y"},
		{"c", false, "c/d"},
		{"a", true, ""},
		{"nothing", true, ""},
		{"b/2/x/y", false, ""},
	} {
		got, err := p.cur.List(ctx, tt.prefix, tt.recursive)
		must(t, err)
		if d := cmp.Diff(strings.Fields(tt.want), got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("list %q recursive %v (-want +got):\n%s", tt.prefix, tt.recursive, d)
		}
	}
}

func valuesDelete(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	for _, key := range []string{"b", "b/1", "b/2/x", "b0", "ba", "b-"} {
		must(t, p.cur.Store(ctx, key, nil))
	}
	must(t, p.cur.Delete(ctx, "b/2"))
	wantErr(t, "second delete", p.cur.Delete(ctx, "b/2"), store.ErrNotFound)
	must(t, p.cur.Delete(ctx, "b"))
	got, err := p.reopen().List(ctx, "", true)
	must(t, err)
	if d := cmp.Diff([]string{"b-", "b0", "ba"}, got); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}

func valuesStat(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	must(t, p.cur.Store(ctx, "a/b", []byte("12345")))
	first, err := p.cur.Stat(ctx, "a/b")
	must(t, err)
	if first.Key != "a/b" || first.Size != 5 || first.ModifiedAt.IsZero() {
		t.Errorf("Stat = %+v", first)
	}
	must(t, p.cur.Store(ctx, "a/b", []byte("123")))
	second, err := p.reopen().Stat(ctx, "a/b")
	must(t, err)
	if second.Size != 3 || second.ModifiedAt.Before(first.ModifiedAt) {
		t.Errorf("Stat after overwriting = %+v, before %+v", second, first)
	}
	dir, err := p.cur.Stat(ctx, "a")
	must(t, err)
	if dir.Key != "a" || dir.Size != 0 || !dir.ModifiedAt.IsZero() {
		t.Errorf("Stat of a key above = %+v", dir)
	}
}

func valuesCancelled(t *testing.T, p *place[store.Values]) {
	gone := cancelled()
	wantErr(t, "Store", p.cur.Store(gone, "a", nil), context.Canceled)
	_, err := p.cur.Load(gone, "a")
	wantErr(t, "Load", err, context.Canceled)
	_, err = p.cur.List(gone, "", true)
	wantErr(t, "List", err, context.Canceled)
	_, err = p.cur.Load(context.Background(), "a")
	wantErr(t, "Load of a cancelled store", err, store.ErrNotFound)
}

func valuesConcurrent(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			own, shared := fmt.Sprintf("own/%d", w), bytes.Repeat([]byte{byte(w)}, 4096)
			for i := range 10 {
				v := fmt.Appendf(nil, "%d", i)
				if err := p.cur.Store(ctx, own, v); err != nil {
					t.Error(err)
				}
				if got, err := p.cur.Load(ctx, own); err != nil || !bytes.Equal(got, v) {
					t.Errorf("%s = %q, %v right after storing %q", own, got, err, v)
				}
				if err := p.cur.Store(ctx, "shared", shared); err != nil {
					t.Error(err)
				}
				got, err := p.cur.Load(ctx, "shared")
				if err != nil || len(got) != 4096 || bytes.Count(got, got[:1]) != 4096 {
					t.Errorf("shared value is torn: %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func valuesClosed(t *testing.T, p *place[store.Values]) {
	ctx := context.Background()
	must(t, p.cur.Store(ctx, "a", []byte("x")))
	p.close()
	wantErr(t, "Store", p.cur.Store(ctx, "a", nil), store.ErrClosed)
	_, err := p.cur.Load(ctx, "a")
	wantErr(t, "Load", err, store.ErrClosed)
	checkValue(t, p.reopen(), "a", []byte("x"))
}
