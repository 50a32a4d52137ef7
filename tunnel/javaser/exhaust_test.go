package javaser_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// tap counts what is read from it.
type tap struct {
	src  io.Reader
	read int64
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.src.Read(p[:min(len(p), 512)]) // no more ahead than a network would have
	t.read += int64(n)
	return n, err
}

// endless repeats unit behind head for ever.
type endless struct {
	head, unit []byte
	at         int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		if e.at < len(e.head) {
			p[i] = e.head[e.at]
		} else {
			p[i] = e.unit[(e.at-len(e.head))%len(e.unit)]
		}
		e.at++
	}
	return len(p), nil
}

// fixedCost is what one decoder, its first chunks and its nesting at its deepest take, whatever it reads.
const fixedCost = 16 << 10

// costs decodes src and returns the rule, what was read and what was allocated.
func costs(src io.Reader, slot *graph.Slot) (rule string, read, allocated int64) {
	var before, after runtime.MemStats
	tapped, lim := &tap{src: src}, javaser.DefaultLimits()
	runtime.ReadMemStats(&before)
	_, err := javaser.NewDecoder(source.New(tapped, nil, lim.Held), lim).Decode(slot)
	runtime.ReadMemStats(&after)
	return ruleOf(err), tapped.read, int64(after.TotalAlloc - before.TotalAlloc)
}

// TestExhaustion sends what costs a JVM its memory, its stack or its time, each in ten sizes: it is refused early, for next to
// nothing. None of these could be refused by the class of the object alone: every class is allowed in its place.
func TestExhaustion(t *testing.T) {
	tried, dear := 0, 0
	forever := func(head, unit []byte) io.Reader { return &endless{head: head, unit: unit} }
	nested := func(class spec) []byte { return array(class.bytes(), u32(1)) }
	for _, tt := range []struct {
		name string
		rule javaser.Rule
		make func(size int64) io.Reader // size is 1 to 10
	}{
		{"long[] of which only the head comes", javaser.RuleLimit, func(n int64) io.Reader {
			return bytes.NewReader(stream(array(longsSpec.bytes(), u32(n*214_748_364))))
		}},
		{"byte[] of which only the head comes", javaser.RuleLimit, func(n int64) io.Reader {
			return bytes.NewReader(stream(array(bytesSpec.bytes(), u32(n*200_000_000))))
		}},
		{"long[] of an allowed size of which only the head comes", javaser.RuleTruncated, func(n int64) io.Reader {
			return bytes.NewReader(stream(array(longsSpec.bytes(), u32(n*10_000))))
		}},
		{"Object[] of an allowed size of which only the head comes", javaser.RuleTruncated, func(n int64) io.Reader {
			return bytes.NewReader(stream(array(objectsSpec.bytes(), u32(n*10_000))))
		}},
		{"a list that says it is huge", javaser.RuleLimit, func(n int64) io.Reader {
			return bytes.NewReader(stream(object(listSpec.bytes(), u32(n*100_000_000), []byte{0x77, 4}, u32(n*100_000_000))))
		}},
		{"a map that says it is huge", javaser.RuleLimit, func(n int64) io.Reader {
			return bytes.NewReader(stream(object(mapSpec.bytes(), u32(0x3f400000), u32(12), []byte{0x77, 8}, u32(16), u32(n*50_000_000))))
		}},
		{"a map of an allowed size without entries", javaser.RuleTruncated, func(n int64) io.Reader {
			return bytes.NewReader(stream(object(mapSpec.bytes(), u32(0x3f400000), u32(12), []byte{0x77, 8}, u32(16), u32(n*10_000))))
		}},
		{"a long string of which only the head comes", javaser.RuleTruncated, func(n int64) io.Reader {
			return bytes.NewReader(stream(longStr(n*400_000, "")))
		}},
		{"a long string beyond the limit", javaser.RuleLength, func(n int64) io.Reader {
			return bytes.NewReader(stream(longStr(n*1_000_000_000_000, "")))
		}},
		{"nested Object[1] without end", javaser.RuleDepth, func(n int64) io.Reader {
			return forever(stream(nested(objectsSpec)), array(ref(0), u32(n)))
		}},
		{"nested lists without end", javaser.RuleDepth, func(n int64) io.Reader {
			return forever(stream(object(listSpec.bytes(), u32(n), []byte{0x77, 4}, u32(n))),
				object(ref(0), u32(n), []byte{0x77, 4}, u32(n)))
		}},
		{"an array of 255 dimensions", javaser.RuleClass, func(n int64) io.Reader {
			return bytes.NewReader(stream(array(spec{name: many('[', 255) + "J", uid: 1, flags: 2}.bytes(), u32(n*10_000_000))))
		}},
		{"superclasses without end", javaser.RuleShape, func(n int64) io.Reader {
			unit := cat([]byte{0x72}, utf("t.Node"), u64(n), []byte{2}, u16(0), end)
			return forever(stream([]byte{0x73}), unit)
		}},
		{"a name of 64 KiB", javaser.RuleTruncated, func(n int64) io.Reader {
			return bytes.NewReader(stream(object([]byte{0x72}, u16(int(65_536-n)))))
		}},
		{"a class with 65,535 fields", javaser.RuleLimit, func(n int64) io.Reader {
			return forever(stream(object(spec{name: "t.Model", flags: 2, count: int(65_536 - n)}.bytes())), prim('I', "a"))
		}},
	} {
		for size := int64(1); size <= 10; size++ {
			t.Run(fmt.Sprintf("%s/%d", tt.name, size), func(t *testing.T) {
				slot := newGrammar().root
				rule, read, allocated := costs(tt.make(size), slot)
				tried++
				if rule != string(tt.rule) {
					t.Errorf("got %s, want %s", rule, tt.rule)
				}
				if read > 1024 {
					t.Errorf("%d bytes were read before it was refused", read)
				}
				if most := fixedCost + 10*read; allocated > most {
					dear++
					t.Errorf("%d bytes allocated for %d bytes read", allocated, read)
				}
			})
		}
	}
	t.Logf("prove: %d exhausting streams, %d cost more than ten times what was read", tried, dear)
}

