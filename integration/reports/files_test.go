package reports

import (
	"strings"
	"testing"
)

// good is a file of the portal's whose secret and hosts are right.
const good = "tunneling.servlet.shared.secret=0f1e2d3c4b5a6978\ntunnel.servlet.hosts.allowed=127.0.0.1,SERVER_IP,10.0.0.5\n"

// all are the hosts of good.
const all = "127.0.0.1,SERVER_IP,10.0.0.5"

// judged is what validate must say of the portal's files, and config show of the outcome.
type judged struct {
	name, kind string
	line       string // 7.4 if empty
	input      string // among the reports, for portal-ext.properties
	text       string // or its text
	osgi       map[string]string
	env        []string
	more       []string // lines under liferay
	code       int
	hosts      string
	hex        string
	says       []string
	silent     []string // what must not be said
}

// config writes stagelock.yaml for those files.
func (j judged) config(d *desk) {
	line := j.line
	if line == "" {
		line = "7.4"
	}
	text := "listen: [\"127.0.0.1:18443\"]\nnames: [\"live.example.com\"]\ndata: " + d.path("data") + "\nengine:\n  line: \"" + line +
		"\"\n  browser_url: https://www.example.com\n  upstream: { nodes: [\"http://127.0.0.1:18080\"] }\n" +
		"  liferay:\n    portal_ext: [portal-ext.properties]\n"
	for _, l := range j.more {
		text += "    " + l + "\n"
	}
	for name, input := range j.osgi {
		text += "    osgi: [\"" + name + "\"]\n"
		if strings.Contains(input, "\n") {
			d.write(name, input)
			continue
		}
		d.take(input, name)
	}
	d.write("stagelock.yaml", text+"peers:\n  - { name: staging, sites: [20143], logins: [\"publisher@example.com\"] }\n")
}

func (j judged) run(_ *testing.T, d *desk) {
	j.config(d)
	d.env = j.env
	switch {
	case j.input != "":
		d.take(j.input, "portal-ext.properties")
	case j.text != "":
		d.write("portal-ext.properties", j.text)
	default:
		d.write("portal-ext.properties", good)
	}
	d.expect(j.code, j.says, "validate", "--config", "stagelock.yaml")
	for _, s := range j.silent {
		if strings.Contains(d.tail, s) {
			d.t.Errorf("validate says %q:\n%s", s, d.tail)
		}
	}
	if len(j.says) == 0 && !strings.HasPrefix(d.tail, "The configuration can be used.") {
		d.t.Errorf("validate has something to say:\n%s", d.tail)
	}
	if j.hosts != "" {
		d.shows("hosts.allow", j.hosts)
	}
	if j.hex != "" {
		d.shows("engine.upstream.secret.hex", j.hex)
	}
}

// shows holds one line of the effective configuration against what it must be.
func (d *desk) shows(setting, want string) {
	d.t.Helper()
	out, _ := d.run("config", "show", "--config", "stagelock.yaml")
	for l := range strings.Lines(out) {
		if f := strings.Fields(l); len(f) > 1 && f[0] == setting {
			if f[1] != want {
				d.t.Errorf("%s is %s, want %s", setting, f[1], want)
			}
			return
		}
	}
	d.t.Errorf("config show has no %s:\n%s", setting, out)
}

func cases(all []judged) []report {
	var reports []report
	for _, j := range all {
		reports = append(reports, report{j.name, j.kind, j.run})
	}
	return reports
}

const (
	notRead  = "a setting that this line does not read"
	reader   = "properties, read as the portal reads them"
	holders  = "placeholders"
	includes = "includes that the portal finds or passes over"
	misspelt = "misspelt keys"
	onlyHere = "nobody but this machine may publish"
)

