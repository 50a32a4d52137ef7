package inbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// TestPaths: a path is one whole step of a name or several.
func TestPaths(t *testing.T) {
	for _, tt := range []struct {
		path   string
		object sync.Object
		want   bool
	}{
		{"s", "s/article/a", true}, {"s/article", "s/article/a", true}, {"s/article/a", "s/article/a", true},
		{"s/article/a", "s/article/a/b", true}, {"s/article/a", "s/article/ab", false}, {"s/art", "s/article/a", false},
		{"t", "s/article/a", false}, {"S", "s/article/a", false}, {"article", "s/article/a", false}, {"s/page", "s/article/a", false},
	} {
		p := inbox.Peer{Kinds: []string{"article"}, Paths: []string{"x/y", tt.path}}
		if got := p.Covers(tt.object); got != tt.want {
			t.Errorf("%s below %s: %t", tt.object, tt.path, got)
		}
	}
	if (inbox.Peer{Paths: []string{"s"}}).Covers("s/article/a") || !(inbox.Peer{Kinds: []string{"article"}}).Covers("s/article/a") {
		t.Error("a path takes the place of a kind")
	}
}

// TestSystemKindsTravelOnlyByName: who may send every kind of content sends no user, role or setting.
func TestSystemKindsTravelOnlyByName(t *testing.T) {
	content := []string{"page", "article", "article-folder", "document", "document-folder", "tag", "vocabulary", "category"}
	for _, kind := range []string{"user", "role", "permission", "setting", "template", "kentico.cms.user", "cms.settingskey", "page.template", "users"} {
		p := newPlace(t, func(p *inbox.Peer) { p.Kinds = content })
		bad := sync.Offered{Change: p.change(2, 1, sync.Object("s/"+kind+"/a"), "text"), Content: []byte("text")}
		if got := p.deliver(2, "deliver", bad)[0]; got.Reason != inbox.ReasonKind || len(p.receiver.took) != 0 {
			t.Errorf("%s: %+v, took %v", kind, got, p.receiver.took)
		}
		p.peers[0].Kinds = append(p.peers[0].Kinds, kind)
		if got := p.deliver(2, "deliver", bad)[0]; got.Status != sync.StatusDone {
			t.Errorf("%s, listed by name: %+v", kind, got)
		}
	}
}

// TestTheRulesOfNowCount: a peer that is allowed less is refused with the next message, and told which line says so.
func TestTheRulesOfNowCount(t *testing.T) {
	p := newPlace(t, as)
	first, second := p.change(2, 1, "s/article/a", "text"), p.change(2, 2, "s/article/b", "text")
	send := func(c *sync.Change) sync.Answer {
		return p.deliver(2, "deliver", sync.Offered{Change: c, Content: []byte("text")})[0]
	}
	if got := send(first); got.Status != sync.StatusDone {
		t.Fatalf("%+v", got)
	}
	p.peers[0].Where = func(setting string) string { return "live.yaml:17 of live (" + setting + ")" }
	for _, tt := range []struct {
		setting, reason string
		less            func(q *inbox.Peer)
	}{
		{"kinds", inbox.ReasonKind, func(q *inbox.Peer) { q.Kinds = []string{"page"} }},
		{"paths", inbox.ReasonPath, func(q *inbox.Peer) { q.Paths = []string{"t"} }},
		{"direction", inbox.ReasonDirection, func(q *inbox.Peer) { q.Sends = false }},
		{"sync.max_bytes", inbox.ReasonSize, func(q *inbox.Peer) { q.MaxContent = 1 }},
	} {
		was := p.peers[0]
		tt.less(&p.peers[0])
		got := send(second)
		if want := ", live.yaml:17 of live (" + tt.setting + ")"; got.Reason != tt.reason || !strings.HasSuffix(got.Text, want) ||
			strings.Contains(tt.setting, "sync.") == strings.Contains(got.Text, "in sync.peers") {
			t.Errorf("%s: %+v, want a text that ends in %q", tt.setting, got, want)
		}
		p.peers[0] = was
	}
	if len(p.receiver.took) != 1 {
		t.Errorf("took %v", p.receiver.took)
	}
	if got := send(second); got.Status != sync.StatusDone {
		t.Errorf("with the old rules: %+v", got)
	}
	p.peers = p.peers[1:]
	if _, err := p.send(2, "POST", "offer", sync.Offer{Changes: []sync.Offered{{Change: second}}}, nil); err == nil {
		t.Error("what is no peer any more was answered")
	}
	if got := p.deliver(3, "deliver", sync.Offered{Change: second, Content: []byte("text")})[0]; got.Reason != inbox.ReasonOrigin {
		t.Errorf("what it made, by way of another: %+v", got)
	}
}

// let has a peer begin anew with its deletions.
func (p *place) let(peer byte) {
	p.t.Helper()
	if err := p.book.Renew(p.t.Context(), serverOf(peer)); err != nil {
		p.t.Fatal(err)
	}
}

// TestDeletionsGoOn where somebody looked and lets them: as many again, and no more.
func TestDeletionsGoOn(t *testing.T) {
	p := newPlace(t, as)
	gone := func(k uint64) sync.Answer {
		return p.deliver(2, "deliver", sync.Offered{Change: p.change(2, k, "s/article/a", "")})[0]
	}
	for k := uint64(1); k <= 2; k++ {
		if got := gone(k); got.Status != sync.StatusDone {
			t.Fatalf("deletion %d: %+v", k, got)
		}
	}
	got := gone(3)
	for _, want := range []string{"more than 2 deletions in an hour", "max_deletes_per_hour in sync.peers", "stagelock sync approve --deletes " + string(serverOf(2))} {
		if got.Class != sync.ClassOperator || !strings.Contains(got.Text, want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	p.let(3)
	if got := gone(3); got.Reason != inbox.ReasonDeletes {
		t.Errorf("another was let: %+v", got)
	}
	p.let(2)
	for k, want := range map[uint64]string{3: "", 4: ""} {
		if got := gone(k); got.Reason != want {
			t.Errorf("deletion %d: %+v", k, got)
		}
	}
	if got := gone(5); got.Reason != inbox.ReasonDeletes {
		t.Errorf("the third of two that were let: %+v", got)
	}
}

// TestARestartForgetsNoDeletion: what a peer deleted in the hour before counts, until the hour is over.
func TestARestartForgetsNoDeletion(t *testing.T) {
	p := newPlace(t, as)
	p.deliver(2, "deliver", sync.Offered{Change: p.change(2, 1, "s/article/1", "")})
	p.deliver(2, "deliver", sync.Offered{Change: p.change(2, 2, "s/article/2", "text"), Content: []byte("text")}) // deletes nothing
	p.deliver(3, "deliver", sync.Offered{Change: p.change(3, 1, "s/article/3", "")})
	p.start()
	gone := func(k uint64) string {
		return p.deliver(2, "deliver", sync.Offered{Change: p.change(2, k, "s/article/a", "")})[0].Reason
	}
	if got := gone(3); got != "" {
		t.Errorf("the second deletion of two: %s", got)
	}
	if got := gone(4); got != inbox.ReasonDeletes {
		t.Errorf("the third of two: %q", got)
	}
	p.start()
	p.let(2)
	if got := gone(4); got != "" {
		t.Errorf("let after a restart: %s", got)
	}
	p.start()
	p.now = p.now.Add(time.Hour + time.Second)
	for k := uint64(5); k <= 6; k++ {
		if got := gone(k); got != "" {
			t.Errorf("deletion %d an hour later: %s", k, got)
		}
	}
}
