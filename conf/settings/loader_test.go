package settings_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/scalar"
	"github.com/stagelock/stagelock/integration/blind"
)

// shop is a struct with every form of a setting, with bounds, choices and a former place.
type shop struct {
	Name    string        `yaml:"name" doc:"Name." default:"corner"`
	Mode    string        `yaml:"mode" doc:"Mode." default:"Open" oneof:"Open Closed" cure:"ask the owner"`
	Limit   scalar.Size   `yaml:"limit" doc:"Limit." default:"1MiB" min:"1KiB" max:"1GiB"`
	Wait    time.Duration `yaml:"wait" doc:"Wait." default:"15s" min:"1s" restart:"true"`
	Tags    []string      `yaml:"tags" doc:"Tags." default:"red,blue"`
	Key     lock          `yaml:"key" doc:"Key."`
	Shelves []shelf       `yaml:"shelves" doc:"Shelves."`
	Yard    yard          `yaml:"yard" doc:"Yard."`
}

type lock struct {
	Secret scalar.Secret `yaml:"secret" empty:"unset" doc:"Secret."`
	File   scalar.Path   `yaml:"file" doc:"File."`
}

type shelf struct {
	Name  string `yaml:"name" doc:"Name."`
	Width int    `yaml:"width" doc:"Width." default:"3" min:"1" max:"9"`
	Key   lock   `yaml:"key" doc:"Key."`
}

type yard struct {
	Gate string `yaml:"gate" doc:"Gate." was:"gate"`
}

var shopSchema = settings.SchemaOf[shop]("SHOP_")

// written is what an operator wrote in the three places.
type written struct {
	yaml  string
	env   []string
	flags map[string]string
}

func (w written) load() (shop, settings.Origins, []string) {
	var s shop
	l, ok := shopSchema.Read(settings.Sources{File: "conf/shop.yaml", Env: w.env, Flags: w.flags,
		ReadFile: func(string) ([]byte, error) { return []byte(w.yaml), nil }})
	var o settings.Origins
	if ok {
		o = l.Decode(&s)
	}
	var said []string
	for _, p := range l.Problems() {
		said = append(said, p.String())
	}
	return s, o, said
}

