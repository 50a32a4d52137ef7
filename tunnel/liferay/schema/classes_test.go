package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

func TestClassesThatCannotBeLinked(t *testing.T) {
	for _, tt := range []struct{ name, json, says string }{
		{"no JSON", `[`, "unexpected end of JSON"},
		{"no list", `{"name":"A"}`, "cannot unmarshal object"},
		{"a UID that is no number", `[{"name":"A","uid":"x","builds":["1"]}]`, "invalid use of ,string"},
		{"a UID that does not fit", `[{"name":"A","uid":"9223372036854775808","builds":["1"]}]`, "cannot unmarshal number"},
		{"flags that do not fit", `[{"name":"A","uid":"1","flags":256,"builds":["1"]}]`, "cannot unmarshal number"},
		{"a superclass that is nowhere", `[{"name":"A","uid":"1","super":"B","builds":["1"]}]`, "build 1: class B is missing"},
		{"a superclass of another build", `[{"name":"A","uid":"1","super":"B","builds":["1"]},{"name":"B","uid":"1","builds":["2"]}]`, "build 1: class B is missing"},
		{"a field without a name", `[{"name":"A","uid":"1","fields":["I"],"builds":["1"]}]`, `field "I" of A`},
		{"a field of two letters", `[{"name":"A","uid":"1","fields":["IJ n"],"builds":["1"]}]`, `field "IJ n" of A`},
		{"an empty field", `[{"name":"A","uid":"1","fields":[""],"builds":["1"]}]`, `field "" of A`},
		{"a bad superclass", `[{"name":"A","uid":"1","super":"B","builds":["1"]},{"name":"B","uid":"1","fields":["x"],"builds":["1"]}]`, `field "x" of B`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := loadClasses([]byte(tt.json))
			if err == nil || table != nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, %v, want %q", table, err, tt.says)
			}
		})
	}
}

