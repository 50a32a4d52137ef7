package content

import (
	"slices"
	"strings"
)

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

// One returns the kind with its article, for a sentence.
func (k Kind) One() string {
	if strings.HasPrefix(string(k), "a") {
		return "an " + string(k)
	}
	return "a " + string(k)
}

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

// Rules say where an item of a kind may lie.
type Rules struct {
	Parents []Kind // what it may lie in
	Rooted  bool   // it may lie in nothing
	Named   bool   // its name exists once in a site

	kind Kind
	of   Type
}

// kinds are the kinds in the order in which archives and listings have them: what others lie in
// comes first.
var kinds = []Rules{
	{kind: Page, of: Pages, Parents: []Kind{Page}, Rooted: true},
	{kind: ArticleFolder, of: WebContent, Parents: []Kind{ArticleFolder}, Rooted: true},
	{kind: Article, of: WebContent, Parents: []Kind{ArticleFolder}, Rooted: true},
	{kind: DocumentFolder, of: Documents, Parents: []Kind{DocumentFolder}, Rooted: true},
	{kind: Document, of: Documents, Parents: []Kind{DocumentFolder}, Rooted: true},
	{kind: Tag, of: Tags, Rooted: true, Named: true},
	{kind: Vocabulary, of: Categories, Rooted: true, Named: true},
	{kind: Category, of: Categories, Parents: []Kind{Vocabulary, Category}},
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
	return RulesOf(k).of
}

// RulesOf returns where items of a kind may lie; the zero value for what is no kind.
func RulesOf(k Kind) Rules {
	i := slices.IndexFunc(kinds, func(row Rules) bool { return row.kind == k })
	if i < 0 {
		return Rules{}
	}
	return kinds[i]
}