// TestDeepNesting is the stream that ends other parsers by a stack overflow: four million levels.
func TestDeepNesting(t *testing.T) {
	src := &endless{head: stream(array(objectsSpec.bytes(), u32(1))), unit: array(ref(0), u32(1))}
	rule, read, _ := costs(io.LimitReader(src, 40<<20), newGrammar().root)
	if rule != string(javaser.RuleDepth) || read >= 1024 {
		t.Errorf("%s after %d bytes", rule, read)
	}
}

// dag is a tree of lists in which every level holds the one below twice: 2^levels lists for a reader that walks it.
func dag(levels int) []byte {
	var open, shut []byte
	class := listSpec.bytes()
	for i := range levels { // handle 0 is the class, 1 the outermost list
		open = cat(open, object(class, u32(2), []byte{0x77, 4}, u32(2)))
		shut = cat(shut, ref(int64(levels+1-i)), end)
		class = ref(0)
	}
	return stream(open, list(class, 0), shut)
}

// TestSharedContainers sends what takes a JVM seconds to days: containers that hold the one below twice.
func TestSharedContainers(t *testing.T) {
	expect(t, dag(3), "")
	lim := javaser.DefaultLimits()
	lim.Depth = 100
	for _, levels := range []int{17, 18, 19, 20, 22, 24, 26, 40, 50, 80} {
		data := dag(levels)
		_, err := decode(data, newGrammar().root, lim)
		if ruleOf(err) != string(javaser.RuleWeight) {
			t.Errorf("%d levels in %d bytes: %s", levels, len(data), ruleOf(err))
		}
	}
	if _, err := decode(dag(40), newGrammar().root, javaser.DefaultLimits()); ruleOf(err) != string(javaser.RuleDepth) {
		t.Errorf("40 levels: %s", ruleOf(err))
	}
}

