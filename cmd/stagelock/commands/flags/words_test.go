package flags_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/integration/ports"
)

// TestOperandsAreExact: as many as have names, and the words name the first that lacks or is too much.
func TestOperandsAreExact(t *testing.T) {
	for _, tt := range []struct {
		name  string
		names []string
		args  []string
		err   string
	}{
		{"none of none", nil, nil, ""}, {"one of one", []string{"the FILE"}, []string{"a"}, ""},
		{"one of none", nil, []string{"a"}, `do does not know what to do with "a"`},
		{"none of one", []string{"the FILE"}, nil, "do needs the FILE"},
		{"one of two", []string{"the FILE", "the SITE"}, []string{"a"}, "do needs the SITE"},
		{"three of two", []string{"the FILE", "the SITE"}, []string{"a", "b", "c\n"}, `do does not know what to do with "c\n"`},
		{"an empty one", []string{"the FILE"}, []string{""}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			var err error
			a := &cli.App{Name: "stagelock", Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{}, ExitErrHandler: func(*cli.Context, error) {},
				Commands: []*cli.Command{{Name: "do", HideHelp: true, Action: func(c *cli.Context) error {
					got, err = flags.Operands(c, tt.names...)
					return nil
				}}}}
			if e := a.Run(append([]string{"stagelock", "do"}, tt.args...)); e != nil {
				t.Fatal(e)
			}
			if tt.err == "" {
				if err != nil || strings.Join(got, "|") != strings.Join(tt.args, "|") {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			var u *term.UsageError
			if !errors.As(err, &u) || u.Msg != tt.err || u.Command != "stagelock do" || got != nil {
				t.Errorf("got %q, %v, want %q", got, err, tt.err)
			}
		})
	}
}

func TestNamesInOneLine(t *testing.T) {
	type kind string
	for _, tt := range []struct {
		name string
		all  []kind
		want string
	}{{"none", nil, ""}, {"one", []kind{"a"}, "a"}, {"three", []kind{"a", "b", "c"}, "a, b, c"}} {
		if got := flags.Names(tt.all); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestUnreachedIsToldWithItsCure: which command to give instead depends on why there was no answer.
func TestUnreachedIsToldWithItsCure(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"nobody listens", fmt.Errorf("%w at unix:a", admin.ErrNobody), "stagelock: no gateway runs here: " + admin.ErrNobody.Error() + " at unix:a\n" +
			"  what to do: start it with stagelock run; if it runs, name its file with --config or its socket with --socket\n"},
		{"another user's", fmt.Errorf("%w: unix:a", admin.ErrDenied), "stagelock: " + admin.ErrDenied.Error() + ": unix:a\n" +
			"  what to do: run the command as the gateway's user, such as sudo -u stagelock, or set admin.group\n"},
		{"an odd answer", errors.New("status 418"), "stagelock: status 418\n  what to do: see the gateway's log\n"},
	} {
		var errs bytes.Buffer
		(&term.Shell{Out: &bytes.Buffer{}, Err: &errs}).Report(flags.Unreached(tt.err))
		if errs.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, errs.String(), tt.want)
		}
	}
}

// TestWhichGatewayIsAsked: the socket of the flag, else that of the file, else an address of this machine; never one of
// another machine.
func TestWhichGatewayIsAsked(t *testing.T) {
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone.sock")
	free := ports.Free(t)
	both := put(t, filepath.Join(dir, "both.yaml"), "data: "+dir+"\nadmin: { listen: [\""+free+"\", \"unix:x.sock\"] }\n", 0o600)
	for _, tt := range []struct {
		name string
		args []string
		want string // is in the error of whoever asks
		code int
	}{
		{"the flag", []string{"--socket", gone}, gone, 69},
		{"the flag wins", []string{"--socket", gone, "--set", "admin.listen=" + free}, gone, 69},
		{"the flag needs no file", []string{"--socket", gone, "--config", filepath.Join(dir, "none.yaml")}, gone, 69},
		{"the data folder's", []string{"--set", "data=" + dir}, filepath.Join(dir, "admin.sock"), 69},
		{"an address of this machine", []string{"--set", "admin.listen=" + free}, free, 69},
		{"a socket before an address", []string{"--config", both}, filepath.Join(dir, "x.sock"), 69},
		{"nothing", []string{"--set", "admin.listen="}, "admin.listen is empty: this gateway cannot be asked", 69},
		{"a file that is not there", []string{"--config", filepath.Join(dir, "none.yaml")}, "the configuration cannot be used", 78},
		{"a setting without a value", []string{"--set", "data"}, "--set data has no value; write PATH=VALUE", 64},
		{"an address of another machine", []string{"--set", "admin.listen=192.0.2.1:9000"}, "this gateway cannot be asked", 69},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sh := &term.Shell{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
			err := parsed(t, flags.Running(), tt.args, func(c *cli.Context) error {
				client, err := flags.Gateway(sh, c)
				if err != nil {
					return err
				}
				_, err = client.Status(t.Context())
				return flags.Unreached(err)
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) || term.ExitCode(err) != tt.code {
				t.Errorf("exit %d, want %d: %v, want %q", term.ExitCode(err), tt.code, err, tt.want)
			}
		})
	}
}

