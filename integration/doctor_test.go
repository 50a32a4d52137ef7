package integration_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/integration/ports"
)

const far = 999 * time.Hour

// broken are worlds with one thing wrong. The finding is by its id, with words of it, its cure or its
// place.
var broken = []struct {
	name  string
	world world
	id    string
	says  []string
}{
	{"the name has no address", world{look: byName("live.example.com")}, "dns", []string{"has no address", "Remote Host"}},
	{"a JVM of IPv4 for a name of IPv6", world{setenv: "#\nCATALINA_OPTS=\"$CATALINA_OPTS -Djava.net.preferIPv4Stack=true\"\n",
		look: byName("live.example.com", "2001:db8::7")}, "jvm.ipv4", []string{"IPv6 addresses only", "setenv.sh:2", "remove -Djava.net.preferIPv4Stack=true"}},
	{"nothing listens", world{look: undialable(syscall.ECONNREFUSED)}, "tcp", []string{"refuses connections"}},
	{"a firewall drops", world{look: undialable(context.DeadlineExceeded)}, "tcp", []string{"no answer in 3s", "a firewall drops it"}},
	{"there is no route", world{look: undialable(syscall.EHOSTUNREACH)}, "tcp", []string{"no way to", "routes"}},
	{"http is entered", world{look: set(func(c *doctor.Config) { c.To.Scheme = "http" })}, "scheme", []string{"in the clear", "Use a Secure Network Connection"}},

	{"the port of http", world{look: inPlace(func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	})}, "tls", []string{"not with TLS", "port of https"}},
	{"TLS 1.0", world{look: speaking(tls.VersionTLS10)}, "tls.version", []string{"no TLS 1.2"}},
	{"TLS 1.1", world{look: speaking(tls.VersionTLS11)}, "tls.version", []string{"no TLS 1.2"}},
	{"it hangs up, as on a stranger that is dropped", world{look: inPlace(hangUp)}, "tls", []string{"closed before TLS begins", "hosts.allow"}},
	{"it says nothing", world{look: func(t *testing.T, g *harness.Gateway, c *doctor.Config) {
		c.Patience = 200 * time.Millisecond
		inPlace(func(c net.Conn) { _, _ = io.Copy(io.Discard, c); c.Close() })(t, g, c)
	}}, "tls", []string{"says nothing"}},
	{"the certificate ran out", world{look: shows(true, "127.0.0.1", -time.Hour)}, "tls.expiry", []string{"ran out on", "renew it"}},
	{"the certificate ends soon", world{look: shows(true, "127.0.0.1", 48*time.Hour)}, "tls.expiry", []string{"ends on"}},
	{"the certificate is for another name", world{look: shows(true, "other.example.com", far)}, "tls.name", []string{"not for 127.0.0.1", "names"}},
	{"nobody knows the authority", world{look: shows(false, "127.0.0.1", far)}, "tls.chain", []string{`issued by "house"`, "--ca"}},
	{"no intermediate certificate", world{look: shows(false, "127.0.0.1", far, "http://ca.example.com/intermediate.crt")}, "tls.chain",
		[]string{"no intermediate certificate", "whole chain"}},
	{"the JVM does not trust it", world{look: func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		c.Truststore = writeAuthority(t, issue(t, "a", far).authority)
	}}, "tls.jvm", []string{"has 1 certificates", "keytool -importcert", "ca.pem"}},
	{"another trust store is the JVM's", world{setenv: `JAVA_OPTS="-Djavax.net.ssl.trustStore=/opt/other.jks"`,
		look: func(_ *testing.T, g *harness.Gateway, c *doctor.Config) { c.Truststore, _, _, _ = g.Node.CA() }}, "jvm.trust",
		[]string{"/opt/other.jks", "setenv.sh:1"}},
	{"the JVM is kept to old TLS", world{setenv: "\n\nexport JAVA_OPTS='-Dhttps.protocols=TLSv1,TLSv1.1'"}, "jvm.tls",
		[]string{"TLSv1,TLSv1.1", "setenv.sh:3", "-Dhttps.protocols=TLSv1.2"}},

	{"another path context", world{look: set(func(c *doctor.Config) { c.To.Path = "/other" })}, "path",
		[]string{`is "/live", and "/other" was entered`, "Remote Path Context"}},
	{"no path context", world{look: set(func(c *doctor.Config) { c.To.Path = "" })}, "path", []string{`is "/live"`}},
	{"a redirect", world{look: serving(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://www.example.com/", http.StatusFound)
	})},
		"redirect", []string{"302", "does not follow"}},
	{"a balancer without a backend", world{look: serving(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "nginx")
		w.WriteHeader(http.StatusBadGateway)
	})}, "path", []string{"502", "Server: nginx"}},
	{"a name that the gateway does not know", world{look: unnamed}, "name", []string{"not a name that the gateway there knows", "names"}},
	{"an address that is not allowed", world{live: harness.Options{Allow: `["10.1.2.3"]`}}, "address",
		[]string{"address 127.0.0.1 is not on the list of allowed hosts", "hosts.allow"}},
	{"this clock is behind", world{look: shifted(-5 * time.Minute)}, "clock", []string{"ahead", "NTP"}},
	{"this clock is ahead", world{look: shifted(time.Minute)}, "clock", []string{"behind", "NTP"}},

	{"another secret", world{look: withSecret(here.Secret{Text: otherSecret, Algorithm: "AES"})}, "secret", []string{"differs from every one"}},
	{"another secret in the portal's file", world{props: "# 1\n# 2\ntunneling.servlet.shared.secret=" + otherSecret + "\n",
		look: set(func(c *doctor.Config) {
			v := c.Portal.Get(portal.Secret)
			c.Secret = &here.Secret{Text: v.Text, Algorithm: "AES", Place: v}
		})}, "secret", []string{"differs from every one", "portal-ext.properties:3"}},
	{"digits that are read as text", world{live: harness.Options{Secret: digits, Hex: true}, engine: harness.EngineOptions{Key: digitKey()},
		look: withSecret(here.Secret{Text: digits, Algorithm: "AES"})}, "secret",
		[]string{"the keys match", "read as text", "tunneling.servlet.shared.secret.hex=true"}},
	{"another cipher", world{look: withSecret(here.Secret{Text: ownSecret, Algorithm: "Blowfish"})}, "secret",
		[]string{"Blowfish here, AES there", "tunneling.servlet.encryption.algorithm=AES"}},
	{"the former secret", world{live: harness.Options{Secret: otherSecret, PreviousSecret: ownSecret, Engine: ownSecret}}, "secret",
		[]string{"the former one of peer staging", "change to the new secret"}},
	{"the secret of a peer elsewhere", world{live: harness.Options{Allow: `["127.0.0.1", "10.1.2.3"]`, Peer: []string{`addresses: ["10.1.2.3"]`}}}, "secret",
		[]string{"peer staging, which may not come from 127.0.0.1", "addresses"}},
	{"the portal's line is another secret", world{props: "tunneling.servlet.shared.secret=" + otherSecret + "\n"}, "secret.lines",
		[]string{"another one than that of the file", "portal-ext.properties:1"}},
	{"the portal reads it otherwise", world{props: goodProps + "tunneling.servlet.shared.secret.hex=true\n"}, "secret.lines",
		[]string{"reads its line as hexadecimal digits", "portal-ext.properties:4", "hex=false"}},
	{"the portal's cipher", world{props: goodProps + "tunneling.servlet.encryption.algorithm=DESede\n"}, "secret.lines",
		[]string{"uses it with DESede", "portal-ext.properties:4"}},
	{"the secret of the documentation", world{props: "tunneling.servlet.shared.secret=" + harness.Secret + "\n", look: set(func(c *doctor.Config) {
		c.Secret = nil
	})}, "secret.lines", []string{"documentation", "portal-ext.properties:1", "stagelock secret new"}},
	{"the portal has no secret", world{props: "# nothing\n"}, "secret.lines", []string{"no shared secret", "portal-ext.properties"}},

	{"the portal lets everybody in", world{props: "tunnel.servlet.hosts.allowed=127.0.0.1,0.0.0.0\ntunneling.servlet.shared.secret=" + ownSecret + "\n"},
		"engine.hosts", []string{"also lets 0.0.0.0 in", "portal-ext.properties:1", "127.0.0.1,SERVER_IP"}},
	{"the portal gives up early", world{props: goodProps + "tunneling.servlet.timeout=5000\n"}, "timeout", []string{"after 5000 ms", "portal-ext.properties:4"}},
	{"parts that are too large", world{live: harness.Options{Peer: []string{"part_max_bytes: 4MiB"}},
		props: goodProps + "staging.remote.transfer.buffer.size=8388608\n"}, "buffer", []string{"parts of 8 MiB, and 4 MiB", "portal-ext.properties:4"}},
	{"a login that is not listed", world{look: set(func(c *doctor.Config) { c.Login = "other@example.com" })}, "login",
		[]string{"does not let this login publish", "logins"}},
	{"a login that live does not know", world{live: harness.Options{Logins: "[nobody@example.com]"},
		look: set(func(c *doctor.Config) { c.Login = "nobody@example.com" })}, "login", []string{"live does not know nobody@example.com"}},
	{"a site that is not open", world{look: set(func(c *doctor.Config) { c.Site = 4711 })}, "site", []string{"site 4711 is not open to this peer", "sites"}},
	{"a site that is not there", world{look: set(func(c *doctor.Config) { c.Site = 99 })}, "site", []string{"there is no site 99"}},
	{"a user who may not see the site", world{denied: "getGroup"}, "permission",
		[]string{"publisher@example.com may not publish into the site", "Export/Import Pages"}},
	{"a user who may not reach it at all", world{denied: "checkRemoteStagingGroup"}, "permission", []string{"may not publish into the site"}},
	{"a proxy that wants a login", world{look: through("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")}, "proxy",
		[]string{"wants a login", "407", "http://login:password@host:port"}},
	{"a proxy that forbids", world{look: through("HTTP/1.1 403 Forbidden\r\n\r\n")}, "proxy", []string{"opens no way to 127.0.0.1:", "403", "allow CONNECT"}},
	{"a proxy behind which nothing answers", world{look: byProxy("HTTP/1.1 502 Bad Gateway\r\n\r\n")}, "proxy",
		[]string{"does not get to live.example.com:8443", "502", "behind the proxy"}},
	{"a proxy that is none", world{look: through("220 mail.example.com ESMTP\r\n")}, "proxy", []string{"is none", "--proxy none"}},
	{"a proxy that is away", world{look: func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		c.Proxy = &url.URL{Scheme: "http", Host: ports.Free(t)}
	}}, "proxy", []string{"cannot be reached", "refused", "HTTPS_PROXY"}},
	{"the engine there is down", world{live: harness.Options{Upstream: "http://127.0.0.1:1"}}, "engine", []string{"takes no calls", "run stagelock doctor there"}},
	{"another line", world{look: set(func(c *doctor.Config) { c.Build = "7.2" })}, "line", []string{"staging is 7.2, live 7.4"}},
	{"another line, says the portal", world{look: portalSays("Liferay Community Edition Portal 7.3.6 CE GA7 (Athanasius / Build 7306)")}, "line",
		[]string{"staging is 7.3, live 7.4"}},
	{"the gateway here cannot be reached from there", world{look: func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		c.Both, c.Port = true, portOf(ports.Free(t))
	}}, "look.gateway", []string{"cannot be reached from there", "refused"}},
	{"the gateway here is not what answers there", world{look: func(t *testing.T, _ *harness.Gateway, c *doctor.Config) {
		c.Both, c.Port = true, portOf(listener(t, hangUp))
	}}, "look.tls", []string{"not with TLS"}},
}

