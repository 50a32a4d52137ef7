package commands

import (
	"crypto/sha256"
	"fmt"
	"runtime/debug"
	"strings"
)

// bom is a bill of materials in CycloneDX 1.6: what this binary was linked from.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     bomMetadata  `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type bomMetadata struct {
	Time      string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// newBOM writes what the linker noted down in the binary. The same binary gives the same bill.
func newBOM(b build, info *debug.BuildInfo) bom {
	main := component{Type: "application", Name: "stagelock", Version: b.Version,
		PURL: purl(info.Main.Path, b.Version), Properties: settingsOf(info)}
	main.Ref = main.PURL
	all := bom{Format: "CycloneDX", Spec: "1.6", Version: 1, Components: []component{goItself(b)},
		Metadata: bomMetadata{Time: b.Time, Component: main}}
	for _, m := range info.Deps {
		all.Components = append(all.Components, componentOf(m))
	}
	refs := make([]string, 0, len(all.Components))
	for _, c := range all.Components {
		refs = append(refs, c.Ref)
	}
	all.Dependencies = []dependency{{main.Ref, refs}}
	all.Serial = serial(main.Ref + "\n" + fmt.Sprint(main.Properties) + "\n" + strings.Join(refs, "\n"))
	return all
}

// goItself is the standard library, whose faults are the binary's too.
func goItself(b build) component {
	version := strings.TrimPrefix(b.Go, "go")
	at := "pkg:golang/std@" + version
	return component{Type: "library", Ref: at, Name: "std", Version: version, PURL: at}
}

func componentOf(m *debug.Module) component {
	used := m
	if m.Replace != nil {
		used = m.Replace
	}
	c := component{Type: "library", Name: used.Path, Version: used.Version, PURL: purl(used.Path, used.Version)}
	c.Ref = c.PURL
	if used.Sum != "" {
		c.Properties = []property{{"go:sum", used.Sum}}
	}
	return c
}

// purl is the package URL of a Go module.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func settingsOf(info *debug.BuildInfo) []property {
	var all []property
	for _, s := range info.Settings {
		if s.Value != "" && (strings.HasPrefix(s.Key, "vcs") || strings.HasPrefix(s.Key, "GO") || s.Key == "CGO_ENABLED") {
			all = append(all, property{"go:build:" + s.Key, s.Value})
		}
	}
	return all
}

// serial makes a UUID of version 8 of what it numbers.
func serial(text string) string {
	d := sha256.Sum256([]byte(text))
	d[6], d[8] = d[6]&0x0f|0x80, d[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", d[0:4], d[4:6], d[6:8], d[8:10], d[10:16])
}
