package room_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser/room"
)

// What is handed out is zero, and nobody else's, however much of it and how often the room was used before.
func TestSlabHandsOutWhatNobodyHas(t *testing.T) {
	var s room.Slab[int]
	for round := range 3 {
		all := map[*int]bool{}
		for _, n := range []int{1, 3, 12, 1, 47, 48, 49, 500, 1, 95, 96, 97} {
			own := s.Many(n)
			if len(own) != n || cap(own) != n {
				t.Fatalf("%d of %d, room for %d", len(own), n, cap(own))
			}
			for i := range own {
				if own[i] != 0 || all[&own[i]] {
					t.Fatalf("round %d: %d, given to somebody before: %v", round, own[i], all[&own[i]])
				}
				own[i], all[&own[i]] = 7, true
			}
		}
		one := s.One()
		if *one != 0 || all[one] {
			t.Errorf("round %d: one is %d", round, *one)
		}
		*one = 9
		s.Again()
	}
}

func TestPushKeepsAll(t *testing.T) {
	var all []int
	for i := range 1000 {
		all = room.Push(all, i)
	}
	for i, n := range all {
		if n != i {
			t.Fatalf("%d where %d was", n, i)
		}
	}
	if cap(all) > 2048 {
		t.Errorf("room for %d", cap(all))
	}
}

func TestTextsAreFoundAgain(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		kept       bool
	}{
		{"a login", "test@liferay.com", true},
		{"the longest", strings.Repeat("a", room.MaxText), true},
		{"longer", strings.Repeat("a", room.MaxText+1), false},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := room.NewTexts()
			_, place, ok := all.Find([]byte(tt.text))
			if ok {
				t.Fatal("it is there before it was kept")
			}
			all.Keep(place, tt.text)
			got, _, ok := all.Find([]byte(tt.text))
			if ok != tt.kept || ok && got != tt.text {
				t.Errorf("%q, %v", got, ok)
			}
		})
	}
}

// However many texts share a place, what is found is what was asked for.
func TestTextsOfOnePlace(t *testing.T) {
	for _, n := range []int{40, 100} {
		all := room.NewTexts()
		found := 0
		for i := range 2000 {
			text := fmt.Sprint(i % n)
			got, place, ok := all.Find([]byte(text))
			if ok && got != text {
				t.Fatalf("%q for %q", got, text)
			}
			if ok {
				found++
			} else {
				all.Keep(place, text)
			}
		}
		if n < 64 && found == 0 || found > 2000-n {
			t.Errorf("%d of 2000 were found, %d of them different", found, n)
		}
	}
}

// Each Texts places its texts by a seed of its own: wherever that puts the few of a small call, none of them costs
// anything behind the first call.
func TestTheTextsOfASmallCallDoNotPushEachOtherOut(t *testing.T) {
	call := []string{"test@liferay.com", "http://live.example:8080", "com.liferay.site.Service", "7.4"}
	for range 2000 {
		all := room.NewTexts()
		for round := range 3 {
			for _, text := range call {
				_, place, ok := all.Find([]byte(text))
				if ok != (round > 0) {
					t.Fatalf("round %d: %q was found: %v", round, text, ok)
				}
				if !ok {
					all.Keep(place, text)
				}
			}
		}
	}
}

func TestBytesAreCopies(t *testing.T) {
	var r room.Bytes
	for round := range 3 {
		var all [][]byte
		b := make([]byte, 100)
		for i := range 20 { // more than there is room for
			for j := range b {
				b[j] = byte(i)
			}
			all = append(all, r.Copy(b))
		}
		for i, own := range all {
			if len(own) != 100 || cap(own) > 112 || bytes.Count(own, []byte{byte(i)}) != 100 {
				t.Fatalf("round %d: piece %d is %v, room for %d", round, i, own[:4], cap(own))
			}
		}
		r.Again()
		for i, own := range all[:5] {
			if bytes.Count(own, []byte{0}) != 100 {
				t.Errorf("round %d: piece %d is still there behind Again", round, i)
			}
		}
	}
	if got := r.Copy(nil); len(got) != 0 {
		t.Errorf("nothing is %v", got)
	}
}
