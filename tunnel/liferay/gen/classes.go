package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// class is one descriptor as classes.json has it.
type class struct {
	Name   string   `json:"name"`
	UID    int64    `json:"uid,string"`
	Flags  byte     `json:"flags"`
	Super  string   `json:"super,omitempty"`
	Fields []string `json:"fields,omitempty"` // "type name signature", the signature only of object fields
	Builds []string `json:"builds"`           // of the CMS, or jdk
}

// own is the package of classes that the recorder of the samples made up itself: no engine has
// them.
const own = "stagelock."

// table holds every distinct descriptor with the builds it was seen in.
type table map[string]*class

func (t table) add(c *graph.Class, build string) {
	if c == nil {
		return
	}
	t.add(c.Super, build)
	if strings.HasPrefix(c.Name, own) {
		return
	}
	seen := &class{Name: c.Name, UID: c.UID, Flags: c.Flags}
	for _, f := range c.Fields {
		seen.Fields = append(seen.Fields, strings.TrimSpace(string(f.Type)+" "+f.Name+" "+f.Sig))
	}
	if c.Super != nil {
		seen.Super = c.Super.Name
	}
	key := fmt.Sprint(seen.Name, seen.UID, seen.Flags, seen.Super, seen.Fields)
	if t[key] == nil {
		t[key] = seen
	}
	if !slices.Contains(t[key].Builds, build) {
		t[key].Builds = append(t[key].Builds, build)
	}
}

func (t table) json() ([]byte, error) {
	all := make([]*class, 0, len(t))
	for _, c := range t {
		slices.Sort(c.Builds)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *class) int {
		return strings.Compare(a.Name+" "+a.Builds[0], b.Name+" "+b.Builds[0])
	})
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, c := range all {
		line, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		b.Write(line)
		if i < len(all)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	return b.Bytes(), nil
}
