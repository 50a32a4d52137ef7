package calls_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/policy/calls"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	staging62 = "com.liferay.portal.service.StagingServiceUtil"
	staging7  = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	group62   = "com.liferay.portal.service.GroupServiceUtil"
	group7    = "com.liferay.portal.kernel.service.GroupServiceUtil"
	names7    = "com.liferay.portal.kernel.service.ClassNameServiceUtil"
	layout7   = "com.liferay.portal.kernel.service.LayoutServiceUtil"

	javaString    = "java.lang.String"
	javaMap       = "java.util.Map"
	configuration = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"
	context       = "com.liferay.portal.kernel.service.ServiceContext"
)

// vendorCall is one call that a build's client can make, as read from its jars.
type vendorCall struct {
	Service, Method string
	Parameters      []string
	Returns         string
	Lines           []string
}

func (v vendorCall) key() string {
	return v.Service + "#" + v.Method + "(" + strings.Join(v.Parameters, ",") + ")"
}

func vendorCalls(t testing.TB) []vendorCall {
	t.Helper()
	data, err := os.ReadFile("calls.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vendorCall
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func preset(t testing.TB, line string) *calls.Preset {
	t.Helper()
	p, err := calls.NewPreset(line)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rule(t testing.TB, line, service, method string, parameters ...string) *calls.Rule {
	t.Helper()
	r, refusal := preset(t, line).Match(service, method, parameters)
	if refusal != nil {
		t.Fatalf("Match(%s, %s#%s%v): %v", line, service, method, parameters, refusal)
	}
	return r
}

// builds are what the lines are called in the vendor's list.
var builds = map[string][]string{
	"6.2": {"6.2"}, "7.0": {"7.0"}, "7.1": {"7.1"}, "7.2": {"7.2"}, "7.3": {"7.3"}, "7.4": {"7.4.3.51", "7.4.3.112"},
}

func TestPresetIsTheVendorsListWithoutTwo(t *testing.T) {
	// How many calls pass in each line, counted by hand in the vendor's list: 24 of 7.4's less two,
	// one more of 7.2 and 7.3.
	want := map[string]int{"6.2": 14, "7.0": 18, "7.1": 24, "7.2": 25, "7.3": 23, "7.4": 23}
	for _, line := range calls.Lines() {
		t.Run(line, func(t *testing.T) {
			p := preset(t, line)
			if got := len(p.Rules()); got != want[line] {
				t.Errorf("line %s has %d rules, want %d", line, got, want[line])
			}
			for _, v := range vendorCalls(t) {
				matchVendorCall(t, p, line, v)
			}
		})
	}
}

func matchVendorCall(t *testing.T, p *calls.Preset, line string, v vendorCall) {
	t.Helper()
	of := slices.ContainsFunc(builds[line], func(b string) bool { return slices.Contains(v.Lines, b) })
	reason := calls.CallLine
	if v.Method == "enableLocalStaging" || v.Method == "enableRemoteStaging" {
		of, reason = false, calls.CallBarred
	}
	r, refusal := p.Match(v.Service, v.Method, v.Parameters)
	if !of {
		if r != nil || refusal == nil || refusal.Reason != reason {
			t.Errorf("line %s: %s: got rule %v, refusal %v, want %s", line, v.key(), r, refusal, reason)
		}
		return
	}
	if refusal != nil {
		t.Errorf("line %s: %s: refused: %v", line, v.key(), refusal)
		return
	}
	if r.Signature() != v.key() || r.Returns != v.Returns || r.Void() != (v.Returns == "void") {
		t.Errorf("line %s: %s matched %s returning %s", line, v.key(), r.Signature(), r.Returns)
	}
}

// TestPresetGolden shows a reviewer every call that passes and what the gateway takes it for.
func TestPresetGolden(t *testing.T) {
	for _, line := range calls.Lines() {
		var b strings.Builder
		for _, r := range preset(t, line).Rules() {
			fmt.Fprintf(&b, "%s %s\n\t%s%s\n", r.Signature(), r.Returns, r.Kind, facts(r))
		}
		path := filepath.Join("testdata", "preset-"+line+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("preset %s differs from %s (-want +got):\n%s", line, path, diff)
		}
	}
}

func facts(r *calls.Rule) string {
	var b strings.Builder
	for _, f := range []struct {
		on   bool
		name string
	}{{r.Failover, "may change the node"}, {r.Guarded, "once"}} {
		if f.on {
			b.WriteString(", " + f.name)
		}
	}
	return b.String()
}

func TestPresetUnknownLine(t *testing.T) {
	for _, line := range []string{"", "6.1", "7", "7.4.3.51", "7.5", "7.4 ", "latest"} {
		p, err := calls.NewPreset(line)
		if err == nil {
			t.Errorf("NewPreset(%q) = %v, want an error", line, p.Line())
			continue
		}
		for _, known := range calls.Lines() {
			if !strings.Contains(err.Error(), known) {
				t.Errorf("NewPreset(%q): %v does not name %s", line, err, known)
			}
		}
	}
}

func TestMatchRefuses(t *testing.T) {
	remote := []string{"long", "boolean", "boolean", javaString, "int", javaString, "boolean", "long", context}
	for _, tt := range []struct {
		name, line, service, method string
		parameters                  []string
		want                        string
	}{
		{"any other service", "7.4", "com.liferay.portal.kernel.service.UserServiceUtil", "getUserById", []string{"long"}, calls.CallUnknown},
		{"the local service", "7.4", "com.liferay.exportimport.kernel.service.StagingLocalServiceUtil", "cleanUpStagingRequest", []string{"long"}, calls.CallUnknown},
		{"another method", "7.4", group7, "deleteGroup", []string{"long"}, calls.CallUnknown},
		{"method in another case", "7.4", group7, "getgroup", []string{"long"}, calls.CallUnknown},
		{"method of another service", "7.4", layout7, "getGroup", []string{"long"}, calls.CallUnknown},
		{"boxed parameter", "7.4", group7, "getGroup", []string{"java.lang.Long"}, calls.CallUnknown},
		{"parameter more", "7.4", group7, "getGroup", []string{"long", "long"}, calls.CallUnknown},
		{"parameter less", "7.4", group7, "getGroup", nil, calls.CallUnknown},
		{"parameters swapped", "7.4", staging7, "createStagingRequest", []string{javaString, "long"}, calls.CallUnknown},
		{"space in the service", "7.4", group7 + " ", "getGroup", []string{"long"}, calls.CallUnknown},
		{"nothing", "7.4", "", "", nil, calls.CallUnknown},
		{"enableRemoteStaging", "7.4", staging7, "enableRemoteStaging", remote, calls.CallBarred},
		{"enableRemoteStaging in an older line", "7.0", staging7, "enableRemoteStaging", remote, calls.CallBarred},
		{"enableLocalStaging", "7.4", staging7, "enableLocalStaging", []string{"long", "boolean", "boolean", context}, calls.CallBarred},
		{"enableLocalStaging as nobody has it", "7.4", staging7, "enableLocalStaging", []string{"long"}, calls.CallUnknown},
		{"6.2 against 7.4", "7.4", group62, "getGroup", []string{"long"}, calls.CallLine},
		{"7.4 against 6.2", "6.2", group7, "getGroup", []string{"long"}, calls.CallLine},
		{"map form against 7.3", "7.3", staging7, "publishStagingRequest", []string{"long", "boolean", javaMap}, calls.CallLine},
		{"fetchByClassNameId against 6.2", "6.2", names7, "fetchByClassNameId", []string{"long"}, calls.CallLine},
		{"fetchByClassNameId of 6.2's package", "6.2", "com.liferay.portal.service.ClassNameServiceUtil", "fetchByClassNameId", []string{"long"}, calls.CallUnknown},
		{"fetchByClassNameId of the local service", "7.4", "com.liferay.portal.kernel.service.ClassNameLocalServiceUtil", "fetchByClassNameId", []string{"long"}, calls.CallUnknown},
		{"fetchByClassNameId of another service", "7.4", group7, "fetchByClassNameId", []string{"long"}, calls.CallUnknown},
		{"fetchByClassNameId of a boxed number", "7.4", names7, "fetchByClassNameId", []string{"java.lang.Long"}, calls.CallUnknown},
		{"fetchClassName", "7.4", names7, "fetchClassName", []string{javaString}, calls.CallUnknown},
		{"another method of the class names", "7.4", names7, "getClassName", []string{"long"}, calls.CallUnknown},
		{"hasRemoteLayout against 7.0", "7.0", staging7, "hasRemoteLayout", []string{javaString, "long", "boolean"}, calls.CallLine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, refusal := preset(t, tt.line).Match(tt.service, tt.method, tt.parameters)
			if r != nil || refusal == nil || refusal.Reason != tt.want {
				t.Fatalf("got rule %v, refusal %v, want %s", r, refusal, tt.want)
			}
			checkRefusal(t, refusal)
		})
	}
}

func TestMatchRefusalIsBoundedAndPrintable(t *testing.T) {
	long := strings.Repeat("x\n\x1b[31m", 100_000)
	parameters := make([]string, 10_000)
	for i := range parameters {
		parameters[i] = long
	}
	_, refusal := preset(t, "7.4").Match(long, long, parameters)
	if n := len(refusal.Msg) + len(refusal.Detail); n > 2000 {
		t.Errorf("message and detail have %d bytes", n)
	}
	checkRefusal(t, refusal)
}

func TestZeroPresetMatchesNothing(t *testing.T) {
	var p calls.Preset
	for _, v := range vendorCalls(t) {
		if r, refusal := p.Match(v.Service, v.Method, v.Parameters); r != nil || refusal == nil {
			t.Errorf("%s: got %v, %v", v.key(), r, refusal)
		}
	}
	if p.Part() != nil || len(p.Rules()) != 0 {
		t.Error("the zero preset has rules")
	}
}

func TestPartIsTheOnlyCallWithBytes(t *testing.T) {
	for _, line := range calls.Lines() {
		p := preset(t, line)
		for _, r := range p.Rules() {
			if slices.Contains(r.Parameters, "[B") != (r == p.Part()) {
				t.Errorf("line %s: %s: part is %s", line, r.Signature(), p.Part().Signature())
			}
		}
	}
}

// TestMatchRandom mutates calls of the vendor in one place: whatever is not in the line's list,
// byte for byte, is refused.
func TestMatchRandom(t *testing.T) {
	vendor := vendorCalls(t)
	presets := map[string]*calls.Preset{}
	allowed := map[string]map[string]bool{}
	for _, line := range calls.Lines() {
		presets[line], allowed[line] = preset(t, line), map[string]bool{}
		for _, r := range presets[line].Rules() {
			allowed[line][fmt.Sprintf("%q %q %q", r.Service, r.Method, r.Parameters)] = true
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom(calls.Lines()).Draw(t, "line")
		v := rapid.SampledFrom(vendor).Draw(t, "call")
		w := rapid.SampledFrom(vendor).Draw(t, "other")
		v.Parameters = slices.Clone(v.Parameters)
		mutate(t, &v, w)
		r, refusal := presets[line].Match(v.Service, v.Method, v.Parameters)
		legal := allowed[line][fmt.Sprintf("%q %q %q", v.Service, v.Method, v.Parameters)]
		if legal != (r != nil) || legal == (refusal != nil) {
			t.Fatalf("line %s, %s: rule %v, refusal %v, legal %v", line, v.key(), r, refusal, legal)
		}
	})
}

func mutate(t *rapid.T, v *vendorCall, w vendorCall) {
	s := rapid.String().Draw(t, "string")
	i := rapid.IntRange(0, 8).Draw(t, "mutation")
	switch i {
	case 0:
		v.Service = s
	case 1:
		v.Method = s
	case 2:
		v.Service += s
	case 3:
		v.Method += s
	case 4:
		v.Service = w.Service
	case 5:
		v.Method = w.Method
	case 6:
		v.Parameters = w.Parameters
	case 7:
		v.Parameters = append(v.Parameters, s)
	}
}
