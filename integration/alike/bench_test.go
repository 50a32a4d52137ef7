package alike_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSmallChangesOfAPair brings 1,000 small articles, which are there already, from one server to
// another on the loopback interface: from when both gateways listen until the last is shown. Other work on the
// machine does not count in the time of the processor, which both sides and their engines take together.
func BenchmarkSmallChangesOfAPair(b *testing.B) { smallChanges(b, func(*network) {}) }

// BenchmarkSmallChangesOfAPairOnPostgres is the same of servers that keep their state in a database, on this machine
// too, whose own time does not count as theirs.
func BenchmarkSmallChangesOfAPairOnPostgres(b *testing.B) { smallChanges(b, (*network).onPostgres) }

func smallChanges(b *testing.B, store func(w *network)) {
	const articles = 1000
	for b.Loop() {
		b.StopTimer()
		w := newNetwork(b, pairLinks)
		store(w)
		for i := range articles {
			w.servers[0].write(fmt.Sprint("x", i), "a small text")
		}
		w.start()
		begun, spent := time.Now(), processor(b)
		b.StartTimer()
		until(b, "all are there", func() bool { return w.servers[1].rows() == articles })
		b.ReportMetric(articles/time.Since(begun).Seconds(), "changes/s")
		b.ReportMetric((processor(b)-spent).Seconds()*1000/articles, "cpu-ms/change")
		b.StopTimer()
		for _, s := range w.servers {
			s.stop()
		}
		b.StartTimer()
	}
}

// processor is how long this process, which has both gateways and both engines, had one.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
