package publish

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

func (sh shell) publishCommand() *cli.Command {
	return &cli.Command{
		Name: "publish", Usage: "send an archive to a live site, as the staging of a portal does",
		ArgsUsage: "FILE",
		Description: "The live side is a gateway, or a portal itself. The archive is checked " +
			"before anything is sent.\n" +
			"The shared secret comes from --secret-file, STAGELOCK_SECRET, " +
			"STAGELOCK_SECRET_FILE or a prompt.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to",
				Usage: "address of the live side: https://live.example.com, with its path " +
					"context if it has one"},
			&cli.Int64Flag{Name: "site", Usage: "id of the live site"},
			&cli.StringFlag{Name: "line", Value: "7.4", Usage: "version line of the live engine: " +
				strings.Join(liferay.Builds(), ", ")},
			&cli.StringFlag{Name: "login", Usage: "login on the live side",
				EnvVars: []string{"STAGELOCK_LOGIN"}},
			&cli.StringFlag{Name: "ca",
				Usage: "PEM file with the authority that signed the live side's certificate; " +
					"the system's are trusted too"},
			&cli.StringFlag{Name: "buffer", Value: "10MiB", Usage: "length of a part"},
			&cli.BoolFlag{Name: "private", Usage: "publish to the private pages"},
			&cli.BoolFlag{Name: "map", Usage: "publish in the older form of 7.0 to 7.2; 6.2 knows no other"},
			&cli.DurationFlag{Name: "connect-timeout", Value: publisher.DefaultConnectTimeout,
				Usage: "how long a connection may take"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON and no progress"},
		}, flags.Secret()...),
		Action: sh.publish,
	}
}

// published is a publish that succeeded, for a script.
type published struct {
	OK bool `json:"ok"`
	publisher.Result
	File    string `json:"file"`
	To      string `json:"to"`
	Site    int64  `json:"site"`
	Line    string `json:"line"`
	Millis  int64  `json:"elapsed_ms"`
	CleanUp string `json:"clean_up_failure,omitempty"`
}

func (sh shell) publish(c *cli.Context) error {
	args, err := flags.Operands(c, "the FILE to publish")
	if err != nil {
		return err
	}
	cfg, err := sh.publisherConfig(c)
	if err != nil {
		return err
	}
	lar, err := archive.OpenFile(args[0], archive.DefaultLimits())
	if err != nil {
		return fmt.Errorf("archive %s: %w", args[0], err)
	}
	defer func() { _ = lar.Close() }() // it was only read
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	show := sh.NewDisplay(lar.Size())
	cfg.Progress = show.Update
	client, err := publisher.New(cfg)
	if err != nil {
		show.Close()
		return term.Usagef("%v", err)
	}
	defer func() { _ = client.Close() }()
	res, err := client.Publish(c.Context, file, lar.Size(), filepath.Base(args[0]))
	show.Close()
	if err != nil {
		return err
	}
	return sh.showPublished(published{
		OK: true, Result: res, File: args[0], To: cfg.URL.String(), Site: cfg.Site,
		Line: client.Build(), Millis: res.Elapsed.Milliseconds(),
	})
}

func (sh shell) showPublished(p published) error {
	if p.Result.CleanUp != nil {
		p.CleanUp = p.Result.CleanUp.Error()
	}
	if sh.JSON {
		return sh.Print(p)
	}
	paint := sh.Paint(sh.Out)
	speed := ""
	if p.Elapsed > 0 {
		speed = ", " + term.Size(int64(float64(p.Bytes)/p.Elapsed.Seconds())) + "/s"
	}
	if err := sh.Printf("%s %s to site %d: %s in %s (%s%s)\n", paint.Good("Published"), p.File,
		p.Site, term.Size(p.Bytes),
		term.Count(p.Parts, "part"), term.Span(p.Elapsed), speed); err != nil {
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

// publisherConfig reads the flags of a publish.
func (sh shell) publisherConfig(c *cli.Context) (publisher.Config, error) {
	for _, name := range []string{"to", "site", "login"} {
		if !c.IsSet(name) {
			return publisher.Config{}, term.Usagef("publish needs --%s", name)
		}
	}
	u, err := url.Parse(strings.TrimSuffix(c.String("to"), "/"))
	if err != nil {
		return publisher.Config{}, term.Usagef("the address of --to cannot be read: %v", err)
	}
	buffer, err := flags.ParseSize(c.String("buffer"))
	if err != nil {
		return publisher.Config{}, term.Usagef("--buffer: %v", err)
	}
	line := c.String("line")
	if _, err := liferay.BuildOf(line); err != nil {
		return publisher.Config{}, term.Usagef("--line: %v", err)
	}
	cfg := publisher.Config{
		URL: u, Build: line, Login: c.String("login"), Site: c.Int64("site"),
		Private: c.Bool("private"), Map: c.Bool("map"),
		Buffer: buffer, ConnectTimeout: c.Duration("connect-timeout"), Now: sh.Now,
	}
	if cfg.Roots, err = flags.Roots(c.String("ca")); err != nil {
		return publisher.Config{}, err
	}
	cfg.Authorize, err = sh.authorizer(c, cfg.Login, line)
	return cfg, err
}

// authorizer returns what makes the header of a call. The login is sent as it is: a gateway does
// not decode it.
func (sh shell) authorizer(c *cli.Context, login, line string) (func(string) string, error) {
	if err := secret.CheckLogin(login); err != nil {
		return nil, term.Usagef("--login: %v", err)
	}
	k, problems, err := flags.Key(sh.Shell, c, line)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if k == nil && !p.Warning {
			return nil, &term.DataError{Msg: "the secret cannot be used: " + p.Msg, Cure: p.Cure}
		}
		fmt.Fprintf(sh.Err, "stagelock: warning: %s; %s\n", p.Msg, p.Cure)
	}
	return func(login string) string { return k.Authorization(login, false, line == liferay.Line62) }, nil
}
