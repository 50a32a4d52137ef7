package certs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/gateway/certs/trust"
)

// roots returns what trusts the CA of m.
func roots(t testing.TB, m *certs.Manager) *x509.CertPool {
	t.Helper()
	path, _, ok := m.CA()
	if !ok {
		t.Fatal("no CA")
	}
	data, err := os.ReadFile(path)
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		t.Fatalf("no certificate in %s", data)
	}
	return pool
}

func TestLocal(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.Local)
	cfg.Names = []string{"Gate.example.com", "gate", "gate.example.com"}
	cfg.IPs = []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7"),
		loopback}
	m := newManager(t, cfg)
	pool := roots(t, m)
	for _, name := range []string{"gate.example.com", "gate", "localhost", "192.0.2.7",
		"2001:db8::7", "127.0.0.1", "::1"} {
		state, err := handshake(t, m, &tls.Config{RootCAs: pool, ServerName: name})
		if err != nil {
			t.Errorf("client of %s: %v", name, err)
			continue
		}
		leaf := state.PeerCertificates[0]
		if leaf.PublicKeyAlgorithm != x509.ECDSA || leaf.IsCA ||
			time.Until(leaf.NotAfter) > 91*24*time.Hour {
			t.Errorf("certificate for %s: %v, CA %v, until %v", name, leaf.PublicKeyAlgorithm,
				leaf.IsCA, leaf.NotAfter)
		}
	}
	if _, err := handshake(t, m, &tls.Config{RootCAs: pool,
		ServerName: "other.example.com"}); err == nil {
		t.Error("a name that nobody asked for was verified")
	}
	if _, err := handshake(t, m, &tls.Config{RootCAs: x509.NewCertPool(),
		ServerName: "gate"}); err == nil {
		t.Error("a client that does not know the CA trusted it")
	}
	if end, err := m.Expiry(); err != nil || time.Until(end) < 89*24*time.Hour {
		t.Errorf("runs out %v, %v", end, err)
	}
}

func TestLocalCA(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.Local)
	m := newManager(t, cfg)
	path, fingerprint, _ := m.CA()
	data, err := os.ReadFile(path)
	must(t, err)
	block, rest := pem.Decode(data)
	if len(rest) > 0 || !filepath.IsAbs(path) {
		t.Errorf("%q holds more than one certificate: %q", path, rest)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	if !ca.IsCA || ca.MaxPathLen != 1 ||
		ca.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign ||
		time.Until(ca.NotAfter) < 3600*24*time.Hour {
		t.Errorf("CA certificate %+v", ca)
	}
	want := strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(ca.Raw)), " ",
		":"), ":")
	if fingerprint != want {
		t.Errorf("fingerprint %s, want %s", fingerprint, want)
	}
}

// TestSecondStart wants the same CA and the same certificate after a restart, and another
// certificate for other names.
func TestSecondStart(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.Local)
	cfg.Names = []string{"gate.example.com"}
	first, err := certs.New(context.Background(), cfg)
	must(t, err)
	_, fingerprint, _ := first.CA()
	leaf := shown(t, first, "localhost")
	first.Close()
	first.Close()
	path := filepath.Join(p.dir, "ca.pem")
	must(t, os.Remove(path))

	second := newManager(t, cfg)
	if _, again, _ := second.CA(); again != fingerprint {
		t.Error("another CA after a restart")
	}
	if !shown(t, second, "localhost").Equal(leaf) {
		t.Error("another certificate after a restart")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("ca.pem was not written again: %v", err)
	}
	pool := roots(t, second)
	cfg.Names = []string{"new.example.com"}
	must(t, second.Reload(context.Background(), cfg))
	if _, err := handshake(t, second, &tls.Config{RootCAs: pool,
		ServerName: "new.example.com"}); err != nil {
		t.Errorf("client of the new name: %v", err)
	}
	if _, again, _ := second.CA(); again != fingerprint {
		t.Error("another CA after a reload")
	}
}

// TestManyStarts begins several gateways on one empty store: they must end with one CA and one
// certificate.
func TestManyStarts(t *testing.T) {
	p := newPlace(t)
	const n = 4
	managers := make([]*certs.Manager, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			q := *p
			q.log = &bytes.Buffer{}
			var err error
			if managers[i], err = certs.New(context.Background(),
				q.config(certs.Local)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var serials []string
	for _, m := range managers {
		if m == nil {
			t.Fatal("a gateway did not start")
		}
		defer m.Close()
		serials = append(serials, shown(t, m, "localhost").SerialNumber.String())
	}
	if slices.Sort(serials); len(slices.Compact(serials)) != 1 {
		t.Errorf("certificates %v", serials)
	}
}

// TestRenewal opens a certificate that has a third of its life left, a little more, or none.
func TestRenewal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		age   int // days
		fresh bool
	}{
		{"a day before two thirds", 59, false}, {"a day after two thirds", 61, true},
		{"ran out", 100, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			cfg := p.config(certs.Local)
			cfg.Now = func() time.Time { return time.Now().AddDate(0, 0, -tt.age) }
			old, err := certs.New(context.Background(), cfg)
			must(t, err)
			before := shown(t, old, "localhost")
			old.Close()
			cfg.Now = time.Now
			m := newManager(t, cfg)
			after := shown(t, m, "localhost")
			if after.Equal(before) == tt.fresh {
				t.Errorf("renewed: %v, want %v", !after.Equal(before), tt.fresh)
			}
			if _, err := handshake(t, m, &tls.Config{RootCAs: roots(t, m),
				ServerName: "localhost"}); err != nil {
				t.Errorf("client: %v", err)
			}
		})
	}
}

