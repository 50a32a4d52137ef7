package alike_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/integration/engine/content"
)

// reload has a gateway read another configuration, as an operator does.
func (w *network) reload(s *server, edit func(text string) string) {
	w.t.Helper()
	check(w.t, os.WriteFile(s.file, []byte(edit(w.configuration(s))), 0o600))
	_, err := s.node.Reload(w.t.Context())
	check(w.t, err)
}

func with(old, now string) func(text string) string {
	return func(text string) string { return strings.Replace(text, old, now, 1) }
}

// waiting are the changes that somebody must approve on a server.
func (s *server) waiting() []exchange.Held {
	s.t.Helper()
	all, err := order[[]exchange.Held](s, "approvals", exchange.Order{})
	check(s.t, err)
	return all
}

// held waits until that many changes wait for approval, and returns the newest of an article.
func (s *server) held(n int, uuid string) exchange.Held {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d changes wait on server %d", n, s.n), func() bool { return len(s.waiting()) == n })
	var found exchange.Held
	for _, h := range s.waiting() {
		if string(h.Object) == "Main/article/"+uuid && (found.ID.IsZero() || h.ID.Counter > found.ID.Counter) {
			found = h
		}
	}
	if found.ID.IsZero() {
		s.t.Fatalf("nothing of %s waits: %+v", uuid, s.waiting())
	}
	return found
}

func (s *server) approve(h exchange.Held) exchange.Done {
	s.t.Helper()
	d, err := order[exchange.Done](s, "approve", exchange.Order{ID: h.ID.String(), Digest: h.Payload, Author: "ann"})
	check(s.t, err)
	return d
}

// letter is why the newest dead letter of a server is one, of which it has n.
func (s *server) letter(n int) string {
	s.t.Helper()
	until(s.t, fmt.Sprintf("server %d has %d dead letters", s.n, n), func() bool { return s.status().Dead == n })
	all, err := order[[]exchange.Event](s, "log", exchange.Order{State: "dead"})
	check(s.t, err)
	return all[0].Deliveries[0].Reason
}

// audited counts the events of a kind about an object in the log of a server.
func (s *server) audited(kind, object string) (n int) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(node.DataDir(s.dir).Audit(), "*"))
	check(s.t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a folder
		}
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, `"kind":"`+kind+`"`) && strings.Contains(line, `"object":"Main/article/`+object+`"`) {
				n++
			}
		}
	}
	return n
}

// TestNothingIsAppliedThatNobodyApproved between two gateways: what waits survives a restart, keeps others not waiting,
// and is what was looked at.
func TestNothingIsAppliedThatNobodyApproved(t *testing.T) {
	w := newNetwork(t, pairLinks)
	w.peer = "deletes: true, approve: [article]"
	w.start()
	author, live := w.servers[0], w.servers[1]
	author.write("a", "one")
	live.held(1, "a")
	until(t, "the sender says that it waits", func() bool {
		target := author.status().Targets[0]
		return target.State == "waiting" && strings.Contains(target.Reason, "somebody must approve it on server1: stagelock sync approve "+string(author.id)+"-")
	})
	author.write("a", "two")
	author.write("b", "three")
	b := live.held(3, "b")
	if d := live.approve(b); d.State != "applied" || live.text("b") != "three" || live.text("a") != "" {
		t.Errorf("approved: %+v, b is %q, a %q", d, live.text("b"), live.text("a"))
	}
	live.stop()
	w.run(live)
	two := live.held(2, "a")
	if _, err := order[exchange.Done](live, "approve", exchange.Order{ID: two.ID.String(), Digest: b.Payload}); err == nil || live.text("a") != "" {
		t.Errorf("approved with another digest: %v, a is %q", err, live.text("a"))
	}
	if d := live.approve(two); d.State != "applied" || live.text("a") != "two" {
		t.Errorf("approved: %+v, a is %q", d, live.text("a"))
	}
	until(t, "the older version is history", func() bool { return live.status().Approvals == 0 })
	author.write("c", "no")
	_, err := order[exchange.Done](live, "refuse", exchange.Order{ID: live.held(1, "c").ID.String(), Reason: "not in summer", Author: "ann"})
	check(t, err)
	w.revive()
	if got := author.letter(1); got != "it was refused on server1 by ann: not in summer" || live.text("c") != "" {
		t.Errorf("refused: %q, c is %q", got, live.text("c"))
	}
	w.quiet()
	for kind, want := range map[string]int{"sync.held": 1, "sync.accepted": 1, "sync.refused": 0} {
		if got := live.audited(kind, "b"); got != want {
			t.Errorf("%d events %s about b, want %d", got, kind, want)
		}
	}
	if live.audited("sync.applied", "b") != 1 || live.audited("sync.refused", "c") != 1 || author.audited("sync.accepted", "c") != 1 {
		t.Error("the audit log does not say what became of a change")
	}
}

