package schema

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// walk calls f for every shape that can be reached from a slot, once.
func walk(slot *graph.Slot, seen map[any]bool, f func(sh *graph.Shape), s func(slot *graph.Slot)) {
	if slot == nil || seen[slot] {
		return
	}
	seen[slot] = true
	s(slot)
	for _, sh := range slot.Shapes {
		walkShape(sh, seen, f, s)
	}
}

func walkShape(sh *graph.Shape, seen map[any]bool, f func(sh *graph.Shape), s func(slot *graph.Slot)) {
	if sh == nil || seen[sh] {
		return
	}
	seen[sh] = true
	f(sh)
	for i := range sh.Slots {
		walk(&sh.Slots[i], seen, f, s)
	}
	walk(sh.Key, seen, f, s)
	walk(sh.Elem, seen, f, s)
	walkShape(sh.Super, seen, f, s)
	if sh.Open != nil {
		for _, slot := range sh.Open.Refs {
			walk(slot, seen, f, s)
		}
	}
}

// requestClasses are all that a call may hold. A class more is a way for an attacker: each one stands here
// because the vendor's client sends it.
var requestClasses = []string{
	"[B", "[I", "[J", "[Ljava.lang.Boolean;", "[Ljava.lang.Integer;", "[Ljava.lang.Long;", "[Ljava.lang.Object;",
	"[Ljava.lang.String;", "[Ljava.util.Date;", "[Ljava.util.Locale;", "[Ljava.util.TimeZone;", "[Lsun.util.calendar.ZoneInfo;",
	"com.liferay.portal.kernel.model.impl.BaseModelImpl", ClassPrincipal7, ClassHandler, ClassKey, ClassPair, ClassPrincipal62,
	ClassConfig, "com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationBaseImpl",
	"com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationModelImpl",
	"java.lang.Boolean", "java.lang.Integer", "java.lang.Long", "java.lang.Number", "java.util.ArrayList", "java.util.Date",
	"java.util.HashMap", "java.util.Locale", "java.util.TimeZone", "sun.util.calendar.ZoneInfo",
}

func TestClassesOfARequestAreAnExactList(t *testing.T) {
	found := map[string]bool{}
	walk(Shapes().Request, map[any]bool{}, func(sh *graph.Shape) { found[sh.Name()] = true }, func(slot *graph.Slot) {
		if slot.Dynamic != nil || slot.Anything {
			t.Errorf("a place of a request takes classes that nobody listed: %+v", slot)
		}
	})
	want := slices.Sorted(slices.Values(requestClasses))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(want, name) {
			t.Errorf("a request may hold %s", name)
		}
	}
	for _, name := range want {
		if !found[name] {
			t.Errorf("a request may not hold %s", name)
		}
	}
}

// A pinned class has a slot for every field that holds an object: a field without one would be read as
// anything, or stop the process.
func TestPinnedClassesHaveASlotForEachField(t *testing.T) {
	s, seen := Shapes(), map[any]bool{}
	check := func(sh *graph.Shape) {
		if sh.Class == nil {
			return
		}
		refs := 0
		for _, f := range sh.Class.Fields {
			if !f.Primitive() {
				refs++
			}
		}
		if len(sh.Slots) != refs {
			t.Errorf("%s has %d fields with objects and %d slots", sh.Name(), refs, len(sh.Slots))
		}
		super := ""
		if sh.Class.Super != nil {
			super = sh.Class.Super.Name
		}
		if sh.Super != nil && sh.Super.Name() != super {
			t.Errorf("%s is read over %s and written over %q", sh.Name(), sh.Super.Name(), super)
		}
		if sh.Super == nil && super != "" {
			t.Errorf("%s has the superclass %s, and nobody reads it", sh.Name(), super)
		}
	}
	none := func(*graph.Slot) {}
	walk(s.Request, seen, check, none)
	for _, slot := range s.Replies {
		walk(slot, seen, check, none)
	}
	for _, sh := range s.throwables.named {
		walkShape(sh, seen, check, none)
	}
	if len(seen) < 60 {
		t.Errorf("only %d places were looked at", len(seen))
	}
}

