package kentico_test

import (
	"context"
	"fmt"
	"testing"
)

// star is a hub with two leaves, each twin behind its own gateway.
type star struct {
	hub, dev, test *twin
	gates          map[string]*gate
}

// side is a peer as one gateway has it: it sends as from-NAME, and is reached at url if that is not empty.
func side(name, own, url, ca string) []string {
	lines := []string{
		"  - name: " + name, "    users: []", "    sends: { user: from-" + name + ", secret: { value: between } }",
	}
	if url != "" {
		lines = append(lines, fmt.Sprintf(
			"    target: { url: %s, path_context: /to-%s, ca: %s, server_name: 127.0.0.1, user: from-%s, secret: { value: between } }",
			url, name, ca, own))
	}
	return lines
}

// newStar lists at the hub each leaf under the code name that codes has for it.
func newStar(t *testing.T, codes map[string]string) *star {
	t.Helper()
	s := &star{hub: newTwin(t, "hub"), dev: newTwin(t, "dev"), test: newTwin(t, "test"), gates: map[string]*gate{}}
	hub := start(t, s.hub, options(t, s.hub, "hub", append(side("dev", "hub", "", ""), side("test", "hub", "", "")...)...))
	s.gates["hub"] = hub
	var peers []string
	var targets []target
	for _, leaf := range []*twin{s.dev, s.test} {
		g := start(t, leaf, options(t, leaf, leaf.Name, side("hub", leaf.Name, hub.URL, authority(t, hub))...))
		g.listed("stagelock", "hub")
		s.gates[leaf.Name] = g
		peers = append(peers, side(leaf.Name, "hub", g.URL, authority(t, g))...)
		targets = append(targets, target{
			Code: codes[leaf.Name], URL: hub.URL + "/to-" + leaf.Name, User: "own", Password: "own password", Client: hub.client,
		})
	}
	hub.Write(t, options(t, s.hub, "hub", peers...))
	if r, err := hub.Node.Reload(context.Background()); err != nil {
		t.Fatal(err, r.Problems)
	}
	s.hub.list(targets...)
	s.hub.Logging, s.dev.Logging, s.test.Logging = true, true, true
	return s
}

// TestAStar: a change of a leaf goes on to the other one and nowhere else, whether the hub lists the leaves
// under their names or under wrong ones.
func TestAStar(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codes map[string]string
		sent  int // tasks for one change of a leaf
	}{
		{"names as they are", map[string]string{"dev": "dev", "test": "test"}, 2},
		{"names mistyped", map[string]string{"dev": "dve", "test": "tset"}, 3}, // one comes back to its leaf, as an echo
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStar(t, tt.codes)
			const changes = 40
			for i := range changes {
				leaf := []*twin{s.dev, s.test}[i%2]
				leaf.edit(fmt.Sprintf("guid-%d", i%7), fmt.Sprintf("change %d", i))
				sent, failed := settle(t, 8, s.dev, s.test, s.hub)
				if sent != tt.sent || len(failed) > 0 {
					t.Fatalf("change %d: %d tasks, failed %q", i, sent, failed)
				}
			}
			s.hub.edit("of the hub", "made there")
			if sent, failed := settle(t, 8, s.dev, s.test, s.hub); sent != 2 || len(failed) > 0 {
				t.Errorf("a change of the hub: %d tasks, failed %q", sent, failed)
			}
			for i := range 8 {
				key := fmt.Sprintf("guid-%d", i)
				if i == 7 {
					key = "of the hub"
				}
				if h := s.hub.page(key); h == "" || s.dev.page(key) != h || s.test.page(key) != h {
					t.Errorf("%s: hub %q, dev %q, test %q", key, h, s.dev.page(key), s.test.page(key))
				}
			}
			// each change is carried out once at each of the two servers that did not make it
			if n := len(s.hub.calls()) + len(s.dev.calls()) + len(s.test.calls()); n != 2*(changes+1) {
				t.Errorf("%d tasks were carried out, want %d", n, 2*(changes+1))
			}
		})
	}
}

// TestARefusedLoop: a task that names the server behind as one that has it, and is no echo, is refused.
func TestARefusedLoop(t *testing.T) {
	live := newTwin(t, "live")
	g := start(t, live, options(t, live, "live", dev))
	status, reason, body := g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";LIVE;dev;"))
	if got := said(status, reason, body); !referenceForm.MatchString(got) || len(live.calls()) > 0 {
		t.Errorf("said %q, %d calls", got, len(live.calls()))
	}
	if v := g.verdicts(t); len(v) != 1 || v[0].Reason != "task.loop" || v[0].Fields["servers"] != "" {
		t.Errorf("%+v", v)
	}
}

// TestAMisnamedSenderIsNoted: its tasks travel, and log and record say that names do not agree.
func TestAMisnamedSenderIsNoted(t *testing.T) {
	live := newTwin(t, "live")
	g := start(t, live, options(t, live, "live", dev))
	for servers, misnamed := range map[string]string{";dve;": "yes", ";dev;": "", "": ""} {
		before := len(g.verdicts(t))
		status, reason, body := g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", servers))
		if got := said(status, reason, body); got != "" {
			t.Fatalf("%s: said %q", servers, got)
		}
		if v := g.verdicts(t)[before:]; len(v) != 1 || v[0].Fields["misnamed"] != misnamed {
			t.Errorf("%s: %+v", servers, v)
		}
	}
}

// TestARevertedEditIsNoEcho: an editor who turns a page back to what was sent there minutes ago is not
// taken for one that sends back.
func TestARevertedEditIsNoEcho(t *testing.T) {
	a, b := newTwin(t, "dev"), newTwin(t, "live")
	ga, gb := pair(t, a, b)
	ga.listed("stagelock", "live")
	gb.listed("stagelock", "dev")
	for _, step := range []struct {
		who  *twin
		text string
	}{{a, "first"}, {b, "second"}, {b, "first"}, {a, "second"}, {a, "first"}} {
		step.who.edit("1", step.text)
		if sent, failed := settle(t, 5, a, b); sent != 1 || len(failed) > 0 {
			t.Fatalf("%s: %d tasks, failed %q", step.text, sent, failed)
		}
		if a.page("1") != step.text || b.page("1") != step.text {
			t.Errorf("%s: dev has %q, live has %q", step.text, a.page("1"), b.page("1"))
		}
	}
}

// TestAFailedTaskIsSentAgain: what was not carried out is no echo and no copy.
func TestAFailedTaskIsSentAgain(t *testing.T) {
	a, b := newTwin(t, "dev"), newTwin(t, "live")
	ga, _ := pair(t, a, b)
	to := &target{URL: ga.URL + "/to-live", Client: ga.client}
	send := func() string {
		status, reason, body := to.call(t.Context(), message("own", "own password", "UpdateDocument", "", home, "", ";dev;"))
		return said(status, reason, body)
	}
	b.mu.Lock()
	b.answer = refusing
	b.mu.Unlock()
	if got := send(); got != "no parent" {
		t.Errorf("said %q", got)
	}
	b.mu.Lock()
	b.answer = nil
	b.mu.Unlock()
	if got := send(); got != "" || b.page("1") != "Home & garden" {
		t.Errorf("said %q, live has %q", got, b.page("1"))
	}
}
