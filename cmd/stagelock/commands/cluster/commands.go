package cluster

import (
	"cmp"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/cluster"
)

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Commands returns the commands of this package.
func Commands(sh *term.Shell) []*cli.Command {
	s := shell{sh}
	return []*cli.Command{{
		Name: "cluster", Usage: "gateways that share a database: their key, and how they are",
		Subcommands: []*cli.Command{
			{
				Name: "key", Usage: "make the key that all gateways of a cluster share", Action: s.key,
				Description: "Copy the file to every gateway, readable by the gateway's user only, and name it in cluster.key_file.\n" +
					"It seals the certificates in the database and makes the keys of TLS session tickets.",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "out", Usage: "new file to write it to, for its owner's eyes only; else it is printed"},
					&cli.BoolFlag{Name: "json", Usage: "print JSON"},
				},
			},
			{
				Name: "status", Usage: "show every gateway: its life, lease, clock, calls under way and log", Action: s.status,
				Description: "What is shown stands in the database, as each gateway told it last. It ends with 0 whatever it shows.",
				Flags:       flags.Config(),
			},
		},
	}}
}

func (sh shell) key(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	key, err := cluster.NewKey()
	if err != nil {
		return err
	}
	out := c.String("out")
	if out != "" {
		if err := flags.WriteNew(out, key+"\n"); err != nil {
			return err
		}
	}
	switch {
	case sh.JSON && out == "":
		return sh.Print(map[string]string{"key": key})
	case sh.JSON:
		return sh.Print(map[string]string{"file": out})
	case out == "":
		return sh.Printf("%s\n", key)
	}
	return sh.Printf("Written to %s. Copy it to every gateway, and name it in the configuration of each:\n\n"+
		"  cluster: { key_file: %s }\n", out, out)
}

func (sh shell) status(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := load()
	if cfg == nil || conf.Fatal(problems) {
		return flags.BadConfig(sh.Shell, problems)
	}
	if cfg.Store != "postgres" {
		return &term.DataError{Msg: "store is embedded: this gateway shares nothing",
			Cure: "stagelock status tells how it is; write store: postgres for gateways that share a database"}
	}
	db, err := flags.OpenShared(c.Context, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	s, err := cluster.Read(c.Context, db)
	if err != nil {
		return flags.Database(err, "the gateways cannot be read from the database: "+err.Error(), "see stagelock store check")
	}
	return sh.showStatus(s)
}

var head = []string{"GATEWAY", "STATE", "SINCE (UTC)", "VERSION", "LEASE LEFT", "CLOCK", "CONFIG", "CALLS", "RECORDS", "NOTED",
	"LAST RECORD", "LIFE"}

func (sh shell) showStatus(s cluster.Status) error {
	if sh.JSON {
		return sh.Print(s)
	}
	rows := [][]string{head}
	for _, g := range s.Gateways {
		rows = append(rows, row(g))
	}
	if err := sh.Table(rows); err != nil {
		return err
	}
	if s.Note != nil {
		if err := sh.Printf("newest note over all logs: %d, of %s, signed by %s\n", s.Note.N, term.Stamp(s.Note.Time),
			term.Count(s.Note.Signers, "gateway")); err != nil {
			return err
		}
	}
	paint := sh.Paint(sh.Out)
	for _, f := range s.Findings {
		if err := sh.Printf("%s: %s\n", paint.Warn("note"), term.Plain(f)); err != nil {
			return err
		}
	}
	return nil
}

func row(g cluster.Gateway) []string {
	left, offset, calls := "-", "-", "-"
	if g.State != cluster.Gone {
		left, offset = g.Left.Round(100*time.Millisecond).String(), g.Offset.Round(time.Millisecond).String()
		calls = strconv.Itoa(g.Calls)
	}
	return []string{term.Plain(g.Node), string(g.State), stamp(g.Since), cmp.Or(term.Plain(g.Version), "-"), left, offset,
		cmp.Or(g.Config[:min(8, len(g.Config))], "-"), calls, strconv.FormatUint(uint64(g.Records), 10),
		strconv.FormatUint(uint64(g.Noted), 10), stamp(g.Last), cmp.Or(g.Life, "-")}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return term.Stamp(t)
}
