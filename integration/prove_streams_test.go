package integration_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// prove prints the line of a proof, which `make prove` reads: what was tried, and after the comma the number
// that must be 0.
func prove(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf("prove: "+format, args...)
}

func modified(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// chained are the bytes of a chain's objects, each in the one field of the one before it.
func chained(classes []string) []byte {
	if len(classes) == 0 {
		return []byte{0x70}
	}
	name, proxy := strings.CutPrefix(classes[0], "proxy:")
	b := []byte{0x73, 0x72}
	if proxy {
		b = append([]byte{0x73, 0x7d, 0, 0, 0, 1}, modified(name)...)
		b = append(append(append(b, 0x78, 0x72), modified("java.lang.reflect.Proxy")...), make([]byte, 8)...)
		name = "java.lang.reflect.InvocationHandler"
	} else {
		b = append(append(b, modified(name)...), make([]byte, 8)...)
	}
	b = append(b, 2, 0, 1, 'L', 0, 1, 'f', 0x74)
	b = append(b, modified("L"+strings.ReplaceAll(name, ".", "/")+";")...)
	return append(append(b, 0x78, 0x70), chained(classes[1:])...)
}

// placement puts a chain somewhere into a legal call.
type placement struct {
	name string
	make func(classes []string) func(testing.TB, arranged) message
}

func placements() []placement {
	one, flags := checkSite(site), portlets(map[string]string{"staged-portlet_com_liferay_journal": "true"})
	end := []byte("\x00\x05value\x78")
	first := func(v graph.Value) func(*graph.Object) {
		return func(root *graph.Object) { arguments(root).Refs[0] = v }
	}
	return []placement{
		{"class annotation", func(c []string) func(testing.TB, arranged) message {
			return patched(one, end, append(append([]byte("\x00\x05value"), chained(c)...), 0x78))
		}},
		{"unknown field", func(c []string) func(testing.TB, arranged) message {
			return spliced(one, func(root *graph.Object) {
				o := firstArgument(root)
				o.Class = extended(o.Class, func(c *graph.Class) {
					c.Fields = append(c.Fields, graph.Field{Type: 'L', Name: "x", Sig: "Ljava/lang/Object;"})
				})
				o.Fields = append(o.Fields, graph.FieldValue{Ref: mark})
			}, chained(c))
		}},
		{"class above", func(c []string) func(testing.TB, arranged) message {
			return edits(one, func(root *graph.Object) {
				o := firstArgument(root)
				o.Class = extended(o.Class, func(k *graph.Class) {
					k.Super = extended(k.Super, func(k *graph.Class) { k.Super = serializable(strings.TrimPrefix(c[0], "proxy:"), 1) })
				})
			})
		}},
		{"block of the method key", func(c []string) func(testing.TB, arranged) message {
			return edits(one, func(root *graph.Object) {
				inner := append(append([]byte{9}, graph.Header()...), chained(c)...)
				inner = append(binary.BigEndian.AppendUint32(nil, uint32(len(inner))), inner...)
				handler(root).Ref("_methodKey").(*graph.Object).Note[0] = graph.Block(inner[:min(len(inner), 1024)])
			})
		}},
		{"map value", func(c []string) func(testing.TB, arranged) message {
			return spliced(flags, func(root *graph.Object) { arguments(root).Refs[1].(*graph.Object).Note[2] = mark }, chained(c))
		}},
		{"exception", func(c []string) func(testing.TB, arranged) message {
			return spliced(one, first(mark), append([]byte{0x7b}, chained(c)...))
		}},
		{"array element", func(c []string) func(testing.TB, arranged) message {
			return spliced(one, func(root *graph.Object) {
				arguments(root).Refs = append(arguments(root).Refs, mark)
			}, chained(c))
		}},
	}
}

// refusedBy sends a call that must be refused while it is read, and returns the rule.
func (a arranged) refusedBy(t testing.TB, m message) tunnel.Reason {
	t.Helper()
	got := once(t, a.Gateway, m)
	reason := tunnel.Reason(got.head.Get("X-Stagelock-Reason"))
	if !strings.HasPrefix(string(reason), "stream.") && reason != "call.key" && reason != "call.arguments" {
		t.Errorf("refused by %q, want a rule of the stream", reason)
	}
	want{reason: reason}.denied(t, a.Gateway, got)
	return reason
}

// TestChainsReachNobody: no known chain, wherever in a call it stands, reaches the engine.
func TestChainsReachNobody(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "tunnel", "liferay", "testdata", "chains.txt"))
	if err != nil {
		t.Fatal(err)
	}
	a := arrange(t, listed)
	tried := 0
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		for _, p := range placements() {
			a.refusedBy(t, p.make(fields[1:])(t, a))
			tried++
		}
	}
	forwarded := len(a.sink.Calls())
	prove(t, "%d placements of chains in calls, %d forwarded", tried, forwarded)
	if tried < 245 || forwarded > 0 {
		t.Errorf("%d tried, %d forwarded", tried, forwarded)
	}
	checkLog(t, a)
}

