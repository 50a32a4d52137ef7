package term

import (
	"time"

	"github.com/stagelock/stagelock/tunnel/publisher"
)

// streamEvery is how often a script is told of an upload.
const streamEvery = 500 * time.Millisecond

// stream writes a publish as lines of JSON, one for each step, one for each part, and twice
// a second while bytes move.
type stream struct {
	sh    *Shell
	stage publisher.Stage
	part  int
	pace  pace
	last  time.Time
}

// told is one line of a stream.
type told struct {
	Event   string          `json:"event"` // progress, heartbeat, retry or note
	Stage   publisher.Stage `json:"stage,omitempty"`
	Part    int             `json:"part,omitempty"`
	Parts   int             `json:"parts,omitempty"`
	Done    int64           `json:"done,omitempty"`    // bytes
	Arrived int64           `json:"arrived,omitempty"` // of these, on the other side
	Total   int64           `json:"total,omitempty"`
	ETA     int64           `json:"eta_ms,omitempty"`
	Beats   int64           `json:"beats,omitempty"`
	Attempt int             `json:"attempt,omitempty"`
	Wait    int64           `json:"wait_ms,omitempty"`
	Message string          `json:"message,omitempty"`
}

func (s *stream) Update(p publisher.Progress) {
	now := s.sh.Now()
	t := told{Event: "progress", Stage: p.Stage, Part: p.Part, Parts: p.Parts, Done: p.Done, Arrived: p.Arrived, Total: p.Total}
	switch {
	case p.Note != "":
		t = told{Event: "note", Message: p.Note}
	case p.Retry > 0:
		t = told{Event: "retry", Stage: p.Stage, Attempt: p.Retry, Wait: p.Wait.Milliseconds(), Message: p.Err.Error()}
	case p.Beats > 0:
		t = told{Event: "heartbeat", Stage: p.Stage, Beats: p.Beats}
	case p.Stage != s.stage:
		s.stage, s.pace, s.last = p.Stage, pace{begun: now}, now
	case p.Part == 0 && p.Total == 0:
		return // the step was told
	case now.Sub(s.last) < streamEvery && p.Done < p.Total && p.Part == s.part:
		return
	default:
		s.last, s.part = now, p.Part
		t.ETA = s.pace.left(p, now).Milliseconds()
	}
	_ = s.sh.Print(t) // an output that was closed fails at the result
}

func (s *stream) Close() {}
