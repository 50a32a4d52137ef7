package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// arrived is a publish that went well.
func arrived() published {
	var r publisher.Result
	r.Bytes, r.Parts, r.Elapsed, r.MD5 = 3<<20, 2, 2*time.Second, "0123"
	return published{OK: true, Result: r, File: "a.lar", To: "https://live.example.com", Site: 5, Line: "7.4", Build: 7413, Millis: 2000}
}

// TestPublishedIsTold: what was sent, how fast, and what a person should look at afterwards.
func TestPublishedIsTold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*published)
		want   string
	}{
		{"well", func(*published) {}, "Published a.lar to site 5: 3.0 MiB in 2 parts (2.0 s, 1.5 MiB/s)\n"},
		{"one part, in no time", func(p *published) { p.Result.Parts, p.Result.Elapsed = 1, 0 }, "Published a.lar to site 5: 3.0 MiB in 1 part (0 ms)\n"},
		{"gone on with", func(p *published) { p.Result.Resumed = 1 }, "Published a.lar to site 5: 3.0 MiB in 2 parts (2.0 s, 1 of them sent earlier)\n"},
		{"weak references", func(p *published) { p.Result.Weak = []string{"an image", "a\x1b[2J"} },
			"Published a.lar to site 5: 3.0 MiB in 2 parts (2.0 s, 1.5 MiB/s)\n  note: live does not have an image, which the archive refers to\n" +
				"  note: live does not have a?[2J, which the archive refers to\n"},
		{"a name that a terminal acts on", func(p *published) { p.File = "\x1b]0;x.lar" }, "Published ?]0;x.lar to site 5: 3.0 MiB in 2 parts (2.0 s, 1.5 MiB/s)\n"},
		{"not cleaned up", func(p *published) { p.Result.CleanUp = errors.New("cut") },
			"Published a.lar to site 5: 3.0 MiB in 2 parts (2.0 s, 1.5 MiB/s)\n  note: the uploaded parts were not cleaned up: cut\n"},
		{"a rehearsal", func(p *published) { p.DryRun = true }, "Could publish a.lar: nothing was sent\n  to       site 5 at https://live.example.com, line 7.4\n" +
			"  archive  3.0 MiB in 2 parts, of build 7413\n  MD5      0123\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := arrived()
			tt.change(&p)
			var out bytes.Buffer
			if err := (shell{&term.Shell{Out: &out}}).showPublished(p); err != nil || out.String() != tt.want {
				t.Errorf("got  %q, %v\nwant %q", out.String(), err, tt.want)
			}
			out.Reset()
			if err := (shell{&term.Shell{Out: &out, JSON: true}}).showPublished(p); err != nil || strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("for a script: %q %v", out.String(), err)
			}
			var r map[string]any
			if err := json.Unmarshal(out.Bytes(), &r); err != nil || r["ok"] != true {
				t.Errorf("for a script: %s %v", out.String(), err)
			}
			if p.Result.CleanUp != nil && !strings.Contains(out.String(), `"cut"`) {
				t.Errorf("for a script: %s", out.String())
			}
		})
	}
}

// TestDescribedArchive: each row, models in the order of their names, and nothing for what is not known.
func TestDescribedArchive(t *testing.T) {
	date := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	var s manifest.Summary
	s.Bytes, s.Type, s.BuildNumber, s.GroupID, s.Locales = 2048, "portlet", 7413, 20121, []string{"en_US", "de_DE"}
	s.RootPortletID, s.MD5, s.SHA256, s.Deletions = "blogs\x1b", "01", "02", 3
	s.Entries.Files, s.Entries.Size = 4, 4096
	flat := func() string {
		var all []string
		for _, r := range describeArchive("/x/y/a.lar", &s) {
			all = append(all, strings.TrimSpace(strings.Join(strings.Fields(strings.Join(r, " ")), " ")))
		}
		return strings.Join(all, "\n")
	}
	want := "archive a.lar, 2.0 KiB\nholds portlet blogs?\nfrom build 7413, site 20121\nlocales en_US de_DE\nentries 4 files, 4.0 KiB unpacked\ndeletions 3\nMD5 01\nSHA-256 02"
	if got := flat(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.ExportDate = &date
	if got := flat(); !strings.Contains(got, "\nexported 2026-03-01 12:00:00 UTC\n") {
		t.Errorf("got\n%s", got)
	}
}
