package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/tunnel"
)

// now is the clock of every command here, a day after the log begins.
func now() time.Time { return begun.Add(24 * time.Hour) }

var begun = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Now: now}
	code = commands.Run(context.Background(), sh, append([]string{"stagelock", "audit"}, args...))
	return code, o.String(), e.String()
}

// method is the signature of a call on live.
func method(name string) string {
	return "com.liferay.exportimport.kernel.service.StagingServiceUtil#" + name + "(long)"
}

// verdict is one call's, i hours after the log begins.
func verdict(i int, ref, peer, login, name string, site int64, v audit.Verdict, reason tunnel.Reason) audit.Event {
	return audit.Event{Kind: audit.KindVerdict, Time: begun.Add(time.Duration(i) * time.Hour), Ref: ref, Peer: peer, Login: login,
		Addr: netip.MustParseAddr("192.0.2.17"), Socket: netip.MustParseAddrPort("192.0.2.17:51234"), Verdict: v, Reason: reason,
		About: audit.About{Method: method(name), Site: site}}
}

// logged is a data folder with a log of these events.
func logged(t *testing.T, events ...audit.Event) node.DataDir {
	t.Helper()
	return segmented(t, 0, events...)
}

// segmented is a data folder with a log of these events, in files of so many bytes.
func segmented(t *testing.T, size int64, events ...audit.Event) node.DataDir {
	t.Helper()
	data := node.DataDir(t.TempDir())
	store, err := files.Open(files.Config{Dir: data.Audit(), SegmentBytes: size})
	audittest.Must(t, err)
	cfg := audittest.Config(t, store)
	cfg.Node, cfg.Checkpoint = "live-1", data.Checkpoint()
	log := audittest.Open(t, cfg)
	for _, ev := range events {
		_, err := log.Append(context.Background(), ev)
		audittest.Must(t, err)
	}
	audittest.Must(t, log.Close())
	_ = store.Close() // it may be closed with the log
	return data
}

// usual has three calls of two peers, one of which was refused, and the start of a gateway.
func usual(t *testing.T) node.DataDir { return logged(t, usualEvents()...) }

func usualEvents() []audit.Event {
	return []audit.Event{
		{Kind: audit.KindStart, Time: begun, Detail: "version 1"},
		verdict(1, "ref-a", "staging", "ann@example.com", "createStagingRequest", 20121, audit.Allow, ""),
		{Kind: audit.KindOutcome, Time: begun.Add(time.Hour + time.Second), Ref: "ref-a", Peer: "staging", Ended: audit.Ended{End: "answered", Status: 200, LatencyMicros: 1500}},
		verdict(2, "ref-b", "test", "bob@example.com", "createStagingRequest", 5, audit.Deny, "secret.wrong"),
		verdict(3, "ref-c", "staging", "ann@example.com", "publishStagingRequest", 0, audit.Allow, ""),
		{Kind: audit.KindDrain, Time: begun.Add(4 * time.Hour), Detail: "odd\x1b[2J\nname"},
	}
}

