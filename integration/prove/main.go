package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	r := runner{out: os.Stdout, long: os.Getenv("PROVE") == "long", test: goTest, kept: fuzzCache(ctx), only: os.Args[1:]}
	if err := run(ctx, r); err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		stop()
		os.Exit(1)
	}
	stop()
}

// errShown is a proof that failed; its line says which.
var errShown = errors.New("something was not shown")

// errRow is a row that no proof is for.
var errRow = errors.New("no proof is for row")

// run carries out the proofs and prints their lines.
func run(ctx context.Context, r runner) error {
	failed, tried := 0, 0
	held := func(holds bool) {
		if tried++; !holds {
			failed++
		}
	}
	for _, p := range proofs {
		if r.wants(p.rows, p.name) {
			held(r.show(ctx, p))
		}
	}
	if r.wants(fuzzRow, "fuzzing") {
		held(r.fuzz(ctx))
	}
	if r.wants(fuzzRow, "blind changes") {
		held(r.blind(ctx))
	}
	for _, n := range notYet {
		if r.wants(n.row, "") {
			fmt.Fprintf(r.out, "row %-4s not yet: %s\n", n.row, n.why)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed > 0:
		return fmt.Errorf("%w: %d of %d proofs", errShown, failed, tried)
	case tried == 0:
		return fmt.Errorf("%w %s", errRow, strings.Join(r.only, " "))
	}
	return nil
}
