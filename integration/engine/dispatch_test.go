package engine_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// published is one call that the vendor's clients can make.
type published struct {
	Service    string   `json:"service"`
	Method     string   `json:"method"`
	Parameters []string `json:"parameters"`
	Returns    string   `json:"returns"`
	Lines      []string `json:"lines"`
}

func publishedCalls(t *testing.T) []published {
	t.Helper()
	var all []published
	must(t, json.Unmarshal(readFile(t, "../../policy/calls/calls.json"), &all))
	if len(all) < 35 {
		t.Fatalf("%d calls", len(all))
	}
	return all
}

// neverHere are the calls that make live call out; this engine has no remote to call.
var neverHere = []string{"enableLocalStaging", "enableRemoteStaging"}

// Every call of every line is carried out, or throws; none is unknown, none answers another type than the vendor's.
func TestEveryPublishedCallIsKnown(t *testing.T) {
	for _, line := range []string{"6.2", "7.0", "7.4"} {
		cfg := config(t.TempDir(), "7413")
		cfg.Line = line
		e := newEngine(t, cfg)
		populate(t, e)
		for _, c := range publishedCalls(t) {
			name := line + " " + c.Method + "(" + strings.Join(c.Parameters, ",") + ")"
			t.Run(name, func(t *testing.T) {
				ours := slices.ContainsFunc(c.Lines, func(l string) bool { return (l == "6.2") == (line == "6.2") }) &&
					strings.HasSuffix(c.Service, "ServiceUtil") // the vendor's servlet serves no other
				m := tunnel.Method{Service: c.Service, Name: c.Method, Parameters: c.Parameters}
				v, err := e.Execute(t.Context(), "admin", tunnel.Call{Method: m, Args: argumentsFor(m)}, spool(t, e, []byte("part")))
				if unknown := errors.Is(err, servlet.ErrUnknownMethod); unknown != (!ours || slices.Contains(neverHere, c.Method)) {
					t.Fatalf("unknown %t: %v", unknown, err)
				}
				if err == nil && answers(v) != simple(c.Returns) {
					t.Errorf("answered a %s, want %s", answers(v), simple(c.Returns))
				}
			})
		}
	}
}

func argumentsFor(m tunnel.Method) []any {
	args := make([]any, len(m.Parameters))
	for i, p := range m.Parameters {
		args[i] = map[string]any{"long": int64(site), "int": int64(1), "boolean": false, "java.lang.String": "x",
			"java.util.Map": map[string]any{"staged-portlet_8": "true"}, "[B": tunnel.Content{Size: 4}}[p]
	}
	if m.Name == "hasPortletId" {
		args[0] = int64(1)
	}
	if m.Name == "fetchByClassNameId" {
		args[0] = staging.GroupClassNameID
	}
	return args
}

func simple(returns string) string { return returns[strings.LastIndexByte(returns, '.')+1:] }

func answers(v any) string {
	switch v.(type) {
	case int64:
		return "long"
	case bool:
		return "boolean"
	case string:
		return "String"
	case engine.Site:
		return "Group"
	case engine.ClassName:
		return "ClassName"
	case engine.Item:
		return "Layout"
	case *engine.MissingReferences:
		return "MissingReferences"
	}
	return "void"
}

func TestUnknownMethods(t *testing.T) {
	e := live(t, "7413")
	long := []string{"long"}
	for name, c := range map[string]tunnel.Call{
		"nothing":            {},
		"another service":    {Method: tunnel.Method{Service: "com.liferay.portal.kernel.service.UserServiceUtil", Name: "getUserById", Parameters: long}, Args: []any{int64(1)}},
		"another package":    {Method: tunnel.Method{Service: "com.liferay.portal.service.GroupServiceUtil", Name: "enableStaging", Parameters: long}, Args: []any{int64(site)}},
		"local service":      {Method: tunnel.Method{Service: "com.liferay.portal.kernel.service.GroupLocalServiceUtil", Name: "enableStaging", Parameters: long}, Args: []any{int64(site)}},
		"another type":       {Method: tunnel.Method{Service: groupService, Name: "enableStaging", Parameters: []string{"int"}}, Args: []any{int64(site)}},
		"argument too few":   {Method: tunnel.Method{Service: groupService, Name: "enableStaging", Parameters: long}},
		"part without bytes": {Method: tunnel.Method{Service: stagingService, Name: "updateStagingRequest", Parameters: []string{"long", "java.lang.String", "[B"}}, Args: []any{int64(1), "x", nil}},
	} {
		if _, err := e.Execute(t.Context(), "admin", c, nil); !errors.Is(err, servlet.ErrUnknownMethod) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := methods(t, e); len(got) > 0 {
		t.Errorf("ledger %q", got)
	}
}

// The oldest line publishes with a map, into the request's own site, and gets nothing back.
func TestPublishOf62OverTheTunnel(t *testing.T) {
	s := serve(t, "6.2", "6011")
	const service = "com.liferay.portal.service.StagingServiceUtil"
	c := client{s, "6.2"}
	var lar []byte
	for _, f := range larFiles(t) {
		if strings.Contains(f, "community") {
			lar = readFile(t, f)
		}
	}
	id := c.call(t, service, "createStagingRequest", "long,java.lang.String", "long", nil, int64(recordedSite), md5Of(lar)).Value
	params := map[string][]string{"PORTLET_DATA": {"true"}}
	types := "long,boolean,java.util.Map"
	for _, step := range []func() *liferay.Thrown{
		func() *liferay.Thrown {
			return c.call(t, service, "updateStagingRequest", "long,java.lang.String,[B", "void", lar, id, "x.lar00", tunnel.Content{Size: int64(len(lar))}).Thrown
		},
		func() *liferay.Thrown {
			return c.call(t, service, "validateStagingRequest", types, "com.liferay.portal.kernel.lar.MissingReferences", nil, id, false, params).Thrown
		},
		func() *liferay.Thrown {
			return c.call(t, service, "publishStagingRequest", types, "void", nil, id, false, params).Thrown
		},
	} {
		if thrown := step(); thrown != nil {
			t.Fatal(thrown)
		}
	}
	all, err := s.Publishes(t.Context(), recordedSite)
	must(t, err)
	compareArrived(t, s.Engine, all[0].ID, lar)
}
