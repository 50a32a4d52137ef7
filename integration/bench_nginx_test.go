package integration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

var (
	nginxPath = flag.String("nginx", "", "nginx to measure the gateway beside; none by default")
	rounds    = flag.Int("rounds", 5, "rounds of a measurement beside nginx")
	cpuFile   = flag.String("gatewaycpu", "", "file for a CPU profile of the gateway beside nginx")
	period    = flag.Duration("period", 3*time.Second, "length of one measurement beside nginx")
)

// ticks is how many of the kernel's ticks of CPU time are a second, on every Linux that Go runs on.
const ticks = 100

// nginxConfig is nginx as somebody would set it up who wants it fast: nothing is spooled,
// connections to the engine are kept.
const nginxConfig = `daemon off; worker_processes 2; error_log stderr error; pid %[1]s/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 0; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; keepalive_requests 100000000;
  upstream engine { server %[2]s; keepalive 64; keepalive_requests 100000000; }
  server {
    listen %[3]s ssl; ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem; ssl_protocols TLSv1.3;
    location / {
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host %[2]s;
      proxy_request_buffering off; client_body_buffer_size 1m;
    }
  }
}
`

// rival is a proxy in processes of its own.
type rival struct {
	name string
	addr string
	tls  *tls.Config
	pid  int // of the process, whose children count too
}

// cpu returns the CPU time that the rival's processes have used.
func (r rival) cpu(t testing.TB) time.Duration {
	t.Helper()
	var all time.Duration
	for _, pid := range append(children(t, r.pid), r.pid) {
		text := string(readFile(t, fmt.Sprintf("/proc/%d/stat", pid)))
		f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		user, err := strconv.Atoi(f[11])
		system, err2 := strconv.Atoi(f[12])
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		all += time.Duration(user+system) * time.Second / ticks
	}
	return all
}

func children(t testing.TB, pid int) []int {
	t.Helper()
	var all []int
	text := readFile(t, fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, child)
	}
	return all
}

// measured is one measurement.
type measured struct{ rate, micros float64 } // calls a second, CPU microseconds of the proxy a call

func (r rival) measure(t testing.TB, conns int, request []byte) measured {
	t.Helper()
	var all []*caller
	for range conns {
		c, err := newCaller(t.Context(), r.addr, r.tls, request)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		defer c.conn.Close()
		all = append(all, c)
	}
	before, start := r.cpu(t), time.Now()
	n, err := during(*period, all)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	took, used := time.Since(start), r.cpu(t)-before
	return measured{float64(n) / took.Seconds(), float64(used.Microseconds()) / float64(n)}
}

func median(all []measured, of func(measured) float64) float64 {
	var values []float64
	for _, m := range all {
		values = append(values, of(m))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// The gateway is measured beside nginx, which passes on whatever comes: A B A B, medians. go test
// -run BesideNginx -v -nginx /usr/sbin/nginx ./integration
func TestBesideNginx(t *testing.T) {
	if *nginxPath == "" {
		t.Skip("no nginx was named with -nginx")
	}
	engine, err := startChild(errand{Stub: true})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Stop()
	process, g := startProcess(t, harness.Options{Upstream: "http://" + engine.Addr, Extra: unhurried},
		errand{CPU: *cpuFile})
	rivals := []rival{startNginx(t, engine.Addr), {"stagelock", g.Addr, g.TLS, process.Cmd.Process.Pid}}

	j := newJavaClient(g, harness.NewKey(t, harness.Secret))
	small := j.smallCall(t, "hasRemoteLayout", benchUUID, int64(harness.Site), false)
	for _, conns := range []int{1, 16} {
		beside(t, fmt.Sprintf("small call of %d bytes, %d connections", len(small), conns), rivals, conns, small)
	}
	if _, err := j.do(t.Context(), "createStagingRequest", int64(harness.Site), benchMD5); err != nil {
		t.Fatal(err)
	}
	j.close()
	part := j.partCall(t, benchID, "3c0d.zip00", make([]byte, 10<<20))
	beside(t, "part of 10 MiB, 1 connection", rivals, 1, part)
	for _, r := range rivals {
		peak := int64(0)
		for _, pid := range append(children(t, r.pid), r.pid) {
			peak += resident(t, pid)
		}
		t.Logf("%s: peak resident %.1f MiB", r.name, mib(peak))
	}
}

// beside prints what the rivals make of a request.
func beside(t *testing.T, what string, rivals []rival, conns int, request []byte) {
	t.Helper()
	all := make([][]measured, len(rivals))
	for range *rounds {
		for i, r := range rivals {
			all[i] = append(all[i], r.measure(t, conns, request))
		}
	}
	rates := make([]float64, len(rivals))
	for i, r := range rivals {
		rate := median(all[i], func(m measured) float64 { return m.rate })
		micros := median(all[i], func(m measured) float64 { return m.micros })
		rates[i] = rate
		t.Logf("%s: %s %.0f calls/s, %.1f MB/s, %.0f µs of CPU a call", what, r.name, rate, rate*float64(len(request))/1e6, micros)
	}
	t.Logf("%s: ratio %.2f", what, rates[1]/rates[0])
}

func startNginx(t *testing.T, engine string) rival {
	t.Helper()
	dir := t.TempDir()
	roots := selfSigned(t, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0") // nginx cannot choose a port: take one that was free
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, dir, engine, addr), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(*nginxPath, "-c", file, "-p", dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	r := rival{"nginx", addr, config, cmd.Process.Pid}
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := tls.Dial("tcp", addr, r.tls)
		if err == nil {
			_ = c.Close()
			return r
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not answer: %v", err)
		}
	}
}

// selfSigned writes a P-256 certificate and its key to dir.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nginx"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}
