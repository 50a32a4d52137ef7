package walk

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/integration/ports"
)

// operator is somebody who read the page, with a live engine in place of the portal.
type operator struct {
	*desk
	page    *page
	gateway *service
	engine  *service
	config  string // what stands in stagelock.yaml
}

// begin follows the page to a gateway that runs.
func begin(t *testing.T) *operator {
	t.Helper()
	o := &operator{desk: newDesk(t), page: open(t, "../../README.md")}
	gateway, live := ports.Free(t), ports.Free(t)
	o.names(gateway)
	o.replace = []string{"0.0.0.0:8443", gateway, "http://127.0.0.1:8080", "http://" + live, "LIVE", live,
		"/var/lib/stagelock", o.path("data"), "10.1.2.0/24", "127.0.0.1"}

	o.expect(0, o.page.command("stagelock secret new --out secret"))
	if info, err := os.Stat(o.path("secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v, %v", info, err)
	}
	o.set(o.here(o.page.block("yaml", "listen:")))
	o.expect(0, o.page.command("stagelock config reference"), "body_min_rate")
	o.expect(0, o.page.command("stagelock validate"), "The configuration can be used.")

	// The portal's file can be read as the page has it.
	properties := strings.Replace(o.page.block("", "tunneling.servlet"), "<the content of the file secret>", strings.TrimSpace(o.read("secret")), 1)
	o.write("portal-ext.properties", properties)
	o.write("with-portal.yaml", with(t, o.config, "engine: {liferay: {portal_ext: [portal-ext.properties]}}"))
	o.expect(0, []string{"validate", "--config", "with-portal.yaml"}, "The configuration can be used.")

	o.startEngine("secret")
	for _, c := range []string{"site create Live --id 20143", "user add publisher@example.com",
		"user grant publisher@example.com export-import-layouts UPDATE --site 20143"} {
		o.expect(0, append(strings.Fields(c), "--engine", "live"))
	}
	o.startGateway()
	o.trust()
	return o
}

// set writes stagelock.yaml.
func (o *operator) set(config string) {
	o.t.Helper()
	o.config = config
	o.write("stagelock.yaml", config)
}

func (o *operator) startEngine(secret string) {
	o.t.Helper()
	o.engine = o.service("listens on", append(o.page.command("stagelock engine run"), "--data", "live", "--listen", "LIVE",
		"--secret-file", secret, "--hex")...)
}

func (o *operator) startGateway() {
	o.t.Helper()
	o.gateway = o.service("listens on", o.page.command("stagelock run")...)
}

var keytool = regexp.MustCompile(`(?m)^ *(keytool .*-keystore "\$JAVA_HOME/lib/security/cacerts".*)$`)

// trust does what the gateway printed: its authority for publishers, and the keytool line for a JVM's.
func (o *operator) trust() {
	o.t.Helper()
	o.gateway.await("$JAVA_HOME/lib/security/cacerts\" -storepass changeit")
	m := keytool.FindStringSubmatch(o.gateway.said.String())
	file := regexp.MustCompile(`\S+/ca\.pem`).FindString(o.gateway.said.String())
	if m == nil || file == "" {
		o.t.Fatalf("the gateway does not say how it is trusted:\n%s", o.gateway.said)
	}
	o.write("ca.pem", o.read(strings.TrimPrefix(strings.Trim(file, "'"), o.dir+"/")))
	if _, err := exec.LookPath("keytool"); err != nil {
		o.t.Log("no keytool on the PATH: its line was not run")
		return
	}
	cmd := exec.Command("sh", "-ec", "mkdir -p jvm/lib/security; export JAVA_HOME=$PWD/jvm; "+m[1]+"; keytool -list -keystore jvm/lib/security/cacerts -storepass changeit")
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "stagelock-") {
		o.t.Errorf("%s: %v\n%s", m[1], err, out)
	}
}

// publish is the page's command with another secret and archive.
func (o *operator) publish(lar, secret string, more ...string) []string {
	args := o.page.command("stagelock publish")
	for i, a := range args {
		switch a {
		case "site.lar":
			args[i] = lar
		case "secret":
			args[i] = secret
		}
	}
	return append(args, more...)
}

// reload has the gateway read a configuration, which must end so.
func (o *operator) reload(code int, config string, says ...string) {
	o.t.Helper()
	o.set(config)
	o.expect(code, o.page.command("stagelock reload"), says...)
}

// An operator who has nothing but the README.
func TestWalk(t *testing.T) {
	o := begin(t)
	o.archives("site", "one", "two", "three", "four")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the gateway said\n%s\nthe engine said\n%s", o.gateway.said, o.engine.said)
		}
	})
	steps := []struct {
		name string
		do   func(*operator)
	}{
		{"publish", (*operator).publishes}, {"look", (*operator).looks}, {"rotate the secret", (*operator).rotates},
		{"mistype", (*operator).mistypes}, {"restart under load", (*operator).restarts}, {"audit", (*operator).audits},
	}
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) {
			o.t, o.page.t = t, t
			s.do(o)
		}) {
			return
		}
	}
	o.t, o.page.t = t, t
	o.expect(0, []string{"man"}, "EXIT STATUS", "130, 143")
	o.expect(0, []string{"store", "--help"})
	o.page.complete("stagelock policy", "stagelock man", "stagelock config reference")
}

func (o *operator) publishes() {
	o.expect(0, o.publish("site.lar", "secret", "--dry-run"), "nothing was sent")
	o.expect(0, o.publish("site.lar", "secret"), "Published site.lar to site 20143")
}

