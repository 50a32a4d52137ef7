package status

import (
	"fmt"
	"strings"
	"time"
)

// Mark says how a fact is to be taken.
type Mark string

// The marks. The zero one is none of them.
const (
	OK   Mark = "ok"
	Warn Mark = "warn" // publishes pass, somebody should look
	Bad  Mark = "bad"  // publishes do not pass, or soon will not
)

// Fact is one thing that was looked at, in words.
type Fact struct {
	ID    string `json:"id"`
	Mark  Mark   `json:"mark"`
	Words string `json:"words"`
}

// When things are worth a word.
const (
	tight = 1 << 30 // bytes that are free
)

// Facts returns what a status says, in words, in the order in which an operator asks.
func (s *Status) Facts() []Fact {
	var all []Fact
	for _, group := range []func() []Fact{s.ready, s.engine, s.store, s.audit, s.certificates, s.config, s.disk} {
		all = append(all, group()...)
	}
	return all
}

func (s *Status) ready() []Fact {
	all := []Fact{}
	if s.Ready {
		all = append(all, Fact{"ready", OK, "publishes can pass"})
		for _, w := range s.Warnings {
			all = append(all, Fact{"ready", Warn, w})
		}
		return all
	}
	for _, p := range s.Problems {
		all = append(all, Fact{"ready", Bad, p})
	}
	if len(all) == 0 {
		all = append(all, Fact{"ready", Bad, "not ready"})
	}
	return all
}

func (s *Status) engine() []Fact {
	var all []Fact
	for _, e := range s.Engine {
		if e.Up {
			all = append(all, Fact{"engine", OK, e.Name + " is up"})
			continue
		}
		all = append(all, Fact{"engine", Warn, e.Name + " is down: start it, or mend engine.upstream.nodes"})
	}
	return all
}

func (s *Status) store() []Fact {
	st := s.Store
	if !st.Up {
		return []Fact{{"store", Bad, st.Problem}}
	}
	words := st.Kind + ", can be written"
	if st.Cluster != nil {
		words += fmt.Sprintf(", cluster %s of %d", st.Cluster.Name, st.Cluster.Members["up"])
	}
	return []Fact{{"store", OK, words}}
}

func (s *Status) audit() []Fact {
	a := s.Audit
	switch {
	case a.Problem != "":
		return []Fact{{"audit", Bad, a.Problem}}
	case !a.Whole:
		return []Fact{{"audit", Warn, "the log was not what its newest checkpoint says when it was opened: see stagelock audit verify"}}
	case a.Checkpoint.IsZero():
		return []Fact{{"audit", OK, "no checkpoint yet"}}
	}
	return []Fact{{"audit", OK, "signed " + ago(s.Now.Sub(a.Checkpoint)) + " ago"}}
}

func (s *Status) certificates() []Fact {
	var all []Fact
	for _, c := range s.Certificates {
		left := c.NotAfter.Sub(s.Now)
		f := Fact{"certificate", OK, fmt.Sprintf("%s until %s, %s", c.Name, c.NotAfter.UTC().Format("2006-01-02"), days(left))}
		switch {
		case c.Problem != "":
			f.Mark, f.Words = Bad, c.Problem
		case left < c.Soon:
			f.Mark, f.Words = Warn, f.Words+": renew it and reload"
		}
		all = append(all, f)
	}
	return all
}

func (s *Status) config() []Fact {
	c := s.Config
	if !c.OK {
		return []Fact{{"config", Warn, fmt.Sprintf("the reload of %s was refused, what was loaded on %s is in use: %s",
			stamp(c.Tried), stamp(c.Loaded), strings.ReplaceAll(c.Problem, "\n", "; "))}}
	}
	all := []Fact{{"config", OK, "loaded " + stamp(c.Loaded)}}
	if len(c.Restart) > 0 {
		all = append(all, Fact{"config", Warn, "changed, and counts after a restart only: " + strings.Join(c.Restart, ", ")})
	}
	return all
}

func (s *Status) disk() []Fact {
	d := s.Disk
	switch {
	case d.Size == 0:
		return nil
	case d.Free < tight:
		return []Fact{
			{"disk", Warn, fmt.Sprintf("%s has %s left: make room, or every publish will be refused", d.Path, bytesOf(d.Free))},
		}
	}
	return []Fact{{"disk", OK, fmt.Sprintf("%s has %s of %s left", d.Path, bytesOf(d.Free), bytesOf(d.Size))}}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func days(d time.Duration) string {
	if d < 0 {
		return "ended"
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// ago writes how long something is past.
func ago(d time.Duration) string { return max(0, d).Round(time.Second).String() }

func bytesOf(n int64) string {
	f, units := float64(n), []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	return fmt.Sprintf("%.4g %s", f, units[i])
}
