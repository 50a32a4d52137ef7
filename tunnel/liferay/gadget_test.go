package liferay_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// chain is a known deserialization attack by its class names.
type chain struct{ name, classes string }

// chains reads the class names of known deserialization attacks, the outermost first; "proxy" stands before the interface
// of a dynamic proxy. The names are all there is: nothing here carries what an attack would run.
func chains(t testing.TB) []chain {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "chains.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []chain
	for line := range strings.Lines(string(data)) {
		name, classes, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, chain{name, classes})
	}
	return all
}

func utf(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// hashMapHead is the descriptor and the fields of a HashMap with one entry, as Java writes it.
var hashMapHead = joined([]byte{0x73, 0x72}, utf("java.util.HashMap"), []byte{0x05, 0x07, 0xda, 0xc1, 0xc3, 0x16, 0x60, 0xd1, 3, 0, 2, 'F'},
	utf("loadFactor"), []byte{'I'}, utf("threshold"), []byte{0x78, 0x70, 0x3f, 0x40, 0, 0, 0, 0, 0, 12, 0x77, 8, 0, 0, 0, 16, 0, 0, 0, 1})

// gadget writes the chain as objects within each other. A HashMap is a real one, with the rest as its key.
func gadget(classes []string) []byte {
	if len(classes) == 0 {
		return []byte{0x70}
	}
	inner := gadget(classes[1:])
	if classes[0] == "java.util.HashMap" {
		return joined(hashMapHead, inner, []byte{0x70, 0x78})
	}
	if face, ok := strings.CutPrefix(classes[0], "proxy:"); ok {
		super := joined([]byte{0x72}, utf("java.lang.reflect.Proxy"), make([]byte, 8), []byte{2, 0, 1, 'L'}, utf("h"),
			[]byte{0x74}, utf("Ljava/lang/reflect/InvocationHandler;"), []byte{0x78, 0x70})
		return joined([]byte{0x73, 0x7d, 0, 0, 0, 1}, utf(face), []byte{0x78}, super, inner)
	}
	return joined([]byte{0x73, 0x72}, utf(classes[0]), make([]byte, 8), []byte{2, 0, 1, 'L'}, utf("f"),
		[]byte{0x74}, utf("L"+strings.ReplaceAll(classes[0], ".", "/")+";"), []byte{0x78, 0x70}, inner)
}

// replaced puts with in the place of the first old in data.
func replaced(t testing.TB, data, old, with []byte) []byte {
	t.Helper()
	if !bytes.Contains(data, old) {
		t.Fatalf("%q is not in the stream", old)
	}
	return bytes.Replace(data, old, with, 1)
}

// marker is text that a value is put in the place of.
const marker = "the-marked-value"

var marked = append([]byte{0x74}, utf(marker)...)

// position is a place for a value, in a request or in a reply; legal is what may stand there.
type position struct {
	name  string
	legal []byte
	make  func(t testing.TB, value []byte) []byte
	read  func(data []byte) error
}

func readRequest(data []byte) error {
	_, _, err := read(data)
	return err
}

func readReply(returns string) func([]byte) error {
	return func(data []byte) error {
		lim := javaser.DefaultLimits()
		_, err := liferay.ReadReply(source.New(bytes.NewReader(data), nil, lim.Held), lim, returns, false)
		return err
	}
}

// bentAt writes a bent request and puts the value where the marker is.
func bentAt(file string, bend func(e *edit)) func(testing.TB, []byte) []byte {
	return func(t testing.TB, value []byte) []byte {
		e := edited(t, build7, file)
		bend(e)
		return replaced(t, e.data(), marked, value)
	}
}

func thrownAt(old, before, after string) func(testing.TB, []byte) []byte {
	return func(t testing.TB, value []byte) []byte {
		data, err := liferay.AppendThrown(nil, build7, liferay.Thrown{Class: liferay.ClassPortalException, Message: marker})
		if err != nil {
			t.Fatal(err)
		}
		return replaced(t, data, []byte(old), joined([]byte(before), value, []byte(after)))
	}
}

// pairEnd is the end of the pair's descriptor, its last field's type before it and its missing superclass behind it.
var (
	pairEnd   = "\x71\x00\x7e\x00\x01\x78\x70"
	loginText = joined([]byte{0x74}, utf("publisher@example.com"))
	emptyList = joined([]byte{0x73, 0x72}, utf("java.util.Collections$EmptyList"), []byte{0x7a, 0xb8, 0x17, 0xb4, 0x3c, 0xa7, 0x9e, 0xde, 2, 0, 0, 0x78, 0x70})
)

// asKey is a method key's block whose declaring class is a serialized object, which the vendor's reader would open.
func asKey(value []byte) []byte {
	object := joined([]byte{9, 0xac, 0xed, 0, 5}, value, keyText("x"), make([]byte, 4))
	inner := joined(binary.BigEndian.AppendUint32(nil, uint32(len(object))), object)
	if len(inner) < 256 {
		return joined([]byte{0x77, byte(len(inner))}, inner)
	}
	return joined([]byte{0x7a}, binary.BigEndian.AppendUint32(nil, uint32(len(inner))), inner)
}

var positions = []position{
	{"in place of the call", nil, func(_ testing.TB, v []byte) []byte { return joined(graph.Header(), v) }, readRequest},
	{"behind the call", []byte{}, func(t testing.TB, v []byte) []byte { return append(recorded(t, build7, create+".req"), v...) }, readRequest},
	{"an argument", marked, bentAt(create, func(e *edit) { e.setArgs(e.long(1), text(marker)) }), readRequest},
	{"the first argument", marked, bentAt(create, func(e *edit) {
		e.setArgs(text(marker), text("x"))
		e.method(staging, "x", "java.lang.String", "java.lang.String")
	}), readRequest},
	{"a parameter's value", []byte{0x70}, bentAt(create, func(e *edit) {
		e.setArgs(e.hash("java.util.HashMap", text("a"), text(marker)))
		e.method(staging, "x", "java.lang.Object")
	}), readRequest},
	{"a parameter's name", marked, bentAt(create, func(e *edit) {
		e.setArgs(e.hash("java.util.HashMap", text(marker), text("a")))
		e.method(staging, "x", "java.util.Map")
	}), readRequest},
	{"an element of a parameter's values", []byte{0x70}, bentAt(create, func(e *edit) {
		e.publishMap(e.hash("java.util.HashMap", text("a"), e.texts(marker)))
	}), readRequest},
	{"a setting", marked, bentAt(publish, func(e *edit) { e.setting(text(marker)) }), readRequest},
	{"an element of a setting", marked, bentAt(publish, func(e *edit) { e.setting(e.list(text(marker))) }), readRequest},
	{"a field of a configuration", marked, bentAt(publish, func(e *edit) {
		e.args.Refs[1].(*graph.Object).SetRef("_name", text(marker))
	}), readRequest},
	{"a field of an unknown type", []byte{}, func(t testing.TB, v []byte) []byte {
		if len(v) == 0 {
			return recorded(t, build7, publish+".req") // it is null there
		}
		return bentAt(publish, func(e *edit) {
			e.args.Refs[1].(*graph.Object).SetRef("_escapedModel", text(marker))
		})(t, v)
	}, readRequest},
	{"the login", loginText, func(t testing.TB, v []byte) []byte {
		return replaced(t, recorded(t, build7, create+".req"), loginText, v)
	}, readRequest},
	{"the password", marked, bentAt(create, func(e *edit) { e.principal.SetRef("_password", text(marker)) }), readRequest},
	{"a class annotation", []byte{}, func(t testing.TB, v []byte) []byte {
		return replaced(t, recorded(t, build7, create+".req"), []byte(pairEnd), joined([]byte(pairEnd[:5]), v, []byte(pairEnd[5:])))
	}, readRequest},
	{"a superclass too many", []byte{0x70, 0x70}, func(t testing.TB, v []byte) []byte {
		return replaced(t, recorded(t, build7, create+".req"), []byte(pairEnd), joined([]byte(pairEnd[:6]), v[1:]))
	}, readRequest},
	{"an unknown field", []byte{}, func(t testing.TB, v []byte) []byte {
		if len(v) == 0 {
			return recorded(t, build7, create+".req")
		}
		e := edited(t, build7, create)
		e.root.Class.Fields = append(e.root.Class.Fields, graph.Field{Type: 'L', Name: "_z", Sig: "Ljava/lang/Object;"})
		e.root.Fields = append(e.root.Fields, graph.FieldValue{Ref: text(marker)})
		return replaced(t, e.data(), marked, v)
	}, readRequest},
	{"a method key's block", nil, func(t testing.TB, v []byte) []byte {
		data := recorded(t, build7, create+".req")
		at := bytes.LastIndex(data, []byte("\x0c\x00\x00\x78\x70\x77"))
		return joined(data[:at+5], asKey(v), []byte{0x78})
	}, readRequest},
	{"behind a method key's block", []byte{}, func(t testing.TB, v []byte) []byte {
		data := recorded(t, build7, create+".req")
		return joined(data[:len(data)-1], v, []byte{0x78})
	}, readRequest},
	{"in place of an answer", []byte{0x74, 0, 0}, func(_ testing.TB, v []byte) []byte { return joined(graph.Header(), v) }, readReply("java.lang.String")},
	{"in place of nothing", emptyReply(), func(_ testing.TB, v []byte) []byte { return joined(graph.Header(), v) }, readReply("void")},
	{"an exception's message", marked, thrownAt(string(marked), "", ""), readReply("void")},
	{"an exception's cause", []byte{0x70}, func(t testing.TB, v []byte) []byte {
		data := thrownAt(string(marked), string(marked), "")(t, nil)
		at := bytes.Index(data, marked) - 5 // the cause is a reference to the exception itself
		return joined(data[:at], v, data[at+5:])
	}, readReply("void")},
	{"what an exception suppressed", emptyList, func(t testing.TB, v []byte) []byte {
		return thrownAt(string(emptyList), "", "")(t, v)
	}, readReply("void")},
	{"an exception's own field", []byte{0x70}, func(t testing.TB, v []byte) []byte {
		data, err := liferay.AppendRemoteAuth(nil, build7, liferay.TypeWrongSecret, "x")
		if err != nil {
			t.Fatal(err)
		}
		return joined(data[:len(data)-1], v)
	}, readReply("void")},
}

// emptyReply is an exception without its header.
func emptyReply() []byte {
	data, err := liferay.AppendThrown(nil, build7, liferay.Thrown{Class: liferay.ClassPortalException})
	if err != nil {
		panic(err)
	}
	return data[4:]
}

// TestGadgets puts every chain in every position: none is accepted, and what may stand there is.
func TestGadgets(t *testing.T) {
	chains := chains(t)
	if len(chains) < 35 {
		t.Fatalf("%d chains", len(chains))
	}
	tried, accepted := 0, 0
	for _, p := range positions {
		t.Run(p.name, func(t *testing.T) {
			if p.legal != nil {
				if err := p.read(p.make(t, p.legal)); err != nil {
					t.Fatalf("the legal twin: %v", err)
				}
			}
			for _, c := range chains {
				data := p.make(t, gadget(strings.Fields(c.classes)))
				err := p.read(data)
				tried++
				if err == nil {
					accepted++
					t.Errorf("%s was accepted", c.name)
				}
				var problem *tunnel.Problem
				var rule *javaser.Error
				if !errors.As(err, &problem) && !errors.As(err, &rule) || errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s: refused for no reason of ours: %v", c.name, err)
				}
				if thrown, ok := liferay.Glimpse(data, javaser.DefaultLimits(), nil); ok && p.legal == nil {
					t.Errorf("%s passes for an exception: %v", c.name, thrown)
				}
			}
		})
	}
	t.Logf("prove: %d chains placed in %d positions of calls and replies, %d accepted", tried, len(positions), accepted)
	if tried < 245 || accepted > 0 {
		t.Errorf("%d tried, %d accepted", tried, accepted)
	}
}
