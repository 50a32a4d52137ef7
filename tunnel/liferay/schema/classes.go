package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

//go:embed classes.json
var classesJSON []byte

//go:embed texts.txt
var textsList string

// jdk is the name under which classes.json keeps what no build of the CMS wrote, but a Java 17 did.
const jdk = "jdk"

// Table has the classes of each build by name.
type Table map[string]map[string]*graph.Class

// Classes returns the classes of the recorded builds, read once.
var Classes = sync.OnceValue(func() Table {
	t, err := loadClasses(classesJSON)
	if err != nil {
		panic("liferay: classes.json: " + err.Error())
	}
	return t
})

type classRecord struct {
	Name   string   `json:"name"`
	UID    int64    `json:"uid,string"`
	Flags  byte     `json:"flags"`
	Super  string   `json:"super"`
	Fields []string `json:"fields"`
	Builds []string `json:"builds"`
}

// loadClasses builds the table. Builds that share a class share its pointer, as long as they share
// its superclasses.
func loadClasses(data []byte) (Table, error) {
	var records []classRecord
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, err
	}
	byBuild := map[string]map[string]classRecord{}
	for _, r := range records {
		for _, b := range r.Builds {
			if byBuild[b] == nil {
				byBuild[b] = map[string]classRecord{}
			}
			byBuild[b][r.Name] = r
		}
	}
	t, shared := Table{}, map[string]*graph.Class{}
	for b, own := range byBuild {
		t[b] = map[string]*graph.Class{}
		for name := range own {
			c, err := linkClass(own, name, shared)
			if err != nil {
				return nil, fmt.Errorf("build %s: %w", b, err)
			}
			t[b][name] = c
		}
	}
	return t, nil
}

func linkClass(own map[string]classRecord, name string, shared map[string]*graph.Class) (*graph.Class, error) {
	r, ok := own[name]
	if !ok {
		return nil, fmt.Errorf("class %s is missing", name)
	}
	c := &graph.Class{Name: r.Name, UID: r.UID, Flags: r.Flags}
	for _, f := range r.Fields {
		parts := strings.Split(f, " ")
		if len(parts) < 2 || len(parts[0]) != 1 {
			return nil, fmt.Errorf("field %q of %s", f, name)
		}
		field := graph.Field{Type: parts[0][0], Name: parts[1]}
		if len(parts) == 3 {
			field.Sig = parts[2]
		}
		c.Fields = append(c.Fields, field)
	}
	if r.Super != "" {
		super, err := linkClass(own, r.Super, shared)
		if err != nil {
			return nil, err
		}
		c.Super = super
	}
	key := fmt.Sprintf("%s %d %v %p", c.Name, c.UID, c.Fields, c.Super)
	if shared[key] == nil {
		shared[key] = c
	}
	return shared[key], nil
}

// Builds returns the recorded builds, oldest first.
func Builds() []string {
	return []string{"6.2", "7.0", "7.1", "7.2", "7.3", "7.4.3.51", "7.4.3.112"}
}

// Fits says whether build has c, or no build has it in this version.
func (t Table) Fits(c *graph.Class, build string) bool {
	if own := t[build][c.Name]; own != nil && own.UID == c.UID {
		return true
	}
	for _, b := range Builds() {
		if other := t[b][c.Name]; other != nil && other.UID == c.UID {
			return false
		}
	}
	return true
}

// Of returns the class of that name in a build, or the one that Java itself has.
func (t Table) Of(build, name string) *graph.Class {
	if c := t[build][name]; c != nil {
		return c
	}
	return t[jdk][name]
}

// pinned returns a class that is the same in all builds; it panics where classes.json lacks it.
func (t Table) pinned(name string) *graph.Class {
	if c := t[jdk][name]; c != nil {
		return c
	}
	for _, b := range Builds() {
		if c := t[b][name]; c != nil {
			return c
		}
	}
	panic("liferay: classes.json lacks " + name)
}

// all returns the distinct classes of that name in all builds.
func (t Table) all(name string) []*graph.Class {
	var found []*graph.Class
	for _, build := range append(Builds(), jdk) {
		if c := t[build][name]; c != nil && !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	return found
}

// texts returns what many streams carry: the names in descriptors, of methods, their parameter
// types and of map keys.
func (t Table) texts() map[string]string {
	common := map[string]string{"true": "true", "false": "false"}
	for _, text := range strings.Split(textsList, "\n") {
		common[text] = text
	}
	for _, own := range t {
		for name, c := range own {
			common[name] = name
			for _, f := range c.Fields {
				common[f.Name] = f.Name
				if f.Sig != "" {
					common[f.Sig] = f.Sig
				}
			}
		}
	}
	return common
}
