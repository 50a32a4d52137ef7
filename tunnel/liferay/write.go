package liferay

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// Settings are the settings of a publish by configuration, by key. Values are nil, string, bool,
// int32 (Integer), int64 (Long), []string, []int64 (long[]), map[string][]string, map[int64]bool,
// Locale and Zone.
type Settings map[string]any

// Locale is a language, and a country or none.
type Locale struct{ Language, Country string }

// Zone is a time zone without daylight saving or history; its offset is zero.
type Zone struct{ ID string }

// Principal is who a written call says it comes from.
type Principal struct {
	Login    string
	Password string
	URL      string
}

// NewCall returns a call as the client of that build writes it. Args are string, bool, int64 (Long,
// or Integer where the parameter is an int), nil, map[string]string, map[string][]string, Settings
// (an ExportImportConfiguration), and one tunnel.Content, whose bytes the caller sends between the
// two pieces that Split returns.
func NewCall(build string, p Principal, m tunnel.Method, args ...any) (*Call, error) {
	w := &writer{build: build, table: schema.Classes()}
	list := w.array("[Ljava.lang.Object;")
	for i, a := range args {
		if i < len(m.Parameters) && m.Parameters[i] == "int" {
			if n, ok := a.(int64); ok {
				a = int32(n)
			}
		}
		v, err := w.value(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d of %s: %w", i+1, m.Name, err)
		}
		list.Refs = append(list.Refs, v)
	}
	key := w.object(schema.ClassKey)
	key.Note = []graph.Value{appendKey(m)}
	handler := w.object(schema.ClassHandler)
	handler.SetRef("_arguments", list)
	handler.SetRef("_methodKey", key)
	pair := w.object(schema.ClassPair)
	pair.SetRef("_key", w.principal(p))
	pair.SetRef("_value", handler)
	if w.err != nil {
		return nil, w.err
	}
	return callOf(pair)
}

// Append appends the body of the call to dst. It fails for a call that carries content, see Split.
func (c *Call) Append(dst []byte) ([]byte, error) { return graph.Append(dst, c.root) }

// Split returns the body of a call that carries content, before and behind it.
func (c *Call) Split() (head, tail []byte, err error) { return graph.Split(c.root) }

// SetLong changes argument i, a Long, in the call and in what is written of it.
func (c *Call) SetLong(i int, n int64) error {
	o, ok := c.args.Refs[i].(*graph.Object)
	if !ok || o.Class.Name != "java.lang.Long" {
		return fmt.Errorf("argument %d of %s is no Long", i+1, c.Method.Name)
	}
	o.SetBits("value", uint64(n))
	c.Args[i] = n
	return nil
}

// writer makes objects of one build's classes. Its first error stays.
type writer struct {
	build string
	table schema.Table
	err   error
}

func (w *writer) class(name string) *graph.Class {
	c := w.table.Of(w.build, name)
	if c == nil && w.err == nil {
		w.err = fmt.Errorf("build %s has no class %s", w.build, name)
	}
	if c == nil {
		return &graph.Class{Name: name, Flags: graph.FlagSerializable}
	}
	return c
}

func (w *writer) object(name string) *graph.Object {
	c := w.class(name)
	return &graph.Object{Class: c, Fields: make([]graph.FieldValue, c.FieldCount())}
}

func (w *writer) array(name string) *graph.Array { return &graph.Array{Class: w.class(name)} }

func (w *writer) principal(p Principal) *graph.Object {
	name := schema.ClassPrincipal7
	if profile(w.build) == Line62 {
		name = schema.ClassPrincipal62
	}
	o := w.object(name)
	o.SetRef("_login", &graph.String{Text: p.Login})
	o.SetRef("_password", &graph.String{Text: p.Password})
	o.SetRef("_url", &graph.String{Text: p.URL})
	return o
}

func (w *writer) boxed(class string, bits uint64) *graph.Object {
	o := w.object(class)
	o.SetBits("value", bits)
	return o
}

// value turns a plain value into what Java would write for it.
func (w *writer) value(v any) (graph.Value, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return &graph.String{Text: v}, nil
	case bool:
		bits := uint64(0)
		if v {
			bits = 1
		}
		return w.boxed("java.lang.Boolean", bits), nil
	case int32:
		return w.boxed("java.lang.Integer", uint64(int64(v))), nil
	case int64:
		return w.boxed("java.lang.Long", uint64(v)), nil
	case tunnel.Content:
		a := w.array("[B")
		a.Bulk = v.Size
		return a, nil
	}
	return w.container(v)
}

func (w *writer) container(v any) (graph.Value, error) {
	switch v := v.(type) {
	case []int64:
		a := w.array("[J")
		a.Longs = v
		return a, nil
	case []string:
		a := w.array("[Ljava.lang.String;")
		for _, s := range v {
			a.Refs = append(a.Refs, &graph.String{Text: s})
		}
		return a, nil
	case map[string]string:
		return hashMap(w, v)
	case map[string][]string:
		return hashMap(w, v)
	case map[int64]bool:
		return hashMap(w, v)
	case Locale:
		return w.locale(v), nil
	case Zone:
		o := w.object("sun.util.calendar.ZoneInfo")
		o.SetRef("ID", &graph.String{Text: v.ID})
		return o, nil
	case Settings:
		return w.configuration(v)
	}
	return nil, fmt.Errorf("a value of type %T", v)
}

// hashMap writes a HashMap of m in the order of its keys; Java's order follows from hashes and
// means nothing.
func hashMap[K cmp.Ordered, V any](w *writer, m map[K]V) (graph.Value, error) {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	o, note := w.object("java.util.HashMap"), []graph.Value{tableOf(len(m))}
	for _, k := range keys {
		for _, part := range []any{k, m[k]} {
			v, err := w.value(part)
			if err != nil {
				return nil, err
			}
			note = append(note, v)
		}
	}
	buckets := binary.BigEndian.Uint32(note[0].(graph.Block))
	o.SetBits("loadFactor", uint64(math.Float32bits(0.75)))
	o.SetBits("threshold", uint64(buckets/4*3))
	o.Note = note
	return o, nil
}

// tableOf returns what HashMap writes first: the size of its table for n entries, and n.
func tableOf(n int) graph.Block {
	buckets := 16
	for buckets*3/4 < n {
		buckets *= 2
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(buckets))
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func (w *writer) locale(l Locale) graph.Value {
	o, empty := w.object("java.util.Locale"), &graph.String{}
	o.SetBits("hashcode", math.MaxUint64) // -1: not computed yet
	o.SetRef("language", &graph.String{Text: l.Language})
	o.SetRef("country", &graph.String{Text: l.Country})
	for _, name := range []string{"extensions", "script", "variant"} {
		o.SetRef(name, empty)
	}
	return o
}

// configuration writes an ExportImportConfigurationImpl that carries nothing but its settings.
func (w *writer) configuration(s Settings) (graph.Value, error) {
	m, err := hashMap(w, s)
	if err != nil {
		return nil, err
	}
	o := w.object(schema.ClassConfig)
	o.SetRef("_settingsMap", m)
	return o, nil
}

// profile returns the wire profile of a build or line.
func profile(build string) string {
	if build == Line62 {
		return Line62
	}
	return Line7
}
