package publish

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

func (sh shell) publishCommand() *cli.Command {
	return &cli.Command{
		Name: "publish", Usage: "send an archive to a live site, as the staging of a portal does",
		ArgsUsage: "FILE",
		Description: "The live side is a gateway, or a portal itself. FILE is - for standard input. The archive is " +
			"checked before anything is sent.\n" +
			"A publish that was cut goes on behind the parts that live has when the same command is given again; " +
			"what it needs to know for that is kept in " + stateHelp + ".\n" +
			"The shared secret comes from --secret-file, STAGELOCK_SECRET, STAGELOCK_SECRET_FILE or a prompt.\n" +
			"With --json there is a line of JSON for each step; the last one, with \"ok\", is the result.",
		Flags:  append(append(publishFlags(), flags.Limits()...), flags.Secret()...),
		Action: sh.publish,
	}
}

func publishFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "to",
			Usage: "address of the live side: https://live.example.com, with its path context if it has one"},
		&cli.Int64Flag{Name: "site", Usage: "id of the live site"},
		&cli.StringFlag{Name: "line", Value: "7.4", Usage: "version line of the live engine: " +
			strings.Join(liferay.Builds(), ", ")},
		&cli.StringFlag{Name: "login", Usage: "login on the live side", EnvVars: []string{"STAGELOCK_LOGIN"}},
		&cli.StringFlag{Name: "ca",
			Usage: "PEM file with the authority that signed the live side's certificate; the system's are trusted too"},
		&cli.StringFlag{Name: "proxy", Usage: "forward proxy, http://user:password@proxy:3128; none for no proxy. Else " +
			"HTTPS_PROXY, HTTP_PROXY and NO_PROXY"},
		&cli.StringFlag{Name: "buffer", Value: "10MiB", Usage: "length of a part"},
		&cli.BoolFlag{Name: "private", Usage: "publish to the private pages"},
		&cli.BoolFlag{Name: "map", Usage: "publish in the older form of 7.0 to 7.2; 6.2 knows no other"},
		&cli.BoolFlag{Name: "any-build", Usage: "send an archive of another version line than live's"},
		&cli.BoolFlag{Name: "restart", Usage: "begin anew, and remove what an earlier publish of the archive has sent"},
		&cli.BoolFlag{Name: "no-content", Usage: "check the structure of the archive only, not its content"},
		&cli.BoolFlag{Name: "dry-run", Usage: "check the archive and ask for the live site, and send nothing"},
		&cli.DurationFlag{Name: "connect-timeout", Value: publisher.DefaultConnectTimeout,
			Usage: "how long a connection may take"},
		&cli.DurationFlag{Name: "patience", Value: publisher.DefaultPatience,
			Usage: "how long to wait for a live side that answered before and is away"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON, a line for each step and the result"},
	}
}

// published is a publish that succeeded, or would, for a script.
type published struct {
	OK     bool `json:"ok"`
	DryRun bool `json:"dry_run,omitempty"`
	publisher.Result
	File    string `json:"file"`
	To      string `json:"to"`
	Site    int64  `json:"site"`
	Line    string `json:"line"`
	Build   int    `json:"build,omitempty"` // of the archive
	Millis  int64  `json:"elapsed_ms"`
	CleanUp string `json:"clean_up_failure,omitempty"`
}

func (sh shell) publish(c *cli.Context) error {
	args, err := flags.Operands(c, "the FILE to publish")
	if err != nil {
		return err
	}
	cfg, err := sh.publisherConfig(c, args[0])
	if err != nil {
		return err
	}
	lar, err := sh.openArchive(c, args[0])
	if err != nil {
		return err
	}
	defer lar.close()
	show := sh.NewDisplay(lar.Size())
	cfg.Progress = show.Update
	client, err := publisher.New(cfg)
	if err != nil {
		show.Close()
		return term.Usagef("%v", err)
	}
	defer func() { _ = client.Close() }() // it keeps nothing that could be lost
	send := client.Publish
	if c.Bool("dry-run") {
		send = client.Rehearse
	}
	err = sh.check(c, lar, show)
	var res publisher.Result
	if err == nil {
		res, err = send(c.Context, lar.file, lar.Size())
	}
	show.Close()
	if err != nil {
		return err
	}
	return sh.showPublished(published{
		OK: true, DryRun: c.Bool("dry-run"), Result: res, File: lar.name, To: cfg.URL.String(), Site: cfg.Site,
		Line: client.Build(), Build: lar.build, Millis: res.Elapsed.Milliseconds(),
	})
}

// check holds the content of the archive against what it declares: live would find out only after
// the upload.
func (sh shell) check(c *cli.Context, lar *input, show term.Display) error {
	m, err := manifest.Of(lar.Archive)
	if err != nil {
		return named(lar.name, err)
	}
	lar.build = m.Header.BuildNumber
	if c.Bool("no-content") {
		return nil
	}
	err = lar.Verify(c.Context, func(done, total int64) {
		show.Update(publisher.Progress{Stage: term.StageVerify, Done: done, Total: total})
	})
	if err != nil && c.Context.Err() != nil {
		return &failure.Failure{Kind: failure.Stopped, Msg: "stopped", Known: "nothing was sent",
			Unexecuted: true, Err: context.Cause(c.Context)}
	}
	return named(lar.name, err)
}

func named(file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("archive %s: %w", file, err)
}

func (sh shell) showPublished(p published) error {
	if p.Result.CleanUp != nil {
		p.CleanUp = p.Result.CleanUp.Error()
	}
	if sh.JSON {
		return sh.Print(p)
	}
	if p.DryRun {
		return sh.showRehearsed(p)
	}
	paint := sh.Paint(sh.Out)
	speed := ""
	if p.Elapsed > 0 {
		speed = ", " + term.Size(int64(float64(p.Bytes)/p.Elapsed.Seconds())) + "/s"
	}
	if p.Resumed > 0 {
		speed = fmt.Sprintf(", %d of them sent earlier", p.Resumed)
	}
	if err := sh.Printf("%s %s to site %d: %s in %s (%s%s)\n", paint.Good("Published"), term.Plain(p.File),
		p.Site, term.Size(p.Bytes), term.Count(p.Parts, "part"), term.Span(p.Elapsed), speed); err != nil {
		return err
	}
	for _, w := range p.Weak {
		if err := sh.Printf("  %s: live does not have %s, which the archive refers to\n",
			paint.Warn("note"), term.Plain(w)); err != nil {
			return err
		}
	}
	if p.CleanUp != "" {
		return sh.Printf("  %s: the uploaded parts were not cleaned up: %s\n", paint.Warn("note"), p.CleanUp)
	}
	return nil
}

func (sh shell) showRehearsed(p published) error {
	if err := sh.Printf("%s %s: nothing was sent\n", sh.Paint(sh.Out).Good("Could publish"), term.Plain(p.File)); err != nil {
		return err
	}
	return sh.Table([][]string{
		{"  to", fmt.Sprintf("site %d at %s, line %s", p.Site, p.To, p.Line)},
		{"  archive", fmt.Sprintf("%s in %s, of build %d", term.Size(p.Bytes), term.Count(p.Parts, "part"), p.Build)},
		{"  MD5", p.MD5},
	})
}

// limited opens a file as an archive under the limits of the flags.
func limited(c *cli.Context, path string) (*archive.File, error) {
	lim, err := flags.ReadLimits(c)
	if err != nil {
		return nil, err
	}
	f, err := archive.OpenFile(path, lim)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", path, err)
	}
	return f, nil
}
