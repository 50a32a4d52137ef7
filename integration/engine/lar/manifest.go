package lar

import (
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// manifestXML is manifest.xml in the vendor's form.
type manifestXML struct {
	XMLName  xml.Name       `xml:"root"`
	Header   headerXML      `xml:"header"`
	Missing  []referenceXML `xml:"missing-references>missing-reference"`
	Portlets []portletXML   `xml:"site-portlets>portlet"`
	Models   []*modelsXML   `xml:",any"`
	Summary  []summaryXML   `xml:"manifest-summary>staged-model"`
}

type headerXML struct {
	Locales     string `xml:"available-locales,attr"`
	Build       string `xml:"build-number,attr"`
	Schema      string `xml:"schema-version,attr"`
	Date        string `xml:"export-date,attr"`
	Company     int64  `xml:"company-id,attr"`
	Group       int64  `xml:"group-id,attr"`
	FriendlyURL string `xml:"group-friendly-url,attr"`
	Private     bool   `xml:"private-layout,attr"`
	Type        string `xml:"type,attr"`
	Portlet     string `xml:"root-portlet-id,attr,omitempty"`
}

type referenceXML struct {
	Class         string `xml:"class-name,attr"`
	UUID          string `xml:"uuid,attr"`
	Name          string `xml:"display-name,attr"`
	Type          string `xml:"type,attr"`
	ReferrerClass string `xml:"referrer-class-name,attr"`
	ReferrerName  string `xml:"referrer-display-name,attr"`
	Path          string `xml:"element-path,attr,omitempty"`
}

type portletXML struct {
	ID       string `xml:"portlet-id,attr"`
	Schema   string `xml:"schema-version,attr"`
	Required bool   `xml:"validate-existing-data-handler,attr"`
	Data     bool   `xml:"portlet-data,attr"` // there is some of it
}

type modelsXML struct {
	XMLName xml.Name   // the simple name of the class
	Models  []modelXML `xml:"staged-model"`
}

type modelXML struct {
	UUID     string `xml:"uuid,attr"`
	Path     string `xml:"path,attr"`
	LayoutID int64  `xml:"layout-id,attr,omitempty"`
	Private  *bool  `xml:"private-layout,attr,omitempty"`
}

type summaryXML struct {
	Key       string `xml:"manifest-summary-key,attr"`
	Additions int    `xml:"addition-count,attr"`
	Deletions int    `xml:"deletion-count,attr"`
}

// manifest writes manifest.xml for x.
func (a *Archives) manifest(x *exporting) ([]byte, error) {
	m := manifestXML{Header: headerXML{
		Locales: strings.Join(x.site.Locales, ","), Build: a.cfg.Build, Schema: schemaVersion,
		Date: x.at.Format(time.RFC1123Z), Company: x.site.CompanyID, Group: x.site.ID,
		FriendlyURL: x.site.FriendlyURL, Private: x.opt.Private, Type: "layout-set",
	}}
	if x.opt.Portlet != "" {
		m.Header.Type, m.Header.Portlet = "portlet", rootPortlet(x.opt.Portlet)
	}
	for _, app := range applications {
		schema, deployed := a.cfg.Portlets[app.portlet]
		if deployed && x.exports(app.of) {
			m.Portlets = append(m.Portlets, portletXML{ID: app.portlet, Schema: schema, Required: true, Data: x.holds(app.of)})
		}
	}
	x.byRef = map[[2]string]content.Item{}
	for _, it := range x.items {
		x.byRef[[2]string{string(it.Kind), it.UUID}] = it
	}
	for _, it := range x.items {
		list := m.models(it.Kind)
		list.Models = append(list.Models, modelOf(it))
		m.Missing = append(m.Missing, x.references(it)...)
	}
	m.Summary = x.counts()
	b, err := xml.MarshalIndent(m, "", "\t")
	return append([]byte(xml.Header), b...), err
}

// models is the list of a kind, which is made when it is missing.
func (m *manifestXML) models(kind content.Kind) *modelsXML {
	class := classes[kind]
	simple := class[strings.LastIndexByte(class, '.')+1:]
	for _, list := range m.Models {
		if list.XMLName.Local == simple {
			return list
		}
	}
	m.Models = append(m.Models, &modelsXML{XMLName: xml.Name{Local: simple}})
	return m.Models[len(m.Models)-1]
}

func modelOf(it content.Item) modelXML {
	m := modelXML{UUID: it.UUID, Path: "/" + itemName(it), LayoutID: it.LayoutID}
	if it.Kind == content.Page {
		m.Private = &it.Private
	}
	return m
}

// references lists what it needs; what the archive itself holds is listed with its place.
func (x *exporting) references(it content.Item) []referenceXML {
	var all []referenceXML
	for _, r := range it.Refs {
		ref := referenceXML{Class: classes[r.Kind], UUID: r.UUID, Name: r.Name, Type: dependency,
			ReferrerClass: classes[it.Kind], ReferrerName: it.Name}
		if r.Weak {
			ref.Type = weak
		}
		if other, inside := x.byRef[[2]string{string(r.Kind), r.UUID}]; inside {
			ref.Path = "/" + itemName(other)
		}
		all = append(all, ref)
	}
	return all
}

// exports reports whether the archive lists the application of a type: pages are the archive itself,
// and content that everybody has is not asked for.
func (x *exporting) exports(of content.Type) bool {
	switch of {
	case content.WebContent, content.Documents:
		return true
	case content.Tags, content.Categories:
		return slices.ContainsFunc(x.items, func(it content.Item) bool { return content.TypeOf(it.Kind) == of })
	}
	return false
}

// holds reports whether content of a type is in the archive, or its deletion.
func (x *exporting) holds(of content.Type) bool {
	return slices.ContainsFunc(x.items, func(it content.Item) bool { return content.TypeOf(it.Kind) == of }) ||
		slices.ContainsFunc(x.deletions, func(d deletion) bool { return content.TypeOf(d.kind) == of })
}

func (x *exporting) counts() []summaryXML {
	added, deleted := map[content.Kind]int{}, map[content.Kind]int{}
	for _, it := range x.items {
		added[it.Kind]++
	}
	for _, d := range x.deletions {
		deleted[d.kind]++
	}
	var all []summaryXML
	for _, kind := range content.Kinds() {
		if added[kind]+deleted[kind] > 0 {
			all = append(all, summaryXML{Key: classes[kind], Additions: added[kind], Deletions: deleted[kind]})
		}
	}
	return all
}
