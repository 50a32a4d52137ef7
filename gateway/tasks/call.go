package tasks

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// call is one call on its way. It belongs to the goroutine of its connection.
type call struct {
	*session
	*visit.Visit
	policy *Policy
	req    *http1.Request
	bad    *http1.Error // of a request that is not HTTP as the profile wants it
	ends   []func()     // give back what the call holds

	link    *Link // of an authenticated sender
	task    syncserver.Admitted
	facts   syncserver.Facts
	object  string    // what names it, and what the task makes of it
	content string    //
	digest  hash.Hash // of the body
	line    *Line
	sent    bool // the server may have the task
	undo    func()
	stopped string // the step that refused it
	answer  answered
	meter   metrics.Call
}

// answered is what the sender gets, and how the call ended.
type answered struct {
	syncserver.Answer
	reply  syncserver.Reply
	status int // of the server
	end    string
}

func (c *call) onEnd(f func()) { c.ends = append(c.ends, f) }

// finish gives back what the call held.
func (c *call) finish() {
	for i := len(c.ends) - 1; i >= 0; i-- {
		c.ends[i]()
	}
}

// closing says whether the connection ends after this answer.
func (c *call) closing() bool { return c.OverLimit || c.Ending() || c.calls.stopping() }

// Describe adds what the call said of itself to an event.
func (c *call) Describe(ev *audit.Event) {
	c.summarize(ev)
	if c.facts.Task != "" {
		ev.Fields = c.noted()
	}
}

// summarize is Describe without the facts of the task.
func (c *call) summarize(ev *audit.Event) {
	ev.BytesIn = c.req.ContentLength
	if c.facts.Task != "" {
		ev.Method, ev.Size = "SyncServer#"+c.facts.Task+"("+c.facts.Object+")", c.facts.Files/4*3
	}
}

// noted are the facts of a task in the audit log.
func (c *call) noted() map[string]string {
	all := map[string]string{
		"task": c.facts.Task, "object": c.facts.Object, "name": c.facts.Name, "site": c.facts.Site, "user": c.facts.User,
		"servers": strings.Join(c.task.Task.Servers, ";"), "tables": strings.Join(c.facts.Tables, ","),
	}
	if c.link != nil {
		all["from"], all["to"] = c.link.Peer.Name, c.link.receiver()
	}
	if c.digest != nil && c.conn.Remaining() == 0 {
		all["sha256"] = hex.EncodeToString(c.digest.Sum(nil))
	}
	if c.task.Misnamed {
		all["misnamed"] = "yes"
	}
	for k, v := range all {
		if v == "" {
			delete(all, k)
			continue
		}
		all[k] = short(v)
	}
	return all
}

// maxNoted bounds one fact in the log.
const maxNoted = 300

func short(s string) string {
	letters := 0
	for i := range s {
		if letters == maxNoted {
			return s[:i] + "..."
		}
		letters++
	}
	return s
}

// outcome is a call as its outcome describes it.
type outcome struct{ *call }

// Describe adds how the call ended.
func (o outcome) Describe(ev *audit.Event) {
	o.summarize(ev) // the verdict has the facts
	ev.Status, ev.BytesOut, ev.End = o.answer.status, int64(len(o.answer.Body)), o.answer.end
	if o.answer.reply.Result != "" {
		ev.Detail = short(o.answer.reply.Result)
	}
	if o.line != nil {
		ev.Upstream = o.line.Node
	}
}

// measure counts a call that was answered; err is what was refused. A probe of health is no call.
func (c *call) measure(err error) {
	m := &c.meter
	if err == nil && m.Verdict == "" {
		return
	}
	m.Ref, m.Peer, m.At, m.Method = c.Ref, c.Peer, c.Begun, c.facts.Task
	m.In, m.Out = c.req.ContentLength, int64(len(c.answer.Body))
	m.Gateway = c.cfg.Visits.Now().Sub(c.Begun) - m.Engine
	switch {
	case err != nil:
		m.Verdict, m.Reason = cmp.Or(m.Verdict, string(audit.Deny)), string(problemOf(err).Reason)
	case c.answer.reply != (syncserver.Reply{}):
		m.Reason = metrics.Exception
	}
	c.cfg.Meter.Call(*m)
}

// problemOf returns the problem that err is or wraps.
func problemOf(err error) *tunnel.Problem {
	var p *tunnel.Problem
	if errors.As(err, &p) {
		return p
	}
	return tunnel.NotBegun(reasonFault, "the gateway failed", err)
}

// body is the body of the request, with its digest.
func (c *call) body() io.Reader {
	c.digest = sha256.New()
	return io.TeeReader(c.conn, c.digest)
}

// refusalOf returns the rule of the wire that err is about, if it is about one.
func refusalOf(err error) *refusal.Error {
	var r *refusal.Error
	errors.As(err, &r)
	return r
}

// left is how long the server may take: its client gives up after three minutes.
func (c *call) left() time.Duration {
	return max(leastPatience, serverPatience-c.cfg.Visits.Now().Sub(c.Begun))
}

const (
	senderPatience = 180 * time.Second
	serverPatience = 165 * time.Second
	leastPatience  = 10 * time.Second
)
