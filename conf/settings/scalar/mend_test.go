package scalar_test

import (
	"errors"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// TestWhatWasMeantIsSaid: the cure is what to write, where that is known, and never holds what may be a password.
func TestWhatWasMeantIsSaid(t *testing.T) {
	address, link := reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[*url.URL]()
	for _, tt := range []struct {
		typ      reflect.Type
		in, cure string // empty: not known
	}{
		{address, "localhost:8443", "127.0.0.1:8443"}, {address, "*:8443", "0.0.0.0:8443 or [::]:8443"}, {address, "127.0.0.1", "127.0.0.1:8443"},
		{address, "::1", "[::1]:8443"}, {address, "[::1]", "[::1]:8443"}, {address, "8443", "0.0.0.0:8443"}, {address, "0", ""}, {address, "99999", ""},
		{address, "gate.example.com:8443", ""}, {address, "", ""},
		{address, "localhost:s3cret", ""}, {link, "127.0.0.1:8080", "in front of it"}, {link, "live.example.com", "in front of it"},
		{link, "[::1]:8080", "in front of it"}, {link, "s3cret", "in front of it"},
		{link, "http://me:s3cret@live.example.com", "take it out"}, {link, "me:s3cret@live.example.com", ""}, {link, "live example.com", ""},
		{link, "", ""}, {link, "h:99999", ""}, {link, "//h", ""},
	} {
		_, err := scalar.Parse(tt.typ, tt.in)
		var m *scalar.Mend
		if !errors.As(err, &m) {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if (m.Cure == "") != (tt.cure == "") || !strings.Contains(m.Cure, tt.cure) || strings.Contains(m.Cure+m.Msg, "s3cret") {
			t.Errorf("%q: cure %q, want %q", tt.in, m.Cure, tt.cure)
		}
	}
}
