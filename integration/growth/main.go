package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"github.com/stagelock/stagelock/integration/bench/proc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(64)
	case err != nil:
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

// row is what one step costs at one size.
type row struct {
	What   string  `json:"what"`
	Size   int     `json:"size"`
	Step   string  `json:"step"`
	Micros float64 `json:"us"`           // of one step
	Bytes  int64   `json:"memory_bytes"` // that live behind it, beyond what did before; at most 0 is nothing
	Peak   int64   `json:"peak_bytes"`   // resident while it ran, the whole process; 0 where the system does not tell
}

// subject is something that grows.
type subject struct {
	name    string
	most    int // the largest size by default
	measure func(ctx context.Context, m *meter, size int) error
}

func subjects() []subject {
	return []subject{
		{"hosts", 100_000, hostsOf}, {"requests", 100_000, requestsOf}, {"parts of a request", 10_000, partsOf},
		{"audit log", 100_000, auditOf},
	}
}

// run measures what the arguments say and prints it.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	f := flag.NewFlagSet("growth", flag.ContinueOnError)
	f.SetOutput(errs)
	only := f.String("only", "", "`regexp` of what is measured; all if empty")
	most := f.Int("most", 0, "`size` that nothing exceeds; 100,000, of parts 10,000")
	asJSON := f.Bool("json", false, "print JSON in place of a table")
	if err := f.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	var all []row
	for _, s := range subjects() {
		if !wanted.MatchString(s.name) {
			continue
		}
		for size := 10; size <= max(*most, 1) || *most == 0 && size <= s.most; size *= 10 {
			rows, err := s.at(ctx, size)
			if err != nil {
				return fmt.Errorf("%s, %d: %w", s.name, size, err)
			}
			all = append(all, rows...)
		}
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(all)
	}
	return table(out, all)
}

// at measures a subject at one size, in a folder of its own.
func (s subject) at(ctx context.Context, size int) ([]row, error) {
	dir, err := os.MkdirTemp("", "stagelock-growth-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	m := &meter{dir: dir, what: s.name, size: size}
	err = s.measure(ctx, m, size)
	return m.rows, err
}

// table prints the rows, with the size that each is larger than that of the same step before.
func table(out io.Writer, all []row) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tsize\tstep\tµs a step\tto the size before\tmemory KiB\tpeak MiB")
	for i, r := range all {
		times := ""
		for j := i - 1; j >= 0; j-- {
			if b := all[j]; b.What == r.What && b.Step == r.Step && b.Size < r.Size {
				times = fmt.Sprintf("× %.1f", r.Micros/max(b.Micros, 0.001))
				break
			}
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%.1f\t%s\t%d\t%d\n", r.What, r.Size, r.Step, r.Micros, times, max(0, r.Bytes)>>10, r.Peak>>20)
	}
	return t.Flush()
}

// meter takes the rows of one subject at one size.
type meter struct {
	dir  string
	what string
	size int
	rows []row
}

// file is a path in the folder of the measurement.
func (m *meter) file(name string) string { return filepath.Join(m.dir, name) }

// step measures f, which carries n steps out.
func (m *meter) step(name string, n int, f func() error) error {
	before, self := living(), os.Getpid()
	proc.ForgetPeak(self)
	begun := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	took := time.Since(begun)
	peak := proc.Peak(self)
	m.rows = append(m.rows, row{m.what, m.size, name, float64(took.Nanoseconds()) / 1e3 / float64(n), living() - before, peak})
	return nil
}

// living is how much memory is in use.
func living() int64 {
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
