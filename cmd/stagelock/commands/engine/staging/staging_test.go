package staging_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// engine notes what commands ask of it, and answers what the test says.
type engine struct {
	url, token string
	name       string         // of the command that was asked last
	in         map[string]any // its input
	asked      int
	answer     string
	status     int
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{answer: "{}", status: http.StatusOK, token: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(e.token, []byte("t0ken"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.name, e.in = strings.TrimPrefix(r.URL.Path, "/v1/"), map[string]any{}
		e.asked++
		b, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(b, &e.in) != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		w.WriteHeader(e.status)
		fmt.Fprint(w, e.answer)
	}))
	t.Cleanup(s.Close)
	e.url = s.URL
	return e
}

// run runs a command about staging.
func (e *engine) run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, er bytes.Buffer
	t.Setenv("STAGELOCK_ENGINE", e.url)
	t.Setenv("STAGELOCK_TOKEN_FILE", e.token)
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &er, Now: time.Now}
	code = commands.Run(t.Context(), sh, append([]string{"stagelock", "staging"}, args...))
	return code, o.String(), er.String()
}

// input is what a command should have sent, written as JSON.
func input(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// has reports whether got has everything that is in want, and what it lacks.
func has(got, want any) (bool, string) {
	w, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(got, want), fmt.Sprintf("%v, want %v", got, want)
	}
	g, _ := got.(map[string]any)
	for k, v := range w {
		if ok, why := has(g[k], v); !ok {
			return false, k + ": " + why
		}
	}
	return true, ""
}

const published = `{"id":9,"site":7,"state":"succeeded","outcome":{"items":{"page":2,"article":1},"deletions":3,"bytes":2048,"parts":2}}`

// What each command asks of the engine, from its flags and operands.
func TestWhatCommandsAsk(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		args         []string
		command      string
		in           string
		out          string // a part of what is printed
	}{
		{"status", `{"site":7,"connection":{"address":"live","port":443,"secure":true,"path_context":"/cms","site":8,"types":["pages"]},"login":"joe","since":"2026-01-02T03:04:05Z"}`,
			[]string{"status", "--site", "7"}, "staging.status", `{"site":7}`, "https://live port 443/cms"},
		{"status of versions", `{"connection":{"address":"live","version_public":true,"version_private":true}}`,
			[]string{"status", "--site", "7"}, "staging.status", `{"site":7}`, "private pages"},
		{"enable", `{"connection":{"address":"live"}}`,
			[]string{"enable", "--site", "7", "--as", "joe", "--remote-host", "live", "--remote-port", "8443", "--remote-path-context", "/cms", "--remote-site", "8",
				"--secure", "--remote-url", "https://www.example.com", "--page-versioning", "public", "--type", "pages", "--type", "documents"}, "staging.enable",
			`{"site":7,"login":"joe","connection":{"address":"live","port":8443,"path_context":"/cms","site":8,"secure":true,"remote_url":"https://www.example.com",
				"types":["pages","documents"],"version_public":true}}`, "Staging is enabled for site 7"},
		{"disable", `{}`, []string{"disable", "--site", "7", "--as", "joe"}, "staging.disable", `{"site":7,"login":"joe"}`, "Staging is disabled for site 7"},
		{"disable by force", `{}`, []string{"disable", "--site", "7", "--as", "joe", "--force"}, "staging.disable", `{"force":true}`, "disabled"},
		{"publish", published, []string{"publish", "--site", "7", "--as", "joe"}, "staging.publish", `{"site":7,"login":"joe"}`,
			"Published site 7: 1 article, 2 pages, 3 deletions; "},
		{"publish nothing new", `{"id":9,"site":7,"state":"succeeded"}`, []string{"publish", "--site", "7", "--as", "joe"}, "staging.publish", `{}`, "nothing new"},
		{"relaunch", published, []string{"relaunch", "--as", "joe", "5"}, "staging.relaunch", `{"id":5,"login":"joe"}`, "(publish 9)"},
		{"schedule", `{"id":4,"site":7,"next":"2026-01-02T03:00:00Z"}`, []string{"schedule", "--site", "7", "--as", "joe", "--zone", "Europe/Berlin",
			"--start", "2026-12-24T00:00:00Z", "--until", "2026-12-31T00:00:00Z", "0 3 * * *"}, "staging.schedule",
			`{"site":7,"login":"joe","cron":"0 3 * * *","zone":"Europe/Berlin","start":"2026-12-24T00:00:00Z","until":"2026-12-31T00:00:00Z"}`,
			"Schedule 4 publishes site 7, next at 2026-01-02"},
		{"a schedule in UTC", `{}`, []string{"schedule", "--site", "7", "--as", "joe", "@daily"}, "staging.schedule", `{"zone":"UTC","cron":"@daily"}`, "Schedule"},
		{"schedules", `[{"id":4,"cron":"0 3 * * *","zone":"UTC","login":"joe","options":{"name":"nightly"}}]`, []string{"list-schedules", "--site", "7"},
			"staging.schedules", `{"site":7}`, "nightly"},
		{"unschedule", `{}`, []string{"unschedule", "4"}, "staging.unschedule", `{"id":4}`, "Schedule 4 is ended"},
		{"history", `[{"id":9,"state":"failed","login":"joe","schedule":4,"options":{"name":"n"},"outcome":{"message":"live is down"}}]`,
			[]string{"history", "--site", "7"}, "staging.history", `{"site":7}`, "joe, schedule 4"},
		{"history of one that runs", `[{"id":9,"state":"running","login":"joe","progress":{"stage":"export"}}]`, []string{"history", "--site", "7"},
			"staging.history", `{"site":7}`, "export"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t)
			e.answer = tt.answer
			code, out, errs := e.run(t, tt.args...)
			if code != 0 || e.name != tt.command || e.asked != 1 || !strings.Contains(out, tt.out) {
				t.Errorf("exit %d, asked %q %d times\n%s%s\nwant %q of %s", code, e.name, e.asked, out, errs, tt.out, tt.command)
			}
			if ok, why := has(e.in, input(t, tt.in)); !ok {
				t.Errorf("it sent %v: %s", e.in, why)
			}
		})
	}
}

