package walk

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// page is a text for operators.
type page struct {
	t    *testing.T
	name string
	text string
	used map[string]bool // commands that were run
}

// longest is what an operator reads of one page, in bytes.
const longest = 7000

func open(t *testing.T, name string) *page {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("<<<<<<<")) || len(text) > longest {
		t.Errorf("%s is %d bytes long or was merged by half", name, len(text))
	}
	return &page{t: t, name: name, text: string(text), used: map[string]bool{}}
}

var (
	fences = regexp.MustCompile("(?ms)^( *)```(\\w*)\n(.*?)\n *```$")
	inline = regexp.MustCompile("(?s)`(stagelock\\s[^`]+)`")
	spaces = regexp.MustCompile(`\s+`)
)

// blocks returns the fenced blocks of a language, without what they are indented by.
func (p *page) blocks(language string) []string {
	var all []string
	for _, m := range fences.FindAllStringSubmatch(p.text, -1) {
		if m[2] == language {
			all = append(all, strings.ReplaceAll("\n"+m[3], "\n"+m[1], "\n")[1:])
		}
	}
	return all
}

// block returns the only block of a language that has a text.
func (p *page) block(language, has string) string {
	p.t.Helper()
	found := slices.DeleteFunc(p.blocks(language), func(b string) bool { return !strings.Contains(b, has) })
	if len(found) != 1 {
		p.t.Fatalf("%s has %d blocks with %q", p.name, len(found), has)
	}
	return found[0]
}

// commands returns the commands of the text, in its order.
func (p *page) commands() []string {
	var all []string
	rest := fences.ReplaceAllStringFunc(p.text, func(f string) string {
		m := fences.FindStringSubmatch(f)
		if m[2] == "yaml" {
			return ""
		}
		for l := range strings.Lines(strings.ReplaceAll(m[3], "\\\n", " ")) {
			if l = strings.TrimSpace(l); strings.HasPrefix(l, "stagelock ") {
				all = append(all, spaces.ReplaceAllString(l, " "))
			}
		}
		return ""
	})
	for _, m := range inline.FindAllStringSubmatch(rest, -1) {
		all = append(all, spaces.ReplaceAllString(m[1], " "))
	}
	return all
}

// command returns the command that is so, or the only one that begins so, and notes that it was run.
func (p *page) command(begins string) []string {
	p.t.Helper()
	found := slices.DeleteFunc(p.commands(), func(c string) bool { return !strings.HasPrefix(c, begins) })
	slices.Sort(found)
	found = slices.Compact(found)
	if slices.Contains(found, begins) { // it is whole
		found = []string{begins}
	}
	if len(found) != 1 {
		p.t.Fatalf("%s has %d commands that begin with %q: %q", p.name, len(found), begins, found)
	}
	p.used[found[0]] = true
	return strings.Fields(found[0])[1:]
}

// complete fails if the text has a command that was neither run nor is one of others.
func (p *page) complete(others ...string) {
	p.t.Helper()
	for _, c := range p.commands() {
		if !p.used[c] && !slices.Contains(others, c) {
			p.t.Errorf("%s has the command %q, which nobody tried", p.name, c)
		}
	}
	for _, c := range others {
		if !slices.Contains(p.commands(), c) {
			p.t.Errorf("%s does not have the command %q", p.name, c)
		}
	}
}

// with puts a fragment of the text into a configuration, as an operator does: keys that are there are
// changed, a secret as a whole.
func with(t *testing.T, config, fragment string) string {
	t.Helper()
	var whole, change map[string]any
	for text, into := range map[string]*map[string]any{config: &whole, fragment: &change} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	merged, err := yaml.Marshal(merge(whole, change))
	if err != nil {
		t.Fatal(err)
	}
	return string(merged)
}

func merge(whole, change any) any {
	switch c := change.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		if !ok {
			return change
		}
		for k, v := range c {
			if w[k] != nil && k != "secret" {
				v = merge(w[k], v)
			}
			w[k] = v
		}
		return w
	case []any: // peers: the first is changed
		if w, ok := whole.([]any); ok && len(c) == 1 && len(w) == 1 {
			return []any{merge(w[0], c[0])}
		}
	}
	return change
}