func TestCARunsOut(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.Local)
	cfg.Now = func() time.Time { return time.Now().AddDate(-9, -11, 0) } // a month is left
	old, err := certs.New(context.Background(), cfg)
	must(t, err)
	path, _, _ := old.CA()
	old.Close()
	cfg.Now = time.Now
	m := newManager(t, cfg)
	if end, err := m.Expiry(); err != nil || time.Until(end) > 32*24*time.Hour {
		t.Errorf("certificate outlives its CA %s: %v, %v", path, end, err)
	}
	m.Close()
	cfg.Now = func() time.Time { return time.Now().AddDate(0, 2, 0) }
	if m, err := certs.New(context.Background(), cfg); err == nil ||
		!strings.Contains(err.Error(), "CA ran out") {
		t.Errorf("CA that ran out: %v, %v", m, err)
	}
}

// TestSealed looks for keys in the store, and changes what is there.
func TestSealed(t *testing.T) {
	ctx := context.Background()
	p := newPlace(t)
	cfg := p.config(certs.Local)
	newManager(t, cfg).Close()
	keys, err := p.db.Values().List(ctx, "", true)
	must(t, err)
	values := 0
	for _, key := range keys {
		value, err := p.db.Values().Load(ctx, key)
		if err != nil {
			continue // a folder
		}
		values++
		if bytes.Contains(value, []byte("PRIVATE KEY")) ||
			bytes.Contains(value, []byte("CERTIFICATE")) {
			t.Errorf("%s lies open in the store", key)
		}
	}
	if values < 4 {
		t.Fatalf("values in the store: %v", keys)
	}
	fi, err := os.Stat(filepath.Join(p.dir, "certificates.key"))
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("key file has mode %v", fi.Mode())
	}
	good, err := p.db.Values().Load(ctx, "local/ca.pem")
	must(t, err)
	for name, bad := range map[string][]byte{
		"flipped": append(good[:len(good)-1:len(good)-1], good[len(good)-1]^1), "short": good[:20],
		"empty": {}, "open": []byte("-----BEGIN"),
	} {
		must(t, p.db.Values().Store(ctx, "local/ca.pem", bad))
		if m, err := certs.New(ctx, cfg); err == nil {
			m.Close()
			t.Errorf("a %s CA was taken", name)
		}
	}
	must(t, p.db.Values().Store(ctx, "local/ca.pem", good))
	newManager(t, cfg).Close()
	must(t, os.WriteFile(filepath.Join(p.dir, "certificates.key"), []byte(strings.Repeat("ab", 32)),
		0o600))
	if m, err := certs.New(ctx, cfg); err == nil ||
		!strings.Contains(err.Error(), "bring that file back") {
		t.Errorf("with another key file: %v, %v", m, err)
	}
	must(t, os.WriteFile(filepath.Join(p.dir, "certificates.key"), []byte("short"), 0o600))
	if _, err := certs.New(ctx, cfg); err == nil {
		t.Error("a damaged key file was taken")
	}
}

// serve answers HTTP with m's certificates and returns the port.
func serve(t *testing.T, m *certs.Manager) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter,
			_ *http.Request) {
			fmt.Fprint(w, "hello")
		}), TLSConfig: m.TLSConfig(),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeTLS(ln, "", "")
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	_, port, err := net.SplitHostPort(ln.Addr().String())
	must(t, err)
	return port
}

func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not on the PATH: nothing was tried with a JVM", name)
	}
}

// TestKeytool runs the printed line, on a trust store of its own, and lets a JVM connect with it
// and without.
func TestKeytool(t *testing.T) {
	tool(t, "keytool")
	tool(t, "sh")
	p := newPlace(t)
	p.dir = filepath.Join(p.dir, "it's a folder")
	must(t, os.Mkdir(p.dir, 0o700))
	m := newManager(t, p.config(certs.Local))
	line := m.KeytoolLine()
	cacerts := filepath.Join(t.TempDir(), "cacerts")
	own := strings.Replace(line, " -cacerts ", " -keystore "+cacerts+" ", 1)
	if own == line {
		t.Fatalf("line %q does not name the JVM's own trust store", line)
	}
	if out, err := exec.Command("sh", "-c", own).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", own, err, out)
	}
	out, err := exec.Command("keytool", "-list", "-keystore", cacerts, "-storepass",
		"changeit").CombinedOutput()
	must(t, err)
	if _, fingerprint, _ := m.CA(); !bytes.Contains(out, []byte(fingerprint)) {
		t.Errorf("keytool does not show the fingerprint %s: %s", fingerprint, out)
	}

	a, err := trust.Read(filepath.Join(p.dir, certs.CAFile))
	must(t, err)
	for _, line := range a.Commands()[1:] { // those of Java 7 and 8
		home := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(home, "jre/lib/security"), 0o700))
		must(t, os.MkdirAll(filepath.Join(home, "lib/security"), 0o700))
		cmd := exec.Command("sh", "-c", line.Line)
		cmd.Env = append(os.Environ(), "JAVA_HOME="+home)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line.Line, err, out)
		}
	}

	tool(t, "java")
	tool(t, "javac")
	port := serve(t, m)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		url := "https://" + host + ":" + port + "/"
		out, err := exec.Command("java", "-Djavax.net.ssl.trustStore="+cacerts,
			"-Djavax.net.ssl.trustStorePassword=changeit",
			"testdata/Client.java", url).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("200 TLS_")) ||
			!bytes.Contains(out, []byte("hello")) {
			t.Errorf("JVM at %s: %v\n%s", url, err, out)
		}
	}
	out, err = exec.Command("java", "testdata/Client.java",
		"https://localhost:"+port+"/").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("SSLHandshakeException")) {
		t.Errorf("JVM that does not know the CA: %v\n%s", err, out)
	}
}
