// Package staging has the commands about the remote live staging of a running engine: connecting a site,
// publishing it now or by a schedule, and its history.
package staging

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/integration/engine/remote"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Command returns the commands about staging.
func Command(s *term.Shell) *cli.Command { return shell{s}.command() }

func (sh shell) command() *cli.Command {
	site := &cli.Int64Flag{Name: "site", Usage: "id of the staging site or asset library"}
	as := &cli.StringFlag{Name: "as", EnvVars: []string{"STAGELOCK_LOGIN"},
		Usage: "login of the user who does it, here and on live"}
	return &cli.Command{Name: "staging", Usage: "remote live staging of an engine's sites", Subcommands: []*cli.Command{
		{Name: "enable", Usage: "connect a site to the live one and turn staging on", Action: sh.stagingEnable,
			Flags: reach.Flags(site, as,
				&cli.StringFlag{Name: "remote-host", Usage: "name, IPv4 or IPv6 address of the live side"},
				&cli.IntFlag{Name: "remote-port", Usage: "its port"},
				&cli.StringFlag{Name: "remote-path-context", Usage: "path context of the live side, such as /portal"},
				&cli.Int64Flag{Name: "remote-site", Usage: "id of the site or asset library on live"},
				&cli.BoolFlag{Name: "secure", Usage: "use a secure connection (https)"},
				&cli.StringFlag{Name: "remote-url", Usage: "address of the live site's pages, if it is not what live says"},
				&cli.StringSliceFlag{Name: "page-versioning", Usage: "public or private: keep versions of these pages; " +
					"may be repeated"},
				&cli.StringSliceFlag{Name: "type", Usage: "what is staged, else everything: " + flags.Names(content.Types(false)) +
					"; may be repeated"})},
		{Name: "status", Usage: "say how a site is staged", Action: sh.stagingStatus, Flags: reach.Flags(site)},
		{Name: "publish", Usage: "publish a site to live now", Action: sh.stagingPublish,
			Flags: reach.Flags(append(selection(), site, as)...)},
		{Name: "schedule", Usage: "publish a site again and again", ArgsUsage: "CRON", Action: sh.stagingSchedule,
			Description: "CRON has five fields, minute hour day month weekday, or six with the seconds first.",
			Flags: reach.Flags(append(selection(), site, as,
				&cli.StringFlag{Name: "zone", Value: "UTC", Usage: "time zone of CRON, such as Europe/Berlin"},
				&cli.StringFlag{Name: "start", Usage: "no publish begins before this time, such as 2026-12-24T00:00:00Z"},
				&cli.StringFlag{Name: "until", Usage: "no publish begins after this time, such as 2026-12-31T00:00:00Z"})...)},
		{Name: "list-schedules", Usage: "list the schedules of a site", Action: sh.stagingSchedules, Flags: reach.Flags(site)},
		{Name: "unschedule", Usage: "end a schedule", ArgsUsage: "ID", Action: sh.stagingUnschedule, Flags: reach.Flags()},
		{Name: "history", Usage: "list the publishes of a site", Action: sh.stagingHistory, Flags: reach.Flags(site)},
		{Name: "relaunch", Usage: "publish again what a publish of the history did", ArgsUsage: "ID",
			Action: sh.stagingRelaunch, Flags: reach.Flags(as)},
		{Name: "disable", Usage: "turn staging off, here and on live", Action: sh.stagingDisable,
			Flags: reach.Flags(site, as, &cli.BoolFlag{Name: "force",
				Usage: "turn it off here even if live cannot be told; live may stay locked"})},
	}}
}

// selection are the flags that say what a publish takes.
func selection() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "name of the publish, for the history"},
		&cli.BoolFlag{Name: "private", Usage: "the private pages instead of the public ones"},
		&cli.StringFlag{Name: "variation", Usage: "variation of pages with versions, else the main one"},
		&cli.BoolFlag{Name: "since-last", Usage: "only what was changed since the last publish"},
		&cli.StringFlag{Name: "from", Usage: "only what was changed from this time on, such as 2026-01-31T00:00:00Z"},
		&cli.StringFlag{Name: "to", Usage: "only what was changed until this time"},
		&cli.StringSliceFlag{Name: "type",
			Usage: "only this of what is staged: " + flags.Names(content.Types(false)) + "; may be repeated"},
		&cli.StringSliceFlag{Name: "page", Usage: "uuid: only this page, with those above it that live lacks; may be repeated"},
		&cli.StringSliceFlag{Name: "item", Usage: "KIND:UUID: only this, with what it lies in; may be repeated"},
		&cli.StringFlag{Name: "portlet", Usage: "id of an application: only its data"},
		&cli.StringFlag{Name: "onto", Usage: "uuid of the page that holds the application; it must be on live"},
		&cli.BoolFlag{Name: "no-deletions", Usage: "what was deleted here stays on live"},
	}
}

