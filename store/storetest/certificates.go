package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
)

// TestCertificates runs the conformance suite of store.Certificates.
func TestCertificates(t *testing.T, open func(t *testing.T, dir string) store.Certificates) {
	rows(t, open, []row[store.Certificates]{
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
		{"lease excludes", leaseExcludes},
		{"lease runs out", leaseRunsOut},
		{"lease is renewed", leaseRenew},
		{"lease of the same owner", leaseOwn},
		{"leases survive", leaseReopen},
		{"one of many acquires", leaseConcurrent},
	})
}

func checkValue(t *testing.T, s store.Certificates, key string, want []byte) {
	t.Helper()
	got, err := s.LoadValue(context.Background(), key)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("value of %q is %.40q, want %.40q", key, got, want)
	}
}

func valuesRoundTrip(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	for _, v := range [][]byte{[]byte("one"), {}, {0, 255, '\n'}, bytes.Repeat([]byte("x"), 1<<20),
		[]byte("two")} {
		must(t, p.cur.StoreValue(ctx, "a/b", v))
		checkValue(t, p.cur, "a/b", v)
		checkValue(t, p.reopen(), "a/b", v)
	}
	v := []byte("mine")
	must(t, p.cur.StoreValue(ctx, "a/b", v))
	clear(v)
	checkValue(t, p.cur, "a/b", []byte("mine"))
}

func valuesUnknown(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	must(t, p.cur.StoreValue(ctx, "a/b/c", []byte("x")))
	for _, key := range []string{"a", "a/b", "a/b/c/d", "a/b/cd", "A/b/c", "b"} {
		_, err := p.cur.LoadValue(ctx, key)
		wantErr(t, "LoadValue "+key, err, store.ErrNotFound)
	}
	for _, key := range []string{"a/b/c/d", "a/b/cd", "a/", "b", "A"} {
		if _, err := p.cur.StatValue(ctx, key); err == nil {
			t.Errorf("StatValue %q found something", key)
		}
		if err := p.cur.DeleteValue(ctx, key); err == nil {
			t.Errorf("DeleteValue %q found something", key)
		}
	}
	checkValue(t, p.cur, "a/b/c", []byte("x"))
}

func valuesMalformed(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	must(t, p.cur.StoreValue(ctx, "a/b", []byte("x")))
	for _, key := range []string{"", "/", "/a", "a/", "a//b"} {
		if p.cur.StoreValue(ctx, key, []byte("x")) == nil {
			t.Errorf("key %q was taken", key)
		}
		if p.cur.DeleteValue(ctx, key) == nil {
			t.Errorf("key %q was deleted", key)
		}
	}
	checkValue(t, p.cur, "a/b", []byte("x"))
}

func valuesOdd(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	for _, s := range odd {
		for _, key := range []string{s, "dir/" + s, s + "/in", s + "/in/" + s} {
			must(t, p.cur.StoreValue(ctx, key, []byte(key)))
		}
	}
	s := p.reopen()
	for _, name := range odd {
		for _, key := range []string{name, "dir/" + name, name + "/in", name + "/in/" + name} {
			checkValue(t, s, key, []byte(key))
		}
		below, err := s.ListValues(ctx, name, true)
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
	got, err := s.ListValues(ctx, "dir", false)
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("below dir (-want +got):\n%s", d)
	}
	for i, name := range odd {
		must(t, s.DeleteValue(ctx, name))
		left, err := s.ListValues(ctx, "", false)
		must(t, err)
		if len(left) != len(odd)-i { // the others and dir
			t.Fatalf("after deleting %q %d are left: %q", name, len(left), left)
		}
	}
}

