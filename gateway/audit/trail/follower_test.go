package trail_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/trail"
	"github.com/stagelock/stagelock/tunnel"
)

// notes are events as a gateway writes them, one after the other, a second each.
type notes struct {
	f    *trail.Follower
	now  time.Time
	told []string
	last trail.Publish
}

func newNotes() *notes {
	n := &notes{now: time.Unix(1_700_000_000, 0)}
	n.f = trail.NewFollower(func(p trail.Publish) {
		n.last = p
		n.told = append(n.told, fmt.Sprintf("%s %d bytes %s", p.End, p.Bytes, p.Reason))
	})
	return n
}

func (n *notes) take(ev audit.Event) {
	n.now = n.now.Add(time.Second)
	ev.Time = n.now
	n.f.Take(&ev)
}

func (n *notes) verdict(ref, method string, request int64, verdict audit.Verdict, reason tunnel.Reason) {
	about := audit.About{Method: "S#" + method + "(long)", Request: request, Site: 7}
	if method == "updateStagingRequest" {
		about.Part, about.Size = "a.lar0"+ref[len(ref)-1:], 100
	}
	n.take(audit.Event{Kind: audit.KindVerdict, Ref: ref, About: about, Verdict: verdict, Reason: reason, Peer: "staging", Login: "l",
		Addr: netip.MustParseAddr("10.0.0.1")})
}

func (n *notes) outcome(ref, method string, request int64, end string) {
	n.take(audit.Event{Kind: audit.KindOutcome, Ref: ref, About: audit.About{Method: "S#" + method + "(long)", Request: request},
		Ended: audit.Ended{End: end}})
}

func (n *notes) call(ref, method string, request int64, end string) {
	n.verdict(ref, method, request, audit.Allow, "")
	n.outcome(ref, method, request, end)
}

func (n *notes) begin(request int64) {
	n.verdict("c", "createStagingRequest", 0, audit.Allow, "")
	n.outcome("c", "createStagingRequest", request, "answered")
	n.call("u0", "updateStagingRequest", request, "answered")
	n.call("u1", "updateStagingRequest", request, "answered")
}

// Each publish that ends is told once, when it is known how.
func TestFollower(t *testing.T) {
	const create, update, publish, cleanUp = "createStagingRequest", "updateStagingRequest", "publishStagingRequest", "cleanUpStagingRequest"
	for _, tt := range []struct {
		name string
		do   func(n *notes)
		want []string
	}{
		{"published", func(n *notes) { n.begin(1); n.call("p", publish, 1, "answered"); n.call("x", cleanUp, 1, "answered") },
			[]string{"published 200 bytes "}},
		{"not ended yet", func(n *notes) { n.begin(1); n.verdict("p", publish, 1, audit.Allow, "") }, nil},
		{"the engine throws", func(n *notes) {
			n.begin(1)
			n.call("p", publish, 1, "exception a.B")
			n.call("x", cleanUp, 1, "answered")
		},
			[]string{"failed 200 bytes "}},
		{"nobody knows", func(n *notes) {
			n.begin(1)
			n.call("p", publish, 1, "engine.lost")
			n.call("x", cleanUp, 1, "answered")
		},
			[]string{"unknown 200 bytes engine.lost"}},
		{"the outcome is written after the clean-up", func(n *notes) {
			n.begin(1)
			n.verdict("p", publish, 1, audit.Allow, "")
			n.call("x", cleanUp, 1, "answered")
			n.outcome("p", publish, 1, "answered")
		}, []string{"published 200 bytes "}},
		{"a part is refused", func(n *notes) {
			n.begin(1)
			n.verdict("u2", update, 1, audit.Deny, "part.size")
			n.call("x", cleanUp, 1, "answered")
		}, []string{"refused 200 bytes part.size"}},
		{"a part is refused, and goes on", func(n *notes) {
			n.begin(1)
			n.verdict("u2", update, 1, audit.Deny, "part.size")
			n.call("u2", update, 1, "answered")
			n.call("p", publish, 1, "answered")
		}, []string{"published 300 bytes "}},
		{"create is refused", func(n *notes) { n.verdict("c", create, 0, audit.Deny, "site.denied") }, []string{"refused 0 bytes site.denied"}},
		{"create fails", func(n *notes) {
			n.verdict("c", create, 0, audit.Allow, "")
			n.outcome("c", create, 0, "engine.down")
		}, []string{"failed 0 bytes engine.down"}},
		{"given up by its client", func(n *notes) { n.begin(1); n.call("x", cleanUp, 1, "answered") }, []string{"unfinished 200 bytes "}},
		{"published again after it failed", func(n *notes) {
			n.begin(1)
			n.call("p", publish, 1, "exception a.B")
			n.call("q", publish, 1, "answered")
			n.call("x", cleanUp, 1, "answered")
		}, []string{"failed 200 bytes ", "published 200 bytes "}},
		{"the duplicate of a publish", func(n *notes) {
			n.begin(1)
			n.call("p", publish, 1, "answered")
			n.verdict("q", publish, 1, audit.Answer, "repeat.answered")
			n.outcome("q", publish, 1, "repeat of p")
			n.call("x", cleanUp, 1, "answered")
		}, []string{"published 200 bytes "}},
		{"two at once", func(n *notes) {
			n.begin(1)
			n.begin(2)
			n.call("p", publish, 2, "answered")
			n.call("p", publish, 1, "answered")
		}, []string{"published 200 bytes ", "published 200 bytes "}},
		{"the outcome of create comes late", func(n *notes) {
			n.verdict("c", create, 0, audit.Allow, "")
			n.verdict("u0", update, 1, audit.Allow, "")
			n.outcome("c", create, 1, "answered")
			n.outcome("u0", update, 1, "answered")
			n.call("p", publish, 1, "answered")
			n.call("x", cleanUp, 1, "answered")
		}, []string{"published 100 bytes "}},
		{"a request that nobody made", func(n *notes) {
			n.verdict("u0", update, 9, audit.Deny, "request.unknown")
			n.verdict("x", cleanUp, 9, audit.Answer, "call.answered")
			n.outcome("x", cleanUp, 9, "answered")
		}, nil},
		{"one that another process began", func(n *notes) { n.call("u3", update, 5, "answered"); n.call("p", publish, 5, "answered") },
			[]string{"published 100 bytes "}},
		{"reads are none", func(n *notes) { n.call("r", "hasRemoteLayout", 0, "answered") }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNotes()
			tt.do(n)
			if !slices.Equal(n.told, tt.want) {
				t.Errorf("told %q, want %q", n.told, tt.want)
			}
		})
	}
}

