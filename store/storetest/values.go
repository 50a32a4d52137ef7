package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestValues runs the conformance suite of store.Values.
func TestValues(t *testing.T, open place.Opener[store.Values]) {
	place.Run(t, open, []place.Row[store.Values]{
		{Name: "store, load, overwrite", Run: valuesRoundTrip},
		{Name: "unknown", Run: valuesUnknown},
		{Name: "malformed keys", Run: valuesMalformed},
		{Name: "odd keys", Run: valuesOdd},
		{Name: "list", Run: valuesList},
		{Name: "delete", Run: valuesDelete},
		{Name: "stat", Run: valuesStat},
		{Name: "swap", Run: valuesSwap},
		{Name: "swaps at once", Run: valuesSwaps},
		{Name: "cancelled", Run: valuesCancelled},
		{Name: "concurrent", Run: valuesConcurrent},
		{Name: "closed", Run: valuesClosed},
	})
}

func checkValue(t *testing.T, s store.Values, key string, want []byte) {
	t.Helper()
	got, err := s.Load(context.Background(), key)
	place.Must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("value of %q is %.40q, want %.40q", key, got, want)
	}
}

func valuesRoundTrip(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	for _, v := range [][]byte{[]byte("one"), {}, {0, 255, '\n'}, bytes.Repeat([]byte("x"), 1<<20),
		[]byte("two")} {
		place.Must(t, p.Store.Store(ctx, "a/b", v))
		checkValue(t, p.Store, "a/b", v)
		checkValue(t, p.Reopen(), "a/b", v)
	}
	v := []byte("mine")
	place.Must(t, p.Store.Store(ctx, "a/b", v))
	clear(v)
	checkValue(t, p.Store, "a/b", []byte("mine"))
}

func valuesUnknown(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	place.Must(t, p.Store.Store(ctx, "a/b/c", []byte("x")))
	for _, key := range []string{"a", "a/b", "a/b/c/d", "a/b/cd", "A/b/c", "b"} {
		_, err := p.Store.Load(ctx, key)
		place.WantErr(t, "Load "+key, err, store.ErrNotFound)
	}
	for _, key := range []string{"a/b/c/d", "a/b/cd", "a/", "b", "A"} {
		if _, err := p.Store.Stat(ctx, key); err == nil {
			t.Errorf("Stat %q found something", key)
		}
		if err := p.Store.Delete(ctx, key); err == nil {
			t.Errorf("Delete %q found something", key)
		}
	}
	checkValue(t, p.Store, "a/b/c", []byte("x"))
}

func valuesMalformed(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	place.Must(t, p.Store.Store(ctx, "a/b", []byte("x")))
	for _, key := range []string{"", "/", "/a", "a/", "a//b"} {
		if p.Store.Store(ctx, key, []byte("x")) == nil {
			t.Errorf("key %q was taken", key)
		}
		if p.Store.Delete(ctx, key) == nil {
			t.Errorf("key %q was deleted", key)
		}
	}
	checkValue(t, p.Store, "a/b", []byte("x"))
}

func valuesOdd(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	for _, s := range place.Odd {
		for _, key := range []string{s, "dir/" + s, s + "/in", s + "/in/" + s} {
			place.Must(t, p.Store.Store(ctx, key, []byte(key)))
		}
	}
	s := p.Reopen()
	for _, name := range place.Odd {
		for _, key := range []string{name, "dir/" + name, name + "/in", name + "/in/" + name} {
			checkValue(t, s, key, []byte(key))
		}
		below, err := s.List(ctx, name, true)
		place.Must(t, err)
		if d := cmp.Diff([]string{name + "/in", name + "/in/" + name}, below); d != "" {
			t.Errorf("below %q (-want +got):\n%s", name, d)
		}
	}
	want := make([]string, len(place.Odd))
	for i, name := range place.Odd {
		want[i] = "dir/" + name
	}
	slices.Sort(want)
	got, err := s.List(ctx, "dir", false)
	place.Must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("below dir (-want +got):\n%s", d)
	}
	for i, name := range place.Odd {
		place.Must(t, s.Delete(ctx, name))
		left, err := s.List(ctx, "", false)
		place.Must(t, err)
		if len(left) != len(place.Odd)-i { // the others and dir
			t.Fatalf("after deleting %q %d are left: %q", name, len(left), left)
		}
	}
}

func valuesList(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	for _, key := range []string{"b/2/x", "a", "b/1", "b", "b/2/y", "ba/1", "b-/1", "b0",
		"c/d/e/f"} {
		place.Must(t, p.Store.Store(ctx, key, []byte(key)))
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
		got, err := p.Store.List(ctx, tt.prefix, tt.recursive)
		place.Must(t, err)
		if d := cmp.Diff(strings.Fields(tt.want), got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("list %q recursive %v (-want +got):\n%s", tt.prefix, tt.recursive, d)
		}
	}
}

func valuesDelete(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	for _, key := range []string{"b", "b/1", "b/2/x", "b0", "ba", "b-"} {
		place.Must(t, p.Store.Store(ctx, key, nil))
	}
	place.Must(t, p.Store.Delete(ctx, "b/2"))
	place.WantErr(t, "second delete", p.Store.Delete(ctx, "b/2"), store.ErrNotFound)
	place.Must(t, p.Store.Delete(ctx, "b"))
	got, err := p.Reopen().List(ctx, "", true)
	place.Must(t, err)
	if d := cmp.Diff([]string{"b-", "b0", "ba"}, got); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}

