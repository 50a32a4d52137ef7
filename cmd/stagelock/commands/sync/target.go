package sync

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/settings/suggest"
	"github.com/stagelock/stagelock/gateway/exchange"
)

// stopped reports whether somebody should look at a target.
func stopped(t exchange.TargetStatus) bool { return t.State == "operator" || t.State == "blocked" }

// statusOf prints one target.
func (sh shell) statusOf(c *cli.Context, name string) error {
	s, err := ask[exchange.Status](sh, c, "status", exchange.Order{})
	if err != nil {
		return err
	}
	t, err := targetNamed(s.Targets, name)
	if err != nil {
		return err
	}
	if sh.JSON {
		err = sh.Print(t)
	} else {
		err = sh.showTarget(t)
	}
	if err == nil && (stopped(t) || t.Dead > 0) {
		return &term.SilentError{Code: exitFindings}
	}
	return err
}

func (sh shell) showTarget(t exchange.TargetStatus) error {
	if err := sh.tableTargets([]exchange.TargetStatus{t}); err != nil {
		return err
	}
	var all []string
	if t.Waiting > 0 {
		all = append(all, term.Count(t.Waiting, "change")+" that it cannot take yet")
	}
	if t.Dead > 0 {
		all = append(all, term.Count(t.Dead, "dead letter")+" (stagelock sync log --state dead)")
	}
	if len(all) == 0 {
		return nil
	}
	return sh.Printf("%s\n", strings.Join(all, ", "))
}

// targetNamed returns the target of that name or key. A name that two have means neither, as everywhere.
func targetNamed(all []exchange.TargetStatus, name string) (exchange.TargetStatus, error) {
	var found []exchange.TargetStatus
	var names []string
	for _, t := range all {
		if string(t.ID) == name {
			return t, nil
		}
		if strings.EqualFold(t.Name, name) {
			found = append(found, t)
		}
		names = append(names, term.Plain(t.Name))
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return exchange.TargetStatus{}, &term.DataError{Msg: fmt.Sprintf("%q is the name of %d targets", name, len(found)),
			Cure: "name one by its key, as stagelock sync status --json prints it"}
	case len(all) == 0:
		return exchange.TargetStatus{}, &term.DataError{Msg: fmt.Sprintf("no changes go from here to %q, nor to anybody else", name),
			Cure: "see sync.peers in the configuration of this gateway"}
	}
	return exchange.TargetStatus{}, &term.DataError{Msg: "no changes go from here to " + strconv.Quote(name),
		Cure: suggest.DidYouMean(name, names) + " See stagelock sync status"}
}

// completion is how long somebody waits who pressed the tabulator.
const completion = 2 * time.Second

// completeTarget offers the targets of the gateway that runs; where nobody answers there is nothing to offer.
func (sh shell) completeTarget(c *cli.Context) {
	cli.DefaultCompleteWithFlags(c.Command)(c)
	if c.Args().Present() {
		return
	}
	ctx, cancel := context.WithTimeout(c.Context, completion)
	defer cancel()
	c.Context = ctx
	s, err := ask[exchange.Status](sh, c, "status", exchange.Order{})
	if err != nil {
		return
	}
	for _, t := range s.Targets {
		_ = sh.Printf("%s\n", term.Plain(t.Name)) // a completion that fails completes nothing
	}
}