// findings returns what a report wants mended.
func findings(r finding.Report) (all []finding.Line) {
	for _, l := range r.Lines {
		if l.Mark == finding.Bad {
			all = append(all, l)
		}
	}
	return all
}

// checkFinding demands one finding, and words of it, its cure or its place.
func checkFinding(t *testing.T, r finding.Report, id string, says []string) {
	t.Helper()
	all := findings(r)
	if len(all) != 1 || all[0].ID != id {
		t.Fatalf("found %+v, want %s", all, id)
	}
	l := all[0]
	text := fmt.Sprintf("%s | %s | %s:%d", l.Words, l.Cure, l.File, l.At)
	for _, s := range says {
		if !strings.Contains(text, s) {
			t.Errorf("%q does not say %q", text, s)
		}
	}
	if l.Cure == "" {
		t.Errorf("%q has no cure", l.Words)
	}
	for _, secret := range []string{ownSecret, otherSecret, digits} {
		if strings.Contains(text, secret) {
			t.Errorf("%q tells a secret", text)
		}
	}
}

// Each world has one thing wrong, and the doctor finds it and nothing else.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	for _, tt := range broken {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.world.report(t)
			checkFinding(t, r, tt.id, tt.says)
			if r.Unreachable != (tt.id == "dns" || tt.id == "tcp" || tt.id == "proxy") {
				t.Errorf("unreachable: %v", r.Unreachable)
			}
		})
	}
}

