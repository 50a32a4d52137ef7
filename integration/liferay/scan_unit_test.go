package liferay_test

import (
	"slices"
	"testing"

	"github.com/stagelock/stagelock/policy/calls"
)

// What the program prints, as it prints it.
const printed = "" +
	"call\t7.3\tcom.liferay.portal.kernel.service.GroupService#checkRemoteStagingGroup(long)\tG.g()\ta-1, a-2\tX.x\n" +
	"call\t7.4.3.51\tcom.liferay.portal.kernel.service.UserServiceUtil#getUserById(long)\tU.u()\ta-1\tdead: nothing calls it\n" +
	"call\t6.2\tcom.liferay.portal.service.StagingServiceUtil#updateStagingRequest(long, java.lang.String, [B)\tS.s()\ta-1\tX.x\n" +
	"unread\t7.1\tStaging.transferFileToRemoteLive(File, long, HttpPrincipal)\tS.s()\ta-1\t\n"

func TestFoundCallsAgainstPresets(t *testing.T) {
	all := parse(t, printed)
	want := []struct {
		line, brief string
		passes      bool
	}{
		{"7.3", "GroupService#checkRemoteStagingGroup(long)", true},
		{"7.4", "UserServiceUtil#getUserById(long)", false},
		{"6.2", "StagingServiceUtil#updateStagingRequest(long, String, byte[])", true},
	}
	for i, w := range want {
		f := all["call"][i]
		if f.line() != w.line || brief(f.call) != w.brief || passes(t, f) != w.passes {
			t.Errorf("%s %s passes %t, want %+v", f.line(), brief(f.call), passes(t, f), w)
		}
	}
	if n := len(all["unread"]); n != 1 {
		t.Errorf("%d rows of what is not read, want 1", n)
	}
}

// A preset that no jar has is found, and so is one that nothing makes.
func TestPresetsWithoutFoundCalls(t *testing.T) {
	known := signatures(parse(t, printed)["call"])
	var left []string
	eachRule(t, known, func(line string, r *calls.Rule) { left = append(left, line+" "+brief(r.Signature())) })
	if slices.Contains(left, "7.3 GroupService#checkRemoteStagingGroup(long)") ||
		!slices.Contains(left, "7.3 GroupServiceUtil#getGroup(long)") {
		t.Errorf("left without a found call: %q", left)
	}
}

func TestReasonsAreOfKnownLines(t *testing.T) {
	for _, r := range slices.Concat(madeButRefused, noCaller, notRead, unread) {
		for _, line := range r.lines {
			if !slices.Contains(calls.Lines(), line) || r.why == "" {
				t.Errorf("%v: line %q, reason %q", r.of, line, r.why)
			}
		}
	}
	used := map[string]bool{}
	if reasonFor(notRead, used, "6.2", "Staging.transferFileToRemoteLive") != "" || len(used) > 0 {
		t.Error("a reason of other lines holds for 6.2")
	}
	if len(needless(used, notRead)) != 5 {
		t.Errorf("needless: %q, want all five", needless(used, notRead))
	}
}
