package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/integration/ports"
)

// pebble is an ACME server that runs beside the test.
type pebble struct {
	directory, roots, management string
	cmd                          *exec.Cmd
}

// startPebble starts the binary that TEST_PEBBLE names; it looks for challenges at those ports
// of 127.0.0.1.
func startPebble(t *testing.T, tlsPort, httpPort int) *pebble {
	t.Helper()
	bin := os.Getenv("TEST_PEBBLE")
	if bin == "" {
		t.Skip("TEST_PEBBLE does not name a pebble binary: no ACME server was tried")
	}
	own := valid(t, "localhost", ecKey(t))
	listen, manage := ports.Free(t), ports.Free(t)
	conf, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "certificate": own.cert,
		"privateKey": own.key,
		"httpPort":   httpPort, "tlsPort": tlsPort,
	}})
	must(t, err)
	path := filepath.Join(t.TempDir(), "pebble.json")
	must(t, os.WriteFile(path, conf, 0o600))
	cmd := exec.Command(bin, "-config", path, "-dnsserver", serveDNS(t))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	must(t, cmd.Start())
	p := &pebble{"https://localhost" + listen[len("127.0.0.1"):] + "/dir", own.cert,
		"https://localhost" + manage[len("127.0.0.1"):], cmd}
	t.Cleanup(p.stop)
	for { // until it listens
		conn, err := net.Dial("tcp", manage)
		if err == nil {
			must(t, conn.Close())
			return p
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func (p *pebble) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// root returns what trusts the certificates that p issues.
func (p *pebble) root(t *testing.T) *x509.CertPool {
	t.Helper()
	own, err := os.ReadFile(p.roots)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(own)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(p.management + "/roots/0")
	must(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		t.Fatalf("root of pebble: %s", data)
	}
	return roots
}

func port(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	must(t, err)
	return a.Port
}

// serveDNS answers over TCP, as pebble asks, that every name is 127.0.0.1.
func serveDNS(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerDNS(conn)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String()
}

// answerDNS answers messages that have their length before them.
func answerDNS(conn net.Conn) {
	defer conn.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer, err := dnsAnswer(query)
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(length[:], uint16(len(answer)))
		if _, err := conn.Write(append(length[:], answer...)); err != nil {
			return
		}
	}
}

func dnsAnswer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	for _, q := range m.Questions {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			})
		}
	}
	return m.Pack()
}

// obtained tells of each certificate that was obtained.
type obtained chan string

func (o obtained) Levels() []logrus.Level { return []logrus.Level{logrus.InfoLevel} }

func (o obtained) Fire(e *logrus.Entry) error {
	if e.Message == "certificate obtained" {
		o <- e.Data["name"].(string)
	}
	return nil
}

// listen serves handshakes with m's configuration until the test ends.
func listen(t *testing.T) (addr string, use func(m *certs.Manager)) {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	must(t, err)
	done, start := make(chan struct{}), make(chan *certs.Manager, 1)
	go func() {
		defer close(done)
		m := <-start
		for m != nil {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = tls.Server(conn, m.TLSConfig()).Handshake()
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		close(start)
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String(), func(m *certs.Manager) { start <- m }
}

// TestACME obtains certificates from a real ACME server by each challenge, then starts again while
// that server is gone.
func TestACME(t *testing.T) {
	for _, challenge := range []certs.Challenge{certs.ChallengeTLS, certs.ChallengeHTTP} {
		t.Run(string(challenge), func(t *testing.T) {
			addr, use := listen(t)
			httpPort := port(t, ports.Free(t))
			server := startPebble(t, port(t, addr), httpPort)
			p := newPlace(t)
			cfg := p.config(certs.ACME)
			got := make(obtained, 10)
			cfg.Log.Logger.AddHook(got)
			cfg.Names = []string{"gate.example.com", "other.example.com"}
			cfg.ACME = certs.ACMEConfig{
				Email: "ops@example.com", Directory: server.directory, Roots: server.roots,
				Challenge: challenge, Port: port(t, addr),
			}
			if challenge == certs.ChallengeHTTP {
				cfg.ACME.Port = httpPort
			}
			m := newManager(t, cfg)
			if _, err := m.Expiry(); err == nil {
				t.Error("a certificate is there at once")
			}
			use(m)
			names := map[string]bool{<-got: true, <-got: true}
			if !names[cfg.Names[0]] || !names[cfg.Names[1]] {
				t.Errorf("obtained %v", names)
			}
			roots := server.root(t)
			server.stop()
			m.Close()

			again := newManager(t, cfg)
			for _, name := range cfg.Names {
				waitFor(t, again)
				if _, err := handshake(t, again,
					&tls.Config{RootCAs: roots, ServerName: name}); err != nil {
					t.Errorf("client of %s: %v", name, err)
				}
			}
		})
	}
}

// waitFor tries until m has its certificates from the store.
func waitFor(t *testing.T, m *certs.Manager) {
	t.Helper()
	for t.Context().Err() == nil {
		if _, err := m.Expiry(); err == nil {
			return
		}
	}
}

// TestACMEServerDown starts while nothing listens there: it starts, and says what is missing.
func TestACMEServerDown(t *testing.T) {
	p := newPlace(t)
	cfg := p.config(certs.ACME)
	cfg.Names = []string{"gate.example.com"}
	cfg.ACME.Directory = "https://" + ports.Free(t) + "/dir"
	m, err := certs.New(context.Background(), cfg)
	must(t, err)
	if _, err := m.Expiry(); err == nil {
		t.Error("a certificate came from nowhere")
	}
	m.Close()
}
