package lar_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// TestWhatCountsAsAChange: an item that arrives again is written again if a visitor could see the difference, and
// else stays as it is; a page that has got another application is another page.
func TestWhatCountsAsAChange(t *testing.T) {
	const base = `xmlns="urn:stagelock:item:1" kind="page" uuid="p" version="1" modified="2026-01-01T00:00:00Z" content="/c" layout-id="1"`
	page := func(attributes, inner string) string {
		return "<item " + base + " " + attributes + ">" + inner + "</item>"
	}
	const plain = `name="Home" friendly-url="/home"`
	was := page(plain, "<portlet>8</portlet>")
	for _, tt := range []struct {
		name, item, text string
		changed          bool
	}{
		{"nothing", was, "text", false},
		{"its time alone", strings.Replace(was, "2026-01-01", "2026-02-01", 1), "text", false},
		{"its version alone", strings.Replace(was, `version="1"`, `version="9"`, 1), "text", false},
		{"its text", was, "another", true},
		{"its name", page(`name="Start" friendly-url="/home"`, "<portlet>8</portlet>"), "text", true},
		{"its address", page(`name="Home" friendly-url="/start"`, "<portlet>8</portlet>"), "text", true},
		{"its place", page(plain+` parent-layout-id="2"`, "<portlet>8</portlet>"), "text", true},
		{"its media type", page(plain+` media-type="text/plain"`, "<portlet>8</portlet>"), "text", true},
		{"one application more", page(plain, "<portlet>8</portlet><portlet>15</portlet>"), "text", true},
		{"no application", page(plain, ""), "text", true},
		{"a tag", page(plain, "<portlet>8</portlet><tag>new</tag>"), "text", true},
		{"a category", page(plain, "<portlet>8</portlet><category>c</category>"), "text", true},
		{"who may see it", page(plain, `<portlet>8</portlet><permission role="Guest"><action>VIEW</action></permission>`), "text", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom(t, nil)
			for _, x := range [][2]string{{was, "text"}, {tt.item, tt.text}} {
				if _, err := r.arrives(site, nil, "manifest.xml", fine, "p.xml", x[0], "c", x[1]); err != nil {
					t.Fatal(err)
				}
			}
			all, err := r.store.Publishes(t.Context(), site)
			it, found, other := r.store.Item(t.Context(), site, content.Page, false, "p")
			if err != nil || other != nil || !found || len(all) != 2 {
				t.Fatalf("%v, %v, %+v", err, other, all)
			}
			want := "0 0 0"
			if tt.changed {
				want = "0 1 0"
			}
			if got := fmt.Sprint(all[1].Added, all[1].Updated, all[1].Deleted); got != want || (it.Publish == all[1].ID) != tt.changed {
				t.Errorf("added, updated, deleted %s, want %s; the page is of publish %d", got, want, it.Publish)
			}
		})
	}
}