// TestAPeerThatIsAllowedLess is held to the rules of now with a reload, also with what waited, and told which line says so.
func TestAPeerThatIsAllowedLess(t *testing.T) {
	w := newNetwork(t, pairLinks)
	w.peer = "deletes: true, approve: [article]"
	w.start()
	author, live := w.servers[0], w.servers[1]
	author.write("a", "one")
	a := live.held(1, "a")
	kinds := "kinds: [article, article-folder, document, page, tag]"
	w.reload(live, with(kinds, "kinds: [document, page, tag]"))
	_, err := order[exchange.Done](live, "approve", exchange.Order{ID: a.ID.String()})
	line := regexp.MustCompile(`^objects of the kind article are not taken from [A-Z2-7]{20}: see kinds in sync.peers, stagelock.yaml:\d+ of server1$`)
	var f *exchange.Failure
	if !errors.As(err, &f) || f.Code != "denied" || !line.MatchString(f.Message) || live.text("a") != "" {
		t.Errorf("approved what may not come any more: %v, a is %q", err, live.text("a"))
	}
	w.revive()
	if got := author.letter(1); !line.MatchString(got) {
		t.Errorf("the sender is told %q", got)
	}
	w.reload(live, with("approve: [article]", "approve: [], paths: [Main/document, Other]"))
	author.write("b", "two")
	if got := author.letter(2); !strings.Contains(got, "Main/article/b is below no path") || !strings.Contains(got, "see paths in sync.peers, stagelock.yaml:") {
		t.Errorf("the sender is told %q", got)
	}
	w.reload(live, with("approve: [article]", "approve: [], paths: [Main]"))
	_, err = order[exchange.Done](author, "retry", exchange.Order{State: "dead"})
	check(t, err)
	w.everywhere("a", "one")
	w.everywhere("b", "two")
	w.reload(author, with(kinds, "kinds: [document, page, tag]"))
	author.write("c", "three") // nobody is to have it
	live.write("d", "four")
	if got := live.letter(1); !line.MatchString(strings.Replace(got, "server0", "server1", 1)) {
		t.Errorf("the sender is told %q", got)
	}
	w.reload(author, with(kinds, kinds))
	w.everywhere("c", "three")
}

// TestAPeerThatDeletesMuch stops until somebody looked, and goes on then.
func TestAPeerThatDeletesMuch(t *testing.T) {
	w := newNetwork(t, pairLinks)
	w.peer = "deletes: true, max_deletes_per_hour: 2"
	w.start()
	author, live := w.servers[0], w.servers[1]
	for i := range 3 {
		author.write(fmt.Sprint("x", i), "text")
		w.everywhere(fmt.Sprint("x", i), "text")
	}
	for i := range 3 {
		check(t, author.engine.Delete(t.Context(), author.site, content.Article, false, fmt.Sprint("x", i)))
	}
	until(t, "the target is the operator's", func() bool { return author.status().Targets[0].State == "operator" })
	reason := author.status().Targets[0].Reason
	for _, want := range []string{"more than 2 deletions in an hour", "raise max_deletes_per_hour in sync.peers, stagelock.yaml:",
		" of server1", "stagelock sync approve --deletes " + string(author.id)} {
		if !strings.Contains(reason, want) {
			t.Errorf("it says %q, not %q", reason, want)
		}
	}
	left := 0
	for i := range 3 {
		if live.text(fmt.Sprint("x", i)) != "" {
			left++
		}
	}
	if left != 1 || live.audited("sync.refused", "x0")+live.audited("sync.refused", "x1")+live.audited("sync.refused", "x2") == 0 {
		t.Errorf("%d of three are left, want one, and an event about it", left)
	}
	d, err := order[exchange.Done](live, "approve", exchange.Order{Target: "server0", Deletes: true})
	if check(t, err); d.N != 2 {
		t.Errorf("%+v", d)
	}
	_, err = order[exchange.Done](author, "retry", exchange.Order{Target: "server1"})
	check(t, err)
	for i := range 3 {
		w.everywhere(fmt.Sprint("x", i), "")
	}
}
