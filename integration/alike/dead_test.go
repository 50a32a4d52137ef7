package alike_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// deadTargets are what the second of two targets does, in worlds of their own. The second well one says how much two
// measurements of the same differ.
var deadTargets = []string{"well", "well-again", "refuses", "never-answers"}

// BenchmarkDeadTarget measures how long an edit takes to one of two targets while the other is well, refuses
// connections, or takes them and never answers: one edit in each world in turn, in any order and at any time between
// two looks into the journal, so that what else the machine does meets all of them alike.
func BenchmarkDeadTarget(b *testing.B) {
	worlds := make([]*network, len(deadTargets))
	for i, how := range deadTargets {
		worlds[i] = besides(b, how)
	}
	took := make([][]time.Duration, len(worlds))
	for n := 0; b.Loop(); n++ {
		for _, i := range rand.Perm(len(worlds)) {
			<-time.After(rand.N(50 * time.Millisecond))
			took[i] = append(took[i], worlds[i].travel(fmt.Sprint("x", n)))
		}
	}
	b.ReportMetric(0, "ns/op") // a turn is no operation
	for _, p := range []int{50, 99} {
		for i, how := range deadTargets {
			at := percentile(took[i], p)
			b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", how, p))
			if i > 0 {
				b.ReportMetric(float64(at)/float64(percentile(took[0], p)), fmt.Sprintf("%s/well-p%d", how, p))
			}
		}
	}
}

// besides is a server with two targets, of which the second is as how says.
func besides(b *testing.B, how string) *network {
	b.Helper()
	w := newNetwork(b, [][]int{{1, 2}, {0}, {0}})
	if how == "never-answers" {
		w.wires = map[int]string{2: mute(b)}
	}
	w.run(w.servers[0])
	w.run(w.servers[1])
	if strings.HasPrefix(how, "well") {
		w.run(w.servers[2])
	}
	w.servers[0].write("first", "x")
	until(b, "it arrives", func() bool { return w.servers[1].text("first") == "x" })
	return w
}

// travel writes an article, and returns how long it took to the first target.
func (w *network) travel(uuid string) time.Duration {
	w.t.Helper()
	begun := time.Now()
	w.servers[0].write(uuid, "x")
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for w.servers[1].text(uuid) != "x" {
		if time.Since(begun) > patience {
			w.t.Fatalf("%s does not arrive within %v", uuid, patience)
		}
		<-tick.C
	}
	return time.Since(begun)
}

func percentile(all []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)*p/100]
}

// mute is a listener that takes connections and says nothing.
func mute(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range all {
					_ = c.Close()
				}
				return
			}
			all = append(all, c)
		}
	}()
	t.Cleanup(func() {
		check(t, l.Close())
		<-done
	})
	return l.Addr().String()
}
