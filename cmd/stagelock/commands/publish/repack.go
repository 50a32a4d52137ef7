package publish

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/repack"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// rewritten is an archive that was written anew, for a script.
type rewritten struct {
	File string `json:"file"`
	repack.Repacked
}

func (sh shell) archiveRepack(c *cli.Context) error {
	args, err := flags.Operands(c, "the FILE to write anew")
	if err != nil {
		return err
	}
	out := c.String("out")
	if out == "" {
		return term.Usagef("repack needs --out")
	}
	lim, err := flags.ReadLimits(c)
	if err != nil {
		return err
	}
	done, err := writeAnew(c, args[0], out, lim)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(rewritten{out, done})
	}
	rows := [][]string{{"archive", fmt.Sprintf("%s, %s", out, term.Count(done.Entries, "file"))}}
	for _, n := range done.Renamed {
		rows = append(rows, []string{"renamed", term.Plain(n)})
	}
	for _, n := range done.Left {
		rows = append(rows, []string{"left out", term.Plain(n)})
	}
	return sh.Table(rows)
}

// writeAnew writes the archive to a new file, and leaves nothing behind if it cannot.
func writeAnew(c *cli.Context, from, to string, lim archive.Limits) (repack.Repacked, error) {
	in, err := os.Open(from)
	if err != nil {
		return repack.Repacked{}, err
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err != nil {
		return repack.Repacked{}, err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return repack.Repacked{}, &term.OutputError{Err: err}
	}
	w := bufio.NewWriterSize(out, 1<<16)
	done, err := repack.Write(c.Context, w, in, info.Size(), lim)
	if err != nil {
		return done, errors.Join(named(from, err), out.Close(), os.Remove(to))
	}
	if err := errors.Join(w.Flush(), out.Close()); err != nil {
		return done, &term.OutputError{Err: errors.Join(err, os.Remove(to))}
	}
	return done, nil
}
