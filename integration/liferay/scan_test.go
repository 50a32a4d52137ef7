package liferay_test

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/calls"
)

// found is a row of the program in jvm/scan, which tells the fields. from is where a call is reached from, of a jar that was
// read the number of classes.
type found struct {
	what, build, call, by, jars, from string
}

// line is the version line of the row's build, as presets are named.
func (f found) line() string {
	if strings.HasPrefix(f.build, "7.4.") {
		return "7.4"
	}
	return f.build
}

// method parts the row's call: service, name, parameters.
func (f found) method() (service, name string, parameters []string) {
	service, rest, _ := strings.Cut(f.call, "#")
	name, list, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "(")
	if list != "" {
		parameters = strings.Split(list, ", ")
	}
	return service, name, parameters
}

// scanned are the rows of all lines, by what they say.
type scanned map[string][]found

// scan reads the vendor's jars of all lines. Maven fetches those that are not there yet.
func scan(t *testing.T) scanned {
	t.Helper()
	for _, r := range releases {
		build(t, r.name)
	}
	if out, err := exec.CommandContext(t.Context(), "jvm/scan/build").CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("COMPILATION ERROR")) {
			t.Fatalf("%s", out)
		}
		missing(t, "the jars to read come from Maven's repositories (is this machine offline?): %v\n%s", err, last(out, 15))
	}
	cmd := exec.CommandContext(t.Context(), "jvm/scan/scan", "--carried")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("jvm/scan/scan: %v\n%s", err, last(problems.Bytes(), 15))
	}
	return parse(t, string(out))
}

func parse(t *testing.T, out string) scanned {
	t.Helper()
	all := scanned{}
	for row := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(f) != 6 || !slices.Contains([]string{"call", "unread", "unresolved", "principal", "read", "carried"}, f[0]) {
			t.Fatalf("jvm/scan/scan prints %q", row)
		}
		all[f[0]] = append(all[f[0]], found{what: f[0], build: f[1], call: f[2], by: f[3], jars: f[4], from: f[5]})
	}
	return all
}

// TestInteropRemoteCalls holds the presets against what the vendor's bytecode does: a call that is made and that no preset
// has would be refused, and a preset that no jar has is a slip of the pen.
func TestInteropRemoteCalls(t *testing.T) {
	needJVM(t)
	if *only != "" {
		t.Skip("reads all lines, and -lines names some")
	}
	all, used := scan(t), map[string]bool{}
	everyCallIsInAPreset(t, all, used)
	everyPresetIsInAJar(t, all)
	uncalled := withoutCaller(t, all, used)
	whatIsNotReadIsNamed(t, all, used)
	for _, of := range needless(used, madeButRefused, noCaller, notRead) {
		t.Errorf("%s: has a reason in reasons_test.go and needs none", of)
	}
	golden(t, "remote-calls.md", remoteCalls(t, all, uncalled))
}

func everyCallIsInAPreset(t *testing.T, all scanned, used map[string]bool) {
	t.Helper()
	for _, f := range all["call"] {
		if !passes(t, f) && reasonFor(madeButRefused, used, f.line(), brief(f.call)) == "" {
			t.Errorf("%s: %s would be refused: %s makes it (%s), reached from %s", f.build, f.call, f.by, f.jars, f.from)
		}
	}
	for _, f := range all["unresolved"] {
		t.Errorf("%s: it cannot be told which call %s sends through %s (%s)", f.build, f.by, f.call, f.jars)
	}
}

func passes(t *testing.T, f found) bool {
	t.Helper()
	p, err := calls.NewPreset(f.line())
	if err != nil {
		t.Fatal(err)
	}
	service, name, parameters := f.method()
	_, refusal := p.Match(service, name, parameters)
	return refusal == nil
}

// signatures are the calls of the rows, by line, as rules write them.
func signatures(rows ...[]found) map[string]bool {
	all := map[string]bool{}
	for _, f := range slices.Concat(rows...) {
		all[f.line()+" "+strings.ReplaceAll(f.call, ", ", ",")] = true
	}
	return all
}

func everyPresetIsInAJar(t *testing.T, all scanned) {
	t.Helper()
	eachRule(t, signatures(all["call"], all["carried"]), func(line string, r *calls.Rule) {
		t.Errorf("%s: %s is in the preset and in no jar of the line", line, r.Signature())
	})
}

// uncalled is a call of a line's preset that nothing which was read makes, with the reason for that.
type uncalled struct{ line, call, why string }

func withoutCaller(t *testing.T, all scanned, used map[string]bool) []uncalled {
	t.Helper()
	var rows []uncalled
	eachRule(t, signatures(all["call"]), func(line string, r *calls.Rule) {
		u := uncalled{line, brief(r.Signature()), ofTheModule}
		if !moduleIsUnread(line) || !ownModule(all, r.Signature()) {
			u.why = reasonFor(noCaller, used, line, u.call)
		}
		if u.why == "" {
			t.Errorf("%s: %s is in the preset, and nothing that was read makes it", line, r.Signature())
		}
		rows = append(rows, u)
	})
	return rows
}

func moduleIsUnread(line string) bool { return line >= "7.0" && line <= "7.3" }

// eachRule calls f with the rules of every line that are not in known.
func eachRule(t *testing.T, known map[string]bool, f func(line string, r *calls.Rule)) {
	t.Helper()
	for _, line := range calls.Lines() {
		p, err := calls.NewPreset(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Rules() {
			if !known[line+" "+r.Signature()] {
				f(line, r)
			}
		}
	}
}

func whatIsNotReadIsNamed(t *testing.T, all scanned, used map[string]bool) {
	t.Helper()
	for _, f := range all["unread"] {
		if name, _, _ := strings.Cut(f.call, "("); reasonFor(notRead, used, f.line(), name) == "" {
			t.Errorf("%s: %s hands an HttpPrincipal to %s, which no jar has (%s)", f.build, f.by, f.call, f.jars)
		}
	}
}

// brief is a call without packages: GroupServiceUtil#getGroup(long).
func brief(call string) string {
	head, list, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
	types := strings.Split(strings.ReplaceAll(list, ", ", ","), ",")
	for i, s := range types {
		types[i] = strings.Replace(s[strings.LastIndexByte(s, '.')+1:], "[B", "byte[]", 1)
	}
	service, name, _ := strings.Cut(head, "#")
	return service[strings.LastIndexByte(service, '.')+1:] + "#" + name + "(" + strings.Join(types, ", ") + ")"
}
