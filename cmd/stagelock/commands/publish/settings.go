package publish

import (
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// publisherConfig reads the flags of a publish of that file.
func (sh shell) publisherConfig(c *cli.Context, file string) (publisher.Config, error) {
	for _, name := range []string{"to", "site", "login"} {
		if !c.IsSet(name) {
			return publisher.Config{}, term.Usagef("publish needs --%s", name)
		}
	}
	if file == standardInput && c.String("secret-file") == standardInput {
		return publisher.Config{}, term.Usagef("the archive and the secret cannot both come from standard input")
	}
	u, err := url.Parse(strings.TrimSuffix(c.String("to"), "/"))
	if err != nil { // its text has the whole address, with a password perhaps
		return publisher.Config{}, term.Usagef("the address of --to cannot be read; write it as https://live.example.com")
	}
	buffer, err := flags.ParseSize(c.String("buffer"))
	if err != nil {
		return publisher.Config{}, term.Usagef("--buffer: %v", err)
	}
	line := c.String("line")
	if _, err := liferay.BuildOf(line); err != nil { // it is a product's name
		line = flags.Line(c)
	}
	if _, err := liferay.BuildOf(line); err != nil {
		return publisher.Config{}, term.Usagef("--line: %v", err)
	}
	cfg := publisher.Config{
		URL: u, Build: line, Login: c.String("login"), Site: c.Int64("site"),
		Private: c.Bool("private"), Map: c.Bool("map"), AnyBuild: c.Bool("any-build"), Restart: c.Bool("restart"),
		Buffer: buffer, ConnectTimeout: c.Duration("connect-timeout"), Patience: c.Duration("patience"), Now: sh.Now,
	}
	if dir := stateDir(sh.Shell); dir != "" && !c.Bool("dry-run") {
		cfg.Journal = &journal{dir: dir, now: sh.Now}
	}
	if cfg.Roots, err = flags.Roots(c.String("ca")); err != nil {
		return publisher.Config{}, err
	}
	if cfg.Proxy, err = flags.Proxy(sh.Shell, c.String("proxy"), u); err != nil {
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
	k, err := flags.UsableKey(sh.Shell, c, line)
	if err != nil {
		return nil, err
	}
	return func(login string) string { return k.Authorization(login, false, line == liferay.Line62) }, nil
}
