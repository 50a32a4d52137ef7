package integration_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

func textValue(s string) *graph.String { return &graph.String{Text: s} }

// handler, arguments and principal are the places of a call.
func handler(root *graph.Object) *graph.Object   { return root.Ref("_value").(*graph.Object) }
func principal(root *graph.Object) *graph.Object { return root.Ref("_key").(*graph.Object) }
func arguments(root *graph.Object) *graph.Array {
	return handler(root).Ref("_arguments").(*graph.Array)
}

// written writes a tree as Java would, whatever stands in it.
func written(t testing.TB, root graph.Value) []byte {
	t.Helper()
	body, err := graph.Append(nil, root)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// edits is a legal call whose tree is changed.
func edits(s spec, f func(root *graph.Object)) func(testing.TB, arranged) message {
	return func(t testing.TB, _ arranged) message {
		root := s.tree(t)
		f(root)
		return message{auth: auth(t, or(s.login, "publisher@example.com")), body: written(t, root)}
	}
}

// mark stands where bytes are put in that no tree can say.
var mark = graph.Block("a mark")

// spliced is a call whose mark, set by f, becomes raw.
func spliced(s spec, f func(root *graph.Object), raw []byte) func(testing.TB, arranged) message {
	return func(t testing.TB, a arranged) message {
		m := edits(s, f)(t, a)
		m.body = replaced(t, m.body, append([]byte{0x77, byte(len(mark))}, mark...), raw)
		return m
	}
}

// patched is a call in whose bytes one piece is replaced.
func patched(s spec, from, to []byte) func(testing.TB, arranged) message {
	return edited(s, func(t testing.TB, m *message) { m.body = replaced(t, m.body, from, to) })
}

func replaced(t testing.TB, body, from, to []byte) []byte {
	t.Helper()
	if bytes.Count(body, from) != 1 {
		t.Fatalf("%q stands %d times in the call", from, bytes.Count(body, from))
	}
	return bytes.Replace(body, from, to, 1)
}

// serializable is a class without fields.
func serializable(name string, uid int64) *graph.Class {
	return &graph.Class{Name: name, UID: uid, Flags: graph.FlagSerializable}
}

// gadget is an object of a class that does harm while it is read.
func gadget(name string) *graph.Object { return &graph.Object{Class: serializable(name, 1)} }

// sets are HashSets, each but the innermost with two sets inside: reading them takes twice as long
// with each level.
func sets(depth int) *graph.Object {
	class := &graph.Class{
		Name: "java.util.HashSet", UID: -5024744406713321676, Flags: graph.FlagSerializable | graph.FlagWriteMethod,
	}
	left, right := textValue("a"), textValue("b")
	inner := []graph.Value{left, right}
	var top *graph.Object
	for range depth {
		next := make([]graph.Value, 2)
		for i := range next {
			head := binary.BigEndian.AppendUint32(nil, 16)
			head = binary.BigEndian.AppendUint32(head, math.Float32bits(0.75))
			head = binary.BigEndian.AppendUint32(head, 2)
			top = &graph.Object{Class: class, Note: append([]graph.Value{graph.Block(head)}, inner...)}
			next[i] = top
		}
		inner = next
	}
	return top
}

// gadgets are class names that public lists of deserialization attacks begin with.
var gadgets = []string{
	"org.apache.commons.collections.functors.InvokerTransformer", "org.apache.commons.collections4.comparators.TransformingComparator",
	"org.apache.commons.beanutils.BeanComparator", "org.codehaus.groovy.runtime.ConvertedClosure",
	"org.springframework.aop.framework.AdvisedSupport", "com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl",
	"java.net.URL", "java.util.PriorityQueue", "java.util.Hashtable", "java.rmi.server.UnicastRemoteObject",
	"javax.management.BadAttributeValueExpException", "com.mchange.v2.c3p0.impl.PoolBackedDataSourceBase",
	"com.liferay.portal.kernel.util.Base64", "java.security.SignedObject", "sun.rmi.server.UnicastRef",
}

func TestUnknownClassesStayOutside(t *testing.T) {
	flags := map[string]string{"staged-portlet_com_liferay_journal": "true"}
	legal := []spec{checkSite(site), portlets(flags)}
	places := []struct {
		name   string
		of     spec
		put    func(root *graph.Object, v graph.Value)
		reason tunnel.Reason
	}{
		{"in place of the call", legal[0], func(root *graph.Object, v graph.Value) { root.SetRef("_value", v) }, "stream.class"},
		{"principal", legal[0], func(root *graph.Object, v graph.Value) { root.SetRef("_key", v) }, "stream.class"},
		{"password", legal[0], func(root *graph.Object, v graph.Value) { principal(root).SetRef("_password", v) }, "stream.class"},
		{"login", legal[0], func(root *graph.Object, v graph.Value) { principal(root).SetRef("_login", v) }, "stream.class"},
		{"argument", legal[0], func(root *graph.Object, v graph.Value) { arguments(root).Refs[0] = v }, "stream.class"},
		{"one argument more", legal[0], func(root *graph.Object, v graph.Value) {
			arguments(root).Refs = append(arguments(root).Refs, v)
		}, "stream.class"},
		{"method key", legal[0], func(root *graph.Object, v graph.Value) { handler(root).SetRef("_methodKey", v) }, "stream.class"},
		{"map value", legal[1], func(root *graph.Object, v graph.Value) {
			arguments(root).Refs[1].(*graph.Object).Note[2] = v
		}, "stream.class"},
		{"map key", legal[1], func(root *graph.Object, v graph.Value) {
			arguments(root).Refs[1].(*graph.Object).Note[1] = v
		}, "stream.class"},
	}
	a := arrange(t, listed)
	for _, p := range places {
		for i, class := range gadgets {
			r := refusal{name: p.name + "/" + class, want: want{reason: p.reason}}
			r.bad = edits(p.of, func(root *graph.Object) { p.put(root, gadget(class)) })
			if i == 0 {
				r.good = sends(p.of)
			}
			t.Run(r.name, func(t *testing.T) { r.run(t, a) })
		}
	}
	t.Run("in place of everything", func(t *testing.T) {
		refusal{want: want{reason: "stream.class"}, bad: func(t testing.TB, _ arranged) message {
			return message{auth: auth(t, "publisher@example.com"), body: written(t, gadget(gadgets[0]))}
		}}.run(t, a)
	})
	checkLog(t, a)
}

// extended describes a class with more than it has.
func extended(c *graph.Class, f func(c *graph.Class)) *graph.Class {
	changed := *c
	changed.Fields = append([]graph.Field{}, c.Fields...)
	f(&changed)
	return &changed
}

func firstArgument(root *graph.Object) *graph.Object {
	return arguments(root).Refs[0].(*graph.Object)
}

func TestOddStreamsStayOutside(t *testing.T) {
	one := checkSite(site)
	legal := sends(one)
	two := spec{service: layout7, name: "getLayoutPlid", params: []string{text, "long", "boolean"}, args: []any{"uuid-of-a-page", int64(site), true}}
	argument := func(v graph.Value) func(*graph.Object) {
		return func(root *graph.Object) { arguments(root).Refs[0] = v }
	}
	proxy := append([]byte{0x73, 0x7d, 0, 0, 0, 1, 0, 18}, "java.util.Iterator\x78\x70"...)
	runAll(t, arrange(t, listed), []refusal{
		{name: "nested sets as an argument", bad: edits(one, argument(sets(40))), good: legal, want: want{reason: "stream.class"}},
		{name: "nested sets in place of the call", good: legal, want: want{reason: "stream.class"},
			bad: func(t testing.TB, _ arranged) message {
				return message{auth: auth(t, "publisher@example.com"), body: written(t, sets(40))}
			}},
		{name: "nested sets in place of the method", bad: edits(one, func(root *graph.Object) {
			root.SetRef("_value", sets(40))
		}), good: legal, want: want{reason: "stream.class"}},
		{name: "UID of Long off by one", bad: edits(one, func(root *graph.Object) {
			firstArgument(root).Class = extended(firstArgument(root).Class, func(c *graph.Class) { c.UID++ })
		}), good: legal, want: want{reason: "stream.shape"}},
		{name: "a field more in Long", bad: edits(one, func(root *graph.Object) {
			o := firstArgument(root)
			o.Class = extended(o.Class, func(c *graph.Class) {
				c.Fields = append(c.Fields, graph.Field{Type: 'L', Name: "x", Sig: "Ljava/lang/Object;"})
			})
			o.Fields = append(o.Fields, graph.FieldValue{Ref: gadget(gadgets[0])})
		}), good: legal, want: want{reason: "stream.shape"}},
		{name: "a class above Number", bad: edits(one, func(root *graph.Object) {
			o := firstArgument(root)
			o.Class = extended(o.Class, func(c *graph.Class) {
				c.Super = extended(c.Super, func(c *graph.Class) { c.Super = serializable(gadgets[0], 1) })
			})
		}), good: legal, want: want{reason: "stream.class"}},
		{name: "a class described twice", bad: edits(spec{
			service: layout7, name: "getDefaultPlid", params: []string{"long", "long", text}, args: []any{int64(site), int64(site), "portlet"},
		}, func(root *graph.Object) {
			o := arguments(root).Refs[1].(*graph.Object)
			o.Class = extended(o.Class, func(*graph.Class) {})
		}), good: legal, want: want{reason: "stream.twice"}},
		{name: "trailing byte", bad: edited(one, func(_ testing.TB, m *message) { m.body = append(m.body, 0x70) }), good: legal, want: want{reason: "stream.trailing"}},
		{name: "a second object", bad: edited(one, func(_ testing.TB, m *message) { m.body = append(m.body, m.body[4:]...) }), good: legal, want: want{reason: "stream.trailing"}},
		{name: "overlong text", bad: patched(two, []byte("\x00\x0euuid-of-a-page"), []byte("\x00\x0f\xc1\xb5uid-of-a-page")), good: sends(two), want: want{reason: "stream.text"}},
		{name: "overlong class name", bad: patched(one, []byte("\x00\x0ejava.lang.Long"), []byte("\x00\x0f\xc1\xaaava.lang.Long")), good: legal, want: want{reason: "stream.text"}},
		{name: "long form of a short text", bad: patched(two, []byte("\x74\x00\x0euuid-of-a-page"),
			[]byte("\x7c\x00\x00\x00\x00\x00\x00\x00\x0euuid-of-a-page")), good: sends(two), want: want{reason: "stream.length"}},
		{name: "reset before the object", bad: patched(one, graph.Header(), append(graph.Header(), graph.Reset)), good: legal, want: want{reason: "stream.tag"}},
		{name: "reset before an argument", bad: spliced(one, argument(mark), []byte{0x79, 0x70}), good: legal, want: want{reason: "stream.tag"}},
		{name: "proxy class as an argument", bad: spliced(one, argument(mark), proxy), good: legal, want: want{reason: "stream.tag"}},
		{name: "exception marker", bad: spliced(one, argument(mark), []byte{0x7b}), good: legal, want: want{reason: "stream.tag"}},
		{name: "a class as an argument", bad: spliced(one, argument(mark), append([]byte{0x76, 0x72, 0, 16}, "java.lang.String\xa0\xf0\xa4\x38\x7a\x3b\xb3\x42\x02\x00\x00\x78\x70"...)), good: legal, want: want{reason: "stream.tag"}},
		{name: "an enumeration", bad: spliced(one, argument(mark), []byte{0x7e, 0x70}), good: legal, want: want{reason: "stream.tag"}},
		{name: "reference to nothing", bad: spliced(one, argument(mark), []byte{0x71, 0, 0x7e, 1, 0}), good: legal, want: want{reason: "stream.handle"}},
		{name: "another magic", bad: patched(one, graph.Header(), []byte{0xac, 0xed, 0, 6}), good: legal, want: want{reason: "stream.header"}},
		{name: "no stream at all", bad: edited(one, func(_ testing.TB, m *message) { m.body = []byte("<html></html>") }), good: legal, want: want{reason: "stream.header"}},
		{name: "cut within a whole message", bad: edited(one, func(_ testing.TB, m *message) { m.body = m.body[:len(m.body)-1] }), good: legal, want: want{reason: "stream.truncated"}},
		{name: "deep nesting", bad: edits(one, argument(nestedArrays(200))), good: legal, want: want{reason: "stream.class"}},
		{name: "an annotated class", bad: patched(one, []byte("\x00\x05value\x78"), []byte("\x00\x05value\x77\x01\x00\x78")), good: legal, want: want{reason: "stream.annotation"}},
		{name: "no call at all", bad: edits(one, func(root *graph.Object) { root.SetRef("_value", nil) }), good: legal, want: want{reason: "stream.slot"}},
		{name: "no principal", bad: edits(one, func(root *graph.Object) { root.SetRef("_key", nil) }), good: legal, want: want{reason: "stream.slot"}},
	})
}

func nestedArrays(depth int) graph.Value {
	class := serializable("[Ljava.lang.Object;", -8012369246846506644)
	a := &graph.Array{Class: class}
	for range depth {
		a = &graph.Array{Class: class, Refs: []graph.Value{a}}
	}
	return a
}

func TestPasswordsStayOutside(t *testing.T) {
	one := checkSite(site)
	legal := sends(one)
	sealed := want{reason: "stream.sealed"}
	a := arrange(t, listed)
	runAll(t, a, []refusal{
		{name: "a reference to the login", bad: edits(one, func(root *graph.Object) {
			p := principal(root)
			p.SetRef("_password", p.Ref("_login"))
		}), good: legal, want: sealed},
		{name: "referred to by the URL", bad: edits(one, func(root *graph.Object) {
			p := principal(root)
			p.SetRef("_url", p.Ref("_password"))
		}), good: legal, want: sealed},
		{name: "referred to by an argument", bad: edits(one, func(root *graph.Object) {
			arguments(root).Refs[0] = principal(root).Ref("_password")
		}), good: legal, want: sealed},
		{name: "another login in the body", bad: edited(one, func(t testing.TB, m *message) {
			m.auth = auth(t, "other@example.com")
		}), good: legal, want: want{reason: "call.login"}},
		{name: "a login that differs in case", bad: edited(one, func(t testing.TB, m *message) {
			m.auth = auth(t, "Publisher@example.com")
		}), good: legal, want: want{reason: "call.login"}},
		{name: "a login in percent form", bad: edited(one.as("a+b@example.com"), func(t testing.TB, m *message) {
			m.auth = auth(t, "a%2Bb@example.com")
		}), good: sends(one.as("a+b@example.com")), want: want{reason: "call.login"}},
		{name: "no login in the body", bad: edits(one, func(root *graph.Object) {
			principal(root).SetRef("_login", nil)
		}), good: legal, want: want{reason: "login.form"}},
	})
	for _, c := range a.sink.Calls() {
		if bytes.Contains(c.Body, []byte(passwd)) || strings.Contains(c.Head.Header.Get("Authorization"), passwd) {
			t.Error("the engine got the publisher's stored password")
		}
	}
}
