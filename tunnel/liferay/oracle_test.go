package liferay_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

var (
	mutants    = flag.Int("mutants", 100_000, "streams to hold against a JVM")
	mutantSeed = flag.Uint64("mutant-seed", 1, "of their random numbers")
)

// verdict is what a JVM makes of one stream.
type verdict struct {
	accepted bool
	classes  []string
	again    []byte // the object written again
}

// oracle is a JVM that reads streams one after the other.
type oracle struct {
	in  *bufio.Writer
	out *bufio.Reader
}

// startOracle starts a JVM, or skips the test. The JVM ends with the test.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no java in PATH: nothing is held against a JVM")
	}
	cmd := exec.Command(java, "-Xmx512m", "-XX:+UseSerialGC", filepath.Join("testdata", "oracle", "Oracle.java"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Skipf("java does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if t.Failed() {
			_ = cmd.Process.Kill() // it may wait for somebody to read its answers
		}
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("the JVM ended with %v", err)
		}
	})
	return &oracle{in: bufio.NewWriterSize(in, 1<<16), out: bufio.NewReaderSize(out, 1<<16)}
}

// ask sends all streams while it calls answer for each in turn.
func (o *oracle) ask(t *testing.T, streams [][]byte, answer func(i int, v verdict)) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		for _, s := range streams {
			_, _ = o.in.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
			_, _ = o.in.Write(s)
		}
		sent <- o.in.Flush()
	}()
	for i := range streams {
		v, err := o.verdict()
		if err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
		answer(i, v)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func (o *oracle) verdict() (verdict, error) {
	ok, err := o.out.ReadByte()
	if err != nil {
		return verdict{}, err
	}
	names, err := o.piece()
	if err != nil {
		return verdict{}, err
	}
	again, err := o.piece()
	return verdict{ok == 1, strings.Fields(string(names)), again}, err
}

func (o *oracle) piece() ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(o.out, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err := io.ReadFull(o.out, b)
	return b, err
}

// placeOf returns where a sample of Java belongs.
func placeOf(name string) *graph.Slot {
	if strings.HasPrefix(name, "exception") {
		return liferay.ThrownReply()
	}
	return liferay.SettingsValue()
}

func strict(data []byte, slot *graph.Slot) (graph.Value, error) {
	lim := liferay.ReplyLimits()
	return javaser.NewDecoder(source.New(bytes.NewReader(data), nil, lim.Held), lim).Decode(slot)
}

// classNames returns the classes in v.
func classNames(v graph.Value, into map[string]bool, seen map[graph.Value]bool) {
	var class *graph.Class
	var inner []graph.Value
	switch v := v.(type) {
	case *graph.Object:
		class, inner = v.Class, v.Note
		for _, f := range v.Fields {
			if _, isBlock := f.Ref.(graph.Block); !isBlock {
				inner = append(inner[:len(inner):len(inner)], f.Ref)
			}
		}
	case *graph.Array:
		class, inner = v.Class, v.Refs
	}
	if class == nil || seen[v] {
		return
	}
	seen[v] = true
	for ; class != nil; class = class.Super {
		into[class.Name] = true
	}
	for _, i := range inner {
		classNames(i, into, seen)
	}
}

// sample is an object of Java that a place accepts.
type sample struct {
	name string
	data []byte
}

func legalSamples(t *testing.T, most int) []sample {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "jdk", "*.ser"))
	if err != nil {
		t.Fatal(err)
	}
	var found []sample
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".ser")
		if data := jdkFile(t, name); len(data) <= most && refusedSamples[name].rule == "" {
			found = append(found, sample{name, data})
		}
	}
	return found
}

// normalized are the samples that Java itself writes differently once it has read them: tables and lists of another size, the
// older form of an empty list, hashes that are computed anew.
var normalized = []string{
	"exception-java8", "exception-java8-cause", "exception-java8-suppressed",
	"map-Long-Boolean", "map-String-String", "map-empty-capacity", "map-load-factor", "map-shrunk",
}

// TestJavaReadsWhatIsWritten: what our writer writes of an object that Java wrote, Java reads and writes the same.
func TestJavaReadsWhatIsWritten(t *testing.T) {
	o := startOracle(t)
	samples := legalSamples(t, 1<<20)
	var streams [][]byte
	for _, s := range samples {
		v, err := strict(s.data, placeOf(s.name))
		if err != nil {
			t.Fatal(err)
		}
		written, err := graph.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, written)
	}
	same := 0
	o.ask(t, streams, func(i int, v verdict) {
		name := samples[i].name
		switch {
		case !v.accepted:
			t.Errorf("%s: refused by Java", name)
		case bytes.Equal(v.again, samples[i].data):
			if same++; slices.Contains(normalized, name) {
				t.Errorf("%s: Java writes it as it was", name)
			}
		case !slices.Contains(normalized, name):
			t.Errorf("%s: Java writes\n%x\nfor\n%x", name, v.again, samples[i].data)
		}
		if _, err := strict(v.again, placeOf(name)); err != nil {
			t.Errorf("%s: what Java writes again is refused: %v", name, err)
		}
	})
	t.Logf("%d objects, %d written by Java byte for byte as before", len(samples), same)
}

