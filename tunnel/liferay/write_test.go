package liferay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// catalog are the methods of the staging calls as the vendor's jars have them.
func catalog(t *testing.T) []struct {
	Service, Method, Returns string
	Parameters, Lines        []string
} {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "policy", "calls", "calls.json"))
	if err != nil {
		t.Fatal(err)
	}
	var calls []struct {
		Service, Method, Returns string
		Parameters, Lines        []string
	}
	if err := json.Unmarshal(data, &calls); err != nil || len(calls) < 20 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	return calls
}

// TestEveryMethodCanBeWritten writes each method of each build with made-up arguments and reads it back: the same method, the
// same values.
func TestEveryMethodCanBeWritten(t *testing.T) {
	settings := liferay.Settings{
		"privateLayout": true, "sourceGroupId": int64(1), "targetGroupId": int32(2), "nothing": nil, "name": "é😀\x00",
		"layoutIds": []int64{1, 2}, "list": []string{"a"}, "parameterMap": map[string][]string{"cmd": {"publish"}, "none": {}},
		"layoutIdMap": map[int64]bool{7: true}, "locale": liferay.Locale{Language: "hu", Country: "HU"}, "timezone": liferay.Zone{ID: "UTC"},
	}
	args := map[string]any{
		"long": int64(42), "int": int64(7), "boolean": true, "java.lang.String": "text", "[B": tunnel.Content{Size: 3},
		"java.util.Map": map[string][]string{"a": {"b", "c"}},
		"com.liferay.exportimport.kernel.model.ExportImportConfiguration": settings,
	}
	written := 0
	for _, m := range catalog(t) {
		if slices.ContainsFunc(m.Parameters, func(p string) bool { return args[p] == nil }) {
			continue // lists and service contexts are never written by us
		}
		for _, build := range m.Lines {
			t.Run(build+"/"+m.Method, func(t *testing.T) {
				given := make([]any, len(m.Parameters))
				for i, p := range m.Parameters {
					given[i] = args[p]
					if p == "java.util.Map" && m.Method == "updateStagedPortlets" {
						given[i] = map[string]string{"staged-portlet_1": "true"}
					}
				}
				method := tunnel.Method{Service: m.Service, Name: m.Method, Parameters: m.Parameters}
				call, err := liferay.NewCall(build, liferay.Principal{Login: "a@b.c", Password: "secret", URL: "http://x"}, method, given...)
				if err != nil {
					t.Fatal(err)
				}
				data, err := call.Append(nil)
				if slices.Contains(m.Parameters, "[B") {
					head, tail, splitErr := call.Split()
					data, err = joined(head, []byte("abc"), tail), splitErr
				}
				if err != nil {
					t.Fatal(err)
				}
				back, _, err := read(data)
				if err != nil {
					t.Fatal(err)
				}
				written++
				if back.Method.Signature() != method.Signature() || back.Principal.Login != "a@b.c" || back.Line != call.Line {
					t.Errorf("read as %+v", back.Call)
				}
				if got, want := fmt.Sprint(back.Args, back.Settings), fmt.Sprint(call.Args, call.Settings); got != want {
					t.Errorf("read as %s, written from %s", got, want)
				}
				if back.Settings != nil && fmt.Sprintf("%q %v %v", back.Settings["name"], back.Settings["layoutIdMap"],
					back.Settings["locale"]) != `"é😀\x00" map[7:true] hu_HU` {
					t.Errorf("settings %v", back.Settings)
				}
			})
		}
	}
	if written < 80 {
		t.Errorf("%d calls were written", written)
	}
}

func TestNewCallRefuses(t *testing.T) {
	method := tunnel.Method{Service: staging, Name: "createStagingRequest", Parameters: []string{"long", "java.lang.String"}}
	config := tunnel.Method{Service: staging, Name: "x", Parameters: []string{"com.liferay.exportimport.kernel.model.ExportImportConfiguration"}}
	for _, tt := range []struct {
		name, build string
		method      tunnel.Method
		args        []any
	}{
		{"an unknown build", "5.2", method, []any{int64(1), "x"}},
		{"a type that nothing stands for", build7, method, []any{int64(1), 1.5}},
		{"an argument too few", build7, method, []any{int64(1)}},
		{"a text for a number", build7, method, []any{"1", "x"}},
		{"a setting that nothing stands for", build7, config, []any{liferay.Settings{"a": 1.5}}},
		{"a configuration of a build that has none", liferay.Line62, config, []any{liferay.Settings{}}},
		{"no name", build7, tunnel.Method{Service: staging}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if call, err := liferay.NewCall(tt.build, liferay.Principal{}, tt.method, tt.args...); err == nil {
				t.Errorf("made %+v", call.Call)
			}
		})
	}
	call, err := liferay.NewCall(build7, liferay.Principal{}, method, int64(1), "x")
	if err != nil {
		t.Fatal(err)
	}
	if call.SetLong(1, 5) == nil {
		t.Error("text was set to a number")
	}
	if _, _, err := call.Split(); err == nil {
		t.Error("a call without content was split")
	}
}

func TestBuildOf(t *testing.T) {
	for line, want := range map[string]string{
		"6.2": "6.2", "7.0": "7.0", "7.3": "7.3", "7.4": "7.4.3.112", "7": "7.4.3.112", "7.4.3.51": "7.4.3.51", "7.4.3": "7.4.3.112",
		"": "", "7.5": "", "7.4.3.5": "", "6": "6.2", "x": "",
	} {
		if got, err := liferay.BuildOf(line); got != want || (err == nil) != (want != "") {
			t.Errorf("BuildOf(%q) = %q, %v; want %q", line, got, err, want)
		}
	}
}

// TestRepliesRefuse has what no reply can be written of.
func TestRepliesRefuse(t *testing.T) {
	if _, err := liferay.AppendValue(nil, build7, 1.5); err == nil {
		t.Error("a fraction was written")
	}
	if _, err := liferay.AppendGroup(nil, build7, liferay.Model{"_groupId": 1.5}); err == nil {
		t.Error("a site with a fraction was written")
	}
	for _, write := range []func(build string) ([]byte, error){
		func(b string) ([]byte, error) { return liferay.AppendGroup(nil, b, nil) },
		func(b string) ([]byte, error) { return liferay.AppendMissing(nil, b, nil, nil) },
		func(b string) ([]byte, error) { return liferay.AppendRemoteAuth(nil, b, 1, "") },
		func(b string) ([]byte, error) { return liferay.AppendThrown(nil, b, liferay.Thrown{Class: portal}) },
	} {
		if data, err := write("5.2"); err == nil {
			t.Errorf("an unknown build was written: %x", data)
		}
	}
}

// TestPassedBuffers: what is appended stands behind what was there.
func TestPassedBuffers(t *testing.T) {
	data, err := liferay.AppendValue([]byte("before"), build7, true)
	if err != nil || !bytes.HasPrefix(data, []byte("before\xac\xed")) {
		t.Errorf("got %q, %v", data, err)
	}
}
