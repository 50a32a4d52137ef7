package flags

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	now := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"": {}, "2h": now.Add(-2 * time.Hour), "-2h": now.Add(-2 * time.Hour), "2024-02-03T04:05:06Z": time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC),
		"90d":              now.Add(-90 * 24 * time.Hour),
		"2024-02-03T04:05": time.Date(2024, 2, 3, 4, 5, 0, 0, time.UTC),
		"2024-02-03":       time.Date(2024, 2, 3, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := Moment(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v, want %s", in, got, err, want)
		}
	}
	if _, err := Moment("yesterday", now); err == nil {
		t.Error("yesterday is a time")
	}
}
