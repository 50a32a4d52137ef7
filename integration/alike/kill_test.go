package alike_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/integration/engine/content"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

// syncKills is how often a gateway is killed at each point.
var syncKills = flag.Int("kills", 1, "how often a gateway is killed at each point, in a star and in a mesh")

// postgresKills is the same of a pair on PostgreSQL.
var postgresKills = flag.Int("postgreskills", 1, "how often a gateway of a pair on PostgreSQL is killed at each point")

const hot = "hot" // the article that everybody edits

// TestKill: gateways are killed between any two writes, again and again while people write on all servers.
// Nothing runs in a circle, nothing is lost, taken twice, overwritten in silence, different at the end, or
// stuck.
func TestKill(t *testing.T) {
	for name, links := range map[string][][]int{"star": starLinks, "mesh": meshLinks} {
		t.Run(name, func(t *testing.T) {
			newKills(t, newNetwork(t, links)).all(*syncKills)
		})
	}
}

// TestKillOnPostgres: the same of a pair whose servers keep their state in a database, where a gateway that dies leaves
// its lease behind.
func TestKillOnPostgres(t *testing.T) {
	w := newNetwork(t, pairLinks)
	w.onPostgres()
	newKills(t, w).all(*postgresKills)
}

// all kills gateways in turn that often at each point, and judges.
func (k *kills) all(times int) {
	k.t.Helper()
	for n := range times {
		for i, point := range exchange.Points() {
			k.kill((i+n)%len(k.servers), point, int64(1+(n+i)%3))
		}
	}
	k.judge()
	k.t.Logf("%d kills: %d edits, %d decisions; 0 loops, 0 lost, 0 taken twice, 0 different, 0 overwritten, 0 stuck",
		k.kills, k.edits, k.decisions())
}

// kills is a network of gateways that die, and what people wrote.
type kills struct {
	*network
	edits, kills, round int
	texts               map[string]string // by article, but for the hot one
	decided             map[words.ID]bool
}

func newKills(t *testing.T, w *network) *kills {
	t.Helper()
	k := &kills{network: w, texts: map[string]string{}, decided: map[words.ID]bool{}}
	for _, s := range k.servers {
		k.launch(s, "", 0)
	}
	k.write(k.servers[0], hot, "at first")
	k.everywhere(hot, "at first")
	k.quiet()
	return k
}

func (k *kills) write(s *server, uuid, text string) {
	s.write(uuid, text)
	k.edits++
}

// kill has one gateway die at the point's hit while everybody writes, starts it again, and waits until
// all is well.
func (k *kills) kill(n int, point string, hit int64) {
	k.t.Helper()
	victim := k.servers[n]
	victim.kill() // with nothing under way; the next one dies in the middle
	k.round++
	ended := k.launch(victim, point, hit)
	for i, s := range k.servers {
		k.write(s, hot, fmt.Sprintf("of %d in round %d", i, k.round))
	}
	k.writeUntil(ended, fmt.Sprintf("server %d dies at %q, hit %d", n, point, hit))
	k.kills++
	k.launch(victim, "", 0)
	k.revive()
	k.settle()
}

