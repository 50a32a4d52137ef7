package integration_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

const (
	callPeers  = 3
	callsEach  = 32 // as many as one peer may have under way
	smallCalls = 5
	callMemory = 136 << 20
	// callHeld is what the gateway may hold beyond an idle one: what calls may take, and buffers of connections.
	callHeld = callMemory + 48<<20
)

// crowdSecret is the secret of a peer of the crowd.
func crowdSecret(i int) string { return fmt.Sprintf("crowd-secret-%03d", i) }

// crowded has peers with a secret each, the first of which is none of the crowd.
func crowded(memory string) harness.Options {
	o := harness.Options{Secret: crowdSecret(0), Extra: []string{"heartbeat: 1s", slowLine,
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

// turnedAway reports whether a call was refused for which there was no memory.
func turnedAway(t testing.TB, g *harness.Gateway) bool {
	t.Helper()
	return slices.ContainsFunc(g.Events(t), func(ev audit.Event) bool { return ev.Reason == "quota.memory" })
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
	h := startHolder(t, o)
	g := h.Gateway
	small := checkSite(site).message(t)
	small.auth = "Basic " + credentials(t, crowdSecret(0), harness.Login)
	if got := once(t, g, small); got.status != 200 || got.thrown(t) != nil {
		t.Fatalf("a small call is answered with %d %v", got.status, got.thrown(t))
	}
	idle, idleHeld := resident(t, h.pid), h.held(t)

	m := crowdCall(t, 30_000)
	const back = 200 // more would take room for itself, of which there is none
	var lines []*line
	letGo, sent := make(chan struct{}), make(chan error, callPeers*callsEach)
	for range callsEach {
		for peer := range callPeers {
			m.auth = "Basic " + credentials(t, crowdSecret(1+peer), harness.Login)
			l := dial(t, g)
			if _, err := l.Write(append([]byte(m.head(l.addr)), m.body[:len(m.body)-back]...)); err != nil {
				t.Fatal(err)
			}
			go func() { sent <- trickle(l, m.body[len(m.body)-back:], letGo) }()
			lines = append(lines, l)
		}
	}
	for range smallCalls {
		if got := once(t, g, small); got.status != 200 || got.thrown(t) != nil {
			t.Errorf("a small call beside the crowd is answered with %d %v", got.status, got.thrown(t))
		}
	}
	held := h.held(t)
	// Who finds no room waits for a heartbeat: had those who have it ended before, all would pass.
	for end := time.Now().Add(limit); !turnedAway(t, g) && time.Now().Before(end); {
		held = max(held, h.held(t))
	}
	close(letGo)
	for range lines {
		<-sent // with an error where a refusal and the end of its connection came first
	}
	passed, refused := 0, 0
	for _, l := range lines {
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
	over := 0
	if held-idleHeld > callHeld {
		over = 1
		t.Errorf("%.1f MiB are held beyond idle, want at most %.1f MiB", mib(held-idleHeld), mib(callHeld))
	}
	t.Logf("%.1f MiB held, peak resident %.1f MiB beyond idle; %d passed, %d refused", mib(held-idleHeld), mib(resident(t, h.pid)-idle),
		passed, refused)
	prove(t, "%d calls of %d peers that hold %d KiB each, %d of them refused; the memory that is held is beyond its bound, %d times",
		len(lines), callPeers, len(m.body)>>10, refused, over)
	if passed == 0 || refused == 0 {
		t.Errorf("%d passed, %d refused: want some of each", passed, refused)
	}
	if n := len(sink.Whole()); n != 1+smallCalls+passed {
		t.Errorf("%d calls arrived, want %d", n, 1+smallCalls+passed)
	}
}
