package settings

import (
	"strconv"
	"strings"
)

// Item is one text that somebody wrote, and where.
type Item struct {
	Text   string
	Origin Origin
}

// Given is what one place says about one leaf: one Item, or any number for a list.
type Given struct {
	Items  []Item
	Origin Origin
}

// Layer is what one kind of place says: leaves by path, and where the sections around them stand.
type Layer struct {
	leaves map[string]Given
	places map[string]Origin
}

// NewLayer returns a layer that says nothing.
func NewLayer() Layer {
	return Layer{leaves: map[string]Given{}, places: map[string]Origin{}}
}

// Put records texts that share one place.
func (l Layer) Put(path string, o Origin, texts ...string) {
	g := Given{Origin: o}
	for _, t := range texts {
		g.Items = append(g.Items, Item{t, o})
	}
	l.leaves[path] = g
}

// Set records what is given for the leaf at path.
func (l Layer) Set(path string, g Given) { l.leaves[path] = g }

// Get returns what is given for the leaf at path.
func (l Layer) Get(path string) (Given, bool) {
	g, found := l.leaves[path]
	return g, found
}

// Delete makes the layer say nothing about the leaf at path.
func (l Layer) Delete(path string) { delete(l.leaves, path) }

// indexes adds the entries of the list at path that the layer names.
func (l Layer) indexes(path string, named map[int]Origin) {
	add := func(at string, o Origin) {
		rest, found := strings.CutPrefix(at, path+"[")
		if !found {
			return
		}
		digits, _, _ := strings.Cut(rest, "]")
		if i, err := strconv.Atoi(digits); err == nil {
			named[i] = o
		}
	}
	for at, o := range l.places {
		add(at, o)
	}
	for at, g := range l.leaves {
		add(at, g.Origin)
	}
}
