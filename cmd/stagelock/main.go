package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	os.Exit(supervise(os.Args, &shell{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), now: time.Now, rand: rand.Reader,
	}))
}

// supervise runs a command under the signals of a service: the first one ends it in order, the
// second one at once.
func supervise(args []string, sh *shell) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	sh.hangups = hangups
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := make(chan int, 1)
	go func() { done <- sh.run(ctx, args) }()
	for stopping := false; ; stopping = true {
		select {
		case code := <-done:
			return code
		case s := <-signals:
			if stopping {
				fmt.Fprintln(sh.err, "stagelock: stopped at once")
				return exitForced
			}
			cancel(signalled{s})
		}
	}
}

// signalled is why a command ends in order.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return s.String() + " signal" }
