package operate

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store/postgres"
)

func (sh shell) storeCommand() *cli.Command {
	return &cli.Command{
		Name: "store", Usage: "back up what a gateway keeps; look at the database that gateways share, and bring its schema up to date",
		Subcommands: []*cli.Command{
			sh.backupCommand(),
			{Name: "check", Usage: "say whether the database server is fit, and what is missing of the schema",
				Flags: flags.Config(), Action: sh.storeCheck},
			{Name: "migrate", Usage: "apply what is missing of the schema",
				Flags:  append(flags.Config(), &cli.BoolFlag{Name: "plan", Usage: "print the steps and change nothing"}),
				Action: sh.storeMigrate},
		},
	}
}

// database returns how the shared database is reached.
func (sh shell) database(c *cli.Context) (postgres.Config, error) {
	if _, err := flags.Operands(c); err != nil {
		return postgres.Config{}, err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return postgres.Config{}, err
	}
	cfg, problems := load()
	if cfg == nil || conf.Fatal(problems) {
		return postgres.Config{}, flags.BadConfig(sh.Shell, problems)
	}
	if cfg.Store != "postgres" {
		return postgres.Config{}, &term.DataError{
			Msg:  "store is embedded: the gateway brings " + node.DataDir(cfg.Data).Database() + " up to date when it starts",
			Cure: "there is nothing to do; write store: postgres for a database that several gateways share",
		}
	}
	pc := cluster.PostgresConfig(cfg)
	pc.Patience = 0 // whoever looks wants to know now
	return pc, nil
}

// storeReport is what a check found, for a script.
type storeReport struct {
	OK bool `json:"ok"`
	postgres.Report
	Migrations []postgres.Migration `json:"migrations"`
	unread     bool                 // they cannot be looked at
}

func (sh shell) storeCheck(c *cli.Context) error {
	cfg, err := sh.database(c)
	if err != nil {
		return err
	}
	r := storeReport{}
	if r.Report, err = postgres.Inspect(c.Context, cfg); err != nil {
		return flags.Database(err, err.Error(), "correct cluster.postgres.url")
	}
	switch r.Migrations, err = postgres.Plan(c.Context, cfg); {
	case err != nil && len(r.Problems) > 0:
		r.Migrations, r.unread = nil, true // the problems say why
	case err != nil:
		return flags.Database(err, err.Error(), "give the role rights on the schema "+cfg.Schema)
	}
	r.OK = len(r.Problems) == 0
	if err := sh.showStore(r); err != nil {
		return err
	}
	if !r.OK {
		return &term.DataError{Msg: "the database cannot be used", Cure: "mend what is listed above, and check again"}
	}
	return nil
}

func (sh shell) showStore(r storeReport) error {
	if sh.JSON {
		return sh.Print(r)
	}
	missing := 0
	for _, m := range r.Migrations {
		if !m.Applied {
			missing++
		}
	}
	schema := "up to date"
	switch {
	case r.unread:
		schema = "cannot be looked at"
	case missing > 0:
		schema = term.Count(missing, "step") + " missing: a gateway that starts applies them, or stagelock store migrate"
	}
	if err := sh.Table([][]string{
		{"server", "PostgreSQL " + term.Plain(r.Version)}, {"round trip", r.RoundTrip.Round(10 * time.Microsecond).String()},
		{"synchronous_commit", r.SynchronousCommit}, {"standbys", fmt.Sprintf("%d, %d of them synchronous", r.Standbys, r.Synchronous)},
		{"schema", schema},
	}); err != nil {
		return err
	}
	paint := sh.Paint(sh.Out)
	for _, p := range r.Problems {
		if err := sh.Printf("%s: %s\n", paint.Bad("error"), p); err != nil {
			return err
		}
	}
	for _, w := range r.Warnings {
		if err := sh.Printf("%s: %s\n", paint.Warn("warning"), w); err != nil {
			return err
		}
	}
	return nil
}

func (sh shell) storeMigrate(c *cli.Context) error {
	cfg, err := sh.database(c)
	if err != nil {
		return err
	}
	do := postgres.Migrate
	if c.Bool("plan") {
		do = postgres.Plan
	}
	steps, err := do(c.Context, cfg)
	var newer *postgres.NewerError
	if errors.As(err, &newer) && newer.Works() {
		return sh.showSteps(steps, "Nothing to apply: "+newer.Error()+". Upgrade this gateway when the others are.")
	}
	if err != nil {
		return notMigrated(err)
	}
	return sh.showSteps(steps, "The schema is up to date.")
}

// notMigrated says why the schema was not brought up to date.
func notMigrated(err error) error {
	var newer *postgres.NewerError
	switch {
	case errors.As(err, &newer):
		return &term.DataError{Msg: err.Error(), Cure: "upgrade this gateway to the release of the others; nothing was changed"}
	case errors.Is(err, postgres.ErrReadOnly):
		return &term.UnavailableError{Msg: err.Error(), Cure: "point cluster.postgres.url at the primary"}
	}
	return flags.Database(err, err.Error(), "see stagelock store check; the role needs the right to create tables")
}

// showSteps prints steps, or none if there are none.
func (sh shell) showSteps(steps []postgres.Migration, none string) error {
	if sh.JSON {
		if steps == nil {
			steps = []postgres.Migration{}
		}
		return sh.Print(steps)
	}
	if len(steps) == 0 {
		return sh.Printf("%s\n", none)
	}
	var rows [][]string
	for _, m := range steps {
		state := "missing"
		if m.Applied {
			state = "applied"
		}
		rows = append(rows, []string{fmt.Sprint(m.Version), m.Name, state})
	}
	return sh.Table(rows)
}
