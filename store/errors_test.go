package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store"
)

// TestErrorsAreToldApart: callers branch on them, also where a fact was added.
func TestErrorsAreToldApart(t *testing.T) {
	all := map[string]error{"not found": store.ErrNotFound, "stale": store.ErrStale, "store is closed": store.ErrClosed, "store is full": store.ErrFull}
	for text, err := range all {
		if err.Error() != text {
			t.Errorf("%q, want %q", err, text)
		}
		wrapped := fmt.Errorf("load %q: %w", "a/b", err)
		for _, other := range all {
			if errors.Is(wrapped, other) != (err == other) {
				t.Errorf("%v is taken for %v", wrapped, other)
			}
		}
	}
}

func TestKeysThatAreRefusedSayWhy(t *testing.T) {
	for _, key := range []string{"", "/", "//", "/a", "a/", "a//b", "a/b//", "///a"} {
		if err := store.CheckKey(key); err == nil || err.Error() != "an empty segment in the key" {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{"a", "a/b/c", ".", "..", "a\\b", "a\nb", "\xff", strings.Repeat("a/", 1000) + "a"} {
		if err := store.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// TestKeysBelowAgainstTheContract holds the function against the words of Values.List, on random keys.
func TestKeysBelowAgainstTheContract(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	segment := func() string { return []string{"a", "b", "ab", "a.b", "ä"}[rnd.IntN(5)] }
	for range 2000 {
		var stored []string
		for range rnd.IntN(6) {
			parts := make([]string, 1+rnd.IntN(4))
			for i := range parts {
				parts[i] = segment()
			}
			stored = append(stored, strings.Join(parts, "/"))
		}
		prefix := []string{"", "a", "a/b", "ab"}[rnd.IntN(4)]
		below := slices.DeleteFunc(slices.Clone(stored), func(k string) bool { return prefix != "" && !strings.HasPrefix(k, prefix+"/") })
		for _, recursive := range []bool{false, true} {
			want := listed(below, prefix, recursive)
			if got := store.KeysBelow(below, prefix, recursive); !slices.Equal(got, want) {
				t.Fatalf("below %q of %q, recursive %t: %q, want %q", prefix, stored, recursive, got, want)
			}
		}
	}
}

// listed is the contract, word by word: every key and every key above it, below prefix, sorted, once.
func listed(stored []string, prefix string, recursive bool) []string {
	var all []string
	depth := 0
	if prefix != "" {
		depth = strings.Count(prefix, "/") + 1
	}
	for _, key := range stored {
		parts := strings.Split(key, "/")
		for n := depth + 1; n <= len(parts) && (recursive || n == depth+1); n++ {
			all = append(all, strings.Join(parts[:n], "/"))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
