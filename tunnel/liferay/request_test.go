package liferay_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	create  = "003-createStagingRequest"
	publish = "012-publishStagingRequest" // by configuration
)

// requests bends recorded requests. The reason "accepted" marks the legal twins.
var requests = []struct {
	name, file, reason string
	bend               func(e *edit)
}{
	{"as recorded", create, "accepted", func(*edit) {}},

	// arguments
	{"an argument less", create, "call.arguments", func(e *edit) { e.setArgs(e.args.Refs[0]) }},
	{"an argument more", create, "call.arguments", func(e *edit) { e.setArgs(append(e.args.Refs, nil)...) }},
	{"no argument", create, "call.arguments", func(e *edit) { e.setArgs() }},
	{"arguments in another order", create, "call.arguments", func(e *edit) { e.setArgs(e.args.Refs[1], e.args.Refs[0]) }},
	{"an Integer for a long", create, "call.arguments", func(e *edit) { e.setArgs(e.boxed("java.lang.Integer", 1), text("x")) }},
	{"null for a long", create, "call.arguments", func(e *edit) { e.setArgs(nil, text("x")) }},
	{"null for text", create, "accepted", func(e *edit) { e.setArgs(e.long(1), nil) }},
	{"a boolean for text", create, "call.arguments", func(e *edit) { e.setArgs(e.long(1), e.boxed("java.lang.Boolean", 1)) }},
	{"a map for text", create, "call.arguments", func(e *edit) { e.setArgs(e.long(1), e.hash("java.util.HashMap")) }},
	{"the same Long twice", create, "accepted", func(e *edit) {
		e.setArgs(e.args.Refs[0], e.args.Refs[0])
		e.method(staging, "getX", "long", "long")
	}},
	{"a Date as an argument", create, "stream.class", func(e *edit) { e.setArgs(e.long(1), e.object("java.util.Date")) }},
	{"a long[] as an argument", create, "stream.class", func(e *edit) {
		e.setArgs(e.long(1), &graph.Array{Class: e.class("[J"), Longs: []int64{1}})
	}},
	{"an int", create, "accepted", func(e *edit) {
		e.setArgs(e.boxed("java.lang.Integer", 1<<32-1), text("x"))
		e.method(staging, "x", "int", "java.lang.String")
	}},
	{"a Long for an int", create, "call.arguments", func(e *edit) { e.method(staging, "x", "int", "java.lang.String") }},
	{"an empty byte[] for text", create, "call.arguments", func(e *edit) { e.setArgs(e.long(1), e.bytes()) }},

	// content
	{"an empty part", create, "accepted", func(e *edit) { e.part(e.long(1), text("a.zip00"), e.bytes()) }},
	{"a part", create, "accepted", func(e *edit) { e.part(e.long(1), text("a.zip00"), e.bytes(1, 2, 3)) }},
	{"null for a part", create, "call.arguments", func(e *edit) { e.part(e.long(1), text("a.zip00"), nil) }},
	{"content as the first argument", create, "call.arguments", func(e *edit) { e.setArgs(e.bytes(1), text("x")) }},
	{"content as the second argument", create, "call.arguments", func(e *edit) { e.setArgs(e.long(1), e.bytes(1)) }},
	{"content as the fourth argument", create, "call.arguments", func(e *edit) {
		e.part(e.long(1), text("a"), text("b"), e.bytes(1))
		e.method(staging, "updateStagingRequest", "long", "java.lang.String", "java.lang.String", "[B")
	}},
	{"content behind an Integer", create, "call.arguments", func(e *edit) { e.part(e.boxed("java.lang.Integer", 1), text("a"), e.bytes(1)) }},
	{"content without a name", create, "call.arguments", func(e *edit) { e.part(e.long(1), nil, e.bytes(1)) }},
	{"content twice", create, "stream.limit", func(e *edit) {
		e.part(e.long(1), text("a"), e.bytes(1), e.bytes(2))
		e.method(staging, "updateStagingRequest", "long", "java.lang.String", "[B", "[B")
	}},
	{"content that is referred to again", create, "call.arguments", func(e *edit) {
		content := e.bytes(1)
		e.part(e.long(1), text("a"), content, content)
	}},
	{"content of another method", create, "call.arguments", func(e *edit) {
		e.part(e.long(1), text("a"), e.bytes(1))
		e.method(staging, "createStagingRequest", "long", "java.lang.String", "[B")
	}},
	{"content as a map's value", create, "stream.class", func(e *edit) {
		e.setArgs(e.long(1), e.hash("java.util.HashMap", text("a"), e.bytes(1)))
	}},
	{"content in the principal", create, "stream.class", func(e *edit) { e.principal.SetRef("_url", e.bytes(1)) }},

	// the principal
	{"no login", create, "accepted", func(e *edit) { e.principal.SetRef("_login", nil) }},
	{"no password", create, "accepted", func(e *edit) { e.principal.SetRef("_password", nil) }},
	{"no URL", create, "accepted", func(e *edit) { e.principal.SetRef("_url", nil) }},
	{"a password that is the login", create, "stream.sealed", func(e *edit) { e.principal.SetRef("_password", e.principal.Ref("_login")) }},
	{"a URL that is the password", create, "stream.sealed", func(e *edit) { e.principal.SetRef("_url", e.principal.Ref("_password")) }},
	{"an argument that is the password", create, "stream.sealed", func(e *edit) { e.setArgs(e.long(1), e.principal.Ref("_password")) }},
	{"a key that is the password", create, "stream.sealed", func(e *edit) {
		e.setArgs(e.long(1), e.hash("java.util.HashMap", e.principal.Ref("_password"), nil))
	}},
	{"an argument that is the login", create, "accepted", func(e *edit) { e.setArgs(e.long(1), e.principal.Ref("_login")) }},
	{"a password of 70,000 bytes", create, "accepted", func(e *edit) { e.principal.SetRef("_password", text(strings.Repeat("p", 70_000))) }},
	{"no principal", create, "stream.slot", func(e *edit) { e.root.SetRef("_key", nil) }},
	{"no method", create, "stream.slot", func(e *edit) { e.root.SetRef("_value", nil) }},
	{"no arguments", create, "stream.slot", func(e *edit) { e.handler.SetRef("_arguments", nil) }},
	{"no method key", create, "stream.slot", func(e *edit) { e.handler.SetRef("_methodKey", nil) }},
	{"principal and method the other way round", create, "stream.class", func(e *edit) {
		e.root.SetRef("_key", e.handler)
		e.root.SetRef("_value", e.principal)
	}},
	{"a principal of a later build", create, "accepted", func(e *edit) { e.principal.Class.UID = 42 }},
	{"a handler of a later build", create, "accepted", func(e *edit) { e.handler.Class.UID = 42 }},
	{"a pair of a later build", create, "stream.shape", func(e *edit) { e.root.Class.UID = 42 }},
	{"a key of a later build", create, "stream.shape", func(e *edit) { e.key.Class.UID = 42 }},

	// maps of parameters
	{"a parameter map", create, "accepted", func(e *edit) { e.publishMap(e.hash("java.util.HashMap", text("a"), e.texts("b"))) }},
	{"a linked parameter map", create, "stream.class", func(e *edit) { e.publishMap(e.hash("java.util.LinkedHashMap", text("a"), e.texts("b"))) }},
	{"an empty parameter map", create, "accepted", func(e *edit) { e.publishMap(e.hash("java.util.HashMap")) }},
	{"a parameter without values", create, "accepted", func(e *edit) { e.publishMap(e.hash("java.util.HashMap", text("a"), e.texts())) }},
	{"null for a parameter map", create, "call.arguments", func(e *edit) { e.publishMap(nil) }},
	{"text for parameters", create, "call.arguments", func(e *edit) { e.publishMap(e.hash("java.util.HashMap", text("a"), text("b"))) }},
	{"null for parameters", create, "call.arguments", func(e *edit) { e.publishMap(e.hash("java.util.HashMap", text("a"), nil)) }},
	{"a Long as a parameter's name", create, "stream.class", func(e *edit) { e.publishMap(e.hash("java.util.HashMap", e.long(1), e.texts())) }},
	{"a map within a parameter map", create, "stream.class", func(e *edit) {
		e.publishMap(e.hash("java.util.HashMap", text("a"), e.hash("java.util.HashMap")))
	}},
	{"a parameter named twice", create, "stream.map", func(e *edit) {
		e.publishMap(e.hash("java.util.HashMap", text("a"), e.texts(), text("a"), e.texts()))
	}},
	{"a portlet map", create, "accepted", func(e *edit) {
		e.setArgs(e.long(1), e.hash("java.util.HashMap", text("a"), text("true")))
		e.method(staging, "updateStagedPortlets", "long", "java.util.Map")
	}},
	{"a portlet map of lists", create, "call.arguments", func(e *edit) {
		e.setArgs(e.long(1), e.hash("java.util.HashMap", text("a"), e.texts("true")))
		e.method(staging, "updateStagedPortlets", "long", "java.util.Map")
	}},

	// settings
	{"settings as recorded", publish, "accepted", func(*edit) {}},
	{"null settings", publish, "stream.slot", func(e *edit) { _, set := e.settings(); set(nil) }},
	{"settings in a field of another name", publish, "stream.shape", func(e *edit) {
		e.class("com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationImpl").Fields[0].Name = "_settingsMaq"
	}},
	{"settings of another type", publish, "stream.shape", func(e *edit) {
		e.class("com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationImpl").Fields[0].Sig = "Ljava/util/HashMap;"
	}},
	{"settings in a linked map", publish, "stream.class", func(e *edit) {
		own, set := e.settings()
		set(e.hash("java.util.LinkedHashMap", own.Note[1:]...))
	}},
	{"null for a configuration", publish, "call.arguments", func(e *edit) { e.setArgs(e.args.Refs[0], nil) }},
	{"text for a configuration", publish, "call.arguments", func(e *edit) { e.setArgs(e.args.Refs[0], text("x")) }},
	{"keys of Long", publish, "accepted", func(e *edit) { e.setting(e.hash("java.util.HashMap", e.long(1), nil, e.long(2), nil)) }},
	{"keys of two types", publish, "stream.map", func(e *edit) { e.setting(e.hash("java.util.HashMap", e.long(1), nil, text("1"), nil)) }},
	{"a key of Integer", publish, "stream.class", func(e *edit) {
		e.setting(e.hash("java.util.HashMap", e.boxed("java.lang.Integer", 1), nil))
	}},
	{"a key of null", publish, "stream.slot", func(e *edit) { e.setting(e.hash("java.util.HashMap", nil, nil)) }},
	{"a key twice", publish, "stream.map", func(e *edit) { e.setting(e.hash("java.util.HashMap", e.long(1), nil, e.long(1), nil)) }},
	{"depth 4", publish, "accepted", func(e *edit) { e.setting(e.nested(4)) }},
	{"depth 5", publish, "call.arguments", func(e *edit) { e.setting(e.nested(5)) }},
	{"depth 40", publish, "stream.depth", func(e *edit) { e.setting(e.nested(40)) }},
	{"the settings within themselves", publish, "stream.handle", func(e *edit) {
		own, _ := e.settings()
		own.Note[2] = own
	}},
	{"a shared value", publish, "accepted", func(e *edit) {
		shared := e.list(text("x"))
		e.setting(e.list(shared, shared))
	}},
	{"100,000 entries", publish, "accepted", func(e *edit) { e.setting(e.wide(100_000)) }},
	{"100,001 entries", publish, "stream.limit", func(e *edit) { e.setting(e.wide(100_001)) }},
	{"an array of nothing", publish, "accepted", func(e *edit) { e.setting(&graph.Array{Class: e.class("[Ljava.lang.Object;")}) }},
	{"an array of objects", publish, "stream.slot", func(e *edit) {
		e.setting(&graph.Array{Class: e.class("[Ljava.lang.Object;"), Refs: []graph.Value{nil}})
	}},
	{"an Integer[]", publish, "accepted", func(e *edit) {
		e.setting(&graph.Array{Class: e.class("[Ljava.lang.Integer;"), Refs: []graph.Value{nil, e.boxed("java.lang.Integer", 7)}})
	}},
	{"content in the settings", publish, "stream.class", func(e *edit) { e.setting(e.bytes(1)) }},
	{"the configuration in its settings", publish, "stream.handle", func(e *edit) { e.setting(e.args.Refs[1]) }},
	{"a principal in the settings", publish, "stream.slot", func(e *edit) { e.setting(e.principal) }},
}

