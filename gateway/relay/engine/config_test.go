package engine_test

import (
	"testing"

	"github.com/stagelock/stagelock/gateway/relay/engine"
)

func TestBrowserURL(t *testing.T) {
	const public = "https://www.example.com/live"
	e := engine.Config{Pool: config(t, "http://10.0.0.1:8080").Pool, PathContext: "/portal", Host: "live.internal"}
	for _, tt := range []struct{ name, own, want, unknown string }{
		{"by node", "http://10.0.0.1:8080/portal/web/guest", "https://www.example.com/live/web/guest", ""},
		{"by host", "http://live.internal/portal/web", "https://www.example.com/live/web", "http://live.internal/portal/web"},
		{"whole", "http://10.0.0.1:8080/portal", "https://www.example.com/live", ""},
		{"another context", "http://10.0.0.1:8080/portalx/web", "", ""},
		{"another port", "http://10.0.0.1:80800/x", "http://10.0.0.1:80800/x", "http://10.0.0.1:80800/x"},
		{"another's", "https://elsewhere/portal/web", "https://elsewhere/portal/web", "https://elsewhere/portal/web"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := e.BrowserURL(tt.own, public); got != tt.want {
				t.Errorf("BrowserURL(%q) = %q, want %q", tt.own, got, tt.want)
			}
			if got := e.BrowserURL(tt.own, ""); got != tt.unknown {
				t.Errorf("without a setting BrowserURL(%q) = %q, want %q", tt.own, got, tt.unknown)
			}
		})
	}
}
