package staging

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/integration/engine/remote"
)

func (sh shell) stagingSchedule(c *cli.Context) error {
	args, err := flags.Operands(c, "CRON, such as '0 3 * * MON-FRI'")
	if err != nil {
		return err
	}
	in := remote.Schedule{Cron: args[0], Zone: c.String("zone")}
	if in.Site, in.Login, err = siteAndLogin(c); err != nil {
		return err
	}
	if in.Options, err = selected(c); err != nil {
		return err
	}
	if in.Start, err = timeOf(c, "start"); err != nil {
		return err
	}
	if in.Until, err = timeOf(c, "until"); err != nil {
		return err
	}
	made, err := reach.Ask[remote.Schedule](c, "staging.schedule", in)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(made)
	}
	return sh.Printf("Schedule %d publishes site %d, next at %s\n", made.ID, made.Site, term.Stamp(made.Next))
}

func (sh shell) stagingSchedules(c *cli.Context) error {
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]remote.Schedule](c, "staging.schedules", control.SiteID{Site: site})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "CRON", "ZONE", "NEXT", "AS", "NAME"}}
	for _, s := range all {
		rows = append(rows, []string{fmt.Sprint(s.ID), s.Cron, s.Zone, term.Stamp(s.Next), term.Plain(s.Login),
			term.Plain(s.Options.Name)})
	}
	return sh.Table(rows)
}

func (sh shell) stagingUnschedule(c *cli.Context) error {
	id, err := reach.Number(c, "the ID of a schedule")
	if err != nil {
		return err
	}
	if _, err := reach.Ask[struct{}](c, "staging.unschedule", control.ID{ID: id}); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(control.ID{ID: id})
	}
	return sh.Printf("Schedule %d is ended\n", id)
}
