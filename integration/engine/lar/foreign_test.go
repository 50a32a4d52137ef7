package lar

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

var sample = content.Item{Kind: content.Page, UUID: "u-1", Name: "A & <b> \"c\"", Version: 3, LayoutID: 2, ParentLayoutID: 1, FriendlyURL: "/a",
	MediaType: "text/html", Modified: time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC), Portlets: []string{"8", " x,y "},
	Refs: []content.Ref{{Kind: content.Document, UUID: "u-2", Name: "d", Weak: true}}}

// FuzzReadItem holds: what is accepted is written back to something that reads as the same item.
func FuzzReadItem(f *testing.F) {
	b, err := writeItem(sample, "/group/1/x/2/content")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`<item xmlns="urn:stagelock:item:1" kind="article" uuid="u" name="n" version="1" modified="2024-01-01T00:00:00Z"/>`))
	f.Add([]byte(`<!DOCTYPE item [<!ENTITY a "b">]><item xmlns="urn:stagelock:item:1" kind="&a;"/>`))
	f.Add([]byte(`<item xmlns="urn:stagelock:item:1"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		it, body, err := readItem(b)
		if err != nil {
			return
		}
		again, err := writeItem(it, body)
		if err != nil {
			t.Fatalf("%+v: %v", it, err)
		}
		got, gotBody, err := readItem(again)
		if err != nil || gotBody != body || !reflect.DeepEqual(got, it) {
			t.Errorf("got %+v %q, error %v; want %+v %q", got, gotBody, err, it, body)
		}
	})
}

func TestReadItem(t *testing.T) {
	b, err := writeItem(sample, "/c")
	if err != nil {
		t.Fatal(err)
	}
	it, body, err := readItem(b)
	if err != nil || body != "/c" || !reflect.DeepEqual(it, sample) {
		t.Errorf("got %+v %q, error %v", it, body, err)
	}
	for _, tt := range []struct {
		name, xml string
		foreign   bool
	}{
		{"the vendor's", `<?xml version="1.0"?><LayoutImpl><plid>1</plid></LayoutImpl>`, true},
		{"another element", `<page xmlns="urn:stagelock:item:1"/>`, true},
		{"not whole", `<item xmlns="urn:stagelock:item:1"`, true},
		{"no time", `<item xmlns="urn:stagelock:item:1" kind="page" uuid="u" name="n" version="1"/>`, false},
		{"unknown kind", item(`kind="blog" uuid="u" name="n" version="1"`), false},
		{"entry is no kind of content", item(`kind="entry" uuid="u" name="n" version="1"`), false},
		{"no uuid", item(`kind="article" name="n" version="1"`), false},
		{"no version", item(`kind="article" uuid="u" name="n"`), false},
		{"page without a place", item(`kind="page" uuid="u" name="n" version="1"`), false},
		{"negative", item(`kind="page" uuid="u" name="n" version="1" layout-id="1" friendly-url="/" parent-layout-id="-1"`), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := readItem([]byte(tt.xml)); err == nil || errors.Is(err, errForeignItem) != tt.foreign {
				t.Errorf("error %v, want one that is foreign: %t", err, tt.foreign)
			}
		})
	}
}

func item(attrs string) string {
	return `<item xmlns="urn:stagelock:item:1" modified="2024-01-01T00:00:00Z" ` + attrs + `/>`
}

// FuzzReadDeletions holds: what is read and written is read the same.
func FuzzReadDeletions(f *testing.F) {
	b, err := writeDeletions(1, []deletion{{content.Page, "a"}, {content.Document, "b"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`<deletion-system-events><deletion-system-event class-name="x" uuid="y"/></deletion-system-events>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := readDeletions(b)
		if err != nil {
			return
		}
		again, err := writeDeletions(1, all)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readDeletions(again); err != nil || !reflect.DeepEqual(got, all) {
			t.Errorf("got %v, error %v; want %v", got, err, all)
		}
	})
}

func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		deployed, lar string
		want          bool
	}{
		{"4.0.0", "4.0.0", true}, {"4.1.0", "4.0.9", true}, {"4.0.0", "4.1.0", false}, {"4.0.0", "3.0.0", false},
		{"4.0.0", "5.0.0", false}, {"4.0.0", "4", false}, {"4.0.0", "", false}, {"4.0.0", "4.x", false}, {"4.0.0", "-4.0", false},
	} {
		if got := fits(tt.deployed, tt.lar); got != tt.want {
			t.Errorf("fits(%q, %q) = %t", tt.deployed, tt.lar, got)
		}
	}
}
