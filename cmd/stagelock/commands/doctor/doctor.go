package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/doctor"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/status"
)

// shell is what the command sees of the world.
type shell struct{ *term.Shell }

// Commands returns the commands of this package.
func Commands(sh *term.Shell) []*cli.Command {
	s := shell{sh}
	return []*cli.Command{{
		Name: "doctor", Usage: "look at everything that a publish needs, and say what is wrong in which line: exit 0, 1 or 69",
		Description: "Without --to: the gateway here, its engine, its configuration. " +
			"With --to: the way to another gateway, as a publisher\n" +
			"takes it, from the staging server. It changes nothing. A secret is proved to the other end, never sent.\n" +
			"Exit 0: all is well. 1: something is to be mended. 69: the other end cannot be reached.",
		Flags: doctorFlags(), Action: s.doctor,
	}}
}

func doctorFlags() []cli.Flag {
	return append(
		flags.Config(),
		&cli.StringFlag{Name: "to", Usage: "the other gateway, https://host:port/context, as publishers enter it"},
		&cli.StringFlag{Name: "peer-secret-file", Usage: "file with the shared secret; else that of --portal-ext"},
		&cli.BoolFlag{Name: "hex", Usage: "the secret is written in hexadecimal digits"},
		&cli.StringFlag{Name: "algorithm", Value: "AES", Usage: "cipher: AES, Blowfish or DESede"},
		&cli.StringFlag{Name: "login", Usage: "login on the live side, to be tried with --site"},
		&cli.Int64Flag{Name: "site", Usage: "id of the live site"},
		&cli.StringFlag{Name: "line", Usage: "version line of the portal here, if --portal does not tell"},
		&cli.BoolFlag{Name: "both", Usage: "have the other gateway look back at this machine"},
		&cli.BoolFlag{Name: "quick", Usage: "leave out what waits for minutes"},
		&cli.StringFlag{Name: "ca", Usage: "PEM file of the authority of the other gateway"},
		&cli.StringFlag{Name: "proxy", Usage: "forward proxy, http://[login:password@]host[:port]; none: straight on"},
		&cli.StringFlag{Name: "portal", Usage: "the portal here, such as http://127.0.0.1:8080"},
		&cli.StringSliceFlag{Name: "portal-ext", Usage: "portal-ext.properties of the portal here and its includes; may be repeated"},
		&cli.StringSliceFlag{Name: "osgi", Usage: "TunnelAuthVerifierConfiguration-*.config of the portal here; may be repeated"},
		&cli.StringSliceFlag{Name: "setenv", Usage: "script that starts its JVM, such as setenv.sh; may be repeated"},
		&cli.StringFlag{Name: "liferay-home", Usage: "what ${liferay.home} stands for in its files, if no --setenv tells"},
		&cli.StringFlag{
			Name:  "truststore",
			Usage: "whom its JVM trusts: cacerts or another keystore (password changeit), or a PEM file",
		},
	)
}

func (sh shell) doctor(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	cfg, err := sh.patient(c)
	if err != nil {
		return err
	}
	if !sh.JSON {
		cfg.Tell = func(l finding.Line) { _ = sh.show(l) } // the sum below fails too if it cannot be printed
	}
	r := doctor.Run(c.Context, cfg)
	if err := sh.sum(r); err != nil {
		return err
	}
	switch {
	case c.Context.Err() != nil:
		return context.Cause(c.Context)
	case r.Unreachable:
		return &term.SilentError{Code: term.ExitUnavailable}
	case r.ToMend > 0:
		return &term.SilentError{Code: term.ExitStart}
	}
	return nil
}

// patient says what is looked at.
func (sh shell) patient(c *cli.Context) (doctor.Config, error) {
	cfg := doctor.Config{
		Config:  here.Config{Build: flags.Line(c), Truststore: c.String("truststore"), Now: sh.Now},
		Login:   c.String("login"),
		Site:    c.Int64("site"),
		Both:    c.Bool("both"),
		Quick:   c.Bool("quick"),
		Keytool: trusted,
	}
	var err error
	if cfg.To, err = address("to", c.String("to")); err != nil {
		return cfg, err
	}
	if cfg.PortalURL, err = address("portal", c.String("portal")); err != nil {
		return cfg, err
	}
	if cfg.Roots, err = flags.Roots(c.String("ca")); err != nil {
		return cfg, err
	}
	if cfg.To != nil {
		if cfg.Proxy, err = flags.Proxy(sh.Shell, c.String("proxy"), cfg.To); err != nil {
			return cfg, err
		}
	}
	if cfg.To == nil || c.String("config") != "" {
		if err := sh.own(c, &cfg); err != nil {
			return cfg, err
		}
	}
	if err := sh.portalFiles(c, &cfg); err != nil {
		return cfg, err
	}
	if (cfg.Login == "") != (cfg.Site == 0) {
		return cfg, term.Usagef("--login and --site go together: a login is tried for a site")
	}
	return cfg, sh.secret(c, &cfg)
}

