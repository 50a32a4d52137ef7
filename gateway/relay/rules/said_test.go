package rules_test

import (
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel"
)

// A part is judged before its method has come: as the one that it must be. A method that came counts.
func TestSaidOfACall(t *testing.T) {
	rule := &calls.Rule{Service: "S", Method: "update", Parameters: []string{"long", "[B"}}
	for _, tt := range []struct {
		name   string
		method tunnel.Method
		args   []any
		want   string
		size   int64
	}{
		{"a method that came", tunnel.Method{Service: "T", Name: "other", Parameters: []string{"int"}}, []any{int64(1)}, "T.other", 0},
		{"a part whose method is to come", tunnel.Method{}, []any{int64(1), tunnel.Content{Size: 42}}, "S.update", 42},
		{"a part whose method came", tunnel.Method{Service: "S", Name: "update", Parameters: []string{"long"}}, []any{tunnel.Content{Size: 7}}, "S.update", 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &tunnel.Call{Method: tt.method, Args: tt.args, Principal: tunnel.Principal{Login: "body", HasLogin: true}}
			said := rules.Said(w, rule, "header")
			if got := said.Service + "." + said.Method; got != tt.want || said.PartSize != tt.size {
				t.Errorf("%s with %d bytes, want %s with %d", got, said.PartSize, tt.want, tt.size)
			}
			parameters := tt.method.Parameters
			if tt.method.Name == "" {
				parameters = rule.Parameters
			}
			if !slices.Equal(said.Parameters, parameters) || said.HeaderLogin != "header" || said.BodyLogin != "body" || !said.HasBodyLogin || len(said.Args) != len(tt.args) {
				t.Errorf("%+v", said)
			}
		})
	}
}

// A policy that is replaced while a call enters is left: its pool may be closed behind it.
func TestEnterIsOfThePolicyInUse(t *testing.T) {
	old, next := &rules.Policy{}, &rules.Policy{}
	old.Engine.Pool, next.Engine.Pool = engine(t, "7.4"), engine(t, "7.4")
	asked := 0
	got := rules.Enter(func() *rules.Policy {
		if asked++; asked == 1 {
			return old
		}
		return next
	})
	if got != next || asked != 4 {
		t.Errorf("asked %d times, the new one: %t", asked, got == next)
	}
	got.Engine.Pool.Leave()
}