func (e *edit) part(args ...graph.Value) {
	e.setArgs(args...)
	e.method(staging, "updateStagingRequest", "long", "java.lang.String", "[B")
}

func (e *edit) publishMap(m graph.Value) {
	e.setArgs(e.long(1), e.boxed("java.lang.Boolean", 0), m)
	e.method(staging, "publishStagingRequest", "long", "boolean", "java.util.Map")
}

// setting adds a setting of that value.
func (e *edit) setting(v graph.Value) {
	own, set := e.settings()
	set(e.hash("java.util.HashMap", append(own.Note[1:len(own.Note):len(own.Note)], text("added"), v)...))
}

func (e *edit) nested(depth int) graph.Value {
	v := e.list()
	for range depth - 1 {
		v = e.list(v)
	}
	return v
}

func (e *edit) wide(n int) graph.Value {
	entries := make([]graph.Value, 0, 2*n)
	for i := range n {
		entries = append(entries, e.long(int64(i)), nil)
	}
	return e.hash("java.util.HashMap", entries...)
}

func TestRequests(t *testing.T) {
	for _, tt := range requests {
		t.Run(tt.name, func(t *testing.T) {
			e := edited(t, build7, tt.file)
			tt.bend(e)
			data := e.data()
			call, content, err := read(data)
			if reasonOf(err) != tt.reason {
				t.Fatalf("got %v, want %s", err, tt.reason)
			}
			if err != nil {
				return
			}
			var again []byte
			if content == nil {
				again, err = call.Append(nil)
			} else {
				head, tail, splitErr := call.Split()
				again, err = bytes.Join([][]byte{head, content, tail}, nil), splitErr
			}
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("written back differently: %v", err)
			}
		})
	}
}

