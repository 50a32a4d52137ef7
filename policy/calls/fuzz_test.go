package calls_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/calls"
)

// FuzzPartName holds the matcher of part names against the regular expression.
func FuzzPartName(f *testing.F) {
	for _, row := range partRows {
		w := row.legal()
		row.change(w)
		if name, ok := w.call.Args[1].(string); ok {
			f.Add(name)
		}
	}
	r := preset(f, "7.4").Part()
	f.Fuzz(func(t *testing.T, name string) {
		w := updatePart()
		w.call.Args[1] = name
		_, refusal := r.Judge(w.call, w.peer, w.known)
		want := partPattern.MatchString(name) && !assembledName.MatchString(name)
		if want != (refusal == nil) {
			t.Fatalf("part name %q: %v, want legal %v", name, refusal, want)
		}
		if refusal != nil {
			checkRefusal(t, refusal)
		}
	})
}

// FuzzPartWidth holds the comparison of two part names against the regular expression.
func FuzzPartWidth(f *testing.F) {
	f.Add("x.zip00", "x.zip01")
	f.Add("x.zip00", "x.zip001")
	f.Add("1700", "x.lar00")
	r := preset(f, "7.4").Part()
	f.Fuzz(func(t *testing.T, name, other string) {
		w := updatePart()
		w.call.Args[1] = name
		w.known.Request.Others = calls.Parts{Width: len(endDigits.FindString(other)), Bytes: 1}
		_, refusal := r.Judge(w.call, w.peer, w.known)
		legal := partPattern.MatchString(name) && !assembledName.MatchString(name)
		same := len(endDigits.FindString(name)) == len(endDigits.FindString(other))
		if (refusal == nil) != (legal && (same || endDigits.FindString(other) == "")) {
			t.Fatalf("part %q after %q: %v", name, other, refusal)
		}
	})
}

// FuzzPortletKey holds the matcher of portlet keys against the regular expression.
func FuzzPortletKey(f *testing.F) {
	for _, key := range []string{"staged-portlet_15", "staged-portlet_", "staged-portlet_x\n", "stagedRemotely", "staged-portlet_a.b$C-1"} {
		f.Add(key, "true")
	}
	f.Add("staged-portlet_15", "false\n")
	r := rule(f, "7.4", group7, "updateStagedPortlets", "long", javaMap)
	f.Fuzz(func(t *testing.T, key, value string) {
		w := portlets()
		w.call.Args[1] = map[string]any{key: value}
		_, refusal := r.Judge(w.call, w.peer, w.known)
		want := portletPattern.MatchString(key) && (value == "true" || value == "false")
		if want != (refusal == nil) {
			t.Fatalf("%q = %q: %v, want legal %v", key, value, refusal, want)
		}
		if refusal == nil && strings.ContainsAny(key+value, "\r\n=\\") {
			t.Fatalf("%q = %q would write a second setting", key, value)
		}
	})
}

// FuzzChecksum holds the matcher of checksums against the regular expression.
func FuzzChecksum(f *testing.F) {
	f.Add(checksum)
	f.Add(strings.ToUpper(checksum))
	f.Add("")
	r := rule(f, "7.4", staging7, "createStagingRequest", "long", javaString)
	f.Fuzz(func(t *testing.T, sum string) {
		w := create()
		w.call.Args[1] = sum
		if d, refusal := r.Judge(w.call, w.peer, w.known); checksumPattern.MatchString(sum) != (d == calls.Forward) {
			t.Fatalf("checksum %q: %v, %v", sum, d, refusal)
		}
	})
}

// FuzzMatch: whatever is matched was asked for, byte for byte.
func FuzzMatch(f *testing.F) {
	f.Add("7.4", group7, "getGroup", "long")
	f.Add("6.2", staging62, "cleanUpStagingRequest", "long")
	f.Add("7.4", staging7, "enableLocalStaging", "long,boolean,boolean,"+context)
	presets := map[string]*calls.Preset{}
	for _, line := range calls.Lines() {
		presets[line] = preset(f, line)
	}
	f.Fuzz(func(t *testing.T, line, service, method, parameters string) {
		p := presets[line]
		if p == nil {
			p = new(calls.Preset)
		}
		r, refusal := p.Match(service, method, strings.Split(parameters, ","))
		if (r == nil) == (refusal == nil) {
			t.Fatalf("got %v and %v", r, refusal)
		}
		if refusal != nil {
			checkRefusal(t, refusal)
			return
		}
		if r.Signature() != service+"#"+method+"("+parameters+")" {
			t.Fatalf("asked for %s#%s(%s), got %s", service, method, parameters, r.Signature())
		}
	})
}