// What a publish takes is the same for one now and for a schedule.
func TestSelections(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		in   string
	}{
		{"a name", []string{"--name", "n"}, `{"name":"n"}`}, {"private pages", []string{"--private"}, `{"private":true}`},
		{"a variation", []string{"--variation", "v"}, `{"variation":"v"}`}, {"since the last", []string{"--since-last"}, `{"since_last_publish":true}`},
		{"from and to", []string{"--from", "2026-01-31T00:00:00Z", "--to", "2026-02-01T01:02:03+01:00"}, `{"from":"2026-01-31T00:00:00Z","to":"2026-02-01T01:02:03+01:00"}`},
		{"types", []string{"--type", "pages", "--type", "tags"}, `{"types":["pages","tags"]}`},
		{"pages", []string{"--page", "u1", "--page", "u2"}, `{"pages":["u1","u2"]}`},
		{"an application", []string{"--portlet", "p", "--onto", "u"}, `{"portlet":"p","onto":"u"}`}, {"no deletions", []string{"--no-deletions"}, `{"no_deletions":true}`},
	} {
		for _, command := range [][]string{{"publish"}, {"schedule"}} {
			t.Run(command[0]+" of "+tt.name, func(t *testing.T) {
				e := newEngine(t)
				e.answer = `{"state":"succeeded"}`
				args := append(append(command, "--site", "7", "--as", "joe"), tt.args...)
				if command[0] == "schedule" {
					args = append(args, "0 3 * * *")
				}
				code, out, errs := e.run(t, args...)
				options, _ := e.in["options"].(map[string]any)
				if ok, why := has(options, input(t, tt.in)); code != 0 || !ok {
					t.Errorf("exit %d: %s%s: it sent %v: %s", code, out, errs, e.in, why)
				}
			})
		}
	}
}