func (o *operator) looks() {
	o.expect(0, o.page.command("stagelock status"))
	o.expect(0, []string{"healthcheck"})
	if out, code := o.run(append(o.page.command("stagelock doctor"), "--quick")...); code > 1 || !strings.Contains(out, "engine") {
		o.t.Errorf("doctor: exit code %d:\n%s", code, out)
	}
	o.expect(0, []string{"policy"}, "createStagingRequest", "host.denied")
	o.expect(0, append(o.page.command("stagelock policy test"), "--from", "127.0.0.1",
		"--login", "publisher@example.com", "--site", "20143", "--secret-file", "secret", "--hex"))
	out, code := o.run("policy", "test", "--config", "stagelock.yaml", "--from", "10.9.9.9", "--login", "publisher@example.com",
		"--site", "20143", "--secret-file", "secret", "--hex")
	if code == 0 || !strings.Contains(out, "stagelock.yaml:") || !strings.Contains(out, "hosts.allow") {
		o.t.Errorf("a stranger would pass, exit code %d, or the line is not named:\n%s", code, out)
	}
}

// rotates follows the page, and takes its steps in a wrong order first.
func (o *operator) rotates() {
	daily := open(o.t, "OPERATING.md")
	o.expect(0, daily.command("stagelock secret new --out secret.new"))
	both, last := daily.block("yaml", "previous:"), daily.blocks("yaml")[1]
	if strings.Contains(last, "previous") || !strings.Contains(last, "secret.new") {
		o.t.Fatalf("the last step of the page is\n%s", last)
	}
	old := o.config
	_, peers, _ := strings.Cut(both, "peers:")
	for _, wrong := range []struct{ name, config, says string }{
		{"the peer alone", with(o.t, old, "peers:"+peers), "engine.upstream.secret"},
		{"a file that is not there", with(o.t, old, strings.ReplaceAll(both, "secret.new", "secret.nwe")), "secret.nwe"},
		{"the flag of the old one forgotten", with(o.t, old, strings.Replace(both, "previous: { file: secret, hex: true }", "previous: { file: secret }", 1)),
			"previous is not the secret that is in use"},
		{"a misspelt key", with(o.t, old, strings.Replace(both, "previous", "previuos", 1)), "did you mean previous"},
	} {
		o.set(wrong.config)
		out, code := o.run(o.page.command("stagelock reload")...)
		if !strings.Contains(out, wrong.says) {
			o.t.Errorf("%s: exit code %d, and %q is not said:\n%s", wrong.name, code, wrong.says, out)
		}
		if code == 0 {
			o.t.Errorf("%s: was taken:\n%s", wrong.name, out)
		}
		o.expect(0, o.publish("site.lar", "secret"), "Published")
	}
	// A flag of the new one that is forgotten stops nobody, is said, and can be mended.
	o.reload(0, with(o.t, old, strings.Replace(both, "file: secret.new, hex: true", "file: secret.new", 1)), "the hex flag is off")
	o.expect(0, o.publish("site.lar", "secret"), "Published")
	o.reload(0, with(o.t, old, both))
	o.expect(0, o.publish("site.lar", "secret"), "Published")
	o.expect(0, o.publish("site.lar", "secret.new"), "Published")
	o.engine.end()
	o.startEngine("secret.new")
	o.reload(0, with(o.t, o.config, last))
	o.expect(0, o.publish("site.lar", "secret.new"), "Published")
	o.expect(77, o.publish("site.lar", "secret"), "secret")
}

// mistypes reloads files that nobody can use. The old one stays.
func (o *operator) mistypes() {
	good := o.config
	for _, bad := range []string{
		good + "\nlisten: [", strings.Replace(good, "20143", "twenty", 1), strings.Replace(good, "http://", "htp://", 1),
		strings.Replace(good, "allow:", "alow:", 1),
	} {
		o.reload(78, bad)
		o.expect(0, o.publish("site.lar", "secret.new"), "Published")
		if strings.Contains(bad, "alow") {
			if err := o.gateway.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				o.t.Fatal(err)
			}
			o.gateway.await("alow")
			o.expect(0, o.publish("site.lar", "secret.new"), "Published")
		}
	}
	o.reload(0, good)
}

// restarts the gateway while four publish.
func (o *operator) restarts() {
	const times = 4
	failed, begun := make(chan string, 100), make(chan struct{}, 100)
	lars := []string{"one.lar", "two.lar", "three.lar", "four.lar"}
	for _, lar := range lars {
		args := o.publish(lar, "secret.new", "--buffer", "400")
		go func() {
			for range times {
				cmd := o.cmd(args...)
				begun <- struct{}{}
				if out, err := cmd.CombinedOutput(); err != nil {
					failed <- fmt.Sprintf("%s: %v\n%s", lar, err, out)
					return
				}
			}
			failed <- ""
		}()
	}
	for range len(lars) + 2 {
		<-begun
	}
	o.gateway.end()
	o.startGateway()
	for range lars {
		if f := <-failed; f != "" {
			o.t.Error(f)
		}
	}
}

func (o *operator) audits() {
	out := o.expect(0, o.page.command("stagelock audit publishes"), "published", "publisher@example.com", "20143")
	ref := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`).FindString(out)
	explain := o.page.command("stagelock audit explain")
	for i, a := range explain {
		if a == "REF" {
			explain[i] = ref
		}
	}
	o.expect(0, explain, "publishStagingRequest")
	o.expect(0, o.page.command("stagelock audit verify"))
	o.gateway.end()
	o.expect(0, o.page.command("stagelock audit verify"))
}
