package liferay_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

const build7 = "7.4.3.112"

// edit is a recorded request as a tree that can be bent and written again. It is read without any rule of ours.
type edit struct {
	t                             testing.TB
	root, principal, handler, key *graph.Object
	args                          *graph.Array
	classes                       map[string]*graph.Class
}

func loose(t testing.TB, data []byte) graph.Value {
	t.Helper()
	lim := javaser.DefaultLimits()
	v, err := javaser.NewDecoder(source.New(bytes.NewReader(data), nil, lim.Held), lim).Decode(graph.Any())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func recorded(t testing.TB, build, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "real", build, name+".ser"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func jdkFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "jdk", name+".ser"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// edited opens a recorded request.
func edited(t testing.TB, build, name string) *edit {
	e := &edit{t: t, classes: map[string]*graph.Class{}}
	e.root = loose(t, recorded(t, build, name+".req")).(*graph.Object)
	e.principal, e.handler = e.root.Ref("_key").(*graph.Object), e.root.Ref("_value").(*graph.Object)
	e.args, e.key = e.handler.Ref("_arguments").(*graph.Array), e.handler.Ref("_methodKey").(*graph.Object)
	e.learn(e.root)
	return e
}

// learn keeps the classes in v, so that a value made for the test shares them.
func (e *edit) learn(v graph.Value) {
	switch v := v.(type) {
	case *graph.Object:
		for c := v.Class; c != nil; c = c.Super {
			if e.classes[c.Name] == nil {
				e.classes[c.Name] = c
			}
			if c.Super != nil && e.classes[c.Super.Name] != nil {
				c.Super = e.classes[c.Super.Name]
			}
		}
		for _, f := range v.Fields {
			if f.Ref != v {
				e.learn(f.Ref)
			}
		}
		for _, n := range v.Note {
			e.learn(n)
		}
	case *graph.Array:
		if e.classes[v.Class.Name] == nil {
			e.classes[v.Class.Name] = v.Class
		}
		for _, r := range v.Refs {
			e.learn(r)
		}
	}
}

// class returns a class of the request, or the one that a sample of Java has.
func (e *edit) class(name string) *graph.Class {
	e.t.Helper()
	if c := e.classes[name]; c != nil {
		return c
	}
	for _, file := range []string{"integer", "boolean-true", "array-byte", "array-long", "array-String", "map-linked", "list-empty",
		"date", "locale-en-US", "array-Object-0", "long", "zone-UTC", "map-Long-Boolean", "exception-suppressed", "array-Integer"} {
		e.learn(loose(e.t, jdkFile(e.t, file)))
	}
	if e.classes[name] == nil {
		e.t.Fatalf("no class %s", name)
	}
	return e.classes[name]
}

func (e *edit) object(class string) *graph.Object {
	c := e.class(class)
	return &graph.Object{Class: c, Fields: make([]graph.FieldValue, c.FieldCount())}
}

func (e *edit) boxed(class string, bits uint64) *graph.Object {
	o := e.object(class)
	o.SetBits("value", bits)
	return o
}

func (e *edit) long(n int64) *graph.Object { return e.boxed("java.lang.Long", uint64(n)) }

func text(s string) *graph.String { return &graph.String{Text: s} }

func (e *edit) texts(list ...string) *graph.Array {
	a := &graph.Array{Class: e.class("[Ljava.lang.String;")}
	for _, s := range list {
		a.Refs = append(a.Refs, text(s))
	}
	return a
}

func (e *edit) bytes(b ...byte) *graph.Array {
	return &graph.Array{Class: e.class("[B"), Bytes: b}
}

// hash returns a map of that class with entries, key before value.
func (e *edit) hash(class string, entries ...graph.Value) *graph.Object {
	o := e.object(class)
	buckets := 16
	for buckets*3/4 < len(entries)/2 {
		buckets *= 2
	}
	o.SetBits("loadFactor", uint64(math.Float32bits(0.75)))
	o.SetBits("threshold", uint64(buckets*3/4))
	head := binary.BigEndian.AppendUint32(nil, uint32(buckets))
	head = binary.BigEndian.AppendUint32(head, uint32(len(entries)/2))
	o.Note = append([]graph.Value{graph.Block(head)}, entries...)
	return o
}

func (e *edit) list(elements ...graph.Value) *graph.Object {
	o := e.object("java.util.ArrayList")
	o.SetBits("size", uint64(len(elements)))
	size := graph.Block(binary.BigEndian.AppendUint32(nil, uint32(len(elements))))
	o.Note = append([]graph.Value{size}, elements...)
	return o
}

// setArgs replaces the arguments.
func (e *edit) setArgs(vs ...graph.Value) { e.args.Refs = vs }

// method replaces the method key.
func (e *edit) method(service, name string, params ...string) {
	e.key.Note = []graph.Value{graph.Block(keyBlock(service, name, params...))}
}

const staging = "com.liferay.exportimport.kernel.service.StagingServiceUtil"

func keyText(s string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(s))), s...)
}

func keyClass(name string) []byte {
	return bytes.Join([][]byte{{3}, keyText("null"), keyText(name)}, nil)
}

// keyBlock is the block of a MethodKey, written out by hand.
func keyBlock(service, name string, params ...string) []byte {
	b := append(keyClass(service), keyText(name)...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(params)))
	for _, p := range params {
		b = append(b, keyClass(p)...)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// settings returns the map of the configuration among the arguments, and a func that replaces it.
func (e *edit) settings() (own *graph.Object, replace func(graph.Value)) {
	e.t.Helper()
	for _, a := range e.args.Refs {
		if o, ok := a.(*graph.Object); ok {
			if m, ok := o.Ref("_settingsMap").(*graph.Object); ok {
				return m, func(v graph.Value) { o.SetRef("_settingsMap", v) }
			}
		}
	}
	e.t.Fatal("no configuration among the arguments")
	return nil, nil
}

func (e *edit) data() []byte {
	e.t.Helper()
	data, err := graph.Append(nil, e.root)
	if err != nil {
		e.t.Fatal(err)
	}
	return data
}

// reasonOf returns the reason of a refusal, and for one of the stream its rule; "accepted" for none.
func reasonOf(err error) string {
	if err == nil {
		return "accepted"
	}
	var p *tunnel.Problem
	if errors.As(err, &p) {
		return string(p.Reason)
	}
	var e *javaser.Error
	if errors.As(err, &e) {
		return string(e.Rule)
	}
	return "other error: " + err.Error()
}
