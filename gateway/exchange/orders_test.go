package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/exchange"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// order sends a body as any script could, and returns status and failure.
func (p *place) order(method, path, body string) (int, exchange.Failure) {
	p.t.Helper()
	w := httptest.NewRecorder()
	p.exchange.Handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var f exchange.Failure
	if w.Code != http.StatusOK {
		p.must(json.Unmarshal(w.Body.Bytes(), &f))
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		p.t.Errorf("%s: content type %q", path, got)
	}
	return w.Code, f
}

// open is how many deliveries to server 2 are to be made.
func (p *place) open() int {
	p.t.Helper()
	all, err := p.Deliveries(p.t.Context(), stored.Filter{Target: serverOf(2), State: stored.Pending, Limit: 100})
	p.must(err)
	return len(all)
}

// TestOrdersThatAreNone: what cannot be read is answered, and carries nothing out.
func TestOrdersThatAreNone(t *testing.T) {
	for _, tt := range []struct{ name, path, body string }{
		{"no name", exchange.Path, `{}`},
		{"another name", exchange.Path + "erase", `{}`},
		{"a name in capitals", exchange.Path + "Status", `{}`},
		{"more behind the name", exchange.Path + "status/x", `{}`},
		{"a way up", exchange.Path + "x/../status", `{}`},
		{"no body", exchange.Path + "drop", ``},
		{"no JSON", exchange.Path + "drop", `x`},
		{"a list", exchange.Path + "drop", `[]`},
		{"cut", exchange.Path + "drop", `{"id":`},
		{"a number for a text", exchange.Path + "drop", `{"target":1}`},
		{"a text for a number", exchange.Path + "hold", `{"for":"1h"}`},
		{"more than a message may have", exchange.Path + "hold", `{"reason":"` + strings.Repeat("x", sync.MaxMessage) + `"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.made(1, "s/article/a", serverOf(2))
			code, f := p.order(http.MethodPost, tt.path, tt.body)
			if code != http.StatusNotFound || f != (exchange.Failure{Code: "input", Message: "there is no such order"}) || p.open() != 1 {
				t.Errorf("status %d, %+v, %d to be delivered", code, f, p.open())
			}
		})
	}
}

// TestOrdersThatAreRefused: each says what is missing, and what was to be delivered still is.
func TestOrdersThatAreRefused(t *testing.T) {
	change := sync.ID{Origin: serverOf(1), Counter: 1}.String()
	noTarget := func(name string) string { return fmt.Sprintf("no changes go from here to %q", name) }
	for _, tt := range []struct {
		name, order   string
		o             exchange.Order
		code, message string // message: all of it, or its begin if it ends in *
	}{
		{"drop all", "drop", exchange.Order{Reason: "x"}, "input", "say which change, and why"},
		{"drop without a reason", "drop", exchange.Order{ID: change}, "input", "say which change, and why"},
		{"drop of a target", "drop", exchange.Order{Target: "test", Reason: "x"}, "input", "say which change, and why"},
		{"drop what is no change", "drop", exchange.Order{ID: "x", Reason: "x"}, "input", "*"},
		{"drop at nobody", "drop", exchange.Order{ID: change, Target: "nobody", Reason: "x"}, "unknown", "*"},
		{"hold without a reason", "hold", exchange.Order{Target: "test"}, "input", "say why"},
		{"hold everybody", "hold", exchange.Order{Reason: "x"}, "unknown", noTarget("")},
		{"hold itself", "hold", exchange.Order{Target: "live", Reason: "x"}, "unknown", noTarget("live")},
		{"hold one to which nothing goes", "hold", exchange.Order{Target: string(serverOf(3)), Reason: "x"}, "unknown", noTarget(string(serverOf(3)))},
		{"hold nobody", "hold", exchange.Order{Target: "nobody", Reason: "x"}, "unknown", "*"},
		{"release everybody", "release", exchange.Order{}, "unknown", noTarget("")},
		{"baseline of everybody", "baseline", exchange.Order{}, "unknown", noTarget("")},
		{"compare with everybody", "compare", exchange.Order{}, "unknown", noTarget("")},
		{"retry at nobody", "retry", exchange.Order{Target: "nobody"}, "unknown", "*"},
		{"retry what is no change", "retry", exchange.Order{ID: "1"}, "input", "*"},
		{"resolve nothing", "resolve", exchange.Order{}, "input", "*"},
		{"resolve what is no object", "resolve", exchange.Order{Object: "../x", Both: true}, "input", "*"},
		{"resolve in no way", "resolve", exchange.Order{Object: "s/article/a"}, "input",
			"say one of: the server whose version is taken, both, a content"},
		{"resolve in two ways", "resolve", exchange.Order{Object: "s/article/a", Both: true, Take: "test"}, "input",
			"say one of: the server whose version is taken, both, a content"},
		{"resolve in all ways", "resolve", exchange.Order{Object: "s/article/a", Both: true, Take: "test", Content: []byte("x")}, "input",
			"say one of: the server whose version is taken, both, a content"},
		{"resolve by nobody's version", "resolve", exchange.Order{Object: "s/article/a", Take: "nobody"}, "unknown", "*"},
		{"resolve what is none", "resolve", exchange.Order{Object: "s/article/a", Both: true}, "no-conflict", "*"},
		{"resolve what never was", "resolve", exchange.Order{Object: "s/article/never", Both: true}, "no-conflict", "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.made(1, "s/article/a", serverOf(2))
			body, err := json.Marshal(tt.o)
			p.must(err)
			code, f := p.order(http.MethodPost, exchange.Path+tt.order, string(body))
			begin, open := strings.CutSuffix(tt.message, "*")
			if code != http.StatusConflict || f.Code != tt.code || f.Message == "" || !strings.HasPrefix(f.Message, begin) || !open && f.Message != begin {
				t.Errorf("status %d, %+v; want %s: %s", code, f, tt.code, tt.message)
			}
			if p.open() != 1 {
				t.Errorf("%d changes are to be delivered", p.open())
			}
		})
	}
}

// TestOrdersThatAreCarriedOut, and what they say that they did.
func TestOrdersThatAreCarriedOut(t *testing.T) {
	first := sync.ID{Origin: serverOf(1), Counter: 1}
	for _, tt := range []struct {
		name, order string
		o           exchange.Order
		n, open     int
		state       string
	}{
		{"drop one", "drop", exchange.Order{ID: first.String(), Reason: "wrong"}, 1, 1, "ok"},
		{"drop one of a target by its name", "drop", exchange.Order{ID: first.String(), Target: "test", Reason: "wrong"}, 1, 1, "ok"},
		{"drop one of a target by its key", "drop", exchange.Order{ID: first.String(), Target: string(serverOf(2)), Reason: "wrong"}, 1, 1, "ok"},
		{"drop one that nobody made", "drop", exchange.Order{ID: sync.ID{Origin: serverOf(3), Counter: 9}.String(), Reason: "x"}, 0, 2, "ok"},
		{"hold", "hold", exchange.Order{Target: "test", Reason: "upgrade"}, 1, 2, "held"},
		{"release what is not held", "release", exchange.Order{Target: "test"}, 1, 2, "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.made(1, "s/article/a", serverOf(2))
			p.made(2, "s/article/b", serverOf(2))
			var done exchange.Done
			if code := p.ask(tt.order, tt.o, &done); code != "" || done.N != tt.n || p.open() != tt.open {
				t.Errorf("code %q, %+v, %d to be delivered", code, done, p.open())
			}
			var s exchange.Status
			p.ask("status", exchange.Order{}, &s)
			i := slices.IndexFunc(s.Targets, func(t exchange.TargetStatus) bool { return t.ID == serverOf(2) })
			if i < 0 || s.Targets[i].State != tt.state || len(s.Targets) != 1 {
				t.Errorf("targets %+v, want %s", s.Targets, tt.state)
			}
		})
	}
}

// TestAHeldTargetSaysWhy until it is released.
func TestAHeldTargetSaysWhy(t *testing.T) {
	p := newPlace(t)
	var done exchange.Done
	var s exchange.Status
	p.ask("hold", exchange.Order{Target: "test", Reason: "upgrade of ä \"live\""}, &done)
	if p.ask("status", exchange.Order{}, &s); s.Targets[0].State != "held" || !strings.Contains(s.Targets[0].Reason, "upgrade of ä \"live\"") {
		t.Errorf("%+v", s.Targets)
	}
	s = exchange.Status{}
	p.ask("release", exchange.Order{Target: "test"}, &done)
	if p.ask("status", exchange.Order{}, &s); s.Targets[0].State != "ok" || s.Targets[0].Reason != "" {
		t.Errorf("%+v", s.Targets)
	}
}
