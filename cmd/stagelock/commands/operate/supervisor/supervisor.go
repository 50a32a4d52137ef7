// Package supervisor tells the service manager that started the gateway how it is: systemd, or what speaks as it
// does. Without one nothing is said.
package supervisor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
)

// Manager is the service manager that started the gateway, if there is one. It is safe for concurrent use.
type Manager struct {
	log      *logrus.Entry
	watchdog time.Duration // how often it wants to hear that the gateway lives; 0: never
}

// New returns the service manager of this process; what cannot be told to it is written to log.
func New(log *logrus.Entry) *Manager {
	m := &Manager{log: log}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.WithError(err).Warn("the service manager's watchdog cannot be understood")
	}
	m.watchdog = every
	return m
}

func (m *Manager) say(state ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(state, "\n")); err != nil {
		m.log.WithError(err).Warn("the service manager cannot be told")
	}
}

// Ready says that the gateway serves, and how it is.
func (m *Manager) Ready(status string) { m.say(daemon.SdNotifyReady, "STATUS="+status) }

// Reloading says that the gateway reads its configuration; Ready ends it.
func (m *Manager) Reloading() {
	m.say(daemon.SdNotifyReloading, "STATUS=reading the configuration", daemon.SdNotifyMonotonicUsec())
}

// Stopping asks for as long as the gateway goes on serving.
func (m *Manager) Stopping(leaving time.Duration) {
	m.say(daemon.SdNotifyStopping, "STATUS=letting publishes in progress end",
		fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (leaving+stopSlack).Microseconds()))
}

// stopSlack is how long a gateway takes to close what it has open.
const stopSlack = 15 * time.Second

// statusEvery is how often the service manager hears how the gateway is, if that has changed.
const statusEvery = 10 * time.Second

// Watch tells the service manager how the gateway is, and that it lives as long as alive says so before the
// next time comes, until ctx ends.
func (m *Manager) Watch(ctx context.Context, alive func(context.Context) error, status func() string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	every := statusEvery
	if m.watchdog > 0 {
		every = min(every, m.watchdog/3)
	}
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for last := ""; ; {
		var states []string
		if now := status(); now != last {
			last, states = now, append(states, "STATUS="+now)
		}
		if m.watchdog > 0 && m.lives(ctx, every, alive) {
			states = append([]string{daemon.SdNotifyWatchdog}, states...)
		}
		if len(states) > 0 {
			m.say(states...)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// lives asks whether the gateway does, and says why it does not: the service manager will end it.
func (m *Manager) lives(ctx context.Context, within time.Duration, alive func(context.Context) error) bool {
	asking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := alive(asking)
	if err != nil && ctx.Err() == nil {
		m.log.WithError(err).Error("the gateway hangs: its service manager is not told that it lives")
	}
	return err == nil
}
