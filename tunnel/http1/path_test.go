package http1_test

import (
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
)

func TestCanonicalNamesOtherSpellings(t *testing.T) {
	for _, tt := range []struct{ name, target, want string }{
		{"as it is", "/api/liferay/do", "/api/liferay/do"},
		{"double slash", "//api//liferay/do", "/api/liferay/do"},
		{"path parameter", "/api;x=1/liferay/do;jsessionid=2", "/api/liferay/do"},
		{"dots", "/x/../api/./liferay/do", "/api/liferay/do"},
		{"dots behind a parameter", "/x/..;/api/liferay/do", "/api/liferay/do"},
		{"escaped letter", "/%61pi/liferay/d%6F", "/api/liferay/do"},
		{"escaped dots", "/api/x/%2e%2e/liferay/do", "/api/liferay/do"},
		{"query", "/api/liferay/do?a=b", "/api/liferay/do"},
		{"above the root", "/../../api/liferay/do", "/api/liferay/do"},
		{"another", "/api/liferay/does", "/api/liferay/does"},
		{"not escaped", "/api%2/liferay/do", "/api%2/liferay/do"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := http1.Canonical(tt.target); got != tt.want {
				t.Errorf("canonical(%q) = %q, want %q", tt.target, got, tt.want)
			}
		})
	}
}
