package readiness

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/upstream"
)

// Bounds of how the nodes are asked.
const (
	patience = 10 * time.Second // for an answer
	soonest  = 2 * time.Second  // until a node that was found wanting is asked again; then longer and longer
)

// Config is what a Prober is built from.
type Config struct {
	Target Target
	Pool   *upstream.Pool
	Every  time.Duration // between two times that all is well
	Log    *logrus.Entry
	// Before is the Prober that this one takes the place of: what it found counts until this one
	// has asked. Nil: nothing is known yet.
	Before *Prober
	// After returns a channel that is sent to after a time. Nil: time.After.
	After func(time.Duration) <-chan time.Time
}

// Prober asks the nodes of a pool from time to time and keeps what it found. It is safe for concurrent
// use.
type Prober struct {
	cfg Config

	mu       sync.Mutex // guards what follows
	asked    bool
	findings []Finding
}

// New returns a Prober that asks once Run is called.
func New(c Config) (*Prober, error) {
	if c.Pool == nil || c.Every <= 0 || c.Log == nil {
		return nil, errors.New("readiness: a part of its configuration is missing")
	}
	if c.After == nil {
		c.After = time.After
	}
	p := &Prober{cfg: c}
	if c.Before != nil {
		p.findings, p.asked = c.Before.Found()
	}
	p.cfg.Before = nil // it may have had one too
	return p, nil
}

// Run asks the nodes, at once and then again and again, until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	for failed := 0; ; {
		p.keep(ctx, p.cfg.Target.AskAll(ctx, p.cfg.Pool))
		if failed++; p.well() {
			failed = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.cfg.After(p.pause(failed)):
		}
	}
}

// pause is how long to wait after so many times in a row that something was wrong.
func (p *Prober) pause(failed int) time.Duration {
	if failed == 0 {
		return p.cfg.Every
	}
	return min(soonest<<min(failed-1, 10), p.cfg.Every)
}

// keep remembers what was found of each node and tells what is new. A node is taken out with what was
// found of it: whoever looks in between would say that it cannot be reached.
func (p *Prober) keep(ctx context.Context, found []*Finding) {
	if ctx.Err() != nil {
		return
	}
	before, findings := p.store(found)
	for _, f := range findings {
		if !slices.Contains(before, f) {
			p.cfg.Log.WithFields(logrus.Fields{"node": f.Node, "setting": f.Setting, "cure": f.Cure}).
				Error("no publish would pass: " + f.Msg)
		}
	}
	if len(before) > 0 && len(findings) == 0 {
		p.cfg.Log.Info("the live engine takes publishes again")
	}
}

// store takes in what was found, and returns what was known before and what is known now.
func (p *Prober) store(found []*Finding) (before, findings []Finding) {
	for _, f := range found {
		if f != nil {
			findings = append(findings, *f)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range p.cfg.Pool.Members() {
		m.Refuse(found[i] != nil)
	}
	before = p.findings
	p.asked, p.findings = true, findings
	return before, findings
}

func (p *Prober) well() bool {
	found, _ := p.Found()
	return len(found) == 0
}

// Found returns what is wrong with the nodes, and whether they were asked at all. It neither waits nor
// asks.
func (p *Prober) Found() (findings []Finding, asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.findings), p.asked
}

// State is Found together with which nodes calls are sent to, by name, as it was at that moment.
func (p *Prober) State() (nodes map[string]bool, findings []Finding, asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.Pool.State(), slices.Clone(p.findings), p.asked
}