// Where all is well, nothing is found, with every check that there is.
func TestDoctorFindsNothingWhereAllIsWell(t *testing.T) {
	for _, tt := range []struct {
		name  string
		world world
	}{
		{"as entered", world{look: set(func(c *doctor.Config) { c.Quick = false })}},
		{"by name, both families", world{look: byName("live.example.com", "192.0.2.7", "2001:db8::7")}},
		{"through a proxy", world{look: through(opened)}},
		{"through a proxy that alone knows the name", world{look: byProxy(opened)}},
		{"with a trust store", world{setenv: "JAVA_OPTS='-Dhttps.protocols=TLSv1.2 -Djava.net.preferIPv4Stack=true'",
			look: func(_ *testing.T, g *harness.Gateway, c *doctor.Config) {
				c.Truststore, _, _, _ = g.Node.CA()
				c.Roots = x509.NewCertPool()
			}}},
		{"of both ends", world{look: func(_ *testing.T, g *harness.Gateway, c *doctor.Config) { c.Both, c.Port = true, portOf(g.Addr) }}},
		{"a portal of the same line", world{look: portalSays("Liferay Digital Experience Platform 7.4.13 Update 92")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.world.report(t)
			if all := findings(r); len(all) > 0 || r.ToMend != 0 || r.Unreachable {
				t.Errorf("found %+v", all)
			}
			for _, id := range []string{"tcp", "path", "address", "clock", "secret", "login", "permission", "line", "buffer", "probe.size", "probe.reuse"} {
				if !slices.ContainsFunc(r.Lines, func(l finding.Line) bool { return l.ID == id && l.Mark == finding.OK }) {
					t.Errorf("%s was not looked at: %+v", id, r.Lines)
				}
			}
		})
	}
}

