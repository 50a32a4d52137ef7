package operate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/node/trial"
	"github.com/stagelock/stagelock/store/postgres"
)

func shown(t *testing.T, asJSON bool, show func(shell) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := show(shell{&term.Shell{Out: &out, JSON: asJSON}}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestStepsOfASchema: which are there, which are missing, and that there are none.
func TestStepsOfASchema(t *testing.T) {
	two := []postgres.Migration{{Version: 1, Name: "first", Applied: true}, {Version: 2, Name: "second"}}
	for _, tt := range []struct {
		name  string
		steps []postgres.Migration
		json  bool
		want  string
	}{
		{"none", nil, false, "The schema is up to date.\n"},
		{"none, for a script", nil, true, "[]\n"},
		{"two", two, false, "1  first   applied\n2  second  missing\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := shown(t, tt.json, func(sh shell) error { return sh.showSteps(tt.steps, "The schema is up to date.") }); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	var all []postgres.Migration
	if out := shown(t, true, func(sh shell) error { return sh.showSteps(two, "") }); json.Unmarshal([]byte(out), &all) != nil || len(all) != 2 || all[1].Applied {
		t.Errorf("for a script: %s", out)
	}
}

// TestStoreIsShown: the server, its standbys, its schema, and each problem and warning with its word.
func TestStoreIsShown(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*storeReport)
		want   []string
		never  string
	}{
		{"fit", func(*storeReport) {}, []string{"server              PostgreSQL 15.4\n", "round trip          1.23ms\n", "synchronous_commit  on\n",
			"standbys            2, 1 of them synchronous\n", "schema              up to date\n"}, "error"},
		{"one step is missing", func(r *storeReport) { r.Migrations = []postgres.Migration{{Applied: true}, {}} },
			[]string{"1 step missing: a gateway that starts applies them, or stagelock store migrate\n"}, "up to date"},
		{"two steps are missing", func(r *storeReport) { r.Migrations = make([]postgres.Migration, 2) }, []string{"2 steps missing: "}, "up to date"},
		{"steps that cannot be looked at", func(r *storeReport) { r.unread = true }, []string{"schema              cannot be looked at\n"}, "up to date"},
		{"a version that a terminal acts on", func(r *storeReport) { r.Version = "15\x1b[2J" }, []string{"PostgreSQL 15?[2J\n"}, "\x1b"},
		{"problems", func(r *storeReport) { r.Problems = []string{"it is read-only", "fsync is off"} },
			[]string{"error: it is read-only\nerror: fsync is off\n"}, "warning"},
		{"warnings", func(r *storeReport) { r.Warnings = []string{"one standby only"} }, []string{"warning: one standby only\n"}, "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := storeReport{Report: postgres.Report{Version: "15.4", RoundTrip: 1234567 * time.Nanosecond, SynchronousCommit: "on", Standbys: 2, Synchronous: 1}}
			tt.change(&r)
			got := shown(t, false, func(sh shell) error { return sh.showStore(r) })
			for _, want := range tt.want {
				if !strings.Contains(got, want) || strings.Contains(got, tt.never) {
					t.Errorf("want %q and never %q in\n%s", want, tt.never, got)
				}
			}
		})
	}
}

// TestWhereASettingStands: as precise as it is known.
func TestWhereASettingStands(t *testing.T) {
	for _, tt := range []struct {
		name string
		step trial.Step
		want string
	}{
		{"no setting", trial.Step{File: "f", Line: 1}, ""},
		{"a setting by default", trial.Step{Setting: "peers"}, "  [peers]"},
		{"a setting of a file", trial.Step{Setting: "peers", File: "s.yaml"}, "  [peers, s.yaml]"},
		{"a setting of a line", trial.Step{Setting: "peers", File: "s.yaml", Line: 3}, "  [peers, s.yaml:3]"},
	} {
		if got := where(tt.step); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestTrialIsShown: each step with its verdict, its setting and its cure, and what all of it means.
func TestTrialIsShown(t *testing.T) {
	pass := trial.Step{Step: "host", Pass: true, Msg: "is allowed"}
	deny := trial.Step{Step: "secret", Reason: "secret.wrong", Msg: "of\x1b another", Peer: "a\nb", Cure: "mend it", Setting: "peers[0].secret", File: "s.yaml", Line: 9}
	for _, tt := range []struct {
		name  string
		pass  bool
		steps []trial.Step
		want  string
	}{
		{"it passes", true, []trial.Step{pass}, "host    pass  is allowed\nIt would pass.\n"},
		{"it is refused", false, []trial.Step{pass, deny}, "host    pass  is allowed\n" +
			"secret  DENY secret.wrong  peer a?b: of? another  [peers[0].secret, s.yaml:9]\n        what to do: mend it\nIt would be refused.\n"},
		{"nothing was tried", false, nil, "It would be refused.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := shown(t, false, func(sh shell) error { return sh.showTrial(tt.pass, tt.steps) }); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			var r struct {
				OK    *bool
				Steps []trial.Step
			}
			out := shown(t, true, func(sh shell) error { return sh.showTrial(tt.pass, tt.steps) })
			if err := json.Unmarshal([]byte(out), &r); err != nil || r.OK == nil || *r.OK != tt.pass || len(r.Steps) != len(tt.steps) {
				t.Errorf("for a script: %s %v", out, err)
			}
		})
	}
}

// TestExitOfARefusedReload: 78 only if the configuration itself is wrong.
func TestExitOfARefusedReload(t *testing.T) {
	for _, tt := range []struct {
		name     string
		problems []admin.Problem
		want     int
	}{
		{"no problem of the file", nil, term.ExitStart},
		{"warnings only", []admin.Problem{{Warning: true}, {Warning: true}}, term.ExitStart},
		{"an error", []admin.Problem{{}}, term.ExitConfig},
		{"an error behind a warning", []admin.Problem{{Warning: true}, {}}, term.ExitConfig},
	} {
		if got := refusedReload(admin.Reloaded{Problems: tt.problems}); got != tt.want {
			t.Errorf("%s: exit %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestLaterNamesWhatWaitsForARestart(t *testing.T) {
	for _, tt := range []struct {
		name    string
		setting string
		restart []string
		want    string
	}{
		{"none waits", "listen", nil, ""},
		{"it waits", "listen", []string{"data", "listen"}, " (counts after a restart only)"},
		{"another waits", "listen", []string{"listen.x", "lis"}, ""},
	} {
		if got := later(tt.setting, tt.restart); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
