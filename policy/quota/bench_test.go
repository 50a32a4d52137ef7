package quota_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stagelock/stagelock/policy/quota"
)

func BenchmarkCall(b *testing.B) {
	l := quota.New(quota.Config{PeerRate: 1e6})
	a := addr("192.0.2.1")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := after(time.Duration(i) * 10 * time.Microsecond)
		l.Wait(a, now)
		l.Delay("editors", now)
	}
}

func BenchmarkRefused(b *testing.B) {
	l := quota.New(quota.Config{AddressRate: 1e-9})
	a := addr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Fail(a, start)
	}
}

// BenchmarkFlood calls from a new address each time; the table is full and none of its buckets is.
func BenchmarkFlood(b *testing.B) {
	l := quota.New(quota.Config{AddressRate: 1e-9})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = l.Fail(nth(i), start)
	}
}

func BenchmarkConnect(b *testing.B) {
	l := quota.New(quota.Config{})
	a := addr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		release, err := l.Connect(a)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

// BenchmarkMemory reports what a full table of the default size holds.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, full runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := quota.New(quota.Config{AddressRate: 1e-9})
		for i := range 100_000 {
			_ = l.Fail(nth(i), start)
		}
		runtime.GC()
		runtime.ReadMemStats(&full)
		b.ReportMetric(float64(full.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-held")
		runtime.KeepAlive(l)
	}
}
