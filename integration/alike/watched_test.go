package alike_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDashboardAndAlertsNameWhatSyncExports: every metric of sync that a panel or an alert names is one that a gateway
// of servers kept alike has, and each that it has is named in a panel. What changes become is counted.
func TestDashboardAndAlertsNameWhatSyncExports(t *testing.T) {
	w := newNetwork(t, pairLinks).start()
	w.servers[0].write("a", "text")
	w.everywhere("a", "text")
	var text string
	until(t, "figures of what was taken", func() bool {
		text = w.servers[0].scrape()
		return strings.Contains(text, "stagelock_sync_changes_total{what=\"made\"} 1\n") &&
			strings.Contains(text, "stagelock_sync_last_delivery_timestamp_seconds{")
	})
	until(t, "and of what came", func() bool {
		return strings.Contains(w.servers[1].scrape(), "stagelock_sync_changes_total{what=\"applied\"} 1\n")
	})
	exported := slices.Concat(names(regexp.MustCompile(`(?m)^# TYPE (stagelock_sync_[a-z_]+)`), text), afterMinutes)
	slices.Sort(exported)
	shown := names(regexp.MustCompile(`"expr": .*\b(stagelock_sync_[a-z_]+)`), read(t, "../../conf/grafana/stagelock.json"))
	alarmed := names(regexp.MustCompile(`\b(stagelock_sync_[a-z_]+)`), read(t, "../../conf/prometheus/stagelock.rules.yml"))
	if !slices.Equal(shown, exported) {
		t.Errorf("panels show\n%q\na gateway exports\n%q", shown, exported)
	}
	for _, name := range alarmed {
		if !slices.Contains(exported, name) {
			t.Errorf("an alert names %s, which no gateway has", name)
		}
	}
	if len(exported) < 14 || len(alarmed) < 6 {
		t.Errorf("only %d metrics, %d with alerts", len(exported), len(alarmed))
	}
}

// afterMinutes are metrics of what is counted ten minutes after the start for the first time.
var afterMinutes = []string{"stagelock_sync_contents", "stagelock_sync_contents_bytes", "stagelock_sync_contents_removed"}

// names are what a pattern finds, each once, in order.
func names(pattern *regexp.Regexp, text string) (all []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	check(t, err)
	return string(b)
}

// scrape is what a gateway says to Prometheus.
func (s *server) scrape() string {
	s.t.Helper()
	socket := strings.TrimPrefix(s.node.Status().Admin[0], "unix:")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://gate/metrics")
	check(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(s.t, err)
	return string(b)
}
