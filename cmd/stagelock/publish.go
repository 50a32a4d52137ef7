package main

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

func (sh *shell) publishCommand() *cli.Command {
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
		}, secretFlags()...),
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

func (sh *shell) publish(c *cli.Context) error {
	args, err := operands(c, "the FILE to publish")
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
	show := sh.newDisplay(lar.Size())
	cfg.Progress = show.update
	client, err := publisher.New(cfg)
	if err != nil {
		show.close()
		return usagef("%v", err)
	}
	defer func() { _ = client.Close() }()
	res, err := client.Publish(c.Context, file, lar.Size(), filepath.Base(args[0]))
	show.close()
	if err != nil {
		return err
	}
	return sh.showPublished(published{
		OK: true, Result: res, File: args[0], To: cfg.URL.String(), Site: cfg.Site,
		Line: client.Build(), Millis: res.Elapsed.Milliseconds(),
	})
}

func (sh *shell) showPublished(p published) error {
	if p.Result.CleanUp != nil {
		p.CleanUp = p.Result.CleanUp.Error()
	}
	if sh.json {
		return sh.print(p)
	}
	paint := sh.paint(sh.out)
	speed := ""
	if p.Elapsed > 0 {
		speed = ", " + size(int64(float64(p.Bytes)/p.Elapsed.Seconds())) + "/s"
	}
	if err := sh.printf("%s %s to site %d: %s in %s (%s%s)\n", paint.good("Published"), p.File,
		p.Site, size(p.Bytes),
		count(p.Parts, "part"), span(p.Elapsed), speed); err != nil {
		return err
	}
	for _, w := range p.Weak {
		if err := sh.printf("  %s: live does not have %s, which the archive refers to\n",
			paint.warn("note"), plain(w)); err != nil {
			return err
		}
	}
	if p.CleanUp != "" {
		return sh.printf("  %s: the uploaded parts were not cleaned up: %s\n", paint.warn("note"), p.CleanUp)
	}
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// publisherConfig reads the flags of a publish.
func (sh *shell) publisherConfig(c *cli.Context) (publisher.Config, error) {
	for _, name := range []string{"to", "site", "login"} {
		if !c.IsSet(name) {
			return publisher.Config{}, usagef("publish needs --%s", name)
		}
	}
	u, err := url.Parse(strings.TrimSuffix(c.String("to"), "/"))
	if err != nil {
		return publisher.Config{}, usagef("the address of --to cannot be read: %v", err)
	}
	buffer, err := parseSize(c.String("buffer"))
	if err != nil {
		return publisher.Config{}, usagef("--buffer: %v", err)
	}
	line := c.String("line")
	if _, err := liferay.BuildOf(line); err != nil {
		return publisher.Config{}, usagef("--line: %v", err)
	}
	cfg := publisher.Config{
		URL: u, Build: line, Login: c.String("login"), Site: c.Int64("site"),
		Private: c.Bool("private"), Map: c.Bool("map"),
		Buffer: buffer, ConnectTimeout: c.Duration("connect-timeout"), Now: sh.now,
	}
	if cfg.Roots, err = roots(c.String("ca")); err != nil {
		return publisher.Config{}, err
	}
	cfg.Authorize, err = sh.authorizer(c, cfg.Login, line)
	return cfg, err
}

// authorizer returns what makes the header of a call. The login is sent as it is: a gateway does
// not decode it.
func (sh *shell) authorizer(c *cli.Context, login, line string) (func(string) string, error) {
	if err := secret.CheckLogin(login); err != nil {
		return nil, usagef("--login: %v", err)
	}
	k, problems, err := sh.key(c, line)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if k == nil && !p.Warning {
			return nil, &dataError{msg: "the secret cannot be used: " + p.Msg, cure: p.Cure}
		}
		fmt.Fprintf(sh.err, "stagelock: warning: %s; %s\n", p.Msg, p.Cure)
	}
	return func(login string) string { return k.Authorization(login, false, line == liferay.Line62) }, nil
}

// roots returns the system's authorities and those of the file; nil, which means the system's,
// without a file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate of the authority: %w", err)
	}
	if !pool.AppendCertsFromPEM(b) {
		return nil, &dataError{msg: "there is no certificate in " + file,
			cure: "a PEM file begins with -----BEGIN CERTIFICATE-----"}
	}
	return pool, nil
}

// sizeUnits are the endings of a size.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"", 1}}

// parseSize reads a length of a part such as 10485760, 10MiB or 5MB.
func parseSize(s string) (int64, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
		if err != nil || n < 1 || n > (1<<31-1)/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size between 1 and 2 GiB, such as 10MiB", s)
}

// eta says how long the rest takes at the speed so far.
func eta(done, total int64, since time.Duration) string {
	if done <= 0 || done >= total || since <= 0 {
		return ""
	}
	return span(time.Duration(float64(since) / float64(done) * float64(total-done)))
}
