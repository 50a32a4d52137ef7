package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// List returns the migrations that this version knows, in order, none of them applied.
func List() ([]Migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]Migration, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		if all[i].Version, err = strconv.ParseInt(number, 10, 64); err != nil {
			return nil, fmt.Errorf("migration %q: %w", name, err)
		}
		all[i].Name = name
	}
	return all, nil
}

// Tables returns the names of the tables that the migrations make, in order.
func Tables() ([]string, error) {
	steps, err := List()
	if err != nil {
		return nil, err
	}
	var all []string
	made := regexp.MustCompile(`(?m)^CREATE TABLE @\.([a-z_]+) \(`)
	for _, m := range steps {
		text, err := fs.ReadFile(migrations, m.Name)
		if err != nil {
			return nil, err
		}
		for _, found := range made.FindAllSubmatch(text, -1) {
			all = append(all, string(found[1]))
		}
	}
	return all, nil
}

// Apply carries out what of the plan is not applied yet in the schema of that name, and returns it.
// rewrite makes a statement for that schema. Processes that apply at once wait for each other.
func Apply(
	ctx context.Context, conn *sql.DB, name string, plan []Migration, rewrite func(string) string,
) ([]Migration, error) {
	p, err := provider(conn, name, plan, rewrite)
	if err != nil {
		return nil, err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return nil, err
	}
	var applied []Migration
	for _, d := range done {
		i := slices.IndexFunc(plan, func(m Migration) bool { return m.Version == d.Source.Version })
		applied = append(applied, Migration{Version: d.Source.Version, Name: plan[i].Name, Applied: true})
	}
	return applied, nil
}

func provider(
	conn *sql.DB, name string, plan []Migration, rewrite func(string) string,
) (*goose.Provider, error) {
	var steps []*goose.Migration
	for _, m := range plan {
		text, err := fs.ReadFile(migrations, m.Name)
		if err != nil {
			return nil, err
		}
		query := rewrite(string(text))
		steps = append(steps, goose.NewGoMigration(m.Version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, query)
				return err
			},
		}, nil))
	}
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName(name + ".goose_lock"))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, conn, nil, goose.WithGoMigrations(steps...),
		goose.WithTableName(name+".goose_db_version"), goose.WithDisableGlobalRegistry(true),
		goose.WithLocker(locker))
}