// TestContentWithoutReader: a nil part func refuses content.
func TestContentWithoutReader(t *testing.T) {
	e := edited(t, build7, create)
	e.part(e.long(1), text("a"), e.bytes(1))
	lim := javaser.DefaultLimits()
	in := source.New(bytes.NewReader(e.data()), nil, lim.Held)
	if _, err := liferay.Read(in, lim, nil); reasonOf(err) != "stream.limit" {
		t.Errorf("got %v", err)
	}
}

// TestPartIsKnownEarly: what stands before the content is known when it begins, and what a reader of content says is returned.
func TestPartIsKnownEarly(t *testing.T) {
	e := edited(t, build7, create)
	e.part(e.long(77), text("a.zip00"), e.bytes(1, 2, 3))
	data := e.data()
	lim, mine := javaser.DefaultLimits(), fmt.Errorf("mine")
	called := false
	in := source.New(bytes.NewReader(data), nil, lim.Held)
	_, err := liferay.Read(in, lim, func(p liferay.Part) error {
		called = true
		if p.ID != 77 || p.Name != "a.zip00" || p.Size != 3 || p.Principal.Login != "publisher@example.com" || p.Line != liferay.Line7 {
			t.Errorf("got %+v", p)
		}
		if p.Args[2] != (tunnel.Content{Size: 3}) || !bytes.HasPrefix(data, p.Held) {
			t.Errorf("arguments %v", p.Args)
		}
		return mine
	})
	if err != mine || !called {
		t.Errorf("got %v", err)
	}
}

