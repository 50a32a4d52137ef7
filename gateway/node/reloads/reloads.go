// Package reloads is what a reload of the configuration found, and how it is told: to who asked for it, to
// the audit log, to who asks for the status.
package reloads

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/status"
)

// ErrRefused is returned, with every problem, for a configuration that cannot be used: nothing has
// changed then.
var ErrRefused = errors.New("the new configuration was refused, the old one stays")

// Reloaded is what a reload found and did.
type Reloaded struct {
	Changes  []conf.Change // none of them in use if the configuration was refused
	Restart  []string      // settings that were changed and count after a restart only
	Problems []conf.Problem
}

// Asker is who asks for a reload, for the audit log.
type Asker struct {
	Words string         // such as SIGHUP; empty: nobody in particular
	Addr  netip.AddrPort // over TCP
}

// sign puts who asked into an event.
func (a Asker) sign(ev audit.Event) audit.Event {
	ev.Addr, ev.Socket = a.Addr.Addr(), a.Addr
	if a.Words != "" {
		ev.Detail += "; asked for by " + a.Words
	}
	return ev
}

// Answer is what who asked for a reload is told of it.
func Answer(r Reloaded, err error) admin.Reloaded {
	out := admin.Reloaded{OK: err == nil, Restart: r.Restart, Message: "the configuration is in use"}
	switch {
	case errors.Is(err, ErrRefused):
		out.Message = ErrRefused.Error()
	case err != nil:
		out.Message = err.Error()
	case len(r.Changes) == 0:
		out.Message = "nothing has changed"
	}
	if !errors.Is(err, ErrRefused) { // they are in use
		for _, c := range r.Changes {
			out.Changed = append(out.Changed, c.Path)
		}
	}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, admin.Problem{File: p.File, Line: p.Line, Path: p.Path, Message: p.Msg,
			Cure: p.Cure, Warning: p.Warning})
	}
	return out
}

// Bounds of what an event tells of a reload.
const (
	maxChanges = 100
	maxValue   = 200
)

// Event records which settings a reload changed: their names, and what they were and are unless that is a
// secret; and who asked for it.
func Event(next *conf.Config, changes []conf.Change, by Asker) audit.Event {
	ev := audit.Event{Kind: audit.KindConfig, Detail: "loaded; nothing has changed", ConfigDigest: Digest(next)}
	var names []string
	for i, c := range changes {
		if i == maxChanges {
			names = append(names, fmt.Sprintf("and %d more", len(changes)-i))
			break
		}
		names = append(names, c.Path)
		if ev.Fields == nil {
			ev.Fields = map[string]string{}
		}
		_, what, _ := strings.Cut(c.String(), ": ")
		if r := []rune(what); len(r) > maxValue {
			what = string(r[:maxValue]) + "…"
		}
		ev.Fields[c.Path] = what
	}
	if len(names) > 0 {
		ev.Detail = "loaded; changed: " + strings.Join(names, ", ")
	}
	return by.sign(ev)
}

// Refusal records why a configuration was refused, and who asked for it.
func Refusal(why string, by Asker) audit.Event {
	return by.sign(audit.Event{Kind: audit.KindConfig, Detail: "refused: " + why})
}

// Lines are the problems that are more than warnings, one a line.
func Lines(problems []conf.Problem) string {
	var all []string
	for _, p := range problems {
		if !p.Warning {
			all = append(all, p.String())
		}
	}
	return strings.Join(all, "\n")
}

// Names are the settings that were changed, in one line.
func Names(changes []conf.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, c.Path)
	}
	return strings.Join(all, ", ")
}

// Digest identifies what a configuration says; secrets are masked in it.
func Digest(c *conf.Config) string {
	h := sha256.New()
	for _, s := range c.Effective() {
		fmt.Fprintf(h, "%s=%s\n", s.Path, s.Value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Loaded knows how the configuration was read. It is asked while a reload goes on.
type Loaded struct{ now atomic.Pointer[status.Config] }

// Taken notes a configuration that is in use.
func (l *Loaded) Taken(at time.Time, digest string, restart []string) {
	l.now.Store(&status.Config{Digest: digest, Loaded: at, Tried: at, OK: true, Restart: restart})
}

// Refused notes one that is not, and why.
func (l *Loaded) Refused(at time.Time, why string) {
	c := l.Get()
	c.Tried, c.OK, c.Problem = at, false, why
	l.now.Store(&c)
}

// Get returns what the status says.
func (l *Loaded) Get() status.Config {
	if c := l.now.Load(); c != nil {
		return *c
	}
	return status.Config{}
}
