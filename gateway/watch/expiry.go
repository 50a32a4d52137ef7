package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/status"
)

// How often certificates are looked at, and how often one is told of.
const (
	look  = time.Hour
	again = 24 * time.Hour
)

// Expiry warns of certificates that run out: once a day from the time on when they should have been
// renewed, and as an error for the last tenth of it.
type Expiry struct {
	Shown func() []status.Certificate
	Log   *logrus.Entry
	Now   func() time.Time

	told map[string]time.Time // when, by what was told; of Run alone
}

// Run looks until ctx ends.
func (e *Expiry) Run(ctx context.Context) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		e.Look()
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Look warns of what is due now. It must not be called while Run runs.
func (e *Expiry) Look() {
	now := e.Now()
	for _, c := range e.Shown() {
		level, msg := due(c, now)
		if msg == "" {
			continue
		}
		key := c.Name + " " + level.String()
		if last, ok := e.told[key]; ok && now.Sub(last) < again {
			continue
		}
		if e.told == nil {
			e.told = map[string]time.Time{}
		}
		e.told[key] = now
		e.Log.WithFields(logrus.Fields{"certificate": c.Name, "ends": c.NotAfter.UTC().Format(time.RFC3339)}).Log(level, msg)
	}
}

// due says what there is to say of a certificate; nothing if it has time.
func due(c status.Certificate, now time.Time) (logrus.Level, string) {
	left := c.NotAfter.Sub(now)
	msg := fmt.Sprintf("the certificate runs out in %d days: renew it and reload, or publishers will be turned away",
		int(left.Hours()/24))
	switch {
	case c.Problem != "":
		return logrus.ErrorLevel, c.Problem
	case left < c.Soon/10:
		return logrus.ErrorLevel, msg
	case left < c.Soon:
		return logrus.WarnLevel, msg
	}
	return logrus.InfoLevel, ""
}