func TestWhatCounts(t *testing.T) {
	for _, tt := range []struct {
		name string
		w    written
		want map[string]string // path → value, with its origin behind an @
	}{
		{"nobody wrote anything", written{}, map[string]string{"name": "corner@default", "mode": "Open@default", "limit": "1MiB@default", "tags": "red,blue@default", "key.secret": "@default"}},
		{"a file over defaults", written{yaml: "name: a\nlimit: 2MiB\n"}, map[string]string{"name": "a@conf/shop.yaml:1", "limit": "2MiB@conf/shop.yaml:2", "wait": "15s@default"}},
		{"a variable over a file", written{yaml: "name: a\n", env: []string{"SHOP_NAME=b"}}, map[string]string{"name": "b@env SHOP_NAME"}},
		{"a flag over a variable", written{yaml: "name: a\n", env: []string{"SHOP_NAME=b"}, flags: map[string]string{"name": "c"}}, map[string]string{"name": "c@flag name"}},
		{"an empty variable says nothing", written{yaml: "name: a\n", env: []string{"SHOP_NAME="}}, map[string]string{"name": "a@conf/shop.yaml:1"}},
		{"an empty flag says empty", written{yaml: "name: a\n", flags: map[string]string{"name": ""}}, map[string]string{"name": "@flag name"}},
		{"an equals sign in a value", written{env: []string{"SHOP_NAME=a=b=c"}}, map[string]string{"name": "a=b=c@env SHOP_NAME"}},
		{"null says nothing", written{yaml: "name: ~\nlimit:\nmode: null\n"}, map[string]string{"name": "corner@default", "limit": "1MiB@default", "mode": "Open@default"}},
		{"a choice in any case", written{yaml: "mode: cLOSED\n"}, map[string]string{"mode": "Closed@conf/shop.yaml:1"}},
		{"a list replaces the default", written{yaml: "tags: [green]\n"}, map[string]string{"tags": "green@conf/shop.yaml:1"}},
		{"an empty list is empty", written{yaml: "tags: []\n"}, map[string]string{"tags": "@conf/shop.yaml:1"}},
		{"one text for a list", written{yaml: "tags: green\n"}, map[string]string{"tags": "green@conf/shop.yaml:1"}},
		{"lists are not joined", written{yaml: "tags: [green, grey]\n", env: []string{"SHOP_TAGS=pink"}}, map[string]string{"tags": "pink@env SHOP_TAGS"}},
		{"commas in a variable", written{env: []string{"SHOP_TAGS= a ,, b,"}}, map[string]string{"tags": "a,b@env SHOP_TAGS"}},
		{"commas in a flag", written{flags: map[string]string{"tags": "a,b"}}, map[string]string{"tags": "a,b@flag tags"}},
		{"an entry from a variable", written{env: []string{"SHOP_SHELVES_0_NAME=top"}}, map[string]string{"shelves[0].name": "top@env SHOP_SHELVES_0_NAME", "shelves[0].width": "3@default"}},
		{"an entry from both", written{yaml: "shelves:\n  - name: top\n", env: []string{"SHOP_SHELVES_0_WIDTH=4", "SHOP_SHELVES_1_NAME=low"}}, map[string]string{
			"shelves[0].name": "top@conf/shop.yaml:2", "shelves[0].width": "4@env SHOP_SHELVES_0_WIDTH", "shelves[1].name": "low@env SHOP_SHELVES_1_NAME"}},
		{"an entry from a flag", written{yaml: "shelves:\n  - name: top\n", flags: map[string]string{"shelves[0].width": "9"}}, map[string]string{"shelves[0].width": "9@flag shelves[0].width"}},
		{"a secret is masked", written{yaml: "key:\n  secret: hunter2\n"}, map[string]string{"key.secret": "***@conf/shop.yaml:2"}},
		{"an empty secret is none", written{yaml: "key:\n  secret: ''\n"}, map[string]string{"key.secret": "@default"}},
		{"a path in a file is taken from its folder", written{yaml: "key:\n  file: k/s\n"}, map[string]string{"key.file": "conf/k/s@conf/shop.yaml:2"}},
		{"a rooted path stays", written{yaml: "key:\n  file: /k/s\n"}, map[string]string{"key.file": "/k/s@conf/shop.yaml:2"}},
		{"a path in a variable is taken from here", written{env: []string{"SHOP_KEY_FILE=k/s"}}, map[string]string{"key.file": "k/s@env SHOP_KEY_FILE"}},
		{"_FILE of a secret", written{env: []string{"SHOP_KEY_SECRET_FILE=k"}}, map[string]string{"key.file": "k@env SHOP_KEY_SECRET_FILE"}},
		{"_FILE of a secret of an entry", written{env: []string{"SHOP_SHELVES_0_KEY_SECRET_FILE=k"}}, map[string]string{"shelves[0].key.file": "k@env SHOP_SHELVES_0_KEY_SECRET_FILE"}},
		{"what YAML takes for a number stays as written", written{yaml: "name: 0x10\ntags: [1_000, 1e3, yes]\n"}, map[string]string{"name": "0x10@conf/shop.yaml:1", "tags": "1_000,1e3,yes@conf/shop.yaml:2"}},
		{"CRLF and a mark", written{yaml: "\ufeffname: a\r\nlimit: 2KiB\r\n"}, map[string]string{"name": "a@conf/shop.yaml:1", "limit": "2KiB@conf/shop.yaml:2"}},
		{"an empty document", written{yaml: "---\n# nothing\n"}, map[string]string{"name": "corner@default"}},
		{"bounds themselves", written{yaml: "limit: 1KiB\nwait: 1s\n"}, map[string]string{"limit": "1KiB@conf/shop.yaml:1", "wait": "1s@conf/shop.yaml:2"}},
		{"the last of two variables of a name", written{env: []string{"SHOP_NAME=b", "SHOP_NAME=a"}}, map[string]string{"name": "a@env SHOP_NAME"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, o, said := tt.w.load()
			if len(said) > 0 {
				t.Errorf("problems: %q", said)
			}
			got := map[string]string{}
			for _, e := range shopSchema.Effective(&s, o) {
				got[e.Path] = e.Value + "@" + e.Origin.String()
			}
			for path, want := range tt.want {
				if got[path] != want {
					t.Errorf("%s = %q, want %q", path, got[path], want)
				}
			}
		})
	}
}