// ownWorlds have one thing wrong on the live side.
var ownWorlds = []struct {
	name string
	o    harness.Options
	s    func(*status.Status)
	id   string
	says []string
}{
	{"the engine is down", harness.Options{Upstream: "http://127.0.0.1:1"}, nil, "engine.up", []string{"cannot be reached", "stagelock.yaml:"}},
	{"another secret", harness.Options{Engine: otherSecret}, nil, "engine.secret", []string{"does not accept the engine's secret", "stagelock.yaml:"}},
	{"another inner path context", harness.Options{Inside: "/other"}, nil, "engine.path", []string{"no tunnel at /other/api/liferay/do", "stagelock.yaml:"}},
	{"a Host that the engine does not take", harness.Options{Inner: []string{`host: refused.example.com`}}, nil, "engine.host",
		[]string{`does not take the Host "refused.example.com"`, "virtual.hosts.valid.hosts", "stagelock.yaml:"}},
	{"a Host of a virtual instance that it does not take", harness.Options{Inner: []string{
		`hosts: [{ host: taken.example.com, sites: [1] }, { host: refused.example.com, sites: [2] }]`}}, nil, "engine.host",
		[]string{`does not take the Host "refused.example.com"`, "stagelock.yaml:"}},
	{"the log is not whole", harness.Options{}, func(s *status.Status) { s.Audit.Problem = "record 7 differs" }, "log", []string{"record 7 differs", "audit verify"}},
	{"the last reload was refused", harness.Options{}, func(s *status.Status) { s.Config.OK, s.Config.Problem = false, "a.yaml:3: names: is empty" },
		"reload", []string{"a.yaml:3", "mend the configuration"}},
	{"nothing can be written", harness.Options{}, func(s *status.Status) { s.Ready, s.Problems = false, []string{"the log cannot be written; make room"} },
		"ready", []string{"cannot be written", "make room"}},
	{"the disk is full", harness.Options{}, func(s *status.Status) { s.Disk = status.Disk{Path: "/data", Free: 100 << 20, Size: 1 << 40} },
		"disk", []string{"/data has 100 MiB left", "make room"}},
	{"the certificate ends", harness.Options{}, func(s *status.Status) {
		s.Certificates = []status.Certificate{{Name: "live.example.com", NotAfter: time.Now().Add(24 * time.Hour), Soon: 30 * 24 * time.Hour}}
	}, "certificate", []string{"live.example.com ends on", "renew"}},
	{"publishers do not trust it", harness.Options{}, func(s *status.Status) { s.Traffic.Turned = map[string]int64{"hello.untrusted": 7, "silent": 9} },
		"refused", []string{"does not trust the gateway's certificate: 7 times", "stagelock ca"}},
	{"publishers speak plain HTTP", harness.Options{}, func(s *status.Status) { s.Traffic.Turned = map[string]int64{"hello.plain": 1} },
		"refused", []string{"plain HTTP", "Use a Secure Network Connection"}},
	{"a balancer without its header", harness.Options{}, func(s *status.Status) { s.Traffic.Turned = map[string]int64{"proxy.absent": 1} },
		"refused", []string{"no PROXY protocol header", "send-proxy-v2"}},
}

