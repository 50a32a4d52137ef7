package kentico_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
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
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

// kept is a twin behind a gateway that keeps what it hands in; sync carries it to the others.
type kept struct {
	t     *testing.T
	name  string
	twin  *twin // nil: a server without a Kentico
	dir   string
	file  string
	addr  string
	id    words.ServerID
	admin *admin.Client
	own   []string // YAML of the engine, and what is below kentico
	peers []int
	more  string // YAML at the top level
	whole string // YAML instead of all this

	gate    *node.Node
	stop    func()
	process *harness.Process
}

// house is servers that are kept alike.
type house struct {
	t       *testing.T
	tls     string // folder of the certificate that all gateways have
	client  *http.Client
	servers []*kept
	listed  string // the code name under which Kenticos list their gateways, if it is a wrong one
	engine  string // YAML of the reference engine of a server without a Kentico
}

func (h *house) code() string { return cmp.Or(h.listed, "stagelock") }

func emptyHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	h.certificate()
	return h
}

// newHouse makes a twin for each server of links, which are the peers of each, and a gateway before it.
func newHouse(t *testing.T, links [][]int) *house {
	t.Helper()
	h := emptyHouse(t)
	for n, peers := range links {
		w := newTwin(t, fmt.Sprint("k", n))
		w.Logging, w.Ticking = true, true
		h.add(w, peers)
	}
	return h
}

func (h *house) add(w *twin, peers []int) *kept {
	h.t.Helper()
	s := &kept{t: h.t, name: fmt.Sprint("k", len(h.servers)), twin: w, dir: h.t.TempDir(), addr: ports.Free(h.t), peers: peers}
	key, err := chain.LoadKey(node.DataDir(s.dir).SyncKey())
	if err != nil {
		h.t.Fatal(err)
	}
	s.id = words.IDOf(key.Public().(ed25519.PublicKey))
	socket := filepath.Join(ports.Folder(h.t), "a")
	s.admin = admin.NewClient(admin.Address{Network: "unix", Name: socket})
	s.file = filepath.Join(h.t.TempDir(), "stagelock.yaml")
	s.more = "admin: { listen: [\"unix:" + socket + "\"] }\n"
	if w != nil {
		s.own = []string{
			"engine: { profile: kentico, upstream: { nodes: [\"" + w.URL + "\"], ca: " + w.ca(h.t) + " } }",
			"kentico:", "  name: " + s.name, `  receives: { user: staging, secret: { value: "of ` + s.name + `" } }`,
			"  sends: { user: own, secret: { value: own password } }",
			"  experimental_store_and_forward: { path_context: /handed-in, deletes: true, users: [] }",
		}
		w.list(target{h.code(), "https://" + s.addr + "/handed-in", "own", "own password", h.client})
	}
	if w == nil {
		s.own = []string{"engine: { upstream: { nodes: [\"http://127.0.0.1:1\"], health: { call: 0s } } }",
			"peers:", "  - { name: staging, sites: [any], logins: [x], secret: { value: \"1234567890123456\" } }"}
	}
	h.servers = append(h.servers, s)
	return s
}

// certificate makes one for this machine.
func (h *house) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	h.tls = h.t.TempDir()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"c.pem": cert, "k.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})} {
		if err := os.WriteFile(filepath.Join(h.tls, name), b, 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	h.client = trusting(roots)
}

// configuration is the file of a server.
func (h *house) configuration(s *kept) string {
	if s.whole != "" {
		return s.whole
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%slisten: [%q]\nnames: [127.0.0.1]\ndata: %s\nhosts: { allow: [127.0.0.1] }\ndrain: 100ms\naudit: { strangers: 1000000 }\n",
		s.more, s.addr, s.dir)
	fmt.Fprintf(&b, "tls: { source: files, certificate: %s/c.pem, key: %s/k.pem }\n%s\n", h.tls, h.tls, strings.Join(s.own, "\n"))
	var origins []string
	for _, o := range h.servers {
		origins = append(origins, string(o.id))
	}
	fmt.Fprintf(&b, "sync:\n  name: %s\n  interval: 50ms\n  origins: [%s]\n", s.name, strings.Join(origins, ", "))
	if s.twin == nil {
		b.WriteString("  engine: " + h.engine + "\n")
	}
	b.WriteString("  peers:\n")
	for _, n := range s.peers {
		o := h.servers[n]
		fmt.Fprintf(&b, "    - { key: %s, url: \"https://%s\", ca: %s/c.pem, deletes: true, max_deletes_per_hour: 1000, "+
			"kinds: [kentico.document, kentico.media.file, kentico.media.library] }\n", o.id, o.addr, h.tls)
	}
	return b.String()
}