// The stored password stands in a sealed place: it can be blanked, as nothing refers to it.
func TestPasswordsAreSealed(t *testing.T) {
	sealed := map[string]int{}
	walk(Shapes().Request, map[any]bool{}, func(sh *graph.Shape) {
		for _, slot := range sh.Slots {
			if slot.Sealed {
				sealed[sh.Name()]++
			}
		}
	}, func(*graph.Slot) {})
	if len(sealed) != 2 || sealed[ClassPrincipal62] != 1 || sealed[ClassPrincipal7] != 1 {
		t.Errorf("sealed: %v", sealed)
	}
	for _, name := range []string{ClassPrincipal62, ClassPrincipal7} {
		i := 0
		for _, f := range Classes().pinned(name).Fields {
			if f.Primitive() {
				continue
			}
			sh := Shapes().principal(name)
			if sh.Slots[i].Sealed != (f.Name == "_password") {
				t.Errorf("%s.%s: sealed %t", name, f.Name, sh.Slots[i].Sealed)
			}
			i++
		}
	}
}

// Only the arguments of a call may stream, and nothing that a map or a list holds.
func TestBulkContentIsAnArgument(t *testing.T) {
	bulk := 0
	walk(Shapes().Request, map[any]bool{}, func(sh *graph.Shape) {
		for _, slot := range append([]*graph.Slot{sh.Key}, sh.Elem) {
			if slot == nil || !slot.Bulk {
				continue
			}
			if bulk++; sh.Name() != "[Ljava.lang.Object;" {
				t.Errorf("bulk content in %s", sh.Name())
			}
		}
	}, func(*graph.Slot) {})
	if bulk != 1 {
		t.Errorf("%d places for bulk content", bulk)
	}
}

// What may stand in the settings of a publish, and what reads a stream of its own on the engine.
func TestSettingsTakeLeavesOnly(t *testing.T) {
	value := Shapes().Settings[0].Elem
	for _, name := range settingsClasses {
		if value.Find(name) == nil {
			t.Errorf("settings may not hold %s", name)
		}
	}
	for _, name := range []string{"java.util.HashMap", "java.util.ArrayList", "[Ljava.lang.Object;"} {
		if value.Find(name) == nil {
			t.Errorf("settings may not hold %s", name)
		}
	}
	for _, name := range []string{
		ClassConfig, ClassHandler, ClassKey, "[B", "java.util.LinkedHashMap", "java.util.TreeMap", "java.util.PriorityQueue",
		"java.net.URL", "java.lang.Class", "java.lang.Runtime", "org.apache.commons.collections.functors.InvokerTransformer", "",
	} {
		if value.Find(name) != nil {
			t.Errorf("settings may hold %s", name)
		}
	}
	key := Shapes().Settings[0].Key
	if key.Null || !key.String || key.Find("java.lang.Long") == nil || key.Find("java.util.Date") != nil {
		t.Errorf("keys of settings: %+v", key)
	}
	if inner := value.Find("[Ljava.lang.Object;").Elem; inner.Null || inner.String || len(inner.Shapes) > 0 {
		t.Errorf("an array of objects in settings may hold %+v", inner)
	}
}

// The settings of a configuration must be there: the engine reads a string in their place as a stream.
func TestAConfigurationHasItsSettings(t *testing.T) {
	sh := Shapes().configuration()
	if len(sh.Open.Required) != 1 || sh.Open.Required[0].Name != "_settingsMap" || sh.Open.Required[0].Sig != "Ljava/util/Map;" {
		t.Errorf("required: %+v", sh.Open.Required)
	}
	slot := sh.SlotOf(sh.Open.Required[0], 0)
	if slot.Null || slot.String || slot.Find("java.util.HashMap") == nil {
		t.Errorf("the settings: %+v", slot)
	}
	if other := sh.SlotOf(graph.Field{Type: 'L', Name: "_settingsMap2", Sig: "Ljava/util/Map;"}, 0); other.Find("java.util.HashMap") != nil {
		t.Error("another map may be there too")
	}
}

