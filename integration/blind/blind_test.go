package blind

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// entries are two inputs of two arguments and a byte.
func entries() []entry {
	e := entry{}.with('b', []byte("\x00\x05hello, \x00\x00\x00\x09nine more")).with('s', []byte("Content-Length: 12\r\n")).with('1', []byte{1})
	f := entry{}.with('b', []byte("another one with 0123456789")).with('s', []byte("")).with('1', []byte{7})
	return []entry{e, f}
}

// TestSameSeedSameInputs: whoever tries a round makes the same inputs, and another seed makes others.
func TestSameSeedSameInputs(t *testing.T) {
	made := func(seed uint64) (sum uint64, done int64) {
		var all atomic.Uint64
		r := &run{tb: t, entries: entries(), seed: seed, body: func(_ testing.TB, in *Input) {
			h := fnv.New64a()
			fmt.Fprintf(h, "%q %q %d", in.Bytes(0), in.String(1), in.Byte(2))
			all.Add(h.Sum64())
		}}
		r.bound(5000, 0)
		r.all()
		return all.Load(), r.done.Load()
	}
	one, done := made(1)
	again, _ := made(1)
	other, _ := made(2)
	if done != 5000 || one != again || one == other {
		t.Errorf("%d inputs, %x and %x, of another seed %x", done, one, again, other)
	}
}

// TestNearInputsAreFound: what lies one change, or a few, beside an input that is kept is found, and cut to what it takes.
func TestNearInputsAreFound(t *testing.T) {
	long := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	for _, tt := range []struct {
		name string
		bad  func(in *Input) bool
		want string // what is left of the first argument, where that is certain
	}{
		{"a bit", func(in *Input) bool { return bytes.Contains(in.Bytes(0), []byte("iello")) }, "iello"},
		{"a length", func(in *Input) bool { return bytes.HasPrefix(in.Bytes(0), []byte("\xff\xffhel")) }, "\xff\xffhel"},
		{"a length of four bytes", func(in *Input) bool { return bytes.Contains(in.Bytes(0), []byte("\x7f\xff\xff\xffnine")) }, "\x7f\xff\xff\xffnine"},
		{"a length that is right", func(in *Input) bool { b := in.Bytes(0); return len(b) > 2 && int(b[0])<<8+int(b[1]) == len(b)-2 }, ""},
		{"a token", func(in *Input) bool { return bytes.Contains(in.Bytes(0), []byte("h<![CDATA[")) }, "h<![CDATA["},
		{"a splice", func(in *Input) bool { return bytes.Contains(in.Bytes(0), []byte("hello, with")) }, "hello, with"},
		{"a cut", func(in *Input) bool { return bytes.Contains(in.Bytes(0), []byte("hemore")) }, "hemore"},
		{"twice", func(in *Input) bool { return bytes.Contains(in.Bytes(0), []byte("hellohello")) }, "hellohello"},
		{"an end", func(in *Input) bool { return bytes.HasSuffix(in.Bytes(0), []byte("hell")) }, "hell"},
		{"nothing", func(in *Input) bool { return len(in.Bytes(0)) == 0 }, ""},
		{"something of nothing", func(in *Input) bool { return in.String(1) == "Con" }, ""},
		{"a byte", func(in *Input) bool { return in.Byte(2) == 99 }, ""},
		{"much", func(in *Input) bool { return len(in.Bytes(0)) > len(long(90)) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &run{tb: t, entries: entries(), seed: 3, body: func(t testing.TB, in *Input) {
				if tt.bad(in) {
					t.Errorf("%q", in.Bytes(0))
				}
			}}
			r.bound(3_000_000, 0)
			r.all()
			if r.found == nil {
				t.Fatalf("not found by %d inputs", r.done.Load())
			}
			if !tt.bad(&Input{r.found.fields}) || tt.want != "" && string(r.found.fields[0]) != tt.want {
				t.Errorf("kept %q", r.found.fields)
			}
		})
	}
}

// TestFailuresAreTheInputs: however a body fails, it is the input that is told of, once.
func TestFailuresAreTheInputs(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		fail       func(testing.TB)
	}{
		{"an error", "because\n", func(t testing.TB) { t.Errorf("because") }},
		{"another error", "because of 1\n", func(t testing.TB) { t.Error("because of", 1) }},
		{"an end", "over\n", func(t testing.TB) { t.Fatalf("over") }},
		{"another end", "over 2\n", func(t testing.TB) { t.Fatal("over", 2) }},
		{"failed without a word", "", func(t testing.TB) { t.Fail() }},
		{"ended without a word", "", func(t testing.TB) { t.Helper(); t.FailNow() }},
		{"a panic", "panic: no", func(testing.TB) { panic("no") }},
		{"an index", "index out of range", func(testing.TB) { _ = make([]int, 1)[len(os.Args)+7] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &run{tb: t, entries: entries(), seed: 1, body: func(t testing.TB, in *Input) {
				if in.Byte(2) > 100 {
					tt.fail(t)
				}
			}}
			r.bound(100_000, 0)
			r.all()
			if r.crashes.Load() < 1 || r.found == nil || !strings.Contains(r.why, tt.says) || r.done.Load() == 100_000 {
				t.Fatalf("%d crashes of %d, %q", r.crashes.Load(), r.done.Load(), r.why)
			}
			again := &run{tb: t, entries: entries(), seed: 1, body: r.body}
			if again.round(newMutator(entries()), r.where); again.crashes.Load() != 1 {
				t.Errorf("round %d alone: %d crashes", r.where, again.crashes.Load())
			}
			if e, err := parse(r.found.format()); err != nil || e.fields[2][0] <= 100 {
				t.Errorf("kept %s, %v", r.found.format(), err)
			}
		})
	}
}

