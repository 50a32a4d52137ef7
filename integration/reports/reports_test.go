package reports

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var table = flag.Bool("table", false, "print the cases and how they ended as a table")

// report is one case.
type report struct {
	name string // as the report has it, and the input behind a slash
	kind string // of the fault, in a few words
	run  func(t *testing.T, d *desk)
}

// reports are all cases, ordered by name.
func reports() []report {
	all := slices.Concat(filesOfLiferay(), overrides(), osgiFiles(), lines(), secrets(), archives(), publishers(), proxies(), probes(), tlsFailures(), privateAuthorities(), certificates(), slowLines())
	slices.SortStableFunc(all, func(a, b report) int { return strings.Compare(a.name[:2], b.name[:2]) })
	return all
}

func TestReports(t *testing.T) {
	all := reports()
	ended := make([]string, len(all))
	t.Run("case", func(t *testing.T) {
		for i, r := range all {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				t.Cleanup(func() { ended[i] = outcome(t) })
				r.run(t, newDesk(t))
			})
		}
	})
	if !*table {
		return
	}
	for i, r := range all {
		fmt.Printf("%-8s %-44s %s\n", ended[i], r.name, r.kind)
	}
}

func outcome(t *testing.T) string {
	switch {
	case t.Failed():
		return "NOT OK"
	case t.Skipped():
		return "skipped"
	}
	return "ok"
}

// program is the binary under test: STAGELOCK names it, otherwise it is built.
var program = sync.OnceValues(func() (string, error) {
	if named := os.Getenv("STAGELOCK"); named != "" {
		return filepath.Abs(named)
	}
	path := filepath.Join(built, "stagelock")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/stagelock").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// built is the folder of a binary that was built here.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "reports")
	if err != nil {
		panic("reports: " + err.Error())
	}
	built = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil && code == 0 {
		code = 1
	}
	os.Exit(code)
}

// desk is a folder in which an operator works.
type desk struct {
	t    *testing.T
	dir  string
	bin  string
	env  []string
	tail string // of what was printed last, for a failure
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, dir: t.TempDir(), bin: bin}
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

// write makes a file that nobody else may read.
func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// take copies an input of the reports under a name.
func (d *desk) take(input, name string) {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", input))
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(name, string(text))
}

// ownEnviron is the environment without stagelock's settings: a case brings its own.
func ownEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "STAGELOCK") })
}

// command is the binary with these arguments, at this desk.
func (d *desk) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(d.t.Context(), d.bin, args...)
	cmd.Dir = d.dir
	cmd.Env = append(ownEnviron(), "NO_COLOR=1", "HOME="+d.dir, "XDG_STATE_HOME=")
	cmd.Env = append(cmd.Env, d.env...)
	return cmd
}

// run returns all that the command printed, and its exit code.
func (d *desk) run(args ...string) (string, int) {
	d.t.Helper()
	cmd := d.command(args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	d.tail = string(out)
	return d.tail, cmd.ProcessState.ExitCode()
}

// expect runs a command that must end with that code and say all of these.
func (d *desk) expect(code int, says []string, args ...string) {
	d.t.Helper()
	out, got := d.run(args...)
	if got != code {
		d.t.Errorf("%s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			d.t.Errorf("%s does not say %q:\n%s", strings.Join(args, " "), s, out)
		}
	}
}