func filesOfLiferay() []report {
	secret := "tunneling.servlet.shared.secret=0f1e2d3c4b5a6978\n"
	hosts := "tunnel.servlet.hosts.allowed=" + all + "\n"
	return cases([]judged{
		{name: "01-dead-verifier-key", kind: notRead, input: "01-dead-verifier-key/portal-ext.properties", hosts: all,
			says: []string{"warning: auth.verifier.TunnelingServletAuthVerifier.hosts.allowed is not read from 7.0 on"}},
		{name: "01-dead-verifier-key/255", kind: notRead, text: good + "auth.verifier.TunnelingServletAuthVerifier.hosts.allowed=255.255.255.255\n", hosts: all,
			says: []string{"is not read from 7.0 on"}},
		{name: "01-dead-verifier-key/urls", kind: notRead, text: good + "auth.verifier.TunnelingServletAuthVerifier.urls.includes=/x/*\n", hosts: all,
			says: []string{"auth.verifier.TunnelingServletAuthVerifier.urls.includes is not read from 7.0 on"}},
		{name: "01-dead-verifier-key/6.2", kind: notRead, line: "6.2", hosts: "10.0.0.5", text: good + "auth.verifier.TunnelingServletAuthVerifier.hosts.allowed=10.0.0.5\n",
			says: []string{"is in one of Liferay's two lists only"}, silent: []string{"is not read"}},
		{name: "01-dead-verifier-key/pipeline", kind: notRead, text: good + "auth.verifier.pipeline=com.liferay.portal.security.auth.TunnelingServletAuthVerifier\n", hosts: all,
			says: []string{"portal-ext.properties:3: warning: auth.verifier.pipeline is not read from 7.0 on"}},
		{name: "01-dead-verifier-key/6.2, a pipeline without it", kind: notRead, line: "6.2", hosts: all, says: []string{"warning: auth.verifier.pipeline lacks the tunnel's verifier"},
			text: good + "auth.verifier.TunnelingServletAuthVerifier.hosts.allowed=" + all + "\nauth.verifier.pipeline=com.liferay.portal.security.auth.PortalSessionAuthVerifier\n"},
		{name: "03-secret-trailing-blank/a", kind: reader, input: "03-secret-trailing-blank/a.properties", hosts: "10.0.0.5"},
		{name: "03-secret-trailing-blank/b", kind: reader, input: "03-secret-trailing-blank/b.properties", hosts: "10.0.0.5", code: 78,
			says: []string{"an AES key must have 16 or 32 bytes"}},
		{name: "03-secret-trailing-blank/tab", kind: reader, text: "tunneling.servlet.shared.secret=0f1e2d3c4b5a6978\t \n" + hosts, hosts: all},
		{name: "03-secret-trailing-blank/hex", kind: reader, text: "tunneling.servlet.shared.secret=0f1e2d3c4b5a69788796a5b4c3d2e1f0 \ntunneling.servlet.shared.secret.hex=true \n" + hosts, hosts: all, hex: "true"},
		{name: "03-secret-trailing-blank/algorithm", kind: reader, text: secret + "tunneling.servlet.encryption.algorithm=AES  \n" + hosts, hosts: all},
		{name: "03-secret-trailing-blank/form feed", kind: reader, text: "tunneling.servlet.shared.secret=0f1e2d3c4b5a6978\f\n" + hosts, hosts: all},
		{name: "03-secret-trailing-blank/old Mac's line ends", kind: reader, text: strings.ReplaceAll(good, "\n", "\r"), hosts: all},
		{name: "03-secret-trailing-blank/quotes", kind: reader, code: 78, text: "tunneling.servlet.shared.secret=\"0f1e2d3c4b5a6978\"\n" + hosts,
			says: []string{":1: warning: tunneling.servlet.shared.secret stands in quotes, which the portal takes for a part of the value"}},
		{name: "03-secret-trailing-blank/a list in quotes", kind: reader, code: 78, text: secret + "tunnel.servlet.hosts.allowed='127.0.0.1,10.0.0.5'\n",
			says: []string{":2: warning: tunnel.servlet.hosts.allowed stands in quotes"}},
		{name: "03-secret-trailing-blank/UTF-16", kind: reader, code: 78, text: "\xff\xfe" + strings.Join(strings.Split(good, ""), "\x00") + "\x00",
			says: []string{"portal-ext.properties:1: error: is written in UTF-16: the portal finds no key in it"}},
		{name: "03-secret-trailing-blank/yes", kind: reader, text: good + "tunneling.servlet.shared.secret.hex=yes\n", hex: "false",
			says: []string{":3: warning: tunneling.servlet.shared.secret.hex has a value that the portal takes for false"}},
		{name: "05-continued-lists/a", kind: reader, input: "05-continued-lists/a.properties", hosts: "127.0.0.1,10.0.0.5"},
		{name: "05-continued-lists/b", kind: reader, input: "05-continued-lists/b.properties", hosts: "127.0.0.1,10.0.0.5"},
		{name: "05-continued-lists/c", kind: reader, input: "05-continued-lists/c.properties", code: 78,
			says: []string{"portal-ext.properties:4: error: tunneling.servlet.shared.secret is taken for a part of the value that begins in line 1"}},
		{name: "05-continued-lists/exclamation mark", kind: reader, text: secret + "tunnel.servlet.hosts.allowed=127.0.0.1,\\\n!  SERVER_IP,\\\n   10.0.0.5\n", hosts: "127.0.0.1,10.0.0.5"},
		{name: "05-continued-lists/empty line", kind: reader, text: secret + "tunnel.servlet.hosts.allowed=127.0.0.1,\\\n\n   10.0.0.5\n", hosts: "127.0.0.1,10.0.0.5"},
		{name: "05-continued-lists/tab behind the backslash", kind: reader, text: secret + "tunnel.servlet.hosts.allowed=127.0.0.1,\\\t\n\t10.0.0.5\n", hosts: "127.0.0.1,10.0.0.5"},
		{name: "05-continued-lists/crlf", kind: reader, text: strings.ReplaceAll(secret+"tunnel.servlet.hosts.allowed=127.0.0.1,\\\n    10.0.0.5\n", "\n", "\r\n"), hosts: "127.0.0.1,10.0.0.5"},
		{name: "05-continued-lists/swallows the hosts", kind: reader, code: 78, text: "tunneling.servlet.shared.secret=0f1e2d3c4b5a6978\\\n" + hosts,
			says: []string{"error: tunnel.servlet.hosts.allowed is taken for a part of the value that begins in line 1"}},
		{name: "07-placeholders/a", kind: holders, input: "07-placeholders/a.properties", env: []string{"STAGING_SECRET=0f1e2d3c4b5a6978"}, hosts: "10.0.0.5"},
		{name: "07-placeholders/b", kind: holders, input: "07-placeholders/b.properties", env: []string{"STAGING_SECRET=0f1e2d3c4b5a6978"},
			says: []string{"warning: tunnel.servlet.hosts.allowed refers to ${staging.ip}", "write the address out"}},
		{name: "07-placeholders/unset", kind: holders, code: 78, text: "tunneling.servlet.shared.secret=${env:STAGING_SECRET}\n" + hosts,
			says: []string{"error: tunneling.servlet.shared.secret refers to a variable of the environment that is not set here"}},
		{name: "07-placeholders/another key", kind: holders, text: "the.secret=0f1e2d3c4b5a6978\ntunneling.servlet.shared.secret=${the.secret}\n" + hosts, hosts: all},
		{name: "07-placeholders/sys", kind: holders, text: "tunneling.servlet.shared.secret=${sys:staging.secret}\n" + hosts, hosts: all,
			more: []string{"variables: [\"staging.secret=0f1e2d3c4b5a6978\"]"}},
		{name: "07-placeholders/an address of the environment", kind: holders, text: secret + "tunnel.servlet.hosts.allowed=127.0.0.1,${env:STAGING_IP}\n", env: []string{"STAGING_IP=10.0.0.5"},
			says: []string{"warning: tunnel.servlet.hosts.allowed refers to ${env:STAGING_IP}"}},
		{name: "07-placeholders/no name", kind: holders, code: 78, text: "tunneling.servlet.shared.secret=${}\n" + hosts, says: []string{"has a ${} without a name in it: the portal does not start"}},
		{name: "08-include-developer", kind: includes, input: "08-include-developer/portal-ext.properties", hosts: "10.0.0.5"},
		{name: "08-include-developer/legacy", kind: includes, text: "include-and-override=portal-legacy-7.3.properties\n" + good, hosts: all},
		{name: "09-include-unresolved", kind: includes, input: "09-include-unresolved/portal-ext.properties", hosts: "10.0.0.5",
			says: []string{"warning: include-and-override refers to ${liferay.configDir}", "warning: include-and-override refers to ${external-properties}", "engine.liferay.variables"}},
		{name: "09-include-unresolved/named", kind: includes, text: "include-and-override=${liferay.configDir}/more.properties\n" + hosts, hosts: all,
			more: []string{"variables: [\"liferay.configDir=etc\"]"}, code: 78, says: []string{"more.properties"}},
		{name: "09-include-unresolved/of the environment", kind: includes, text: "include-and-override=${env:MORE}/x.properties\n" + good, hosts: all,
			says: []string{"warning: include-and-override refers to ${env:MORE}", "set MORE for the gateway as for the portal"}},
		{name: "09-include-unresolved/of the JVM", kind: includes, text: "include-and-override=${sys:catalina.base}/x.properties\n" + good, hosts: all,
			says: []string{"if the portal's JVM has a property catalina.base, say so in engine.liferay.variables of the gateway's file, as catalina.base=..."}},
		{name: "09-include-unresolved/named as the cure says", kind: includes, text: "include-and-override=${sys:catalina.base}/x.properties\n" + good, hosts: all,
			more: []string{"variables: [\"catalina.base=etc\"]"}, says: []string{"includes a file that does not exist: etc/x.properties"}},
		{name: "09-include-unresolved/itself", kind: includes, code: 78, text: "include-and-override=portal-ext.properties\n" + good,
			says: []string{"is included in a circle, with which the portal does not start"}},
		{name: "10-misspelt-keys/far off", kind: misspelt, hosts: all, text: good + "tunnelling.servlet.hosts.allowed=1\ntunneling.shared.secret=1\nstaging.remote.transfer.buffer=1\n",
			says: []string{":3: warning: tunnelling.servlet.hosts.allowed is no property", "did you mean tunnel.servlet.hosts.allowed?", ":4: warning: tunneling.shared.secret is no property",
				"did you mean tunneling.servlet.shared.secret?", ":5: warning: staging.remote.transfer.buffer is no property", "did you mean staging.remote.transfer.buffer.size?"}},
		{name: "10-misspelt-keys/variables", kind: misspelt, hosts: all,
			env: []string{"LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECERT=x", "LIFERAY_TUNNEL_PERIOD_SERVLET_PERIOD_HOST_PERIOD_ALLOWED=x", "LIFERAY_TUNNELING_SERVLET_SHARED_SECRET=x", "LIFERAY_HOME=x"},
			says: []string{"env LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECERT: warning: is no property of Liferay: it has no effect",
				"did you mean LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET?", "env LIFERAY_TUNNEL_PERIOD_SERVLET_PERIOD_HOST_PERIOD_ALLOWED: warning",
				"did you mean LIFERAY_TUNNEL_PERIOD_SERVLET_PERIOD_HOSTS_PERIOD_ALLOWED?", "env LIFERAY_TUNNELING_SERVLET_SHARED_SECRET: warning: is not how Liferay spells"}, silent: []string{"LIFERAY_HOME"}},
		{name: "10-misspelt-keys", kind: misspelt, input: "10-misspelt-keys/portal-ext.properties", hosts: "10.0.0.5", says: []string{
			"tunneling.servlet.hosts.allowed is no property of Liferay", "did you mean tunnel.servlet.hosts.allowed?",
			"tunnel.servlet.shared.secret.hex is no property of Liferay", "did you mean tunneling.servlet.shared.secret.hex?",
			"tunneling.servlet.shared.secret.HEX is no property of Liferay",
			"staging.remote.transfer.buffersize is no property of Liferay", "did you mean staging.remote.transfer.buffer.size?"}},
		{name: "10-misspelt-keys/others", kind: misspelt, hosts: all, text: good + "tunneling.servlet.share.secret=x\ntunnelling.servlet.shared.secret=x\n" +
			"tunneling.servlet.encryption.algorythm=AES\ntunnel.servlet.host.allowed=10.0.0.6\ntunnel.servlet.https.requiered=true\nstaging.remote.transfer.buffer.sise=1\n",
			says: []string{"portal-ext.properties:3: warning: tunneling.servlet.share.secret", "portal-ext.properties:4: warning: tunnelling.servlet.shared.secret",
				"portal-ext.properties:5: warning: tunneling.servlet.encryption.algorythm", "portal-ext.properties:6: warning: tunnel.servlet.host.allowed",
				"portal-ext.properties:7: warning: tunnel.servlet.https.requiered", "portal-ext.properties:8: warning: staging.remote.transfer.buffer.sise",
				"did you mean tunneling.servlet.shared.secret?", "did you mean tunneling.servlet.encryption.algorithm?",
				"did you mean tunnel.servlet.https.required?", "did you mean staging.remote.transfer.buffer.size?"}},
		{name: "14-only-this-machine", kind: onlyHere, input: "14-only-this-machine/portal-ext.properties", hosts: "127.0.0.1,SERVER_IP",
			says: []string{"names this machine only: nobody else may publish", "list the staging servers in hosts.allow"}},
		{name: "14-only-this-machine/loopback prefix", kind: onlyHere, text: secret + "tunnel.servlet.hosts.allowed=127.0.0.0/8,::1/128\n", says: []string{"names this machine only"}},
		{name: "14-only-this-machine/::1", kind: onlyHere, text: secret + "tunnel.servlet.hosts.allowed=127.0.0.1,::1\n", says: []string{"names this machine only"}},
	})
}
