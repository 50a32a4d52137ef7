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
)

const build7 = "7.4.3.112"

// edit is a recorded request as a tree that can be bent and written again. It is read without any rule of ours.
type edit struct {
	t                             testing.TB
	root, principal, handler, key *javaser.Object
	args                          *javaser.Array
	classes                       map[string]*javaser.Class
}

func loose(t testing.TB, data []byte) javaser.Value {
	t.Helper()
	lim := javaser.DefaultLimits()
	v, err := javaser.NewDecoder(javaser.NewInput(bytes.NewReader(data), nil, lim.Held), lim).Decode(javaser.Any())
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
	e := &edit{t: t, classes: map[string]*javaser.Class{}}
	e.root = loose(t, recorded(t, build, name+".req")).(*javaser.Object)
	e.principal, e.handler = e.root.Ref("_key").(*javaser.Object), e.root.Ref("_value").(*javaser.Object)
	e.args, e.key = e.handler.Ref("_arguments").(*javaser.Array), e.handler.Ref("_methodKey").(*javaser.Object)
	e.learn(e.root)
	return e
}

// learn keeps the classes in v, so that a value made for the test shares them.
func (e *edit) learn(v javaser.Value) {
	switch v := v.(type) {
	case *javaser.Object:
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
	case *javaser.Array:
		if e.classes[v.Class.Name] == nil {
			e.classes[v.Class.Name] = v.Class
		}
		for _, r := range v.Refs {
			e.learn(r)
		}
	}
}

// class returns a class of the request, or the one that a sample of Java has.
func (e *edit) class(name string) *javaser.Class {
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

func (e *edit) object(class string) *javaser.Object {
	c := e.class(class)
	return &javaser.Object{Class: c, Fields: make([]javaser.FieldValue, c.FieldCount())}
}

func (e *edit) boxed(class string, bits uint64) *javaser.Object {
	o := e.object(class)
	o.SetBits("value", bits)
	return o
}

func (e *edit) long(n int64) *javaser.Object { return e.boxed("java.lang.Long", uint64(n)) }

func text(s string) *javaser.String { return &javaser.String{Text: s} }

func (e *edit) texts(list ...string) *javaser.Array {
	a := &javaser.Array{Class: e.class("[Ljava.lang.String;")}
	for _, s := range list {
		a.Refs = append(a.Refs, text(s))
	}
	return a
}

func (e *edit) bytes(b ...byte) *javaser.Array {
	return &javaser.Array{Class: e.class("[B"), Bytes: b}
}

// hash returns a map of that class with entries, key before value.
func (e *edit) hash(class string, entries ...javaser.Value) *javaser.Object {
	o := e.object(class)
	buckets := 16
	for buckets*3/4 < len(entries)/2 {
		buckets *= 2
	}
	o.SetBits("loadFactor", uint64(math.Float32bits(0.75)))
	o.SetBits("threshold", uint64(buckets*3/4))
	head := binary.BigEndian.AppendUint32(nil, uint32(buckets))
	head = binary.BigEndian.AppendUint32(head, uint32(len(entries)/2))
	o.Note = append([]javaser.Value{javaser.Block(head)}, entries...)
	return o
}

func (e *edit) list(elements ...javaser.Value) *javaser.Object {
	o := e.object("java.util.ArrayList")
	o.SetBits("size", uint64(len(elements)))
	size := javaser.Block(binary.BigEndian.AppendUint32(nil, uint32(len(elements))))
	o.Note = append([]javaser.Value{size}, elements...)
	return o
}

// setArgs replaces the arguments.
func (e *edit) setArgs(vs ...javaser.Value) { e.args.Refs = vs }

// method replaces the method key.
func (e *edit) method(service, name string, params ...string) {
	e.key.Note = []javaser.Value{javaser.Block(keyBlock(service, name, params...))}
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
func (e *edit) settings() (own *javaser.Object, replace func(javaser.Value)) {
	e.t.Helper()
	for _, a := range e.args.Refs {
		if o, ok := a.(*javaser.Object); ok {
			if m, ok := o.Ref("_settingsMap").(*javaser.Object); ok {
				return m, func(v javaser.Value) { o.SetRef("_settingsMap", v) }
			}
		}
	}
	e.t.Fatal("no configuration among the arguments")
	return nil, nil
}

func (e *edit) data() []byte {
	e.t.Helper()
	data, err := javaser.Append(nil, e.root)
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
