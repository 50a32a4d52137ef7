package proc

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestReadingProc(t *testing.T) {
	for _, tt := range []struct {
		name, stat string
		want       time.Duration
	}{
		{"plain", "1 (nginx) S 0 1 1 0 -1 4194560 1 0 0 0 7 5 0 0 20", 120 * time.Millisecond},
		{"a name with a bracket", "1 (a) b) S 0 1 1 0 -1 4194560 1 0 0 0 100 0 0 0 20", time.Second},
		{"cut", "1 (nginx) S 0 1", 0},
		{"no numbers", "1 (nginx) S 0 1 1 0 -1 4194560 1 0 0 0 x y 0 0", 0},
		{"empty", "", 0},
	} {
		if got := used(tt.stat); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for text, want := range map[string]int64{"VmPeak:\t9 kB\nVmHWM:\t  24 kB\nVmRSS: 3 kB": 24 << 10, "VmHWM:": 0, "VmHWM: x kB": 0, "": 0} {
		if got := highWater(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	ForgetPeak(os.Getpid())
	if peak := Peak(os.Getpid()); peak < 1<<20 || peak > 1<<32 {
		t.Errorf("this process has a peak of %d bytes", peak)
	}
	if CPU(os.Getpid()) < 0 || CPU(-1) != 0 || Peak(-1) != 0 {
		t.Error("nobody cost something")
	}
}
