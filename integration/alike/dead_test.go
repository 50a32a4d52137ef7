package alike_test

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"
)

// BenchmarkDeadTarget measures how long an edit takes to one of two targets while the other is well, refuses
// connections, or takes them and never answers.
func BenchmarkDeadTarget(b *testing.B) {
	for _, how := range []string{"well", "refuses", "never answers"} {
		b.Run(how, func(b *testing.B) {
			w := newNetwork(b, [][]int{{1, 2}, {0}, {0}})
			if how == "never answers" {
				w.wires = map[int]string{2: mute(b)}
			}
			w.run(w.servers[0])
			w.run(w.servers[1])
			if how == "well" {
				w.run(w.servers[2])
			}
			w.servers[0].write("first", "x")
			until(b, "it arrives", func() bool { return w.servers[1].text("first") == "x" })
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				uuid, begun := fmt.Sprint("x", i), time.Now()
				w.servers[0].write(uuid, "x")
				until(b, "it arrives", func() bool { return w.servers[1].text(uuid) == "x" })
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
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
