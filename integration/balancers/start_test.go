package balancers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
)

// host is the name under which publishers know the live side.
const host = "live.example.com"

// limit is how long anything may take.
const limit = 60 * time.Second

// balancer is one of the configurations here, as it is run in a test.
type balancer struct {
	name    string
	file    string   // the configuration that the page shows
	program string   // whose absence skips
	args    []string // with DIR and CONF
	around  string   // what stands around the file, with DIR, and FILE for it
	change  []string // pairs of what is replaced in the file, for a test
	through bool     // TLS goes through to the gateway
	hosts   string   // what the gateway knows of it, a line of YAML under hosts
	allow   string   // a YAML list; of this machine if empty
	probed  string   // in what it says of its probes once a probe of the gateway's health went well; empty: none is made
	stop    os.Signal
	logTo   io.Writer // of the gateway
}

const nginxAround = `daemon off; master_process off; worker_processes 1; pid DIR/pid; error_log DIR/log;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy;
  fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
FILE
}
`

const haproxyAround = `global
    stats socket DIR/stats
FILE
`

const apacheAround = `ServerRoot DIR
PidFile DIR/pid
ErrorLog DIR/log
LogLevel warn proxy_hcheck:debug
Mutex file:DIR default
DefaultRuntimeDir DIR
ServerName localhost
Listen FRONT
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule reqtimeout_module MODULES/mod_reqtimeout.so
LoadModule ssl_module MODULES/mod_ssl.so
LoadModule proxy_module MODULES/mod_proxy.so
LoadModule proxy_http_module MODULES/mod_proxy_http.so
LoadModule proxy_balancer_module MODULES/mod_proxy_balancer.so
LoadModule lbmethod_byrequests_module MODULES/mod_lbmethod_byrequests.so
LoadModule slotmem_shm_module MODULES/mod_slotmem_shm.so
LoadModule proxy_hcheck_module MODULES/mod_proxy_hcheck.so
<IfModule !watchdog_module>
LoadModule watchdog_module MODULES/mod_watchdog.so
</IfModule>
User www-data
Group www-data
FILE
`

// trusted is what a gateway knows of a balancer that ends TLS.
const trusted = `trusted_proxies: ["127.0.0.1"]`

func nginx(name string, change ...string) balancer {
	return balancer{name: name, file: "nginx.conf", program: "nginx", args: []string{"-c", "CONF", "-p", "DIR", "-e", "DIR/log"},
		around: nginxAround, change: change, hosts: trusted}
}

func haproxy(name, file, hosts string, change ...string) balancer {
	return balancer{name: name, file: file, program: "haproxy", args: []string{"-db", "-f", "CONF"}, around: haproxyAround,
		change: change, through: file == "haproxy-tcp.cfg", hosts: hosts, probed: ",L7OK,200,"}
}

func apache(name string, change ...string) balancer {
	return balancer{name: name, file: "apache.conf", program: "apache2", args: []string{"-d", "DIR", "-f", "CONF", "-DFOREGROUND"},
		around: apacheAround, change: change, hosts: trusted, probed: "Health check GET Status (0)", stop: syscall.SIGTERM}
}

// running is a balancer in front of a gateway.
type running struct {
	balancer
	addr  string
	dir   string
	roots *x509.CertPool // that its publishers trust
}

// start runs the balancer in front of g.
func (b balancer) start(t *testing.T, g *harness.Gateway) *running {
	t.Helper()
	path, err := harness.Find(b.program)
	if err != nil {
		t.Skipf("%s is not installed", b.program)
	}
	for range 3 { // the port that was free may be another's by now
		if r := b.try(t, path, g); r != nil {
			return r
		}
	}
	t.Fatalf("%s does not start", b.program)
	return nil
}

func (b balancer) try(t *testing.T, path string, g *harness.Gateway) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "balancer") // t.TempDir is too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r := &running{balancer: b, addr: ports.Free(t), dir: dir}
	r.roots = r.certificates(t, g)
	conf := filepath.Join(r.dir, "conf")
	fill := strings.NewReplacer("DIR", r.dir, "CONF", conf, "FRONT", r.addr, "MODULES", modules())
	r.write(t, "conf", fill.Replace(strings.Replace(b.around, "FILE", r.text(t, g), 1)))
	cmd := exec.Command(path)
	for _, a := range b.args {
		cmd.Args = append(cmd.Args, fill.Replace(a))
	}
	log, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		if b.stop == nil {
			b.stop = os.Kill
		}
		_ = cmd.Process.Signal(b.stop)
		<-ended
	})
	for end := time.Now().Add(limit); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if conn, err := net.Dial("tcp", r.addr); err == nil {
			conn.Close()
			return r
		}
		select {
		case <-ended:
			t.Logf("%s ended: %s", b.program, r.log())
			return nil
		default:
		}
	}
	return nil
}

// probes is what the balancer says of its probes.
func (r *running) probes(t *testing.T) string {
	t.Helper()
	if r.program != "haproxy" {
		return r.log()
	}
	conn, err := net.Dial("unix", filepath.Join(r.dir, "stats"))
	if err != nil {
		return err.Error() // it begins to listen before it makes its socket
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "show stat\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// text is the file with what a test has in place of an operator's addresses and paths.
func (r *running) text(t *testing.T, g *harness.Gateway) string {
	t.Helper()
	b, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(r.change); i += 2 {
		if !strings.Contains(text, r.change[i]) {
			t.Fatalf("%s does not have %q", r.file, r.change[i])
		}
		text = strings.ReplaceAll(text, r.change[i], r.change[i+1])
	}
	return strings.NewReplacer("10.0.0.10:8443", g.Addr, "listen 443", "listen "+r.addr, "bind :443", "bind "+r.addr, "*:443", r.addr,
		"/etc/nginx", r.dir, "/etc/haproxy", r.dir, "/etc/apache2", r.dir).Replace(text)
}

// modules is where Apache's modules lie.
func modules() string {
	for _, dir := range []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2"} {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return "modules"
}

func (r *running) log() string {
	text, err := os.ReadFile(filepath.Join(r.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (r *running) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificates writes the balancer's own, and the gateway's authority, and returns what publishers
// trust.
func (r *running) certificates(t *testing.T, g *harness.Gateway) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if r.program == "haproxy" { // one file for both
		r.write(t, "live.pem", string(cert)+string(text))
	} else {
		r.write(t, "live.pem", string(cert))
		r.write(t, "live.key", string(text))
	}
	path, _, _, ok := g.Node.CA()
	if !ok {
		t.Fatal("the gateway has no authority of its own")
	}
	authority, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer authority.Close()
	ca, err := io.ReadAll(authority)
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "stagelock-ca.pem", string(ca))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	if r.through {
		return g.TLS.RootCAs
	}
	return roots
}
