package reports

import (
	"strings"
	"testing"
)

// The names under which the portal reads the verifier's configuration: from 7.3 on, and before.
const (
	newPID = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"
	midPID = "com.liferay.portal.security.auth.verifier.internal.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
)

const override = "configuration.override."

func overrides() []report {
	const kind = "a documented place for a setting"
	return cases([]judged{
		{name: "12-configuration-override", kind: kind, input: "12-configuration-override/portal-ext.properties", hosts: "127.0.0.1,10.0.0.5"},
		{name: "12-configuration-override/7.3", kind: kind, line: "7.3", text: good + override + newPID + "~default_hostsAllowed=\"127.0.0.1,10.0.0.5\"\n", hosts: "127.0.0.1,10.0.0.5"},
		{name: "12-configuration-override/array", kind: kind, text: good + override + newPID + "~default_hostsAllowed=[\"127.0.0.1\",\"10.0.0.5\"]\n", hosts: "127.0.0.1,10.0.0.5"},
		{name: "12-configuration-override/wins over a file", kind: kind, text: good + override + newPID + "~default_hostsAllowed=\"10.0.0.5\"\n",
			osgi:  map[string]string{newPID + "-default.config": "hostsAllowed=\"127.0.0.1,SERVER_IP\"\n"},
			hosts: "10.0.0.5", says: []string{"is in one of Liferay's two lists only"}},
		{name: "12-configuration-override/misspelt", kind: kind, text: good + "configuration.overide." + newPID + "~default_hostsAllowed=\"10.0.0.5\"\n", hosts: all,
			says: []string{":3: warning: has a key with the verifier's name that does not begin with configuration.override."}},
		{name: "12-configuration-override/another's name", kind: kind, text: good + override + "com.liferay.portal.security.auth.verifier.internal.tunnel.TunnelAuthVerifier~default_hostsAllowed=\"10.0.0.5\"\n", hosts: all,
			says: []string{":3: warning: overrides a configuration that is not the tunnel verifier's", "did you mean " + newPID + "?"}},
		{name: "12-configuration-override/the name of another line", kind: kind, text: good + override + midPID + "~default_hostsAllowed=\"127.0.0.1,10.0.0.5\"\n",
			says: []string{"is named otherwise in this line: Liferay takes it for another's", "name it " + newPID}},
		{name: "12-configuration-override/a variable in small letters", kind: kind, hosts: all,
			env:  []string{"LIFERAY_CONFIGURATION_PERIOD_OVERRIDE_PERIOD_com_PERIOD_liferay_PERIOD_x_PERIOD_TunnelAuthVerifierConfiguration_UNDERLINE_hostsAllowed=\"10.0.0.5\""},
			says: []string{"the name of a variable is read in small letters, so it has no effect", "_UPPERCASET_UNNEL_UPPERCASEA_UTH"}},
		{name: "12-configuration-override/switched off", kind: kind, text: good + override + newPID + "~default_enabled=B\"false\"\n", code: 78, says: []string{"enabled"}},
	})
}

