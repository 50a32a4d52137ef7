package rules

import (
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel"
)

// Said is a call as the policy reads it. Of a part whose method is still to come it is that of rule; login
// is the one of its header.
func Said(w *tunnel.Call, rule *calls.Rule, login string) calls.Call {
	said := calls.Call{
		Service: w.Method.Service, Method: w.Method.Name, Parameters: w.Method.Parameters,
		Args: w.Args, HeaderLogin: login, BodyLogin: w.Principal.Login, HasBodyLogin: w.Principal.HasLogin,
		Settings: w.Settings,
	}
	if w.Method.Name == "" {
		said.Service, said.Method, said.Parameters = rule.Service, rule.Method, rule.Parameters
	}
	for _, a := range w.Args {
		if content, ok := a.(tunnel.Content); ok {
			said.PartSize = content.Size
		}
	}
	return said
}

// Enter returns the policy that load has, with its pool kept open until the call leaves it: one that was
// replaced meanwhile is left again.
func Enter(load func() *Policy) *Policy {
	for {
		p := load()
		p.Engine.Pool.Enter()
		if load() == p {
			return p
		}
		p.Engine.Pool.Leave()
	}
}