// The gateway here: its configuration, its engine, and what it says of itself while it runs.
func TestDoctorOfTheLiveSide(t *testing.T) {
	e := harness.StartEngine(t, harness.EngineOptions{Context: "/portal", Before: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "refused.example.com" && r.Method == http.MethodPost {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	look := func(t *testing.T, o harness.Options, change func(*status.Status)) finding.Report {
		o.Upstream, o.Inside = or(o.Upstream, e.URL), or(o.Inside, "/portal")
		o.Behind = []string{"browser_url: https://www.example.com"}
		o.Logins, o.Sites = "["+harness.Login+"]", fmt.Sprintf("[%d]", harness.Site)
		g := harness.Start(t, o)
		cfg, problems := conf.Load(conf.Options{File: g.File})
		own := &here.Own{Conf: cfg, Problems: append(problems, plan.Check(cfg)...),
			Engine: func(ctx context.Context) []readiness.Finding { return node.AskEngine(ctx, cfg) },
			Status: func(context.Context) (*status.Status, error) {
				s := g.Node.Status()
				if s.Disk.Free = 10 << 30; change != nil {
					change(&s)
				}
				return &s, nil
			}}
		return doctor.Run(t.Context(), doctor.Config{Config: here.Config{Own: own}})
	}
	for _, tt := range ownWorlds {
		t.Run(tt.name, func(t *testing.T) { checkFinding(t, look(t, tt.o, tt.s), tt.id, tt.says) })
	}
	t.Run("all is well", func(t *testing.T) {
		if all := findings(look(t, harness.Options{}, nil)); len(all) > 0 {
			t.Errorf("found %+v", all)
		}
	})
}
