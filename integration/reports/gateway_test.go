package reports

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// limit is how long anything may take.
const limit = 20 * time.Second

// gateway is a running one.
type gateway struct {
	d      *desk
	cmd    *exec.Cmd
	addr   string
	ca     string
	log    string // file
	listen []string
}

// started is what a gateway prints first.
type started struct {
	Listen []string `json:"listen"`
	CA     string   `json:"ca"`
}

// setup is what differs between the gateways of the reports.
type setup struct {
	host     string // 127.0.0.1 if empty
	port     string // 0 if empty
	hosts    string // YAML map; { allow: ["127.0.0.1"] } if empty
	node     string // of the engine; one that is not there if empty
	engine   string // more of its section
	upstream string // more of upstream's, behind a comma
	more     string // lines at the top level
}

// config writes the configuration of a gateway without an engine behind it.
func (d *desk) config(s setup) {
	d.t.Helper()
	or := func(s, instead string) string {
		if s == "" {
			return instead
		}
		return s
	}
	d.write("secret", "0f1e2d3c4b5a6978")
	d.write("gateway.yaml", fmt.Sprintf("listen: [\"%s:%s\"]\nnames: [\"live.example.com\"]\ndata: %s\nhosts: %s\n"+
		"engine:\n  browser_url: https://www.example.com\n  upstream: { nodes: [%q]%s }\n%s"+
		"peers: [{ name: staging, sites: [20143], logins: [\"publisher@example.com\"], secret: { file: secret } }]\ndrain: 100ms\nadmin: { listen: [\"unix:admin.sock\"] }\n%s",
		or(s.host, "127.0.0.1"), or(s.port, "0"), d.path("data"), or(s.hosts, `{ allow: ["127.0.0.1"] }`), or(s.node, "http://127.0.0.1:9"), s.upstream, s.engine, s.more))
}

// gateway starts one and ends it with the test.
func (d *desk) gateway(s setup) *gateway {
	d.t.Helper()
	d.config(s)
	g := &gateway{d: d, cmd: d.command("run", "--json", "--config", "gateway.yaml"), log: d.path("gateway.log")}
	log, err := os.Create(g.log)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { log.Close() })
	g.cmd.Stderr = log
	g.cmd.Cancel = func() error { return g.cmd.Process.Signal(os.Interrupt) }
	g.cmd.WaitDelay = limit
	out, err := g.cmd.StdoutPipe()
	if err == nil {
		err = g.cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = g.cmd.Process.Signal(os.Interrupt)
		_ = g.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var said started
	if err != nil || json.Unmarshal(line, &said) != nil || len(said.Listen) == 0 {
		d.t.Fatalf("the gateway printed %q, %v; log:\n%s", line, err, d.read("gateway.log"))
	}
	g.addr, g.ca, g.listen = said.Listen[0], said.CA, said.Listen
	return g
}

func (d *desk) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// shell runs a line of the operator's.
func (d *desk) shell(line string) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), "sh", "-ec", line)
	cmd.Dir = d.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// requires skips the test where a program is missing.
func requires(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s on the PATH", program)
	}
}

// trust returns what trusts the gateway.
func (g *gateway) trust() *tls.Config {
	g.d.t.Helper()
	pem, err := os.ReadFile(g.ca)
	if err != nil {
		g.d.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		g.d.t.Fatalf("%s holds no certificate", g.ca)
	}
	return &tls.Config{RootCAs: roots, ServerName: "live.example.com", MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// raw sends bytes behind an opening (such as that of the PROXY protocol) and TLS, and returns the answer.
func (g *gateway) raw(opening, request string) string {
	t := g.d.t
	t.Helper()
	plain, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(plain, opening); err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(plain, g.trust())
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil && len(text) == 0 {
		t.Fatal(err)
	}
	return string(text)
}

// answers holds the status of a raw request, and what the answer says, against what they must be.
func (g *gateway) answers(opening, request, status string, says ...string) {
	g.d.t.Helper()
	got := g.raw(opening, request)
	if _, rest, ok := strings.Cut(got, " "); !ok || !strings.HasPrefix(rest, status) {
		g.d.t.Errorf("%q is answered %q, want %s", request, got, status)
	}
	for _, s := range says {
		if !strings.Contains(got, s) {
			g.d.t.Errorf("%q is answered %q, which does not say %q", request, got, s)
		}
	}
}
