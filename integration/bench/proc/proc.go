// Package proc reads out of /proc what a process and its children cost. Where there is none all figures are 0.
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc, on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// family is the process and its children.
func family(pid int) []int {
	all := []int{pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return all // a kernel that does not tell, or no Linux: the figures are of the one process
	}
	for _, f := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(f); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// CPU returns the CPU time that a process and its children have used; nothing where /proc does not tell.
func CPU(pid int) (all time.Duration) {
	for _, pid := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil {
			all += used(string(text))
		}
	}
	return all
}

// used reads the CPU time out of a line of /proc/PID/stat.
func used(stat string) time.Duration {
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, err := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * tick
}

// ForgetPeak has the peak of resident memory of a process and its children begin anew.
func ForgetPeak(pid int) {
	for _, pid := range family(pid) {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // else the peak is that of all scenes
	}
}

// Peak returns the peak of their resident memory since ForgetPeak, in bytes.
func Peak(pid int) (all int64) {
	for _, pid := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil {
			all += highWater(string(text))
		}
	}
	return all
}

// highWater reads the peak out of /proc/PID/status.
func highWater(status string) int64 {
	_, rest, _ := strings.Cut(status, "VmHWM:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