func selected(c *cli.Context) (o remote.Options, err error) {
	o = remote.Options{
		Name:        c.String("name"),
		Private:     c.Bool("private"),
		Variation:   c.String("variation"),
		Since:       c.Bool("since-last"),
		Pages:       c.StringSlice("page"),
		Portlet:     c.String("portlet"),
		Onto:        c.String("onto"),
		NoDeletions: c.Bool("no-deletions"),
		Types:       typesOf(c),
	}
	for _, name := range []string{"variation", "from", "to", "portlet", "onto"} {
		if c.IsSet(name) && c.String(name) == "" {
			return o, flags.Misused(c, "--%s is empty: leave it out to publish without it", name)
		}
	}
	for _, ref := range c.StringSlice("item") {
		kind, uuid, found := strings.Cut(ref, ":")
		if !found || content.TypeOf(content.Kind(kind)) == "" || uuid == "" {
			return o, flags.Misused(c, "--item %s: want KIND:UUID; the kinds are %s", ref, flags.Names(content.Kinds()))
		}
		o.Items = append(o.Items, content.Ref{Kind: content.Kind(kind), UUID: uuid})
	}
	if o.From, err = timeOf(c, "from"); err == nil {
		o.To, err = timeOf(c, "to")
	}
	return o, err
}

func timeOf(c *cli.Context, name string) (time.Time, error) {
	text := c.String(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, flags.Misused(c, "--%s %s: want a time such as 2026-01-31T00:00:00Z", name, text)
	}
	return t, nil
}

func typesOf(c *cli.Context) []content.Type {
	var all []content.Type
	for _, t := range c.StringSlice("type") {
		all = append(all, content.Type(t))
	}
	return all
}

// loginOf returns who does it.
func loginOf(c *cli.Context) (string, error) {
	if login := c.String("as"); login != "" {
		return login, nil
	}
	return "", flags.Misused(c, "%s needs --as or STAGELOCK_LOGIN, the login of a user here and on live", c.Command.Name)
}

// siteAndLogin returns what most commands need.
func siteAndLogin(c *cli.Context) (int64, string, error) {
	site, err := reach.Site(c)
	if err != nil {
		return 0, "", err
	}
	login, err := loginOf(c)
	return site, login, err
}

func (sh shell) stagingEnable(c *cli.Context) error {
	site, login, err := siteAndLogin(c)
	if err != nil {
		return err
	}
	to := link.Connection{Address: c.String("remote-host"), Port: c.Int("remote-port"),
		PathContext: c.String("remote-path-context"), Site: c.Int64("remote-site"), Secure: c.Bool("secure"),
		RemoteURL: c.String("remote-url"), Types: typesOf(c)}
	for _, pages := range c.StringSlice("page-versioning") {
		switch pages {
		case "public":
			to.VersionPublic = true
		case "private":
			to.VersionPrivate = true
		default:
			return flags.Misused(c, "--page-versioning %s: want public or private", pages)
		}
	}
	st, err := reach.Ask[control.Staging](c, "staging.enable", control.Enable{Site: site, Login: login, Connection: to})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(st)
	}
	if err := sh.Printf("Staging is enabled for site %d\n", site); err != nil {
		return err
	}
	for _, p := range st.Parted {
		fmt.Fprintf(sh.Err, "stagelock: warning: site %d is no longer connected to the asset library %d: "+
			"a staged library can only be connected to sites that are staged too\n", p.Site, p.Library)
	}
	return sh.showStaging(st)
}

func (sh shell) showStaging(st control.Staging) error {
	c := st.Connection
	scheme := "http"
	if c.Secure {
		scheme = "https"
	}
	rows := [][]string{
		{"live", fmt.Sprintf("%s://%s port %d%s", scheme, term.Plain(c.Address), c.Port, term.Plain(c.PathContext))},
		{"site there", fmt.Sprint(c.Site)},
		{"enabled", term.Stamp(st.Since) + " by " + term.Plain(st.Login)},
	}
	for _, t := range c.Types {
		rows = append(rows, []string{"staged", string(t)})
	}
	if c.VersionPublic {
		rows = append(rows, []string{"versioned", "public pages"})
	}
	if c.VersionPrivate {
		rows = append(rows, []string{"versioned", "private pages"})
	}
	return sh.Table(rows)
}

func (sh shell) stagingStatus(c *cli.Context) error {
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	st, err := reach.Ask[control.Staging](c, "staging.status", control.SiteID{Site: site})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(st)
	}
	return sh.showStaging(st)
}

