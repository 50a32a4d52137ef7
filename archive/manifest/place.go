package manifest

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

// Deletions is the last part of the name of the entry that lists what is to be deleted.
const Deletions = "deletion-system-events.xml"

// Place is what the name of an entry says of its content. The zero Place is of what goes along with
// everything, such as settings, comments and ratings.
type Place struct {
	Model       string // class of the model that it is of
	Application string // id of the portlet whose data it is
	Deletions   bool   // it lists what is to be deleted
	Strange     bool   // no portal puts anything there: nothing can be told
}

// along are the files of a site that go along with its content.
var along = []string{
	"tags.xml", "categories.xml", "categories-hierarchy.xml", "comments.xml", "ratings.xml", "links.xml", "locks.xml",
	"expando-tables.xml", "portlet-data-permissions.xml", "roles.xml", "missing-references.xml",
}

// PlaceOf reads a name: group/<id>/<class>/…, company/<id>/<class>/… and group/<id>/portlet/<id>/… are
// what 6.1 and later write, groups/<id>/portlets/<id>/… and groups/<id>/layouts/… what 6.0 does.
func PlaceOf(name string) Place {
	s := strings.Split(strings.TrimPrefix(name, "/"), "/")
	if strings.Contains(name, `\`) || slices.ContainsFunc(s, func(e string) bool { return e == "" || e == "." || e == ".." }) {
		return Place{Strange: true}
	}
	owned := len(s) > 2 && (s[0] == "group" || s[0] == "groups" || s[0] == "company")
	switch {
	case len(s) == 1 && s[0] == Name:
		return Place{}
	case !owned || strings.Trim(s[1], "0123456789") != "":
		return Place{Strange: true}
	case len(s) == 3:
		return Place{Deletions: s[2] == Deletions, Strange: s[2] != Deletions && !slices.Contains(along, s[2])}
	}
	return placeBelow(s[2], s[3:])
}

// placeBelow is the place of what lies in that folder of a site.
func placeBelow(folder string, rest []string) Place {
	switch folder {
	case "portlet", "portlets":
		return ofApplication(rest[0], rest[1:])
	case "layout", "layouts":
		return Place{Model: "Layout"}
	case "comments", "ratings", "service":
		return Place{}
	}
	if strings.Contains(folder, ".") || folder[0] >= 'A' && folder[0] <= 'Z' {
		return Place{Model: folder}
	}
	return Place{Strange: true}
}

// ofApplication is the place of what lies in the folder of an application: its settings, or its data.
func ofApplication(id string, rest []string) Place {
	if len(rest) == 0 {
		return Place{Strange: true}
	}
	file := rest[len(rest)-1]
	if rest[0] == "preferences" && file == "portlet-preferences.xml" || len(rest) == 2 && file == "portlet.xml" {
		return Place{}
	}
	return Place{Application: id}
}

// Deleted reads the classes of what a list of deletions names, each once.
func Deleted(r io.Reader, lim archive.Limits) ([]string, error) {
	doc, all := newElements(&atMost{r: r, left: lim.Manifest}, lim), map[string]bool{}
	for {
		attrs, err := doc.next()
		if errors.Is(err, io.EOF) {
			return slices.Sorted(maps.Keys(all)), nil
		}
		if err != nil {
			return nil, err
		}
		if doc.path[len(doc.path)-1] != "deletion-system-event" {
			continue
		}
		class := attrs["class-name"]
		if class == "" {
			return nil, refusal.New(refusal.CodeManifest, "a deletion does not say of what class")
		}
		all[class] = true
	}
}
