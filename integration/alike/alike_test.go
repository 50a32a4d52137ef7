package alike_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/ports"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

const syncToken = "0123456789abcdef"

// server is one environment: an engine behind its gateway, which is kept like others.
type server struct {
	t      testing.TB
	n      int
	id     words.ServerID
	dir    string
	file   string
	addr   string
	engine *engine.Engine
	site   int64
	named  string // else server and its number
	admin  *admin.Client
	stop   func()
	node   *node.Node // that runs, in this process
	kill   func()     // of a gateway in a process of its own: at once
	more   string     // YAML of its own
}

// network is servers with links: the targets of each.
type network struct {
	t       testing.TB
	servers []*server
	ca      string
	links   [][]int
	extra   map[int]string // more YAML below sync
	peer    string         // more of every peer
	wires   map[int]string // where others reach a server, if not at its own address
}

// newNetwork makes engines, keys and addresses, and starts every gateway.
func newNetwork(t testing.TB, links [][]int) *network {
	t.Helper()
	w := &network{t: t, links: links, extra: map[int]string{}, peer: "deletes: true"}
	w.ca = w.certificate()
	for n := range links {
		w.servers = append(w.servers, w.newServer(n))
	}
	return w
}

func (w *network) start() *network {
	for _, s := range w.servers {
		w.run(s)
	}
	return w
}

