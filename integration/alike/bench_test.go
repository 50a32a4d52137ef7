package alike_test

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkSmallChangesOfAPair brings 1,000 small articles, which are there already, from one server to
// another on the loopback interface: from when both gateways listen until the last is shown.
func BenchmarkSmallChangesOfAPair(b *testing.B) {
	const articles = 1000
	for b.Loop() {
		b.StopTimer()
		w := newNetwork(b, pairLinks)
		for i := range articles {
			w.servers[0].write(fmt.Sprint("x", i), "a small text")
		}
		w.start()
		begun := time.Now()
		b.StartTimer()
		until(b, "all are there", func() bool { return w.servers[1].rows() == articles })
		b.ReportMetric(articles/time.Since(begun).Seconds(), "changes/s")
		b.StopTimer()
		for _, s := range w.servers {
			s.stop()
		}
		b.StartTimer()
	}
}
