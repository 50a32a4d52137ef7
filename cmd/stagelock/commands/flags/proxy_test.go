package flags_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

func TestProxy(t *testing.T) {
	for _, tt := range []struct {
		name, flag, to string
		env            []string
		want           string // error: what it says, behind a !
	}{
		{"none anywhere", "", "https://live.example.com", nil, ""},
		{"flag", "http://proxy:3128", "https://live.example.com", []string{"HTTPS_PROXY=http://other"}, "http://proxy:3128"},
		{"flag without a scheme", "proxy:3128", "https://live.example.com", nil, "http://proxy:3128"},
		{"flag against the environment", "none", "https://live.example.com", []string{"HTTPS_PROXY=http://proxy"}, ""},
		{"flag wins over exceptions", "http://proxy", "https://live.example.com", []string{"NO_PROXY=*"}, "http://proxy"},
		{"HTTPS_PROXY", "", "https://live.example.com", []string{"HTTPS_PROXY=http://proxy:1", "HTTP_PROXY=http://other"}, "http://proxy:1"},
		{"https_proxy", "", "https://live.example.com", []string{"https_proxy=http://proxy:1"}, "http://proxy:1"},
		{"HTTP_PROXY is not for TLS", "", "https://live.example.com", []string{"HTTP_PROXY=http://proxy:1"}, ""},
		{"HTTP_PROXY", "", "http://live.example.com", []string{"HTTP_PROXY=http://proxy:1"}, "http://proxy:1"},
		{"ALL_PROXY", "", "https://live.example.com", []string{"ALL_PROXY=http://proxy:1"}, "http://proxy:1"},
		{"exception by name", "", "https://live.example.com", []string{"HTTPS_PROXY=http://p", "NO_PROXY=a, live.example.com"}, ""},
		{"exception by domain", "", "https://live.example.com", []string{"HTTPS_PROXY=http://p", "no_proxy=.example.com"}, ""},
		{"exception by domain, starred", "", "https://live.example.com", []string{"HTTPS_PROXY=http://p", "no_proxy=*.example.com"}, ""},
		{"another domain's end", "", "https://live.myexample.com", []string{"HTTPS_PROXY=http://p", "NO_PROXY=example.com"}, "http://p"},
		{"exception by port", "", "https://live.example.com:8443", []string{"HTTPS_PROXY=http://p", "NO_PROXY=example.com:8443"}, ""},
		{"exception of another port", "", "https://live.example.com", []string{"HTTPS_PROXY=http://p", "NO_PROXY=example.com:8443"}, "http://p"},
		{"exception by prefix", "", "https://10.1.2.3", []string{"HTTPS_PROXY=http://p", "NO_PROXY=10.0.0.0/8"}, ""},
		{"exception by address", "", "https://[2001:db8::1]", []string{"HTTPS_PROXY=http://p", "NO_PROXY=2001:db8::1"}, ""},
		{"all are exceptions", "", "https://live.example.com", []string{"HTTPS_PROXY=http://p", "NO_PROXY=*"}, ""},
		{"this machine", "", "https://127.0.0.1:8443", []string{"HTTPS_PROXY=http://p"}, ""},
		{"SOCKS", "socks5://me:s3cret@proxy:1080", "https://live.example.com", nil, "!http://host:port"},
		{"no address", "http://", "https://live.example.com", nil, "!http://host:port"},
		{"bad address", "", "https://live.example.com", []string{"HTTPS_PROXY=http://a:s3cret@b:c:d"}, "!HTTPS_PROXY cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, err := url.Parse(tt.to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := flags.Proxy(&term.Shell{Environ: tt.env}, tt.flag, to)
			if want, fails := strings.CutPrefix(tt.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("got %v, want words about %q", err, want)
				}
				return
			}
			text := ""
			if got != nil {
				text = got.String()
			}
			if err != nil || text != tt.want {
				t.Errorf("got %q, %v, want %q", text, err, tt.want)
			}
		})
	}
}
