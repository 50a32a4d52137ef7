package reloads_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node/reloads"
)

// load reads a configuration that is good, with some lines more.
func load(t *testing.T, more string) *conf.Config {
	t.Helper()
	c, problems := conf.Load(conf.Options{File: "c.yaml", ReadFile: func(string) ([]byte, error) {
		return []byte(`names: ["live.example.com"]
hosts: { allow: ["192.0.2.0/24"] }
engine: { upstream: { nodes: ["http://127.0.0.1:8080"] } }
` + more), nil
	}})
	if c == nil || conf.Fatal(problems) {
		t.Fatal(problems)
	}
	return c
}

const peer = `peers: [ { name: staging, sites: [any], secret: { value: "%s" } } ]
`

func staging(secret string) string { return fmt.Sprintf(peer, secret) }

// What the audit log keeps of a reload: names and values, of a secret that it changed.
func TestEventOfAReload(t *testing.T) {
	before, after := load(t, staging("kT9wq2ZxLm4VbN7c")), load(t, staging("Hs8dY3pRf6GjW1uA")+"drain: 1m\n")
	ev := reloads.Event(after, conf.Changes(before, after), reloads.Asker{})
	if ev.Kind != audit.KindConfig || ev.ConfigDigest != reloads.Digest(after) || !strings.HasPrefix(ev.Detail, "loaded; changed: drain, ") {
		t.Errorf("%+v", ev)
	}
	if got := ev.Fields["drain"]; got != "30s → 1m0s" && got != "30s → 1m" {
		t.Errorf("drain: %q", got)
	}
	if got := ev.Fields["peers[0].secret.value"]; got != "changed" {
		t.Errorf("the secret: %q", got)
	}
	if all := fmt.Sprint(ev); strings.Contains(all, "kT9wq2") || strings.Contains(all, "Hs8dY3") {
		t.Errorf("a secret stands in the event: %s", all)
	}
}

func TestEventOfAReloadThatChangesNothing(t *testing.T) {
	c := load(t, staging("kT9wq2ZxLm4VbN7c"))
	if ev := reloads.Event(c, nil, reloads.Asker{}); ev.Detail != "loaded; nothing has changed" || ev.Fields != nil || ev.ConfigDigest == "" {
		t.Errorf("%+v", ev)
	}
}

// An event has room for a hundred settings and two hundred letters of each.
func TestAnEventIsBounded(t *testing.T) {
	c := load(t, staging("kT9wq2ZxLm4VbN7c"))
	for _, n := range []int{1, 99, 100, 101, 5000} {
		var changes []conf.Change
		for i := range n {
			changes = append(changes, conf.Change{Path: fmt.Sprintf("names[%d]", i), Old: "a", New: strings.Repeat("ü", 300)})
		}
		ev := reloads.Event(c, changes, reloads.Asker{})
		if got := len(ev.Fields); got != min(n, 100) {
			t.Errorf("%d changes: %d fields", n, got)
		}
		more := fmt.Sprintf(", and %d more", n-100)
		if strings.HasSuffix(ev.Detail, more) != (n > 100) {
			t.Errorf("%d changes: …%s", n, ev.Detail[max(0, len(ev.Detail)-40):])
		}
		if got := []rune(ev.Fields["names[0]"]); len(got) != 201 || got[200] != '…' || got[199] != 'ü' {
			t.Errorf("a value of %d letters: %s", len(got), string(got))
		}
	}
	ev := reloads.Event(c, []conf.Change{{Path: "a", Old: "", New: strings.Repeat("x", 200-len([]rune("nothing → ")))}}, reloads.Asker{})
	if got := ev.Fields["a"]; strings.HasSuffix(got, "…") || len([]rune(got)) != 200 {
		t.Errorf("a value that just fits: %q", got)
	}
}

func TestLinesAreWhatMustBeMended(t *testing.T) {
	one := conf.Problem{File: "c.yaml", Line: 3, Path: "drain", Msg: "is no time", Cure: "write 30s"}
	two := conf.Problem{File: "env STAGELOCK_NAMES", Path: "names", Msg: "is empty"}
	for _, tt := range []struct {
		name     string
		problems []conf.Problem
		want     string
	}{
		{"none", nil, ""}, {"a warning", []conf.Problem{one.AsWarning()}, ""},
		{"two around a warning", []conf.Problem{one, one.AsWarning(), two}, "c.yaml:3: drain: is no time (write 30s)\nenv STAGELOCK_NAMES: names: is empty"},
	} {
		if got := reloads.Lines(tt.problems); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNames(t *testing.T) {
	if got := reloads.Names([]conf.Change{{Path: "b"}, {Path: "a"}}); got != "b, a" {
		t.Errorf("%q", got)
	}
	if got := reloads.Names(nil); got != "" {
		t.Errorf("%q of no change", got)
	}
}

// A digest says that two configurations say the same; secrets have no part in it, as their digest could be
// guessed from.
func TestDigest(t *testing.T) {
	base := load(t, staging("kT9wq2ZxLm4VbN7c"))
	for _, tt := range []struct {
		name string
		c    *conf.Config
		same bool
	}{
		{"the same", load(t, staging("kT9wq2ZxLm4VbN7c")), true},
		{"another drain", load(t, staging("kT9wq2ZxLm4VbN7c")+"drain: 31s\n"), false},
		{"the default, written out", load(t, staging("kT9wq2ZxLm4VbN7c")+"drain: 30s\n"), true},
		{"another secret", load(t, staging("Hs8dY3pRf6GjW1uA")), true},
	} {
		if got := reloads.Digest(tt.c) == reloads.Digest(base); got != tt.same {
			t.Errorf("%s: same %t, want %t", tt.name, got, tt.same)
		}
	}
	if d := reloads.Digest(base); len(d) != 64 {
		t.Errorf("%q", d)
	}
}
