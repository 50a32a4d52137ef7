package term_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// What is left counts what the other side has taken: neither what waits in this machine, nor what an
// earlier publish has sent.
func TestETACountsWhatTheOtherSideHas(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    publisher.Progress
		want string
	}{
		{"half", publisher.Progress{Done: 500, Arrived: 500, Total: 1000}, "10.0 s"},
		{"much on its way", publisher.Progress{Done: 900, Arrived: 100, Total: 1000}, "1m30s"},
		{"gone on with", publisher.Progress{Done: 900, Arrived: 900, Skipped: 800, Total: 1000}, "10.0 s"},
		{"nothing yet", publisher.Progress{Done: 900, Arrived: 0, Total: 1000}, ""},
		{"nothing but what was there", publisher.Progress{Done: 800, Arrived: 800, Skipped: 800, Total: 1000}, ""},
		{"all", publisher.Progress{Done: 1000, Arrived: 1000, Total: 1000}, ""},
	} {
		if got := term.ETA(tt.p, 10*time.Second); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// paced returns the last eta_ms of a publish whose steps take a time each.
func paced(t *testing.T, every time.Duration, steps ...publisher.Progress) int64 {
	t.Helper()
	var out bytes.Buffer
	now := time.Unix(0, 0)
	d := (&term.Shell{Out: &out, JSON: true, Now: func() time.Time { return now }}).NewDisplay(1000)
	d.Update(publisher.Progress{Stage: publisher.StageUpload})
	for _, p := range steps {
		now = now.Add(every)
		p.Stage, p.Parts, p.Total = publisher.StageUpload, 10, 1000
		d.Update(p)
	}
	d.Close()
	var last struct {
		ETA int64 `json:"eta_ms"`
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	return last.ETA
}

// TestETAOfPublishesThatDoNotGoStraight: a slow live, whose bytes wait in this machine; one that is gone on with;
// and one that begins anew since the other side has lost its parts: that was told by the pace of the first time.
func TestETAOfPublishesThatDoNotGoStraight(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []publisher.Progress
		want  time.Duration
	}{
		{"a slow live", []publisher.Progress{{Part: 1, Done: 100, Arrived: 10}, {Part: 1, Done: 100, Arrived: 20}}, 98 * time.Second},
		{"gone on with", []publisher.Progress{{Part: 8, Done: 750, Arrived: 750, Skipped: 700}, {Part: 9, Done: 800, Arrived: 800, Skipped: 700}}, 4 * time.Second},
		{"gone on with, and slow", []publisher.Progress{{Part: 8, Done: 800, Arrived: 710, Skipped: 700}}, 29 * time.Second},
		{"begun anew", []publisher.Progress{{Part: 4, Done: 400, Arrived: 400}, {Part: 5, Done: 500, Arrived: 500}, {Part: 1, Done: 10, Arrived: 10},
			{Part: 1, Done: 100, Arrived: 100}}, 10 * time.Second},
		{"gone on with, then begun anew", []publisher.Progress{{Part: 8, Done: 750, Arrived: 750, Skipped: 700}, {Part: 1, Done: 0, Arrived: 0},
			{Part: 1, Done: 100, Arrived: 100}}, 9 * time.Second},
		{"a part once more", []publisher.Progress{{Part: 2, Done: 190, Arrived: 190}, {Part: 2, Done: 110, Arrived: 110}, {Part: 2, Done: 200, Arrived: 200}},
			12 * time.Second},
		{"begun anew, nothing has arrived", []publisher.Progress{{Part: 4, Done: 400, Arrived: 400}, {Part: 1, Done: 50, Arrived: 0}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := time.Duration(paced(t, time.Second, tt.steps...)) * time.Millisecond; got != tt.want {
				t.Errorf("%s are left, want %s", got, tt.want)
			}
		})
	}
}

// A script gets a line for each step and part, and not one for each piece that moves.
func TestStreamForScripts(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	sh := &term.Shell{Out: &out, JSON: true, Now: func() time.Time { return now }}
	d := sh.NewDisplay(1000)
	upload := func(part int, done int64) publisher.Progress {
		return publisher.Progress{Stage: publisher.StageUpload, Part: part, Parts: 2, Done: done, Arrived: done, Total: 1000}
	}
	d.Update(publisher.Progress{Stage: publisher.StageCheck})
	d.Update(publisher.Progress{Stage: publisher.StageUpload})
	for done := int64(100); done <= 500; done += 100 {
		d.Update(upload(1, done))
	}
	now = now.Add(time.Second)
	d.Update(upload(2, 600))
	d.Update(publisher.Progress{Stage: publisher.StageUpload, Retry: 2, Wait: time.Second, Err: &failure.Failure{Msg: "cut"}})
	d.Update(publisher.Progress{Note: "going on"})
	d.Update(publisher.Progress{Stage: publisher.StagePublish, Beats: 3})
	d.Close()
	want := `{"event":"progress","stage":"checkRemoteStagingGroup"}
{"event":"progress","stage":"updateStagingRequest"}
{"event":"progress","stage":"updateStagingRequest","part":1,"parts":2,"done":100,"arrived":100,"total":1000}
{"event":"progress","stage":"updateStagingRequest","part":2,"parts":2,"done":600,"arrived":600,"total":1000,"eta_ms":666}
{"event":"retry","stage":"updateStagingRequest","attempt":2,"wait_ms":1000,"message":"cut"}
{"event":"note","message":"going on"}
{"event":"heartbeat","stage":"publishStagingRequest","beats":3}
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A person without a terminal reads lines.
func TestLinesForPeople(t *testing.T) {
	var errs bytes.Buffer
	now := time.Unix(0, 0)
	sh := &term.Shell{Err: &errs, Now: func() time.Time { return now }}
	d := sh.NewDisplay(1000)
	d.Update(publisher.Progress{Note: "going on with 3 of 5 parts\x1b[2J"})
	d.Update(publisher.Progress{Stage: publisher.StageUpload, Part: 1, Parts: 1, Total: 1000})
	now = now.Add(10 * time.Second)
	d.Update(publisher.Progress{Stage: publisher.StageUpload, Part: 1, Parts: 1, Done: 900, Arrived: 500, Total: 1000})
	d.Update(publisher.Progress{Stage: publisher.StageUpload, Retry: 2, Wait: time.Second, Err: &failure.Failure{Msg: "the line broke"}})
	d.Close()
	for _, want := range []string{"note: going on with 3 of 5 parts?[2J", "uploading  50 %  part 1 of 1, 500 bytes of 1000 bytes, 10.0 s left", "the line broke; attempt 2 in 1.0 s"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%q is not in\n%s", want, errs.String())
		}
	}
}
