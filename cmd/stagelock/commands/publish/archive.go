package publish

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

func (sh shell) archiveCommand() *cli.Command {
	asJSON := &cli.BoolFlag{Name: "json", Usage: "print JSON"}
	return &cli.Command{
		Name: "archive", Usage: "look into an archive, write it anew, cut it into parts, join parts",
		Subcommands: []*cli.Command{
			{
				Name: "inspect", Usage: "check an archive and say what it holds", ArgsUsage: "FILE",
				Action: sh.archiveInspect,
				Flags: append(flags.Limits(), &cli.BoolFlag{Name: "no-content",
					Usage: "check the structure only, not the content"}, asJSON),
			},
			{
				Name: "repack", Usage: "write an archive anew as an exporter does, one that was edited or packed by hand",
				Description: "Names become what the portal looks for: with slashes, in composed form, without a folder " +
					"around everything. What packers leave on the side is left out. The content stays as it is.",
				ArgsUsage: "FILE", Action: sh.archiveRepack,
				Flags: append(flags.Limits(), &cli.StringFlag{Name: "out", Usage: "new file for the archive"}, asJSON),
			},
			{
				Name: "split", Usage: "cut an archive into parts as a publisher does",
				ArgsUsage: "FILE", Action: sh.archiveSplit,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "buffer", Value: "10MiB", Usage: "length of a part"},
					&cli.StringFlag{Name: "dir", Value: ".", Usage: "folder for the parts"}, asJSON,
				},
			},
			{
				Name: "join", Usage: "join parts to an archive", ArgsUsage: "PART...", Action: sh.archiveJoin,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "out", Usage: "new file for the archive"},
					&cli.StringFlag{Name: "md5", Usage: "MD5 that the archive must have"}, asJSON,
				},
			},
		},
	}
}

func (sh shell) archiveInspect(c *cli.Context) error {
	args, err := flags.Operands(c, "the FILE to inspect")
	if err != nil {
		return err
	}
	f, err := limited(c, args[0])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	if !c.Bool("no-content") {
		if err := f.Verify(c.Context, nil); err != nil {
			return named(args[0], err)
		}
	}
	s, err := manifest.Summarize(c.Context, f.Archive)
	if err != nil {
		return named(args[0], err)
	}
	if sh.JSON {
		return sh.Print(s)
	}
	return sh.Table(describeArchive(args[0], s))
}

// describeArchive writes a summary as rows.
func describeArchive(name string, s *manifest.Summary) [][]string {
	rows := [][]string{
		{"archive", term.Plain(filepath.Base(name)) + ", " + term.Size(s.Bytes)},
		{"holds", term.Plain(s.Type + " " + s.RootPortletID)},
		{"from", fmt.Sprintf("build %d, site %d", s.BuildNumber, s.GroupID)},
		{"locales", term.Plain(strings.Join(s.Locales, " "))},
	}
	if s.ExportDate != nil {
		rows = append(rows, []string{"exported", s.ExportDate.UTC().Format("2006-01-02 15:04:05 MST")})
	}
	rows = append(rows, []string{"entries", fmt.Sprintf("%d files, %s unpacked", s.Entries.Files,
		term.Size(s.Entries.Size))})
	for _, m := range slices.Sorted(maps.Keys(s.ByModel)) {
		rows = append(rows, []string{"", fmt.Sprintf("%6d  %s", s.ByModel[m].Files, term.Plain(m))})
	}
	rows = append(rows, []string{"deletions", fmt.Sprint(s.Deletions)})
	for _, m := range s.Missing {
		rows = append(rows, []string{"not in it", term.Plain(m.Type + " " + m.ClassName + " " + m.DisplayName)})
	}
	return append(rows, []string{"MD5", s.MD5}, []string{"SHA-256", s.SHA256})
}

// filePart is one part for a script.
type filePart struct {
	File string `json:"file"`
	Size int64  `json:"size"`
}

func (sh shell) archiveSplit(c *cli.Context) error {
	args, err := flags.Operands(c, "the FILE to split")
	if err != nil {
		return err
	}
	buffer, err := flags.ParseSize(c.String("buffer"))
	if err != nil {
		return term.Usagef("--buffer: %v", err)
	}
	f, size, err := openRegular(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	pieces, err := parts.Split(filepath.Base(args[0]), size, buffer)
	if err != nil {
		return term.Usagef("--buffer: %v", err)
	}
	var made []filePart
	for p := range pieces {
		path := filepath.Join(c.String("dir"), p.Name)
		if err := writeFrom(path, p.Section(f)); err != nil {
			return err
		}
		made = append(made, filePart{path, p.Size})
	}
	digests, err := parts.Digest(c.Context, io.NewSectionReader(f, 0, size))
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(map[string]any{"parts": made, "bytes": digests.Bytes, "md5": digests.MD5,
			"sha256": digests.SHA256})
	}
	var rows [][]string
	for _, m := range made {
		rows = append(rows, []string{m.File, term.Size(m.Size)})
	}
	return sh.Table(append(rows, []string{"MD5 of the whole", digests.MD5}))
}

// openRegular opens a file that is no folder and no pipe, and says how long it is.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path) // first, since a pipe is waited for
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, &term.DataError{Msg: path + " is no file", Cure: "name the archive itself"}
	}
	f, err := os.Open(path)
	return f, info.Size(), err
}

// writeFrom writes a file that is not there yet, and leaves nothing behind if it cannot.
func writeFrom(path string, r io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return &term.OutputError{Err: err}
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return &term.OutputError{Err: errors.Join(err, os.Remove(path))}
	}
	return nil
}

func (sh shell) archiveJoin(c *cli.Context) error {
	given, out := c.Args().Slice(), c.String("out")
	if len(given) == 0 {
		return term.Usagef("join needs the PARTs to join")
	}
	if out == "" {
		return term.Usagef("join needs --out")
	}
	paths, names := map[string]string{}, []string(nil)
	for _, p := range given {
		names = append(names, filepath.Base(p))
		paths[filepath.Base(p)] = p
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return &term.OutputError{Err: err}
	}
	d, err := parts.Join(c.Context, f, names, strings.ToLower(c.String("md5")),
		func(name string) (io.ReadCloser, error) {
			return os.Open(paths[name])
		})
	closed := f.Close()
	if err != nil {
		return errors.Join(err, os.Remove(out))
	}
	if closed != nil {
		return &term.OutputError{Err: errors.Join(closed, os.Remove(out))}
	}
	if sh.JSON {
		return sh.Print(map[string]any{"file": out, "bytes": d.Bytes, "md5": d.MD5, "sha256": d.SHA256})
	}
	return sh.Table([][]string{{"archive", out + ", " + term.Size(d.Bytes)}, {"MD5", d.MD5}, {"SHA-256",
		d.SHA256}})
}
