package trail_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/trail"
	"github.com/stagelock/stagelock/tunnel"
)

// diary writes the events of publishes as a gateway does.
type diary struct {
	t   *testing.T
	log *audit.Log
}

func (d *diary) add(ev audit.Event) {
	d.t.Helper()
	_, err := d.log.Append(context.Background(), ev)
	audittest.Must(d.t, err)
}

func (d *diary) verdict(ref, method string, request int64, verdict audit.Verdict, reason tunnel.Reason, more ...func(*audit.Event)) {
	ev := audit.Event{Kind: audit.KindVerdict, Ref: ref, About: audit.About{Method: "S#" + method + "(long)", Request: request}, Verdict: verdict,
		Reason: reason, Peer: "staging", Login: "l", Addr: netip.MustParseAddr("10.0.0.1")}
	for _, m := range more {
		m(&ev)
	}
	d.add(ev)
}

func (d *diary) outcome(ref, method string, request int64, end string) {
	d.add(audit.Event{Kind: audit.KindOutcome, Ref: ref, About: audit.About{Method: "S#" + method + "(long)", Request: request},
		Ended: audit.Ended{End: end}})
}

func (d *diary) call(ref, method string, request int64, end string, more ...func(*audit.Event)) {
	d.verdict(ref, method, request, audit.Allow, "", more...)
	d.outcome(ref, method, request, end)
}

// begin creates a request and sends a part.
func (d *diary) begin(ref string, request int64) {
	d.verdict(ref, "createStagingRequest", 0, audit.Allow, "", func(ev *audit.Event) { ev.Site, ev.Checksum = 7, "md5" })
	d.outcome(ref, "createStagingRequest", request, "answered")
	part := func(ev *audit.Event) { ev.Part, ev.Size = "a.lar00", 100 }
	d.call(ref+"u", "updateStagingRequest", request, "answered", part)
}

func TestPublishes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		write  func(d *diary)
		end    trail.PublishEnd
		reason tunnel.Reason
		ref    string
	}{
		{"published", func(d *diary) { d.call("p", "publishStagingRequest", 1, "answered") }, trail.Published, "", "p"},
		{"published, then cleaned up in vain", func(d *diary) {
			d.call("p", "publishStagingRequest", 1, "answered")
			d.call("c", "cleanUpStagingRequest", 1, "exception x.Y")
		}, trail.Published, "", "p"},
		{"repeated", func(d *diary) {
			d.call("p", "publishStagingRequest", 1, "answered")
			d.verdict("q", "publishStagingRequest", 1, audit.Answer, "repeat.answered")
			d.outcome("q", "publishStagingRequest", 1, "repeat of p")
		}, trail.Published, "", "p"},
		{"the engine throws", func(d *diary) { d.call("p", "publishStagingRequest", 1, "exception x.Y") }, trail.Failed, "", "p"},
		{"the engine was away", func(d *diary) { d.call("p", "publishStagingRequest", 1, "engine.down") }, trail.Failed, "engine.down", "p"},
		{"the engine went away", func(d *diary) { d.call("p", "publishStagingRequest", 1, "engine.lost") }, trail.Unknown, "engine.lost", "p"},
		{"the gateway died", func(d *diary) { d.verdict("p", "publishStagingRequest", 1, audit.Allow, "") }, trail.Unknown, "", "p"},
		{"cleaned up after that", func(d *diary) {
			d.call("p", "publishStagingRequest", 1, "engine.lost")
			d.call("c", "cleanUpStagingRequest", 1, "answered")
		}, trail.Unknown, "engine.lost", "p"},
		{"refused at the end", func(d *diary) { d.verdict("p", "publishStagingRequest", 1, audit.Deny, "target.mismatch") },
			trail.Refused, "target.mismatch", "p"},
		{"a part refused", func(d *diary) { d.verdict("v", "updateStagingRequest", 1, audit.Deny, "part.size") },
			trail.Refused, "part.size", "v"},
		{"a part refused, then sent well", func(d *diary) {
			d.verdict("v", "updateStagingRequest", 1, audit.Deny, "quota.calls")
			d.call("w", "updateStagingRequest", 1, "answered", func(ev *audit.Event) { ev.Part, ev.Size = "a.lar00", 100 })
			d.call("p", "publishStagingRequest", 1, "answered")
		}, trail.Published, "", "p"},
		{"left off", func(d *diary) { d.call("c", "cleanUpStagingRequest", 1, "answered") }, trail.Unfinished, "", "r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &audittest.Memory{}
			d := &diary{t, audittest.Open(t, audittest.Config(t, m))}
			d.begin("r", 1)
			tt.write(d)
			all, err := trail.Publishes(context.Background(), m)
			audittest.Must(t, err)
			if len(all) != 1 {
				t.Fatalf("%d publishes: %+v", len(all), all)
			}
			p := all[0]
			if p.End != tt.end || p.Reason != tt.reason || p.Ref != tt.ref {
				t.Errorf("ended %s, %q, %s, want %s, %q, %s", p.End, p.Reason, p.Ref, tt.end, tt.reason, tt.ref)
			}
			if p.Site != 7 || p.Request != 1 || p.Checksum != "md5" || p.Parts != 1 || p.Bytes != 100 || p.Archive != "a.lar" ||
				p.Peer != "staging" || p.Login != "l" || !p.Addr.IsValid() || p.Last.Before(p.Begun) {
				t.Errorf("publish %+v", p)
			}
		})
	}
}