func TestListShows(t *testing.T) {
	data := usual(t)
	for _, tt := range []struct {
		name string
		args []string
		want []string // what is in each row, in order
	}{
		{"verdicts", []string{"--kind", "verdict"}, []string{"ref-a", "ref-b", "ref-c"}},
		{"two kinds", []string{"--kind", "start", "--kind", "drain"}, []string{"version 1", "odd?[2J?name"}},
		{"refusals", []string{"--verdict", "deny"}, []string{"ref-b"}},
		{"a peer", []string{"--peer", "staging", "--kind", "verdict"}, []string{"ref-a", "ref-c"}},
		{"a peer in another case", []string{"--peer", "Staging"}, nil},
		{"a login", []string{"--login", "bob@example.com"}, []string{"ref-b"}},
		{"a reason", []string{"--reason", "secret.wrong"}, []string{"ref-b"}},
		{"a reason of nobody", []string{"--reason", "path.unknown"}, nil},
		{"a site", []string{"--site", "20121"}, []string{"ref-a"}},
		{"a reference", []string{"--ref", "ref-a"}, []string{"createStagingRequest", "answered"}},
		{"from a time on", []string{"--kind", "verdict", "--since", "2026-03-01T14:00"}, []string{"ref-b", "ref-c"}},
		{"from so long ago", []string{"--kind", "verdict", "--since", "22h"}, []string{"ref-b", "ref-c"}},
		{"before a time", []string{"--kind", "verdict", "--until", "2026-03-01 14:00"}, []string{"ref-a"}},
		{"nothing in between", []string{"--kind", "verdict", "--since", "2026-03-02", "--until", "2026-03-01"}, nil},
		{"the newest", []string{"--kind", "verdict", "-n", "2"}, []string{"ref-b", "ref-c"}},
		{"more than there are", []string{"--kind", "verdict", "-n", "99"}, []string{"ref-a", "ref-b", "ref-c"}},
		{"all that fits at once", []string{"--peer", "staging", "--verdict", "allow", "-n", "1"}, []string{"ref-c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, append([]string{"list", "--data", string(data)}, tt.args...)...)
			rows := strings.Split(strings.TrimSuffix(out, "\n"), "\n")[1:]
			if len(tt.want) == 0 && out == "" {
				rows = nil
			}
			if code != 0 || errs != "" || len(rows) != len(tt.want) {
				t.Fatalf("exit %d %s, want %d rows in\n%s", code, errs, len(tt.want), out)
			}
			for i, want := range tt.want {
				if !strings.Contains(rows[i], want) {
					t.Errorf("row %d is %s, want %s", i, rows[i], want)
				}
			}
			if strings.ContainsAny(out, "\x1b\r") {
				t.Errorf("a terminal acts on %q", out)
			}
		})
	}
}

// For a script each event is one line of JSON, and no filter changes what is in it.
func TestListForAScript(t *testing.T) {
	code, out, errs := run(t, "list", "--json", "--data", string(usual(t)), "--kind", "drain", "--kind", "verdict")
	if code != 0 || errs != "" {
		t.Fatal(code, errs)
	}
	var all []audit.Event
	for line := range strings.Lines(out) {
		var ev audit.Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, ev)
	}
	if len(all) != 4 || all[1].Reason != "secret.wrong" || all[3].Detail != "odd\x1b[2J\nname" || all[0].Node != "live-1" {
		t.Errorf("got %+v", all)
	}
}

func TestMisuseOfAudit(t *testing.T) {
	data := string(usual(t))
	empty := t.TempDir()
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an operand", []string{"list", "x", "--data", data}, 64, `does not know what to do with "x"`},
		{"no kind", []string{"list", "--kind", "verdicts", "--data", data}, 64, "is not one of verdict, outcome"},
		{"no verdict", []string{"list", "--verdict", "denied", "--data", data}, 64, "--verdict denied is not one of allow, deny, answer"},
		{"fewer than none", []string{"list", "-n", "-1", "--data", data}, 64, "-n: invalid value"},
		{"a day that is not", []string{"list", "--since", "2026-02-30", "--data", data}, 64, "--since: \"2026-02-30\" is neither a time"},
		{"an end that is none", []string{"publishes", "--end", "done", "--data", data}, 64, "--end done is not one of published"},
		{"a duration beyond all", []string{"publishes", "--until", "99999999d", "--data", data}, 64, "--until: "},
		{"nothing to explain", []string{"explain", "--data", data}, 64, "explain needs the REFERENCE to explain"},
		{"two to explain", []string{"explain", "a", "b", "--data", data}, 64, `does not know what to do with "b"`},
		{"a reference of nobody", []string{"explain", "ref-x", "--data", data}, 65, "has the reference \"ref-x\"\n  what to do: check it; another gateway may have written it"},
		{"one log of many", []string{"verify", "--log", "live-2", "--data", data}, 64, "--log is for gateways that share a database"},
		{"nowhere to move to", []string{"archive", "--before", "1d", "--data", data}, 64, "archive needs --to"},
		{"nothing due", []string{"archive", "--to", empty, "--data", data}, 64, "archive needs --before or --keep"},
		{"no amount", []string{"archive", "--to", empty, "--keep", "all", "--data", data}, 64, "--keep: \"all\" is not an amount of data"},
		{"no time", []string{"archive", "--to", empty, "--before", "spring", "--data", data}, 64, "--before: \"spring\" is neither"},
		{"a log without its key", []string{"archive", "--to", empty, "--before", "1s", "--data", data}, 65, "the key that signs the audit log is not there"},
		{"no log", []string{"archive", "--to", empty, "--before", "1s", "--data", empty}, 65, "there is no audit log: "},
		{"no log to list", []string{"list", "--data", empty}, 65, "name the gateway's data folder with --data"},
		{"no log to explain", []string{"explain", "ref-a", "--data", empty}, 65, "name the gateway's data folder with --data"},
		{"no log of publishes", []string{"publishes", "--data", empty}, 65, "name the gateway's data folder with --data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("made in a folder that was only looked at: %v, %v", left, err)
	}
}

