package vendor

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/format"
	"github.com/stagelock/stagelock/conf/format/readerstest"
	"github.com/stagelock/stagelock/conf/settings"
)

var (
	generated = flag.Int("generated", 1000, "generated sets of files with includes that the vendor's readers are asked about")
	firstSeed = flag.Uint64("seed", 1, "with which generated files begin: another one makes other files")
)

// included are the files that may include each other, by their names from the portal's folder on.
var included = []string{"a.properties", "b.properties", "deep/c.properties", "deep/d.properties"}

// asked are keys that the portal's own files do not have, and pick is what refers to them.
var (
	asked = []string{sharedSecret, "x.list", "x.a", "x.b"}
	picks = []string{"1", "2", "a,b", "${x.a}", "${x.b}", "${x.list}", "${env:STAGING_SECRET}", "${test.property}", "${none}", ""}
)

// generate makes a set of files that include each other, in a circle too, by one name or several.
func generate(random *rand.Rand, dir string) map[string]string {
	pick := func(all []string) string { return all[random.IntN(len(all))] }
	names := slices.Concat(included, []string{"portal-ext.properties", "missing.properties", "deep/missing.properties", "${x.a}", "${none}", "${none}/a.properties", "${env:STAGING_SECRET}",
		"${test.property}.properties", "", "d.properties", "../classes/a.properties", "./b.properties", dir + "/a.properties", dir + "/deep/c.properties", "file:" + dir + "/b.properties",
		"${liferay.home}/classes/a.properties", "a.properties,b.properties", "a.properties, deep/c.properties", "portal-developer.properties", "${x.b}.properties", "b.properties "})
	files := map[string]string{}
	for _, name := range append([]string{"portal-ext.properties"}, included...) {
		var b strings.Builder
		for range random.IntN(4) {
			fmt.Fprintf(&b, "%s=%s\n", pick(asked), pick(picks))
		}
		includes := random.IntN(3)
		if name != "portal-ext.properties" {
			includes = max(includes-1, 0)
		}
		for range includes {
			b.WriteString("include-and-override=" + pick(names) + "\n")
		}
		if random.IntN(2) == 0 {
			fmt.Fprintf(&b, "%s=%s\n", pick(asked), pick(append(picks, "a", "b")))
		}
		files[name] = b.String()
	}
	return files
}

// ours is what we make of the same files, whether the portal would start, and whether a file is lost to it.
func ours(o *readerstest.Oracle, line string) (got []string, ok, lost bool) {
	p := Portal{Line: line, Home: filepath.Dir(o.Dir), JVM: map[string]string{readerstest.JVMProperty: readerstest.JVMValue}}
	for name, value := range o.Env {
		p.Variables = append(p.Variables, Variable{Name: name, Value: value})
	}
	e := p.reader()
	e.others = asked
	e.portalExt(settings.Origin{}, "", filepath.Join(o.Dir, "portal-ext.properties"), false)
	says := func(words string) bool {
		return slices.ContainsFunc(e.Problems(), func(p settings.Problem) bool { return !p.Warning && strings.Contains(p.Msg, words) })
	}
	if says("passes over this whole file") {
		return nil, false, true
	}
	for _, key := range asked {
		q, found := e.found[key]
		if !found {
			got = append(got, "[]")
			continue
		}
		var list []string
		for _, t := range q.texts {
			x := e.resolver(e.any).Expand(t.Text)
			if x.Err != nil {
				return nil, false, false
			}
			list = append(list, x.Text)
		}
		text := format.Merge(q.texts, line == "6.2")
		if len(list) == 1 {
			text = list[0]
		}
		got = append(got, fmt.Sprintf("%q", []string{text}))
	}
	return got, !says("does not start"), false
}

// any looks a property up in all files, the secret too.
func (e *engineFiles) any(name string) (string, bool) {
	p, found := e.found[name]
	if !found {
		return "", false
	}
	return p.texts[0].Text, true
}

// Files that include each other are found and win over each other as the portal has it.
func TestInteropIncludes(t *testing.T) {
	for _, line := range []string{"6.2", "7.4"} {
		t.Run(line, func(t *testing.T) {
			o := readerstest.New(t, line)
			random := rand.New(rand.NewPCG(*firstSeed, 6))
			wrong := 0
			for range *generated {
				files := generate(random, o.Dir)
				for name, text := range files {
					o.Write(name, []byte(text))
				}
				read, wantOK := o.Portal(asked)
				want := make([]string, 0, len(read))
				for _, r := range read {
					want = append(want, fmt.Sprintf("%q", r.Texts))
				}
				got, gotOK, lost := ours(o, line)
				if lost {
					continue // the gateway refuses to start; the portal goes on without the file, or does not
				}
				if wantOK != gotOK || wantOK && !slices.Equal(want, got) {
					if wrong++; wrong < 20 {
						t.Errorf("%q\nportal %t %v\nours   %t %v", files, wantOK, want, gotOK, got)
					}
				}
			}
			t.Logf("%d sets of files, %d read otherwise", *generated, wrong)
		})
	}
}
