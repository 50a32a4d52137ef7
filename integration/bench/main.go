package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	if role := os.Getenv(asRole); role != "" {
		if err := play(role, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(64)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	rounds  int
	period  time.Duration // of one measurement of small calls and of connections
	volume  int64         // bytes of the parts of one measurement
	scenes  *regexp.Regexp
	named   bool // scenes were asked for by name: the rare ones too
	rivals  *regexp.Regexp
	gateway string // a stagelock to measure; built if empty
	profile string // folder for a CPU profile of the gateway in each scene; none if empty
	json    bool
}

// Sizes of the full measurement and of the short one.
const (
	fullRounds, shortRounds = 5, 1
	fullPeriod, shortPeriod = 2 * time.Second, 500 * time.Millisecond
	fullVolume, shortVolume = 1 << 30, 320 << 20
)

// parse reads the arguments.
func parse(args []string, errs io.Writer) (plan, error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	var p plan
	f.IntVar(&p.rounds, "rounds", 0, "`rounds` of turns, whose medians count; 5, with -short 1")
	f.DurationVar(&p.period, "period", 0, "`length` of one measurement of calls; 2s, with -short 500ms")
	f.Int64Var(&p.volume, "volume", 0, "`bytes` of parts of one measurement; 1 GiB, with -short 320 MiB")
	short := f.Bool("short", false, "about two minutes in place of a quarter of an hour")
	scenes := f.String("scenes", "", "`regexp` of the names of the scenes to measure; all if empty")
	rivals := f.String("rivals", "", "`regexp` of the names of who is measured; all if empty")
	f.StringVar(&p.gateway, "stagelock", "", "`file` of the gateway; built from this tree, without a release's profile, if empty")
	f.StringVar(&p.profile, "profile", "", "`folder` for a CPU profile of the gateway in each scene")
	f.BoolVar(&p.json, "json", false, "print every measurement as JSON in place of a table")
	if err := f.Parse(args); err != nil {
		return p, err
	}
	if f.NArg() > 0 {
		return p, fmt.Errorf("argument %q is not known: everything is said with flags", f.Arg(0))
	}
	p.size(*short)
	var err, err2 error
	p.scenes, err = regexp.Compile(*scenes)
	p.named = *scenes != ""
	p.rivals, err2 = regexp.Compile(*rivals)
	return p, errors.Join(err, err2)
}

// size fills in what was not said.
func (p *plan) size(short bool) {
	rounds, period, volume := fullRounds, fullPeriod, int64(fullVolume)
	if short {
		rounds, period, volume = shortRounds, shortPeriod, shortVolume
	}
	if p.rounds <= 0 {
		p.rounds = rounds
	}
	if p.period <= 0 {
		p.period = period
	}
	if p.volume <= 0 {
		p.volume = volume
	}
}

// run measures as the arguments say and prints it.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	p, err := parse(args, errs)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "stagelock-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := open(ctx, p, dir)
	if err != nil {
		return err
	}
	defer w.close()
	results, err := w.measure(ctx, errs)
	if err != nil {
		return err
	}
	if p.json {
		return results.writeJSON(out)
	}
	return results.writeTable(out)
}