// TestLimits holds each limit at its edge.
func TestLimits(t *testing.T) {
	wide := javaser.DefaultLimits()
	wide.Held = 64 << 20
	nulls := func(n int64) []byte { return stream(array(objectsSpec.bytes(), u32(n), bytes.Repeat(null, int(n)))) }
	texts := func(n int64) []byte { return stream(array(objectsSpec.bytes(), u32(n), bytes.Repeat(str(""), int(n)))) }
	for _, tt := range []struct {
		name   string
		change func(l *javaser.Limits)
		ok     []byte
		bad    []byte
		rule   javaser.Rule
	}{
		{"elements", func(l *javaser.Limits) {}, nulls(100_000), nulls(100_001), javaser.RuleLimit},
		{"handles", func(l *javaser.Limits) { l.Handles = 12 }, texts(10), texts(11), javaser.RuleLimit},
		{"values", func(l *javaser.Limits) { l.Weight = 11 }, nulls(10), nulls(11), javaser.RuleWeight},
		{"bytes", func(l *javaser.Limits) { l.Held = int64(len(nulls(9_000))) }, nulls(9_000), nulls(9_001), javaser.RuleLimit},
		{"depth", func(l *javaser.Limits) { l.Depth = 3 }, nest(3), nest(4), javaser.RuleDepth},
		{"classes", func(l *javaser.Limits) { l.Classes = 1 }, nulls(1), stream(array(objectsSpec.bytes(), u32(1), list(listSpec.bytes(), 0))), javaser.RuleLimit},
		{"superclasses", func(l *javaser.Limits) { l.Supers = 2 }, stream(node(nodeSpec, null, null)),
			stream(object(childSpec.bytes(), u32(1), null, null, []byte{1})), javaser.RuleDepth},
		{"fields", func(l *javaser.Limits) { l.Fields = 3 }, stream(object(modelSpec.bytes(), u64(1), hashMap(0), null)),
			stream(object(bentModel(func(s *spec) { s.fields = append(s.fields, prim('I', "a")) }))), javaser.RuleLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lim := wide
			tt.change(&lim)
			if _, err := decode(tt.ok, newGrammar().root, lim); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if _, err := decode(tt.bad, newGrammar().root, lim); ruleOf(err) != string(tt.rule) {
				t.Errorf("beyond the limit: %v, want %s", err, tt.rule)
			}
		})
	}
}

func nest(levels int) []byte {
	data := array(objectsSpec.bytes(), u32(1))
	for range levels - 1 {
		data = append(data, array(ref(0), u32(1))...)
	}
	return stream(data, null)
}

// TestZeroLimitsRefuse: a zero limit is a limit of zero.
func TestZeroLimitsRefuse(t *testing.T) {
	if _, err := decode(stream(str("x")), newGrammar().root, javaser.Limits{}); ruleOf(err) != string(javaser.RuleLimit) {
		t.Errorf("got %v", err)
	}
	if _, err := decode(stream(str("x")), &graph.Slot{}, javaser.DefaultLimits()); ruleOf(err) != string(javaser.RuleSlot) {
		t.Errorf("a zero slot: %v", err)
	}
}

// TestDenseStreams bounds what the densest legal streams may cost: an envelope of single bytes that each become a value.
func TestDenseStreams(t *testing.T) {
	nulls := stream(array(objectsSpec.bytes(), u32(100_000), bytes.Repeat(null, 100_000)))
	texts := stream(array(objectsSpec.bytes(), u32(100_000), bytes.Repeat(str(""), 100_000)))
	long := stream(longStr(4_000_000, many('x', 4_000_000)))
	for _, tt := range []struct {
		name string
		data []byte
		most int64 // bytes allocated for a byte read
	}{
		{"nulls", nulls, 80}, {"empty texts", texts, 80}, {"one long text", long, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule, read, allocated := costs(bytes.NewReader(tt.data), newGrammar().root)
			t.Logf("%s: %d bytes allocated for %d bytes", rule, allocated, read)
			if rule != "accepted" || allocated > tt.most*read {
				t.Errorf("%s: %d bytes allocated for %d bytes", rule, allocated, read)
			}
		})
	}
}