// writeUntil writes articles everywhere until a process has died.
func (k *kills) writeUntil(ended <-chan struct{}, what string) {
	k.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(30*time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if i == 100 { // nobody writes faster than a machine that does much else can send
			tick.Reset(time.Second)
		}
		uuid, s := fmt.Sprintf("r%d-%d", k.round, i), k.servers[i%len(k.servers)]
		k.texts[uuid] = "text of " + uuid
		k.write(s, uuid, k.texts[uuid])
		select {
		case <-ended:
			return
		case <-deadline:
			for _, s := range k.servers { // one that is stuck answers nobody
				st, err := order[exchange.Status](s, "status", exchange.Order{})
				k.t.Logf("server %d, %d rows: %+v, %v", s.n, s.rows(), st, err)
			}
			k.t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// settle decides what is to be decided, and waits until every server has the same.
func (k *kills) settle() {
	k.t.Helper()
	defer func() {
		if k.t.Failed() {
			k.t.Logf("round %d: %d edits, %d rows of people, %d changes, %d decisions", k.round, k.edits, k.persons(), k.made(), k.decisions())
		}
	}()
	until(k.t, "what was written is taken", func() bool { return k.persons() == k.made()-k.decisions() })
	k.quiet()
	until(k.t, "nothing is to be decided", func() bool {
		left := 0
		for _, s := range k.servers {
			left += s.status().Conflicts
		}
		if left > 0 {
			k.decide()
		}
		return left == 0
	})
	k.quiet()
	k.arrived(fmt.Sprintf("r%d-", k.round))
}

// arrived waits until every server has the articles whose names begin so.
func (k *kills) arrived(prefix string) {
	k.t.Helper()
	for uuid, text := range k.texts {
		if strings.HasPrefix(uuid, prefix) {
			k.everywhere(uuid, text)
		}
	}
}

// decide takes the version of whoever comes first, where it is decided.
func (k *kills) decide() {
	place := k.servers[0]
	all, err := order[[]exchange.Conflict](place, "conflicts", exchange.Order{})
	check(k.t, err)
	for _, c := range all {
		// What moved meanwhile, or is decided already, is looked at again.
		_, _ = order[exchange.Done](place, "resolve", exchange.Order{Object: string(c.Object), Take: c.Versions[0].Server})
	}
}

// made is how many changes there are, as the first server knows: one for each edit and decision, if none
// runs in a circle.
func (k *kills) made() (n int) {
	for _, h := range k.servers[0].status().Have {
		n += int(h.Counter)
	}
	return n
}

// decisions counts those that the first server made: the log shows the newest, so what was seen is remembered.
func (k *kills) decisions() int {
	all, err := order[[]exchange.Event](k.servers[0], "log", exchange.Order{Object: "Main/article/" + hot, Limit: 1000})
	check(k.t, err)
	for _, e := range all {
		if len(e.Resolves) > 0 {
			k.decided[e.ID] = true
		}
	}
	return len(k.decided)
}

// persons is how many rows of all journals are a person's.
func (k *kills) persons() (n int) {
	for _, s := range k.servers {
		n += s.count(`SELECT count(*) FROM journal WHERE tag = ''`)
	}
	return n
}

func (s *server) count(query string) (n int) {
	s.t.Helper()
	check(s.t, s.engine.QueryRowContext(s.t.Context(), query).Scan(&n))
	return n
}

// judge looks for everything that must not have happened.
func (k *kills) judge() {
	t := k.t
	t.Helper()
	k.arrived("")
	if persons, made := k.persons(), k.made(); persons != k.edits || made != k.edits+k.decisions() {
		t.Errorf("%d edits and %d decisions are %d rows of people and %d changes", k.edits, k.decisions(), persons, made)
	}
	for _, s := range k.servers {
		if twice := s.count(`SELECT count(*) FROM (SELECT tag FROM journal WHERE tag <> '' GROUP BY tag HAVING count(*) > 1)`); twice > 0 {
			t.Errorf("server %d: %d changes were taken twice", s.n, twice)
		}
		if st := s.status(); st.Dead > 0 || st.Conflicts > 0 {
			t.Errorf("server %d: %+v", s.n, st)
		}
		if got, want := s.text(hot), k.servers[0].text(hot); got != want {
			t.Errorf("server %d has %q, server 0 %q", s.n, got, want)
		}
		if open := s.count(`SELECT count(*) FROM items WHERE kind = '` + string(content.Article) + `'`); open != len(k.texts)+1 {
			t.Errorf("server %d has %d articles, not %d", s.n, open, len(k.texts)+1)
		}
	}
	k.history()
}

// history holds every server's history against the first one's: every edit is in it, so none was
// overwritten before anybody knew of it, and each once.
func (k *kills) history() {
	var first []words.ID
	for _, s := range k.servers {
		all, err := order[[]exchange.Event](s, "log", exchange.Order{Object: "Main/article/" + hot, Limit: 1000})
		check(k.t, err)
		var ids []words.ID
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		slices.SortFunc(ids, func(a, b words.ID) int { return slices.Compare([]byte(a.String()), []byte(b.String())) })
		if first == nil {
			first = ids
		}
		if want := 1 + k.round*len(k.servers) + k.decisions(); !slices.Equal(ids, first) || len(ids) != want && want < 1000 {
			k.t.Errorf("server %d has %d changes of the hot article, server 0 %d, wanted %d", s.n, len(ids), len(first), want)
		}
	}
}
