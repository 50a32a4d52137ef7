package content

import "slices"

// Kind says what an Item is.
type Kind string

// The kinds of content. Entry is a file of an archive that arrived, as it came; the others are what
// a site is made of.
const (
	Page           Kind = "page"
	Article        Kind = "article"
	ArticleFolder  Kind = "article-folder"
	Document       Kind = "document"
	DocumentFolder Kind = "document-folder"
	Tag            Kind = "tag"
	Vocabulary     Kind = "vocabulary"
	Category       Kind = "category"
	Entry          Kind = "entry"
)

// Type is what staging is turned on and off for, and what a publish selects: an application with its
// kinds of content.
type Type string

// The types of content.
const (
	Pages      Type = "pages"
	WebContent Type = "web-content"
	Documents  Type = "documents"
	Tags       Type = "tags"
	Categories Type = "categories"
)

type kindRow struct {
	kind    Kind
	of      Type
	parents []Kind // what an item of the kind may lie in
	rooted  bool   // it may lie in nothing
	named   bool   // its name exists once in a site
}

// kinds are the kinds in the order in which archives and listings have them: what others lie in
// comes first.
var kinds = []kindRow{
	{Page, Pages, []Kind{Page}, true, false},
	{ArticleFolder, WebContent, []Kind{ArticleFolder}, true, false},
	{Article, WebContent, []Kind{ArticleFolder}, true, false},
	{DocumentFolder, Documents, []Kind{DocumentFolder}, true, false},
	{Document, Documents, []Kind{DocumentFolder}, true, false},
	{Tag, Tags, nil, true, true},
	{Vocabulary, Categories, nil, true, true},
	{Category, Categories, []Kind{Vocabulary, Category}, false, false},
}

// Kinds returns the kinds of content that a site is made of, those that others lie in first.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, k := range kinds {
		all[i] = k.kind
	}
	return all
}

// Types returns the types of a site, or of an asset library, which has no pages.
func Types(library bool) []Type {
	if library {
		return []Type{WebContent, Documents, Tags, Categories}
	}
	return []Type{Pages, WebContent, Documents, Tags, Categories}
}

// TypeOf returns the type of a kind, empty for Entry and for what is no kind.
func TypeOf(k Kind) Type {
	return rowOf(k).of
}

// rowOf returns the row of a kind, the empty one if there is none.
func rowOf(k Kind) kindRow {
	i := slices.IndexFunc(kinds, func(row kindRow) bool { return row.kind == k })
	if i < 0 {
		return kindRow{}
	}
	return kinds[i]
}
