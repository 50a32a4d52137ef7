package walk

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/ports"
)

// place is one server of somebody who read the page about several.
type place struct {
	*desk
	page    *page
	name    string
	gateway string // its address
	line    string // what it says for the other side
	key     string
	ca      string // file of its authority
	config  string
	runs    *service
}

// settleDown follows steps 1 to 3: an engine, a gateway that ran once, and the line for others.
func settleDown(t *testing.T, p *page, name string) *place {
	t.Helper()
	s := &place{desk: newDesk(t), page: p, name: name, gateway: ports.Free(t)}
	live, commands := ports.Free(t), ports.Free(t)
	s.replace = []string{"0.0.0.0:8443", s.gateway, "live.example.com", "127.0.0.1", "127.0.0.1:8080", live,
		"127.0.0.1:9000", commands, "/var/lib/stagelock", s.path("data"), "10.1.2.0/24", "127.0.0.1", "name: live", "name: " + name}
	s.expect(0, p.command("stagelock secret new"))
	s.service("listens on", p.command("stagelock engine run")...)
	s.expect(0, s.words(p.command("stagelock site create")))
	s.config = s.here(p.block("yaml", "listen:"))
	s.write("stagelock.yaml", s.config)
	once := s.service("listens on", p.command("stagelock run")...)
	m := regexp.MustCompile(`file +(\S+\.pem)`).FindStringSubmatch(s.expect(0, p.command("stagelock ca")))
	if m == nil {
		t.Fatal("the file of the authority is not named")
	}
	s.ca = strings.TrimPrefix(strings.Trim(m[1], "'"), s.dir+"/")
	once.end()
	s.line = s.expect(0, p.command("stagelock sync id"))
	m = regexp.MustCompile(`key: ([A-Z2-7]{20}), url: "https://127\.0\.0\.1:\d+"`).FindStringSubmatch(s.line)
	if m == nil {
		t.Fatalf("the line for the other side is %q", s.line)
	}
	s.key = m[1]
	if again := s.expect(0, p.command("stagelock sync id")); again != s.line {
		t.Errorf("a second time it is %q, not %q", again, s.line)
	}
	return s
}

// words puts what the shell reads as one word together again.
func (s *place) words(args []string) []string {
	var out []string
	open := false
	for _, a := range args {
		if open {
			out[len(out)-1] += " " + a
		} else {
			out = append(out, a)
		}
		if strings.Count(a, `"`)%2 == 1 {
			open = !open
		}
	}
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], `"`, "")
	}
	return out
}

// knows adds what the page says of one neighbour.
func (s *place) knows(o *place) {
	s.t.Helper()
	fragment := strings.NewReplacer("YIOQDGL2CAZUCSSCP52C", o.key, "author.example.com:8443", o.gateway, "author-ca.pem", o.name+"-ca.pem").
		Replace(s.here(s.page.block("yaml", "token_file:")))
	if strings.Contains(s.config, "sync:") { // one more peer: the entry alone
		_, entry, _ := strings.Cut(fragment, "peers:\n")
		s.config = strings.TrimRight(s.config, "\n") + "\n" + entry
	} else {
		s.config = strings.TrimRight(s.config, "\n") + "\n" + fragment
	}
	s.write(o.name+"-ca.pem", o.read(o.ca))
	s.write("stagelock.yaml", s.config)
}

// origins adds the page's line about a server that is no neighbour.
func (s *place) origins(o *place) {
	s.t.Helper()
	line := regexp.MustCompile(`(?m)^  origins:.*\n?`).FindString(s.page.block("yaml", "origins:"))
	s.config = strings.Replace(s.config, "sync:\n", "sync:\n"+strings.TrimRight(strings.Replace(line, "YIOQDGL2CAZUCSSCP52C", o.key, 1), "\n")+"\n", 1)
	s.write("stagelock.yaml", s.config)
}

// start is the last half of step 5: the gateway reads its file.
func (s *place) start() {
	s.t.Helper()
	s.expect(0, s.page.command("stagelock validate"), "The configuration can be used.")
	if s.runs != nil {
		s.runs.end()
	}
	s.runs = s.service("listens on", s.page.command("stagelock run")...)
}