func (h *house) start() *house {
	h.t.Helper()
	for _, s := range h.servers {
		h.run(s)
	}
	return h
}

// run starts a gateway in this process.
func (h *house) run(s *kept) {
	h.t.Helper()
	if err := os.WriteFile(s.file, []byte(h.configuration(s)), 0o600); err != nil {
		h.t.Fatal(err)
	}
	load := func() (*conf.Config, []conf.Problem) { return conf.Load(conf.Options{File: s.file}) }
	c, problems := load()
	if conf.Fatal(append(problems, plan.Check(c)...)) {
		h.t.Fatalf("%v\n%s", problems, h.configuration(s))
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	if testing.Verbose() {
		log.SetOutput(os.Stderr)
	}
	g, err := node.New(context.Background(), node.Config{Conf: c, Load: load, Log: logrus.NewEntry(log).WithField("server", s.name), Version: "test"})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	s.gate = g
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		s.stop = nil
	}
	h.t.Cleanup(func() {
		if s.stop != nil {
			s.stop()
		}
	})
}

// launch starts one in a process of its own, which dies at a point.
func (h *house) launch(s *kept, point string) {
	h.t.Helper()
	if err := os.WriteFile(s.file, []byte(h.configuration(s)), 0o600); err != nil {
		h.t.Fatal(err)
	}
	p, err := harness.Errand{File: s.file, Point: point, Hit: 1}.Start(asGateway)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(p.Kill)
	s.process = p
}

func ordered[T any](s *kept, name string, o exchange.Order) T {
	s.t.Helper()
	var out T
	var refusal exchange.Failure
	if err := s.admin.Order(context.Background(), exchange.Path+name, o, &out, &refusal); err != nil {
		s.t.Fatalf("%s of %s: %v %+v", name, s.name, err, refusal)
	}
	return out
}

// until waits for something to become true.
func until(t *testing.T, what func() string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(2*time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within two minutes", what())
		case <-tick.C:
		}
	}
}

// everywhere waits until every server shows a text of a page.
func (h *house) everywhere(guid, text string) {
	h.t.Helper()
	for _, s := range h.servers {
		if s.twin == nil {
			continue
		}
		until(h.t, func() string { return fmt.Sprintf("%s has %q of %s, not %q", s.name, s.twin.page(guid), guid, text) },
			func() bool { return s.twin.page(guid) == text })
	}
}

// quiet waits until nothing is on its way.
func (h *house) quiet() {
	h.t.Helper()
	for _, s := range h.servers {
		until(h.t, func() string {
			return fmt.Sprintf("%s is quiet: %+v", s.name, ordered[exchange.Status](s, "status", exchange.Order{}).Targets)
		},
			func() bool {
				for _, target := range ordered[exchange.Status](s, "status", exchange.Order{}).Targets {
					if target.Backlog > 0 {
						return false
					}
				}
				return true
			})
	}
}

// handIn has every twin hand in what it has until none has anything, and returns how many tasks that were.
func (h *house) handIn() (sent int, failed []string) {
	h.t.Helper()
	var twins []*twin
	for _, s := range h.servers {
		if s.twin != nil {
			twins = append(twins, s.twin)
		}
	}
	return settle(h.t, 5, twins...)
}

// made is how many changes there are, as a server knows.
func (s *kept) made() (n int) {
	for _, c := range ordered[exchange.Status](s, "status", exchange.Order{}).Have {
		n += int(c.Counter)
	}
	return n
}

// carried is how many tasks were carried out, on all servers.
func (h *house) carried() (n int) {
	for _, s := range h.servers {
		if s.twin != nil {
			n += len(s.twin.calls())
		}
	}
	return n
}

var (
	twoKenticos   = [][]int{{1}, {0}}
	threeKenticos = [][]int{{1, 2}, {0}, {0}}
)

