package engine

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/control"
)

// pageCommand has the commands about versions of pages, which a site has whose staging was enabled with
// page versioning.
func (sh shell) pageCommand() *cli.Command {
	site := &cli.Int64Flag{Name: "site", Usage: "id of the staging site"}
	private := &cli.BoolFlag{Name: "private", Usage: "of the private pages"}
	variation := &cli.StringFlag{Name: "variation", Usage: "variation of the page set, else the main one"}
	branch := &cli.StringFlag{Name: "page-variation", Usage: "variation of the page, else the main one"}
	return &cli.Command{Name: "page", Usage: "versions of pages: variations and revisions", Subcommands: []*cli.Command{
		{Name: "variations", Usage: "list the variations of a page set", Action: sh.pageVariations,
			Flags: reach.Flags(site, private)},
		{Name: "add-variation", Usage: "make a variation of a page set, or of one page", ArgsUsage: "NAME",
			Action: sh.pageAddVariation, Flags: reach.Flags(site, private, variation,
				&cli.StringFlag{Name: "from", Usage: "variation that a new one of the set begins as, else the main one"},
				&cli.StringFlag{Name: "page", Usage: "uuid of a page: a variation of this page only"})},
		{Name: "remove-variation", Usage: "forget a variation of a page set", ArgsUsage: "NAME",
			Action: sh.pageRemoveVariation, Flags: reach.Flags(site, private)},
		{Name: "revisions", Usage: "list the revisions of a page", ArgsUsage: "UUID", Action: sh.pageRevisions,
			Flags: reach.Flags(site, private, variation)},
		{Name: "revise", Usage: "write a new revision of a page; it is a draft", ArgsUsage: "UUID", Action: sh.pageRevise,
			Flags: reach.Flags(site, private, variation, branch,
				&cli.StringFlag{Name: "text", Usage: "the page itself"},
				&cli.StringFlag{Name: "file", Usage: "file with the page; - for standard input"})},
		{Name: "ready", Usage: "mark a revision as ready for publication", ArgsUsage: "ID", Action: sh.pageReady,
			Description: "Of all the revisions of a page in a variation one is ready, and only that one is published.",
			Flags:       reach.Flags(site)},
	}}
}

func (sh shell) pageVariations(c *cli.Context) error {
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]control.Variation](c, "page.variations", control.Variation{Site: site, Private: c.Bool("private")})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"NAME", "MADE", ""}}
	for _, v := range all {
		main := ""
		if v.Main {
			main = "main"
		}
		rows = append(rows, []string{term.Plain(v.Name), term.Stamp(v.At), main})
	}
	return sh.Table(rows)
}

func (sh shell) pageAddVariation(c *cli.Context) error {
	args, err := flags.Operands(c, "the NAME")
	if err != nil {
		return err
	}
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	switch page := c.String("page"); {
	case page == "" && c.IsSet("page"):
		return flags.Misused(c, "--page is empty: name a page by its uuid, or leave it out for a variation of all pages")
	case page != "" && c.IsSet("from"):
		return flags.Misused(c, "--from is of a variation of the page set; a variation of one page begins as the page is")
	case page == "" && c.IsSet("variation"):
		return flags.Misused(c, "--variation is of a variation of one page, which --page names; one of the set begins --from another")
	case page != "":
		r, err := reach.Ask[control.Revision](c, "page.branch", control.PagePlace{Site: site, Private: c.Bool("private"),
			Page: page, Variation: c.String("variation"), Branch: args[0]})
		return sh.showRevision(r, err, "Made")
	}
	v, err := reach.Ask[control.Variation](c, "page.vary", control.Variation{Site: site, Private: c.Bool("private"),
		Name: args[0], From: c.String("from")})
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(v)
	}
	return sh.Printf("Made the variation %s; mark the revisions that are to be published as ready\n", term.Plain(v.Name))
}

func (sh shell) pageRemoveVariation(c *cli.Context) error {
	args, err := flags.Operands(c, "the NAME")
	if err != nil {
		return err
	}
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	in := control.Variation{Site: site, Private: c.Bool("private"), Name: args[0]}
	if _, err := reach.Ask[struct{}](c, "page.unvary", in); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(in)
	}
	return sh.Printf("Removed the variation %s\n", term.Plain(in.Name))
}

// pageOf returns the place that the operand and the flags name.
func pageOf(c *cli.Context) (control.PagePlace, error) {
	args, err := flags.Operands(c, "the UUID of a page")
	if err != nil {
		return control.PagePlace{}, err
	}
	site, err := reach.Site(c)
	return control.PagePlace{Site: site, Private: c.Bool("private"), Page: args[0], Variation: c.String("variation"),
		Branch: c.String("page-variation")}, err
}

func (sh shell) pageRevisions(c *cli.Context) error {
	in, err := pageOf(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]control.Revision](c, "page.revisions", in)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ID", "VARIATION", "PAGE VARIATION", "NUMBER", "SAVED", "SIZE", ""}}
	for _, r := range all {
		ready := "draft"
		if r.Ready {
			ready = "ready for publication"
		}
		rows = append(rows, []string{fmt.Sprint(r.ID), term.Plain(r.Variation), term.Plain(r.Branch), fmt.Sprint(r.Number),
			term.Stamp(r.Saved), term.Size(r.Size), ready})
	}
	return sh.Table(rows)
}

func (sh shell) pageRevise(c *cli.Context) error {
	in, err := pageOf(c)
	if err != nil {
		return err
	}
	if !c.IsSet("text") && c.String("file") == "" {
		return flags.Misused(c, "revise needs --text or --file, the page itself")
	}
	r, err := upload[control.Revision](sh, c, "page.revise", in)
	return sh.showRevision(r, err, "Saved")
}

func (sh shell) pageReady(c *cli.Context) error {
	id, err := reach.Number(c, "the ID of a revision")
	if err != nil {
		return err
	}
	site, err := reach.Site(c)
	if err != nil {
		return err
	}
	r, err := reach.Ask[control.Revision](c, "page.ready", control.Revision{ID: id, Site: site})
	return sh.showRevision(r, err, "Ready for publication:")
}

func (sh shell) showRevision(r control.Revision, err error, done string) error {
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(r)
	}
	return sh.Printf("%s revision %d of page %s: number %d in %s, %s\n", done, r.ID, r.Page, r.Number,
		term.Plain(r.Branch), term.Plain(r.Variation))
}