// What is misused is said before anything is asked of the engine.
func TestMisuse(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		says string
	}{
		{"no site", []string{"status"}, "status needs --site, the id of a site"}, {"no login", []string{"publish", "--site", "7"}, "publish needs --as or STAGELOCK_LOGIN"},
		{"no login to disable", []string{"disable", "--site", "7"}, "disable needs --as"}, {"no site to enable", []string{"enable", "--as", "joe"}, "enable needs --site"},
		{"versions of other pages", []string{"enable", "--site", "7", "--as", "joe", "--page-versioning", "all"}, "want public or private"},
		{"a time that is none", []string{"publish", "--site", "7", "--as", "joe", "--from", "yesterday"}, "--from yesterday: want a time such as 2026-01-31T00:00:00Z"},
		{"a time without a zone", []string{"publish", "--site", "7", "--as", "joe", "--to", "2026-01-31T00:00:00"}, "--to 2026-01-31T00:00:00: want a time"},
		{"an application without an id", []string{"publish", "--site", "7", "--as", "joe", "--portlet", ""}, "--portlet is empty: leave it out to publish without it"},
		{"a beginning without a time", []string{"publish", "--site", "7", "--as", "joe", "--from", ""}, "--from is empty"},
		{"an end without a time", []string{"schedule", "--site", "7", "--as", "joe", "--to=", "@daily"}, "--to is empty"},
		{"a variation without a name", []string{"publish", "--site", "7", "--as", "joe", "--variation", ""}, "--variation is empty"},
		{"a page without a uuid", []string{"publish", "--site", "7", "--as", "joe", "--portlet", "p", "--onto", ""}, "--onto is empty"},
		{"an item without a kind", []string{"publish", "--site", "7", "--as", "joe", "--item", "abc"}, "--item abc: want KIND:UUID; the kinds are "},
		{"an item of no kind", []string{"publish", "--site", "7", "--as", "joe", "--item", "thing:abc"}, "--item thing:abc: want KIND:UUID"},
		{"no plan of a schedule", []string{"schedule", "--site", "7", "--as", "joe"}, "schedule needs CRON, such as"},
		{"a plan that was not quoted", []string{"schedule", "--site", "7", "--as", "joe", "0", "3", "*", "*", "*"}, `schedule does not know what to do with "3"`},
		{"a start that is none", []string{"schedule", "--site", "7", "--as", "joe", "--start", "soon", "@daily"}, "--start soon"},
		{"an end that is none", []string{"schedule", "--site", "7", "--as", "joe", "--until", "late", "@daily"}, "--until late"},
		{"a schedule that is no number", []string{"unschedule", "4th"}, `"4th" is no id`}, {"no schedule", []string{"unschedule"}, "needs the ID of a schedule"},
		{"a publish that is no number", []string{"relaunch", "-"}, `"-" is no id`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t)
			code, out, errs := e.run(t, tt.args...)
			if code != 64 || !strings.Contains(errs, tt.says) || out != "" || e.asked > 0 {
				t.Errorf("exit %d, asked %d times: %s%s, want %q", code, e.asked, out, errs, tt.says)
			}
		})
	}
}

// What came of a publish that failed, or succeeded with warnings.
func TestEndsOfAPublish(t *testing.T) {
	publish := []string{"publish", "--site", "7", "--as", "joe"}
	for _, tt := range []struct {
		name, answer string
		fails        bool
		says         []string
	}{
		{"it failed", `{"id":9,"site":7,"state":"failed","outcome":{"message":"the site is locked","cure":"unlock it"}}`, true,
			[]string{"publish 9 of site 7 failed: the site is locked", "unlock it"}},
		{"live lacks something", `{"id":9,"site":7,"state":"failed","outcome":{"message":"references are missing","missing_references":["document logo.png"]}}`, true,
			[]string{"references are missing", "document logo.png"}},
		{"it succeeded with a warning", `{"site":7,"state":"succeeded","outcome":{"warnings":["a page was renamed"],"weak_references":["a tag is missing"]}}`, false,
			[]string{"stagelock: warning: a page was renamed", "stagelock: warning: a tag is missing"}},
		{"a warning that would act on a terminal", `{"site":7,"state":"succeeded","outcome":{"warnings":["a\u001b[2Jb"]}}`, false, []string{"stagelock: warning: a"}},
		{"it ran, and ended", `{"state":"running","progress":{"stage":"export"}}` + "\n" + `{"id":9,"site":7,"state":"failed","outcome":{"message":"cut"}}`, true, []string{"cut"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t)
			e.answer = tt.answer
			code, out, errs := e.run(t, publish...)
			if (code != 0) != tt.fails || strings.Contains(out+errs, "\x1b") {
				t.Errorf("exit %d: %q %q", code, out, errs)
			}
			for _, want := range tt.says {
				if !strings.Contains(errs, want) {
					t.Errorf("%q lacks %q", errs, want)
				}
			}
		})
	}
}

// What a publish failed by is in the exit code, as of every other command.
func TestExitCodesOfAPublish(t *testing.T) {
	for outcome, want := range map[string]int{
		`{"message":"m","code":"no-connection"}`: 69, `{"message":"m","kind":"unreachable"}`: 69, `{"message":"m","kind":"tls"}`: 69,
		`{"message":"m","code":"no-authentication"}`: 77, `{"message":"m","code":"no-remote-permission"}`: 77, `{"message":"m","kind":"denied"}`: 77,
		`{"message":"m","kind":"refused"}`: 77, `{"message":"m","kind":"interrupted"}`: 75, `{"message":"m","kind":"unavailable"}`: 75,
		`{"message":"m","kind":"uncertain"}`: 3, `{"message":"m","kind":"exception"}`: 65, `{"message":"m","code":"not-on-live"}`: 65,
		`{"message":"m","missing_references":["document a"]}`: 65, `{"message":"m"}`: 65,
	} {
		e := newEngine(t)
		e.answer = `{"id":9,"site":7,"state":"failed","outcome":` + outcome + `}`
		if code, out, errs := e.run(t, "publish", "--site", "7", "--as", "joe"); code != want || !strings.Contains(errs, "publish 9 of site 7 failed: m") {
			t.Errorf("%s: exit %d, want %d: %s%s", outcome, code, want, out, errs)
		}
	}
}