// TestStoreAndForward: what is handed in at one server is carried to the others, once, with the names of those that have
// it, and its sender has forgotten it before.
func TestStoreAndForward(t *testing.T) {
	h := newHouse(t, twoKenticos).start()
	a, b := h.servers[0], h.servers[1]
	a.twin.edit("1", "Home & garden")
	if sent, failed := h.handIn(); sent != 1 || len(failed) > 0 {
		t.Fatalf("%d tasks, failed %q", sent, failed)
	}
	h.everywhere("1", "Home & garden")
	h.quiet()
	if sent, failed := h.handIn(); sent > 0 || len(failed) > 0 {
		t.Errorf("%d tasks came back, failed %q", sent, failed)
	}
	calls := b.twin.calls()
	if len(calls) != 1 || len(a.twin.calls()) != 0 || !slices.Contains(splitServers(calls[0].Servers), "stagelock") ||
		!slices.Contains(splitServers(calls[0].Servers), "k0") || calls[0].User != "editor" {
		t.Errorf("%d calls there, %d here: %+v", len(calls), len(a.twin.calls()), calls)
	}
	log := ordered[[]exchange.Event](b, "log", exchange.Order{})
	if len(log) != 1 || log[0].Object != "global/kentico.document/1" || log[0].Title != "Home & garden" || log[0].Author != "editor" || log[0].Server != "k0" {
		t.Errorf("%+v", log)
	}
}

// manyChanges edits pages on all servers at once, in rounds, no page on two of them in one round, and holds that each
// change was made once and carried to each other server once.
func (h *house) manyChanges(rounds, each int) {
	t, n := h.t, len(h.servers)
	t.Helper()
	tasks := 0
	for r := range rounds {
		for i := range each * n {
			h.servers[(i+r)%n].twin.edit(fmt.Sprint("page-", i), fmt.Sprintf("round %d", r))
		}
		sent, failed := h.handIn()
		if tasks += sent; len(failed) > 0 {
			t.Fatalf("round %d: %q", r, failed)
		}
		for i := range each * n {
			h.everywhere(fmt.Sprint("page-", i), fmt.Sprintf("round %d", r))
		}
		h.quiet()
	}
	sent, failed := h.handIn()
	tasks += sent
	h.quiet()
	changes := rounds * each * n
	for _, s := range h.servers {
		st := ordered[exchange.Status](s, "status", exchange.Order{})
		if made := s.made(); made != changes || st.Conflicts > 0 || st.Dead > 0 {
			t.Errorf("%s knows of %d changes, %d were made; %d conflicts, %d dead", s.name, made, changes, st.Conflicts, st.Dead)
		}
	}
	most := changes
	if h.code() != "stagelock" { // each comes back once, from each server that it was carried to
		most += changes * (n - 1)
	}
	if carried := h.carried(); carried != changes*(n-1) || tasks > most || len(failed) > 0 {
		t.Errorf("%d changes: %d tasks were handed in, %d carried out, failed %q", changes, tasks, carried, failed)
	}
	t.Logf("%d changes on %d servers: %d tasks handed in, %d carried out; 0 loops, 0 lost, 0 twice", changes, n, tasks, h.carried())
}

// long is a figure of a long run, or of one that everybody waits for.
func long(usual, most int) int {
	if os.Getenv("TEST_LONG") != "" {
		return most
	}
	return usual
}

// TestNoLoopWithStoreAndForward: with names unset or mistyped and logging on, each change ends where everybody has it.
func TestNoLoopWithStoreAndForward(t *testing.T) {
	for _, tt := range []struct {
		name         string
		links        [][]int
		twins        string // the name that servers have, if not their own
		code         string // under which each lists its gateway
		rounds, each int
	}{
		{"two servers without names", twoKenticos, "", "stagelock", long(4, 20), 25},
		{"two servers with wrong names", twoKenticos, "dve", "stagelock", long(2, 20), long(10, 25)},
		{"two servers whose gateways have wrong names", twoKenticos, "dve", "stageloc", long(2, 20), long(10, 25)},
		{"a star without names", threeKenticos, "", "stagelock", long(2, 20), long(10, 20)},
		{"a star whose gateways have wrong names", threeKenticos, "dve", "stageloc", long(1, 5), long(5, 20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := emptyHouse(t)
			h.listed = tt.code
			for n, peers := range tt.links {
				w := newTwin(t, fmt.Sprint("k", n))
				w.Logging, w.Ticking, w.Name = true, true, tt.twins
				h.add(w, peers)
			}
			h.start().manyChanges(tt.rounds, tt.each)
		})
	}
}

