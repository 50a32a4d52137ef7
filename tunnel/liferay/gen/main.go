package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

func main() {
	dir := flag.String("testdata", "testdata", "folder of the recordings")
	out := flag.String("out", ".", "folder to write to")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	c := collector{classes: table{}, texts: words{}}
	for _, pattern := range []string{"real/*/*.ser", "jdk/[^s]*.ser"} {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := c.file(f); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	data, err := c.classes.json()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "classes.json"), data, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "texts.txt"), c.texts.lines(), 0o644)
}

// collector walks through streams and keeps what it sees.
type collector struct {
	classes table
	texts   words
	build   string // of the stream that is being walked through
	request bool
	seen    map[graph.Value]bool
}

func (c *collector) file(name string) error {
	data, err := os.ReadFile(name)
	if err != nil || len(data) == 0 {
		return err
	}
	in := source.New(bytes.NewReader(data), nil, int64(len(data)))
	v, err := javaser.NewDecoder(in, javaser.DefaultLimits()).Decode(graph.Any())
	if err != nil {
		return err
	}
	c.build, c.seen = filepath.Base(filepath.Dir(name)), map[graph.Value]bool{}
	c.request = strings.HasSuffix(name, ".req.ser")
	c.value(v)
	return nil
}

func (c *collector) value(v graph.Value) {
	switch v := v.(type) {
	case *graph.Object:
		if c.seen[v] {
			return
		}
		c.seen[v] = true
		c.classes.add(v.Class, c.build)
		for _, f := range v.Fields {
			c.value(f.Ref)
		}
		for i, n := range v.Note {
			c.value(n)
			if key, ok := graph.Text(n); ok && i%2 == 1 && strings.HasSuffix(v.Class.Name, "HashMap") {
				c.word(key)
			}
		}
	case *graph.Array:
		if c.seen[v] {
			return
		}
		c.seen[v] = true
		c.classes.add(v.Class, c.build)
		for _, e := range v.Refs {
			c.value(e)
		}
	case graph.Block:
		for _, w := range keyWords(v) {
			c.word(w)
		}
	}
}

func (c *collector) word(w string) {
	if c.request {
		c.texts.add(w, c.build)
	}
}
