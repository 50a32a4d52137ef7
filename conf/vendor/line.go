package vendor

import (
	"regexp"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
)

// yearly is a product's name that begins with a year: all from 2023 on are of one line, by the vendor's word.
var yearly = regexp.MustCompile(`^20(2[3-9]|[3-9]\d)\.(q[1-4]|lts)`)

// build is the number of a line that an archive's manifest and the portal's own page have, such as 7413.
var build = regexp.MustCompile(`^(62|7[0-4])\d\d$`)

// productLines are the lines of the numbers that the product's names have.
var productLines = []struct{ prefix, line string }{
	{"6.2", "6.2"}, {"7.0", "7.0"}, {"7.1", "7.1"}, {"7.2", "7.2"}, {"7.3", "7.3"}, {"7.4", "7.4"},
}

// Line returns the version line of a product's name or number, such as 2024.Q4, 7.4.3.112, 7.4-u92, 7.0.10, the
// tag of an image or a build number; the name itself where none is known.
func Line(name string) string {
	s := strings.ToLower(format.Trim(name))
	s = s[strings.LastIndexAny(s, "/:")+1:] // of an image, liferay/dxp:2024.q1.1
	for _, drop := range []string{"liferay", "portal", "dxp", "ce", "ee", "digital experience platform", "v"} {
		s = strings.TrimLeft(strings.TrimPrefix(s, drop), " -_")
	}
	switch {
	case yearly.MatchString(s):
		return "7.4"
	case build.MatchString(s):
		return s[:1] + "." + s[1:2]
	}
	for _, p := range productLines {
		rest, found := strings.CutPrefix(s, p.prefix)
		if found && (rest == "" || !isDigit(rest[0])) {
			return p.line
		}
	}
	return name
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