// TestAnEditThatADeliveryMet: an edit that was made before another's came, and is handed in after, is a conflict that
// everybody sees, and that one place decides; the server that was carried over gets what is decided.
func TestAnEditThatADeliveryMet(t *testing.T) {
	for _, take := range []string{"k0", "k1"} {
		t.Run("of "+take, func(t *testing.T) {
			h := newHouse(t, twoKenticos).start()
			a, b := h.servers[0], h.servers[1]
			a.twin.edit("1", "at first")
			h.handIn()
			h.everywhere("1", "at first")
			h.quiet()
			b.twin.edit("1", "of k1") // is not handed in yet
			a.twin.edit("1", "of k0")
			if n, failed := a.twin.synchronize(t.Context()); n != 1 || len(failed) > 0 {
				t.Fatalf("%d tasks, %q", n, failed)
			}
			h.everywhere("1", "of k0")
			if n, failed := b.twin.synchronize(t.Context()); n != 1 || len(failed) > 0 {
				t.Fatalf("%d tasks, %q", n, failed)
			}
			for _, s := range h.servers {
				until(t, func() string { return s.name + " sees a conflict" }, func() bool {
					return len(ordered[[]exchange.Conflict](s, "conflicts", exchange.Order{})) == 1
				})
			}
			h.quiet()
			c := ordered[[]exchange.Conflict](b, "conflicts", exchange.Order{})[0]
			if len(c.Versions) != 2 || c.Object != "global/kentico.document/1" || c.Decide != "k0" {
				t.Fatalf("%+v", c)
			}
			for _, v := range c.Versions {
				if v.Shown != (v.Server == "k0") {
					t.Errorf("the server has %+v", v)
				}
			}
			ordered[exchange.Done](a, "resolve", exchange.Order{Object: string(c.Object), Take: take, Author: "judge"})
			h.everywhere("1", "of "+take)
			h.quiet()
			if _, failed := h.handIn(); len(failed) > 0 {
				t.Errorf("failed %q", failed)
			}
			for _, s := range h.servers {
				if st := ordered[exchange.Status](s, "status", exchange.Order{}); st.Conflicts > 0 || s.made() != 4 {
					t.Errorf("%s: %d conflicts, %d changes", s.name, st.Conflicts, s.made())
				}
			}
		})
	}
}

// TestADeletionIsCarried, and a page that is made anew is there again.
func TestADeletionIsCarried(t *testing.T) {
	h := newHouse(t, threeKenticos).start()
	a, b := h.servers[1], h.servers[2]
	step := func(do func(), text string) {
		t.Helper()
		do()
		if sent, failed := h.handIn(); sent != 1 || len(failed) > 0 {
			t.Fatalf("%d tasks, failed %q", sent, failed)
		}
		h.everywhere("1", text)
		h.quiet()
	}
	step(func() { a.twin.edit("1", "there") }, "there")
	step(func() { b.twin.remove("1") }, "")
	step(func() { a.twin.edit("1", "again") }, "again")
	kinds := ""
	for _, c := range h.servers[0].twin.calls() {
		kinds += c.Type + " "
	}
	if kinds != "UpdateDocument DeleteDocument UpdateDocument " {
		t.Errorf("the hub was sent %s", kinds)
	}
	if c := ordered[[]exchange.Conflict](a, "conflicts", exchange.Order{}); len(c) > 0 {
		t.Errorf("%+v", c)
	}
}

// TestAServerThatWasAwayCatchesUp: its sender has forgotten its tasks long ago, and the others are not delayed.
func TestAServerThatWasAwayCatchesUp(t *testing.T) {
	h := newHouse(t, threeKenticos).start()
	hub, a, b := h.servers[0], h.servers[1], h.servers[2]
	b.twin.away()
	const changes = 30
	for i := range changes {
		a.twin.edit(fmt.Sprint("page-", i), "text")
	}
	if n, failed := a.twin.synchronize(t.Context()); n != changes || len(failed) > 0 {
		t.Fatalf("%d tasks, failed %q", n, failed)
	}
	until(t, func() string { return "the hub has them" }, func() bool { return len(hub.twin.calls()) == changes })
	if n := len(b.twin.calls()); n > 0 {
		t.Fatalf("%d tasks came to a server that is away", n)
	}
	b.twin.back(t)
	until(t, func() string { return fmt.Sprintf("it catches up: %d", len(b.twin.calls())) }, func() bool {
		ordered[exchange.Done](hub, "retry", exchange.Order{Target: "k2"}) // as an operator does, who saw it
		return len(b.twin.calls()) >= changes
	})
	h.quiet()
	for i := range changes {
		h.everywhere(fmt.Sprint("page-", i), "text")
	}
	if n := h.carried(); n != 2*changes || b.made() != changes {
		t.Errorf("%d tasks were carried out, %d changes are known", n, b.made())
	}
}