func load(t *testing.T, json string) Table {
	t.Helper()
	table, err := loadClasses([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestClassesAreLinked(t *testing.T) {
	table := load(t, `[{"name":"A","uid":"-7","flags":3,"super":"B","fields":["I n","L s Ljava/lang/String;"],"builds":["1"]},
		{"name":"B","uid":"9","flags":2,"builds":["1"]}]`)
	a := table["1"]["A"]
	want := []graph.Field{{Type: 'I', Name: "n"}, {Type: 'L', Name: "s", Sig: "Ljava/lang/String;"}}
	if a.Name != "A" || a.UID != -7 || a.Flags != 3 || !slices.Equal(a.Fields, want) || a.Super != table["1"]["B"] || a.Super.UID != 9 {
		t.Errorf("%+v over %+v", a, a.Super)
	}
}

// Builds that have the same class share it, so that a stream of either takes no memory for it. A class whose
// superclass differs is another one.
func TestBuildsShareTheirClasses(t *testing.T) {
	table := load(t, `[{"name":"A","uid":"1","super":"B","builds":["1","2","3"]},
		{"name":"B","uid":"1","builds":["1","2"]},{"name":"B","uid":"2","builds":["3"]},
		{"name":"C","uid":"1","builds":["1"]},{"name":"C","uid":"1","fields":["I n"],"builds":["2"]}]`)
	if table["1"]["A"] != table["2"]["A"] || table["1"]["B"] != table["2"]["B"] {
		t.Error("two builds have a class each, and it is the same")
	}
	if table["1"]["A"] == table["3"]["A"] || table["3"]["A"].Super.UID != 2 {
		t.Error("a class whose superclass differs is shared")
	}
	if table["1"]["C"] == table["2"]["C"] {
		t.Error("a class with a field more is shared")
	}
	if got := len(table.all("A")) + len(table.all("none")); got != 0 {
		t.Errorf("%d classes of builds that are not recorded", got)
	}
}

// Which build a call is written for: its classes are of that build, or of none.
func TestFits(t *testing.T) {
	same, old := &graph.Class{Name: "A", UID: 1}, &graph.Class{Name: "A", UID: 2}
	table := Table{"6.2": {"A": old}, "7.0": {"A": same}, "7.4.3.112": {"A": same}, jdk: {"J": {Name: "J", UID: 5}}}
	for _, tt := range []struct {
		name  string
		c     *graph.Class
		build string
		want  bool
	}{
		{"of the build", same, "7.0", true}, {"of a build that shares it", same, "7.4.3.112", true}, {"of an older one", old, "7.0", false},
		{"of a newer one", same, "6.2", false}, {"of no build, in this version", &graph.Class{Name: "A", UID: 3}, "7.0", true},
		{"that no build has", &graph.Class{Name: "B", UID: 1}, "7.0", true}, {"in a build that lacks it", same, "7.1", false},
		{"in a build that nobody knows", same, "9.9", false}, {"of Java itself", &graph.Class{Name: "J", UID: 6}, "7.0", true},
	} {
		if got := table.Fits(tt.c, tt.build); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestOfABuildOrOfJava(t *testing.T) {
	a, j, both := &graph.Class{Name: "A"}, &graph.Class{Name: "J"}, &graph.Class{Name: "J", UID: 7}
	table := Table{"7.0": {"A": a}, "7.1": {"J": both}, jdk: {"J": j}}
	for _, tt := range []struct {
		build, name string
		want        *graph.Class
	}{{"7.0", "A", a}, {"7.0", "J", j}, {"7.1", "J", both}, {"7.1", "A", nil}, {"none", "J", j}, {"7.0", "", nil}} {
		if got := table.Of(tt.build, tt.name); got != tt.want {
			t.Errorf("%s of %s: %v", tt.name, tt.build, got)
		}
	}
	if table.pinned("J") != j || table.pinned("A") != a {
		t.Error("a class that is the same in all builds is another one")
	}
	defer func() {
		if got := recover(); got != "liferay: classes.json lacks B" {
			t.Errorf("recovered %v", got)
		}
	}()
	table.pinned("B")
}

// What is recorded: every build has what the envelope is made of, and the same of what is pinned.
func TestRecordedClasses(t *testing.T) {
	table := Classes()
	for _, build := range Builds() {
		if len(table[build]) < 10 {
			t.Errorf("build %s has %d classes", build, len(table[build]))
		}
		for _, name := range []string{ClassPair, ClassHandler, ClassKey, "java.lang.Long", "java.util.HashMap"} {
			if table.Of(build, name) == nil {
				t.Errorf("build %s lacks %s", build, name)
			}
		}
		old, recent := table.Of(build, ClassPrincipal62) != nil, table.Of(build, ClassPrincipal7) != nil
		if old != (build == "6.2") || recent == old {
			t.Errorf("build %s has the principal of 6.2: %t, of 7: %t", build, old, recent)
		}
	}
	if !slices.IsSortedFunc(Builds(), func(a, b string) int { return strings.Compare(padded(a), padded(b)) }) {
		t.Errorf("%q are not in order", Builds())
	}
}

// padded makes 7.4.3.51 come before 7.4.3.112.
func padded(build string) string {
	parts := strings.Split(build, ".")
	for i := range parts {
		parts[i] = fmt.Sprintf("%04s", parts[i])
	}
	return strings.Join(parts, ".")
}

// Every recorded class is one that Java could write.
func TestRecordedClassesAreLegal(t *testing.T) {
	for build, own := range Classes() {
		for name, c := range own {
			if c.Name != name || c.Flags&^(graph.FlagWriteMethod|graph.FlagSerializable|graph.FlagExternal|graph.FlagBlockData) != 0 {
				t.Errorf("%s of %s: named %s, flags %#x", name, build, c.Name, c.Flags)
			}
			if serializable, external := c.Flags&graph.FlagSerializable != 0, c.Flags&graph.FlagExternal != 0; serializable == external {
				t.Errorf("%s of %s: serializable %t, external %t", name, build, serializable, external)
			}
			seen := map[string]bool{}
			for i, f := range c.Fields {
				if f.Primitive() != (f.Sig == "") || f.Primitive() && graph.Width[f.Type] == 0 || seen[f.Name] {
					t.Errorf("%s of %s: field %+v", name, build, f)
				}
				if f.Sig != "" && f.Sig[0] != f.Type {
					t.Errorf("%s of %s: field %s of type %c has the signature %s", name, build, f.Name, f.Type, f.Sig)
				}
				if i > 0 && !f.Primitive() != !c.Fields[i-1].Primitive() && f.Primitive() {
					t.Errorf("%s of %s: %s comes behind objects, and Java writes primitives first", name, build, f.Name)
				}
				seen[f.Name] = true
			}
		}
	}
}
