package tasks

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestEchoes(t *testing.T) {
	type step struct {
		carry    bool
		from, to string
		content  string
		after    time.Duration
		echo     bool
	}
	sent := func(from, to, content string) step { return step{carry: true, from: from, to: to, content: content} }
	back := func(from, to, content string, echo bool) step {
		return step{from: from, to: to, content: content, echo: echo}
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"what comes back", []step{sent("dev", "live", "1"), back("live", "dev", "1", true)}},
		{"and again", []step{sent("dev", "live", "1"), back("live", "dev", "1", true), back("live", "dev", "1", true)}},
		{"without case", []step{sent("dev", "live", "1"), back("LIVE", "DEV", "1", true)}},
		{"something else", []step{sent("dev", "live", "1"), back("live", "dev", "2", false)}},
		{"the sender again", []step{sent("dev", "live", "1"), back("dev", "live", "1", false)}},
		{"to a third server", []step{sent("dev", "live", "1"), back("live", "test", "1", false)}},
		{"nothing was sent", []step{back("live", "dev", "1", false)}},
		{"an edit back to what it was", []step{
			sent("dev", "live", "1"), sent("live", "dev", "2"), back("live", "dev", "1", false),
		}},
		{"at the last moment", []step{sent("dev", "live", "1"), {from: "live", to: "dev", content: "1", after: echoTime, echo: true}}},
		{"too late", []step{sent("dev", "live", "1"), {from: "live", to: "dev", content: "1", after: echoTime + time.Second}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e echoes
			for i, s := range tt.steps {
				if s.carry {
					e.carry(s.from, s.to, "key", s.content, noon)
					continue
				}
				known := e.known(s.from, s.to, "key", s.content, noon.Add(s.after))
				echo, _ := e.is(s.from, s.to, "key", s.content, noon.Add(s.after))
				if echo != s.echo || known != s.echo {
					t.Errorf("step %d: echo %v, known %v", i, echo, known)
				}
				if other, _ := e.is(s.from, s.to, "another", s.content, noon.Add(s.after)); other {
					t.Errorf("step %d: another object is an echo", i)
				}
			}
		})
	}
}

// TestWhatWasNotCarriedIsNoEcho: what was known before is known again.
func TestWhatWasNotCarriedIsNoEcho(t *testing.T) {
	var e echoes
	undo := e.carry("dev", "live", "key", "1", noon)
	undo()
	if e.known("live", "dev", "key", "1", noon) {
		t.Error("known, and was not carried")
	}
	e.carry("dev", "live", "key", "1", noon)
	undo = e.carry("live", "dev", "key", "2", noon)
	undo()
	if !e.known("live", "dev", "key", "1", noon) {
		t.Error("forgotten, and was carried")
	}
	undo = e.carry("dev", "live", "key", "3", noon)
	e.carry("dev", "live", "key", "4", noon)
	undo()
	if !e.known("live", "dev", "key", "4", noon) {
		t.Error("taken back with an earlier one")
	}
}

func TestThreeEchoesInARowAlarm(t *testing.T) {
	var e echoes
	e.carry("dev", "live", "key", "1", noon)
	var alarms []bool
	for i := range 7 {
		content := "1"
		if i == 1 {
			content = "2" // a change between them
		}
		_, alarm := e.is("live", "dev", "key", content, noon)
		alarms = append(alarms, alarm)
	}
	if got := fmt.Sprint(alarms); got != "[false false false false true false false]" {
		t.Errorf("alarms %s", got)
	}
}

func TestEchoesAreBounded(t *testing.T) {
	var e echoes
	for i := range maxEchoes {
		e.carry("dev", "live", fmt.Sprint(i), "1", noon)
	}
	e.carry("dev", "live", "new", "1", noon.Add(echoTime+time.Second)) // the others are old
	if len(e.last) != 1 || !e.known("live", "dev", "new", "1", noon.Add(echoTime+time.Second)) {
		t.Errorf("%d are known", len(e.last))
	}
	for i := range 2 * maxEchoes {
		e.carry("dev", "live", fmt.Sprint(i), "1", noon)
		if len(e.last) > maxEchoes {
			t.Fatalf("%d are known", len(e.last))
		}
	}
	if !e.known("live", "dev", fmt.Sprint(2*maxEchoes-1), "1", noon) {
		t.Error("the newest is forgotten")
	}
}

// TestALongNameIsNotKept: the names of objects were kept as they came, up to 4 MiB each.
func TestALongNameIsNotKept(t *testing.T) {
	var e echoes
	name := strings.Repeat("n", 1<<20)
	e.carry("dev", "live", name, "1", noon)
	for o := range e.last {
		if n := len(o.a) + len(o.b) + len(o.key); n > 100 {
			t.Errorf("%d bytes are kept of one object", n)
		}
	}
	if !e.known("live", "dev", name, "1", noon) || e.known("live", "dev", name+"n", "1", noon) {
		t.Error("not told from another")
	}
}