// TestJavaReadsSettings: maps of our own writer, of every kind of value, are the same maps to Java.
func TestJavaReadsSettings(t *testing.T) {
	o := startOracle(t)
	e := edited(t, build7, publish)
	var streams [][]byte
	for n := range 200 {
		entries := []graph.Value{}
		for i := range n {
			entries = append(entries, text(fmt.Sprintf("key%d", i)), []graph.Value{
				nil, text("é\x00😀"), e.long(int64(i)), e.boxed("java.lang.Boolean", 1), e.boxed("java.lang.Integer", uint64(i)),
				e.date(uint64(i)), e.zone("UTC"), e.texts("a", "b"), e.list(text("x")), e.sample("locale-en-US"),
				e.hash("java.util.HashMap", e.long(1), text("y")),
			}[i%11])
		}
		data, err := graph.Append(nil, e.hash("java.util.HashMap", entries...))
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, data)
	}
	o.ask(t, streams, func(i int, v verdict) {
		if !v.accepted {
			t.Errorf("a map of %d entries: refused by Java", i)
			return
		}
		ours, err := strict(streams[i], liferay.SettingsValue())
		if err != nil {
			t.Errorf("a map of %d entries: %v", i, err)
			return
		}
		java, err := strict(v.again, liferay.SettingsValue())
		if err != nil {
			t.Errorf("a map of %d entries as Java writes it: %v", i, err)
			return
		}
		if a, b := fmt.Sprint(liferay.Plain(ours)), fmt.Sprint(liferay.Plain(java)); a != b {
			t.Errorf("a map of %d entries:\n got %s\nwant %s", i, b, a)
		}
	})
}

// mutate bends data in one or two places.
func mutate(r *rand.Rand, data []byte, others []sample) []byte {
	out := bytes.Clone(data)
	for range 1 + r.IntN(2) {
		at := 4 + r.IntN(max(1, len(out)-4))
		if at >= len(out) {
			return out
		}
		switch r.IntN(8) {
		case 0:
			out[at] ^= 1 << r.IntN(8)
		case 1:
			out[at] = byte(r.Uint32())
		case 2:
			out[at]++
		case 3: // a type code
			out[at] = byte(0x70 + r.IntN(16))
		case 4: // twice
			n := min(len(out)-at, 1+r.IntN(16))
			out = slices.Insert(out, at, bytes.Clone(out[at:at+n])...)
		case 5: // gone
			out = slices.Delete(out, at, min(len(out), at+1+r.IntN(8)))
		case 6: // another handle or length
			if at+4 <= len(out) {
				binary.BigEndian.PutUint32(out[at:], 0x7e0000+uint32(r.IntN(24)))
			}
		case 7: // a piece of another stream
			other := others[r.IntN(len(others))].data
			if len(other) > 5 {
				from := 4 + r.IntN(len(other)-4)
				out = slices.Insert(out, at, other[from:min(len(other), from+r.IntN(80))]...)
			}
		}
	}
	return out
}

// ruleOf returns the rule by which a stream was refused.
func ruleOf(err error) javaser.Rule {
	var rule *javaser.Error
	if errors.As(err, &rule) {
		return rule.Rule
	}
	return "another"
}

// TestMutantsAgainstJava bends objects that Java wrote and lets both read them: where both accept, both have seen the same
// classes; whatever we accept is written back byte for byte.
func TestMutantsAgainstJava(t *testing.T) {
	o := startOracle(t)
	samples := legalSamples(t, 1_500)
	r := rand.New(rand.NewPCG(*mutantSeed, 2))
	total := *mutants
	if testing.Short() {
		total /= 20
	}
	var both, ours, java, differ int
	refused := map[javaser.Rule]int{} // what Java takes and we do not
	for done := 0; done < total; {
		batch := make([][]byte, 0, 5_000)
		names := make([]string, 0, cap(batch))
		for range min(cap(batch), total-done) {
			s := samples[r.IntN(len(samples))]
			batch, names = append(batch, mutate(r, s.data, samples)), append(names, s.name)
		}
		done += len(batch)
		o.ask(t, batch, func(i int, v verdict) {
			value, err := strict(batch[i], placeOf(names[i]))
			switch {
			case err == nil && v.accepted:
				both++
			case err == nil:
				ours++
			case v.accepted:
				java++
				refused[ruleOf(err)]++
			}
			if err != nil {
				return
			}
			if again, err := graph.Append(nil, value); err != nil || !bytes.Equal(again, batch[i]) {
				differ++
				t.Errorf("%s: accepted, but written back differently: %v\n%x", names[i], err, batch[i])
			}
			own := map[string]bool{}
			classNames(value, own, map[graph.Value]bool{})
			slices.Sort(v.classes)
			if v.accepted && !slices.Equal(slices.Sorted(maps.Keys(own)), v.classes) {
				differ++
				t.Errorf("%s: we saw %v, Java saw %v\n%x", names[i], own, v.classes, batch[i])
			}
		})
	}
	t.Logf("%d accepted by both, %d by us alone, %d by Java alone, by rule: %v", both, ours, java, refused)
	t.Logf("prove: %d changed streams before Java's reader, %d read otherwise or not in the form that Java writes", total, differ)
	if both < total/1000 {
		t.Errorf("%d of %d mutants were accepted: the test sees too little", both, total)
	}
}
