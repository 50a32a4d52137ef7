package engine

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/control"
)

func (sh shell) siteCommand() *cli.Command {
	id := &cli.Int64Flag{Name: "site", Usage: "id of the site"}
	library := &cli.Int64Flag{Name: "library", Usage: "id of the asset library"}
	return &cli.Command{Name: "site", Usage: "sites and asset libraries of an engine", Subcommands: []*cli.Command{
		{Name: "create", Usage: "create a blank site or asset library", ArgsUsage: "NAME", Action: sh.siteCreate,
			Flags: reach.Flags(
				&cli.BoolFlag{Name: "library", Usage: "an asset library: web content and documents, no pages"},
				&cli.Int64Flag{Name: "id", Usage: "id; else the next one"},
				&cli.StringFlag{Name: "friendly-url", Usage: "address of its pages, such as /shop"},
				&cli.StringSliceFlag{Name: "locale", Usage: "a locale that it has, such as de_DE; may be repeated"},
			)},
		{Name: "list", Usage: "list sites and asset libraries with their ids", Action: sh.siteList, Flags: reach.Flags()},
		{Name: "show", Usage: "show a site: who stages it, and what is locked", Action: sh.siteShow, Flags: reach.Flags(id)},
		{Name: "connect", Usage: "let a site use the content of an asset library", Action: sh.siteConnect,
			Description: "A library that is staged can only be connected to sites that are staged too.",
			Flags:       reach.Flags(id, library)},
		{Name: "disconnect", Usage: "end the connection of a site to an asset library", Action: sh.siteDisconnect,
			Flags: reach.Flags(id, library)},
		{Name: "arrivals", Usage: "list the publishes to a live site: running, arrived, failed", Action: sh.siteArrivals,
			Flags: reach.Flags(id, &cli.BoolFlag{Name: "watch", Usage: "show the one that runs until it ends"})},
		{Name: "received", Usage: "list the publishes that arrived in a live site", Action: sh.siteReceived, Flags: reach.Flags(id)},
		{Name: "calls", Usage: "list who did what to a site: locks, publishes, ends of a lock", Action: sh.siteCalls,
			Description: "The newest comes first. Of a lock that was ended here the operator's account is told.",
			Flags:       reach.Flags(id, &cli.IntFlag{Name: "last", Value: 100, Usage: "at most so many"})},
		{Name: "unlock", Usage: "end the lock of a live site whose staging is gone", Action: sh.siteUnlock,
			Description: "Every staging environment that is attached is forgotten. One that still lives does not learn of it.",
			Flags:       reach.Flags(id)},
	}}
}

func (sh shell) siteCreate(c *cli.Context) error {
	args, err := flags.Operands(c, "the NAME of the site")
	if err != nil {
		return err
	}
	s, err := reach.Ask[control.Site](c, "site.create", control.NewSite{ID: c.Int64("id"), Name: args[0],
		FriendlyURL: c.String("friendly-url"), Locales: c.StringSlice("locale"), Library: c.Bool("library")})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(s)
	}
	return sh.Printf("Created the %s %s with the id %d\n", whatIs(s), term.Plain(s.Name), s.ID)
}

func whatIs(s control.Site) string {
	if s.Library {
		return "asset library"
	}
	return "site"
}

func (sh shell) siteList(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	all, err := reach.Ask[[]control.Site](c, "site.list", struct{}{})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "NAME", "KIND", "URL", "STAGED BY"}}
	for _, s := range all {
		attached := ""
		if s.Attached > 0 {
			attached = term.Count(s.Attached, "environment")
		}
		rows = append(rows, []string{fmt.Sprint(s.ID), term.Plain(s.Name), whatIs(s), term.Plain(s.FriendlyURL), attached})
	}
	return sh.Table(rows)
}

func (sh shell) siteShow(c *cli.Context) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	s, err := reach.Ask[control.Site](c, "site.show", control.SiteID{Site: id})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(s)
	}
	rows := [][]string{{whatIs(s), fmt.Sprintf("%s, id %d", term.Plain(s.Name), s.ID)}, {"uuid", s.UUID},
		{"url", term.Plain(s.FriendlyURL)}, {"locales", strings.Join(s.Locales, " ")}}
	for _, t := range s.Locked {
		rows = append(rows, []string{"locked", string(t)})
	}
	for _, h := range s.Holders {
		rows = append(rows, []string{"staged by", term.Plain(h.Login) + " since " + term.Stamp(h.Since)})
	}
	for _, u := range s.Connected {
		other := []string{"asset library", fmt.Sprint(u.Library)}
		if s.Library {
			other = []string{"used by site", fmt.Sprint(u.Site)}
		}
		rows = append(rows, other)
	}
	return sh.Table(rows)
}

func (sh shell) siteUnlock(c *cli.Context) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	held, err := reach.Ask[[]control.Holder](c, "site.unlock", control.SiteID{Site: id, Operator: sh.operator()})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(held)
	}
	if len(held) == 0 {
		return sh.Printf("Site %d was not locked\n", id)
	}
	for _, h := range held {
		if err := sh.Printf("Site %d is no longer staged by %s, who attached at %s\n",
			id, term.Plain(h.Login), term.Stamp(h.Since)); err != nil {
			return err
		}
	}
	return nil
}

func (sh shell) siteReceived(c *cli.Context) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]control.Received](c, "site.received", control.SiteID{Site: id})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "AT", "BY", "ADDED", "UPDATED", "DELETED", "SIZE", ""}}
	for _, p := range all {
		rows = append(rows, []string{fmt.Sprint(p.ID), term.Stamp(p.At), term.Plain(p.Login), fmt.Sprint(p.Added),
			fmt.Sprint(p.Updated), fmt.Sprint(p.Deleted), term.Size(p.Bytes), term.Plain(strings.Join(p.Warnings, "; "))})
	}
	return sh.Table(rows)
}
