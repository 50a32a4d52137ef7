package relay

import (
	"context"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/policy/calls"
)

func TestCanonicalNamesOtherSpellings(t *testing.T) {
	for _, tt := range []struct{ name, target, want string }{
		{"as it is", "/api/liferay/do", "/api/liferay/do"},
		{"double slash", "//api//liferay/do", "/api/liferay/do"},
		{"path parameter", "/api;x=1/liferay/do;jsessionid=2", "/api/liferay/do"},
		{"dots", "/x/../api/./liferay/do", "/api/liferay/do"},
		{"dots behind a parameter", "/x/..;/api/liferay/do", "/api/liferay/do"},
		{"escaped letter", "/%61pi/liferay/d%6F", "/api/liferay/do"},
		{"escaped dots", "/api/x/%2e%2e/liferay/do", "/api/liferay/do"},
		{"query", "/api/liferay/do?a=b", "/api/liferay/do"},
		{"above the root", "/../../api/liferay/do", "/api/liferay/do"},
		{"another", "/api/liferay/does", "/api/liferay/does"},
		{"not escaped", "/api%2/liferay/do", "/api%2/liferay/do"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := canonical(tt.target); got != tt.want {
				t.Errorf("canonical(%q) = %q, want %q", tt.target, got, tt.want)
			}
		})
	}
}

func testPool(t *testing.T) *upstream.Pool {
	t.Helper()
	node, err := url.Parse("http://10.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	p, err := upstream.New(upstream.Config{Nodes: []*url.URL{node}, Failures: 2, ReplyMax: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestBrowserURL(t *testing.T) {
	p := &Policy{BrowserURL: "https://www.example.com/live"}
	p.Engine = Engine{Pool: testPool(t), PathContext: "/portal", Host: "live.internal"}
	for _, tt := range []struct{ name, own, want, unknown string }{
		{"by node", "http://10.0.0.1:8080/portal/web/guest", "https://www.example.com/live/web/guest", ""},
		{"by host", "http://live.internal/portal/web", "https://www.example.com/live/web", "http://live.internal/portal/web"},
		{"whole", "http://10.0.0.1:8080/portal", "https://www.example.com/live", ""},
		{"another context", "http://10.0.0.1:8080/portalx/web", "", ""},
		{"another port", "http://10.0.0.1:80800/x", "http://10.0.0.1:80800/x", "http://10.0.0.1:80800/x"},
		{"another's", "https://elsewhere/portal/web", "https://elsewhere/portal/web", "https://elsewhere/portal/web"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.browserURL(tt.own); got != tt.want {
				t.Errorf("browserURL(%q) = %q, want %q", tt.own, got, tt.want)
			}
			if got := (&Policy{Engine: p.Engine}).browserURL(tt.own); got != tt.unknown {
				t.Errorf("without a setting browserURL(%q) = %q, want %q", tt.own, got, tt.unknown)
			}
		})
	}
}

func TestDrainServesWhatIsInProgress(t *testing.T) {
	var d publishes
	now := time.Unix(1000, 0)
	if err := d.allows(calls.Create, 0, now); err != nil {
		t.Fatalf("before the drain: %v", err)
	}
	d.begun(7, now)
	if err := d.allows(calls.Update, 8, now); err != nil { // created before this process began
		t.Fatal(err)
	}
	d.enter()
	quiet := d.stop()
	for _, tt := range []struct {
		name    string
		kind    calls.Kind
		request int64
		passes  bool
	}{
		{"part of a publish in progress", calls.Update, 7, true},
		{"publish of one from before", calls.Publish, 8, true},
		{"look-up while one is in progress", calls.Read, 0, true},
		{"clean-up", calls.CleanUp, 9, true},
		{"event", calls.Event, 0, true},
		{"new publish", calls.Create, 0, false},
		{"enable", calls.Enable, 0, false},
		{"part of an unknown one", calls.Update, 9, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := d.allows(tt.kind, tt.request, now); (err == nil) != tt.passes {
				t.Errorf("%v", err)
			}
		})
	}
	d.ended(7)
	d.ended(8)
	select {
	case <-quiet:
		t.Error("quiet while a call is under way")
	default:
	}
	d.leave()
	<-quiet
}

func idle(int64) bool { return false }

// A publish that goes on while the gateway drains is in progress however long the drain is: each of
// its calls counts from its end, and one that lasts is not given up.
func TestDrainServesAPublishThatOutlastsTheLull(t *testing.T) {
	var d publishes
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	d.begun(7, at(0))
	quiet := d.stop()
	for s := int64(60); s <= 300; s += 60 {
		if err := d.allows(calls.Update, 7, at(s)); err != nil {
			t.Fatalf("part after %d s: %v", s, err)
		}
		d.expire(at(s+59), idle)
	}
	d.expire(at(900), func(request int64) bool { return request == 7 }) // a long validate
	d.again(7, at(900))
	d.expire(at(1000), idle)
	if err := d.allows(calls.Publish, 7, at(1000)); err != nil {
		t.Fatalf("publish behind a long validate: %v", err)
	}
	d.again(8, at(1000)) // one that is over does not come back
	d.ended(7)
	<-quiet
}

func TestDrainGivesUpWhatNobodyGoesOnWith(t *testing.T) {
	var d publishes
	d.begun(7, time.Unix(0, 0))
	quiet := d.stop()
	d.expire(time.Unix(60, 0), idle)
	select {
	case <-quiet:
		t.Fatal("given up after a minute")
	default:
	}
	d.expire(time.Unix(121, 0), idle)
	<-quiet
}

func TestABusyPeerWaits(t *testing.T) {
	var g gate
	leave, ok := g.enter(t.Context(), "a", 1, 0)
	if !ok {
		t.Fatal("no place for the first")
	}
	if _, ok := g.enter(t.Context(), "a", 1, 0); ok {
		t.Error("a place for the second")
	}
	if _, ok := g.enter(t.Context(), "b", 1, 0); !ok {
		t.Error("no place for another peer")
	}
	got := make(chan bool)
	go func() {
		_, ok := g.enter(t.Context(), "a", 1, time.Hour)
		got <- ok
	}()
	leave()
	if !<-got {
		t.Error("who waited got no place")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := g.enter(ctx, "a", 1, time.Hour); ok {
		t.Error("a place for a call that has ended")
	}
}

func TestTheZeroPolicyAdmitsNobody(t *testing.T) {
	var p Policy
	addr := netip.MustParseAddr("10.1.2.3")
	if p.Hosts.Contains(addr) || len(p.candidates(addr)) > 0 || p.Local(addr) {
		t.Error("the zero policy admits somebody")
	}
}
