package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser"
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

func main() {
	dir := flag.String("testdata", "testdata", "folder of the recordings")
	out := flag.String("out", "classes.json", "file to write")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	t := table{}
	for _, pattern := range []string{"real/*/*.ser", "jdk/[^s]*.ser"} {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := t.file(f); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	data, err := t.json()
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o644)
}

// table holds every distinct descriptor with the builds it was seen in.
type table map[string]*class

func (t table) file(name string) error {
	data, err := os.ReadFile(name)
	if err != nil || len(data) == 0 {
		return err
	}
	build := filepath.Base(filepath.Dir(name))
	in := javaser.NewInput(bytes.NewReader(data), nil, int64(len(data)))
	v, err := javaser.NewDecoder(in, javaser.DefaultLimits()).Decode(javaser.Any())
	if err != nil {
		return err
	}
	t.value(v, build, map[javaser.Value]bool{})
	return nil
}

func (t table) value(v javaser.Value, build string, seen map[javaser.Value]bool) {
	switch v := v.(type) {
	case *javaser.Object:
		if seen[v] {
			return
		}
		seen[v] = true
		t.add(v.Class, build)
		for _, f := range v.Fields {
			t.value(f.Ref, build, seen)
		}
		for _, n := range v.Note {
			t.value(n, build, seen)
		}
	case *javaser.Array:
		if seen[v] {
			return
		}
		seen[v] = true
		t.add(v.Class, build)
		for _, e := range v.Refs {
			t.value(e, build, seen)
		}
	}
}

func (t table) add(c *javaser.Class, build string) {
	if c == nil {
		return
	}
	own := &class{Name: c.Name, UID: c.UID, Flags: c.Flags}
	for _, f := range c.Fields {
		own.Fields = append(own.Fields, strings.TrimSpace(string(f.Type)+" "+f.Name+" "+f.Sig))
	}
	if c.Super != nil {
		own.Super = c.Super.Name
	}
	key := fmt.Sprint(own.Name, own.UID, own.Flags, own.Super, own.Fields)
	if t[key] == nil {
		t[key] = own
	}
	if !slices.Contains(t[key].Builds, build) {
		t[key].Builds = append(t[key].Builds, build)
	}
	t.add(c.Super, build)
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