func valuesStat(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	place.Must(t, p.Store.Store(ctx, "a/b", []byte("12345")))
	first, err := p.Store.Stat(ctx, "a/b")
	place.Must(t, err)
	if first.Key != "a/b" || first.Size != 5 || first.ModifiedAt.IsZero() {
		t.Errorf("Stat = %+v", first)
	}
	place.Must(t, p.Store.Store(ctx, "a/b", []byte("123")))
	second, err := p.Reopen().Stat(ctx, "a/b")
	place.Must(t, err)
	if second.Size != 3 || second.ModifiedAt.Before(first.ModifiedAt) {
		t.Errorf("Stat after overwriting = %+v, before %+v", second, first)
	}
	dir, err := p.Store.Stat(ctx, "a")
	place.Must(t, err)
	if dir.Key != "a" || dir.Size != 0 || !dir.ModifiedAt.IsZero() {
		t.Errorf("Stat of a key above = %+v", dir)
	}
}

func valuesCancelled(t *testing.T, p *place.Place[store.Values]) {
	gone := place.Cancelled()
	place.WantErr(t, "Store", p.Store.Store(gone, "a", nil), context.Canceled)
	_, err := p.Store.Load(gone, "a")
	place.WantErr(t, "Load", err, context.Canceled)
	_, err = p.Store.List(gone, "", true)
	place.WantErr(t, "List", err, context.Canceled)
	_, err = p.Store.Load(context.Background(), "a")
	place.WantErr(t, "Load of a cancelled store", err, store.ErrNotFound)
}

func valuesConcurrent(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			own, shared := fmt.Sprintf("own/%d", w), bytes.Repeat([]byte{byte(w)}, 4096)
			for i := range 10 {
				v := fmt.Appendf(nil, "%d", i)
				if err := p.Store.Store(ctx, own, v); err != nil {
					t.Error(err)
				}
				if got, err := p.Store.Load(ctx, own); err != nil || !bytes.Equal(got, v) {
					t.Errorf("%s = %q, %v right after storing %q", own, got, err, v)
				}
				if err := p.Store.Store(ctx, "shared", shared); err != nil {
					t.Error(err)
				}
				got, err := p.Store.Load(ctx, "shared")
				if err != nil || len(got) != 4096 || bytes.Count(got, got[:1]) != 4096 {
					t.Errorf("shared value is torn: %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func valuesClosed(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	place.Must(t, p.Store.Store(ctx, "a", []byte("x")))
	p.Close()
	place.WantErr(t, "Store", p.Store.Store(ctx, "a", nil), store.ErrClosed)
	_, err := p.Store.Load(ctx, "a")
	place.WantErr(t, "Load", err, store.ErrClosed)
	checkValue(t, p.Reopen(), "a", []byte("x"))
}

func valuesSwap(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	place.WantErr(t, "of none", p.Store.Swap(ctx, "a/b", nil, []byte("x")), store.ErrStale)
	place.Must(t, p.Store.Store(ctx, "a/b", []byte("one")))
	place.Must(t, p.Store.Store(ctx, "a/b/c", []byte("one")))
	for _, old := range []string{"", "On", "one ", "ONE", "one\x00"} {
		place.WantErr(t, old, p.Store.Swap(ctx, "a/b", []byte(old), []byte("x")), store.ErrStale)
	}
	place.Must(t, p.Store.Swap(ctx, "a/b", []byte("one"), []byte("two\x00\xff")))
	place.WantErr(t, "again", p.Store.Swap(ctx, "a/b", []byte("one"), []byte("three")), store.ErrStale)
	place.Must(t, p.Store.Swap(ctx, "a/b", []byte("two\x00\xff"), nil))
	place.Must(t, p.Store.Swap(ctx, "a/b", []byte{}, []byte("end")))
	for key, want := range map[string]string{"a/b": "end", "a/b/c": "one"} {
		if got, err := p.Reopen().Load(ctx, key); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", key, got, err, want)
		}
	}
	if err := p.Store.Swap(ctx, "a//b", nil, nil); err == nil || errors.Is(err, store.ErrStale) {
		t.Errorf("a malformed key: %v", err)
	}
}

// valuesSwaps has many count up one value: each step is one's.
func valuesSwaps(t *testing.T, p *place.Place[store.Values]) {
	ctx := context.Background()
	const workers, each = 6, 10
	place.Must(t, p.Store.Store(ctx, "n", []byte("0")))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for done := 0; done < each; {
				old, err := p.Store.Load(ctx, "n")
				if err != nil {
					t.Error(err)
					return
				}
				n, err := strconv.Atoi(string(old))
				if err != nil {
					t.Error(err)
					return
				}
				err = p.Store.Swap(ctx, "n", old, []byte(strconv.Itoa(n+1)))
				if err == nil {
					done++
				} else if !errors.Is(err, store.ErrStale) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if got, err := p.Store.Load(ctx, "n"); err != nil || string(got) != strconv.Itoa(workers*each) {
		t.Errorf("counted up to %q, %v", got, err)
	}
}
