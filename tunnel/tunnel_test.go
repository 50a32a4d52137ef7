package tunnel_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
)

func TestSignature(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    tunnel.Method
		want string
	}{
		{"none", tunnel.Method{}, "#()"},
		{"no parameters", tunnel.Method{Service: "a.B", Name: "c"}, "a.B#c()"},
		{"two", tunnel.Method{Service: "a.B", Name: "c", Parameters: []string{"long", "[B"}}, "a.B#c(long,[B)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.m.Signature(); got != tt.want {
				t.Errorf("Signature() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestProblemTellsItsCauseToTheLogOnly(t *testing.T) {
	p := &tunnel.Problem{Code: tunnel.Refused, Reason: "a.b", Msg: "told", Err: io.EOF}
	if !errors.Is(p, io.EOF) || p.Error() != "a.b: told: EOF" {
		t.Errorf("%q", p.Error())
	}
	if got := (&tunnel.Problem{Reason: "a", Msg: "m"}).Error(); got != "a: m (code 0)" {
		t.Errorf("without a code: %q", got)
	}
}
