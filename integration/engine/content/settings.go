package content

import (
	"maps"
	"slices"
	"strings"
)

// Settings are a site's type settings: lines of key=value.
type Settings map[string]string

// ParseSettings reads what String wrote; lines that are none are left out.
func ParseSettings(s string) Settings {
	m := Settings{}
	for _, line := range strings.Split(s, "\n") {
		if key, value, found := strings.Cut(line, "="); found && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			m[strings.TrimSpace(key)] = strings.ReplaceAll(value, safeNewline, "\n")
		}
	}
	return m
}

// safeNewline stands for a line break in a value, not in a key.
const safeNewline = "_SAFE_NEWLINE_CHARACTER_"

// String returns one line for every setting, sorted by key.
func (m Settings) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b.WriteString(key + "=" + strings.ReplaceAll(m[key], "\n", safeNewline) + "\n")
	}
	return b.String()
}