// Two publishes at a time, one that never got a request, and a number that is given again.
func TestPublishesApart(t *testing.T) {
	m := &audittest.Memory{}
	d := &diary{t, audittest.Open(t, audittest.Config(t, m))}
	d.begin("a", 1)
	d.begin("b", 2)
	d.verdict("n", "createStagingRequest", 0, audit.Deny, "site.denied")
	d.verdict("s", "", 0, audit.Deny, "secret.wrong")
	d.call("bp", "publishStagingRequest", 2, "answered")
	d.call("ap", "publishStagingRequest", 1, "exception x.Y")
	d.begin("c", 2)
	all, err := trail.Publishes(context.Background(), m)
	audittest.Must(t, err)
	var got []string
	for _, p := range all {
		got = append(got, p.Ref+" "+string(p.End))
	}
	if want := "ap failed,bp published,n refused,c unfinished"; strings.Join(got, ",") != want {
		t.Errorf("%q, want %s", got, want)
	}
	for ref, calls := range map[string]int{"bu": 6, "cu": 4, "n": 1, "b": 6} {
		s, err := trail.Explain(context.Background(), ref, m)
		if err != nil || s.Publish == nil || len(s.Calls) != calls {
			t.Errorf("%s: %+v, %v, want %d calls", ref, s, err, calls)
		}
	}
	if s, err := trail.Explain(context.Background(), "s", m); err != nil || s.Publish != nil || len(s.Events) != 1 {
		t.Errorf("a call of no publish: %+v, %v", s, err)
	}
	for _, ref := range []string{"", "nobody"} {
		if _, err := trail.Explain(context.Background(), ref, m); !errors.Is(err, trail.ErrUnknownRef) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// TestAPublishIsOneThoughItsCreateIsToldLate: the outcome of a create call is written behind its
// answer, so the first parts can be in the log before it.
func TestAPublishIsOneThoughItsCreateIsToldLate(t *testing.T) {
	m := &audittest.Memory{}
	d := &diary{t, audittest.Open(t, audittest.Config(t, m))}
	part := func(ev *audit.Event) { ev.Part, ev.Size = "a.lar00", 100 }
	d.verdict("r", "createStagingRequest", 0, audit.Allow, "", func(ev *audit.Event) { ev.Site, ev.Checksum = 7, "md5" })
	d.verdict("u", "updateStagingRequest", 1, audit.Allow, "", part)
	d.outcome("r", "createStagingRequest", 1, "answered")
	d.outcome("u", "updateStagingRequest", 1, "answered")
	d.call("p", "publishStagingRequest", 1, "answered")
	all, err := trail.Publishes(t.Context(), m)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d publishes, %v", len(all), err)
	}
	if one := all[0]; one.Site != 7 || one.Checksum != "md5" || one.Parts != 1 || one.Bytes != 100 || one.End != trail.Published ||
		one.Archive != "a.lar" || one.Ref != "p" {
		t.Errorf("got %+v", one)
	}
}