// shapes are the forms that Java reads and no Java writer writes, each in a legal call.
func shapes() []refusal {
	one := checkSite(site)
	two := spec{service: layout7, name: "getLayoutPlid", params: []string{text, "long", "boolean"}, args: []any{"uuid-of-a-page", int64(site), true}}
	three := spec{service: layout7, name: "getDefaultPlid", params: []string{"long", "long", text}, args: []any{int64(site), int64(site), "portlet"}}
	long := string(append(modified("java.lang.Long"), 0x3b, 0x8b, 0xe4, 0x90, 0xcc, 0x8f, 0x23, 0xdf))
	login := "\x00\x06_login\x74\x00\x12Ljava/lang/String;"
	written, plain := "\x74\x00\x0euuid-of-a-page", "\x00\x0euuid-of-a-page"
	class := func(f func(c *graph.Class)) func(testing.TB, arranged) message {
		return edits(one, func(root *graph.Object) {
			o := firstArgument(root)
			o.Class = extended(o.Class, f)
			o.Fields = append(o.Fields, make([]graph.FieldValue, o.Class.FieldCount()-len(o.Fields))...)
		})
	}
	patch := func(s spec, from, to string) func(testing.TB, arranged) message {
		return patched(s, []byte(from), []byte(to))
	}
	key := func(t testing.TB, m *message, to string) {
		at := strings.Index(string(m.body), "util.MethodKey")
		rest := strings.Replace(string(m.body[at:]), "\x78\x70\x77", to, 1)
		m.body = append(m.body[:at:at], rest...)
	}
	all := []refusal{
		{name: "1 a class name in overlong UTF-8", bad: patch(one, "\x00\x0ejava.lang.Long", "\x00\x0f\xc1\xaaava.lang.Long"), want: want{reason: "stream.text"}},
		{name: "2 an object field with the signature of a primitive", bad: patch(one, "L"+login, "L\x00\x06_login\x74\x00\x01I"), want: want{reason: "stream.shape"}},
		{name: "3 an array field with the signature of an object", bad: patch(one, "L"+login, "["+login), want: want{reason: "stream.shape"}},
		{name: "4 a field count of -1", bad: patch(one, long+"\x02\x00\x01", long+"\x02\xff\xff"), want: want{reason: "stream.shape"}},
		{name: "5 a long string of negative length", bad: patch(two, written, "\x7c\xff\xff\xff\xff\xff\xff\xff\xfb"), want: want{reason: "stream.length"}},
		{name: "6 the long form of a short string", bad: patch(two, written, "\x7c\x00\x00\x00\x00\x00\x00"+plain), want: want{reason: "stream.length"}},
		{name: "7 an object in a class annotation", bad: patch(one, "\x00\x05value\x78", "\x00\x05value\x74\x00\x01x\x78"), want: want{reason: "stream.annotation"}},
		{name: "8 a field that the class does not have", bad: class(func(c *graph.Class) {
			c.Fields = append(c.Fields, graph.Field{Type: 'J', Name: "x"})
		}), want: want{reason: "stream.shape"}},
		{name: "9 added data where the class has no such method", bad: patch(one, long+"\x02", long+"\x03"), want: want{reason: "stream.shape"}},
		{name: "10 a superclass that is none", bad: class(func(c *graph.Class) { c.Super = serializable("java.util.Date", 7523967970034938905) }), want: want{reason: "stream.class"}},
		{name: "11 a class described twice", bad: edits(three, func(root *graph.Object) {
			o := arguments(root).Refs[1].(*graph.Object)
			o.Class = extended(o.Class, func(*graph.Class) {})
		}), want: want{reason: "stream.twice"}},
		{name: "12 a field named twice", bad: class(func(c *graph.Class) { c.Fields = append(c.Fields, c.Fields[0]) }), want: want{reason: "stream.shape"}},
		{name: "13 flag bits that mean nothing", bad: patch(one, long+"\x02", long+"\xe2"), want: want{reason: "stream.shape"}},
		{name: "14 an array class of another version", bad: edits(one, func(root *graph.Object) {
			args := arguments(root)
			args.Class = extended(args.Class, func(c *graph.Class) { c.UID++ })
		}), want: want{reason: "stream.shape"}},
		{name: "15 a reset before the object", bad: patched(one, graph.Header(), append(graph.Header(), graph.Reset)), want: want{reason: "stream.tag"}},
		{name: "16 an empty block before the data", bad: edited(one, func(t testing.TB, m *message) { key(t, m, "\x78\x70\x77\x00\x77") }), want: want{reason: "stream.length"}},
		{name: "17 a byte 0 in text", bad: patch(two, plain, "\x00\x0euuid\x00of-a-page"), want: want{reason: "stream.text"}},
		{name: "17 half a surrogate pair", bad: patch(two, plain, "\x00\x0e\xed\xa0\xbd\x64-of-a-page"), want: want{reason: "stream.text"}},
		{name: "18 a second object behind the first", bad: edited(one, func(_ testing.TB, m *message) { m.body = append(m.body, m.body[4:]...) }), want: want{reason: "stream.trailing"}},
	}
	return all
}

