package main

import "github.com/urfave/cli/v2"

func (sh *shell) demoCommand() *cli.Command { return &cli.Command{Name: "demo"} }
