package liferay_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Flags of go test; N in the environment, as `make interop N=20000` puts it there, is the default of -sets.
var (
	sets   = flag.Int("sets", number(os.Getenv("N"), 2000), "random argument sets a line")
	cuts   = flag.Int("cuts", number(os.Getenv("CUTS"), 60), "connections to cut, of each line")
	seed   = flag.Int64("seed", 1, "where random choices begin")
	only   = flag.String("lines", "", "the lines to run, with commas between; empty for all")
	update = flag.Bool("update", false, "write the tables in testdata anew")
)

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// How long one answer of a JVM may take, and its end.
const (
	patience = 5 * time.Minute
	farewell = 10 * time.Second
)

// needJVM skips the test unless it was asked for by name, and unless a JDK and Maven are there.
func needJVM(t *testing.T) {
	t.Helper()
	if run := flag.Lookup("test.run"); run == nil || !strings.Contains(run.Value.String(), "Interop") {
		t.Skip("starts JVMs: run it by name with `make interop`")
	}
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "%s is not there: install a JDK 17 and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)", tool)
		}
	}
}

// missing fails where everything should be there, and skips elsewhere.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// build compiles the programs for the line. Maven fetches jars that are not there yet.
func build(t *testing.T, line string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "jvm/build", line).CombinedOutput()
	if err == nil {
		return
	}
	if bytes.Contains(out, []byte("COMPILATION ERROR")) {
		t.Fatalf("%s", out)
	}
	missing(t, "line %s cannot be built, its jars come from Maven's repositories (is this machine offline?): %v\n%s", line, err, last(out, 15))
}

func last(text []byte, lines int) []byte {
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}

// fields is a command to a program, or its settings.
type fields map[string]any

// program is a JVM that takes one JSON object a line and answers with one or more.
type program struct {
	name string
	t    testing.TB
	in   io.WriteCloser
	out  *json.Decoder
	log  string
	proc *os.Process
}

// launch starts a program of the build with its settings and returns what it says of itself.
func launch[T any](t testing.TB, r release, class string, settings fields, flags ...string) (*program, T) {
	t.Helper()
	p := &program{name: class + " " + r.name, t: t, log: filepath.Join(t.TempDir(), "log")}
	args := append([]string{"@jvm/target/" + r.name + "/java.args"}, flags...)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "java", append(args, "stagelock.interop."+class)...)
	logTo, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = logTo
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out, p.proc = json.NewDecoder(out), cmd.Process
	t.Cleanup(func() {
		p.in.Close()
		bell := time.AfterFunc(farewell, func() { _ = p.proc.Kill() })
		defer bell.Stop()
		if err := cmd.Wait(); err != nil {
			t.Logf("%s: %v", p.name, err)
		}
		logTo.Close()
	})
	settings["line"] = cmp.Or(r.like, r.name)
	return p, say[T](p, settings)
}

// thrown is an exception as a program describes it.
type thrown struct {
	Class   string          `json:"class"`
	Message *string         `json:"message"`
	Cause   *thrown         `json:"cause"`
	Fields  json.RawMessage `json:"fields"`
	Top     string          `json:"top"` // of the stack; its depth varies as the JVM warms up
}

func (x *thrown) String() string {
	if x == nil {
		return "nothing"
	}
	if x.Message == nil {
		return x.Class
	}
	return x.Class + ": " + *x.Message
}

// text returns the message, empty if there is none.
func (x *thrown) text() string {
	if x == nil || x.Message == nil {
		return ""
	}
	return *x.Message
}

// outcome stands in every answer.
type outcome struct {
	OK        bool    `json:"ok"`
	Exception *thrown `json:"exception"`
	MS        int64   `json:"ms"`
}

// do gives a command and returns its answer, whether it went well or not.
func do[T any](p *program, verb string, more fields) T {
	p.t.Helper()
	command := fields{"do": verb}
	for k, v := range more {
		command[k] = v
	}
	return say[T](p, command)
}

// must gives a command that has to go well.
func must[T any](p *program, verb string, more fields) T {
	p.t.Helper()
	raw := do[json.RawMessage](p, verb, more)
	var o outcome
	if err := json.Unmarshal(raw, &o); err != nil || !o.OK {
		p.t.Fatalf("%s: %s: %v %v", p.name, verb, o.Exception, err)
	}
	return decode[T](p, raw)
}

func say[T any](p *program, command fields) T {
	p.t.Helper()
	p.write(command)
	return decode[T](p, p.read())
}

func (p *program) write(command fields) {
	p.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		p.died(err)
	}
}

// read returns the next object that the program writes.
func (p *program) read() json.RawMessage {
	p.t.Helper()
	bell := time.AfterFunc(patience, func() { _ = p.proc.Kill() })
	defer bell.Stop()
	var raw json.RawMessage
	if err := p.out.Decode(&raw); err != nil {
		p.died(err)
	}
	return raw
}

func decode[T any](p *program, raw json.RawMessage) T {
	p.t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		p.t.Fatalf("%s: %v in %.300s", p.name, err, raw)
	}
	return v
}

func (p *program) died(err error) {
	p.t.Helper()
	if errors.Is(err, io.EOF) {
		err = errors.New("it ended")
	}
	text, _ := os.ReadFile(p.log)
	p.t.Fatalf("%s: %v\n%s", p.name, err, last(text, 20))
}
