package reloads_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node/reloads"
)

// TestEventsSayWhoAsked: what has changed by name, and who wanted it.
func TestEventsSayWhoAsked(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:4711")
	many := make([]conf.Change, 102)
	for i := range many {
		many[i] = conf.Change{Path: fmt.Sprintf("peers[%d].sites", i)}
	}
	for _, tt := range []struct {
		name    string
		changes []conf.Change
		by      reloads.Asker
		want    string
		ends    string
		addr    netip.AddrPort
	}{
		{"nothing, of nobody", nil, reloads.Asker{}, "loaded; nothing has changed", "changed", netip.AddrPort{}},
		{"a signal", []conf.Change{{Path: "drain"}}, reloads.Asker{Words: "SIGHUP"}, "loaded; changed: drain", "; asked for by SIGHUP", netip.AddrPort{}},
		{"an address", []conf.Change{{Path: "drain"}, {Path: "names"}}, reloads.Asker{Words: at.String(), Addr: at},
			"loaded; changed: drain, names", "; asked for by 127.0.0.1:4711", at},
		{"very much", many, reloads.Asker{Words: "SIGHUP"}, "loaded; changed: peers[0].sites, ", "peers[99].sites, and 2 more; asked for by SIGHUP",
			netip.AddrPort{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := reloads.Event(&conf.Config{}, tt.changes, tt.by)
			if ev.Kind != audit.KindConfig || !strings.HasPrefix(ev.Detail, tt.want) || !strings.HasSuffix(ev.Detail, tt.ends) {
				t.Errorf("got %q", ev.Detail)
			}
			if ev.Socket != tt.addr || ev.Addr != tt.addr.Addr() || ev.ConfigDigest == "" {
				t.Errorf("got %+v", ev)
			}
		})
	}
	ev := reloads.Refusal("a.yaml:3: names: is empty", reloads.Asker{Words: "SIGHUP"})
	if ev.Detail != "refused: a.yaml:3: names: is empty; asked for by SIGHUP" || ev.ConfigDigest != "" {
		t.Errorf("got %+v", ev)
	}
}

// TestAnswer: what who asked is told, of each end that a reload can have.
func TestAnswer(t *testing.T) {
	changed := reloads.Reloaded{Changes: []conf.Change{{Path: "drain"}}, Restart: []string{"drain"},
		Problems: []conf.Problem{{File: "f", Line: 3, Path: "names", Msg: "is empty", Cure: "fill it", Warning: true}}}
	for _, tt := range []struct {
		name    string
		r       reloads.Reloaded
		err     error
		ok      bool
		message string
		changed int
	}{
		{"in use", changed, nil, true, "the configuration is in use", 1},
		{"nothing", reloads.Reloaded{}, nil, true, "nothing has changed", 0},
		{"refused", changed, fmt.Errorf("%w:\nx", reloads.ErrRefused), false, "the new configuration was refused, the old one stays", 0},
		{"in use, and not recorded", changed, errors.New("the disk is full"), false, "the disk is full", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := reloads.Answer(tt.r, tt.err)
			if a.OK != tt.ok || a.Message != tt.message || len(a.Changed) != tt.changed || len(a.Problems) != len(tt.r.Problems) {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// TestLoaded: a refused configuration leaves what is in use, and the next good one takes the problem away.
func TestLoaded(t *testing.T) {
	var l reloads.Loaded
	first, second := time.Unix(1000, 0), time.Unix(2000, 0)
	if l.Get().OK || l.Get().Digest != "" {
		t.Error("something is loaded before anything was")
	}
	l.Taken(first, "abc", nil)
	l.Refused(second, "names is empty")
	if s := l.Get(); s.OK || s.Digest != "abc" || !s.Loaded.Equal(first) || !s.Tried.Equal(second) || s.Problem != "names is empty" {
		t.Errorf("got %+v", s)
	}
	l.Taken(second, "def", []string{"data"})
	if s := l.Get(); !s.OK || s.Problem != "" || s.Digest != "def" || len(s.Restart) != 1 {
		t.Errorf("got %+v", s)
	}
}