// TestUnaskedSaysThatTheGatewayGoesOn: to people; a script gets the problems only.
func TestUnaskedSaysThatTheGatewayGoesOn(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out, errs bytes.Buffer
		sh := &term.Shell{Out: &out, Err: &errs, JSON: json}
		err := flags.Unasked(sh, []conf.Problem{{File: "s.yaml", Line: 3, Path: "listen", Msg: "is odd"}, {Msg: "w", Warning: true}})
		words := "s.yaml:3: error: listen is odd\nconfiguration: warning: w\n" +
			"No gateway was asked: where it listens stands in that file. One that runs goes on as before; name its socket with --socket.\n"
		script := `{"ok":false,"errors":1,"warnings":1,"problems":[{"file":"s.yaml","line":3,"path":"listen","message":"is odd"},{"message":"w","warning":true}]}` + "\n"
		if json {
			words = ""
		} else {
			script = ""
		}
		if term.ExitCode(err) != 78 || errs.String() != words || out.String() != script {
			t.Errorf("JSON %v: %v\n%q\n%q", json, err, errs.String(), out.String())
		}
	}
}

// TestBadConfigCountsItsProblems: a script was told of no error beside a list of them.
func TestBadConfigCountsItsProblems(t *testing.T) {
	for _, tt := range []struct {
		name     string
		problems []conf.Problem
		want     string
	}{
		{"none", nil, `"errors":0,"warnings":0,`}, {"an error", []conf.Problem{{}}, `"errors":1,"warnings":0,`},
		{"a warning", []conf.Problem{{Warning: true}}, `"errors":0,"warnings":1,`},
		{"three", []conf.Problem{{}, {Warning: true}, {}}, `"errors":2,"warnings":1,`},
	} {
		var out bytes.Buffer
		sh := &term.Shell{Out: &out, Err: &bytes.Buffer{}, JSON: true}
		if err := flags.BadConfig(sh, tt.problems); term.ExitCode(err) != 78 || !strings.HasPrefix(out.String(), `{"ok":false,`+tt.want) {
			t.Errorf("%s: %v %s", tt.name, err, out.String())
		}
	}
}

// TestDataFolder: that of the flag, else that of the configuration, even one that cannot be used otherwise.
func TestDataFolder(t *testing.T) {
	dir := t.TempDir()
	file := put(t, filepath.Join(dir, "s.yaml"), "data: /srv/of-the-file\n", 0o600)
	have := append(flags.Config(), &cli.StringFlag{Name: "data"})
	for _, tt := range []struct {
		name string
		args []string
		want node.DataDir
		code int
	}{
		{"of the flag", []string{"--data", "/srv/a"}, "/srv/a", 0}, {"the flag wins", []string{"--data", "/srv/a", "--config", file}, "/srv/a", 0},
		{"of the file", []string{"--config", file}, "/srv/of-the-file", 0}, {"of a setting", []string{"--config", file, "--set", "data=/srv/b"}, "/srv/b", 0},
		{"a file that is not there", []string{"--config", filepath.Join(dir, "none.yaml")}, "", 78}, {"the flag needs no file", []string{"--data", "x", "--config", "none"}, "x", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got node.DataDir
			sh := &term.Shell{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
			err := parsed(t, have, tt.args, func(c *cli.Context) (err error) {
				got, err = flags.Data(sh, c)
				return err
			})
			if got != tt.want || term.ExitCode(err) != tt.code {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("made by looking: %v %v", left, err)
	}
}
