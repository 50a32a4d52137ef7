package engine

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/control"
)

func (sh shell) siteConnect(c *cli.Context) error {
	return sh.connection(c, "site.connect", "Site %d uses the asset library %d\n")
}

func (sh shell) siteDisconnect(c *cli.Context) error {
	return sh.connection(c, "site.disconnect", "Site %d does not use the asset library %d\n")
}

func (sh shell) connection(c *cli.Context, name, done string) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	in := control.Connection{Library: c.Int64("library"), Site: id}
	if in.Library <= 0 {
		return flags.Misused(c, "%s needs --library, the id of an asset library", c.Command.Name)
	}
	if _, err := reach.Ask[struct{}](c, name, in); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(in)
	}
	return sh.Printf(done, in.Site, in.Library)
}

// glance is how often an import that runs is looked at.
const glance = 200 * time.Millisecond

func (sh shell) siteArrivals(c *cli.Context) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	if c.Bool("watch") {
		return sh.watchArrival(c, id)
	}
	all, err := reach.Ask[[]control.Arrival](c, "site.arrivals", control.SiteID{Site: id})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "STARTED", "STATE", "BY", ""}}
	for _, a := range all {
		rows = append(rows, []string{fmt.Sprint(a.ID), term.Stamp(a.Started), a.State, term.Plain(a.Login), wayOf(a)})
	}
	return sh.Table(rows)
}

// wayOf says how far an arrival is, or what it became.
func wayOf(a control.Arrival) string {
	switch {
	case a.State == "running" && a.Stage == "unpacking":
		return fmt.Sprintf("unpacking %d of %d entries, %s of %s", a.Entries, a.OfEntries, term.Size(a.Bytes), term.Size(a.OfBytes))
	case a.State == "running":
		return fmt.Sprintf("%s, since %s", a.Stage, term.Stamp(a.Seen))
	case a.Publish > 0:
		return fmt.Sprintf("%d entries, %s (publish %d)", a.Entries, term.Size(a.Bytes), a.Publish)
	}
	return term.Plain(a.Message)
}

// watchArrival shows the newest arrival until it ends.
func (sh shell) watchArrival(c *cli.Context, site int64) error {
	t := time.NewTicker(glance)
	defer t.Stop()
	last := ""
	for {
		all, err := reach.Ask[[]control.Arrival](c, "site.arrivals", control.SiteID{Site: site})
		if err != nil {
			return err
		}
		if len(all) == 0 && sh.JSON {
			return sh.Print(nil)
		}
		if len(all) == 0 {
			return sh.Printf("Nothing was published to site %d yet\n", site)
		}
		now := all[0]
		if now.State != "running" {
			return sh.ended(now)
		}
		if way := wayOf(now); way != last && !sh.JSON {
			last = way
			fmt.Fprintln(sh.Err, way)
		}
		select {
		case <-c.Context.Done():
			return c.Context.Err()
		case <-t.C:
		}
	}
}

func (sh shell) ended(a control.Arrival) error {
	if sh.JSON {
		return sh.Print(a)
	}
	return sh.Printf("Publish %d by %s %s: %s\n", a.ID, term.Plain(a.Login), a.State, wayOf(a))
}

func (sh shell) siteCalls(c *cli.Context) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	if c.Int("last") <= 0 {
		return flags.Misused(c, "--last %d: want a number above 0", c.Int("last"))
	}
	all, err := reach.Ask[[]control.Call](c, "site.calls", control.CallsOf{Site: id, Last: c.Int("last")})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"SEQ", "AT", "BY", "WHAT", "OUTCOME"}}
	for _, x := range all {
		rows = append(rows, []string{fmt.Sprint(x.Seq), term.Stamp(x.At), term.Plain(x.Login), term.Plain(x.Method),
			term.Plain(x.Outcome)})
	}
	return sh.Table(rows)
}
