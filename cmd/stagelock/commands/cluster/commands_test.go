package cluster

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/cluster"
)

// run carries out one command line of this package, and returns its exit code and what it says.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Now: time.Now, JSON: strings.Contains(strings.Join(args, " "), "--json")}
	a := &cli.App{Name: "stagelock", Commands: Commands(sh), Writer: &o, ErrWriter: &e, ExitErrHandler: func(*cli.Context, error) {}}
	code = sh.Report(a.RunContext(t.Context(), append([]string{"stagelock", "cluster"}, args...)))
	return code, o.String(), e.String()
}

var keyLine = regexp.MustCompile(`^[0-9a-f]{64}\n$`)

// TestKeyIsPrinted: 32 bytes in hexadecimal digits, others each time.
func TestKeyIsPrinted(t *testing.T) {
	seen := map[string]bool{}
	for range 8 {
		code, out, errs := run(t, "key")
		if code != 0 || errs != "" || !keyLine.MatchString(out) {
			t.Fatalf("exit %d: %q %q", code, out, errs)
		}
		if seen[out] {
			t.Fatalf("%q came twice", out)
		}
		seen[out] = true
	}
}

// TestKeyForAScript: with --json the key is in the answer only if it is nowhere else.
func TestKeyForAScript(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	for _, tt := range []struct {
		name       string
		args       []string
		has, lacks string
	}{
		{"printed", []string{"key", "--json"}, "key", "file"},
		{"written", []string{"key", "--json", "--out", file}, "file", "key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, tt.args...)
			var r map[string]string
			if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || errs != "" {
				t.Fatalf("exit %d: %s%s: %v", code, out, errs, err)
			}
			if r[tt.has] == "" || r[tt.lacks] != "" || len(r) != 1 {
				t.Errorf("got %v", r)
			}
		})
	}
}

