package remote

import (
	"testing"
	"time"
)

// FuzzSchedule holds: a schedule that is accepted is read without harm, and its next run lies ahead.
func FuzzSchedule(f *testing.F) {
	f.Add("0 3 * * *", "UTC")
	f.Add("0 0 3 ? * MON-FRI", "Europe/Berlin")
	f.Add("@every 1s", "UTC")
	f.Add("TZ=UTC 0 3 * *", "")
	f.Fuzz(func(t *testing.T, text, zone string) {
		now := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC) // a change of clocks
		next, runs, err := Schedule{Cron: text, Zone: zone}.next(now)
		if err == nil && runs && !next.After(now) {
			t.Errorf("%q in %q: next run %v", text, zone, next)
		}
	})
}