// What methods answer: nothing but what their type says, or an exception.
func TestReplies(t *testing.T) {
	s := Shapes()
	for _, tt := range []struct {
		returns string
		classes []string
		text    bool
	}{
		{"void", nil, false}, {"long", []string{"java.lang.Long"}, false}, {"boolean", []string{"java.lang.Boolean"}, false},
		{"java.lang.String", nil, true},
		{"com.liferay.portal.kernel.model.Group", []string{ModelImpl + "GroupImpl"}, false},
		{"com.liferay.portal.model.Group", []string{ModelImpl + "GroupImpl"}, false},
		{"com.liferay.portal.kernel.model.Layout", []string{ModelImpl + "LayoutImpl"}, false},
		{"com.liferay.portal.kernel.model.ClassName", []string{ModelImpl + "ClassNameImpl"}, false},
		{"com.liferay.exportimport.kernel.lar.MissingReferences", []string{"com.liferay.portal.kernel.lar.MissingReferences",
			"com.liferay.exportimport.kernel.lar.MissingReferences"}, false},
	} {
		slot := s.Replies[tt.returns]
		if slot == nil {
			t.Errorf("%s has no answer", tt.returns)
			continue
		}
		var names []string
		for _, sh := range slot.Shapes {
			names = append(names, sh.Name())
		}
		if !slices.Equal(names, tt.classes) || slot.String != tt.text || slot.Null {
			t.Errorf("%s answers %q, text %t, null %t", tt.returns, names, slot.String, slot.Null)
		}
		if slot.Find("com.liferay.portal.kernel.exception.PortalException") == nil || slot.Find("java.lang.Thread") != nil {
			t.Errorf("%s may throw another thing than an exception", tt.returns)
		}
	}
	if s.Replies["java.lang.Object"] != nil || s.Replies[""] != nil {
		t.Error("a method that returns anything has an answer")
	}
}

func TestExceptionsByName(t *testing.T) {
	thrown := Shapes().throwables.shape
	for _, name := range []string{
		"java.lang.Throwable", "java.lang.Exception", "java.io.IOException", "java.util.zip.ZipException",
		"com.liferay.portal.NoSuchGroupException", "com.liferay.any.Own$Inner_1", "com.liferay." + strings.Repeat("a", 256-len("com.liferay.")),
	} {
		if sh := thrown(name); sh == nil || sh.Name() != name || sh.Family == nil {
			t.Errorf("%s: %v", name, sh)
		}
	}
	for _, name := range []string{
		"", "java.lang.Object", "java.lang.Thread", "java.lang.Exception2", "java.lang.exception", "javax.naming.NamingException",
		"com.liferayx.E", "xcom.liferay.E", "com.liferay", "com.liferay.E;", "com.liferay.E/x", "com.liferay.É", "com.liferay.E\x00", "[Lcom.liferay.E;",
		"com.liferay." + strings.Repeat("a", 257-len("com.liferay.")), "org.springframework.core.NestedRuntimeException",
	} {
		if sh := thrown(name); sh != nil {
			t.Errorf("%q is taken for an exception", name)
		}
	}
	if first, second := thrown("java.lang.Exception"), thrown("java.lang.Exception"); first != second {
		t.Error("a known exception is made anew")
	}
	if a, b := thrown("com.liferay.a.AException"), thrown("com.liferay.b.BException"); a.Family != b.Family || a == b {
		t.Error("exceptions are of several families")
	}
}

// All of Java's own are there under their names, each once.
func TestJavasExceptions(t *testing.T) {
	names := strings.Fields(jdkThrowables)
	if len(names) < 60 {
		t.Errorf("%d names", len(names))
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] || !strings.HasPrefix(name, "java.") || strings.ContainsFunc(name, odd) {
			t.Errorf("%s is there twice or is none", name)
		}
		seen[name] = true
	}
}

func TestThrows(t *testing.T) {
	throwable := &graph.Class{Name: "java.lang.Throwable"}
	exception := &graph.Class{Name: "java.lang.Exception", Super: throwable}
	for name, tt := range map[string]struct {
		c    *graph.Class
		want bool
	}{"nothing": {nil, false}, "itself": {throwable, true}, "below it": {&graph.Class{Name: "E", Super: exception}, true},
		"named like one": {&graph.Class{Name: "java.lang.Exception"}, false}, "another": {&graph.Class{Name: "java.lang.Long"}, false}} {
		if got := Throws(tt.c); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Texts that many streams carry need no copy: names of classes, fields and signatures of every build.
func TestCommonTexts(t *testing.T) {
	common := Shapes().Common
	for _, want := range []string{"true", "false", ClassPair, ClassHandler, "_settingsMap", "Ljava/util/Map;", "Ljava/lang/String;", "java.lang.Long"} {
		if common[want] != want {
			t.Errorf("%s is %q", want, common[want])
		}
	}
	for k, v := range common {
		if k != v {
			t.Errorf("%q stands for %q", k, v)
		}
	}
}
