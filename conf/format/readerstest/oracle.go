package readerstest

import (
	"bufio"
	"encoding/base64"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readers is where the program lies that asks the vendor's own readers, seen from the rooms that are two deep.
const readers = "../../integration/liferay/jvm/readers"

// JVMProperty is a property that the reader's JVM is started with, and JVMValue is what it says.
const (
	JVMProperty = "test.property"
	JVMValue    = "of-the-jvm"
)

// Oracle is a running program with the jars of one reader. One goroutine may use it.
type Oracle struct {
	Dir string            // holds portal-ext.properties and what it includes; its parent is the portal's home
	Env map[string]string // variables that the reader has, beside the test's own

	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// New starts the reader; it skips the test unless that was asked for by name and everything is there.
func New(t *testing.T, reader string) *Oracle {
	t.Helper()
	if run := flag.Lookup("test.run"); run == nil || !strings.Contains(run.Value.String(), "Interop") {
		t.Skip("starts JVMs: run it by name with `make interop`")
	}
	classpath := build(t, reader)
	o := &Oracle{t: t, Dir: filepath.Join(t.TempDir(), "classes"), Env: map[string]string{"STAGING_SECRET": "from-env", "LIFERAY_X": "10.9.8.7"}}
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// The includes that the portal's own portal.properties has.
	o.Write("portal.properties", []byte("include-and-override=portal-ext.properties\ninclude-and-override=${liferay.home}/portal-ext.properties\n"))
	o.start(classpath)
	return o
}

// build compiles the program for a reader and returns its class path.
func build(t *testing.T, reader string) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), filepath.Join(readers, "build"), reader) //nolint:gosec // the tests' own names
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" || strings.Contains(string(out), "COMPILATION ERROR") {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Skipf("reader %s cannot be built, its jars come from Maven's repositories: %v\n%s", reader, err, out)
	}
	target := filepath.Join(readers, "target", reader)
	classpath, err := os.ReadFile(filepath.Join(target, "classpath"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(target, "classes") + ":" + string(classpath)
}

func (o *Oracle) start(classpath string) {
	o.t.Helper()
	//nolint:gosec // the class path that the build wrote
	cmd := exec.CommandContext(o.t.Context(), "java", "-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-D"+JVMProperty+"="+JVMValue, "-Dliferay.home="+filepath.Dir(o.Dir),
		"--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.lang.reflect=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED",
		"-cp", classpath, "stagelock.readers.Readers")
	cmd.Env = os.Environ()
	for k, v := range o.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.in, o.out = in, bufio.NewScanner(out)
	o.out.Buffer(nil, 64<<20)
	o.t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
}

// Write makes a file in the portal's folder.
func (o *Oracle) Write(name string, data []byte) {
	o.t.Helper()
	path := filepath.Join(o.Dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// ask returns the fields of an answer; nothing if the reader failed.
func (o *Oracle) ask(command string, fields ...string) (answer []string, ok bool) {
	o.t.Helper()
	line := []string{command}
	for _, f := range fields {
		line = append(line, base64.RawURLEncoding.EncodeToString([]byte(f)))
	}
	if _, err := io.WriteString(o.in, strings.Join(line, " ")+"\n"); err != nil {
		o.t.Fatal(err)
	}
	if !o.out.Scan() {
		o.t.Fatalf("the reader ended: %v", o.out.Err())
	}
	answer = strings.Split(o.out.Text(), " ")
	return answer[1:], answer[0] == "ok"
}

// texts decodes a field of an answer: texts with commas between, = for nothing.
func (o *Oracle) texts(field string) []string {
	o.t.Helper()
	var all []string
	for f := range strings.SplitSeq(field, ",") {
		if f == "=" || f == "" {
			continue
		}
		b, err := base64.RawURLEncoding.DecodeString(f[1:])
		if err != nil {
			o.t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// Read is what a reader makes of one key. A key that is not there has no texts.
type Read struct {
	Texts []string // the portal's one text
	List  []string // the portal's list, or the values of a configuration
}

// Portal returns what the portal reads for each key, from the files in the folder; false if it would not start.
func (o *Oracle) Portal(keys []string) (got []Read, ok bool) {
	o.t.Helper()
	answer, ok := o.ask("portal", append([]string{o.Dir}, keys...)...)
	if !ok {
		return nil, false
	}
	for _, a := range answer {
		text, list, _ := strings.Cut(a, ",")
		got = append(got, Read{o.texts(text), o.texts(list)})
	}
	return got, true
}

// Value is one key of a configuration.
type Value struct {
	Key    string
	Values []string
	None   bool // the key is there without a value
}

// Config returns what the reader makes of a configuration file. Whether it fails or reads nothing is one:
// the configuration is not there.
func (o *Oracle) Config(name, text string) []Value {
	o.t.Helper()
	answer, ok := o.ask("config", name, text)
	if !ok {
		return nil
	}
	var all []Value
	for _, a := range answer {
		key, values, _ := strings.Cut(a, ",")
		all = append(all, Value{o.texts(key)[0], o.texts(values), values == "="})
	}
	return all
}
