package liferay_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
)

// between is what stands between the publisher and the gateway.
type between struct {
	name, program string
	ends          bool // it ends TLS with a certificate of its own
	config        string
	args          []string
}

const haproxyBefore = `
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  mode MODE
frontend in
  bind FRONT BIND
  default_backend gateway
backend gateway
  server a BACK MORE
`

func haproxy(name, mode, bind, more string) between {
	return between{name: name, program: "haproxy", ends: bind != "", args: []string{"-q", "-db", "-f", "CONFIG"},
		config: strings.NewReplacer("MODE", mode, "BIND", bind, "MORE", more).Replace(haproxyBefore)}
}

var betweens = []between{
	{name: "nothing"},
	haproxy("HAProxy tcp", "tcp", "", ""),
	haproxy("HAProxy http", "http", "ssl crt DIR/pem", "ssl verify none"),
	{name: "nginx", program: "nginx", ends: true, args: []string{"-c", "CONFIG", "-p", "DIR", "-e", "DIR/error.log"}, config: `
daemon off; master_process off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u;
  scgi_temp_path DIR/s; client_max_body_size 0; ssl_certificate DIR/pem; ssl_certificate_key DIR/pem;
  upstream gateway { server BACK; keepalive 8; }
  server {
    listen FRONT ssl;
    location / { proxy_pass https://gateway; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host BACK; proxy_next_upstream off; }
  }
}
`},
}

// start runs it before the gateway and returns its address, and the file of the authority that its certificate comes from.
func (b between) start(t *testing.T, g *harness.Gateway) (addr, authority string) {
	t.Helper()
	path, _, _, _ := g.Node.CA()
	if b.program == "" {
		return g.Addr, path
	}
	program, err := harness.Find(b.program)
	if err != nil {
		t.Skipf("%s is not installed", b.program)
	}
	dir, addr := t.TempDir(), ports.Free(t)
	if b.ends {
		path = selfSigned(t, dir)
	}
	fill := strings.NewReplacer("FRONT", addr, "BACK", g.Addr, "DIR", dir, "CONFIG", filepath.Join(dir, "config"))
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(fill.Replace(b.config)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program)
	for _, a := range b.args {
		cmd.Args = append(cmd.Args, fill.Replace(a))
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for late := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr, path
		}
		if time.Now().After(late) {
			t.Fatalf("%s does not listen", b.name)
		}
	}
}