// An engine that is gone while it publishes has begun something: that is not as if there were none.
func TestAnEngineThatIsLostOnTheWay(t *testing.T) {
	e := newEngine(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"id":9,"site":7,"state":"running","progress":{"stage":"export"}}`)
		_ = http.NewResponseController(w).Flush() // the next line fails then
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(s.Close)
	e.url = s.URL
	for _, args := range [][]string{{"publish", "--site", "7", "--as", "joe"}, {"relaunch", "5"}} {
		code, out, errs := e.run(t, args...)
		if code != 3 || out != "" || !strings.Contains(errs, "the engine was lost in publish 9 of site 7") || !strings.Contains(errs, "stagelock staging history") {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errs)
		}
		code, out, errs = e.run(t, append(args, "--json")...)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 3 || errs != "" || !strings.HasPrefix(lines[len(lines)-1], `{"ok":false,"exit":3,"kind":"uncertain"`) {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errs)
		}
	}
}

// Scripts get JSON, in which nothing is lost, and warnings beside it.
func TestJSONForScripts(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		args         []string
		want         string
	}{
		{"status", `{"site":7,"login":"joe"}`, []string{"status", "--json", "--site", "7"}, `{"site":7,"login":"joe"}`},
		{"enable", `{"site":7,"login":"joe"}`, []string{"enable", "--json", "--site", "7", "--as", "joe"}, `{"site":7}`},
		{"disable", `{"warning":"live may stay locked"}`, []string{"disable", "--json", "--site", "7", "--as", "joe"}, `{"warning":"live may stay locked"}`},
		{"publish", published, []string{"publish", "--json", "--site", "7", "--as", "joe"}, `{"id":9,"state":"succeeded"}`},
		{"schedule", `{"id":4}`, []string{"schedule", "--json", "--site", "7", "--as", "joe", "@daily"}, `{"id":4}`},
		{"unschedule", `{}`, []string{"unschedule", "--json", "4"}, `{"id":4}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t)
			e.answer = tt.answer
			code, out, errs := e.run(t, tt.args...)
			var got map[string]any
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
				t.Fatalf("exit %d: %q %q: %v", code, out, errs, err)
			}
			if ok, why := has(got, input(t, tt.want)); !ok {
				t.Errorf("%s: %s", out, why)
			}
		})
	}
}

// A site whose live side cannot be told stays locked there: who turns staging off is told how to unlock it.
func TestALockThatStaysIsTold(t *testing.T) {
	e := newEngine(t)
	e.answer = `{"warning":"live cannot be reached; its site may stay locked"}`
	code, out, errs := e.run(t, "disable", "--site", "7", "--as", "joe", "--force")
	if code != 0 || !strings.Contains(errs, "stay locked") || !strings.Contains(errs, "on live: stagelock site unlock") || !strings.Contains(out, "disabled") {
		t.Errorf("exit %d: %q %q", code, out, errs)
	}
	e.answer = `{"warning":"something else"}`
	if _, _, errs := e.run(t, "disable", "--site", "7", "--as", "joe"); strings.Contains(errs, "unlock") {
		t.Errorf("%q", errs)
	}
}

// An engine that refuses says why and what to do, and nothing is printed as if it had worked.
func TestARefusalOfTheEngine(t *testing.T) {
	for _, args := range [][]string{
		{"status", "--site", "7"}, {"enable", "--site", "7", "--as", "joe"}, {"disable", "--site", "7", "--as", "joe"}, {"publish", "--site", "7", "--as", "joe"},
		{"schedule", "--site", "7", "--as", "joe", "@daily"}, {"list-schedules", "--site", "7"}, {"unschedule", "4"}, {"history", "--site", "7"}, {"relaunch", "5"},
	} {
		t.Run(args[0], func(t *testing.T) {
			e := newEngine(t)
			e.status, e.answer = http.StatusConflict, `{"code":"x","message":"not now","cure":"try tomorrow"}`
			code, out, errs := e.run(t, args...)
			if code != 65 || out != "" || !strings.Contains(errs, "not now") || !strings.Contains(errs, "try tomorrow") {
				t.Errorf("exit %d: %q %q", code, out, errs)
			}
		})
	}
}
