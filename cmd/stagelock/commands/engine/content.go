package engine

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
)

func (sh shell) contentCommand() *cli.Command {
	id := &cli.Int64Flag{Name: "site", Usage: "id of the site or asset library"}
	private := &cli.BoolFlag{Name: "private", Usage: "among the private pages"}
	body := []cli.Flag{
		&cli.StringFlag{Name: "text", Usage: "the content itself"},
		&cli.StringFlag{Name: "file", Usage: "file with the content; - for standard input"},
	}
	return &cli.Command{Name: "content", Usage: "pages, articles, documents and what else a site has",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list what a site has", Action: sh.contentList, Flags: reach.Flags(id)},
			{Name: "add", Usage: "add a page, an article, a document ...", ArgsUsage: "KIND NAME", Action: sh.contentAdd,
				Description: "The kinds are " + flags.Names(content.Kinds()) + ".",
				Flags: reach.Flags(append([]cli.Flag{id, private,
					&cli.StringFlag{Name: "parent", Usage: "uuid of the page, folder, vocabulary or category that it lies in"},
					&cli.StringFlag{Name: "friendly-url", Usage: "address of a page, such as /contact"},
					&cli.StringFlag{Name: "media-type", Usage: "of a document, such as image/png"},
					&cli.StringSliceFlag{Name: "portlet", Usage: "an application on a page; may be repeated"},
					&cli.StringSliceFlag{Name: "tag", Usage: "a tag; may be repeated"},
					&cli.StringSliceFlag{Name: "category", Usage: "uuid of a category; may be repeated"},
					&cli.StringSliceFlag{Name: "permission", Usage: "ROLE=ACTION, such as Guest=VIEW; may be repeated"},
					&cli.StringSliceFlag{Name: "needs", Usage: "KIND:UUID of what it refers to; may be repeated"},
				}, body...)...)},
			{Name: "update", Usage: "write a new version", ArgsUsage: "KIND UUID", Action: sh.contentUpdate,
				Flags: reach.Flags(append([]cli.Flag{id, private}, body...)...)},
			{Name: "delete", Usage: "delete; a publish carries the deletion", ArgsUsage: "KIND UUID",
				Action: sh.contentDelete, Flags: reach.Flags(id, private)},
			{Name: "show", Usage: "print the content itself", ArgsUsage: "KIND UUID", Action: sh.contentShow,
				Flags: reach.Flags(id, private)},
			{Name: "versions", Usage: "list the versions", ArgsUsage: "KIND UUID", Action: sh.contentVersions,
				Flags: reach.Flags(id, private)},
		}}
}

func (sh shell) contentList(c *cli.Context) error {
	id, err := reach.Site(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]control.Item](c, "content.list", control.SiteID{Site: id})
	if err != nil {
		return err
	}
	return sh.showItems(all)
}

func (sh shell) showItems(all []control.Item) error {
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"KIND", "UUID", "NAME", "VERSION", "SIZE", "PUBLISH"}}
	for _, it := range all {
		kind, by := string(it.Kind), ""
		if it.Private {
			kind = "private " + kind
		}
		if it.Publish > 0 {
			by = fmt.Sprint(it.Publish)
		}
		rows = append(rows, []string{kind, it.UUID, term.Plain(it.Name), fmt.Sprint(it.Version), term.Size(it.Size), by})
	}
	return sh.Table(rows)
}

func (sh shell) contentAdd(c *cli.Context) error {
	args, err := flags.Operands(c, "the KIND: "+flags.Names(content.Kinds()), "the NAME")
	if err != nil {
		return err
	}
	in, err := newItem(c, args)
	if err != nil {
		return err
	}
	return sh.send(c, "content.add", in, "Added")
}

// send uploads the content of the flags with a command and shows what it became.
func (sh shell) send(c *cli.Context, name string, in any, done string) error {
	it, err := upload[control.Item](sh, c, name, in)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(it)
	}
	return sh.Printf("%s %s %s, version %d\n", done, it.Kind, it.UUID, it.Version)
}

func newItem(c *cli.Context, args []string) (control.NewItem, error) {
	id, err := reach.Site(c)
	if err != nil {
		return control.NewItem{}, err
	}
	in := control.NewItem{Site: id, Kind: content.Kind(args[0]), Name: args[1], Private: c.Bool("private"),
		Parent: c.String("parent"), FriendlyURL: c.String("friendly-url"), MediaType: c.String("media-type"),
		Portlets: c.StringSlice("portlet"), Tags: c.StringSlice("tag"), Categories: c.StringSlice("category")}
	if !slices.Contains(content.Kinds(), in.Kind) {
		return in, noKind(c, args[0])
	}
	for _, p := range c.StringSlice("permission") {
		role, action, found := strings.Cut(p, "=")
		if !found || role == "" || action == "" {
			return in, flags.Misused(c, "--permission %s: want ROLE=ACTION", p)
		}
		if in.Permissions == nil {
			in.Permissions = map[string][]string{}
		}
		in.Permissions[role] = append(in.Permissions[role], action)
	}
	for _, n := range c.StringSlice("needs") {
		kind, uuid, found := strings.Cut(n, ":")
		if !found || content.TypeOf(content.Kind(kind)) == "" || uuid == "" {
			return in, flags.Misused(c, "--needs %s: want KIND:UUID; the kinds are %s", n, flags.Names(content.Kinds()))
		}
		in.Refs = append(in.Refs, content.Ref{Kind: content.Kind(kind), UUID: uuid, Name: uuid})
	}
	return in, nil
}

func noKind(c *cli.Context, kind string) error {
	return flags.Misused(c, "%q is no kind of content; those are %s", kind, flags.Names(content.Kinds()))
}

// itemOf returns what the operands and --site name.
func itemOf(c *cli.Context) (control.ItemID, error) {
	args, err := flags.Operands(c, "the KIND: "+flags.Names(content.Kinds()), "the UUID")
	if err != nil {
		return control.ItemID{}, err
	}
	if !slices.Contains(content.Kinds(), content.Kind(args[0])) {
		return control.ItemID{}, noKind(c, args[0])
	}
	id, err := reach.Site(c)
	return control.ItemID{Site: id, Kind: content.Kind(args[0]), UUID: args[1], Private: c.Bool("private")}, err
}

func (sh shell) contentUpdate(c *cli.Context) error {
	in, err := itemOf(c)
	if err != nil {
		return err
	}
	if !c.IsSet("text") && c.String("file") == "" {
		return flags.Misused(c, "update needs --text or --file, the new content")
	}
	return sh.send(c, "content.update", in, "Updated")
}

func (sh shell) contentDelete(c *cli.Context) error {
	in, err := itemOf(c)
	if err != nil {
		return err
	}
	if _, err := reach.Ask[struct{}](c, "content.delete", in); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(in)
	}
	return sh.Printf("Deleted %s %s\n", in.Kind, term.Plain(in.UUID))
}

func (sh shell) contentShow(c *cli.Context) error {
	in, err := itemOf(c)
	if err != nil {
		return err
	}
	to, err := reach.Client(c)
	if err != nil {
		return err
	}
	r, err := to.Download(c.Context, "content.open", in)
	if err != nil {
		return reach.Explained(c.Context, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	if _, err := io.Copy(sh.Out, r); err != nil {
		return &term.OutputError{Err: err}
	}
	return nil
}

func (sh shell) contentVersions(c *cli.Context) error {
	in, err := itemOf(c)
	if err != nil {
		return err
	}
	all, err := reach.Ask[[]control.Item](c, "content.versions", in)
	if err != nil {
		return err
	}
	return sh.showItems(all)
}