// uuid is that of an article, empty if it is not there.
func (s *place) uuid(name string) string {
	s.t.Helper()
	out := s.expect(0, []string{"content", "list", "--site", "20143", "--engine", "engine", "--json"})
	var all []struct {
		Name string `json:"name"`
		UUID string `json:"uuid"`
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	for _, it := range all {
		if it.Name == name {
			return it.UUID
		}
	}
	return ""
}

func (s *place) text(uuid string) string {
	out, _ := s.run("content", "show", "article", uuid, "--site", "20143", "--engine", "engine")
	return strings.TrimSpace(out)
}

// comes waits until something is so.
func comes(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// on is a command of the page about another object or server.
func (s *place) on(begins string, replace ...string) []string {
	s.t.Helper()
	args := s.words(s.page.command(begins))
	for i := range args {
		args[i] = strings.NewReplacer(replace...).Replace(args[i])
	}
	return args
}

// TestSeveralServers: somebody who has nothing but the page keeps two servers alike, and then three.
func TestSeveralServers(t *testing.T) {
	p := open(t, "../../gateway/exchange/README.md")
	live, author := settleDown(t, p, "live"), settleDown(t, p, "author")
	t.Cleanup(func() {
		for _, s := range []*place{live, author} {
			if t.Failed() && s.runs != nil {
				t.Logf("%s said\n%s", s.name, s.runs.said)
			}
		}
	})
	live.knows(author)
	author.knows(live)
	live.start()
	author.start()
	live.expect(0, live.words(p.command("stagelock content add")))
	uuid := live.uuid("Hello")
	comes(t, "the article is on the other server", func() bool { return author.text(uuid) == "Good morning" })
	comes(t, "nothing is on its way", func() bool {
		out, code := live.run(p.command("stagelock sync status")...)
		return code == 0 && strings.Contains(out, "author  ok     0")
	})
	log := live.expect(0, p.command("stagelock sync log"), "Shop/article/"+uuid, "author done")
	id := regexp.MustCompile(`[A-Z2-7]{20}-\d+`).FindString(log)
	author.expect(0, live.on("stagelock sync show ID", "ID", id), "made", "on live", "came from", "Shop/article/"+uuid)

	t.Run("two edits at once", func(t *testing.T) { twoEdits(t, live, author, uuid) })
	t.Run("a target is away", func(t *testing.T) { away(t, live, author) })
	t.Run("more than two", func(t *testing.T) { third(t, live, author) })
	t.Run("what a neighbour may do", func(t *testing.T) { neighbour(t, live, author) })
	p.complete("stagelock sync log --state dead")
}

func (s *place) update(uuid, text string) {
	s.t.Helper()
	s.expect(0, []string{"content", "update", "article", uuid, "--text", text, "--site", "20143", "--engine", "engine"})
}

func twoEdits(t *testing.T, live, author *place, uuid string) {
	live.t, author.t = t, t
	for s, other := range map[*place]string{live: "author", author: "live"} {
		s.expect(0, s.on("stagelock sync hold", "author", other), "1 target held")
	}
	live.update(uuid, "of live")
	author.update(uuid, "of author")
	for s, other := range map[*place]string{live: "author", author: "live"} {
		comes(t, "the edit waits", func() bool {
			out, _ := s.run("sync", "status")
			return regexp.MustCompile(`held +[1-9]`).MatchString(out) && strings.Contains(out, "maintenance")
		})
		s.expect(0, s.on("stagelock sync release", "author", other), "1 target released")
	}
	comes(t, "the conflict is seen where it is decided", func() bool {
		_, code := live.run(live.page.command("stagelock sync conflicts")...)
		return code == 1
	})
	comes(t, "and on the other server", func() bool {
		out, code := author.run("sync", "conflicts")
		return code == 0 && strings.Contains(out, "to be decided on live")
	})
	live.expect(1, live.page.command("stagelock sync status"), "1 conflict to decide here")
	live.expect(0, live.on("stagelock sync diff Shop", "UUID", uuid), "of live", "of author", "== author")
	author.expect(77, author.on("stagelock sync resolve", "UUID", uuid), "decided elsewhere", "on the server live", "--here")
	if live.text(uuid) != "of live" || author.text(uuid) != "of author" {
		t.Error("an edit was swapped in silence")
	}
	live.expect(0, live.on("stagelock sync resolve", "UUID", uuid), "Decided, as change ")
	comes(t, "what was decided is everywhere", func() bool { return live.text(uuid) == "of author" && author.text(uuid) == "of author" })
	live.expect(0, live.page.command("stagelock sync conflicts"), "No conflicts.")
	live.expect(65, live.on("stagelock sync resolve", "UUID", uuid), "nothing to decide")
}

func away(t *testing.T, live, author *place) {
	live.t, author.t = t, t
	author.runs.end()
	author.runs = nil
	live.expect(0, []string{"content", "add", "article", "Away", "--text", "x", "--site", "20143", "--engine", "engine"})
	uuid := live.uuid("Away")
	comes(t, "it is told of", func() bool {
		out, code := live.run("sync", "status")
		return code == 1 && strings.Contains(out, "blocked") && strings.Contains(out, "connection refused")
	})
	author.start()
	live.expect(0, live.page.command("stagelock sync retry --target"), "will be tried again")
	comes(t, "it catches up", func() bool { return author.text(uuid) == "x" })
	live.expect(0, live.page.command("stagelock sync baseline"), "0 changes queued")
	live.expect(0, live.page.command("stagelock sync compare"), "2 objects the same, 0 different.")

	// What the other side refuses for good is a dead letter, until somebody gives it up.
	forbidden := author.config
	author.config = strings.Replace(forbidden, "deletes: true", "deletes: false", 1)
	author.write("stagelock.yaml", author.config)
	author.start()
	live.expect(0, []string{"content", "delete", "article", uuid, "--site", "20143", "--engine", "engine"})
	comes(t, "it is a dead letter", func() bool {
		out, code := live.run("sync", "status")
		return code == 1 && strings.Contains(out, "1 dead letter")
	})
	out := live.expect(0, []string{"sync", "log", "--state", "dead"}, "author dead")
	id := regexp.MustCompile(`[A-Z2-7]{20}-\d+`).FindString(out)
	live.expect(0, []string{"sync", "show", id}, "deletions are not taken")
	live.expect(0, live.page.command("stagelock sync retry --all-dead"), "1 delivery will be tried again")
	comes(t, "it is refused again", func() bool {
		out, _ := live.run("sync", "status")
		return strings.Contains(out, "1 dead letter")
	})
	live.expect(0, live.on("stagelock sync drop", "ID", id), "1 delivery given up")
	live.expect(1, live.page.command("stagelock sync compare"), "Shop/article/"+uuid, "only there", "1 object the same, 1 different.")
	live.expect(0, []string{"sync", "status"})
	if author.text(uuid) != "x" {
		t.Errorf("the article is %q there", author.text(uuid))
	}
	author.config = forbidden
	author.write("stagelock.yaml", author.config)
}

func third(t *testing.T, live, author *place) {
	live.t, author.t = t, t
	test := settleDown(t, live.page, "test")
	test.knows(live)
	test.origins(author)
	live.knows(test)
	author.origins(test)
	for _, s := range []*place{live, author, test} {
		s.start()
	}
	test.expect(0, []string{"content", "add", "article", "Far", "--text", "of a leaf", "--site", "20143", "--engine", "engine"})
	uuid := test.uuid("Far")
	hello := author.uuid("Hello")
	comes(t, "what is written on a leaf is on the other leaf", func() bool { return author.text(uuid) == "of a leaf" })
	comes(t, "what was there before is on the new one", func() bool { return test.text(hello) == "of author" })
	comes(t, "a leaf knows the shape", func() bool {
		out, code := author.run(author.page.command("stagelock sync topology")...)
		return code == 0 && strings.Contains(out, "star of 3")
	})
	test.write("plan", "live <-> author\nlive <-> test\nauthor -> test\n")
	out, code := test.run("sync", "topology", "--check", "plan", "--listed")
	if code != 1 || !strings.Contains(out, "two paths from author to test") {
		t.Errorf("a second path by Kentico's rule: exit code %d\n%s", code, out)
	}
	names := []string{}
	for _, s := range []*place{live, author, test} {
		out := s.expect(0, []string{"sync", "status", "--json"})
		var st struct{ Name, ID string }
		if err := json.Unmarshal([]byte(out), &st); err != nil || st.ID != s.key {
			t.Errorf("%s: %v, key %q of %q", s.name, err, st.ID, s.key)
		}
		names = append(names, st.Name)
	}
	if !slices.Equal(names, []string{"live", "author", "test"}) {
		t.Errorf("names %v", names)
	}
}

// neighbour has author ask a person about every article, as the page says, with a reload.
func neighbour(t *testing.T, live, author *place) {
	live.t, author.t = t, t
	p := author.page
	author.config = strings.Replace(author.config, "kinds: [", strings.TrimSpace(p.block("yaml", "approve:"))+"\n      kinds: [", 1)
	author.write("stagelock.yaml", author.config)
	author.expect(0, p.command("stagelock reload"))
	live.expect(0, []string{"content", "add", "article", "Sale", "--text", "all is cheap", "--site", "20143", "--engine", "engine"})
	uuid := live.uuid("Sale")
	waits := func() (id string) {
		comes(t, "it waits for a person", func() bool {
			out, code := author.run(p.command("stagelock sync approvals")...)
			id = regexp.MustCompile(`[A-Z2-7]{20}-\d+`).FindString(out)
			return code == 1 && strings.Contains(out, "Shop/article/"+uuid)
		})
		return id
	}
	id := waits()
	author.expect(1, []string{"sync", "status"}, "1 change to approve here (stagelock sync approvals)")
	author.expect(0, author.on("stagelock sync diff ID", "ID", id), "== now", "== live", "all is cheap")
	if got := author.text(uuid); !strings.Contains(got, "no article") {
		t.Errorf("it is there before anybody approved it: %q", got)
	}
	author.expect(0, author.on("stagelock sync approve --author", "ID", id), "Approved and applied.")
	if got := author.text(uuid); got != "all is cheap" {
		t.Errorf("approved: %q", got)
	}
	live.update(uuid, "nothing is cheap")
	author.expect(0, author.on("stagelock sync refuse", "ID", waits()), "Refused.")
	comes(t, "it is a dead letter where it was made", func() bool {
		out, _ := live.run("sync", "log", "--state", "dead")
		return strings.Contains(out, "Shop/article/"+uuid)
	})
	if got := author.text(uuid); got != "all is cheap" {
		t.Errorf("refused: %q", got)
	}
	author.expect(0, p.command("stagelock audit list --kind sync.refused"), "refused by ann: not in summer")
	live.expect(0, p.command("stagelock sync approve --deletes"), "author may delete 50 in the hour to come")
	author.expect(0, []string{"sync", "approvals"}, "Nothing waits.")
}
