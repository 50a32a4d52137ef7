package integration_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// scraped is one scrape of a gateway: samples with their labels as they are written.
type scraped struct {
	text    string
	samples map[string]float64
}

func scrape(t testing.TB, g *harness.Gateway) scraped {
	t.Helper()
	res, err := http.Get("http://" + g.Node.Status().Admin[0] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %v: %s", res.Status, err, b)
	}
	s := scraped{string(b), map[string]float64{}}
	for line := range strings.Lines(s.text) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			s.samples[line[:at]] = v
		}
	}
	return s
}

// sum adds up the samples of a metric whose labels hold all of those.
func (s scraped) sum(name string, labels ...string) (total float64) {
	for key, v := range s.samples {
		if key != name && !strings.HasPrefix(key, name+"{") {
			continue
		}
		if !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(key, l) }) {
			total += v
		}
	}
	return total
}

// metrics returns the names of the metrics of the gateway's own.
func (s scraped) metrics() []string {
	all := map[string]bool{}
	for line := range strings.Lines(s.text) {
		if name, ok := strings.CutPrefix(line, "# TYPE stagelock_"); ok {
			name, _, _ = strings.Cut(name, " ")
			all["stagelock_"+name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// busyGateway has seen one of everything: a publish, a refusal with and without the secret, a stranger
// over HTTP/2, a client that speaks no TLS, a refused reload.
func busyGateway(t *testing.T) scraped {
	t.Helper()
	v := newEnvironment(t, harness.EngineOptions{})
	v.publish(t, readFile(t, larFiles(t)[0]), 1<<20)
	if err := v.client(t, 1<<20, harness.Login).CheckRemoteStagingGroup(t.Context(), 999); err == nil {
		t.Fatal("a site of nobody passes")
	}
	res, err := http.Get("http://" + v.gateway.Addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	wrong := harness.NewKey(t, "another-secret-0")
	req, err := http.NewRequest(http.MethodPost, v.gateway.URL+"/api/liferay/do", bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", wrong.Authorization(harness.Login, false, false))
	h1 := &http.Client{Transport: &http.Transport{TLSClientConfig: v.gateway.TLS.Clone()}}
	if res, err = h1.Do(req); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	h2 := &http.Client{Transport: &http.Transport{TLSClientConfig: v.gateway.TLS.Clone(), ForceAttemptHTTP2: true}}
	if res, err = h2.Get("https://" + v.gateway.Addr + "/nothing"); err != nil || res.ProtoMajor != 2 {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	good := readFile(t, v.gateway.File)
	if err := os.WriteFile(v.gateway.File, append(good, []byte("nonsense: 1\n")...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.gateway.Node.Reload(t.Context()); err == nil {
		t.Fatal("a bad configuration is in use")
	}
	return scrape(t, v.gateway)
}

// What happened is in the metrics, each thing once.
func TestMetricsTellWhatHappened(t *testing.T) {
	m := busyGateway(t)
	for _, tt := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"stagelock_publishes_total", []string{`peer="staging"`, `result="ok"`}, 1},
		{"stagelock_publishes_total", []string{`result="failed"`}, 0},
		{"stagelock_publish_seconds_count", nil, 1},
		{"stagelock_publish_bytes_count", nil, 1},
		{"stagelock_publishes_running", nil, 0},
		{"stagelock_calls_total", []string{`method="createStagingRequest"`, `verdict="allow"`, `reason=""`}, 1},
		{"stagelock_calls_total", []string{`method="publishStagingRequest"`, `verdict="allow"`, `reason=""`}, 1},
		{"stagelock_calls_total", []string{`method="cleanUpStagingRequest"`, `verdict="allow"`}, 1},
		{"stagelock_calls_total", []string{`method="checkRemoteStagingGroup"`, `verdict="deny"`, `reason="site.denied"`, `peer="staging"`}, 1},
		{"stagelock_calls_total", []string{`verdict="deny"`, `reason="secret.wrong"`, `peer=""`}, 1},
		{"stagelock_calls_total", []string{`verdict="deny"`, `reason="path.unknown"`}, 1}, // over HTTP/2
		{"stagelock_call_seconds_count", []string{`method="publishStagingRequest"`, `phase="engine"`}, 1},
		{"stagelock_refused_connections_total", []string{`why="hello.plain"`}, 1},
		{"stagelock_store_seconds_count", []string{`op="request.create"`}, 1},
		{"stagelock_config_last_reload_successful", nil, 0},
		{"stagelock_ready", nil, 1}, {"stagelock_store_up", nil, 1}, {"stagelock_audit_verified", nil, 1},
		{"stagelock_engine_up", nil, 1}, {"stagelock_audit_outcomes_lost_total", nil, 0}, {"stagelock_config_info", nil, 1},
	} {
		if got := m.sum(tt.name, tt.labels...); got != tt.want {
			t.Errorf("%s%q is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
	for _, name := range []string{"stagelock_verdict_seconds_count", "stagelock_disk_free_bytes", "stagelock_data_bytes", "stagelock_connections",
		"stagelock_key_last_used_timestamp_seconds", "stagelock_certificate_expiry_timestamp_seconds", "stagelock_audit_last_checkpoint_timestamp_seconds"} {
		if m.sum(name) <= 0 {
			t.Errorf("%s is not told", name)
		}
	}
	in := m.sum("stagelock_bytes_total", `direction="in"`)
	if size := float64(len(readFile(t, larFiles(t)[0]))); in < size {
		t.Errorf("%v bytes came in, the archive has %v", in, size)
	}
	for _, secret := range []string{harness.Secret, harness.Login, strconv.Itoa(harness.Site), "127.0.0.1:0"} {
		if strings.Contains(m.text, secret) {
			t.Errorf("%q is in the scrape", secret)
		}
	}
}

// The row of a part and the answer of its call are one write of the store: only that of the publish is written alone.
func TestAPartAndItsAnswerAreOneWrite(t *testing.T) {
	v := newEnvironment(t, harness.EngineOptions{})
	v.publish(t, readFile(t, larFiles(t)[0]), 100)
	m := scrape(t, v.gateway)
	parts := m.sum("stagelock_store_seconds_count", `op="request.part"`)
	for op, want := range map[string]float64{"repeat.begin": parts + 1, "repeat.answer": 1} {
		if got := m.sum("stagelock_store_seconds_count", `op="`+op+`"`); got != want || parts < 2 {
			t.Errorf("%v parts: %v of %s, want %v", parts, got, op, want)
		}
	}
}

// A gateway is scraped, and asked how it is, while it reads its configuration anew.
func TestScrapesWhileReloading(t *testing.T) {
	v := newEnvironment(t, harness.EngineOptions{})
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if scrape(t, v.gateway).sum("stagelock_store_up") != 1 || v.gateway.Node.Status().Version != "test" {
						t.Error("it is not well")
					}
				}
			}
		})
	}
	good := readFile(t, v.gateway.File)
	for i := range 10 {
		text := append(bytes.Clone(good), []byte("heartbeat: "+strconv.Itoa(i+10)+"s\n")...)
		if err := os.WriteFile(v.gateway.File, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := v.gateway.Node.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
	if got := scrape(t, v.gateway).sum("stagelock_config_info"); got != 1 {
		t.Errorf("%v configurations", got)
	}
}

// unwatched are metrics that no panel shows, and why.
var unwatched = map[string]string{}

// onlyInClusters are metrics that a gateway that is alone does not have.
var onlyInClusters = []string{"stagelock_members", "stagelock_member_lease_seconds", "stagelock_clock_offset_seconds"}

// withSync begins the metrics that only a gateway of servers that are kept alike has: they are held against such gateways.
const withSync = "stagelock_sync_"

var ownMetric = regexp.MustCompile(`\b(stagelock|go|process)_[a-z0-9_]+`)

// expressions returns the queries of a file, and which metrics they name.
func expressions(t *testing.T, name string) (text string, names map[string]bool) {
	t.Helper()
	text = string(readFile(t, filepath.Join("..", "conf", name)))
	names = map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:"(?:expr|query|definition)": "|expr: )(.*)`).FindAllStringSubmatch(text, -1) {
		for _, metric := range ownMetric.FindAllString(m[1], -1) {
			names[metric] = true
		}
	}
	return text, names
}

// histogramPart is what the name of a histogram is followed by.
var histogramPart = regexp.MustCompile(`_(bucket|sum|count)$`)

// Every metric that a panel or an alert names is exported by a running gateway, and every exported
// one is shown or is listed with the reason why not.
func TestDashboardAndAlertsNameWhatThereIs(t *testing.T) {
	m := busyGateway(t)
	exported := slices.Concat(m.metrics(), onlyInClusters)
	used := map[string]bool{}
	for _, file := range []string{"grafana/stagelock.json", "prometheus/stagelock.rules.yml"} {
		_, names := expressions(t, file)
		if len(names) < 10 {
			t.Fatalf("%s: only %d metrics were found", file, len(names))
		}
		for name := range names {
			bare := histogramPart.ReplaceAllString(name, "")
			used[name], used[bare] = true, true
			if strings.HasPrefix(name, withSync) {
				continue
			}
			if strings.HasPrefix(name, "stagelock_") && !slices.Contains(exported, name) && !slices.Contains(exported, bare) {
				t.Errorf("%s names %s, which no gateway has", file, name)
			}
			if !strings.HasPrefix(name, "stagelock_") && !strings.Contains(m.text, "\n"+name) {
				t.Errorf("%s names %s, which no gateway has", file, name)
			}
		}
	}
	for _, name := range exported {
		if _, listed := unwatched[name]; !used[name] && !listed {
			t.Errorf("%s is exported, and nobody looks at it", name)
		}
	}
}

// The dashboard can be provisioned as it is: its data source is a variable, its panels are numbered
// and do not lie on each other.
func TestDashboardCanBeProvisioned(t *testing.T) {
	var d struct {
		Inputs     any `json:"__inputs"`
		UID        string
		Templating struct {
			List []struct{ Name, Type string }
		}
		Panels []struct {
			ID          int
			Type, Title string
			Description string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct {
				Expr       string
				Datasource struct{ UID string }
			}
		}
	}
	if err := json.Unmarshal(readFile(t, "../conf/grafana/stagelock.json"), &d); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+":"+v.Type)
	}
	if d.Inputs != nil || d.UID == "" || !slices.Equal(variables, []string{"datasource:datasource", "job:query", "instance:query"}) {
		t.Errorf("inputs %v, uid %q, variables %v", d.Inputs, d.UID, variables)
	}
	ids, taken, panels := map[int]bool{}, map[[2]int]string{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: number %d is given twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		panels++
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s has no words or no query", p.Title)
		}
		for _, q := range p.Targets {
			if q.Datasource.UID != "${datasource}" || !strings.Contains(q.Expr, `job=~"$job", instance=~"$instance"`) {
				t.Errorf("%s: %s asks everybody, or of %s", p.Title, q.Expr, q.Datasource.UID)
			}
		}
	}
	if panels < 18 {
		t.Errorf("%d panels", panels)
	}
}

// Each alert has words, a cure, a severity and cases; Prometheus' own tool finds the rules good.
func TestAlertRules(t *testing.T) {
	rules := string(readFile(t, "../conf/prometheus/stagelock.rules.yml"))
	cases := string(readFile(t, "../conf/prometheus/stagelock.rules.test.yml"))
	alerts := strings.Split(rules, "- alert: ")[1:]
	for _, a := range alerts {
		name, _, _ := strings.Cut(a, "\n")
		for _, want := range []string{"severity: ", "summary: ", "cure: "} {
			if !strings.Contains(a, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		for _, want := range []string{"alertname: " + name + ",", `alertname="` + name + `"`} {
			if !strings.Contains(cases, want) {
				t.Errorf("%s has no case with %s", name, want)
			}
		}
	}
	if len(alerts) < 15 {
		t.Errorf("%d alerts", len(alerts))
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: the rules are not tried out")
	}
	for _, args := range [][]string{{"check", "rules", "stagelock.rules.yml"}, {"test", "rules", "stagelock.rules.test.yml"}} {
		cmd := exec.Command(tool, args...)
		cmd.Dir = "../conf/prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v: %s", args, err, out)
		}
	}
}
