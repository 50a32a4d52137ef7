package hosts

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// misspelling is one way in which lists get written wrong. cure sees the entry that recognise
// accepted.
type misspelling struct {
	recognise func(s string) bool
	msg       string
	cure      func(s string) string
}

var (
	numeric   = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,3}$`)
	hexNumber = regexp.MustCompile(`(?i)(^|\.)0x[0-9a-f]`)
	withPort  = regexp.MustCompile(`^([0-9.]+|\[[^\]]+\]):[0-9]+$`)
	bracketed = regexp.MustCompile(`^\[[^\]]*\]$`)
	wildcard  = regexp.MustCompile(`^(?:[0-9]{1,3}\.){1,3}\*(\.\*)*$`)
	addrRange = regexp.MustCompile(`^[0-9.]+ *- *[0-9.]+$`)
	hostName  = regexp.MustCompile(`^[A-Za-z0-9_*.-]*[A-Za-z_*][A-Za-z0-9_*.-]*$`)
)

// misspellings are tried in this order; the first that recognises the entry explains it.
var misspellings = []misspelling{
	{func(s string) bool { return strings.TrimSpace(s) == "" }, "is empty", say("remove it")},
	{func(s string) bool { return strings.TrimSpace(s) != s }, "has white space around it", trimmed},
	{func(s string) bool { return strings.ContainsAny(s, ",;") },
		"holds more than one entry", say("write one address or prefix an entry")},
	{func(s string) bool { return strings.EqualFold(s, ServerIP) },
		"is not spelled as the word it resembles", say("write " + ServerIP)},
	{func(s string) bool { return s == "*" },
		"is no prefix", say("write 0.0.0.0/0 and ::/0 and set allow_any, if everybody is meant")},
	{func(s string) bool { return strings.EqualFold(s, "localhost") }, "is a host name", say("write 127.0.0.1 and ::1")},
	{func(s string) bool { return strings.Contains(s, "://") }, "is a URL", say("write the address alone")},
	{bracketed.MatchString, "has brackets", withoutBrackets},
	{withPort.MatchString, "has a port", withoutPort},
	{wildcard.MatchString, "has a wildcard, which never matches", wildcardPrefix},
	{addrRange.MatchString, "is a range from one address to another", say("write the prefixes that make up the range")},
	{hexNumber.MatchString, "has hexadecimal numbers", say("write four decimal numbers")},
	{isNumeric, "is not four plain decimal numbers from 0 to 255", javaReading},
	{leadingZero, "has numbers with leading zeros, which some programs read as octal",
		say("write the numbers without leading zeros")},
	{hostName.MatchString, "is a host name, and names are not looked up", say("write the addresses it stands for")},
}

// diagnose explains an entry that netip refused.
func diagnose(s string) *fault {
	for _, m := range misspellings {
		if m.recognise(s) {
			return &fault{m.msg, m.cure(s)}
		}
	}
	return &fault{"is no address", "write an IPv4 or IPv6 address, or a prefix as in 10.0.0.0/8"}
}

// diagnosePrefix explains a prefix that netip refused: its address, or its length.
func diagnosePrefix(host, length string) *fault {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return diagnose(host)
	}
	n, err := strconv.Atoi(strings.TrimSpace(length))
	if err != nil || n < 0 || n > a.BitLen() {
		return &fault{fmt.Sprintf("the length of the prefix is not 0 to %d", a.BitLen()), "write it as in 10.0.0.0/8"}
	}
	return &fault{"the length of the prefix is not plainly written", fmt.Sprintf("write %s/%d", host, n)}
}

func say(cure string) func(string) string { return func(string) string { return cure } }

func trimmed(s string) string { return fmt.Sprintf("write %q", strings.TrimSpace(s)) }

func withoutBrackets(s string) string { return "write " + strings.Trim(s, "[]") }

func withoutPort(s string) string {
	host, _, _ := cutLast(s, ":")
	return withoutBrackets(host)
}

func isNumeric(s string) bool { return numeric.MatchString(s) }

// leadingZero finds zeros in the IPv4 tail of an IPv6 address.
func leadingZero(s string) bool {
	_, tail, ok := cutLast(s, ":")
	return ok && strings.Contains(tail, ".") && isNumeric(tail)
}

// javaReading tells what Java makes of a numeric form: always decimal, the last number fills what
// is left.
func javaReading(s string) string {
	const plain = "write four decimal numbers without leading zeros"
	a, ok := readAsJava(strings.Split(s, "."))
	if !ok {
		return plain
	}
	return fmt.Sprintf("%s: Java reads this one as %s", plain, a)
}

func readAsJava(parts []string) (netip.Addr, bool) {
	var v uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		last := i == len(parts)-1
		if err != nil || !last && n > 255 {
			return netip.Addr{}, false
		}
		if !last {
			v = v<<8 | n
			continue
		}
		width := 8 * (4 - i)
		if n >= 1<<width {
			return netip.Addr{}, false
		}
		v = v<<width | n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// wildcardPrefix turns 10.0.* into 10.0.0.0/16.
func wildcardPrefix(s string) string {
	head, _, _ := strings.Cut(s, ".*")
	n := strings.Count(head, ".") + 1
	p, err := netip.ParsePrefix(head + strings.Repeat(".0", 4-n) + "/" + strconv.Itoa(8*n))
	if err != nil {
		return "write a prefix, as in 10.0.0.0/8"
	}
	return "write " + p.String()
}