// TestKeyInAFile: for its owner's eyes only, never on the screen, and a key in use is never written over.
func TestKeyInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cluster.key")
	code, out, errs := run(t, "key", "--out", file)
	b, err := os.ReadFile(file)
	if code != 0 || err != nil || errs != "" || !keyLine.Match(b) {
		t.Fatalf("exit %d: %q %q, %q %v", code, out, errs, b, err)
	}
	if strings.Contains(out, strings.TrimSpace(string(b))) {
		t.Error("the key is on the screen")
	}
	if want := "  cluster: { key_file: " + file + " }\n"; !strings.HasSuffix(out, want) {
		t.Errorf("%q does not end with %q", out, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
	code, out, errs = run(t, "key", "--out", file)
	if after, err := os.ReadFile(file); code != 73 || err != nil || !bytes.Equal(after, b) || out != "" {
		t.Errorf("written over: exit %d: %q %v", code, out, err)
	}
	if want := "stagelock: cannot write: " + file + " is there already; it may be in use\n  what to do: name another file, or take that one away if nothing uses it\n"; errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

func TestMisuseOfCluster(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("clusterr: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an operand of key", []string{"key", "x"}, 64, `key does not know what to do with "x"`},
		{"an operand of status", []string{"status", "x"}, 64, `status does not know what to do with "x"`},
		{"a folder that is not there", []string{"key", "--out", filepath.Join(dir, "none", "key")}, 73, "cannot write: "},
		{"a folder in place of a file", []string{"key", "--out", dir}, 73, dir + " is there already"},
		{"a setting without a value", []string{"status", "--set", "data"}, 64, "--set data has no value; write PATH=VALUE"},
		{"a file that is not there", []string{"status", "--config", filepath.Join(dir, "none.yaml")}, 78, "none.yaml"},
		{"a setting of nobody", []string{"status", "--config", bad}, 78, bad + ":1: error: clusterr is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v %v", all, err)
	}
}

// shared writes a configuration of a gateway with that store.
func shared(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "stagelock.yaml")
	text := "names: [gw.example.com]\nhosts: { allow: [10.1.0.2] }\ndata: " + dir + "\nengine: { line: \"7.4\", " +
		"browser_url: \"https://live.example.com\", upstream: { nodes: [\"http://127.0.0.1:8080\"] } }\n" +
		"peers:\n  - { name: staging, sites: [1], logins: [a@example.com], secret: { value: 0123456789abcdef } }\n" + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestStatusOfOneThatSharesNothing: nobody is asked, and the words say which command tells of this gateway.
func TestStatusOfOneThatSharesNothing(t *testing.T) {
	code, out, errs := run(t, "status", "--config", shared(t, ""))
	want := "stagelock: store is embedded: this gateway shares nothing\n" +
		"  what to do: stagelock status tells how it is; write store: postgres for gateways that share a database\n"
	if code != 65 || out != "" || errs != want {
		t.Errorf("exit %d: %q %q, want %q", code, out, errs, want)
	}
	code, out, _ = run(t, "status", "--json", "--config", shared(t, ""))
	var r struct {
		OK                  *bool
		Exit                int
		Kind, Message, Cure string
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 65 || r.OK == nil || *r.OK || r.Exit != 65 || r.Kind != "data" {
		t.Errorf("for a script: exit %d: %s %v", code, out, err)
	}
	if r.Message != "store is embedded: this gateway shares nothing" || !strings.HasPrefix(r.Cure, "stagelock status") {
		t.Errorf("for a script: %+v", r)
	}
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))

func alive() cluster.Gateway {
	return cluster.Gateway{Node: "a", State: "ready", Version: "1.2", Life: "l-1", Since: at, Left: 12345 * time.Millisecond,
		Offset: -1500 * time.Microsecond, Config: "0123456789abcdef", Calls: 3, Records: 41, Noted: 40, Last: at.Add(time.Second)}
}

// TestRowOfAGateway: each column of the table, and what stands there if nothing is known.
func TestRowOfAGateway(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*cluster.Gateway)
		want   string
	}{
		{"alive", func(*cluster.Gateway) {}, "a ready 2026-03-01T11:00:00Z 1.2 12.3s -2ms 01234567 3 41 40 2026-03-01T11:00:01Z l-1"},
		{"gone", func(g *cluster.Gateway) { g.State = cluster.Gone }, "a gone 2026-03-01T11:00:00Z 1.2 - - 01234567 - 41 40 2026-03-01T11:00:01Z l-1"},
		{"with a log only", func(g *cluster.Gateway) { *g = cluster.Gateway{Node: "b", State: cluster.Gone, Records: 7} }, "b gone - - - - - - 7 0 - -"},
		{"a short digest", func(g *cluster.Gateway) { g.Config = "abc" }, "a ready 2026-03-01T11:00:00Z 1.2 12.3s -2ms abc 3 41 40 2026-03-01T11:00:01Z l-1"},
		{"idle, at its end", func(g *cluster.Gateway) { g.Calls, g.Left, g.Offset = 0, 0, 0 }, "a ready 2026-03-01T11:00:00Z 1.2 0s 0s 01234567 0 41 40 2026-03-01T11:00:01Z l-1"},
		{"a clock far away", func(g *cluster.Gateway) { g.Offset = 90 * time.Second }, "a ready 2026-03-01T11:00:00Z 1.2 12.3s 1m30s 01234567 3 41 40 2026-03-01T11:00:01Z l-1"},
		{"names that a terminal acts on", func(g *cluster.Gateway) { g.Node, g.Version = "a\x1b[2J", "1\n2" }, "a?[2J ready 2026-03-01T11:00:00Z 1?2 12.3s -2ms 01234567 3 41 40 2026-03-01T11:00:01Z l-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := alive()
			tt.change(&g)
			got := row(g)
			if s := strings.Join(got, " "); s != tt.want || len(got) != len(head) {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

// TestStatusIsShown: the table, then the newest note, then what an operator should look at.
func TestStatusIsShown(t *testing.T) {
	note := &cluster.Note{N: 9, Time: at, Signers: 2}
	for _, tt := range []struct {
		name   string
		status cluster.Status
		want   []string // the lines behind the head's
	}{
		{"nobody", cluster.Status{}, nil},
		{"one", cluster.Status{Gateways: []cluster.Gateway{alive()}}, []string{"a"}},
		{"one and a note", cluster.Status{Gateways: []cluster.Gateway{alive()}, Note: note},
			[]string{"a", "newest note over all logs: 9, of 2026-03-01T11:00:00Z, signed by 2 gateways"}},
		{"signed by one", cluster.Status{Note: &cluster.Note{N: 1, Time: at, Signers: 1}},
			[]string{"newest note over all logs: 1, of 2026-03-01T11:00:00Z, signed by 1 gateway"}},
		{"findings", cluster.Status{Note: note, Findings: []string{"a\x1b[2J is late", "b is gone"}},
			[]string{"newest note over all logs: 9, of 2026-03-01T11:00:00Z, signed by 2 gateways", "note: a?[2J is late", "note: b is gone"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (shell{&term.Shell{Out: &out}}).showStatus(tt.status); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if !strings.HasPrefix(lines[0], "GATEWAY  ") || len(lines) != len(tt.want)+1 {
				t.Fatalf("got\n%s", out.String())
			}
			for i, want := range tt.want {
				if got := lines[i+1]; got != want && !strings.HasPrefix(got, want+" ") {
					t.Errorf("line %d: %q, want %q", i, got, want)
				}
			}
		})
	}
}

// TestStatusForAScript: the names of the fields, times and durations as the documents give them.
func TestStatusForAScript(t *testing.T) {
	var out bytes.Buffer
	s := cluster.Status{Gateways: []cluster.Gateway{alive()}, Note: &cluster.Note{N: 9, Time: at.UTC(), Signers: 2}, Findings: []string{}}
	s.Gateways[0].Since, s.Gateways[0].Last = at.UTC(), at.UTC()
	if err := (shell{&term.Shell{Out: &out, JSON: true}}).showStatus(s); err != nil {
		t.Fatal(err)
	}
	want := `{"gateways":[{"node":"a","state":"ready","version":"1.2","life":"l-1","since":"2026-03-01T11:00:00Z",` +
		`"lease_left_ns":12345000000,"clock_offset_ns":-1500000,"config":"0123456789abcdef","calls_under_way":3,"records":41,` +
		`"last_record":"2026-03-01T11:00:00Z","noted":40}],"newest_note":{"n":9,"time":"2026-03-01T11:00:00Z","signers":2},"findings":[]}` + "\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }

// TestClosedOutputIsTold: whatever of the status is being written.
func TestClosedOutputIsTold(t *testing.T) {
	for _, json := range []bool{false, true} {
		err := (shell{&term.Shell{Out: closed{}, JSON: json}}).showStatus(cluster.Status{Gateways: []cluster.Gateway{alive()}})
		if term.ExitCode(err) != term.ExitOutput {
			t.Errorf("JSON %v: %v", json, err)
		}
	}
}
