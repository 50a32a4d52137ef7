package liferay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

func reply(src io.Reader, returns string, resets bool) (*liferay.Reply, error) {
	lim := javaser.DefaultLimits()
	return liferay.ReadReply(source.New(src, nil, lim.Held), lim, returns, resets)
}

// thrower makes exceptions of classes that an engine may have.
type thrower struct {
	*edit
	empty *graph.Object
}

func newThrower(t testing.TB) *thrower {
	e := &edit{t: t, classes: map[string]*graph.Class{}}
	data, err := liferay.AppendThrown(nil, build7, liferay.Thrown{Class: liferay.ClassPortalException})
	if err != nil {
		t.Fatal(err)
	}
	e.learn(loose(t, data))
	e.learn(loose(t, jdkFile(t, "exception-thrown")))
	return &thrower{edit: e, empty: e.object("java.util.Collections$EmptyList")}
}

// subclass makes a class that extends another.
func (th *thrower) subclass(name, super string, fields ...graph.Field) *graph.Class {
	c := &graph.Class{Name: name, UID: 1, Flags: 2, Fields: fields, Super: th.class(super)}
	th.classes[name] = c
	return c
}

// exception makes one with that many stack frames; without a cause it refers to itself, as Java does.
func (th *thrower) exception(class, message string, frames int, cause graph.Value) *graph.Object {
	o := th.object(class)
	o.SetRef("cause", o)
	if cause != nil {
		o.SetRef("cause", cause)
	}
	o.SetRef("detailMessage", text(message))
	o.SetRef("suppressedExceptions", th.empty)
	trace := &graph.Array{Class: th.class("[Ljava.lang.StackTraceElement;")}
	for i := range frames {
		f := th.object("java.lang.StackTraceElement")
		f.SetBits("lineNumber", uint64(i))
		f.SetRef("declaringClass", text(fmt.Sprintf("com.liferay.Class%d", i)))
		f.SetRef("methodName", text("call"))
		f.SetRef("fileName", text(fmt.Sprintf("Class%d.java", i)))
		trace.Refs = append(trace.Refs, f)
	}
	o.SetRef("stackTrace", trace)
	return o
}

func (th *thrower) write(v graph.Value) []byte {
	th.t.Helper()
	data, err := graph.Append(nil, v)
	if err != nil {
		th.t.Fatal(err)
	}
	return data
}

const portal = liferay.ClassPortalException