// certificate makes one for this machine, which all gateways have.
func (w *network) certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(w.t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	check(w.t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	check(w.t, err)
	dir := w.t.TempDir()
	check(w.t, os.WriteFile(filepath.Join(dir, "c.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(w.t, os.WriteFile(filepath.Join(dir, "k.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
	return dir
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *network) newServer(n int) *server {
	t := w.t
	s := &server{t: t, n: n, dir: t.TempDir()}
	var err error
	s.engine, err = engine.New(engine.Config{Dir: t.TempDir(), Build: "7413", CompanyID: 20097, Now: time.Now})
	check(t, err)
	commands := httptest.NewServer(s.engine.Commands(syncToken))
	t.Cleanup(func() {
		commands.Close()
		check(t, s.engine.Close())
	})
	site, err := s.engine.CreateSite(t.Context(), content.Site{ID: int64(20121 + n), Name: "Main"})
	check(t, err)
	s.site = site.ID
	key, err := chain.LoadKey(node.DataDir(s.dir).SyncKey())
	check(t, err)
	s.id = words.IDOf(key.Public().(ed25519.PublicKey))
	check(t, os.WriteFile(filepath.Join(s.dir, "token"), []byte(syncToken+"\n"), 0o600))
	w.extra[n] = fmt.Sprintf("  engine: { url: %q, token_file: %q }\n  interval: 50ms\n", commands.URL, filepath.Join(s.dir, "token"))
	s.settle()
	return s
}

// settle gives a gateway its addresses, and the first line of its configuration.
func (s *server) settle() {
	s.addr = ports.Free(s.t)
	socket, err := os.MkdirTemp("", "s")
	check(s.t, err)
	s.t.Cleanup(func() { _ = os.RemoveAll(socket) })
	s.file = filepath.Join(s.dir, "stagelock.yaml")
	s.admin = admin.NewClient(admin.Address{Network: "unix", Name: filepath.Join(socket, "a")})
	s.t.Cleanup(func() {
		if s.stop != nil {
			s.stop()
		}
	})
	check(s.t, os.WriteFile(s.file, []byte(fmt.Sprintf("admin: { listen: [\"unix:%s\"] }\n", filepath.Join(socket, "a"))), 0o600))
}

// configuration is the file of a server.
func (w *network) configuration(s *server) string {
	var b strings.Builder
	socket, err := os.ReadFile(s.file)
	check(w.t, err)
	first, _, _ := strings.Cut(string(socket), "\n")
	fmt.Fprintf(&b, "%s\nlisten: [%q]\nnames: [127.0.0.1]\ndata: %s\nhosts: { allow: [127.0.0.1] }\n", first, s.addr, s.dir)
	fmt.Fprintf(&b, "tls: { source: files, certificate: %s/c.pem, key: %s/k.pem }\ndrain: 100ms\n", w.ca, w.ca)
	fmt.Fprintf(&b, "engine: { upstream: { nodes: [\"http://127.0.0.1:1\"], health: { call: 0s } } }\n")
	fmt.Fprintf(&b, "peers:\n  - { name: staging, sites: [any], logins: [x], secret: { value: \"1234567890123456\" } }\n")
	name := s.named
	if name == "" {
		name = fmt.Sprint("server", s.n)
	}
	fmt.Fprintf(&b, "sync:\n  name: %s\n%s  origins: [", name, w.extra[s.n])
	for i, o := range w.servers {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(o.id))
	}
	b.WriteString("]\n  peers:\n")
	for n, o := range w.servers {
		to, from := contains(w.links[s.n], n), contains(w.links[n], s.n)
		if !to && !from {
			continue
		}
		direction := map[[2]bool]string{{true, true}: "both", {true, false}: "to", {false, true}: "from"}[[2]bool{to, from}]
		at := o.addr
		if wire := w.wires[n]; wire != "" {
			at = wire
		}
		fmt.Fprintf(&b, "    - { key: %s, url: \"https://%s\", ca: %s/c.pem, direction: %s, kinds: [article, article-folder, document, page, tag], %s }\n",
			o.id, at, w.ca, direction, w.peer)
	}
	b.WriteString(s.more)
	return b.String()
}

func contains(all []int, n int) bool {
	for _, m := range all {
		if m == n {
			return true
		}
	}
	return false
}

// run starts a gateway, and again after stop.
func (w *network) run(s *server) {
	w.t.Helper()
	check(w.t, os.WriteFile(s.file, []byte(w.configuration(s)), 0o600))
	c, problems := conf.Load(conf.Options{File: s.file})
	if conf.Fatal(problems) {
		w.t.Fatalf("%v\n%s", problems, w.configuration(s))
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	if testing.Verbose() {
		log.SetOutput(os.Stderr)
	}
	g, err := node.New(context.Background(), node.Config{Conf: c, Load: func() (*conf.Config, []conf.Problem) { return conf.Load(conf.Options{File: s.file}) },
		Log: logrus.NewEntry(log).WithField("server", s.n), Version: "test"})
	check(w.t, err)
	s.node = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		s.stop = nil
	}
}

func (s *server) write(uuid, text string) {
	s.t.Helper()
	if _, found, err := s.engine.Item(s.t.Context(), s.site, content.Article, false, uuid); err != nil || !found {
		check(s.t, err)
		_, err := s.engine.Author.Add(s.t.Context(), s.site, author.Draft{Kind: content.Article, UUID: uuid, Name: "Article " + uuid}, strings.NewReader(text))
		check(s.t, err)
		return
	}
	_, err := s.engine.Update(s.t.Context(), s.site, content.Article, uuid, strings.NewReader(text))
	check(s.t, err)
}

// text is what the engine has, empty if nothing.
func (s *server) text(uuid string) string {
	it, found, err := s.engine.Item(s.t.Context(), s.site, content.Article, false, uuid)
	check(s.t, err)
	if !found {
		return ""
	}
	r, err := s.engine.Open(s.t.Context(), it)
	check(s.t, err)
	b, err := io.ReadAll(r)
	check(s.t, errors.Join(err, r.Close()))
	return string(b)
}

// rows is how many rows the engine's journal has.
func (s *server) rows() (n int) {
	check(s.t, s.engine.QueryRowContext(s.t.Context(), `SELECT count(*) FROM journal`).Scan(&n))
	return n
}

func order[T any](s *server, name string, o exchange.Order) (out T, err error) {
	var refusal exchange.Failure
	return out, s.admin.Order(s.t.Context(), exchange.Path+name, o, &out, &refusal)
}

func (s *server) status() exchange.Status {
	s.t.Helper()
	st, err := order[exchange.Status](s, "status", exchange.Order{})
	check(s.t, err)
	return st
}

// patience is for how long something is waited for, also on a machine that does much else.
const patience = 5 * time.Minute

// until waits for something to become true.
func until(t testing.TB, what string, true_ func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !true_() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// everywhere waits until every server that runs has a text.
func (w *network) everywhere(uuid, text string) {
	w.t.Helper()
	for _, s := range w.servers {
		if s.stop != nil {
			until(w.t, fmt.Sprintf("server %d has %q of %s", s.n, text, uuid), func() bool { return s.text(uuid) == text })
		}
	}
}

// quiet waits until nothing is on its way.
func (w *network) quiet() {
	w.t.Helper()
	for _, s := range w.servers {
		until(w.t, fmt.Sprintf("server %d is quiet", s.n), func() bool {
			for _, t := range s.status().Targets {
				if t.Backlog > 0 {
					return false
				}
			}
			return true
		})
	}
}

// revive has everybody try at once what waits, as an operator does.
func (w *network) revive() {
	for _, s := range w.servers {
		for _, to := range w.links[s.n] {
			_, err := order[exchange.Done](s, "retry", exchange.Order{Target: string(w.servers[to].id)})
			check(w.t, err)
		}
	}
}

var (
	pairLinks = [][]int{{1}, {0}}
	starLinks = [][]int{{1, 2, 3}, {0}, {0}, {0}}
	ringLinks = [][]int{{1}, {2}, {3}, {0}}
	meshLinks = [][]int{{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}}
)

// TestServersAreKeptAlike: an edit on a leaf of a star arrives everywhere, two edits at once become one
// conflict that everybody sees and one place decides, and a server that was off catches up.
func TestServersAreKeptAlike(t *testing.T) {
	w := newNetwork(t, starLinks).start()
	leaf := w.servers[1]
	leaf.write("a", "first")
	w.everywhere("a", "first")

	w.quiet()
	w.servers[2].stop() // two people who cannot see each other
	leaf.write("a", "of one")
	w.servers[2].write("a", "of two")
	w.run(w.servers[2])
	for _, s := range w.servers {
		until(t, fmt.Sprintf("server %d sees the conflict", s.n), func() bool { return s.status().Conflicts == 1 })
	}
	if got := w.servers[2].text("a"); got != "of two" {
		t.Errorf("an edit was swapped in silence: %q", got)
	}
	for _, s := range w.servers { // by hellos of their own, behind which a conflict does not wait
		until(t, fmt.Sprintf("server %d knows the others by name", s.n), func() bool { return len(s.status().Servers) == len(w.servers)-1 })
	}
	_, err := order[exchange.Done](w.servers[3], "resolve", exchange.Order{Object: "Main/article/a", Take: "server2"})
	var f *exchange.Failure
	if !errors.As(err, &f) || f.Code != "elsewhere" {
		t.Errorf("decided elsewhere: %v", err)
	}
	all, err := order[[]exchange.Conflict](leaf, "conflicts", exchange.Order{})
	check(t, err)
	if len(all) != 1 || !all[0].Here || len(all[0].Versions) != 2 {
		t.Errorf("conflicts %+v", all)
	}
	_, err = order[exchange.Done](leaf, "resolve", exchange.Order{Object: "Main/article/a", Take: "server2"})
	check(t, err)
	w.everywhere("a", "of two")
	for _, s := range w.servers {
		until(t, "no conflict is left", func() bool { return s.status().Conflicts == 0 })
	}

	off := w.servers[3]
	off.stop()
	for i := range 20 {
		w.servers[0].write(fmt.Sprint("b", i), "while it was off")
	}
	w.run(off)
	w.everywhere("b19", "while it was off")
	w.everywhere("b0", "while it was off")
	w.quiet()
	before := make([]int, len(w.servers))
	for i, s := range w.servers {
		before[i] = s.rows()
	}
	w.servers[1].write("c", "one more")
	w.everywhere("c", "one more")
	w.quiet()
	for i, s := range w.servers {
		if got := s.rows() - before[i]; got != 1 {
			t.Errorf("server %d wrote %d rows for one edit", i, got)
		}
	}
}

// TestNothingRunsInACircle: changes end in any topology, and each is written once on each server.
func TestNothingRunsInACircle(t *testing.T) {
	for name, links := range map[string][][]int{"pair": pairLinks, "ring": ringLinks, "mesh": meshLinks} {
		t.Run(name, func(t *testing.T) {
			w := newNetwork(t, links).start()
			const edits = 30
			for i := range edits {
				w.servers[i%len(links)].write(fmt.Sprint("x", i), fmt.Sprint("text ", i))
			}
			for i := range edits {
				w.everywhere(fmt.Sprint("x", i), fmt.Sprint("text ", i))
			}
			w.quiet()
			for _, s := range w.servers {
				if got := s.rows(); got != edits {
					t.Errorf("server %d wrote %d rows for %d edits", s.n, got, edits)
				}
			}
		})
	}
}

// TestLargeContentsTravel in pieces, and deletions do.
func TestLargeContentsTravel(t *testing.T) {
	w := newNetwork(t, pairLinks).start()
	large := strings.Repeat("0123456789abcdef", 600_000) // 9.6 MB
	w.servers[0].write("large", large)
	w.everywhere("large", large)
	check(t, w.servers[1].engine.Delete(t.Context(), w.servers[1].site, content.Article, false, "large"))
	w.everywhere("large", "")
}

// TestADeadTargetDelaysNobody: one of two targets is away, the other gets everything.
func TestADeadTargetDelaysNobody(t *testing.T) {
	w := newNetwork(t, [][]int{{1, 2}, {0}, {0}})
	w.run(w.servers[0])
	w.run(w.servers[1])
	for i := range 50 {
		w.servers[0].write(fmt.Sprint("d", i), "x")
	}
	w.everywhere("d49", "x")
	until(t, "the dead one is told of", func() bool {
		for _, target := range w.servers[0].status().Targets {
			if target.ID == w.servers[2].id && target.State == "blocked" && target.Backlog == 50 && strings.Contains(target.Reason, "refused") {
				return true
			}
		}
		return false
	})
	until(t, "those who only look on see it", func() bool {
		st, err := w.servers[0].admin.Status(t.Context())
		check(t, err)
		return st.Sync != nil && slices.ContainsFunc(st.Sync.Targets, func(one status.Target) bool {
			return one.State == "blocked" && one.Backlog == 50 && one.Tries > 0 && !one.Oldest.IsZero()
		})
	})
	w.run(w.servers[2])
	_, err := order[exchange.Done](w.servers[0], "retry", exchange.Order{Target: string(w.servers[2].id)})
	check(t, err)
	w.everywhere("d49", "x")
}

// TestAPeerMayDoWhatItIsToldOnly: kinds and deletions that are not listed stay outside, in words.
func TestAPeerMayDoWhatItIsToldOnly(t *testing.T) {
	w := newNetwork(t, pairLinks)
	w.peer = "deletes: false"
	w.start()
	w.servers[0].write("a", "x")
	w.everywhere("a", "x")
	check(t, w.servers[0].engine.Delete(t.Context(), w.servers[0].site, content.Article, false, "a"))
	until(t, "the deletion is a dead letter", func() bool { return w.servers[0].status().Dead == 1 })
	all, err := order[[]exchange.Event](w.servers[0], "log", exchange.Order{State: "dead"})
	check(t, err)
	if len(all) != 1 || !strings.Contains(all[0].Deliveries[0].Reason, "deletions are not taken") || w.servers[1].text("a") != "x" {
		t.Errorf("log %+v", all)
	}
	_, err = order[exchange.Done](w.servers[0], "drop", exchange.Order{ID: all[0].ID.String(), Reason: "it stays there"})
	check(t, err)
	if st := w.servers[0].status(); st.Dead != 0 {
		t.Errorf("status %+v", st)
	}
}
