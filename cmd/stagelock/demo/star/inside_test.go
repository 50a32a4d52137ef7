package star

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stagelock/stagelock/policy/topology"
)

func good() Report {
	r := Report{
		Conflict: Conflict{Versions: make([]Version, 2)},
		Approval: Approval{On: "test", Before: []string{"test"}, Article: true, Became: "applied", After: names},
		Away:     Away{Edits: 3, Has: 3, Own: true},
		Paths:    Paths{Refused: make([]topology.Finding, 1), Warned: make([]topology.Finding, 1)},
	}
	for _, name := range names {
		r.Edit.Places = append(r.Edit.Places, Place{Server: name, Text: "x", Written: 1})
		r.Conflict.Places = append(r.Conflict.Places, Place{Server: name, Text: "y", Written: 3})
	}
	return r
}

// TestWhatDoesNotHoldIsNoSuccess: whatever went wrong, the demonstration says so.
func TestWhatDoesNotHoldIsNoSuccess(t *testing.T) {
	if !good().holds() {
		t.Fatal("what is good does not hold")
	}
	for _, tt := range []struct {
		name  string
		wrong func(r *Report)
	}{
		{"a server is missing", func(r *Report) { r.Edit.Places = r.Edit.Places[1:] }},
		{"an edit is written twice", func(r *Report) { r.Edit.Places[2].Written = 2 }},
		{"an edit does not arrive", func(r *Report) { r.Edit.Places[3].Written = 0 }},
		{"a server differs after the decision", func(r *Report) { r.Conflict.Places[1].Text = "z" }},
		{"nobody looked after the decision", func(r *Report) { r.Conflict.Places = nil }},
		{"one edit was swapped", func(r *Report) { r.Conflict.Versions = r.Conflict.Versions[1:] }},
		{"a conflict is left", func(r *Report) { r.Conflict.Left = 1 }},
		{"it is there before anybody approved it", func(r *Report) { r.Approval.Before = names }},
		{"an article waits for a document", func(r *Report) { r.Approval.Article = false }},
		{"what is approved is not applied", func(r *Report) { r.Approval.Became = "approved" }},
		{"nor elsewhere", func(r *Report) { r.Approval.After = names[:3] }},
		{"the server was not off", func(r *Report) { r.Away.Had = 1 }},
		{"it did not catch up", func(r *Report) { r.Away.Has = 2 }},
		{"what it wrote is lost", func(r *Report) { r.Away.Own = false }},
		{"the second path passes", func(r *Report) { r.Paths.Refused = nil }},
		{"nobody is warned of it", func(r *Report) { r.Paths.Warned = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := good()
			tt.wrong(&r)
			if r.holds() {
				t.Errorf("it holds: %+v", r)
			}
		})
	}
}

func TestAwait(t *testing.T) {
	broken := errors.New("the engine is gone")
	n := 0
	if err := await(t.Context(), "three", func() (bool, error) { n++; return n == 3, nil }); err != nil || n != 3 {
		t.Errorf("%d looks: %v", n, err)
	}
	if err := await(t.Context(), "nothing", func() (bool, error) { return true, broken }); !errors.Is(err, broken) {
		t.Errorf("an error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := await(ctx, "what never comes", func() (bool, error) { return false, nil })
	if !errors.Is(err, context.DeadlineExceeded) || err.Error()[:len("what never comes")] != "what never comes" {
		t.Errorf("an end is %v", err)
	}
}

func TestLastLine(t *testing.T) {
	for in, want := range map[string]string{"": "", "{}": "", "{}\n": "", "{}\ntext": "text", "{}\na\nb": "a\nb"} {
		if got := lastLine([]byte(in)); got != want {
			t.Errorf("lastLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for n, want := range map[int]string{0: "0 times", 1: "once", 3: "3 times"} {
		if got := times(n); got != want {
			t.Errorf("times(%d) = %q", n, got)
		}
	}
}
