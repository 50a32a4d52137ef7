package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if err := run(ctx, runner{out: os.Stdout, long: os.Getenv("PROVE") == "long", test: goTest}); err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		stop()
		os.Exit(1)
	}
	stop()
}

// errShown is a proof that failed; its line says which.
var errShown = errors.New("something was not shown")

// run carries out every proof and prints its lines.
func run(ctx context.Context, r runner) error {
	failed := 0
	for _, p := range proofs {
		if !r.show(ctx, p) {
			failed++
		}
	}
	if !r.fuzz(ctx) {
		failed++
	}
	for _, n := range notYet {
		fmt.Fprintf(r.out, "row %-4s not yet: %s\n", n.row, n.why)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of %d proofs", errShown, failed, len(proofs)+1)
	}
	return nil
}
