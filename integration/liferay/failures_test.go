package liferay_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// failure is a way in which a publish does not work, and what its administrator does about it.
type failure struct {
	words, cure string
	front       func(fronts) *harness.Gateway // nil: the usual one
	fault       fault
	command     fields // nil: checkRemoteStagingGroup
}

// part is an update large enough for its content to be on its way while it is validated.
func part(id int64) fields {
	return fields{"method": "updateStagingRequest", "args": []any{id, "a.lar00", fields{"$": "byte[]", "length": 3 << 20}}}
}

var check = fields{"method": "checkRemoteStagingGroup", "args": []any{site}}

var failures = []failure{
	{"wrong secret", "Compare `tunneling.servlet.shared.secret`, its encryption algorithm and `….hex` on the staging server with the peer's secret " +
		"in the gateway's configuration.",
		func(f fronts) *harness.Gateway { return f.secret }, 0, nil},
	{"the gateway has another secret than live", "The live operator compares `engine.upstream.secret` with live's `tunneling.servlet.shared.secret`.",
		func(f fronts) *harness.Gateway { return f.unknown }, 0, nil},
	{"a login that live does not know", "The user who publishes needs an account of the same name on live.", nil, 0,
		with(fields{"login": "nobody@example.com"}, check)},
	{"a login that the peer does not list", "The live operator adds the login to `logins:` of the peer, or publish as one that is listed.",
		func(f fronts) *harness.Gateway { return f.logins }, 0, nil},
	{"an address that is not allowed", "The live operator adds the staging server's address to `hosts.allow`; the gateway's log has the address that it saw.",
		func(f fronts) *harness.Gateway { return f.foreign }, 0, nil},
	{"a site that is not the peer's", "Correct the remote site id, or the live operator adds it to `sites:` of the peer.", nil, 0,
		fields{"method": "checkRemoteStagingGroup", "args": []any{other}}},
	{"a call that is not staging's", "Nothing: publishing does not need it.", nil, 0, nil},
	{"live cannot be reached", "Publish again later; nothing was carried out.", func(f fronts) *harness.Gateway { return f.unserved }, 0, nil},
	{"live goes away while a part is on its way", "Publish again; nothing of that part was carried out.",
		func(f fronts) *harness.Gateway { return f.broken }, diesAtHead, nil},
	{"live goes away after it has the whole call", "Look at the live site first: the call may have been carried out.",
		func(f fronts) *harness.Gateway { return f.broken }, diesAtEnd, fields{"method": "getGroup", "args": []any{site}}},
	{"live answers an empty 200 where a value is due", "It could not read the call, as with another version line, or its log says why not.",
		func(f fronts) *harness.Gateway { return f.broken }, answersNothing, fields{"method": "getGroup", "args": []any{site}}},
}

// fails brings each failure about and notes what the vendor's client throws.
func fails(t *testing.T, s *stage, sum *row) {
	s.reset()
	sum.thrown = map[string]string{}
	for _, f := range failures {
		sum.thrown[f.words] = s.fail(t, f)
		t.Logf("%-50s %s", f.words, sum.thrown[f.words])
	}
	must[outcome](s.client, "set", fields{"baseURL": s.gateway.URL})
}

func (s *stage) fail(t *testing.T, f failure) string {
	t.Helper()
	g, verb, command := s.gateway, "call", f.command
	if f.front != nil {
		g = f.front(s.fronts)
	}
	must[outcome](s.client, "set", fields{"baseURL": g.URL})
	s.faulty.set(f.fault)
	switch {
	case strings.HasPrefix(f.words, "a call"):
		verb, command = "hostile", fields{"name": "userService"}
	case f.fault == diesAtHead:
		command = part(s.requestAt(t))
		s.faulty.set(f.fault)
	case command == nil:
		command = check
	}
	a := do[outcome](s.client, verb, command)
	if a.OK {
		t.Errorf("%s: nothing was thrown", f.words)
		return "nothing"
	}
	return plain(a.Exception)
}

// requestAt creates a request at the faulty engine, which works for that long.
func (s *stage) requestAt(t *testing.T) int64 {
	t.Helper()
	s.faulty.set(answersID)
	a := must[struct {
		Result struct {
			V int64 `json:"v"`
		} `json:"result"`
	}](s.client, "call", fields{"method": "createStagingRequest", "args": []any{site, strings.Repeat("0", 32)}})
	return a.Result.V
}

var (
	reference = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	address   = regexp.MustCompile(`https://127\.0\.0\.1:\d+/`)
)

// plain is an exception as the publisher's log shows it, without what differs from run to run.
func plain(x *thrown) string {
	var parts []string
	for c := x; c != nil; c = c.Cause {
		text := short(c.Class)
		if c.text() != "" && !strings.Contains(strings.Join(parts, " "), c.text()) {
			text += ": " + c.text()
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts[:1], "")
	text = reference.ReplaceAllString(text, "…")
	text = regexp.MustCompile(`(com|java)\.[a-z.]+\.([A-Z])`).ReplaceAllString(text, "$2")
	return address.ReplaceAllString(text, "https://live.example.com/")
}

// failureTable says what the client throws and what to do.
func failureTable(rows []*row) string {
	var lines []cells
	for _, f := range failures {
		var all []said
		for _, r := range rows {
			if text := r.thrown[f.words]; text != "" {
				all = append(all, said{r.line, "`" + text + "`"})
			}
		}
		if len(all) == 0 {
			continue
		}
		lines = append(lines, cells{f.words, merge(all), f.cure})
	}
	return table([]string{"what is wrong", "what the publisher's CMS throws", "what to do"}, lines)
}
