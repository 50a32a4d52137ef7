package sync

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
)

// ask has the running gateway carry out an order and returns its answer.
func ask[T any](sh shell, c *cli.Context, name string, o exchange.Order) (out T, err error) {
	client, err := flags.Gateway(sh.Shell, c)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(c.Context, time.Minute)
	defer cancel()
	var refusal exchange.Failure
	err = client.Order(ctx, exchange.Path+name, o, &out, &refusal)
	return out, told(err)
}

// cures are what helps against a failure, by its code.
var cures = map[string]string{
	"other":       "decide it on the gateway whose log says that it reads the engine's journal",
	"elsewhere":   "decide it there with stagelock sync resolve, or here with --here if that server is gone for long",
	"no-conflict": "see stagelock sync conflicts",
	"no-version":  "see stagelock sync conflicts for the servers whose versions there are",
	"moved":       "look at it again with stagelock sync diff, and decide again",
	"decided":     "see stagelock sync approvals --state refused (or approved); --overrule decides anew",
	"unknown":     "see stagelock sync log, stagelock sync status and stagelock sync approvals",
	"input":       "see --help",
	"denied":      "see sync.peers in the configuration of this gateway",
	"off":         "set sync.name in the configuration and restart the gateway",
	"peer":        "see stagelock sync status; both gateways must know the command",
	"failed":      "see the gateway's log",
}

// told says in words why an order was not carried out.
func told(err error) error {
	var f *exchange.Failure
	switch {
	case errors.As(err, &f) && (f.Code == "moved" || f.Code == "other"):
		return &term.AgainError{Msg: f.Message, Cure: cures[f.Code]}
	case errors.As(err, &f) && f.Code == "peer":
		return &term.UnavailableError{Msg: f.Message, Cure: cures[f.Code]}
	case errors.As(err, &f) && (f.Code == "elsewhere" || f.Code == "denied" || f.Code == "decided"):
		return &term.DeniedError{Msg: f.Message, Cure: cures[f.Code]}
	case errors.As(err, &f):
		return &term.DataError{Msg: f.Message, Cure: cures[f.Code]}
	case err != nil:
		return flags.Unreached(err)
	}
	return nil
}

// clock writes a time for a table: today's without its date.
func (sh shell) clock(t time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case sh.Now().Sub(t).Abs() < 12*time.Hour:
		return t.UTC().Format("15:04:05")
	}
	return term.Stamp(t)
}

// age writes how long ago something was.
func (sh shell) age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return term.Span(sh.Now().Sub(t).Truncate(time.Second))
}

func plain(texts ...string) []string {
	for i := range texts {
		texts[i] = term.Plain(texts[i])
	}
	return texts
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func joined(all []string) string { return orDash(strings.Join(all, ", ")) }
