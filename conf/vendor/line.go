package vendor

import (
	"strings"

	"github.com/stagelock/stagelock/conf/format"
)

// productLines are the lines of the product names that begin with a year.
var productLines = []struct{ prefix, line string }{
	{"2023.", "7.4"}, {"2024.", "7.4"}, {"2025.", "7.4"}, {"2026.", "7.4"},
	{"6.2", "6.2"}, {"7.0", "7.0"}, {"7.1", "7.1"}, {"7.2", "7.2"}, {"7.3", "7.3"}, {"7.4", "7.4"},
}

// Line returns the version line of a product's name or number, such as 2024.Q4, 7.4.3.112, 7.4-u92 or
// 7.0.10; the name itself where none is known.
func Line(name string) string {
	s := strings.ToLower(format.Trim(name))
	for _, drop := range []string{"liferay", "portal", "dxp", "ce", "ee", "digital experience platform"} {
		s = format.Trim(strings.TrimPrefix(s, drop))
	}
	for _, p := range productLines {
		rest, found := strings.CutPrefix(s, p.prefix)
		if found && (rest == "" || !isDigit(rest[0]) || strings.HasSuffix(p.prefix, ".")) {
			return p.line
		}
	}
	return name
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
