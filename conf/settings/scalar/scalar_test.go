package scalar

import (
	"strings"
	"testing"
)

func TestParsers(t *testing.T) {
	for _, tt := range []struct {
		parse func(string) (any, error)
		in    string
		want  string // as shown; empty for refused
	}{
		{parseSize, "0", "0"}, {parseSize, "1000", "1000"}, {parseSize, "1024", "1KiB"}, {parseSize, "128MiB", "128MiB"}, {parseSize, "10MB", "10000000"},
		{parseSize, "1 GiB", "1GiB"}, {parseSize, "1500B", "1500"}, {parseSize, "2TiB", "2TiB"}, {parseSize, "1536KiB", "1536KiB"},
		{parseSize, "-1", ""}, {parseSize, "1.5MiB", ""}, {parseSize, "MiB", ""}, {parseSize, "1 XB", ""}, {parseSize, "9223372036854775807", "9223372036854775807"},
		{parseSize, "9223372036854775808", ""}, {parseSize, "8388608TiB", ""}, {parseSize, "", ""}, {parseSize, "+1", ""}, {parseSize, "0x10", ""},
		{parseRate, "20/s", "20/s"}, {parseRate, "600/m", "10/s"}, {parseRate, "30/m", "30/m"}, {parseRate, "100/h", "100/h"}, {parseRate, "0", "0/s"}, {parseRate, "20", ""}, {parseRate, "-1/s", ""}, {parseRate, "1/d", ""}, {parseRate, "/s", ""},
		{parseDuration, "15s", "15s"}, {parseDuration, "90m", "1h30m"}, {parseDuration, "60m", "1h"}, {parseDuration, "7d", "168h"}, {parseDuration, "0s", "0s"}, {parseDuration, "500ms", "500ms"}, {parseDuration, "10m5s", "10m5s"},
		{parseDuration, "15", ""}, {parseDuration, "-1s", ""}, {parseDuration, "d", ""}, {parseDuration, "1.5d", ""}, {parseDuration, "99999d", ""},
		{parseBool, "true", "true"}, {parseBool, "false", "false"}, {parseBool, "yes", ""}, {parseBool, "True", ""},
		{parseInt, "12", "12"}, {parseInt, "012", "12"}, {parseInt, "1e3", ""}, {parseInt, "99999999999", ""},
		{parseAddrPort, ":8443", "[::]:8443"}, {parseAddrPort, "10.0.0.1:0", "10.0.0.1:0"}, {parseAddrPort, "[fe80::1%eth0]:1", "[fe80::1%eth0]:1"}, {parseAddrPort, "localhost:1", ""}, {parseAddrPort, "8443", ""}, {parseAddrPort, "010.0.0.1:1", ""},
		{parseURL, "https://a:1", "https://a:1"}, {parseURL, "ftp://a", ""}, {parseURL, "a:8080", ""}, {parseURL, "http:///x", ""}, {parseURL, "http://a b", ""}, {parseURL, "http://:8080", ""}, {parseURL, "http://a:0", ""}, {parseURL, "http://a:99999", ""}, {parseURL, "http://a:", ""},
		{parseURL, "http://[::1]:8080", "http://[::1]:8080"}, {parseURL, "http://[::1", ""}, {parseURL, "http://[fe80::1%25eth0]", ""}, {parseURL, "http://a..b", ""}, {parseURL, "http://a%00b", ""}, {parseURL, "", ""},
		{parseURL, "//a", ""}, {parseURL, "http:a", ""}, {parseURL, "HTTP://A", "http://A"},
	} {
		got, err := tt.parse(tt.in)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%q = %v, want it refused", tt.in, Show(got))
		case tt.want == "" && len(tt.in) > 4 && strings.Contains(err.Error(), tt.in):
			t.Errorf("%q: the error repeats the text: %v", tt.in, err)
		case tt.want != "" && (err != nil || Show(got) != tt.want):
			t.Errorf("%q = %v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}
