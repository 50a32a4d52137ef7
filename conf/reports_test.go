package conf_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stagelock/stagelock/conf"
)

// The names under which Liferay reads the verifier's configuration: from 7.3 on, and two before.
const (
	newPID   = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"
	midPID   = "com.liferay.portal.security.auth.verifier.internal.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
	firstPID = "com.liferay.portal.security.auth.verifier.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
)

// reported are files of operators that were read otherwise than Liferay reads them. S stands for a
// line with a good secret, H for one with three hosts.
var reported = []struct {
	name, line string
	properties string
	osgi       map[string]string // by the file's name
	extra      string            // more lines under liferay
	env        []string
	hosts      string // that may connect
	secret     string // if it is none of S
	problems   []string
}{
	{name: "a key that 7.4 does not read", line: "7.4", properties: "H\nS\nauth.verifier.TunnelingServletAuthVerifier.hosts.allowed=255.255.255.255", hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{"p.properties:3: warning: auth.verifier.TunnelingServletAuthVerifier.hosts.allowed: is not read from 7.0 on"}},
	{name: "the same key in 6.2", line: "6.2", properties: "H\nS\nauth.verifier.TunnelingServletAuthVerifier.hosts.allowed=10.0.0.5,127.0.0.1,SERVER_IP", hosts: "127.0.0.1,SERVER_IP,10.0.0.5"},
	{name: "6.2 without the verifier's hosts lets nobody pass", line: "6.2", properties: "H\nS", hosts: "", problems: []string{
		"live.yaml:10: warning: engine.liferay.portal_ext: lacks auth.verifier.TunnelingServletAuthVerifier.hosts.allowed", "p.properties:1: hosts.allow: is empty: nobody may connect"}},
	{name: "blanks behind a secret", line: "7.4", properties: "H\ntunneling.servlet.shared.secret=0f1e2d3c4b5a6978 \t", secret: "0f1e2d3c4b5a6978", hosts: "127.0.0.1,SERVER_IP,10.0.0.5"},
	{name: "a blank behind a backslash", line: "7.4", properties: "S\ntunnel.servlet.hosts.allowed=127.0.0.1,\\ \n   10.0.0.5", hosts: "127.0.0.1,10.0.0.5"},
	{name: "an entry commented out", line: "7.4", properties: "S\ntunnel.servlet.hosts.allowed=127.0.0.1,\\\n#   SERVER_IP,\\\n   10.0.0.5", hosts: "127.0.0.1,10.0.0.5"},
	{name: "a last comma and backslash swallow the secret", line: "7.4", properties: "tunnel.servlet.hosts.allowed=127.0.0.1,\\\n  10.0.0.5,\\\n\nS", hosts: "127.0.0.1,10.0.0.5", secret: "-", problems: []string{
		"live.yaml:3: peers[0].secret: has no secret", "p.properties:4: tunneling.servlet.shared.secret: is taken for a part of the value that begins in line 1"}},
	{name: "a secret given twice", line: "7.4", properties: "H\ntunneling.servlet.shared.secret=first\ntunneling.servlet.shared.secret=second", secret: "first,second", hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{"p.properties:3: warning: tunneling.servlet.shared.secret: stands twice, first in line 2: the portal joins the values"}},
	{name: "hosts given twice", line: "7.4", properties: "S\ntunnel.servlet.hosts.allowed=127.0.0.1\ntunnel.servlet.hosts.allowed=10.0.0.5", hosts: "127.0.0.1,10.0.0.5",
		problems: []string{"p.properties:3: warning: tunnel.servlet.hosts.allowed: stands twice"}},
	{name: "a byte order mark", line: "7.4", properties: "\ufeffS\nH", secret: "-", hosts: "127.0.0.1,SERVER_IP,10.0.0.5", problems: []string{
		"live.yaml:3: peers[0].secret: has no secret", "p.properties:1: warning: begins with a byte order mark"}},
	{name: "a secret of the environment", line: "7.4", properties: "H\ntunneling.servlet.shared.secret=${env:STAGING_SECRET}", env: []string{"STAGING_SECRET=from-the-portals-env"}, secret: "from-the-portals-env", hosts: "127.0.0.1,SERVER_IP,10.0.0.5"},
	{name: "a secret of an environment that is not there", line: "7.4", properties: "H\ntunneling.servlet.shared.secret=${env:STAGING_SECRET}", secret: "-", hosts: "127.0.0.1,SERVER_IP,10.0.0.5", problems: []string{
		"live.yaml:3: peers[0].secret: has no secret", "p.properties:2: tunneling.servlet.shared.secret: refers to a variable of the environment that is not set here"}},
	{name: "a reference in a list of hosts", line: "7.4", properties: "S\nip=10.0.0.5\ntunnel.servlet.hosts.allowed=127.0.0.1,${ip}", hosts: "127.0.0.1,10.0.0.5",
		problems: []string{"p.properties:3: warning: tunnel.servlet.hosts.allowed: refers to ${ip}"}},
	{name: "an include of the vendor's jar", line: "7.4", properties: "include-and-override=portal-developer.properties\nS\nH", hosts: "127.0.0.1,SERVER_IP,10.0.0.5"},
	{name: "includes that nothing resolves", line: "7.4", properties: "include-and-override=${liferay.configDir}/a.properties\ninclude-and-override=${external-properties}\nS\nH", hosts: "127.0.0.1,SERVER_IP,10.0.0.5", problems: []string{
		"p.properties:1: warning: include-and-override: refers to ${liferay.configDir}", "p.properties:2: warning: include-and-override: refers to ${external-properties}"}},
	{name: "a property of the JVM that is named", line: "7.4", properties: "include-and-override=${liferay.configDir}/more.properties\nH", extra: "variables: [liferay.configDir=etc]", hosts: "127.0.0.1,SERVER_IP,10.0.0.5", secret: "of-another-file"},
	{name: "misspelt keys", line: "7.4", properties: "S\nH\ntunneling.servlet.hosts.allowed=1\ntunnel.servlet.shared.secret.hex=true\ntunneling.servlet.shared.secret.HEX=true\nstaging.remote.transfer.buffersize=1\ntunnel.servlet.https.require=true\nmain.servlet.hosts.allowed=x\ntunneling.servlet.timeout=1",
		hosts: "127.0.0.1,SERVER_IP,10.0.0.5", problems: []string{
			"p.properties:3: warning: tunneling.servlet.hosts.allowed: is no property of Liferay: it has no effect (did you mean tunnel.servlet.hosts.allowed?)",
			"p.properties:4: warning: tunnel.servlet.shared.secret.hex: is no property of Liferay: it has no effect (did you mean tunneling.servlet.shared.secret.hex?)",
			"p.properties:5: warning: tunneling.servlet.shared.secret.HEX: is no property of Liferay: it has no effect (did you mean tunneling.servlet.shared.secret.hex?)",
			"p.properties:6: warning: staging.remote.transfer.buffersize: is no property of Liferay: it has no effect (did you mean staging.remote.transfer.buffer.size?)",
			"p.properties:7: warning: tunnel.servlet.https.require: is no property of Liferay: it has no effect (did you mean tunnel.servlet.https.required?)"}},
	{name: "an override", line: "7.4", properties: "S\nH\nconfiguration.override." + newPID + "~default_hostsAllowed=\"127.0.0.1,10.0.0.5\"", hosts: "127.0.0.1,10.0.0.5"},
	{name: "an override of a file", line: "7.3", properties: "S\nH\nconfiguration.override." + newPID + "~default_hostsAllowed=\"10.0.0.5\"", osgi: map[string]string{newPID + "-default.config": "hostsAllowed=\"127.0.0.1\"\n"}, hosts: "10.0.0.5"},
	{name: "an override that 7.0 does not read", line: "7.0", properties: "S\nH\nconfiguration.override." + midPID + "_hostsAllowed=\"10.0.0.5\"", hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{"p.properties:3: warning: overrides a configuration, which Liferay reads from 7.2 on"}},
	{name: "only this machine", line: "7.4", properties: "S\ntunnel.servlet.hosts.allowed=127.0.0.1,SERVER_IP", hosts: "127.0.0.1,SERVER_IP",
		problems: []string{"p.properties:2: warning: hosts.allow: comes from Liferay's files and names this machine only"}},
	{name: "unquoted values in 7.4", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config": "enabled=true\nhostsAllowed=10.0.0.5\n"}, hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{newPID + "-default.config:1: is no key with a quoted value: the engine reads nothing of the file from here on"}},
	{name: "unquoted values in 7.1", line: "7.1", properties: "S\nH", osgi: map[string]string{midPID + "-default.config": "enabled=true\nhostsAllowed=10.0.0.5\n"}, hosts: "10.0.0.5",
		problems: []string{midPID + "-default.config:1: warning: is not quoted"}},
	{name: "unquoted values in a .cfg", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.cfg": "enabled=true\nhostsAllowed=10.0.0.5\n"}, hosts: "10.0.0.5"},
	{name: "a line of blanks", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config": "enabled=B\"true\"\n  \nhostsAllowed=\"10.0.0.5\"\n"}, hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{newPID + "-default.config:2: holds blanks only: the engine's reader fails on it"}},
	{name: "an array over lines without backslashes", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config": "hostsAllowed=[\n  \"10.0.0.5\",\n]\n"}, hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{newPID + "-default.config:1: is no key with a quoted value"}},
	{name: "an array over lines", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config": "hostsAllowed=[ \\\n  \"10.0.0.5\", \\\n  ]\n"}, hosts: "10.0.0.5"},
	{name: "a variable of Liferay's", line: "7.4", properties: "S\nH", env: []string{"LIFERAY_STAGING_IP=10.0.0.5"}, osgi: map[string]string{newPID + "-default.config": "hostsAllowed=\"127.0.0.1,${LIFERAY_STAGING_IP}\"\n"}, hosts: "127.0.0.1,10.0.0.5"},
	{name: "a variable that is not set", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config": "hostsAllowed=\"127.0.0.1,${LIFERAY_STAGING_IP}\"\n"}, hosts: "127.0.0.1",
		problems: []string{newPID + "-default.config:1: warning: refers to ${LIFERAY_STAGING_IP}, which is not set here", "p.properties:2: warning: hosts.allow: comes from"}},
	{name: "any other variable", line: "7.4", properties: "S\nH", env: []string{"STAGING_IP=10.0.0.5"}, osgi: map[string]string{newPID + "-default.config": "hostsAllowed=\"127.0.0.1,${env:STAGING_IP}\"\n"}, hosts: "127.0.0.1,10.0.0.5",
		problems: []string{newPID + "-default.config:1: warning: refers to ${env:STAGING_IP}"}},
	{name: "a misspelt key of the verifier's", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config": "hostAllowed=\"10.0.0.5\"\n"}, hosts: "127.0.0.1,SERVER_IP,10.0.0.5",
		problems: []string{newPID + "-default.config:1: warning: has a key that the verifier does not know: hostAllowed (did you mean hostsAllowed?)"}},
	{name: "a name that Liferay passes over", line: "7.4", properties: "S\nH", osgi: map[string]string{newPID + "-default.config.txt": "hostsAllowed=\"10.0.0.5\"\n"}, hosts: "10.0.0.5",
		problems: []string{"live.yaml:11: warning: engine.liferay.osgi[0]: has a name that Liferay passes over"}},
	{name: "the first name in 7.0", line: "7.0", properties: "S\nH", osgi: map[string]string{firstPID + "-default.config": "hostsAllowed=\"10.0.0.5\"\n"}, hosts: "10.0.0.5"},
	{name: "the first name in 7.4", line: "7.4", properties: "S\nH", osgi: map[string]string{firstPID + "-default.config": "hostsAllowed=\"10.0.0.5\"\n"}, hosts: "10.0.0.5",
		problems: []string{"live.yaml:11: warning: engine.liferay.osgi[0]: is named as up to 7.2"}},
	{name: "a product's name", line: "2024.Q4", properties: "S\nH", hosts: "127.0.0.1,SERVER_IP,10.0.0.5"},
}

