package integration_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

const (
	callPeers  = 3
	callsEach  = 32 // as many as one peer may have under way
	smallCalls = 5
	callMemory = 136 << 20
	// callPeak is what the process may have at its peak beyond an idle one: what calls may take, the garbage that is
	// not collected yet, and buffers of connections.
	callPeak = 2*callMemory + 48<<20
)

// crowdSecret is the secret of a peer of the crowd.
func crowdSecret(i int) string { return fmt.Sprintf("crowd-secret-%03d", i) }

// crowded has peers with a secret each, the first of which is none of the crowd.
func crowded(memory string) harness.Options {
	o := harness.Options{Secret: crowdSecret(0), Extra: []string{"heartbeat: 1s",
		"quota: { connections_per_address: 1000, per_address_rate: 10000/s, per_address_burst: 10000, memory: " + memory + " }"}}
	for i := 1; i <= callPeers; i++ {
		o.Peer = append(o.Peer, fmt.Sprintf("\n  - name: peer-%d\n    sites: [any]\n    secret: { value: %q }", i, crowdSecret(i)))
	}
	return o
}

// crowdCall is the call that makes the most of its bytes: a map of as many entries as an envelope holds.
func crowdCall(t testing.TB, entries int) message {
	t.Helper()
	flags := make(map[string]string, entries)
	for i := range entries {
		flags[fmt.Sprintf("staged-portlet_%06d", i)] = "true"
	}
	return portlets(flags).message(t)
}

// TestManyPeersHoldTheMaximum: peers with the secret each have as many calls under way as they may, each as large as
// it may be, and none of them ends. The memory of all together stays within quota.memory, whoever finds no room is told
// so, and small calls pass meanwhile.
func TestManyPeersHoldTheMaximum(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the peak of a process is read from /proc")
	}
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	sink := harness.NewSink(t)
	o := crowded(fmt.Sprint(callMemory))
	o.Upstream = sink.URL
	process, g := startProcess(t, o, errand{})
	pid := process.Cmd.Process.Pid
	small := checkSite(site).message(t)
	small.auth = "Basic " + credentials(t, crowdSecret(0), harness.Login)
	if got := once(t, g, small); got.status != 200 || got.thrown(t) != nil {
		t.Fatalf("a small call is answered with %d %v", got.status, got.thrown(t))
	}
	idle := resident(t, pid)

	m := crowdCall(t, 30_000)
	var lines []*line
	for range callsEach {
		for peer := range callPeers {
			m.auth = "Basic " + credentials(t, crowdSecret(1+peer), harness.Login)
			l := dial(t, g)
			if _, err := l.Write(append([]byte(m.head(l.addr)), m.body[:len(m.body)-200]...)); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l)
		}
	}
	for range smallCalls {
		if got := once(t, g, small); got.status != 200 || got.thrown(t) != nil {
			t.Errorf("a small call beside the crowd is answered with %d %v", got.status, got.thrown(t))
		}
	}
	passed, refused := 0, 0
	for _, l := range lines {
		if _, err := l.Write(m.body[len(m.body)-200:]); err != nil {
			t.Fatal(err)
		}
		got := l.receive(t)
		th := got.thrown(t)
		switch {
		case th == nil:
			passed++
		case got.head.Get("X-Stagelock-Reason") == "quota.memory" && strings.Contains(th.Message, "raise quota.memory"):
			refused++
		default:
			t.Errorf("answered with %d %v", got.status, th)
		}
		l.Close()
	}
	peak := resident(t, pid)
	over := 0
	if peak-idle > callPeak {
		over = 1
	}
	t.Logf("peak resident: %.1f MiB idle, %.1f MiB in the end; %d passed, %d refused", mib(idle), mib(peak), passed, refused)
	prove(t, "%d calls of %d peers that hold %d KiB each, %d of them refused; the peak of memory is beyond its bound, %d times",
		len(lines), callPeers, len(m.body)>>10, refused, over)
	if over > 0 {
		t.Errorf("the peak is %.1f MiB above idle, want less than %.1f MiB", mib(peak-idle), mib(callPeak))
	}
	if passed == 0 || refused == 0 {
		t.Errorf("%d passed, %d refused: want some of each", passed, refused)
	}
	if n := len(sink.Whole()); n != 1+smallCalls+passed {
		t.Errorf("%d calls arrived, want %d", n, 1+smallCalls+passed)
	}
}