// TestShapesReachNobody: each of the 18 shapes is refused by its own rule before a byte of it is sent on.
func TestShapesReachNobody(t *testing.T) {
	a := arrange(t, listed)
	numbers := map[string]bool{}
	for _, r := range shapes() {
		number, _, _ := strings.Cut(r.name, " ")
		numbers[number] = true
		t.Run(r.name, func(t *testing.T) { r.run(t, a) })
	}
	forwarded := len(a.sink.Calls())
	prove(t, "%d shapes that only Java's reader takes, %d forwarded", len(numbers), forwarded)
	if len(numbers) != 18 || forwarded > 0 {
		t.Errorf("%d shapes, %d forwarded", len(numbers), forwarded)
	}
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
	checkLog(t, a)
}

// TestExhaustingStreamsReachNobody: what takes Java's memory or time from a few bytes is refused, and so is ten
// times as much.
func TestExhaustingStreamsReachNobody(t *testing.T) {
	head := func(name string, uid uint64) string {
		return "\x73\x72" + string(modified(name)) + string(binary.BigEndian.AppendUint64(nil, uid))
	}
	array := func(name string, uid uint64, n uint32) string {
		s := strings.Replace(head(name, uid), "\x73", "\x75", 1)
		return s + "\x02\x00\x00\x78\x70" + string(binary.BigEndian.AppendUint32(nil, n))
	}
	nested := func(depth int) string {
		s := array("[Ljava.lang.Object;", 0x90ce589f1073296c, 1)
		return s + strings.Repeat("\x75\x71\x00\x7e\x00\x10\x00\x00\x00\x01", depth) + "\x70"
	}
	one := checkSite(site)
	a := arrange(t, listed)
	tried := 0
	for size := uint32(1); size <= 10; size++ {
		for name, raw := range map[string]string{
			"long[] of which the head comes": array("[J", 0x782004b512b17593, size*214_748_364),
			"byte[] of which the head comes": array("[B", 0xacf317f8060854e0, size*200_000_000),
			"a list that says it is huge": head("java.util.ArrayList", 0x7881d21d99c7619d) + "\x03\x00\x01I\x00\x04size\x78\x70" +
				string(binary.BigEndian.AppendUint32(nil, size*100_000_000)) + "\x77\x04" + string(binary.BigEndian.AppendUint32(nil, size*100_000_000)),
			"a map that says it is huge": head("java.util.HashMap", 0x0507dac1c31660d1) +
				"\x03\x00\x02F\x00\x0aloadFactorI\x00\x09threshold\x78\x70\x3f\x40\x00\x00\x00\x00\x00\x0c\x77\x08\x00\x00\x00\x10" +
				string(binary.BigEndian.AppendUint32(nil, size*50_000_000)),
			"an array of 255 dimensions": array(strings.Repeat("[", 255)+"J", 1, size*10_000_000),
			"nested arrays":              nested(int(size) * 2000),
		} {
			m := spliced(one, func(root *graph.Object) { arguments(root).Refs[0] = mark }, []byte(raw))(t, a)
			if reason := a.refusedBy(t, m); t.Failed() {
				t.Fatalf("%s, %d times: %s", name, size, reason)
			}
			tried++
		}
		a.refusedBy(t, edits(one, func(root *graph.Object) { arguments(root).Refs[0] = sets(20 + 6*int(size)) })(t, a))
		tried++
	}
	forwarded := len(a.sink.Calls())
	prove(t, "%d streams that exhaust a reader, %d forwarded", tried, forwarded)
	if forwarded > 0 {
		t.Errorf("%d forwarded", forwarded)
	}
	checkLog(t, a)
}
