package commands

import (
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// build says what this binary was built from.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func (sh shell) build() build {
	b := build{Version: sh.Version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (sh shell) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "sbom",
				Usage: "print what the binary was linked from, as a CycloneDX bill of materials"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: sh.showVersion,
	}
}

func (sh shell) showVersion(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	b := sh.build()
	if c.Bool("sbom") {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return &term.DataError{Msg: "this binary does not say what it was linked from",
				Cure: "build it with modules: make build"}
		}
		return sh.Print(newBOM(b, info))
	}
	if sh.JSON {
		return sh.Print(b)
	}
	commit := ""
	if b.Commit != "" {
		commit = " " + b.Commit[:min(12, len(b.Commit))]
	}
	return sh.Printf("stagelock %s%s (%s, %s/%s)\n", b.Version, commit, b.Go, b.OS, b.Arch)
}