// TestPlainValues: every kind of argument and setting as policy sees it.
func TestPlainValues(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    func(e *edit) graph.Value
		want string
	}{
		{"null", func(e *edit) graph.Value { return nil }, "<nil>"},
		{"text", func(e *edit) graph.Value { return text("x") }, "x"},
		{"Long", func(e *edit) graph.Value { return e.long(-5) }, "-5"},
		{"Integer", func(e *edit) graph.Value { return e.boxed("java.lang.Integer", 1<<64-7) }, "-7"},
		{"Boolean", func(e *edit) graph.Value { return e.boxed("java.lang.Boolean", 1) }, "true"},
		{"Date", func(e *edit) graph.Value { return e.date(1_700_000_000_000) }, "2023-11-14 22:13:20 +0000 UTC"},
		{"Locale", func(e *edit) graph.Value { return e.sample("locale-en-US") }, "en_US"},
		{"Locale without a country", func(e *edit) graph.Value { return e.sample("locale-language") }, "de"},
		{"zone", func(e *edit) graph.Value { return e.zone("UTC") }, "UTC"},
		{"long[]", func(e *edit) graph.Value { return &graph.Array{Class: e.class("[J"), Longs: []int64{1, -2}} }, "[1 -2]"},
		{"String[]", func(e *edit) graph.Value { return e.texts("a", "b") }, "[a b]"},
		{"list", func(e *edit) graph.Value { return e.list(text("a"), nil, e.list()) }, "[a <nil> []]"},
		{"map", func(e *edit) graph.Value {
			return e.hash("java.util.HashMap", e.long(-1), text("a"), e.long(2), e.texts("b"))
		}, "map[-1:a 2:[b]]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := edited(t, build7, publish)
			e.setting(tt.v(e))
			call, _, err := read(e.data())
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(call.Settings["added"]); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func (e *edit) date(ms uint64) graph.Value {
	o := e.object("java.util.Date")
	o.Note = []graph.Value{graph.Block(binary.BigEndian.AppendUint64(nil, ms))}
	return o
}

func (e *edit) zone(id string) graph.Value {
	o := e.object("sun.util.calendar.ZoneInfo")
	o.SetRef("ID", text(id))
	return o
}

// sample is an object that Java wrote, of the classes of this request.
func (e *edit) sample(name string) graph.Value {
	o := loose(e.t, jdkFile(e.t, name)).(*graph.Object)
	o.Class = e.class(o.Class.Name)
	return o
}

// TestBlank: the password is taken out, the body is shorter by exactly what was said, and the rest of the call is the same.
func TestBlank(t *testing.T) {
	recordings(t, "req", func(build, method, name string, data []byte) {
		t.Run(name, func(t *testing.T) {
			call, content, err := read(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, chunk := range []int{1, 7, 100, 4096, 1 << 20} {
				blanked := blank(t, data, chunk)
				if int64(len(data)-len(blanked)) != call.BlankedSize() {
					t.Fatalf("%d bytes shorter, said %d", len(data)-len(blanked), call.BlankedSize())
				}
				again, contentAgain, err := read(blanked)
				if err != nil {
					t.Fatal(err)
				}
				if again.Method.Signature() != call.Method.Signature() || fmt.Sprint(again.Args) != fmt.Sprint(call.Args) ||
					again.Principal != call.Principal || !bytes.Equal(content, contentAgain) {
					t.Errorf("another call: %v", again)
				}
				if again.BlankedSize() != 0 || bytes.Contains(blanked, []byte("{hash}")) {
					t.Error("the password is still there")
				}
			}
		})
	})
}

// chunked returns up to n bytes a read.
type chunked struct {
	r io.Reader
	n int
}

func (c chunked) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.n)]) }

