package commands

import (
	"embed"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/line"
)

//go:embed completion
var completionScripts embed.FS

// scripts are the completion scripts by shell; fish's is made of the commands.
var scripts = map[string]string{"bash": "bash.sh", "zsh": "zsh.sh", "fish": "",
	"powershell": "powershell.ps1"}

// fishOperands completes the operands that the library leaves out.
const fishOperands = "complete -c stagelock -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish powershell'"

func (sh shell) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a script that completes commands and flags",
		ArgsUsage: "bash|zsh|fish|powershell",
		Action:    sh.showCompletion,
		BashComplete: func(c *cli.Context) {
			if !c.Args().Present() {
				_ = sh.Printf("bash\nzsh\nfish\npowershell\n") // a completion that fails completes nothing
			}
		},
	}
}

func (sh shell) showCompletion(c *cli.Context) error {
	args, err := flags.Operands(c, "the name of a shell: bash, zsh, fish or powershell")
	if err != nil {
		return err
	}
	file, known := scripts[args[0]]
	if !known {
		return flags.Misused(c, "there is no completion for %q, only for bash, zsh, fish and powershell", args[0])
	}
	if file == "" {
		return sh.Printf("%s\n%s\n", strings.TrimSpace(line.Fish(c.App)), fishOperands)
	}
	b, err := completionScripts.ReadFile("completion/" + file)
	if err != nil {
		return err
	}
	return sh.Printf("%s", b)
}