func osgiFiles() []report {
	const quotes, variables = "the .config reader of each line", "variables in .config and .cfg"
	one := func(name, text string) map[string]string { return map[string]string{name: text} }
	docs := "20-osgi-unquoted/docs.txt"
	unquoted := "is no key with a quoted value: the engine reads nothing of the file from here on"
	return cases([]judged{
		{name: "20-osgi-unquoted/7.4", kind: quotes, osgi: one(newPID+"-default.config", docs), code: 78, says: []string{":1: error: " + unquoted, "1 error"}},
		{name: "20-osgi-unquoted/7.1", kind: quotes, line: "7.1", osgi: one(midPID+"-default.config", docs), hosts: all, says: []string{"warning: is not quoted", "1 warning"}},
		{name: "20-osgi-unquoted/7.1 cfg", kind: quotes, line: "7.1", osgi: one(midPID+"-default.cfg", docs), hosts: all},
		{name: "20-osgi-unquoted/7.4 cfg", kind: quotes, osgi: one(newPID+"-default.cfg", docs), hosts: all},
		{name: "20-osgi-unquoted/7.0", kind: quotes, line: "7.0", osgi: one(midPID+"-default.config", docs), hosts: all, says: []string{"warning: is not quoted"}},
		{name: "20-osgi-unquoted/in the middle", kind: quotes, osgi: one(newPID+"-default.config", "enabled=B\"true\"\nhostsAllowed=10.0.0.5\n"), code: 78, says: []string{":2: error: " + unquoted}},
		{name: "20-osgi-unquoted/typed", kind: quotes, osgi: one(newPID+"-default.config", "enabled=true\n"), code: 78, says: []string{":1: error: " + unquoted}},
		{name: "20-osgi-unquoted/UTF-16", kind: quotes, osgi: one(newPID+"-default.config", "\xff\xfee\x00n\x00\n\x00"), code: 78, says: []string{":1: error: is written in UTF-16"}},
		{name: "20-osgi-unquoted/an array over lines", kind: quotes, line: "7.1", osgi: one(midPID+"-default.config", "hostsAllowed=[\n  \"127.0.0.1\",\n  \"10.0.0.5\"\n]\n"), code: 78,
			says: []string{":1: warning: hosts.allow [ is no address"}, silent: []string{"hosts.allow [ is in one"}},
		{name: "20-osgi-unquoted/a number that is replaced", kind: quotes, osgi: one(newPID+"-default.config", "enabled=I\"x\"\nenabled=B\"true\"\nhostsAllowed=\"127.0.0.1,SERVER_IP,10.0.0.5\"\n"), hosts: all,
			says: []string{"enabled stands twice"}},
		{name: "20-osgi-unquoted/a double", kind: quotes, osgi: one(newPID+"-default.config", "a=D\"1e3\"\nhostsAllowed=\"10.0.0.5\"\n"), code: 78, says: []string{"a has no number: the engine's reader fails on it"}},
		{name: "20-osgi-unquoted/another file's end", kind: quotes, osgi: one(newPID+"-default.config.txt", "hostsAllowed=\"10.0.0.5\"\n"), says: []string{"has a name that Liferay passes over"}},
		{name: "22-osgi-variables/a", kind: variables, osgi: one(newPID+"-default.config", "22-osgi-variables/a.config"), env: []string{"LIFERAY_STAGING_IP=10.0.0.5"}, hosts: all},
		{name: "22-osgi-variables/b", kind: variables, osgi: one(newPID+"-default.config", "22-osgi-variables/b.config"), env: []string{"STAGING_IP=10.0.0.5"}, hosts: all,
			says: []string{"warning: refers to ${env:STAGING_IP}"}},
		{name: "22-osgi-variables/7.2", kind: variables, line: "7.2", osgi: one(midPID+"-default.config", "hostsAllowed=\"127.0.0.1,${LIFERAY_STAGING_IP}\"\n"), env: []string{"LIFERAY_STAGING_IP=10.0.0.5"},
			says: []string{":1: warning: hosts.allow ${LIFERAY_STAGING_IP} is no address: the engine of this line puts nothing in for it"}, silent: []string{"${LIFERAY_STAGING_IP} is in one"}},
		{name: "22-osgi-variables/another's name", kind: variables, osgi: one(newPID+"-default.config", "hostsAllowed=\"127.0.0.1,${STAGING_IP}\"\n"), env: []string{"STAGING_IP=10.0.0.5"},
			says: []string{"refers to ${STAGING_IP}, for which the engine puts nothing in", "takes only those that begin with LIFERAY_"}},
		{name: "22-osgi-variables/unset", kind: variables, osgi: one(newPID+"-default.config", "22-osgi-variables/a.config"),
			says: []string{"warning: refers to ${LIFERAY_STAGING_IP}, which is not set here"}},
		{name: "22-osgi-variables/cfg", kind: variables, osgi: one(newPID+"-default.cfg", "hostsAllowed=127.0.0.1,SERVER_IP,${LIFERAY_STAGING_IP}\n"), env: []string{"LIFERAY_STAGING_IP=10.0.0.5"}, hosts: all},
	})
}

func lines() []report {
	const kind = "versions as operators know them"
	var of []judged
	for _, l := range []string{"2024.Q4", "7.4.3.112", "7.4-u92", "7.4 u92", "7.0.10", "7.3.10", "2025.Q1.3", "6.2.5", "7.2-ga2", "7.1.3", "7.4.13-u36", "DXP 7.2",
		"Liferay DXP 2025.Q1", "7.4 GA112", "7.4.13.u92", "v7.4", "liferay/dxp:2024.q1.1", "7.0.10 SP17", "6.2 EE SP20", "2026.q1.0-lts", "Liferay Portal CE 7.4 GA112"} {
		of = append(of, judged{name: "24-lines-by-product-name/" + l, kind: kind, line: l})
	}
	of = append(of, judged{name: "24-lines-by-product-name/8.0", kind: kind, line: "8.0", code: 78}, judged{name: "24-lines-by-product-name/6.1.2", kind: kind, line: "6.1.2", code: 78})
	var versions []report
	for _, j := range of {
		versions = append(versions, report{j.name, j.kind, func(t *testing.T, d *desk) {
			j.config(d)
			d.write("portal-ext.properties", good+"auth.verifier.TunnelingServletAuthVerifier.hosts.allowed="+all+"\n")
			out, code := d.run("validate", "--config", "stagelock.yaml")
			// Accepted, or told which line that is.
			if told := strings.Contains(out, "engine.line is none of") && strings.Contains(out, "2024.Q4, 7.4.3.112 and 7.4 u92 are 7.4"); code != j.code || told != (code == 78) {
				t.Errorf("exit code %d: %s", code, out)
			}
		}})
	}
	return versions
}
