package reports

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// certificate writes NAME.pem and NAME.key for a name, good for so long from now on.
func (d *desk) certificate(file, name string, from, until time.Duration) {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until), BasicConstraintsValid: true, IsCA: true}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.DNSNames, tmpl.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		d.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(file+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	d.write(file+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

const day = 24 * time.Hour

// logged returns the lines of the gateway's log that are warnings, once there are as many.
func (g *gateway) logged(count int) []string {
	g.d.t.Helper()
	for end := time.Now().Add(limit); ; <-time.After(10 * time.Millisecond) {
		var found []string
		for l := range strings.Lines(g.d.read("gateway.log")) {
			if strings.Contains(l, "level=warning") && !strings.Contains(l, "live engine") {
				found = append(found, strings.TrimSpace(l))
			}
		}
		if len(found) >= count || time.Now().After(end) {
			return found
		}
	}
}

func tlsFailures() []report {
	entries := plain(manifest)
	const kind = "first failures leave a trace"
	trace := func(name string, fail func(t *testing.T, g *gateway), says ...string) report {
		return report{"46-no-trace-of-tls-failures/" + name, kind, func(t *testing.T, d *desk) {
			g := d.gateway(setup{})
			fail(t, g)
			said := strings.Join(g.logged(1), "\n")
			for _, s := range append(says, "127.0.0.1") {
				if !strings.Contains(said, s) {
					t.Errorf("the log does not say %q:\n%s", s, said)
				}
			}
			fail(t, g) // once a minute an address
			fail(t, g)
			if n := len(g.logged(1)); n != 1 {
				t.Errorf("%d lines in the log:\n%s", n, strings.Join(g.logged(1), "\n"))
			}
		}}
	}
	handshake := func(c *tls.Config) func(*testing.T, *gateway) {
		return func(t *testing.T, g *gateway) {
			if conn, err := tls.Dial("tcp", g.addr, c); err == nil {
				conn.Close()
				t.Error("the handshake succeeded")
			}
		}
	}
	openssl := func(version string) func(*testing.T, *gateway) {
		return func(t *testing.T, g *gateway) {
			requires(t, "openssl")
			cmd := exec.CommandContext(t.Context(), "openssl", "s_client", "-connect", g.addr, "-servername", "live.example.com", version, "-verify_return_error")
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("the handshake succeeded: %s", out)
			}
		}
	}
	distrust := []string{"hello.untrusted", "stagelock ca prints the commands"}
	plain := func(request string) func(*testing.T, *gateway) {
		return func(t *testing.T, g *gateway) {
			conn, err := net.Dial("tcp", g.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") || !strings.Contains(string(got), "this port speaks TLS") {
				t.Errorf("answered %q, %v", got, err)
			}
		}
	}
	client := func(_ *testing.T, g *gateway) {
		g.d.lar("site.lar", entries)
		g.d.expect(69, []string{"nothing was sent", "what to do: ", "write https:// in the address"},
			"publish", "site.lar", "--to", "http://"+g.addr, "--site", "20143", "--login", "publisher@example.com", "--secret-file", "secret")
	}
	return []report{
		trace("plain HTTP, publish", client, "TLS"),
		trace("untrusted authority", handshake(&tls.Config{ServerName: "live.example.com", MinVersion: tls.VersionTLS12}), distrust...),
		trace("untrusted authority, TLS 1.2", handshake(&tls.Config{ServerName: "live.example.com", MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}), distrust...),
		trace("untrusted authority, OpenSSL", openssl("-tls1_3"), distrust...),
		trace("untrusted authority, OpenSSL with TLS 1.2", openssl("-tls1_2"), distrust...),
		trace("plain HTTP", plain("POST /api/liferay/do HTTP/1.1\r\nHost: live.example.com\r\nContent-Length: 1\r\n\r\nx"), "TLS"),
		trace("plain HTTP, GET", plain("GET / HTTP/1.0\r\n\r\n"), "TLS"),
		trace("TLS 1.0", handshake(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}), "hello.version", "-Dhttps.protocols=TLSv1.2"),
		trace("TLS 1.1", handshake(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}), "hello.version"),
	}
}

