package sync

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

func (sh shell) conflictsCommand() *cli.Command {
	return &cli.Command{
		Name: "conflicts", Usage: "list objects that were edited on two servers at once: exit 1 if there are any to decide here",
		Flags: flags.Running(),
		Action: func(c *cli.Context) error {
			if _, err := flags.Operands(c); err != nil {
				return err
			}
			all, err := ask[[]exchange.Conflict](sh, c, "conflicts", exchange.Order{})
			if err != nil {
				return err
			}
			return sh.showConflicts(all)
		},
	}
}

func (sh shell) showConflicts(all []exchange.Conflict) error {
	here := false
	for _, x := range all {
		here = here || x.Here
	}
	if sh.JSON {
		if err := sh.Print(all); err != nil {
			return err
		}
	} else if err := sh.tableConflicts(all); err != nil {
		return err
	}
	if here {
		return &term.SilentError{Code: exitFindings}
	}
	return nil
}

func (sh shell) tableConflicts(all []exchange.Conflict) error {
	if len(all) == 0 {
		return sh.Printf("No conflicts.\n")
	}
	for _, x := range all {
		where := "decide it here: stagelock sync diff '" + string(x.Object) + "'"
		if !x.Here {
			where = "to be decided on " + x.Decide
		}
		err := sh.Printf("%s  %s  (%s)\n", term.Plain(string(x.Object)), term.Plain(orDash(x.Title)), term.Plain(where))
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range x.Versions {
			what := "written"
			if v.Op == words.Delete {
				what = "deleted"
			}
			if v.Shown {
				what += ", shown here"
			}
			rows = append(rows, plain("  "+v.Server, what, term.Stamp(v.At), orDash(v.Author), term.Size(v.Size)))
		}
		if err := sh.Table(rows); err != nil {
			return err
		}
		if !slices.ContainsFunc(x.Versions, func(v exchange.Version) bool { return v.Shown }) {
			err := sh.Printf("  Nobody knows which of them the server here has, as an edit and a delivery met: " +
				"it is given what is decided.\n")
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (sh shell) diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "print the versions of an object that stand beside each other, or a change that waits for approval",
		ArgsUsage: "OBJECT|ID",
		Flags:     flags.Running(),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "an object, site/kind/id, or the id of a change")
			if err != nil {
				return err
			}
			return sh.diff(c, args[0])
		},
	}
}

// text is one version with its content, for a script.
type text struct {
	exchange.Version
	Content []byte `json:"content,omitempty"`
}

func (sh shell) diff(c *cli.Context, object string) error {
	if id, err := words.ParseID(object); err == nil {
		return sh.diffHeld(c, id)
	}
	all, err := ask[[]exchange.Conflict](sh, c, "conflicts", exchange.Order{Object: object})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return &term.DataError{Msg: "there is nothing to decide about " + object, Cure: cures["no-conflict"]}
	}
	var texts []text
	for _, v := range all[0].Versions {
		t := text{Version: v}
		if v.Payload != "" {
			got, err := ask[exchange.Order](sh, c, "content", exchange.Order{Digest: v.Payload})
			if err != nil {
				return err
			}
			t.Content = got.Content
		}
		texts = append(texts, t)
	}
	if sh.JSON {
		return sh.Print(texts)
	}
	for _, t := range texts {
		if err := sh.showText(t); err != nil {
			return err
		}
	}
	return nil
}

// maxShown is how much of a text is printed.
const maxShown = 64 << 10

func (sh shell) showText(t text) error {
	head := t.Server
	if !t.At.IsZero() {
		head += ", " + term.Stamp(t.At)
	}
	if t.Shown {
		head += ", shown here"
	}
	if err := sh.Printf("%s\n", sh.Paint(sh.Out).Title("== "+term.Plain(head))); err != nil {
		return err
	}
	switch b := t.Content[:min(len(t.Content), maxShown)]; {
	case t.Op == words.Delete && t.At.IsZero():
		return sh.Printf("(not there)\n")
	case t.Op == words.Delete:
		return sh.Printf("(deleted)\n")
	case !utf8.Valid(b) || bytes.ContainsRune(b, 0):
		return sh.Printf("(%s that are no text, SHA-256 %s)\n", term.Size(t.Size), t.Payload)
	default:
		for line := range strings.Lines(string(b)) {
			if err := sh.Printf("%s\n", term.Plain(strings.TrimRight(line, "\r\n"))); err != nil {
				return err
			}
		}
		return nil
	}
}

func (sh shell) resolveCommand() *cli.Command {
	return &cli.Command{
		Name: "resolve", Usage: "decide a conflict, for all servers", ArgsUsage: "OBJECT",
		Description: "It is decided on the server on which the object was made: where everybody decides at once, decisions collide.",
		Flags: flags.Running(
			&cli.StringFlag{Name: "take", Usage: "the version that was made on that `SERVER`"},
			&cli.BoolFlag{Name: "both", Usage: "what is shown here stays, each other version becomes an object of its own"},
			&cli.StringFlag{Name: "content", Usage: "a `FILE` with the object as it is to be, first line included; - for standard input"},
			&cli.BoolFlag{Name: "here", Usage: "although the object was made elsewhere"},
			&cli.StringFlag{Name: "author", Usage: "who decides, for the history"}),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "an object, site/kind/id")
			if err != nil {
				return err
			}
			return sh.resolve(c, args[0])
		},
	}
}

func (sh shell) resolve(c *cli.Context, object string) error {
	o := exchange.Order{
		Object: object,
		Take:   c.String("take"),
		Both:   c.Bool("both"),
		Here:   c.Bool("here"),
		Author: c.String("author"),
	}
	if file := c.String("content"); file != "" {
		var err error
		if o.Content, err = sh.content(file); err != nil {
			return err
		}
	}
	if ways := count(o.Take != "", o.Both, o.Content != nil); ways != 1 {
		return flags.Misused(c, "say one of --take, --both and --content")
	}
	d, err := ask[exchange.Done](sh, c, "resolve", o)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(d)
	}
	return sh.Printf("Decided, as change %s.\n", d.ID)
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// content reads a file, or standard input.
func (sh shell) content(file string) ([]byte, error) {
	in := sh.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, &term.DataError{Msg: err.Error(), Cure: "name a file that is there"}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, words.MaxMessage/2))
	if err == nil && len(b) == 0 {
		return nil, &term.DataError{Msg: "the content is empty", Cure: "to delete the object, delete it after the decision"}
	}
	return b, err
}
