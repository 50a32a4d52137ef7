package conf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What stood at the root when there was one engine for ever is refused with its new place, and what
// is in it is checked all the same.
func TestMovedSettingsNameTheirNewPlace(t *testing.T) {
	old := strings.Replace(good, good[strings.Index(good, "engine"):], `upstream:
  nodes: ["http://127.0.0.1:8080/x"]
line: 7.3
path_context: /live
liferay: {buffer_size: 1MiB}
engine: {browser_url: "https://www.example.com"}
`, 1)
	c, ps := loadFS(goodFiles(t), old, nil, nil)
	want := []string{
		"live.yaml:10: upstream: has moved to engine.upstream (write it there, in the section engine:)",
		"live.yaml:11: engine.upstream.nodes[0]: has more than scheme, host and port (keep those; a path goes to engine.upstream.path_context)",
		"live.yaml:12: line: has moved to engine.line (write it there, in the section engine:)",
		"live.yaml:13: path_context: has moved to engine.path_context (write it there, in the section engine:)",
		"live.yaml:14: liferay: has moved to engine.liferay (write it there, in the section engine:)",
	}
	if diff := cmp.Diff(want, texts(ps)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if c.Engine.Line != "7.3" {
		t.Errorf("line %q", c.Engine.Line)
	}
}

func TestMovedVariablesAndFlags(t *testing.T) {
	_, ps := loadFS(goodFiles(t), good, []string{"STAGELOCK_LINE=7.3", "STAGELOCK_UPSTREAM_SECRET_VALUE_FILE=x", "STAGELOCK_UPSTREAM=x", "STAGELOCK_LINES=x"},
		map[string]string{"upstream.nodes": "x", "line": "x", "linen": "x"})
	want := []string{
		"env STAGELOCK_LINE: has moved: the setting has another name now (name it STAGELOCK_ENGINE_LINE)",
		"env STAGELOCK_LINES: warning: is the name of no setting (did you mean STAGELOCK_LISTEN?)",
		"env STAGELOCK_UPSTREAM: warning: is the name of no setting (",
		"env STAGELOCK_UPSTREAM_SECRET_VALUE_FILE: has moved: the setting has another name now (name it STAGELOCK_ENGINE_UPSTREAM_SECRET_VALUE_FILE)",
		"flag line: has moved to engine.line (write engine.line)",
		"flag linen: is no setting (did you mean listen?)",
		"flag upstream.nodes: has moved to engine.upstream.nodes (write engine.upstream.nodes)",
	}
	got := texts(ps)
	for i := range got {
		if i < len(want) && strings.HasPrefix(got[i], want[i]) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