// A reference is explained with what happened, what its reason means, and what to do.
func TestExplain(t *testing.T) {
	data := usual(t)
	for _, tt := range []struct {
		ref  string
		want []string
	}{
		{"ref-a", []string{"when 2026-03-01 13:00:00 UTC, at gateway live-1", "who login ann@example.com, peer staging", "from 192.0.2.17:51234", "call createStagingRequest, site 20121", "verdict allow", "ended answered, status 200, after 1.5 ms"}},
		{"ref-b", []string{"verdict deny, reason secret.wrong", "which means ", "what to do "}},
	} {
		t.Run(tt.ref, func(t *testing.T) {
			code, out, errs := run(t, "explain", tt.ref, "--data", string(data))
			out = strings.Join(strings.Fields(out), " ")
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("exit %d, %s: %q is not in\n%s", code, errs, want, out)
				}
			}
			code, out, _ = run(t, "explain", tt.ref, "--json", "--data", string(data))
			if code != 0 || !json.Valid([]byte(out)) || strings.Count(out, "\n") != 1 {
				t.Errorf("for a script: exit %d, %s", code, out)
			}
		})
	}
}

// A log that was changed is listed up to there and on, told as damaged, and its exit code says so.
func TestListOfADamagedLog(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(string) string
	}{
		{"a verdict was turned", func(s string) string { return strings.Replace(s, `"deny"`, `"allow"`, 1) }},
		{"a login was replaced", func(s string) string { return strings.Replace(s, "bob@example.com", "ann@example.com", 1) }},
		{"a line is gone", func(s string) string {
			lines := strings.SplitAfter(s, "\n")
			return strings.Join(append(lines[:2:2], lines[3:]...), "")
		}},
		{"two lines changed places", func(s string) string {
			lines := strings.SplitAfter(s, "\n")
			lines[2], lines[3] = lines[3], lines[2]
			return strings.Join(lines, "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := usual(t)
			names, err := filepath.Glob(filepath.Join(data.Audit(), "*"))
			audittest.Must(t, err)
			changed := false
			for _, name := range names {
				b, err := os.ReadFile(name)
				audittest.Must(t, err)
				if !strings.Contains(string(b), "ref-b") {
					continue
				}
				after := tt.change(string(b))
				changed = changed || after != string(b)
				audittest.Must(t, os.WriteFile(name, []byte(after), 0o600))
			}
			if !changed {
				t.Fatalf("nothing was changed in %v", names)
			}
			code, out, errs := run(t, "list", "--data", string(data))
			if code != term.ExitData || !strings.Contains(out+errs, "damaged") && !strings.Contains(errs, "record") {
				t.Errorf("exit %d: %s\n%s", code, errs, out)
			}
		})
	}
}

// Many events are aligned in batches under one head, and the newest of them are the newest.
func TestListOfManyEvents(t *testing.T) {
	const n = 2500
	var events []audit.Event
	for i := range n {
		events = append(events, verdict(0, fmt.Sprintf("ref-%04d", i), "p", "l", "createStagingRequest", 1, audit.Allow, ""))
	}
	data := logged(t, events...)
	code, out, _ := run(t, "list", "--kind", "verdict", "--data", string(data))
	if rows := strings.Count(out, "\n"); code != 0 || rows != n+1 || strings.Count(out, "REFERENCE") != 1 {
		t.Errorf("exit %d, %d rows, %d heads", code, rows, strings.Count(out, "REFERENCE"))
	}
	_, out, _ = run(t, "list", "--kind", "verdict", "-n", "3", "--data", string(data))
	for _, want := range []string{"ref-2497", "ref-2498", "ref-2499"} {
		if strings.Count(out, "\n") != 4 || !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
}