// blank reads data in chunks and returns what would be sent on.
func blank(t *testing.T, data []byte, chunk int) []byte {
	t.Helper()
	lim := javaser.DefaultLimits()
	in := source.New(chunked{bytes.NewReader(data), chunk}, nil, lim.Held)
	var sent []byte
	call, err := liferay.Read(in, lim, func(p liferay.Part) error {
		sent = append(sent, p.Blank(p.Held)...)
		content, err := io.ReadAll(p.Content)
		sent = append(sent, content...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sent == nil {
		return bytes.Clone(call.Blank(in.Held()))
	}
	return append(sent, in.Held()...)
}

// TestBlankPasswords has the forms that a password can take.
func TestBlankPasswords(t *testing.T) {
	for _, tt := range []struct {
		name     string
		password graph.Value
		shorter  int64
	}{
		{"null stays", nil, 0},
		{"empty stays", text(""), 0},
		{"one letter", text("x"), 1},
		{"two bytes a letter", text("é"), 2},
		{"a long string", text(strings.Repeat("x", 70_000)), 70_006},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := edited(t, build7, create)
			e.principal.SetRef("_password", tt.password)
			e.setArgs(e.long(1), e.principal.Ref("_login")) // a reference behind the password must stay right
			data := e.data()
			blanked := blank(t, data, 4096)
			if got := int64(len(data) - len(blanked)); got != tt.shorter {
				t.Errorf("%d bytes shorter, want %d", got, tt.shorter)
			}
			call, _, err := read(blanked)
			if err != nil || call.Args[1] != call.Principal.Login {
				t.Errorf("%v, %v", call, err)
			}
		})
	}
	call, err := liferay.NewCall(build7, liferay.Principal{Login: "a", Password: "secret"}, tunnel.Method{Service: staging, Name: "x"})
	if err != nil || call.BlankedSize() != 0 {
		t.Errorf("a call that was never read is shorter by %d, %v", call.BlankedSize(), err)
	}
}