func (sh shell) stagingDisable(c *cli.Context) error {
	site, login, err := siteAndLogin(c)
	if err != nil {
		return err
	}
	w, err := reach.Ask[control.Warning](c, "staging.disable", control.Disable{Site: site, Login: login, Force: c.Bool("force")})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(w)
	}
	if w.Warning != "" {
		fmt.Fprintf(sh.Err, "stagelock: warning: %s\n", term.Plain(w.Warning))
		if strings.Contains(w.Warning, "stay locked") {
			fmt.Fprintln(sh.Err, "  what to do: on live: stagelock site unlock")
		}
	}
	return sh.Printf("Staging is disabled for site %d\n", site)
}

func (sh shell) stagingPublish(c *cli.Context) error {
	site, login, err := siteAndLogin(c)
	if err != nil {
		return err
	}
	o, err := selected(c)
	if err != nil {
		return err
	}
	return sh.follow(c, "staging.publish", control.Publish{Site: site, Login: login, Options: o})
}

func (sh shell) stagingRelaunch(c *cli.Context) error {
	id, err := reach.Number(c, "the ID of a publish of the history")
	if err != nil {
		return err
	}
	return sh.follow(c, "staging.relaunch", control.ID{ID: id, Login: c.String("as")})
}

// follow shows a publish while it goes on, and what came of it.
func (sh shell) follow(c *cli.Context, name string, in any) error {
	to, err := reach.Client(c)
	if err != nil {
		return err
	}
	var display term.Display
	p, err := control.Stream(c.Context, to, name, in, func(p remote.Publication) {
		now := p.Progress
		if display == nil && now.Total > 0 {
			display = sh.NewDisplay(now.Total)
		}
		if display != nil && p.State == remote.Running {
			display.Update(publisher.Progress{Stage: publisher.Stage(now.Stage), Part: now.Part, Parts: now.Parts,
				Done: now.Done, Arrived: now.Done, Total: now.Total})
		}
	})
	if display != nil {
		display.Close()
	}
	if err != nil {
		return lost(p, reach.Explained(c.Context, err))
	}
	if p.State != remote.Succeeded {
		return failedPublish(p)
	}
	if sh.JSON {
		return sh.Print(p)
	}
	return sh.showOutcome(p)
}

// lost is a publish whose engine was lost on the way: what came of it is not known here.
func lost(p remote.Publication, err error) error {
	var f *failure.Failure
	if p.ID == 0 || !errors.As(err, &f) || f.Kind != failure.Unreachable {
		return err
	}
	return &failure.Failure{Kind: failure.Uncertain, Msg: fmt.Sprintf("the engine was lost in publish %d of site %d", p.ID, p.Site),
		Err: err, Cure: "see what became of it when the engine runs: stagelock staging history; stagelock staging relaunch " +
			"publishes it again"}
}

func failedPublish(p remote.Publication) error {
	kind := cmp.Or(p.Outcome.Kind, failure.Exception)
	if p.Outcome.Kind == "" && len(p.Outcome.Missing) > 0 {
		kind = failure.Missing
	}
	switch p.Outcome.Code {
	case link.NoConnection:
		kind = failure.Unreachable
	case link.NoAuthentication, link.NoRemoteRight, content.NoPermission:
		kind = failure.Denied
	}
	return &failure.Failure{Kind: kind, Msg: fmt.Sprintf("publish %d of site %d failed: %s", p.ID, p.Site,
		p.Outcome.Message), Cure: p.Outcome.Cure, References: p.Outcome.Missing}
}

func (sh shell) showOutcome(p remote.Publication) error {
	for _, w := range append(p.Outcome.Warnings, p.Outcome.Weak...) {
		fmt.Fprintf(sh.Err, "stagelock: warning: %s\n", term.Plain(w))
	}
	var what []string
	for _, k := range slices.Sorted(maps.Keys(p.Outcome.Items)) {
		what = append(what, term.Count(p.Outcome.Items[k], string(k)))
	}
	if p.Outcome.Deletions > 0 {
		what = append(what, term.Count(p.Outcome.Deletions, "deletion"))
	}
	if len(what) == 0 {
		what = []string{"nothing new"}
	}
	return sh.Printf("Published site %d: %s; %s in %s (publish %d)\n", p.Site, strings.Join(what, ", "),
		term.Size(p.Outcome.Bytes), term.Count(p.Outcome.Parts, "part"), p.ID)
}

func (sh shell) stagingHistory(c *cli.Context) error {
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]remote.Publication](c, "staging.history", control.SiteID{Site: site})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "STARTED", "STATE", "BY", "NAME", ""}}
	for _, p := range all {
		by, what := term.Plain(p.Login), term.Plain(p.Outcome.Message)
		if p.Schedule > 0 {
			by += fmt.Sprintf(", schedule %d", p.Schedule)
		}
		if p.State == remote.Running {
			what = p.Progress.Stage
		}
		rows = append(rows, []string{fmt.Sprint(p.ID), term.Stamp(p.Started), p.State, by, term.Plain(p.Options.Name), what})
	}
	return sh.Table(rows)
}
