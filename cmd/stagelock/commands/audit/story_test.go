package audit_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/node"
)

// TestVerifyInWordsAndForAScript: a whole log, one that was changed, and what is not there to verify with.
func TestVerifyInWordsAndForAScript(t *testing.T) {
	turned := func(t *testing.T, dir string) {
		names, err := filepath.Glob(filepath.Join(dir, "audit", "*"))
		audittest.Must(t, err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			audittest.Must(t, err)
			audittest.Must(t, os.WriteFile(name, []byte(strings.Replace(string(b), `"deny"`, `"allow"`, 1)), 0o600))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string)
		code   int
		ok     bool
		want   []string
		never  string
	}{
		{"whole", func(*testing.T, string) {}, 0, true, []string{"good: ", " records, ", "\n  "}, "what to do"},
		{"a verdict was turned", turned, 65, false, []string{"BAD from record 4 on: 3 records, 0 checkpoints: record 4 was changed\n  "}, "good"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := usual(t)
			text, err := chain.FormatKey(audittest.Public(audittest.Key))
			audittest.Must(t, err)
			key := filepath.Join(t.TempDir(), "key.pub")
			audittest.Must(t, os.WriteFile(key, []byte(text+"\n"), 0o600))
			tt.change(t, string(data))
			args := []string{"verify", "--data", string(data), "--key", key}
			code, out, errs := run(t, args...)
			if code != tt.code || errs != "" || strings.Contains(out, tt.never) {
				t.Errorf("exit %d, want %d: %s%s", code, tt.code, out, errs)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in %s", want, out)
				}
			}
			code, out, _ = run(t, append(args, "--json")...)
			var r struct {
				OK              *bool
				Records         int
				FirstBad        int `json:"first_bad"`
				Message, Limits string
				Held            []any `json:"held_against"`
			}
			if err := json.Unmarshal([]byte(out), &r); err != nil || code != tt.code || r.OK == nil || *r.OK != tt.ok || strings.Count(out, "\n") != 1 {
				t.Fatalf("for a script: exit %d: %s %v", code, out, err)
			}
			if r.Message == "" || r.Limits == "" || (r.FirstBad == 0) != tt.ok || tt.ok && r.Records < 6 {
				t.Errorf("for a script: %s", out)
			}
		})
	}
}

// keyed puts the public key of the log into its folder, as a gateway does.
func keyed(t *testing.T, data node.DataDir) {
	t.Helper()
	text, err := chain.FormatKey(audittest.Public(audittest.Key))
	audittest.Must(t, err)
	audittest.Must(t, os.WriteFile(data.AuditPublicKey(), []byte(text+"\n"), 0o600))
}