func address(flag, text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		// Without the text, in which a password may be.
		return nil, term.Usagef("--%s is not an address such as https://live.example.com:8443/live", flag)
	}
	return u, nil
}

// own is the gateway here.
func (sh shell) own(c *cli.Context, cfg *doctor.Config) error {
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	own := &here.Own{}
	own.Conf, own.Problems = flags.Examine(load)
	cfg.Own = own
	if own.Conf == nil {
		return nil
	}
	if len(own.Conf.Listen) > 0 {
		cfg.Port = own.Conf.Listen[0].Port()
	}
	own.Engine = func(ctx context.Context) []readiness.Finding { return node.AskEngine(ctx, own.Conf) }
	own.Status = func(ctx context.Context) (*status.Status, error) { return askGateway(ctx, own.Conf) }
	return nil
}

// askGateway asks the gateway that runs on this machine.
func askGateway(ctx context.Context, c *conf.Config) (*status.Status, error) {
	err := errors.New("admin.listen is empty")
	for _, at := range node.AdminAddresses(c) {
		var s status.Status
		if s, err = admin.NewClient(at).Status(ctx); err == nil {
			return &s, nil
		}
	}
	return nil, err
}

// portalFiles reads those that were named, else those of the gateway's configuration.
func (sh shell) portalFiles(c *cli.Context, cfg *doctor.Config) (err error) {
	f := portal.Files{Properties: c.StringSlice("portal-ext"), JVM: c.StringSlice("setenv"), Line: c.String("line"),
		Home: c.String("liferay-home"), Env: sh.Environ, OSGi: c.StringSlice("osgi")}
	if cfg.Own != nil && cfg.Own.Conf != nil && len(f.Properties) == 0 && cfg.To == nil {
		own := cfg.Own.Conf.Engine
		f.Options = own.Liferay.Variables
		f.Line, f.Home = cmp.Or(f.Line, own.Line), cmp.Or(f.Home, string(own.Liferay.Home))
		for _, p := range own.Liferay.PortalExt {
			f.Properties = append(f.Properties, string(p))
		}
		if named := len(f.OSGi) > 0; !named {
			for _, o := range own.Liferay.OSGi {
				f.OSGi = append(f.OSGi, string(o))
			}
		}
	}
	if len(f.Properties) == 0 && len(f.JVM) == 0 && len(f.OSGi) == 0 {
		return nil
	}
	cfg.Portal, err = portal.Read(f)
	return err
}

// secret is the one of the file, else that of the portal's lines; none is asked for.
func (sh shell) secret(c *cli.Context, cfg *doctor.Config) error {
	if file := c.String("peer-secret-file"); file != "" {
		text, err := flags.SecretFile(sh.Shell, file)
		cfg.Secret = &here.Secret{Text: text, Hex: c.Bool("hex"), Algorithm: c.String("algorithm")}
		return err
	}
	if v := cfg.Portal.Get(portal.Secret); v.Set() {
		cfg.Secret = &here.Secret{Text: v.Text, Hex: cfg.Portal.Is(portal.Hex),
			Algorithm: cmp.Or(cfg.Portal.Get(portal.Algorithm).Text, "AES"), Place: v}
	}
	return nil
}

func (sh shell) show(l finding.Line) error {
	paint := sh.Paint(sh.Out)
	mark := map[finding.Mark]string{finding.OK: " ok ", finding.Bad: paint.Bad("BAD "), finding.Note: " -- "}[l.Mark]
	if err := sh.Printf("%s %-12s %s\n", mark, l.ID, term.Plain(l.Words)); err != nil || l.Mark == finding.OK {
		return err
	}
	where := l.File
	if l.At > 0 {
		where += ":" + strconv.Itoa(l.At)
	}
	cure := strings.TrimSpace(where + " " + l.Cure)
	if cure == "" {
		return nil
	}
	return sh.Printf("%18scure: %s\n", "", term.Plain(cure))
}

func (sh shell) sum(r finding.Report) error {
	if sh.JSON {
		return sh.Print(r)
	}
	if r.ToMend == 0 && r.ToKnow == 0 {
		return sh.Printf("All is well.\n")
	}
	return sh.Printf("%d to mend, %d to know.\n", r.ToMend, r.ToKnow)
}
