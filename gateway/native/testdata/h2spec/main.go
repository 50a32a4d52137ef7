// Command h2spec runs the conformance suite of HTTP/2 against a server, and prints a line for each case: how it
// ended, its id, and what was wrong. It is a module of its own: nothing of the gateway needs it.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

func main() {
	host, port, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	c := &config.Config{Host: host, Port: n, Path: "/", Timeout: 5 * time.Second, MaxHeaderLen: 4000, Strict: true, TLS: true, Insecure: true}
	for _, g := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		g.Test(c)
		print(g)
	}
}

func print(g *spec.TestGroup) {
	for _, tc := range append(append([]*spec.TestCase{}, g.Tests...), g.StrictTests...) {
		if tc.Result == nil {
			continue
		}
		how, why := "passed", ""
		switch {
		case tc.Result.Skipped:
			how = "skipped"
		case tc.Result.Failed:
			how, why = "failed", strings.ReplaceAll(tc.Result.Error.Error(), "\n", "; ")
		}
		fmt.Printf("\ncase %s %s/%d %s\n", how, g.ID(), tc.Result.Sequence, why)
	}
	for _, sub := range g.Groups {
		print(sub)
	}
}
