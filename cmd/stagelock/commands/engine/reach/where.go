package reach

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/stagelock/stagelock/conf/bounded"
)

// The names in an engine's data folder by which its commands find it: the token, and a folder with a
// file for every engine that runs on the data folder, which holds its address for commands.
const (
	TokenFile      = "token"
	commandsFolder = "commands"
)

func wordOf(dir string, at net.Addr) string {
	return filepath.Join(dir, commandsFolder, strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r == '.' {
			return r
		}
		return '_'
	}, at.String()))
}

// LeaveWord says in the data folder where an engine takes commands. What engines left that were
// killed is removed.
func LeaveWord(dir string, at net.Addr) error {
	if err := os.MkdirAll(filepath.Join(dir, commandsFolder), 0o700); err != nil {
		return err
	}
	if _, err := running(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(wordOf(dir, at), []byte(at.String()+"\n"), 0o600)
}

// TakeWordBack removes what LeaveWord left.
func TakeWordBack(dir string, at net.Addr) error { return os.Remove(wordOf(dir, at)) }

// running returns the address of an engine on the data folder that takes commands. It returns
// fs.ErrNotExist if there is none, and removes the word of those that are gone.
func running(dir string) (string, error) {
	words, err := filepath.Glob(filepath.Join(dir, commandsFolder, "*"))
	if err != nil {
		return "", err
	}
	for _, word := range words {
		b, err := bounded.File(word, bounded.Small)
		if err != nil {
			continue // it has just ended
		}
		address := strings.TrimSpace(string(b))
		c, err := net.Dial("tcp", address)
		if err == nil {
			return "http://" + address, c.Close()
		}
		if err := os.Remove(word); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fs.ErrNotExist
}
