package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store"
)

func TestCheckKey(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		ok        bool
	}{
		{"one segment", "a", true}, {"two", "a/b", true}, {"any text", "../ä b\x00", true}, {"a blank", " ", true},
		{"nothing", "", false}, {"a slash", "/", false}, {"rooted", "/a", false}, {"open at the end", "a/", false}, {"a hole", "a//b", false},
	} {
		if err := store.CheckKey(tt.key); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestKeysBelow(t *testing.T) {
	stored := []string{"a", "a/b", "a/b/c", "a/d/e/f", "ab", "ab/c", "b/a"}
	below := func(prefix string) []string {
		var all []string
		for _, k := range stored {
			if prefix == "" || strings.HasPrefix(k, prefix+"/") {
				all = append(all, k)
			}
		}
		return all
	}
	for _, tt := range []struct {
		name, prefix string
		recursive    bool
		want         string
	}{
		{"children of all", "", false, "a ab b"},
		{"all", "", true, "a a/b a/b/c a/d a/d/e a/d/e/f ab ab/c b b/a"},
		{"children, also those that only have keys below", "a", false, "a/b a/d"},
		{"all below", "a", true, "a/b a/b/c a/d a/d/e a/d/e/f"},
		{"below what is no key itself", "a/d", false, "a/d/e"},
		{"a prefix is not the begin of a name", "ab", true, "ab/c"},
		{"below a leaf", "a/b/c", true, ""},
		{"below nothing", "c", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := store.KeysBelow(below(tt.prefix), tt.prefix, tt.recursive)
			if !slices.Equal(got, strings.Fields(tt.want)) {
				t.Errorf("got %q, want %s", got, tt.want)
			}
		})
	}
}

// FuzzKeysBelow: every stored key is found from the top, each with all that is above it, in order, once.
func FuzzKeysBelow(f *testing.F) {
	f.Add("a/b", "a/b/c", "ab")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var stored []string
		for _, k := range []string{a, b, c} {
			if store.CheckKey(k) == nil {
				stored = append(stored, k)
			}
		}
		all := store.KeysBelow(stored, "", true)
		if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
			t.Errorf("%q of %q", all, stored)
		}
		for _, k := range stored {
			for ; ; k = k[:strings.LastIndexByte(k, '/')] {
				if !slices.Contains(all, k) {
					t.Errorf("%q is not in %q", k, all)
				}
				if !strings.Contains(k, "/") {
					break
				}
			}
		}
	})
}