// TestExceptions has what an exception may be and carry. Refused ones still tell their class, and their message if it was read.
func TestExceptions(t *testing.T) {
	object := func(name, sig string) graph.Field { return graph.Field{Type: sig[0], Name: name, Sig: sig} }
	own := func(field graph.Field, v func(th *thrower) graph.Value) func(th *thrower) *graph.Object {
		return func(th *thrower) *graph.Object {
			th.subclass("com.liferay.x.OwnException", portal, field)
			o := th.exception("com.liferay.x.OwnException", "m", 0, nil)
			o.SetRef(field.Name, v(th))
			return o
		}
	}
	chain := func(depth int) func(th *thrower) *graph.Object {
		return func(th *thrower) *graph.Object {
			var cause graph.Value
			for i := range depth - 1 {
				name := fmt.Sprintf("com.liferay.x.Cause%dException", i)
				th.subclass(name, portal)
				cause = th.exception(name, "cause", 120, cause)
			}
			return th.exception(portal, "m", 120, cause)
		}
	}
	for _, tt := range []struct {
		name, reason, glimpse string
		make                  func(th *thrower) *graph.Object
	}{
		{"plain", "accepted", "", func(th *thrower) *graph.Object { return th.exception(portal, "m", 0, nil) }},
		{"of a module of the vendor's", "accepted", "", func(th *thrower) *graph.Object {
			th.subclass("com.liferay.x.y.OddException$Must_Not1", portal)
			return th.exception("com.liferay.x.y.OddException$Must_Not1", "m", 3, nil)
		}},
		{"of Java", "accepted", "", func(th *thrower) *graph.Object {
			th.subclass("java.lang.IllegalStateException", "java.lang.RuntimeException")
			return th.exception("java.lang.IllegalStateException", "m", 3, nil)
		}},
		{"Throwable itself", "accepted", "", func(th *thrower) *graph.Object { return th.exception("java.lang.Throwable", "m", 3, nil) }},
		{"of somebody else", "stream.class", "org.x.EvilException: m", func(th *thrower) *graph.Object {
			th.subclass("org.x.EvilException", portal)
			return th.exception("org.x.EvilException", "m", 3, nil)
		}},
		{"of the vendor's name only", "stream.class", "com.liferayx.Evil: m", func(th *thrower) *graph.Object {
			th.subclass("com.liferayx.Evil", portal)
			return th.exception("com.liferayx.Evil", "m", 3, nil)
		}},
		{"of a name with a line break", "stream.class", "com.liferay.\nEvil: m", func(th *thrower) *graph.Object {
			th.subclass("com.liferay.\nEvil", portal)
			return th.exception("com.liferay.\nEvil", "m", 3, nil)
		}},
		{"of a name of 300 letters", "stream.class", "com.liferay." + strings.Repeat("x", 300) + ": m", func(th *thrower) *graph.Object {
			th.subclass("com.liferay."+strings.Repeat("x", 300), portal)
			return th.exception("com.liferay."+strings.Repeat("x", 300), "m", 3, nil)
		}},
		{"a class of the vendor's that is none", "stream.shape", "-", func(th *thrower) *graph.Object {
			th.classes["com.liferay.x.Evil"] = &graph.Class{Name: "com.liferay.x.Evil", UID: 1, Flags: 2}
			return th.object("com.liferay.x.Evil")
		}},
		{"a superclass of somebody else", "stream.class", "com.liferay.x.Own: m", func(th *thrower) *graph.Object {
			th.subclass("org.x.Evil", portal)
			th.subclass("com.liferay.x.Own", "org.x.Evil")
			return th.exception("com.liferay.x.Own", "m", 3, nil)
		}},
		{"nine superclasses", "stream.depth", "-", func(th *thrower) *graph.Object {
			super := portal
			for i := range 6 {
				name := fmt.Sprintf("com.liferay.x.C%d", i)
				th.subclass(name, super)
				super = name
			}
			return th.exception(super, "m", 3, nil)
		}},
		{"a cause", "accepted", "", chain(2)},
		{"ten causes with 120 frames each", "accepted", "", chain(11)},
		{"60 causes", "accepted", "", chain(60)},
		{"70 causes", "stream.depth", portal, chain(70)},
		{"a cause of somebody else", "stream.class", portal + ": m", func(th *thrower) *graph.Object {
			th.subclass("org.x.EvilException", portal)
			return th.exception(portal, "m", 3, th.exception("org.x.EvilException", "inner", 0, nil))
		}},
		{"causes in a ring", "stream.handle", portal + ": m", func(th *thrower) *graph.Object {
			inner := th.exception("java.lang.Exception", "inner", 0, nil)
			outer := th.exception(portal, "m", 3, inner)
			inner.SetRef("cause", outer)
			return outer
		}},
		{"no cause, as null", "accepted", "", func(th *thrower) *graph.Object {
			o := th.exception(portal, "m", 0, nil)
			o.SetRef("cause", nil)
			return o
		}},
		{"one that was seen before", "accepted", "", func(th *thrower) *graph.Object {
			inner := th.exception("java.lang.Exception", "inner", 2, nil)
			o := th.exception(portal, "m", 3, inner)
			o.SetRef("suppressedExceptions", th.list(inner))
			return o
		}},
		{"one that it suppressed", "accepted", "", func(th *thrower) *graph.Object {
			o := th.exception(portal, "m", 3, nil)
			o.SetRef("suppressedExceptions", th.list(th.exception("java.lang.Exception", "inner", 2, nil)))
			return o
		}},
		{"text that it suppressed", "stream.slot", portal + ": m", func(th *thrower) *graph.Object {
			o := th.exception(portal, "m", 3, nil)
			o.SetRef("suppressedExceptions", th.list(text("x")))
			return o
		}},
		{"itself that it suppressed", "stream.handle", portal + ": m", func(th *thrower) *graph.Object {
			o := th.exception(portal, "m", 3, nil)
			o.SetRef("suppressedExceptions", th.list(o))
			return o
		}},
		{"no stack", "accepted", "", func(th *thrower) *graph.Object {
			o := th.exception(portal, "m", 0, nil)
			o.SetRef("stackTrace", nil)
			return o
		}},
		{"60,000 frames", "stream.weight", portal + ": m", func(th *thrower) *graph.Object { return th.exception(portal, "m", 60_000, nil) }},

		{"text of its own", "accepted", "", own(object("_a", "Ljava/lang/String;"), func(*thrower) graph.Value { return text("x") })},
		{"texts", "accepted", "", own(object("_a", "[Ljava/lang/String;"), func(th *thrower) graph.Value { return th.texts("x") })},
		{"numbers", "accepted", "", own(object("_a", "[J"), func(th *thrower) graph.Value {
			return &graph.Array{Class: th.class("[J"), Longs: []int64{1}}
		})},
		{"a Date", "accepted", "", own(object("_a", "Ljava/util/Date;"), func(th *thrower) graph.Value { return th.date(1) })},
		{"a Locale", "accepted", "", own(object("_a", "Ljava/util/Locale;"), func(th *thrower) graph.Value { return th.sample("locale-en-US") })},
		{"a list of Locale and text", "accepted", "", own(object("_a", "Ljava/util/List;"), func(th *thrower) graph.Value {
			return th.list(th.sample("locale-en-US"), text("x"), nil)
		})},
		{"an empty list", "accepted", "", own(object("_a", "Ljava/util/List;"), func(th *thrower) graph.Value { return th.empty })},
		{"a list of numbers", "stream.class", "com.liferay.x.OwnException: m", own(object("_a", "Ljava/util/List;"), func(th *thrower) graph.Value {
			return th.list(th.long(1))
		})},
		{"null of any type", "accepted", "", own(object("_a", "Lorg/x/Evil;"), func(*thrower) graph.Value { return nil })},
		{"an object of any type", "stream.class", "com.liferay.x.OwnException: m", own(object("_a", "Ljava/lang/Object;"), func(th *thrower) graph.Value {
			return th.long(1)
		})},
		{"a map", "stream.class", "com.liferay.x.OwnException: m", own(object("_a", "Ljava/util/Map;"), func(th *thrower) graph.Value {
			return th.hash("java.util.HashMap")
		})},
		{"a second exception in a field", "stream.class", "com.liferay.x.OwnException: m", own(object("_a", "Ljava/lang/Throwable;"), func(th *thrower) graph.Value {
			return th.exception(portal, "inner", 0, nil)
		})},
		{"a field that hides the message", "stream.twice", "com.liferay.x.OwnException", own(object("detailMessage", "Ljava/lang/String;"), func(*thrower) graph.Value {
			return nil
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			th := newThrower(t)
			data := th.write(tt.make(th))
			r, err := reply(bytes.NewReader(data), "void", false)
			if reasonOf(err) != tt.reason {
				t.Fatalf("got %v, want %s", err, tt.reason)
			}
			if err == nil {
				if r.Thrown == nil || r.Thrown.Message != "m" || r.Value != nil {
					t.Errorf("got %+v", r)
				}
				if again, err := r.Append(nil); err != nil || !bytes.Equal(again, data) {
					t.Errorf("written back differently: %v", err)
				}
				return
			}
			thrown, ok := liferay.Glimpse(data, javaser.DefaultLimits(), nil)
			if tt.glimpse == "-" {
				if ok {
					t.Errorf("passes for an exception: %v", thrown)
				}
			} else if !ok || thrown.Error() != tt.glimpse {
				t.Errorf("a glimpse shows %v, %v; want %s", thrown, ok, tt.glimpse)
			}
		})
	}
}

// TestAnswers: what a method may answer follows from what it returns.
func TestAnswers(t *testing.T) {
	value := func(v any) []byte {
		data, err := liferay.AppendValue(nil, build7, v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	missing, err := liferay.AppendMissing(nil, build7, []liferay.MissingReference{{ClassName: "c", ClassPK: "1", DisplayName: "hard"}},
		[]liferay.MissingReference{{ClassName: "c", ClassPK: "2", DisplayName: "weak"}})
	if err != nil {
		t.Fatal(err)
	}
	kernel := "com.liferay.exportimport.kernel.lar.MissingReferences"
	group, layout := "com.liferay.portal.kernel.model.Group", "com.liferay.portal.kernel.model.Layout"
	className := "com.liferay.portal.kernel.model.ClassName"
	answers := map[string][]byte{
		"nothing": nil, "null": {0xac, 0xed, 0, 5, 0x70},
		"a Long": value(int64(7)), "a Boolean": value(true), "text": value("x"), "an Integer": value(int32(7)),
		"missing references": missing, "empty text": value(""),
		"a group":     recorded(t, build7, "015-getGroup.rep"),
		"a layout":    recorded(t, build7, "017-getLayoutByUuidAndGroupId.rep"),
		"a name":      recorded(t, build7, "026-fetchByClassNameId.rep"),
		"a header":    graph.Header(),
		"a second":    append(value(true), 0x70),
		"a heartbeat": {0xac, 0xed, 0, 5, 0x79},
	}
	for returns, allowed := range map[string]string{
		"void": "nothing", "long": "a Long", "boolean": "a Boolean", "java.lang.String": "text, empty text",
		kernel: "missing references", group: "a group", layout: "a layout",
		className: "a name",
	} {
		for name, data := range answers {
			r, err := reply(bytes.NewReader(data), returns, false)
			if want := strings.Contains(", "+allowed+",", ", "+name+","); (err == nil) != want {
				t.Errorf("%s answered %s: %v", returns, name, err)
			}
			if name == "nothing" && returns != "void" && !errors.Is(err, liferay.ErrEmptyReply) {
				t.Errorf("%s answered nothing: %v", returns, err)
			}
			if err != nil {
				continue
			}
			if again, err := r.Append(nil); err != nil || !bytes.Equal(again, data) {
				t.Errorf("%s: written back differently: %v", returns, err)
			}
			hard, weak, ok := r.MissingReferences()
			if ok != (returns == kernel) || ok && (fmt.Sprint(hard, weak) != "[c hard] [c weak]") {
				t.Errorf("%s: missing %v %v %v", returns, hard, weak, ok)
			}
		}
	}
	if _, err := reply(bytes.NewReader(value(true)), "java.util.List", false); !errors.Is(err, liferay.ErrReturnType) {
		t.Errorf("an unknown return type: %v", err)
	}
}

// TestCutReplyIsNotEmpty cuts every recorded reply at every byte, by an end and by an error, with heartbeats allowed and not:
// nothing that was cut passes for the empty answer of a void call. Only nothing at all does, and heartbeats alone.
func TestCutReplyIsNotEmpty(t *testing.T) {
	reset := errors.New("connection reset")
	recordings(t, "rep", func(build, method, name string, data []byte) {
		if build != build7 || len(data) > 3_300 {
			return
		}
		typ := returns[method]
		cut := func(n int, fault error, resets bool) error {
			_, err := reply(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(fault)), typ, resets)
			return err
		}
		t.Run(name, func(t *testing.T) {
			for n := range data {
				for _, resets := range []bool{false, true} {
					want := "stream.truncated"
					if empty := n == 0 || resets && n == 4; empty && typ == "void" {
						want = "accepted"
					} else if empty {
						want = "other error: " + liferay.ErrEmptyReply.Error()
					}
					if err := cut(n, io.EOF, resets); reasonOf(err) != want {
						t.Fatalf("cut at %d, heartbeats %v: %v, want %s", n, resets, err, want)
					}
					for _, fault := range []error{io.ErrUnexpectedEOF, reset} {
						if err := cut(n, fault, resets); !errors.Is(err, fault) {
							t.Fatalf("broken at %d by %v, heartbeats %v: %v", n, fault, resets, err)
						}
					}
				}
			}
		})
	})
}

func TestHeartbeats(t *testing.T) {
	long, err := liferay.AppendValue(nil, build7, int64(7))
	if err != nil {
		t.Fatal(err)
	}
	beats := func(n int, rest []byte) []byte {
		return joined(graph.Header(), bytes.Repeat([]byte{graph.Reset}, n), rest)
	}
	for _, tt := range []struct {
		name, returns string
		data          []byte
		resets        bool
		reason        string
	}{
		{"before a value", "long", beats(3, long[4:]), true, "accepted"},
		{"20,000 before a value", "long", beats(20_000, long[4:]), true, "accepted"},
		{"before nothing", "void", beats(3, nil), true, "accepted"},
		{"before an exception", "void", beats(3, emptyReply()), true, "accepted"},
		{"before nothing where a value was due", "long", beats(3, nil), true, "other error: " + liferay.ErrEmptyReply.Error()},
		{"from an engine", "long", beats(1, long[4:]), false, "stream.tag"},
		{"from an engine before nothing", "void", beats(1, nil), false, "stream.tag"},
		{"within a value", "long", joined(long[:20], []byte{0x79}, long[20:]), true, "stream.class"},
		{"behind a value", "long", joined(long, []byte{0x79}), true, "stream.trailing"},
		{"before half a value", "long", beats(3, long[4:5]), true, "stream.truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := reply(bytes.NewReader(tt.data), tt.returns, tt.resets)
			if reasonOf(err) != tt.reason {
				t.Fatalf("got %v, want %s", err, tt.reason)
			}
			if err == nil && tt.returns == "long" && r.Value != int64(7) {
				t.Errorf("got %v", r.Value)
			}
		})
	}
}

// TestSharedExceptions: exceptions that suppress the one below twice cost a reader that walks them 2^n steps.
func TestSharedExceptions(t *testing.T) {
	th := newThrower(t)
	inner := th.exception(portal, "m", 1, nil)
	for range 20 {
		o := th.exception(portal, "m", 1, inner)
		o.SetRef("suppressedExceptions", th.list(inner, inner))
		inner = o
	}
	if _, err := reply(bytes.NewReader(th.write(inner)), "void", false); reasonOf(err) != "stream.weight" {
		t.Errorf("got %v", err)
	}
}

// TestWrittenReplies: what is written for each build is read as a reply of that build.
func TestWrittenReplies(t *testing.T) {
	for _, build := range liferay.Builds() {
		t.Run(build, func(t *testing.T) {
			auth, err := liferay.AppendRemoteAuth(nil, build, liferay.TypeWrongSecret, "wrong")
			if err != nil {
				t.Fatal(err)
			}
			odd, err := liferay.AppendThrown(nil, build, liferay.Thrown{Class: "org.x.Odd", Message: "why"})
			if err != nil {
				t.Fatal(err)
			}
			group, err := liferay.AppendGroup(nil, build, liferay.Model{"_groupId": int64(5), "_site": true, "_friendlyURL": "/x", "_nowhere": "x"})
			if err != nil {
				t.Fatal(err)
			}
			layout, err := liferay.AppendLayout(nil, build, liferay.Model{"_plid": int64(5), "_uuid": "u"})
			if err != nil {
				t.Fatal(err)
			}
			name, err := liferay.AppendClassName(nil, build, liferay.Model{"_classNameId": int64(5), "_value": "x"})
			if (err == nil) != (build != liferay.Line62) {
				t.Fatalf("a class name of %s: %v", build, err)
			}
			line, model := ".portal.kernel", "com.liferay.portal.kernel.model."
			if build == liferay.Line62 {
				line, model = ".portal", "com.liferay.portal.model."
			}
			for _, w := range []struct {
				data          []byte
				returns, want string
			}{
				{auth, "void", "com.liferay" + line + ".security.auth.RemoteAuthException: wrong"},
				{odd, "void", portal + ": org.x.Odd: why"},
				{group, model + "Group", ""}, {layout, model + "Layout", ""}, {name, model + "ClassName", ""},
			} {
				if w.data == nil {
					continue // 6.2 has no call that answers a class name
				}
				r, err := reply(bytes.NewReader(w.data), w.returns, false)
				if err != nil {
					t.Fatalf("%s: %v", w.returns, err)
				}
				if w.want != "" && (r.Thrown == nil || r.Thrown.Error() != w.want) {
					t.Errorf("got %v, want %s", r.Thrown, w.want)
				}
			}
		})
	}
}

// TestClassNameByForm has what a ClassName of another build may look like, and twins that no build
// writes.
func TestClassNameByForm(t *testing.T) {
	const impl = "com.liferay.portal.model.impl.ClassName"
	field := func(name, sig string) graph.Field {
		if len(sig) == 1 {
			return graph.Field{Type: sig[0], Name: name}
		}
		return graph.Field{Type: sig[0], Name: name, Sig: sig}
	}
	root := &graph.Class{Name: "com.liferay.portal.kernel.model.impl.BaseModelImpl", UID: 1, Flags: 2,
		Fields: []graph.Field{field("_cachedModel", "Z"), field("_new", "Z")}}
	own := []graph.Field{field("_classNameId", "J"), field("_value", "Ljava/lang/String;")}
	object := func(names [3]string, fields []graph.Field, super *graph.Class) *graph.Object {
		model := &graph.Class{Name: names[0], UID: 2, Flags: 2, Fields: fields, Super: super}
		base := &graph.Class{Name: names[1], UID: 3, Flags: 2, Super: model}
		c := &graph.Class{Name: names[2], UID: 4, Flags: 2, Super: base}
		return &graph.Object{Class: c, Fields: make([]graph.FieldValue, c.FieldCount())}
	}
	chain := [3]string{impl + "ModelImpl", impl + "BaseImpl", impl + "Impl"}
	for _, tt := range []struct {
		name string
		ok   bool
		make func() *graph.Object
	}{
		{"of a build not known", true, func() *graph.Object { return object(chain, own, root) }},
		{"a number more", true, func() *graph.Object {
			return object(chain, append([]graph.Field{field("_another", "J")}, own...), root)
		}},
		{"a reference that is null", true, func() *graph.Object {
			return object(chain, append([]graph.Field{}, own[0], field("_more", "Lcom/x/Y;"), own[1]), root)
		}},
		{"a reference that is not", false, func() *graph.Object {
			o := object(chain, append([]graph.Field{}, own[0], field("_more", "Lcom/x/Y;"), own[1]), root)
			o.SetRef("_more", object(chain, own, root))
			return o
		}},
		{"itself inside", false, func() *graph.Object {
			o := object(chain, append([]graph.Field{}, own[0], field("_escapedModel", "Lcom/liferay/portal/kernel/model/ClassName;"), own[1]), root)
			o.SetRef("_escapedModel", o)
			return o
		}},
		{"a class less", false, func() *graph.Object {
			o := object(chain, own, root)
			o.Class = &graph.Class{Name: impl + "Impl", UID: 4, Flags: 2, Super: o.Class.Super.Super}
			return o
		}},
		{"another name", false, func() *graph.Object {
			return object([3]string{chain[0], chain[1], "com.liferay.portal.model.impl.ClassNamesImpl"}, own, root)
		}},
		{"another model", false, func() *graph.Object {
			return object([3]string{"com.liferay.portal.model.impl.GroupModelImpl", chain[1], chain[2]}, own, root)
		}},
		{"another root", false, func() *graph.Object {
			return object(chain, own, &graph.Class{Name: "org.x.BaseModelImpl", UID: 1, Flags: 2, Fields: root.Fields})
		}},
		{"a writer of its own", false, func() *graph.Object {
			o := object(chain, own, root)
			o.Class.Flags = 3
			return o
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.make()
			o.SetBits("_classNameId", 5)
			o.SetRef("_value", text("com.liferay.portal.kernel.model.Company"))
			data, err := graph.Append(nil, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := reply(bytes.NewReader(data), "com.liferay.portal.kernel.model.ClassName", false); (err == nil) != tt.ok {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// extended adds a reference field to a class of an object's chain, in the order of Java's writer.
func extended(t testing.TB, o *graph.Object, class string, f graph.Field, v graph.Value) {
	t.Helper()
	for c := o.Class; c != nil; c = c.Super {
		if c.Name != class {
			continue
		}
		at := slices.IndexFunc(c.Fields, func(g graph.Field) bool { return !g.Primitive() && g.Name > f.Name })
		if at < 0 {
			at = len(c.Fields)
		}
		before := 0
		if c.Super != nil {
			before = c.Super.FieldCount()
		}
		c.Fields = slices.Insert(c.Fields, at, f)
		o.Fields = slices.Insert(o.Fields, before+at, graph.FieldValue{Ref: v})
		return
	}
	t.Fatalf("%s has no %s in its chain", o.Class.Name, class)
}

// TestModelsOfNewerBuildsByForm: newer builds answer GroupImpl with one more text, and LayoutImpl with
// a colour scheme and a theme that are null on the wire.
func TestModelsOfNewerBuildsByForm(t *testing.T) {
	const models = "com.liferay.portal.model.impl."
	scheme := graph.Field{Type: 'L', Name: "_colorScheme", Sig: "Lcom/liferay/portal/kernel/model/ColorScheme;"}
	theme := graph.Field{Type: 'L', Name: "_theme", Sig: "Lcom/liferay/portal/kernel/model/Theme;"}
	word := graph.Field{Type: 'L', Name: "_oneMore", Sig: "Ljava/lang/String;"}
	for _, build := range []string{"7.3", "7.4.3.51", "7.4.3.112"} {
		for _, tt := range []struct {
			name, returns string
			ok            bool
			change        func(o *graph.Object)
		}{
			{"getLayoutByUuidAndGroupId", "com.liferay.portal.kernel.model.Layout", true, func(o *graph.Object) {
				extended(t, o, models+"LayoutImpl", scheme, nil)
				extended(t, o, models+"LayoutImpl", theme, nil)
			}},
			{"getLayoutByUuidAndGroupId", "com.liferay.portal.kernel.model.Layout", false, func(o *graph.Object) {
				extended(t, o, models+"LayoutImpl", theme, &graph.Object{Class: &graph.Class{Name: "org.x.Theme", UID: 1, Flags: 2}})
			}},
			{"getGroup", "com.liferay.portal.kernel.model.Group", true, func(o *graph.Object) {
				extended(t, o, models+"GroupModelImpl", word, text("more"))
			}},
			{"getGroup", "com.liferay.portal.kernel.model.Group", false, func(o *graph.Object) {
				extended(t, o, models+"GroupModelImpl", word, &graph.Object{Class: &graph.Class{Name: "org.x.Word", UID: 1, Flags: 2}})
			}},
		} {
			t.Run(fmt.Sprint(build, " ", tt.name, " ", tt.ok), func(t *testing.T) {
				files, err := filepath.Glob(filepath.Join("testdata", "real", build, "*-"+tt.name+".rep.ser"))
				if err != nil || len(files) == 0 {
					t.Fatalf("no recording: %v", err)
				}
				for _, file := range files {
					data, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					o, ok := loose(t, data).(*graph.Object)
					if !ok || !strings.HasPrefix(o.Class.Name, models) {
						continue // an exception
					}
					tt.change(o)
					if data, err = graph.Append(nil, o); err != nil {
						t.Fatal(err)
					}
					if _, err := reply(bytes.NewReader(data), tt.returns, false); (err == nil) != tt.ok {
						t.Errorf("%s: %v", filepath.Base(file), err)
					}
				}
			})
		}
	}
}

// TestReplyIDs: ids that later calls may name are read from every recorded answer that has one.
func TestReplyIDs(t *testing.T) {
	want := map[string][]int64{
		"createStagingRequest": {20701, 20702}, "getGroup": {20143}, "getLayoutByUuidAndGroupId": {20777, 30001},
		"getLayoutPlid": {20777}, "getControlPanelLayoutPlid": {20777}, "fetchByClassNameId": {20001},
	}
	found := 0
	recordings(t, "rep", func(build, method, name string, data []byte) {
		typ := returns[method]
		if build == liferay.Line62 && method == "publishStagingRequest" {
			typ = "void"
		}
		r, err := reply(bytes.NewReader(data), typ, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Thrown != nil {
			if r.ID() != 0 {
				t.Errorf("%s: an exception has the id %d", name, r.ID())
			}
			return
		}
		if id := r.ID(); id != 0 && !slices.Contains(want[method], id) || id == 0 && want[method] != nil {
			t.Errorf("%s: id %d", name, id)
		} else if id != 0 {
			found++
		}
	})
	if found < 40 {
		t.Errorf("%d ids", found)
	}
}
