package scalar

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written 65536, 64KiB, 10MB or 1GiB; 0 means none.
type Size int64

// Rate is a number of events a second, written 20/s, 600/m or 1000/h; 0 means none.
type Rate float64

// Path is a file or folder. One that stands in a file is taken from that file's folder, else from
// the working directory.
type Path string

// unit is one spelling of a factor.
type unit struct {
	name   string
	factor float64
}

// sizeUnits goes from long to short suffixes, since B ends all of them.
var sizeUnits = []unit{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

var rateUnits = []unit{{"/s", 1}, {"/m", 60}, {"/h", 3600}}

// String returns the size in the largest binary unit that divides it.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if f := Size(sizeUnits[i].factor); s != 0 && s%f == 0 {
			return strconv.FormatInt(int64(s/f), 10) + sizeUnits[i].name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// String returns the rate as events a second.
func (r Rate) String() string {
	for _, u := range rateUnits {
		// Rounded, since the product of a quotient is not always whole again.
		if n := math.Round(float64(r) * u.factor); n/u.factor == float64(r) {
			return strconv.FormatFloat(n, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s"
}

// parsers makes values of leaf types from their text. What they say about a bad text never repeats
// it: it may be a secret that slipped into the wrong place, and the line is known.
var parsers = map[reflect.Type]func(string) (any, error){
	reflect.TypeFor[string]():         func(s string) (any, error) { return s, nil },
	reflect.TypeFor[Path]():           func(s string) (any, error) { return Path(s), nil },
	reflect.TypeFor[Secret]():         func(s string) (any, error) { return NewSecret(s), nil },
	reflect.TypeFor[bool]():           parseBool,
	reflect.TypeFor[int]():            parseInt,
	reflect.TypeFor[Size]():           parseSize,
	reflect.TypeFor[Rate]():           parseRate,
	reflect.TypeFor[time.Duration]():  parseDuration,
	reflect.TypeFor[netip.AddrPort](): parseAddrPort,
	reflect.TypeFor[*url.URL]():       parseURL,
}

// Is reports whether a value of the type is written as one text.
func Is(t reflect.Type) bool {
	_, known := parsers[t]
	return known || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// Parse makes a value of the type out of its text.
func Parse(t reflect.Type, text string) (reflect.Value, error) {
	if p, known := parsers[t]; known {
		v, err := p(text)
		if err != nil {
			return reflect.Value{}, err
		}
		return reflect.ValueOf(v), nil
	}
	v := reflect.New(t)
	u, ok := v.Interface().(encoding.TextUnmarshaler)
	if !ok {
		panic("scalar: " + t.String() + " is no leaf")
	}
	err := u.UnmarshalText([]byte(text))
	if a, ok := v.Elem().Interface().(interface{ IsValid() bool }); ok && err == nil && !a.IsValid() {
		err = errors.New("is empty") // which package netip takes for an address that is none
	}
	return v.Elem(), err
}

func parseBool(s string) (any, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, errors.New("is neither true nor false")
}

func parseInt(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return nil, errors.New("is not a whole number")
	}
	return int(n), nil
}

func parseSize(s string) (any, error) {
	for _, u := range sizeUnits {
		digits, found := strings.CutSuffix(s, u.name)
		if !found {
			continue
		}
		return scaledSize(strings.TrimSpace(digits), int64(u.factor))
	}
	return scaledSize(s, 1)
}

func scaledSize(digits string, factor int64) (any, error) {
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/factor) {
		return nil, errors.New("is not a size such as 65536, 64KiB, 10MB or 1GiB")
	}
	return Size(int64(n) * factor), nil
}

func parseRate(s string) (any, error) {
	if s == "0" {
		return Rate(0), nil
	}
	for _, u := range rateUnits {
		digits, found := strings.CutSuffix(s, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 32)
		if err == nil {
			return Rate(float64(n) / u.factor), nil
		}
	}
	return nil, errors.New("is not a rate such as 20/s, 600/m or 1000/h")
}

func parseDuration(s string) (any, error) {
	if days, found := strings.CutSuffix(s, "d"); found {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return nil, errors.New("is not a duration such as 500ms, 15s, 2m, 168h or 7d")
	}
	return d, nil
}

// Mend is an error that knows what to write in its place.
type Mend struct{ Msg, Cure string }

// Error is what is wrong.
func (m *Mend) Error() string { return m.Msg }

// mendAddress says how an address with a port is written that was meant by s; nothing if that is not known.
func mendAddress(s string) string {
	host, port, err := net.SplitHostPort(s)
	if _, odd := strconv.ParseUint(port, 10, 16); err == nil && odd != nil {
		return "" // it may be anything
	}
	switch {
	case err == nil && host == "localhost":
		return "write the address, not the name: 127.0.0.1:" + port
	case err == nil && host == "*":
		return "write 0.0.0.0:" + port + " or [::]:" + port
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return "write the port too: " + net.JoinHostPort(strings.Trim(s, "[]"), "8443")
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
		return "write 0.0.0.0:" + s + " or [::]:" + s
	}
	return ""
}

func parseAddrPort(s string) (any, error) {
	all := s
	if strings.HasPrefix(s, ":") {
		all = "[::]" + s
	}
	a, err := netip.ParseAddrPort(all)
	if err != nil {
		return nil, &Mend{"is not an address with a port, such as 0.0.0.0:8443 or [::]:8443", mendAddress(s)}
	}
	return a, nil
}

// mendURL says how a URL is written that was meant by s; nothing if that is not known. It may be a secret that
// stands in the wrong place, so it is not repeated.
func mendURL(s string) string {
	if strings.ContainsAny(s, "@/ ") {
		return ""
	}
	if u, err := url.Parse("http://" + s); err == nil && plainHost(u.Hostname()) && plainPort(u) {
		return "write http:// or https:// in front of it"
	}
	return ""
}

func parseURL(s string) (any, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, &Mend{"is not a URL such as http://127.0.0.1:8080", mendURL(s)}
	}
	if !plainHost(u.Hostname()) || !plainPort(u) {
		return nil, errors.New("has no host, or one or a port that cannot be: write it as http://127.0.0.1:8080 or https://live.example.com")
	}
	if u.User != nil { // a URL is printed, a password is not
		return nil, &Mend{"has a login in it, which nothing here uses", "take it out, with the @ behind it"}
	}
	return u, nil
}

// plainHost reports whether h is an address without a zone, or a name of letters, digits, hyphens,
// dots and underscores.
func plainHost(h string) bool {
	if a, err := netip.ParseAddr(h); err == nil {
		return a.Zone() == ""
	}
	return h != "" && len(h) <= 253 && strings.Trim(h, ".-") == strings.Trim(h, "-") && !strings.Contains(h, "..") &&
		strings.Trim(strings.ToLower(h), "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// plainPort reports whether u has no port, or one from 1 to 65535.
func plainPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// Show returns a leaf's value as one would write it; a Secret stays masked.
func Show(v any) string {
	switch v := v.(type) {
	case *url.URL:
		if v == nil {
			return ""
		}
		return v.String()
	case Secret:
		if !v.IsSet() {
			return ""
		}
	case time.Duration:
		return showDuration(v)
	}
	return fmt.Sprint(v)
}

// showDuration drops the zero minutes and seconds that Duration.String appends.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
