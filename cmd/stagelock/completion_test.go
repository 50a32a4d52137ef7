package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// completers make each shell print what it completes the line $LINE to, from the script that
// stagelock prints for it.
var completers = map[string][]string{
	"bash": {"bash", "--norc", "-c", `source <(stagelock completion bash)
		read -ra COMP_WORDS <<<"$LINE"; [[ "$LINE" == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _stagelock; printf '%s\n' "${COMPREPLY[@]}"`},
	"zsh": {"zsh", "-f", "-c", `compdef() { : }
		source <(stagelock completion zsh)
		_describe() { print -l -- ${(P)2} }; _files() { print -- FILES }
		words=(${=LINE}); [[ "$LINE" == *" " ]] && words+=(""); CURRENT=$#words; _stagelock`},
	"fish": {"fish", "--no-config", "-c", `stagelock completion fish | source; complete -C "$LINE"`},
	"pwsh": {"pwsh", "-NoProfile", "-NonInteractive", "-Command", `
		stagelock completion powershell | Out-String | Invoke-Expression
		(TabExpansion2 $env:LINE $env:LINE.Length).CompletionMatches | ForEach-Object { $_.CompletionText }`},
}

// Every shell completes commands, commands of groups, and flags, with the script that it is given.
func TestShellsComplete(t *testing.T) {
	for shell, command := range completers {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skip(err)
			}
			for _, tt := range []struct {
				line, want string
				not        string // what only another line completes to
			}{
				{"stagelock pub", "publish", ""},
				{"stagelock audit ver", "verify", "inspect"},
				{"stagelock archive ", "inspect", "verify"},
				{"stagelock publish --secret-f", "--secret-file", "--algorithmic"},
				{"stagelock audit list --verd", "--verdict", ""},
				{"stagelock completion ", "fish", "publish"},
			} {
				got := completed(t, command, tt.line)
				if !hasWord(got, tt.want) || tt.not != "" && hasWord(got, tt.not) {
					t.Errorf("%q completes to %q, want %s", tt.line, got, tt.want)
				}
			}
		})
	}
}

// completed returns what the shell prints, in an environment that has nothing of the user's.
func completed(t *testing.T, command []string, line string) string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	home := t.TempDir()
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "LINE="+line, "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"DOTNET_CLI_TELEMETRY_OPTOUT=1", "POWERSHELL_TELEMETRY_OPTOUT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("%v: %s", err, out)
	}
	return string(out)
}

// hasWord reports whether a line of text begins with that word, which may have its description behind it.
func hasWord(text, word string) bool {
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l == word || strings.HasPrefix(l, word+":") || strings.HasPrefix(l, word+"\t") {
			return true
		}
	}
	return false
}
