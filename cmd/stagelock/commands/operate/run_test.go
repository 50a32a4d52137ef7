package operate

import (
	"testing"

	"github.com/stagelock/stagelock/conf"
)

// TestHeapAim: the aim of the collector is above what calls and connections may take, for small and large machines.
func TestHeapAim(t *testing.T) {
	for _, tt := range []struct {
		name  string
		quota conf.Quota
		want  int64 // MiB
	}{
		{"nothing", conf.Quota{}, 128},
		{"the defaults", conf.Quota{Memory: 256 << 20, Connections: 1024, Strangers: 128}, 128 + 384 + 72},
		{"a large machine", conf.Quota{Memory: 8 << 30, Connections: 16384, Strangers: 0}, 128 + 12288 + 1024},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := heapAim(tt.quota)
			if got != tt.want<<20 {
				t.Errorf("got %d MiB, want %d", got>>20, tt.want)
			}
			if got <= int64(tt.quota.Memory) {
				t.Error("below what calls may take: the collector would never rest")
			}
		})
	}
}
