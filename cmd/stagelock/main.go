package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// version is set by the linker in a release.
var version = "dev"

func main() {
	os.Exit(supervise(os.Args, &term.Shell{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Now: time.Now, Rand: rand.Reader,
		Version: version,
	}))
}

// supervise runs a command under the signals of a service: the first one ends it in order, the
// second one at once.
func supervise(args []string, sh *term.Shell) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	sh.Hangups = hangups
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := make(chan int, 1)
	go func() { done <- commands.Run(ctx, sh, args) }()
	for stopping := false; ; stopping = true {
		select {
		case code := <-done:
			return code
		case s := <-signals:
			if stopping {
				fmt.Fprintln(sh.Err, "stagelock: stopped at once")
				return term.ExitForced
			}
			cancel(term.Signal{Signal: s})
		}
	}
}
