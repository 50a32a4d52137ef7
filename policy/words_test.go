package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy"
)

// TestAnswersInFull has the status and the words of every answer: clients and documents rely on both.
func TestAnswersInFull(t *testing.T) {
	for _, tt := range []struct {
		answer policy.Answer
		status int
		text   string
	}{
		{policy.NoAnswer, 0, "none"},
		{policy.Void, 200, "200, void"},
		{policy.Exception, 200, "200, PortalException: nothing was carried out"},
		{policy.AuthException, 200, "200, RemoteAuthException"},
		{policy.BadRequest, 400, "400, close"},
		{policy.Forbidden, 403, "403"},
		{policy.NotFound, 404, "404"},
		{policy.BadMethod, 405, "405"},
		{policy.NoLength, 411, "411"},
		{policy.TooLarge, 413, "413"},
		{policy.TryAgain, 503, "503, Retry-After: nothing was carried out"},
		{policy.Repeated, 200, "200, the answer to the first of equal calls"},
		{policy.LateException, 200, "200, PortalException: the call may have been carried out"},
		{policy.Result, 200, "200, Result with the words: nothing was carried out"},
		{policy.LateResult, 200, "200, Result: the task may have been carried out"},
		{policy.LateResult + 1, 0, "none"},
		{255, 0, "none"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			if tt.answer.Status() != tt.status || tt.answer.String() != tt.text {
				t.Errorf("answer %d: %d, %q; want %d, %q", tt.answer, tt.answer.Status(), tt.answer, tt.status, tt.text)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[policy.Level]string{policy.Warn: "warning", policy.Info: "info", policy.Error: "error", 3: "warning", 255: "warning"} {
		if level.String() != want {
			t.Errorf("level %d is %q, want %q", level, level, want)
		}
	}
}

func TestFamilies(t *testing.T) {
	for code, want := range map[string]string{"site.denied": "site", "a.b.c": "a", "none": "none", "": "", ".x": "", "x.": "x"} {
		if got := (policy.Reason{Code: code}).Family(); got != want {
			t.Errorf("%q is of %q, want %q", code, got, want)
		}
	}
}

func TestWhatACallerIsTold(t *testing.T) {
	for _, tt := range []struct{ name, code, msg, want string }{
		{"a reason", "host.denied", "10.0.0.1 is not allowed",
			"10.0.0.1 is not allowed; add the address to hosts.allow; behind a balancer, add the balancer to the trusted proxies instead"},
		{"none", "", "x", "x"},
		{"one that nobody knows", "made.up", "x", "x"},
		{"another case", "HOST.DENIED", "x", "x"},
		{"a family", "host", "x", "x"},
		{"no words of its own", "task.stale", "", "; set the clocks of both machines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := policy.Tell(tt.code, tt.msg); got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
	for _, r := range policy.Reasons() {
		if got := policy.Tell(r.Code, "x"); got != "x; "+r.Cure {
			t.Errorf("%s tells %q", r.Code, got)
		}
	}
}

func TestFindingsInOneLine(t *testing.T) {
	for want, f := range map[string]policy.Finding{
		"a: b": {Msg: "a", Cure: "b"}, ": ": {}, "w: c": {Msg: "w", Cure: "c", Warning: true},
	} {
		if f.String() != want {
			t.Errorf("%+v is %q", f, f)
		}
	}
}

// TestWhatIsRefusedBeforeTheEngineNeverSaysThatItMayHaveRun: whoever reads "may have been carried out" looks
// into the live server, and whoever reads that nothing was publishes again.
func TestWhatIsRefusedBeforeTheEngineNeverSaysThatItMayHaveRun(t *testing.T) {
	before := []string{"proxy", "hello", "peer", "host", "quota", "path", "secret", "http", "stream", "site"}
	seen := map[string]bool{}
	for _, r := range policy.Reasons() {
		seen[r.Family()] = true
		if !slices.Contains(before, r.Family()) {
			continue
		}
		if r.Late || strings.Contains(r.Answer.String(), "may have") {
			t.Errorf("%s: late %t, %s", r.Code, r.Late, r.Answer)
		}
	}
	for _, f := range before {
		if !seen[f] {
			t.Errorf("there is no family %s", f)
		}
	}
}

// TestAnswersOfReasonsThatClientsKnow: what a vendor's client, a balancer or a document was written for.
func TestAnswersOfReasonsThatClientsKnow(t *testing.T) {
	for code, want := range map[string]policy.Answer{
		"host.denied": policy.Forbidden, "path.unknown": policy.NotFound, "path.noncanonical": policy.NotFound, "secret.absent": policy.AuthException,
		"secret.wrong": policy.AuthException, "quota.rate": policy.Exception, "store.unwritable": policy.TryAgain, "gateway.draining": policy.TryAgain,
		"gateway.fault": policy.TryAgain, "http.method": policy.BadMethod, "http.no-length": policy.NoLength, "http.chunked": policy.NoLength,
		"http.too-large": policy.TooLarge, "http.request-line": policy.BadRequest, "stream.class": policy.Exception, "task.credentials": policy.BadRequest,
		"task.replay": policy.BadRequest, "task.echo": policy.Void, "task.lost": policy.LateResult, "task.denied": policy.Result,
	} {
		r, ok := policy.ReasonOf(code)
		if !ok || r.Answer != want {
			t.Errorf("%s is answered %v, want %v", code, r.Answer, want)
		}
	}
}

// TestWhatIsNoDenialIsNotLoud, and what somebody must act upon is.
func TestWhatIsNoDenialIsNotLoud(t *testing.T) {
	for code, want := range map[string]policy.Level{
		"gateway.draining": policy.Info, "task.echo": policy.Info, "store.unwritable": policy.Error, "gateway.lease": policy.Error,
		"gateway.fault": policy.Error, "task.empty-secret": policy.Error, "task.no-password": policy.Error, "task.path": policy.Error,
		"host.denied": policy.Warn, "secret.wrong": policy.Warn, "stream.class": policy.Warn,
	} {
		if r, ok := policy.ReasonOf(code); !ok || r.Level != want {
			t.Errorf("%s is %v, want %v", code, r.Level, want)
		}
	}
}

// TestPreAuthenticationAnswersTellNothing: whoever has not proved who he is learns no state of the gateway.
func TestPreAuthenticationAnswersTellNothing(t *testing.T) {
	plain := []policy.Answer{policy.BadRequest, policy.Forbidden, policy.NotFound, policy.BadMethod, policy.NoLength, policy.TooLarge}
	for _, r := range policy.Reasons() {
		if f := r.Family(); f != "http" && f != "host" && f != "path" {
			continue
		}
		if !slices.Contains(plain, r.Answer) {
			t.Errorf("%s is answered %s", r.Code, r.Answer)
		}
	}
}
