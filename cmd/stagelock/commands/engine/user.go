package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/integration/engine/directory"
)

func (sh shell) userCommand() *cli.Command {
	return &cli.Command{Name: "user", Usage: "users of an engine and what they may do", Subcommands: []*cli.Command{
		{Name: "add", Usage: "add a user", ArgsUsage: "EMAIL", Action: sh.userAdd, Flags: reach.Flags(
			&cli.StringFlag{Name: "screen-name", Usage: "screen name; else what stands before the @"},
			&cli.Int64Flag{Name: "id", Usage: "id; else the next one"},
			&cli.BoolFlag{Name: "admin", Usage: "an administrator may do everything"})},
		{Name: "import", Usage: "add the users of an LDIF or CSV file, all or none", ArgsUsage: "FILE", Action: sh.userImport,
			Description: "A CSV file begins with the names of its columns: email, screen_name, id, admin; the first is needed.\n" +
				"Users that are there already stay as they are.",
			Flags: reach.Flags()},
		{Name: "list", Usage: "list users", Action: sh.userList, Flags: reach.Flags()},
		{Name: "grant", Usage: "allow a user something in a site", ArgsUsage: "LOGIN PERMISSION...", Action: sh.userGrant,
			Description: "The permissions are " + flags.Names(content.Actions()) + ".",
			Flags:       reach.Flags(&cli.Int64Flag{Name: "site", Usage: "id of the site"})},
	}}
}

func (sh shell) userAdd(c *cli.Context) error {
	args, err := flags.Operands(c, "the EMAIL address")
	if err != nil {
		return err
	}
	in := control.User{ID: c.Int64("id"), Email: args[0], ScreenName: c.String("screen-name"), Admin: c.Bool("admin")}
	if in.ScreenName == "" {
		in.ScreenName, _, _ = strings.Cut(args[0], "@")
	}
	u, err := reach.Ask[control.User](c, "user.add", in)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(u)
	}
	return sh.Printf("Added the user %s with the id %d\n", term.Plain(u.Email), u.ID)
}

func (sh shell) userList(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	all, err := reach.Ask[[]control.User](c, "user.list", struct{}{})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "EMAIL", "SCREEN NAME", ""}}
	for _, u := range all {
		admin := ""
		if u.Admin {
			admin = "administrator"
		}
		rows = append(rows, []string{fmt.Sprint(u.ID), term.Plain(u.Email), term.Plain(u.ScreenName), admin})
	}
	return sh.Table(rows)
}

func (sh shell) userGrant(c *cli.Context) error {
	args := c.Args().Slice()
	if len(args) < 2 {
		return flags.Misused(c, "grant needs the LOGIN and a PERMISSION: %s", flags.Names(content.Actions()))
	}
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	in := control.Grant{Login: args[0], Site: id}
	for _, a := range args[1:] {
		action := content.Action(strings.ToUpper(strings.ReplaceAll(a, "-", "_")))
		if !content.KnownAction(action) {
			return flags.Misused(c, "there is no permission %q; those are %s", a, flags.Names(content.Actions()))
		}
		if !slices.Contains(in.Actions, action) {
			in.Actions = append(in.Actions, action)
		}
	}
	if _, err := reach.Ask[struct{}](c, "user.grant", in); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(in)
	}
	return sh.Printf("%s may %s in site %d\n", term.Plain(in.Login), flags.Names(in.Actions), id)
}

func (sh shell) userImport(c *cli.Context) error {
	args, err := flags.Operands(c, "the FILE, LDIF or CSV")
	if err != nil {
		return err
	}
	f, err := opened(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	all, err := directory.Read(f)
	if err != nil {
		var p *directory.Problem
		if errors.As(err, &p) {
			return &term.DataError{Msg: args[0] + ": nobody was added: " + strings.ReplaceAll(err.Error(), "\n", "; "), Cure: p.Cure}
		}
		return err
	}
	in := []control.User{}
	for _, u := range all {
		in = append(in, control.User{ID: u.ID, Email: u.Email, ScreenName: u.ScreenName, Admin: u.Admin})
	}
	n, err := reach.Ask[control.Imported](c, "user.import", in)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(n)
	}
	return sh.Printf("Added %s; %d were there already\n", term.Count(n.Added, "user"), n.There)
}
