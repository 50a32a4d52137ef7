package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// services are the processes that scripts started.
type services struct{ byPath *sync.Map } // *exec.Cmd by script and name

// serviceStarted is what an engine or a gateway prints when it listens.
type serviceStarted struct {
	Listen   json.RawMessage `json:"listen"`
	Commands string          `json:"commands"`
	CA       string          `json:"ca"`
}

// start runs stagelock in the background until the script ends, and returns what it printed first.
func (s services) start(ts *testscript.TestScript, name string, args ...string) serviceStarted {
	cmd := exec.Command("stagelock", args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	if trust := ts.Getenv(name + "_TRUST"); trust != "" {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+trust)
	}
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	key := ts.MkAbs(name)
	s.byPath.Store(key, cmd)
	ts.Defer(func() {
		if now, _ := s.byPath.Load(key); now == cmd {
			s.end(ts, name, syscall.SIGKILL)
		}
		log.Close()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var started serviceStarted
	if err != nil || json.Unmarshal(line, &started) != nil {
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("%s printed %q, %v; log %s", name, line, err, text)
	}
	return started
}

func (s services) end(ts *testscript.TestScript, name string, with os.Signal) {
	found, _ := s.byPath.LoadAndDelete(ts.MkAbs(name))
	cmd, ok := found.(*exec.Cmd)
	if !ok {
		ts.Fatalf("no process %s", name)
	}
	ts.Check(cmd.Process.Signal(with))
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && (with == syscall.SIGTERM || !errors.As(err, &exit)) {
		ts.Fatalf("%s ended with %v", name, err)
	}
}

// engine runs one on a folder of that name: engine NAME [FLAG...]. Its addresses are
// $NAME and $NAME_COMMANDS.
func (s services) engine(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	data, flags := name, args[1:]
	if len(flags) > 0 && !strings.HasPrefix(flags[0], "-") { // engine SECOND FIRST: on the folder of another one
		data, flags = flags[0], flags[1:]
	}
	ts.Check(os.WriteFile(ts.MkAbs("secret"), []byte(key+"\n"), 0o600))
	if !slices.Contains(flags, "--secret-file") {
		flags = append(flags, "--secret-file", "secret")
	}
	started := s.start(ts, name, append([]string{"engine", "run", "--json", "--data", data, "--listen", "127.0.0.1:0", "--hex"}, flags...)...)
	var address string
	ts.Check(json.Unmarshal(started.Listen, &address))
	ts.Setenv(name, "http://"+address)
	ts.Setenv(name+"_COMMANDS", "http://"+started.Commands)
}

// gateway runs one in front of an engine: gateway NAME UPSTREAM LOGIN [LINE OF CONFIGURATION...]. Its
// path contexts are $NAME_CONTEXT outside and $NAME_INNER of the engine. Its
// host and port are $NAME_HOST and $NAME_PORT, its authority $NAME_CA.
func (s services) gateway(ts *testscript.TestScript, _ bool, args []string) {
	name, address := args[0], "127.0.0.1"
	if own := ts.Getenv(name + "_ADDRESS"); own != "" {
		address = own
	}
	text := fmt.Sprintf(`listen: [%[1]q]
names: [%[2]q]
data: %[3]q
drain: 1s
hosts:
  allow: ["127.0.0.1", "::1"]
engine:
  line: "7.4"
  path_context: %[4]q
  patch_level: %[10]s
  upstream: {nodes: [%[5]q], path_context: %[6]q}
peers:
  - name: staging
    sites: [any]
    logins: [%[7]s]
    secret: {file: %[8]q, algorithm: AES, hex: true}
%[9]s
`, net.JoinHostPort(strings.Trim(address, "[]"), "0"), address, ts.MkAbs(name+".data"), ts.Getenv(name+"_CONTEXT"), args[1],
		ts.Getenv(name+"_INNER"), args[2], ts.MkAbs("secret"), strings.Join(args[3:], "\n"), cmp.Or(ts.Getenv(name+"_LEVEL"), "warn"))
	ts.Check(os.WriteFile(ts.MkAbs(name+".yaml"), []byte(text), 0o600))
	started := s.start(ts, name, "run", "--json", "--config", name+".yaml")
	var listen []string
	ts.Check(json.Unmarshal(started.Listen, &listen))
	_, port, err := net.SplitHostPort(listen[0])
	ts.Check(err)
	ts.Setenv(name+"_HOST", address)
	ts.Setenv(name+"_PORT", port)
	ts.Setenv(name+"_CA", started.CA)
}

// pair is a whole way: an engine that stages, its gateway outwards, the gateway of live, and the live
// engine, each with a path context of its own: pair [LINE OF THE INNER GATEWAY'S PEER...]. Both have a
// blank site Shop, 20121 and 30001, and a publisher with every permission. What the remote fields of
// staging take is in $outer_HOST, $outer_PORT and /outer. With $address as [::1] all of it is IPv6.
func (s services) pair(ts *testscript.TestScript, _ bool, args []string) {
	const publisher = "publisher@example.com"
	for name, value := range map[string]string{"outer_ADDRESS": ts.Getenv("address"), "inner_ADDRESS": ts.Getenv("address"),
		"inner_CONTEXT": "/inner", "inner_INNER": "/portal", "outer_CONTEXT": "/outer", "outer_INNER": "/inner"} {
		ts.Setenv(name, value)
	}
	s.engine(ts, false, append([]string{"live", "--context", "/portal"}, strings.Fields(ts.Getenv("live_FLAGS"))...))
	logins := cmp.Or(ts.Getenv("logins"), publisher)
	s.gateway(ts, false, append([]string{"inner", ts.Getenv("live"), logins}, args...))
	ts.Setenv("outer_TRUST", ts.Getenv("inner_CA"))
	address := ts.Getenv("inner_HOST") + ":" + ts.Getenv("inner_PORT")
	s.gateway(ts, false, []string{"outer", "https://" + address, logins})
	s.engine(ts, false, append([]string{"staging", "--ca", ts.Getenv("outer_CA"), "--buffer", "2KiB"},
		strings.Fields(ts.Getenv("staging_FLAGS"))...))
	for _, side := range []struct {
		engine, site, actions string
	}{
		{"live", "30001", "EXPORT_IMPORT_LAYOUTS UPDATE"}, {"staging", "20121", "MANAGE_STAGING PUBLISH_STAGING"},
	} {
		for _, command := range []string{"site create Shop --id " + side.site, "user add " + publisher,
			"user grant " + publisher + " " + side.actions + " --site " + side.site} {
			ts.Check(ts.Exec("stagelock", append(strings.Fields(command), "--engine", side.engine)...))
		}
	}
	ts.Setenv("STAGELOCK_ENGINE", "staging")
	ts.Setenv("STAGELOCK_LOGIN", publisher)
}

// stop ends a process in order: ended NAME; kill ends it at once: killed NAME.
func (s services) stop(ts *testscript.TestScript, _ bool, args []string) {
	s.end(ts, args[0], syscall.SIGTERM)
}

func (s services) kill(ts *testscript.TestScript, _ bool, args []string) {
	s.end(ts, args[0], syscall.SIGKILL)
}

// capture keeps the first group of a pattern in the last output as a variable: capture NAME PATTERN.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("no %q in %q", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], m[1])
}

// portOf keeps the port of an address as a variable: port NAME ADDRESS.
func portOf(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], args[1][strings.LastIndexByte(args[1], ':')+1:])
}
