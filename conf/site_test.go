package conf_test

import (
	"testing"

	"github.com/stagelock/stagelock/conf"
)

func TestSiteText(t *testing.T) {
	for in, want := range map[string]string{"20143": "20143", "any": "any", "0": "", "-1": "", "ANY": "", "9223372036854775808": "", "": ""} {
		var s conf.Site
		err := s.UnmarshalText([]byte(in))
		if got := s.String(); err == nil && got != want || (err == nil) != (want != "") {
			t.Errorf("%q = %s, %v, want %q", in, got, err, want)
		}
	}
}
