package sync_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/exchange"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

var heldID = words.ID{Origin: keyB, Counter: 7}

func heldChange() exchange.Held {
	return exchange.Held{Version: exchange.Version{ID: heldID, Server: "author", Author: "ann\x1b[1m", At: noon, Op: words.Put,
		Payload: strings.Repeat("1", 64), Size: 5}, Object: object, Title: "Hours", Via: "hub", State: "asked", Since: noon}
}

func TestApprovals(t *testing.T) {
	g := newGate(t)
	newer, refused := heldChange(), heldChange()
	newer.Newer = words.ID{Origin: keyB, Counter: 9}
	refused.State, refused.Login, refused.Reason = "refused", "bob", "not now"
	g.says["approvals"] = []exchange.Held{heldChange(), newer}
	g.check(1, []string{keyB + "-7", object, "Hours", "author", "ann?[1m", "hub", "12:00:00", "asked", "older than " + keyB + "-9",
		"stagelock sync diff ID; then stagelock sync approve ID, or stagelock sync refuse --reason TEXT ID"}, "approvals")
	g.check(1, []string{`"state":"asked"`, `"via":"hub"`}, "approvals", "--json")
	g.says["approvals"] = []exchange.Held{refused}
	g.check(0, []string{"refused by bob: not now"}, "approvals", "--state", "refused")
	if g.got["approvals"].State != "refused" {
		t.Errorf("asked for %+v", g.got["approvals"])
	}
	g.says["approvals"] = []exchange.Held{}
	g.check(0, []string{"Nothing waits."}, "approvals")
	g.check(64, []string{"approvals does not know"}, "approvals", "x")
	g.says["status"] = exchange.Status{Approvals: 2}
	g.check(1, []string{"2 changes to approve here (stagelock sync approvals)"}, "status")
}

// TestDiffOfAHeldChange prints what is shown now and what it would be.
func TestDiffOfAHeldChange(t *testing.T) {
	g := newGate(t)
	h := heldChange()
	h.Current = strings.Repeat("2", 64)
	g.says["approvals"], g.says["content"] = []exchange.Held{h}, exchange.Order{Content: []byte("text\x1b[2J")}
	g.check(0, []string{"== now, shown here\n", "== author, 2026-03-29T12:00:00Z", "text?[2J"}, "diff", heldID.String())
	if g.got["approvals"].ID != heldID.String() || g.got["content"].Digest != h.Payload {
		t.Errorf("asked for %+v", g.got)
	}
	h.Current = ""
	g.says["approvals"] = []exchange.Held{h}
	g.check(0, []string{"== now, shown here\n(not there)\n", "text"}, "diff", heldID.String())
	g.says["approvals"] = []exchange.Held{}
	g.check(65, []string{"does not wait for approval", "stagelock sync approvals"}, "diff", heldID.String())
}

func TestApproveAndRefuse(t *testing.T) {
	id := heldID.String()
	for _, tt := range []struct {
		name, order string
		args        []string
		says        any
		code        int
		want        exchange.Order
		text        string
	}{
		{"applied", "approve", []string{"approve", id}, exchange.Done{N: 1, ID: heldID, State: "applied"}, 0, exchange.Order{ID: id}, "Approved and applied."},
		{"by somebody, of a content", "approve", []string{"approve", "--author", "ann", "--digest", "11", id}, exchange.Done{N: 1, State: "applied"}, 0,
			exchange.Order{ID: id, Author: "ann", Digest: "11"}, ""},
		{"a conflict", "approve", []string{"approve", id}, exchange.Done{N: 1, State: "conflict"}, 0, exchange.Order{ID: id}, "see stagelock sync conflicts"},
		{"without its folder", "approve", []string{"approve", id}, exchange.Done{N: 1, State: "approved", Text: "its folder is not there"}, 0,
			exchange.Order{ID: id}, "it is applied when it can be: its folder is not there"},
		{"for a script", "approve", []string{"approve", "--json", id}, exchange.Done{N: 1, ID: heldID, State: "applied"}, 0, exchange.Order{ID: id},
			`{"n":1,"id":"` + id + `","state":"applied"}`},
		{"deletions", "approve", []string{"approve", "--deletes", "author"}, exchange.Done{N: 50}, 0, exchange.Order{Target: "author", Deletes: true},
			"author may delete 50 in the hour to come. There: stagelock sync retry --target"},
		{"refused", "refuse", []string{"refuse", "--reason", "not now", "--author", "ann", id}, exchange.Done{N: 1, State: "refused"}, 0,
			exchange.Order{ID: id, Reason: "not now", Author: "ann"}, "Refused."},
		{"not allowed any more", "approve", []string{"approve", id}, &exchange.Failure{Code: "denied", Message: "no pages any more"}, 77, exchange.Order{ID: id},
			"see sync.peers"},
		{"refused by another", "approve", []string{"approve", id}, &exchange.Failure{Code: "decided", Message: "it was refused by bob"}, 77,
			exchange.Order{ID: id}, "--overrule decides anew"},
		{"although another refused", "approve", []string{"approve", "--overrule", id}, exchange.Done{N: 1, ID: heldID, State: "applied"}, 0,
			exchange.Order{ID: id, Overrule: true}, "Approved and applied."},
		{"refused although another approved", "refuse", []string{"refuse", "--overrule", "--reason", "x", id},
			exchange.Done{N: 1, State: "refused"}, 0, exchange.Order{ID: id, Reason: "x", Overrule: true}, "Refused."},
		{"another content", "approve", []string{"approve", id}, &exchange.Failure{Code: "moved", Message: "another"}, 75, exchange.Order{ID: id}, "another"},
		{"not held", "refuse", []string{"refuse", "--reason", "x", id}, &exchange.Failure{Code: "unknown", Message: "not held"}, 65,
			exchange.Order{ID: id, Reason: "x"}, "stagelock sync approvals"},
		{"nothing", "", []string{"approve"}, nil, 64, exchange.Order{}, "approve needs the id of a change"},
		{"refuse without a reason", "", []string{"refuse", id}, nil, 64, exchange.Order{}, "refuse needs --reason"},
		{"a change and deletions", "", []string{"approve", "--deletes", "author", id}, nil, 64, exchange.Order{}, "does not know what to do"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			g.says[tt.order] = tt.says
			g.check(tt.code, []string{tt.text}, tt.args...)
			if tt.order == "" && len(g.got) > 0 {
				t.Errorf("%v reached the gateway", g.got)
			}
			if got, want := encoded(t, g.got[tt.order]), encoded(t, tt.want); got != want {
				t.Errorf("the gateway got %s, want %s", got, want)
			}
		})
	}
}
