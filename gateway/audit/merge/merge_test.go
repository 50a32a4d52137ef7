package merge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/merge"
)

// logAt is a log of events at those seconds.
func logAt(t *testing.T, node string, seconds ...int) merge.Named {
	t.Helper()
	m := &audittest.Memory{}
	cfg := audittest.Config(t, m)
	cfg.Node = node
	l := audittest.Open(t, cfg)
	for i, s := range seconds {
		ev := audittest.Verdict(i)
		ev.Time = time.Unix(int64(s), 0)
		_, err := l.Append(t.Context(), ev)
		audittest.Must(t, err)
	}
	return merge.Named{Name: node, Events: m}
}

func readers(f audit.Filter, logs ...merge.Named) (all []merge.Reader) {
	for _, l := range logs {
		all = append(all, l.Reader(f))
	}
	return all
}

func TestLogsAreMergedByTime(t *testing.T) {
	a, b, c := logAt(t, "a", 1, 4, 5), logAt(t, "b", 2, 6, 3), logAt(t, "c")
	for _, tt := range []struct {
		name string
		logs []merge.Named
		f    audit.Filter
		want string
	}{
		{"none", nil, audit.Filter{}, ""},
		{"one", []merge.Named{a}, audit.Filter{}, "a1 a4 a5"},
		{"several, each in its own order", []merge.Named{a, b, c}, audit.Filter{}, "a1 b2 a4 a5 b6 b3"},
		{"of one gateway", []merge.Named{a, b}, audit.Filter{Node: "b"}, "b2 b6 b3"},
		{"from a time on", []merge.Named{a, b}, audit.Filter{Since: time.Unix(4, 0)}, "a4 a5 b6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			audittest.Must(t, merge.Events(t.Context(), readers(tt.f, tt.logs...), func(ev audit.Event) error {
				got = append(got, ev.Node+ev.Time.UTC().Format("5"))
				return nil
			}))
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

func TestMergeStops(t *testing.T) {
	a, b := logAt(t, "a", 1, 3), logAt(t, "b", 2)
	enough := errors.New("enough")
	n := 0
	err := merge.Events(t.Context(), readers(audit.Filter{}, a, b), func(audit.Event) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 2 {
		t.Errorf("stopped after %d events with %v", n, err)
	}
	broken := func(context.Context, func(audit.Event) error) error { return enough }
	if err := merge.Events(t.Context(), append(readers(audit.Filter{}, a), broken), func(audit.Event) error { return nil }); !errors.Is(err, enough) {
		t.Errorf("a log that cannot be read: %v", err)
	}
}

// A line that is no event stands where it was written, under the name of its log.
func TestMergedDamage(t *testing.T) {
	a, b := logAt(t, "a", 1, 3), logAt(t, "b", 2)
	a.Events.(*audittest.Memory).Lines[1] = []byte("no event")
	var got []string
	audittest.Must(t, merge.Events(t.Context(), readers(audit.Filter{}, a, b), func(ev audit.Event) error {
		got = append(got, ev.Node+" "+string(ev.Kind))
		return nil
	}))
	if s := strings.Join(got, ", "); s != "a verdict, a damaged, b verdict" {
		t.Errorf("got %q", s)
	}
}