func TestReportedFiles(t *testing.T) {
	const good = "9f1e2d3c4b5a6978"
	for _, tt := range reported {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{"etc/more.properties": {Data: []byte("tunneling.servlet.shared.secret=of-another-file")}}
			text := strings.Replace(front, "engine:\n", "engine:\n  line: \""+tt.line+"\"\n", 1) + "  liferay:\n    portal_ext: p.properties\n"
			for name, content := range tt.osgi {
				text += "    osgi: " + name + "\n"
				files[name] = &fstest.MapFile{Data: []byte(content)}
			}
			if tt.extra != "" {
				text += "    " + tt.extra + "\n"
			}
			lines := strings.Split(tt.properties+"\n", "\n")
			for i, l := range lines {
				switch strings.TrimPrefix(l, "\ufeff") {
				case "S":
					lines[i] = strings.Replace(l, "S", "tunneling.servlet.shared.secret="+good, 1)
				case "H":
					lines[i] = "tunnel.servlet.hosts.allowed=127.0.0.1,SERVER_IP,10.0.0.5"
				}
			}
			files["p.properties"] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
			files["live.yaml"] = &fstest.MapFile{Data: []byte(text)}
			c, all := conf.Load(conf.Options{File: "live.yaml", Env: tt.env, ReadFile: files.ReadFile})
			ps := slices.DeleteFunc(all, func(p conf.Problem) bool { return strings.Contains(p.Msg, "is in one of Liferay's two lists only") })
			if got := strings.Join(c.Hosts.Allow, ","); got != tt.hosts {
				t.Errorf("hosts %s, want %s", got, tt.hosts)
			}
			want := map[string]string{"": good, "-": ""}[tt.secret]
			if len(tt.secret) > 1 {
				want = tt.secret
			}
			if got := c.Peers[0].Secret.Value.Reveal(); got != want {
				t.Errorf("secret %q, want %q", got, want)
			}
			for i, p := range ps {
				if i >= len(tt.problems) || !strings.HasPrefix(p.String(), tt.problems[i]) {
					t.Errorf("problem %d: %s", i, p)
				}
				if strings.Contains(p.String(), good) {
					t.Errorf("the secret is told: %s", p)
				}
			}
			if len(ps) != len(tt.problems) {
				t.Errorf("%d problems, want %d", len(ps), len(tt.problems))
			}
			for _, s := range c.Effective() {
				if strings.Contains(s.String(), good) {
					t.Errorf("the secret is shown: %s", s)
				}
			}
		})
	}
}