// TestChangesAllocateNothing: what a body costs is the body's.
func TestChangesAllocateNothing(t *testing.T) {
	m := newMutator(entries())
	m.source.Seed(1, 1)
	if n := testing.AllocsPerRun(10_000, func() { m.next() }); n != 0 {
		t.Errorf("%v allocations an input", n)
	}
}

// TestInputsStayShort: however often something is put in, no argument gets longer than any target reads.
func TestInputsStayShort(t *testing.T) {
	e := entry{}.with('b', bytes.Repeat([]byte("y"), longest)).with('s', bytes.Repeat([]byte("z"), longest-1))
	m := newMutator([]entry{e})
	for i := range 2000 {
		m.source.Seed(1, uint64(i))
		if in := m.next(); len(in.Bytes(0)) > longest || len(in.Bytes(1)) > longest {
			t.Fatalf("%d and %d bytes", len(in.Bytes(0)), len(in.Bytes(1)))
		}
	}
}

func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		inputs   int64
		during   time.Duration
		limit    int64
		unending bool
	}{
		{"a few in a moment", 0, 0, 1000, false},
		{"as many as there is time for", 0, time.Hour, 1<<63 - 1, false},
		{"a number, however long it takes", 70, 0, 70, true},
		{"a number before a time", 70, time.Hour, 70, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r run
			if r.bound(tt.inputs, tt.during); r.limit != tt.limit || r.end.IsZero() != tt.unending {
				t.Errorf("%d until %v", r.limit, r.end)
			}
		})
	}
	r := &run{tb: t, entries: entries(), body: func(testing.TB, *Input) {}}
	r.bound(0, time.Nanosecond)
	if r.all(); r.done.Load() != round {
		t.Errorf("%d inputs when there is no time, want one round", r.done.Load())
	}
}

func TestCorpus(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a": header + "\n[]byte(\"\\xff)(\")\nstring(\"\u00fc\")\nbyte('\\xfe')\n", "b": header + "\n[]byte(\"\")\nstring(\"\")\nbyte('\\'')\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &corpus{TB: t}
	c.Add([]byte("x"), "y", byte(3))
	c.Add(make([]byte, longest+1), "", byte(0)) // left out
	if err := c.read(dir); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		entry{}.with('b', []byte("x")).with('s', []byte("y")).with('1', []byte{3}),
		entry{}.with('b', []byte("\xff)(")).with('s', []byte("\u00fc")).with('1', []byte{0xfe}),
		entry{}.with('b', nil).with('s', nil).with('1', []byte{'\''}),
	}
	if !slices.EqualFunc(c.entries, want, equal) {
		t.Errorf("got %q", c.entries)
	}
	if err := c.read(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c"), []byte(header+"\nint(1)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.read(dir); err == nil || !strings.Contains(err.Error(), "c: no input of a fuzz target: int(1)") {
		t.Errorf("got %v", err)
	}
}

func equal(a, b entry) bool {
	return a.kinds == b.kinds && slices.EqualFunc(a.fields, b.fields, bytes.Equal)
}

func TestOddInputs(t *testing.T) {
	for name, add := range map[string]func(*corpus){
		"an argument of another type": func(c *corpus) { c.Add(1) },
		"another number of arguments": func(c *corpus) { c.Add("a"); c.Add("a", "b") },
	} {
		a := &attempt{TB: t}
		func() {
			defer func() {
				if _, over := recover().(errFailed); !over {
					t.Errorf("%s is taken", name)
				}
			}()
			add(&corpus{TB: a})
		}()
		if !a.failed || a.text == "" {
			t.Errorf("%s: %q", name, a.text)
		}
	}
	for _, text := range []string{"", "go test fuzz v2\n", header + "\nbyte('ab')\n", header + "\nbyte('\u0100')\n", header + "\nstring(x)\n", header + "\n\n"} {
		if e, err := parse(text); err == nil {
			t.Errorf("%q is %q", text, e)
		}
	}
}

func formSeeds(f Seeds) {
	for _, s := range []string{"", "a", "\xff\x00\n\"'\\)", "\u2028\U0001f600"} {
		f.Add([]byte(s), s, byte(len(s)))
	}
}

// readsBack: an input that is written as Go's engine keeps it is read as it was.
func readsBack(t testing.TB, b []byte, s string, c byte) {
	e := entry{}.with('b', b).with('s', []byte(s)).with('1', []byte{c})
	if got, err := parse(e.format()); err != nil || !equal(got, e) {
		t.Errorf("%q became %q, %v", e, got, err)
	}
}

func FuzzForm(f *testing.F) {
	formSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte, s string, c byte) { readsBack(t, b, s, c) })
}

func TestBlind(t *testing.T) {
	Run(t, "FuzzForm", formSeeds, func(t testing.TB, in *Input) { readsBack(t, in.Bytes(0), in.String(1), in.Byte(2)) })
}
