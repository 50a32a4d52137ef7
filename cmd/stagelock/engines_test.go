package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
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
	started := s.start(ts, name, append([]string{"engine", "run", "--json", "--data", data, "--listen", "127.0.0.1:0",
		"--secret-file", "secret", "--hex"}, flags...)...)
	var address string
	ts.Check(json.Unmarshal(started.Listen, &address))
	ts.Setenv(name, "http://"+address)
	ts.Setenv(name+"_COMMANDS", "http://"+started.Commands)
}

// gateway runs one in front of an engine: gateway NAME UPSTREAM LOGIN [LINE OF CONFIGURATION...]. Its
// path contexts are $NAME_CONTEXT outside and $NAME_INNER of the engine. Its
// host and port are $NAME_HOST and $NAME_PORT, its authority $NAME_CA.
func (s services) gateway(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	text := fmt.Sprintf(`listen: ["127.0.0.1:0"]
names: ["127.0.0.1"]
data: %q
drain: 1s
hosts:
  allow: ["127.0.0.1"]
engine:
  line: "7.4"
  path_context: %q
  upstream: {nodes: [%q], path_context: %q}
peers:
  - name: staging
    sites: [any]
    logins: [%s]
    secret: {file: %q, algorithm: AES, hex: true}
%s
`, ts.MkAbs(name+".data"), ts.Getenv(name+"_CONTEXT"), args[1],
		ts.Getenv(name+"_INNER"), args[2], ts.MkAbs("secret"), strings.Join(args[3:], "\n"))
	ts.Check(os.WriteFile(ts.MkAbs(name+".yaml"), []byte(text), 0o600))
	started := s.start(ts, name, "run", "--json", "--config", name+".yaml")
	var listen []string
	ts.Check(json.Unmarshal(started.Listen, &listen))
	host, port, _ := strings.Cut(listen[0], ":")
	ts.Setenv(name+"_HOST", host)
	ts.Setenv(name+"_PORT", port)
	ts.Setenv(name+"_CA", started.CA)
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
