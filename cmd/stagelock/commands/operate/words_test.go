package operate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
)

// live writes a configuration of a gateway before a Liferay.
func live(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := `names: [gw.example.com]
hosts: { allow: [10.1.0.2] }
data: ` + dir + `
engine: { line: "7.4", browser_url: "https://live.example.com", upstream: { nodes: ["http://127.0.0.1:8080"] } }
peers:
  - name: staging
    sites: [20121]
    logins: [ann@example.com]
    addresses: [10.1.0.2]
    secret: { value: k3Xq0mZr9wTbL5vN }
`
	file := filepath.Join(dir, "stagelock.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// lines are the objects of an output with one in each line.
func lines(t *testing.T, out string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// TestPolicyOfEachLine: a row a call, the same calls for a script, and fewer of them on the oldest line.
func TestPolicyOfEachLine(t *testing.T) {
	head := regexp.MustCompile(`^KIND +REPEAT +OTHER NODE +CALL\n`)
	for _, line := range calls.Lines() {
		t.Run(line, func(t *testing.T) {
			preset, err := calls.NewPreset(line)
			if err != nil {
				t.Fatal(err)
			}
			code, out, errs := run(t, nil, "policy", "calls", "--line", line)
			if code != 0 || errs != "" || !head.MatchString(out) || strings.Count(out, "\n") != len(preset.Rules())+1 {
				t.Errorf("exit %d: %s\n%s", code, errs, out)
			}
			_, script, _ := run(t, nil, "policy", "calls", "--line", line, "--json")
			all := lines(t, script)
			if len(all) != len(preset.Rules()) {
				t.Fatalf("%d calls, want %d", len(all), len(preset.Rules()))
			}
			for i, r := range preset.Rules() {
				if all[i]["signature"] != r.Signature() || all[i]["guarded"] != r.Guarded || all[i]["failover"] != r.Failover || all[i]["kind"] != r.Kind.String() {
					t.Errorf("got %v, want %s", all[i], r.Signature())
				}
				if !strings.Contains(out, r.Signature()+"\n") {
					t.Errorf("%s is not in the table", r.Signature())
				}
			}
			_, whole, _ := run(t, nil, "policy", "--line", line)
			if !strings.HasPrefix(whole, out) || !strings.Contains(whole, "\nAnything else is refused, with one of these reasons:\n\n") {
				t.Errorf("policy begins otherwise:\n%.300s", whole)
			}
		})
	}
}

// TestReasonsOfThePolicy: each by its code, a family by its name, all without one.
func TestReasonsOfThePolicy(t *testing.T) {
	families := map[string]int{}
	for _, r := range policy.Reasons() {
		families[r.Family()]++
		code, out, errs := run(t, nil, "policy", "reasons", r.Code)
		want := r.Code + "\n  means       " + r.Meaning + "\n  what to do  " + r.Cure + "\n  answer      " + r.Answer.String() + "\n"
		if code != 0 || errs != "" || out != want {
			t.Errorf("%s: exit %d: %q %q", r.Code, code, out, errs)
		}
	}
	for family, n := range families {
		if code, out, _ := run(t, nil, "policy", "reasons", family, "--json"); code != 0 || len(lines(t, out)) != n {
			t.Errorf("%s: exit %d, %d reasons, want %d", family, code, len(lines(t, out)), n)
		}
	}
	_, out, _ := run(t, nil, "policy", "reasons", "--json")
	all := lines(t, out)
	if len(all) != len(policy.Reasons()) || len(all) < 30 {
		t.Fatalf("%d reasons", len(all))
	}
	for i, r := range policy.Reasons() {
		if all[i]["code"] != r.Code || all[i]["meaning"] != r.Meaning || all[i]["cure"] != r.Cure || all[i]["answer"] != r.Answer.String() || all[i]["level"] != r.Level.String() {
			t.Errorf("got %v, want %+v", all[i], r)
		}
	}
	for _, wrong := range []string{"secret.", "SECRET.WRONG", "secret.wron", ".wrong"} {
		code, out, errs := run(t, nil, "policy", "reasons", wrong)
		if code != 64 || out != "" || !strings.HasPrefix(errs, `stagelock: there is no reason "`+wrong+`"`) {
			t.Errorf("%s: exit %d: %q %q", wrong, code, out, errs)
		}
	}
	if code, _, errs := run(t, nil, "policy", "reasons", "secret.wrong", "path.unknown"); code != 64 || !strings.Contains(errs, `reasons does not know what to do with "path.unknown"`) {
		t.Errorf("two: exit %d: %s", code, errs)
	}
}

// TestTasksOfAKentico: each type with the setting that opens it, each object with its tables, and what is dangerous.
func TestTasksOfAKentico(t *testing.T) {
	code, out, errs := run(t, nil, "policy", "tasks")
	if code != 0 || errs != "" {
		t.Fatal(code, errs)
	}
	flat := "\n" + regexp.MustCompile(` +`).ReplaceAllString(out, " ")
	for _, k := range kinds.All() {
		needs := k.Needs
		if needs == "" {
			needs = "-"
		}
		if !strings.Contains(flat, "\n"+k.Type+" "+needs+"\n") {
			t.Errorf("%s %s is not there", k.Type, needs)
		}
	}
	for _, o := range kinds.Objects() {
		if want := strings.TrimSpace(o.Object + " " + strings.Join(o.Tables, ", ")); !strings.Contains(flat, "\n"+want+"\n") {
			t.Errorf("%q is not there", want)
		}
	}
	if !strings.HasSuffix(out, "\n"+strings.Join(kinds.Dangerous(), " ")+"\n") {
		t.Errorf("it ends with %q", out[max(0, len(out)-100):])
	}
	code, out, _ = run(t, nil, "policy", "tasks", "--json")
	var r struct {
		Types, Objects []any
		Dangerous      []string `json:"dangerous_types"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || len(r.Types) != len(kinds.All()) || len(r.Objects) != len(kinds.Objects()) ||
		len(r.Dangerous) != len(kinds.Dangerous()) {
		t.Errorf("for a script: exit %d: %s %v", code, out, err)
	}
}

// TestPolicyTextIsOneText: for people and for a script.
func TestPolicyTextIsOneText(t *testing.T) {
	_, words, _ := run(t, nil, "policy", "text")
	code, out, _ := run(t, nil, "policy", "text", "--json")
	var r map[string]string
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || len(r) != 1 || r["policy"] != words || len(words) < 1000 {
		t.Errorf("exit %d: %v: %d and %d bytes", code, err, len(r["policy"]), len(words))
	}
}

// TestPolicyTestOfALiferay: what passes, what refuses it, and which line of the file says so.
func TestPolicyTestOfALiferay(t *testing.T) {
	file := live(t)
	good := []string{"--from", "10.1.0.2", "--login", "ann@example.com", "--site", "20121"}
	secret := filepath.Join(t.TempDir(), "s")
	other := filepath.Join(t.TempDir(), "o")
	for path, text := range map[string]string{secret: "k3Xq0mZr9wTbL5vN", other: "another-secret16"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a publish", good, 0, "It would pass.\n"},
		{"with the secret", append(good[:6:6], "--secret-file", secret), 0, "It would pass.\n"},
		{"with another secret", append(good[:6:6], "--secret-file", other), 77, "DENY secret.wrong"},
		{"from another host", append([]string{"--from", "10.9.9.9"}, good[2:]...), 77, "[hosts.allow, " + file + ":2]"},
		{"into another site", append(good[:4:4], "--site", "20122"), 77, "[peers[0].sites, " + file + ":7]"},
		{"by another login", append(good[:2:2], "--login", "bob@example.com", "--site", "20121"), 77, "[peers[0].logins, " + file + ":8]"},
		{"a call", append(good[:6:6], "--call", "createStagingRequest"), 0, "It would pass.\n"},
		{"a call of nobody", append(good[:6:6], "--call", "dropDatabase"), 77, "DENY "},
		{"no address", good[2:], 64, "test needs --from"}, {"no login", append(good[:2:2], good[4:]...), 64, "test needs --login"},
		{"no site", good[:4], 64, "test needs --site"}, {"a name for an address", append([]string{"--from", "staging"}, good[2:]...), 64, `--from: "staging" is not an address`},
		{"a proxy that is none", append(good[:6:6], "--via", "x"), 64, `--via: "x" is not an address`},
		{"a part of nothing", append(good[:6:6], "--part", "0"), 64, `--part: "0" is not a size`},
		{"a site that is no number", append(good[:4:4], "--site", "shop"), 64, `--site: invalid value "shop"`},
		{"an operand", append(good[:6:6], "x"), 64, `test does not know what to do with "x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"policy", "test", "--config", file}, tt.args...)
			code, out, errs := run(t, nil, args...)
			if code != tt.code || !strings.Contains(out+errs, tt.want) || code == 77 && !strings.HasSuffix(out, "\nIt would be refused.\n") {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
			if strings.Contains(out+errs, "k3Xq0mZr9wTbL5vN") || strings.Contains(out+errs, "another-secret16") {
				t.Error("a secret is shown")
			}
			code, out, _ = run(t, nil, append(args, "--json")...)
			if r := lines(t, out); code != tt.code || len(r) != 1 || r[0]["ok"] != (tt.code == 0) {
				t.Errorf("for a script: exit %d: %s", code, out)
			}
		})
	}
}

// TestConfigShowSaysWhereEachIsFrom: a file with its line, a variable, a flag, and the last of them wins.
func TestConfigShowSaysWhereEachIsFrom(t *testing.T) {
	file := live(t)
	for _, tt := range []struct {
		name, path, value, from string
		env, args               []string
	}{
		{"of the file", "engine.line", "7.4", file + ":4", nil, nil},
		{"by default", "log.level", "info", "default", nil, nil},
		{"of a variable", "log.level", "warn", "STAGELOCK_LOG_LEVEL", []string{"STAGELOCK_LOG_LEVEL=warn"}, nil},
		{"of a flag", "log.level", "debug", "flag log.level", []string{"STAGELOCK_LOG_LEVEL=warn"}, []string{"--set", "log.level=debug"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, tt.env, append([]string{"config", "show", "--json", "--config", file}, tt.args...)...)
			var all []struct{ Path, Value, From string }
			if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || errs != "" || len(all) < 50 {
				t.Fatalf("exit %d: %d settings %s %v", code, len(all), errs, err)
			}
			found := false
			for _, s := range all {
				if strings.Contains(s.Value, "k3Xq0mZr9wTbL5vN") {
					t.Errorf("%s is shown", s.Path)
				}
				if s.Path == tt.path {
					found = true
					if s.Value != tt.value || !strings.Contains(s.From, tt.from) {
						t.Errorf("got %+v, want %s from %s", s, tt.value, tt.from)
					}
				}
			}
			code, words, _ := run(t, tt.env, append([]string{"config", "show", "--config", file}, tt.args...)...)
			if !found || code != 0 || strings.Count(words, "\n") != len(all) || strings.Contains(words, "k3Xq0mZr9wTbL5vN") {
				t.Errorf("found %v, exit %d, %d rows", found, code, strings.Count(words, "\n"))
			}
		})
	}
}

// TestValidateForAScript: all that is wrong, with its place, and how many of each.
func TestValidateForAScript(t *testing.T) {
	code, out, errs := run(t, nil, "validate", "--json", "--config", live(t))
	if r := lines(t, out); code != 0 || errs != "" || len(r) != 1 || r[0]["ok"] != true || r[0]["errors"] != 0.0 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("lissten: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs = run(t, nil, "validate", "--json", "--config", bad)
	var r struct {
		OK       *bool
		Errors   int
		Problems []struct {
			File, Path, Message, Cure string
			Line                      int
			Warning                   bool
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 78 || errs != "" || r.OK == nil || *r.OK || r.Errors < 2 {
		t.Fatalf("exit %d: %s%s %v", code, out, errs, err)
	}
	n := 0
	for _, p := range r.Problems {
		if !p.Warning {
			n++
		}
		if p.Path == "lissten" && (p.File != bad || p.Line != 1 || p.Cure != "did you mean listen?") {
			t.Errorf("got %+v", p)
		}
	}
	if n != r.Errors {
		t.Errorf("%d errors, said to be %d", n, r.Errors)
	}
}