func valuesList(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	for _, key := range []string{"b/2/x", "a", "b/1", "b", "b/2/y", "ba/1", "b-/1", "b0",
		"c/d/e/f"} {
		must(t, p.cur.StoreValue(ctx, key, []byte(key)))
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
		got, err := p.cur.ListValues(ctx, tt.prefix, tt.recursive)
		must(t, err)
		if d := cmp.Diff(strings.Fields(tt.want), got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("list %q recursive %v (-want +got):\n%s", tt.prefix, tt.recursive, d)
		}
	}
}

func valuesDelete(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	for _, key := range []string{"b", "b/1", "b/2/x", "b0", "ba", "b-"} {
		must(t, p.cur.StoreValue(ctx, key, nil))
	}
	must(t, p.cur.DeleteValue(ctx, "b/2"))
	wantErr(t, "second delete", p.cur.DeleteValue(ctx, "b/2"), store.ErrNotFound)
	must(t, p.cur.DeleteValue(ctx, "b"))
	got, err := p.reopen().ListValues(ctx, "", true)
	must(t, err)
	if d := cmp.Diff([]string{"b-", "b0", "ba"}, got); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}

func valuesStat(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	must(t, p.cur.StoreValue(ctx, "a/b", []byte("12345")))
	first, err := p.cur.StatValue(ctx, "a/b")
	must(t, err)
	if first.Key != "a/b" || first.Size != 5 || first.ModifiedAt.IsZero() {
		t.Errorf("StatValue = %+v", first)
	}
	must(t, p.cur.StoreValue(ctx, "a/b", []byte("123")))
	second, err := p.reopen().StatValue(ctx, "a/b")
	must(t, err)
	if second.Size != 3 || second.ModifiedAt.Before(first.ModifiedAt) {
		t.Errorf("StatValue after overwriting = %+v, before %+v", second, first)
	}
	dir, err := p.cur.StatValue(ctx, "a")
	must(t, err)
	if dir.Key != "a" || dir.Size != 0 || !dir.ModifiedAt.IsZero() {
		t.Errorf("StatValue of a key above = %+v", dir)
	}
}

func valuesCancelled(t *testing.T, p *place[store.Certificates]) {
	gone := cancelled()
	wantErr(t, "StoreValue", p.cur.StoreValue(gone, "a", nil), context.Canceled)
	_, err := p.cur.LoadValue(gone, "a")
	wantErr(t, "LoadValue", err, context.Canceled)
	_, err = p.cur.ListValues(gone, "", true)
	wantErr(t, "ListValues", err, context.Canceled)
	_, err = p.cur.Acquire(gone, "a", "o", time.Minute, at(0))
	wantErr(t, "Acquire", err, context.Canceled)
	_, err = p.cur.LoadValue(context.Background(), "a")
	wantErr(t, "LoadValue of a cancelled store", err, store.ErrNotFound)
}

func valuesConcurrent(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			own, shared := fmt.Sprintf("own/%d", w), bytes.Repeat([]byte{byte(w)}, 4096)
			for i := range 10 {
				v := fmt.Appendf(nil, "%d", i)
				if err := p.cur.StoreValue(ctx, own, v); err != nil {
					t.Error(err)
				}
				if got, err := p.cur.LoadValue(ctx, own); err != nil || !bytes.Equal(got, v) {
					t.Errorf("%s = %q, %v right after storing %q", own, got, err, v)
				}
				if err := p.cur.StoreValue(ctx, "shared", shared); err != nil {
					t.Error(err)
				}
				got, err := p.cur.LoadValue(ctx, "shared")
				if err != nil || len(got) != 4096 || bytes.Count(got, got[:1]) != 4096 {
					t.Errorf("shared value is torn: %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func valuesClosed(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	must(t, p.cur.StoreValue(ctx, "a", []byte("x")))
	p.close()
	wantErr(t, "StoreValue", p.cur.StoreValue(ctx, "a", nil), store.ErrClosed)
	_, err := p.cur.LoadValue(ctx, "a")
	wantErr(t, "LoadValue", err, store.ErrClosed)
	checkValue(t, p.reopen(), "a", []byte("x"))
}