// selfSigned writes a certificate for this machine, which is its own authority, with its key into the file pem of the
// folder, and alone into the file that it returns.
func selfSigned(t *testing.T, dir string) (authority string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "balancer"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	both := append(cert[:len(cert):len(cert)], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	authority = filepath.Join(dir, "ca.pem")
	if err := errors.Join(os.WriteFile(authority, cert, 0o600), os.WriteFile(filepath.Join(dir, "pem"), both, 0o600)); err != nil {
		t.Fatal(err)
	}
	return authority
}

// heard is what the client says of a call.
type heard struct {
	outcome
	ResultDigest string `json:"resultDigest"`
}

// TestInteropOnce has the vendor's own client publish while its connections end at random places, by an end or a reset,
// within the call, behind it, and within the answer, straight and behind balancers. Each guarded call is carried out once at
// most, and exactly once where the client was told so; every answer is that of its own call.
func TestInteropOnce(t *testing.T) {
	c := newTomcat(t)
	must[outcome](c.server, "set", fields{"checkMD5": false})
	tried, again, twice, lost, foreign, nothing := 0, 0, 0, 0, 0, 0
	for _, b := range betweens {
		t.Run(b.name, func(t *testing.T) {
			c.server.t = t
			o := options(newest, secrets[0], c.address)
			o.Sites = "[any]"
			g := harness.Start(t, o)
			addr, authority := b.start(t, g)
			x := &cuttings{stage: c.stage, cutter: newCutter(t, addr), random: mathrand.New(mathrand.NewPCG(uint64(*seed), 17)),
				expected: map[string]int{}, spared: map[string]bool{}, places: map[string][]cut{}, number: int64(100_000 * tried)}
			x.client = straightTo(t, g, authority, x.cutter.flags()...)
			c.reset()
			x.parts = x.create()
			r := &onceRun{cuttings: x, said: map[string]heard{}}
			r.all(t, share(60, 2500))
			r.compare(t)
			tried, again = tried+r.cut, again+r.again
			twice, lost, foreign, nothing = twice+r.twice, lost+r.lost, foreign+r.foreign, nothing+r.nothing
		})
	}
	t.Logf("%d times the client sent a call again; %d answers were cut before their first object, and it made null of them", again, nothing)
	prove(t, "%d calls of the vendor's client whose connections ended at random places, straight and behind balancers, %d carried out twice", tried, twice)
	prove(t, "of these that the client was told of, %d were not carried out", lost)
	prove(t, "and of their answers, %d were those of other calls", foreign)
	if again == 0 || twice+lost+foreign > 0 {
		t.Errorf("%d again, %d twice, %d lost, %d foreign", again, twice, lost, foreign)
	}
}

// straightTo starts the newest client, which trusts that authority and asks the gateway at its own address.
func straightTo(t *testing.T, g *harness.Gateway, authority string, flags ...string) *program {
	t.Helper()
	p, a := launch[outcome](t, newest, "Publisher", with(secrets[0].settings(), fields{
		"baseURL": g.URL, "login": harness.Login, "trustPEM": authority,
	}), flags...)
	if !a.OK {
		p.died(fmt.Errorf("answered %+v", a))
	}
	return p
}

// onceRun is what happened to the calls of one client.
type onceRun struct {
	*cuttings
	said                 map[string]heard // by call
	guarded              map[string]bool
	twice, lost, foreign int
	nothing              int // answers that ended before their first object, of which the client made null
}

// all makes n calls whose connections are cut.
func (r *onceRun) all(t *testing.T, n int) {
	t.Helper()
	lengths := map[string][2]int64{}
	for _, call := range repeatable {
		lengths[call.name] = r.measure(t, call)
	}
	r.guarded = map[string]bool{}
	for i := range n {
		kind := repeatable[i%len(repeatable)]
		call := kind.make(r.cuttings)
		cuts := []cut{r.place(lengths[kind.name])}
		if r.random.IntN(6) == 0 {
			cuts = append(cuts, r.place(lengths[kind.name]))
		}
		r.cutter.arm(cuts...)
		id := key(call["method"].(string), call["args"].([]any))
		r.said[id], r.guarded[id], r.places[id] = do[heard](r.client, "call", call), kind.once, cuts
		sent, _ := r.cutter.attempts()
		r.cut++
		r.again += len(sent) - 1
	}
	r.cutter.arm()
}

// compare holds what the client was told against what the servlet carried out.
func (r *onceRun) compare(t *testing.T) {
	t.Helper()
	r.quiet(t)
	done, results := map[string]int{}, map[string]map[string]bool{}
	for _, x := range r.calls() {
		id := key(x.Method, x.values())
		if done[id]++; results[id] == nil {
			results[id] = map[string]bool{}
		}
		results[id][x.ResultDigest] = true
	}
	for id, said := range r.said {
		switch {
		case r.guarded[id] && done[id] > 1:
			r.twice++
			t.Errorf("%s was carried out %d times; cuts %+v", id, done[id], r.places[id])
		case said.OK && done[id] == 0:
			r.lost++
			t.Errorf("%s is said to be carried out and was not; cuts %+v", id, r.places[id])
		case !said.OK || results[id][said.ResultDigest]:
		case said.ResultDigest == digestOfNull && r.cutInAnswer(id):
			r.nothing++
		default:
			r.foreign++
			t.Errorf("%s was answered with the answer of another call: %s", id, said.ResultDigest)
		}
	}
}

// digestOfNull is that of null, which the vendor's client makes of an answer that ends before its first object: it takes
// any end for one that was meant.
const digestOfNull = "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"

// cutInAnswer reports whether a connection of that call ended behind the first byte of its answer.
func (r *onceRun) cutInAnswer(id string) bool {
	return slices.ContainsFunc(r.places[id], func(c cut) bool { return c.answer && c.at > 0 })
}

// quiet waits until the servlet carries nothing out any more: a call whose client is gone may still be under way.
func (r *onceRun) quiet(t *testing.T) {
	t.Helper()
	late := time.Now().Add(20 * time.Second)
	for before := int64(-1); time.Now().Before(late); {
		must[json.RawMessage](r.client, "call", r.ofSite("getGroup")) // a whole call behind all others
		now := r.counters().Executed
		if now == before+1 {
			return
		}
		before = now
	}
}
