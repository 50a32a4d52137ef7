package lar

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// itemNamespace tells this engine's own entries from the vendor's, which are another serialization
// altogether.
const itemNamespace = "urn:stagelock:item:1"

// classes are the model classes that archives name the kinds by.
var classes = map[content.Kind]string{
	content.Page:           "com.liferay.portal.kernel.model.Layout",
	content.Article:        "com.liferay.journal.model.JournalArticle",
	content.ArticleFolder:  "com.liferay.journal.model.JournalFolder",
	content.Document:       "com.liferay.document.library.kernel.model.DLFileEntry",
	content.DocumentFolder: "com.liferay.document.library.kernel.model.DLFolder",
	content.Tag:            "com.liferay.asset.kernel.model.AssetTag",
	content.Vocabulary:     "com.liferay.asset.kernel.model.AssetVocabulary",
	content.Category:       "com.liferay.asset.kernel.model.AssetCategory",
}

// maxItemXML limits the XML that says what an item is; its content is an entry of its own.
const maxItemXML = 1 << 20

// itemXML is the form in which an item travels in an archive.
type itemXML struct {
	XMLName        xml.Name        `xml:"urn:stagelock:item:1 item"`
	Kind           content.Kind    `xml:"kind,attr"`
	UUID           string          `xml:"uuid,attr"`
	Name           string          `xml:"name,attr"`
	Version        int64           `xml:"version,attr"`
	LayoutID       int64           `xml:"layout-id,attr,omitempty"`
	ParentLayoutID int64           `xml:"parent-layout-id,attr,omitempty"`
	FriendlyURL    string          `xml:"friendly-url,attr,omitempty"`
	MediaType      string          `xml:"media-type,attr,omitempty"`
	Modified       string          `xml:"modified,attr"`
	Content        string          `xml:"content,attr"` // name of the entry that holds the content
	Portlets       []string        `xml:"portlet,omitempty"`
	Refs           []refXML        `xml:"ref,omitempty"`
	Parent         string          `xml:"parent,attr,omitempty"`
	Tags           []string        `xml:"tag,omitempty"`
	Categories     []string        `xml:"category,omitempty"`
	Permissions    []permissionXML `xml:"permission,omitempty"`
}

type permissionXML struct {
	Role    string   `xml:"role,attr"`
	Actions []string `xml:"action"`
}

type refXML struct {
	Kind content.Kind `xml:"kind,attr"`
	UUID string       `xml:"uuid,attr"`
	Name string       `xml:"name,attr"`
	Weak bool         `xml:"weak,attr,omitempty"`
}

// writeItem returns the entry that says what it is.
func writeItem(it content.Item, body string) ([]byte, error) {
	x := itemXML{Kind: it.Kind, UUID: it.UUID, Name: it.Name, Version: it.Version, LayoutID: it.LayoutID,
		ParentLayoutID: it.ParentLayoutID, FriendlyURL: it.FriendlyURL, MediaType: it.MediaType,
		Modified: content.Stamp(it.Modified), Content: body, Portlets: it.Portlets}
	x.Parent, x.Tags, x.Categories = it.Parent, it.Tags, it.Categories
	for _, r := range it.Refs {
		x.Refs = append(x.Refs, refXML(r))
	}
	for _, role := range slices.Sorted(maps.Keys(it.Permissions)) {
		x.Permissions = append(x.Permissions, permissionXML{role, it.Permissions[role]})
	}
	b, err := xml.MarshalIndent(x, "", "\t")
	return append([]byte(xml.Header), b...), err
}

// errForeignItem is returned for XML that is not an item of this engine's form; it is kept as an
// entry and nothing else.
var errForeignItem = errors.New("not an item of this engine")

// readItem reads what writeItem wrote. The content's name is returned beside the item.
func readItem(b []byte) (content.Item, string, error) {
	if !bytes.Contains(b, []byte(itemNamespace)) {
		return content.Item{}, "", errForeignItem
	}
	var x itemXML
	if err := xml.Unmarshal(b, &x); err != nil {
		return content.Item{}, "", fmt.Errorf("%w: %w", errForeignItem, err)
	}
	at, err := time.Parse(time.RFC3339Nano, x.Modified)
	if err != nil {
		return content.Item{}, "", fmt.Errorf("item %s: modified: %w", x.UUID, err)
	}
	it := content.Item{Kind: x.Kind, UUID: x.UUID, Name: x.Name, Version: x.Version, LayoutID: x.LayoutID,
		ParentLayoutID: x.ParentLayoutID, FriendlyURL: x.FriendlyURL, MediaType: x.MediaType, Modified: at.UTC(),
		Portlets: x.Portlets}
	it.Parent, it.Tags, it.Categories = x.Parent, x.Tags, x.Categories
	for _, r := range x.Refs {
		it.Refs = append(it.Refs, content.Ref(r))
	}
	for _, p := range x.Permissions {
		if it.Permissions == nil {
			it.Permissions = map[string][]string{}
		}
		it.Permissions[p.Role] = p.Actions
	}
	return it, x.Content, valid(it)
}

// valid holds a foreign item to what an engine would have written.
func valid(it content.Item) error {
	switch {
	case classes[it.Kind] == "":
		return fmt.Errorf("item %s: unknown kind %q", it.UUID, it.Kind)
	case it.UUID == "" || it.Name == "":
		return fmt.Errorf("%s: without uuid or name", it.Kind)
	case it.Version < 1 || it.LayoutID < 0 || it.ParentLayoutID < 0:
		return fmt.Errorf("item %s: negative number", it.UUID)
	case it.Kind == content.Page && (it.LayoutID == 0 || it.FriendlyURL == ""):
		return fmt.Errorf("page %s: without layout id or friendly URL", it.UUID)
	}
	return nil
}

// deletionsXML is the entry that carries deletions, in the vendor's form.
type deletionsXML struct {
	XMLName xml.Name      `xml:"deletion-system-events"`
	Events  []deletionXML `xml:"deletion-system-event"`
}

type deletionXML struct {
	Class string `xml:"class-name,attr"`
	Group int64  `xml:"group-id,attr"`
	UUID  string `xml:"uuid,attr"`
}

// deletion is one item that the sender no longer has.
type deletion struct {
	kind content.Kind
	uuid string
}

func writeDeletions(site int64, all []deletion) ([]byte, error) {
	x := deletionsXML{}
	for _, d := range all {
		x.Events = append(x.Events, deletionXML{Class: classes[d.kind], Group: site, UUID: d.uuid})
	}
	b, err := xml.MarshalIndent(x, "", "\t")
	return append([]byte(xml.Header), b...), err
}

// readDeletions returns the deletions of classes that this engine has; others concern nothing here.
func readDeletions(b []byte) ([]deletion, error) {
	var x deletionsXML
	if err := xml.Unmarshal(b, &x); err != nil {
		return nil, fmt.Errorf("deletions: %w", err)
	}
	var all []deletion
	for _, ev := range x.Events {
		for kind, class := range classes {
			if class == ev.Class && ev.UUID != "" {
				all = append(all, deletion{kind, ev.UUID})
			}
		}
	}
	return all, nil
}
