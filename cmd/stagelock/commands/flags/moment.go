package flags

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Moment reads a time, or a duration that is over since then; nothing is the zero time.
func Moment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, ok := duration(s); ok {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05",
		"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{},
		fmt.Errorf("%q is neither a time such as 2024-03-01 or 2024-03-01T12:00:00Z nor a "+
			"duration such as 2h", s)
}

// duration reads a duration, in days too: 90d.
func duration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d.Abs(), err == nil
}