// What is told has who, from where, which site, which archive, and how long it took.
func TestFollowerTellsAll(t *testing.T) {
	n := newNotes()
	n.begin(1)
	n.call("p", "publishStagingRequest", 1, "answered")
	p := n.last
	if p.Peer != "staging" || p.Login != "l" || p.Addr.String() != "10.0.0.1" || p.Site != 7 || p.Archive != "a.lar" || p.Parts != 2 ||
		p.Ref != "p" || p.Last.Sub(p.Begun) != 7*time.Second {
		t.Errorf("%+v, took %s", p, p.Last.Sub(p.Begun))
	}
}

// A publish that nobody goes on with is told when it is given up, unless one of its calls still runs.
func TestFollowerGivesUp(t *testing.T) {
	n := newNotes()
	n.begin(1)
	n.begin(2)
	n.verdict("p", "publishStagingRequest", 2, audit.Allow, "")
	n.f.GiveUp(n.now.Add(time.Minute), 2*time.Minute)
	if len(n.told) != 0 {
		t.Fatalf("given up too early: %q", n.told)
	}
	n.f.GiveUp(n.now.Add(time.Hour), 2*time.Minute)
	if want := []string{"unfinished 200 bytes "}; !slices.Equal(n.told, want) {
		t.Fatalf("told %q, want %q", n.told, want)
	}
	n.outcome("p", "publishStagingRequest", 2, "answered")
	n.f.GiveUp(n.now.Add(2*time.Hour), 2*time.Minute)
	if want := []string{"unfinished 200 bytes ", "published 200 bytes "}; !slices.Equal(n.told, want) {
		t.Errorf("told %q, want %q", n.told, want)
	}
}

// Requests that somebody makes up do not fill the memory, and are not told.
func TestFollowerForgetsWhatIsMadeUp(t *testing.T) {
	n := newNotes()
	for i := range int64(10_000) {
		n.verdict("u0", "updateStagingRequest", i+100, audit.Deny, "request.unknown")
	}
	n.f.GiveUp(n.now.Add(time.Hour), time.Minute)
	n.begin(1)
	n.call("p", "publishStagingRequest", 1, "answered")
	if want := []string{"published 200 bytes "}; !slices.Equal(n.told, want) {
		t.Errorf("told %q, want %q", n.told, want)
	}
}