func TestWhatIsWrong(t *testing.T) {
	const f = "conf/shop.yaml"
	for _, tt := range []struct {
		name string
		w    written
		want []string // the problems' heads
	}{
		{"unknown key", written{yaml: "name: a\nlimt: 1KiB\n"}, []string{f + ":2: limt: is not known (did you mean limit?)"}},
		{"unknown key of a section", written{yaml: "key:\n  secrt: x\n"}, []string{f + ":2: key.secrt: is not known (did you mean secret?)"}},
		{"unknown key beside a secret", written{yaml: "key:\n  hunter2hunter2: x\n"}, []string{f + ":2: key: has a key that is not known (known here: secret, file)"}},
		{"unknown key of an entry", written{yaml: "shelves:\n  - name: a\n  - nam: b\n"}, []string{f + ":3: shelves[1].nam: is not known (did you mean name?)"}},
		{"twice", written{yaml: "name: a\nlimit: 1KiB\nname: b\n"}, []string{f + ":3: name: stands twice, first in line 1 (keep one of the two)"}},
		{"a list for a text", written{yaml: "name: [a]\n"}, []string{f + ":1: name: is not a single value"}},
		{"a section for a text", written{yaml: "name:\n  a: b\n"}, []string{f + ":2: name: is not a single value"}},
		{"a section for a list", written{yaml: "tags:\n  a: b\n"}, []string{f + ":2: tags: is not a list"}},
		{"a text for a section", written{yaml: "key: a\n"}, []string{f + ":1: key: is not a section with keys"}},
		{"a text for a list of sections", written{yaml: "shelves: a\n"}, []string{f + ":1: shelves: is not a list (begin each entry with a dash)"}},
		{"a section for a list of sections", written{yaml: "shelves:\n  name: a\n"}, []string{f + ":2: shelves: is not a list (begin each entry with a dash)"}},
		{"a list in a list", written{yaml: "tags: [a, [b]]\n"}, []string{f + ":1: tags[1]: is not a single value"}},
		{"nothing in a list", written{yaml: "tags:\n  - a\n  -\n"}, []string{f + ":3: tags[1]: is not a single value"}},
		{"an alias", written{yaml: "name: &x a\nmode: *x\n"}, []string{f + ":2: mode: is an alias"}},
		{"a list for the whole", written{yaml: "- a\n"}, []string{f + ":1: is not a section with keys"}},
		{"a second document", written{yaml: "name: a\n---\nname: b\n"}, []string{f + ":2: is a second document (keep one document in the file)"}},
		{"no choice", written{yaml: "mode: ajar\n"}, []string{f + ":1: mode: is none of Open, Closed (ask the owner)"}},
		{"below", written{yaml: "limit: 1023\n"}, []string{f + ":1: limit: is out of bounds: at least 1KiB (the default is 1MiB)"}},
		{"above", written{yaml: "limit: 2GiB\n"}, []string{f + ":1: limit: is out of bounds: at most 1GiB (the default is 1MiB)"}},
		{"no duration", written{yaml: "wait: 15\n"}, []string{f + ":1: wait: is not a duration such as"}},
		{"all at once, as one reads", written{yaml: "wait: 15\nlimit: x\nshelves:\n  - width: 10\n"}, []string{f + ":1: wait: ", f + ":2: limit: ", f + ":4: shelves[0].width: is out of bounds: at most 9"}},
		{"moved", written{yaml: "gate: a\n"}, []string{f + ":1: gate: has moved to yard.gate (write it there, in the section yard:)"}},
		{"a moved variable", written{env: []string{"SHOP_GATE=a"}}, []string{"env SHOP_GATE: has moved: the setting has another name now (name it SHOP_YARD_GATE)"}},
		{"a moved flag", written{flags: map[string]string{"gate": "a"}}, []string{"flag gate: has moved to yard.gate (write yard.gate)"}},
		{"an unknown variable", written{env: []string{"SHOP_NAEM=a"}}, []string{"env SHOP_NAEM: warning: is the name of no setting (did you mean SHOP_NAME?)"}},
		{"an unknown flag", written{flags: map[string]string{"yard.gat": "a"}}, []string{"flag yard.gat: is no setting (did you mean yard.gate?)"}},
		{"a flag for a section", written{flags: map[string]string{"yard": "a"}}, []string{"flag yard: is no setting"}},
		{"a flag into a leaf", written{flags: map[string]string{"name.x": "a"}}, []string{"flag name.x: is no setting"}},
		{"a flag without an index", written{flags: map[string]string{"shelves.name": "a"}}, []string{"flag shelves.name: is no setting"}},
		{"a flag with an odd index", written{flags: map[string]string{"shelves[01].name": "a"}}, []string{"flag shelves[01].name: is no setting"}},
		{"a flag with an open index", written{flags: map[string]string{"shelves[0.name": "a"}}, []string{"flag shelves[0.name: is no setting"}},
		{"a flag with a negative index", written{flags: map[string]string{"shelves[-1].name": "a"}}, []string{"flag shelves[-1].name: is no setting"}},
		{"an indexed leaf", written{flags: map[string]string{"tags[0]": "a"}}, []string{"flag tags[0]: is no setting"}},
		{"a secret as a flag", written{flags: map[string]string{"key.secret": "hunter2"}}, []string{"flag key.secret: key.secret: is a secret, and everybody on this machine can read a command line (name a file that holds it: key.file)"}},
		{"a gap", written{env: []string{"SHOP_SHELVES_0_NAME=a", "SHOP_SHELVES_2_NAME=c"}}, []string{"env SHOP_SHELVES_2_NAME: shelves[2]: is left out: there is no shelves[1] (number the entries from 0"}},
		{"a huge index", written{env: []string{"SHOP_SHELVES_99999_NAME=c"}}, []string{"env SHOP_SHELVES_99999_NAME: shelves[99999]: is left out: there is no shelves[0]"}},
		{"a variable of a bad value", written{env: []string{"SHOP_LIMIT=much"}}, []string{"env SHOP_LIMIT: limit: is not a size such as"}},
		{"a tab", written{yaml: "key:\n\tfile: a\n"}, []string{f + ":2: is not YAML: "}},
		{"an open quote", written{yaml: "name: \"a\n"}, []string{f + ":"}},
		{"bytes that are no text", written{yaml: "name: \xff\xfe\n"}, []string{f + ":"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, said := tt.w.load()
			if len(said) != len(tt.want) {
				t.Fatalf("got %q\nwant %q", said, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(said[i], want) {
					t.Errorf("got  %s\nwant %s", said[i], want)
				}
			}
		})
	}
}

// What somebody wrote in the wrong place may be a secret: no problem repeats it.
func TestProblemsRepeatNoValue(t *testing.T) {
	const value = "hunter2"
	for _, tt := range []struct{ name, yaml string }{
		{"for a size", "limit: hunter2\n"},
		{"for a choice", "mode: hunter2\n"},
		{"for a duration", "wait: hunter2\n"},
		{"for a number", "shelves:\n  - width: hunter2\n"},
		{"for a section", "key: hunter2\n"},
		{"for a list of sections", "shelves: hunter2\n"},
		{"in a list for a secret", "key:\n  secret: [hunter2]\n"},
		{"in a section for a secret", "key:\n  secret: {a: hunter2}\n"},
		{"in braces around it", "key: {hunter2}\n"},
		{"as the key of its section", "key:\n  hunter2: x\n"},
		{"as a key that is a URL", "shelves:\n  - {\"db://u:hunter2@h\"}\n"},
		{"behind a tab", "key:\n\tsecret: hunter2\n"},
		{"begins with a star", "key:\n  secret: *hunter2\n"},
		{"begins with an ampersand", "key:\n  secret: &hunter2\n"},
		{"begins with an exclamation mark", "key:\n  secret: !hunter2 a\n"},
		{"begins with an at sign", "key:\n  secret: @hunter2\n"},
		{"begins with a percent sign", "key:\n  secret: %hunter2\n"},
		{"begins with a back quote", "key:\n  secret: `hunter2\n"},
		{"begins with a quote", "key:\n  secret: \"hunter2\n"},
		{"with an odd escape", "key:\n  secret: \"hunter2\\q\"\n"},
		{"with a colon", "key:\n  secret: a: hunter2\n"},
		{"with a bracket", "key:\n  secret: [hunter2\n"},
		{"a directive", "%hunter2 x\n---\nname: a\n"},
		{"a version", "%YAML 9.hunter2\n---\nname: a\n"},
		{"a handle", "key:\n  secret: !hunter2!x a\n"},
		{"an alias as a key", "*hunter2 : a\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, said := written{yaml: tt.yaml}.load()
			if all := strings.Join(said, "\n"); strings.Contains(all, value) {
				t.Errorf("it is repeated: %s", all)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	w := written{yaml: "name: a\nkey:\n  file: k\ntags: [x,\n  y]\nshelves:\n  - name: top\n", env: []string{"SHOP_WAIT=2s"}}
	_, o, said := w.load()
	if len(said) > 0 {
		t.Fatal(said)
	}
	for _, tt := range []struct{ path, of, problem string }{
		{"name", "conf/shop.yaml:1", "conf/shop.yaml:1: name: odd (mend)"},
		{"tags[1]", "conf/shop.yaml:5", "conf/shop.yaml:5: tags[1]: odd (mend)"},
		{"tags[7]", "conf/shop.yaml:4", "conf/shop.yaml:4: tags[7]: odd (mend)"},
		{"key.secret", "default", "conf/shop.yaml:2: key.secret: odd (mend)"},
		{"shelves[0].width", "default", "conf/shop.yaml:7: shelves[0].width: odd (mend)"},
		{"shelves[0].nothing", "conf/shop.yaml:7", "conf/shop.yaml:7: shelves[0].nothing: odd (mend)"},
		{"wait", "env SHOP_WAIT", "env SHOP_WAIT: wait: odd (mend)"},
		{"yard.gate", "default", "conf/shop.yaml:1: yard.gate: odd (mend)"},
		{"", "conf/shop.yaml:1", "conf/shop.yaml:1: odd (mend)"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			if got := o.Of(tt.path).String(); got != tt.of {
				t.Errorf("it is from %s, want %s", got, tt.of)
			}
			if got := o.Problem(tt.path, "odd", "mend").String(); got != tt.problem {
				t.Errorf("problem %s, want %s", got, tt.problem)
			}
		})
	}
}

func TestSortAndFatal(t *testing.T) {
	ps := []settings.Problem{
		{File: "b", Line: 1, Path: "x", Msg: "1"}, {File: "a", Line: 10, Path: "x", Msg: "2"}, {File: "a", Line: 9, Path: "z", Msg: "3", Warning: true},
		{File: "a", Line: 9, Path: "z", Msg: "4"}, {File: "a", Line: 9, Path: "y", Msg: "5"}, {Path: "w", Msg: "6"}, {File: "a", Line: 9, Path: "y", Msg: "7"},
	}
	origin.Sort(ps)
	var order string
	for _, p := range ps {
		order += p.Msg
	}
	if order != "6574321" {
		t.Errorf("order %s, want 6574321", order)
	}
	for _, tt := range []struct {
		name string
		ps   []settings.Problem
		want bool
	}{
		{"none", nil, false}, {"a warning", []settings.Problem{{Warning: true}}, false},
		{"an error behind a warning", []settings.Problem{{Warning: true}, {}}, true},
	} {
		if got := origin.Fatal(tt.ps); got != tt.want {
			t.Errorf("%s: fatal %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestNeedsRestart(t *testing.T) {
	base, _, _ := written{}.load()
	for _, tt := range []struct {
		name string
		w    written
		want []string
	}{
		{"nothing", written{}, nil},
		{"what is read again", written{yaml: "name: b\nlimit: 2MiB\n"}, nil},
		{"what is read at start", written{yaml: "wait: 16s\n"}, []string{"wait"}},
		{"another spelling of the same", written{yaml: "wait: 15000ms\n"}, nil},
	} {
		next, _, said := tt.w.load()
		if got := shopSchema.NeedsRestart(&base, &next); !slices.Equal(got, tt.want) || len(said) > 0 {
			t.Errorf("%s: %v, want %v (%v)", tt.name, got, tt.want, said)
		}
	}
}

// The reference is a file that can be used as it is, and says what stands where nothing is written.
func TestReferenceIsAConfiguration(t *testing.T) {
	text := shopSchema.Reference("# Shop.\n")
	plain, _, _ := written{}.load()
	for name, yaml := range map[string]string{"as it is": text, "uncommented": uncommented(text)} {
		s, _, said := written{yaml: yaml}.load()
		if len(said) > 0 {
			t.Errorf("%s: problems %q in\n%s", name, said, yaml)
		}
		s.Shelves = nil // the sample of an entry
		if changes := shopSchema.Changes(&plain, &s); len(changes) > 0 {
			t.Errorf("%s: differs from the defaults: %v", name, changes)
		}
	}
	for _, want := range []string{"# Shop.\n", "# Mode. One of Open, Closed.\n#mode: Open\n", "# Limit. From 1KiB to 1GiB.\n", "# Wait. At least 1s. Read at start only.\n", `#tags: ["red", "blue"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the reference:\n%s", want, text)
		}
	}
}

// uncommented takes the mark off every line that is a setting and no sentence.
func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if rest, found := strings.CutPrefix(trimmed, "#"); found && !strings.HasPrefix(rest, " ") {
			line = strings.Repeat(" ", len(line)-len(trimmed)) + rest
		} else if found && strings.HasPrefix(rest, "   ") {
			line = strings.Repeat(" ", len(line)-len(trimmed)) + rest
		} else if found && strings.HasPrefix(rest, "  - ") {
			line = strings.Repeat(" ", len(line)-len(trimmed)) + rest
		}
		b.WriteString(line)
	}
	return b.String()
}

// Every leaf has a path that a flag takes and a variable that leads to the same place.
func TestEveryPathHasAFlagAndAVariable(t *testing.T) {
	for _, path := range shopSchema.Paths() {
		t.Run(path, func(t *testing.T) {
			value := map[string]string{"mode": "Closed", "limit": "2KiB", "wait": "2s", "shelves[0].width": "4"}[path]
			if value == "" {
				value = "v"
			}
			variable := "SHOP_" + strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "").Replace(path))
			s, o, said := written{env: []string{variable + "=" + value}}.load()
			if len(said) > 0 || o.Of(path).String() != "env "+variable {
				t.Errorf("%s: %q, from %s", variable, said, o.Of(path))
			}
			byFlag, _, said := written{flags: map[string]string{path: value}}.load()
			if secret := strings.HasSuffix(path, "secret"); secret != (len(said) == 1) {
				t.Errorf("--set %s: %q", path, said)
			} else if changes := shopSchema.Changes(&s, &byFlag); !secret && len(changes) > 0 {
				t.Errorf("flag and variable differ: %v", changes)
			}
		})
	}
}

func TestLayersBelowAndRewrite(t *testing.T) {
	l, ok := shopSchema.Read(settings.Sources{File: "s.yaml", ReadFile: func(string) ([]byte, error) { return []byte("name: own\n"), nil }})
	if !ok {
		t.Fatal(l.Problems())
	}
	below := settings.NewLayer()
	from := settings.Origin{Source: origin.VendorFile, Name: "etc/old.properties", Line: 7}
	below.Put("name", from, "theirs")
	below.Put("key.file", from, "k")
	below.Put("limit", from, "much")
	below.Put("wait", from, "9s")
	below.Delete("wait")
	l.Below(below)
	l.Rewrite("name", strings.ToUpper)
	l.Rewrite("yard.gate", func(string) string { t.Error("nothing is there to rewrite"); return "" })
	var s shop
	l.Decode(&s)
	if s.Name != "OWN" || s.Key.File != "etc/k" || s.Wait != 15*time.Second {
		t.Errorf("got %+v", s)
	}
	if ps := l.Problems(); len(ps) != 1 || ps[0].File != "etc/old.properties" || ps[0].Line != 7 || ps[0].Path != "limit" {
		t.Errorf("problems %v", ps)
	}
	if g, found := l.Top("name"); !found || g.Origin.Source != origin.File || l.Rank("yard.gate") != -1 {
		t.Errorf("top %+v", g)
	}
}

func TestReadFileSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		err  error
		want string
	}{
		{"none", nil, &fs.PathError{Op: "open", Path: "s.yaml", Err: fs.ErrNotExist}, "s.yaml: does not exist: s.yaml (check the name and that the gateway's user may read it)"},
		{"not allowed", nil, &fs.PathError{Op: "open", Path: "s.yaml", Err: fs.ErrPermission}, "s.yaml: cannot be read: s.yaml: permission denied (check"},
		{"a byte too long", make([]byte, settings.MaxFile+1), nil, "s.yaml: cannot be read: s.yaml: is larger than 1 MiB"},
		{"as long as it may be", []byte("name: a\n" + strings.Repeat("#", settings.MaxFile-8)), nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, ok := shopSchema.Read(settings.Sources{File: "s.yaml", ReadFile: func(string) ([]byte, error) { return tt.data, tt.err }})
			var said string
			for _, p := range l.Problems() {
				said += p.String()
			}
			if ok != (tt.want == "") || !strings.HasPrefix(said, tt.want) || tt.want == "" && said != "" {
				t.Errorf("ok %v, said %q, want %q", ok, said, tt.want)
			}
		})
	}
}

// A Schema is read by many at once.
func TestSchemaIsSafeForConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			w := written{yaml: fmt.Sprintf("name: n%d\nbad: x\n", i), flags: map[string]string{"limit": "2KiB"}}
			if s, _, said := w.load(); s.Name != fmt.Sprintf("n%d", i) || len(said) != 1 {
				t.Errorf("%d: %q %v", i, s.Name, said)
			}
		})
	}
	wg.Wait()
}

func readSeeds(f blind.Seeds) {
	for _, s := range []string{"name: a\n", "shelves:\n - name: a\n", "a: &x [*x]\n", "? [a]\n: b\n", "<<: {name: a}\n", "!!binary a: b\n", "name: !!int a\n"} {
		f.Add(s)
	}
}

// reads: no file makes the reader panic, and a problem in it has the file's name.
func reads(t testing.TB, text string) {
	var s shop
	l, ok := shopSchema.Read(settings.Sources{File: "s.yaml", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if ok {
		l.Decode(&s)
	}
	for _, p := range l.Problems() {
		if p.File != "s.yaml" || p.Msg == "" {
			t.Errorf("%q: %+v", text, p)
		}
	}
	if indexes := l.Indexes("shelves"); ok && len(slices.Collect(maps.Keys(indexes))) < len(s.Shelves) {
		t.Errorf("%d entries of %d", len(s.Shelves), len(indexes))
	}
}

func FuzzRead(f *testing.F) {
	readSeeds(f)
	f.Fuzz(func(t *testing.T, text string) { reads(t, text) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzRead", readSeeds, func(t testing.TB, in *blind.Input) { reads(t, in.String(0)) })
}
