package flags

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// Limits returns the flags that raise what an archive may hold.
func Limits() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "max-size", DefaultText: "4GiB, and 1GiB for one file",
			Usage: "most content that an archive may have, unpacked, in all and in one file"},
		&cli.IntFlag{Name: "max-ratio", Value: archive.DefaultLimits().Ratio, Usage: "most that content may be packed, to 1"},
		&cli.IntFlag{Name: "max-entries", Value: archive.DefaultLimits().Entries, Usage: "most files that an archive may have"},
	}
}

// ReadLimits returns the limits that the flags of Limits set.
func ReadLimits(c *cli.Context) (archive.Limits, error) {
	lim := archive.DefaultLimits()
	if c.IsSet("max-size") {
		n, err := ParseAmount(c.String("max-size"))
		if err != nil {
			return lim, term.Usagef("--max-size: %v", err)
		}
		lim.Total, lim.Entry = n, n
	}
	if c.IsSet("max-ratio") {
		lim.Ratio = c.Int("max-ratio")
	}
	if c.IsSet("max-entries") {
		lim.Entries = c.Int("max-entries")
	}
	if lim.Ratio < 1 || lim.Entries < 1 {
		return lim, term.Usagef("--max-ratio and --max-entries are 1 or more")
	}
	return lim, nil
}