func certificates() []report {
	const ca, acme, knows = "the printed keytool lines", "settings that cannot work together", "validate knows what run knows"
	files := func(name, host string, from, until time.Duration, code int, says ...string) report {
		return report{"51-validate-knows-less-than-run/" + name, knows, func(_ *testing.T, d *desk) {
			d.certificate("front", host, from, until)
			d.config(setup{more: "tls: { source: files, certificate: front.pem, key: front.key }\n"})
			d.expect(code, says, "validate", "--config", "gateway.yaml")
		}}
	}
	challenge := func(name, refuse, settings string, code int, says ...string) report {
		return report{"50-acme-and-drop/" + name, acme, func(_ *testing.T, d *desk) {
			d.config(setup{port: "8443", hosts: `{ allow: ["10.1.2.3"], refuse: ` + refuse + ` }`, more: "tls: { source: acme, acme: { email: ops@example.com" + settings + " } }\n"})
			d.expect(code, says, "validate", "--config", "gateway.yaml")
		}}
	}
	named := func(name, host, settings string, code int, says ...string) report {
		return report{"50-acme-and-drop/" + name, acme, func(_ *testing.T, d *desk) {
			d.config(setup{port: "443", host: "0.0.0.0", hosts: `{ allow: ["10.1.2.3"] }`, more: "tls: { source: acme, acme: { email: ops@example.com" + settings + " } }\n"})
			d.write("gateway.yaml", strings.Replace(d.read("gateway.yaml"), `["live.example.com"]`, `["`+host+`"]`, 1))
			d.expect(code, says, "validate", "--config", "gateway.yaml")
		}}
	}
	broken := func(name, line, says string, code int) report {
		return report{"51-validate-knows-less-than-run/" + name, knows, func(t *testing.T, d *desk) {
			requires(t, "openssl")
			d.certificate("front", "live.example.com", -day, 90*day)
			d.shell(line)
			d.config(setup{more: "tls: { source: files, certificate: front.pem, key: front.key }\n"})
			d.expect(code, []string{says}, "validate", "--config", "gateway.yaml")
		}}
	}
	return []report{
		broken("for clients only", `openssl req -x509 -newkey rsa:2048 -nodes -keyout front.key -out front.pem -days 90 -subj /CN=x -addext subjectAltName=DNS:live.example.com -addext extendedKeyUsage=clientAuth 2>/dev/null; chmod 600 front.key`,
			"tls.certificate is not for servers", 0),
		broken("a key with a password", "openssl pkey -in front.key -aes128 -passout pass:x -out new; mv new front.key; chmod 600 front.key", "tls.key is encrypted with a password", 78),
		broken("DER", "openssl x509 -in front.pem -outform der -out new; mv new front.pem", "tls.certificate is not PEM: convert it with openssl x509 -inform der", 78),
		{"47-keytool-line-java8", ca, func(t *testing.T, d *desk) {
			g := d.gateway(setup{})
			d.expect(0, []string{"-cacerts", `-keystore "$JAVA_HOME/jre/lib/security/cacerts"`, g.ca}, "ca", "--config", "gateway.yaml")
			requires(t, "keytool")
			for l := range strings.Lines(d.tail) {
				if l = strings.TrimSpace(l); strings.HasPrefix(l, "keytool ") && strings.Contains(l, "jre/lib") {
					d.shell("mkdir -p home/jre/lib/security; JAVA_HOME=$PWD/home; " + l + " 2>&1; keytool -list -keystore home/jre/lib/security/cacerts -storepass changeit 2>&1 | grep -q stagelock")
				}
			}
		}},
		challenge("reported", "drop", "", 78, "hosts.refuse is drop", "there would never be a certificate"),
		challenge("answer", "answer", "", 0, "port 443"),
		challenge("http-01", "drop", ", challenge: http-01", 0),
		named("a bare name", "live", "", 78, "names[0] is a name of one house, for which no public authority gives a certificate"),
		named("a name of the house", "live.acme.local", "", 78, "names[0] is a name of one house"),
		named("a name of the house, by its own authority", "live.acme.local", ", directory: https://ca.acme.local/acme/directory", 0, "The configuration can be used."),
		files("ran out", "live.example.com", -2*day, -day, 78, "tls.certificate ran out on"),
		files("not valid yet", "live.example.com", day, 90*day, 78, "tls.certificate is valid from"),
		files("ends soon", "live.example.com", -day, 3*day, 0, "warning: tls.certificate runs out on"),
		files("another name", "other.example.org", -day, 90*day, 0, "names[0] is not a name of the certificate, which is for other.example.org"),
		files("good", "live.example.com", -day, 90*day, 0, "The configuration can be used."),
		{"51-validate-knows-less-than-run/another key", knows, func(_ *testing.T, d *desk) {
			d.certificate("front", "live.example.com", -day, 90*day)
			d.certificate("other", "live.example.com", -day, 90*day)
			d.config(setup{more: "tls: { source: files, certificate: front.pem, key: other.key }\n"})
			d.expect(78, []string{"tls.key"}, "validate", "--config", "gateway.yaml")
		}},
		{"51-validate-knows-less-than-run/reference", knows, func(_ *testing.T, d *desk) {
			d.expect(0, []string{"SIGHUP"}, "config", "reference")
		}},
	}
}

func privateAuthorities() []report {
	const kind = "an engine behind its house's authority"
	behind := func(name, settings string, trusted bool) report {
		return report{"48-upstream-private-ca/" + name, kind, func(t *testing.T, d *desk) {
			asked := make(chan struct{}, 100)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				select {
				case asked <- struct{}{}:
				default:
				}
			}))
			d.certificate("engine", "127.0.0.1", -time.Hour, day)
			pair, err := tls.LoadX509KeyPair(d.path("engine.pem"), d.path("engine.key"))
			if err != nil {
				t.Fatal(err)
			}
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
			s.StartTLS()
			defer s.Close()
			d.gateway(setup{node: s.URL, upstream: settings})
			if trusted {
				select {
				case <-asked:
				case <-time.After(limit):
					t.Errorf("the engine is not asked how it is:\n%s", d.read("gateway.log"))
				}
				return
			}
			for end := time.Now().Add(limit); !strings.Contains(d.read("gateway.log"), "engine.upstream.ca"); <-time.After(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the cure is not said:\n%s", d.read("gateway.log"))
				}
			}
		}}
	}
	return []report{behind("unknown", "", false), behind("named", ", ca: engine.pem", true)}
}