// TestVerifyTrustsOnlyWhatItIsGiven: the key in the folder, one that is named instead, and what is no key.
func TestVerifyTrustsOnlyWhatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		file := filepath.Join(dir, name)
		audittest.Must(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	text, err := chain.FormatKey(audittest.Public(audittest.Other))
	audittest.Must(t, err)
	other, none := put("other.pub", text+"\n"), put("none.pub", "no key\n")
	for _, tt := range []struct {
		name string
		own  bool
		args []string
		code int
		want string
	}{
		{"its own", true, nil, 0, "good: "},
		{"of another", true, []string{"--key", other}, 65, "BAD from record "},
		{"no key there", false, nil, 65, "public key of the audit log: "},
		{"no key there, the cure", false, nil, 65, "what to do: name its file with --key; the gateway wrote it when it first started, as audit.key.pub into its data folder"},
		{"what is no key", true, []string{"--key", none}, 65, "public key of the audit log: " + none + ": "},
		{"a key that is not there", true, []string{"--key", filepath.Join(dir, "gone.pub")}, 65, "public key of the audit log: "},
		{"a checkpoint that is not there", true, []string{"--checkpoint", filepath.Join(dir, "gone")}, 65, "checkpoint: "},
		{"a checkpoint that is none", true, []string{"--checkpoint", none}, 65, ""},
		{"an operand", true, []string{"x"}, 64, `verify does not know what to do with "x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := usual(t)
			if tt.own {
				keyed(t, data)
			}
			code, out, errs := run(t, append([]string{"verify", "--data", string(data)}, tt.args...)...)
			if code != tt.code || !strings.Contains(out+errs, tt.want) || code != 0 && strings.Contains(out, "good") {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
}

// part is the verdict on one part of an archive.
func part(i int, ref, name string, size int64) audit.Event {
	ev := verdict(i, ref, "staging", "ann@example.com", "updateStagingRequest", 0, audit.Allow, "")
	ev.Request, ev.Part, ev.Size = 7, name, size
	return ev
}

// done is how the call of a verdict ended, a second later.
func done(of audit.Event, micros int64) audit.Event {
	return audit.Event{Kind: audit.KindOutcome, Time: of.Time.Add(time.Second), Ref: of.Ref, Peer: of.Peer, About: of.About,
		Ended: audit.Ended{End: "answered", Status: 200, LatencyMicros: micros, Upstream: "e:8080"}}
}

// publish is the log of one publish with two parts.
func publish(t *testing.T) node.DataDir {
	made := verdict(1, "ref-1", "staging", "ann@example.com", "createStagingRequest", 20121, audit.Allow, "")
	created := done(made, 1500)
	created.Request = 7
	last := verdict(4, "ref-4", "staging", "ann@example.com", "publishStagingRequest", 20121, audit.Allow, "")
	last.Request = 7
	first, second := part(2, "ref-2", "a.lar00", 2048), part(3, "ref-3", "a.lar01", 1024)
	return logged(t, made, created, first, done(first, 20000), second, done(second, 1000), last, done(last, 3500000))
}

// TestExplainTellsThePublish: behind the call itself, the whole publish, with the call that was asked for marked.
func TestExplainTellsThePublish(t *testing.T) {
	data := string(publish(t))
	for _, ref := range []string{"ref-1", "ref-2", "ref-4"} {
		t.Run(ref, func(t *testing.T) {
			code, out, errs := run(t, "explain", ref, "--data", data)
			if code != 0 || errs != "" || strings.Count(out, "\n>") != 1 {
				t.Fatalf("exit %d: %s\n%s", code, errs, out)
			}
			calls := 0
			for line := range strings.Lines(out) {
				if !strings.HasPrefix(line, ">") && !strings.HasPrefix(line, "  ") {
					continue
				}
				if own := strings.HasSuffix(line, ref+"\n"); strings.HasPrefix(line, ">") != own {
					t.Errorf("the mark: %q", line)
				}
				if strings.Contains(line, "2026-03-01") {
					calls++
				}
			}
			if calls != 4 || !strings.Contains(out, "into site 20121 by ann@example.com, begun 2026-03-01 13:00:00, published; 2 parts of ") ||
				!strings.Contains(out, "3.0 KiB") {
				t.Errorf("%d calls in\n%s", calls, out)
			}
		})
	}
	code, out, _ := run(t, "explain", "ref-2", "--json", "--data", data)
	var r struct {
		Ref     string
		Publish *struct {
			Site, Parts, Bytes int
			End                string
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Publish == nil || r.Publish.Parts != 2 || r.Publish.Bytes != 3072 ||
		r.Publish.End != "published" || r.Publish.Site != 20121 {
		t.Errorf("for a script: %s %v", out, err)
	}
}

// TestPublishesOfALiferay: one line a publish, and each filter.
func TestPublishesOfALiferay(t *testing.T) {
	data := string(publish(t))
	for _, tt := range []struct {
		name string
		args []string
		rows int
	}{
		{"all", nil, 1}, {"its end", []string{"--end", "published"}, 1}, {"another end", []string{"--end", "failed"}, 0},
		{"its peer", []string{"--peer", "staging"}, 1}, {"another peer", []string{"--peer", "stag"}, 0},
		{"its login", []string{"--login", "ann@example.com"}, 1}, {"another login", []string{"--login", "ANN@example.com"}, 0},
		{"its site", []string{"--site", "20121"}, 1}, {"another site", []string{"--site", "2012"}, 0},
		{"it went on then", []string{"--since", "2026-03-01T15:30"}, 1}, {"it was over then", []string{"--since", "2026-03-01T17:00"}, 0},
		{"it had begun", []string{"--until", "2026-03-01T13:00:01"}, 1}, {"it had not begun", []string{"--until", "2026-03-01T13:00"}, 0},
		{"the newest", []string{"-n", "1"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, append([]string{"publishes", "--data", data}, tt.args...)...)
			if rows := max(0, strings.Count(out, "\n")-1); code != 0 || errs != "" || rows != tt.rows {
				t.Errorf("exit %d: %d rows, want %d: %s%s", code, rows, tt.rows, out, errs)
			}
			if tt.rows == 0 && out != "" {
				t.Errorf("a head of nothing: %q", out)
			}
		})
	}
}

// TestAddressOfAProxy: the client's address, and that of the proxy in between only if there is one.
func TestAddressOfAProxy(t *testing.T) {
	for _, tt := range []struct{ name, addr, socket, want string }{
		{"straight", "192.0.2.17", "192.0.2.17:51234", "from 192.0.2.17:51234"},
		{"through a proxy", "192.0.2.17", "10.0.0.9:4000", "from 192.0.2.17, through 10.0.0.9:4000"},
		{"straight, in the other writing", "::ffff:192.0.2.17", "192.0.2.17:51234", "from 192.0.2.17:51234"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := verdict(1, "ref-p", "p", "l", "createStagingRequest", 1, audit.Allow, "")
			ev.Addr, ev.Socket = netip.MustParseAddr(tt.addr), netip.MustParseAddrPort(tt.socket)
			code, out, _ := run(t, "explain", "ref-p", "--data", string(logged(t, ev)))
			if flat := strings.Join(strings.Fields(out), " "); code != 0 || !strings.Contains(flat, tt.want+" call ") {
				t.Errorf("exit %d: %q is not in %s", code, tt.want, flat)
			}
		})
	}
}
