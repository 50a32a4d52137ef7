package witness

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

func sample() Note {
	return Note{
		Cluster: "live", N: 12, Prev: chain.Digest{1}, At: time.Date(2026, 11, 27, 4, 40, 0, 123000000, time.UTC),
		Logs:  []Entry{{"gate \"a\"\n", 48211, chain.Digest{2}}, {"gate-b", 1, chain.Digest{3}}},
		Ended: Ended{3, chain.Digest{4}},
	}
}

func TestANoteIsReadAsItWasWritten(t *testing.T) {
	for name, n := range map[string]Note{"a note": sample(), "without logs": {Cluster: "", N: 1, At: time.Unix(0, 0)}} {
		got, err := Parse(n.Text())
		if err != nil || got.Text() != n.Text() || len(got.Logs) != len(n.Logs) || got.Ended != n.Ended || got.N != n.N {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestOnlyTheVeryFormIsRead(t *testing.T) {
	text := sample().Text()
	for name, bad := range map[string]string{
		"nothing":                 "",
		"another purpose":         strings.Replace(text, "stagelock-cluster", "stagelock-audit", 1),
		"number with zeros":       strings.Replace(text, "\n12\n", "\n012\n", 1),
		"number 0":                strings.Replace(text, "\n12\n", "\n0\n", 1),
		"a changed size":          strings.Replace(text, "48211", "48212", 1),
		"logs the other way":      swapLines(text, 5, 6),
		"a log twice":             strings.Replace(text, `log "gate-b"`, `log "gate \"a\"\n"`, 1),
		"a line more":             text + "more\n",
		"a line less":             text[:strings.LastIndex(text[:len(text)-1], "\n")+1],
		"without the last break":  strings.TrimSuffix(text, "\n"),
		"a negative count":        strings.Replace(text, "ended 3", "ended -3", 1),
		"two blanks":              strings.Replace(text, "ended 3", "ended  3", 1),
		"another line break":      strings.ReplaceAll(text, "\n", "\r\n"),
		"a time in another zone":  strings.Replace(text, "123Z", "123+00:00", 1),
		"a log of no record":      strings.Replace(text, " 1 ", " 0 ", 1),
		"a name without quotes":   strings.Replace(text, `"gate-b"`, "gate-b", 1),
		"a hash that is too long": strings.Replace(text, "ended 3 ", "ended 3 AAAA", 1),
	} {
		if n, err := Parse(bad); err == nil {
			t.Errorf("%s was read as %+v", name, n)
		}
	}
}

func swapLines(text string, i, j int) string {
	lines := strings.Split(text, "\n")
	lines[i], lines[j] = lines[j], lines[i]
	return strings.Join(lines, "\n")
}

func FuzzNote(f *testing.F) {
	f.Add(sample().Text())
	f.Add(Note{N: 1}.Text())
	f.Add("stagelock-cluster \"\"\n1\n\nprev \ntime \nlog \nended \n")
	f.Add("stagelock-cluster \"\"\n1\n\nprev \ntime \nlog\nended \n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Parse(text); err == nil && n.Text() != text {
			t.Errorf("%q is written back as %q", text, n.Text())
		}
	})
}

// Each note names the one before it, no log shrinks, and none is dropped without a trace.
func TestWalk(t *testing.T) {
	a := func(size int) Entry { return Entry{"a", store.Seq(size), chain.Digest{byte(size)}} }
	b := Entry{"b", 7, chain.Digest{7}}
	var w walk
	first := w.following("live", []Entry{b, a(1)})
	if first.N != 1 || first.Logs[0].Log != "a" || w.next(first) != nil {
		t.Fatalf("the first note: %+v", first)
	}
	second := w.following("live", []Entry{a(2)}) // b is folded
	if second.Ended.Count != 1 {
		t.Errorf("ended %+v", second.Ended)
	}
	for name, change := range map[string]func(n *Note){
		"a number left out":        func(n *Note) { n.N++ },
		"the same number":          func(n *Note) { n.N-- },
		"behind another note":      func(n *Note) { n.Prev = chain.Digest{} },
		"another cluster":          func(n *Note) { n.Cluster = "test" },
		"a log dropped":            func(n *Note) { n.Ended = Ended{} },
		"a log dropped as another": func(n *Note) { n.Ended = Ended{}.add(a(9)) },
		"a log that shrank":        func(n *Note) { n.Logs, n.Ended = []Entry{{"a", 0, chain.Digest{}}, b}, Ended{} },
		"another record":           func(n *Note) { n.Logs, n.Ended = []Entry{{"a", 1, chain.Digest{9}}, b}, Ended{} },
	} {
		bad, at := second, w
		bad.Logs = append([]Entry(nil), second.Logs...)
		change(&bad)
		if err := at.next(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := w.next(second); err != nil {
		t.Fatal(err)
	}
	shrunk := w.following("live", []Entry{a(2), {"b", 6, chain.Digest{6}}})
	if err := w.next(shrunk); err == nil {
		t.Error("a log came back shorter than it was")
	}
	again := w.following("live", []Entry{a(2), {"b", 8, chain.Digest{8}}})
	if err := w.next(again); err != nil || again.Ended != second.Ended {
		t.Errorf("a log that comes back: %v, %+v", err, again.Ended)
	}
}
