// Package portal reads the files beside a portal that decide whether it can publish: its properties, as
// the portal reads them, and the options of its JVM, each with the line where it stands.
package portal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
)

// Value is a text and where it stands. The zero Value stands nowhere.
type Value struct {
	Text string
	File string
	Line int
}

// Set reports whether it stands anywhere.
func (v Value) Set() bool { return v.File != "" }

// Place is the file and line, as compilers write it.
func (v Value) Place() string { return fmt.Sprintf("%s:%d", v.File, v.Line) }

// Portal is what the files of one portal say. It does not change.
type Portal struct {
	files      []string // of properties, the last one wins
	properties map[string]Value
	options    []Value // of the JVM
	line62     bool
}

// Files are those of one portal.
type Files struct {
	Properties []string // portal-ext.properties and its like; a later one wins
	JVM        []string // setenv.sh, setenv.bat and their like
	Line       string   // version line of the portal; empty: newer than 6.2
}

// keys are those that a continued line is suspected to swallow.
var keys = map[string]bool{
	Secret: true, Hex: true, Algorithm: true, Hosts: true, HTTPS: true, Buffer: true, Timeout: true, Context: true, ValidHosts: true,
}

// The properties that matter.
const (
	Secret     = "tunneling.servlet.shared.secret"
	Hex        = "tunneling.servlet.shared.secret.hex"
	Algorithm  = "tunneling.servlet.encryption.algorithm"
	Timeout    = "tunneling.servlet.timeout"
	Hosts      = "tunnel.servlet.hosts.allowed"
	HTTPS      = "tunnel.servlet.https.required"
	Buffer     = "staging.remote.transfer.buffer.size"
	Context    = "portal.ctx"
	ValidHosts = "virtual.hosts.valid.hosts"
)

// Read reads the files of a portal.
func Read(f Files) (*Portal, error) {
	p := &Portal{files: f.Properties, properties: map[string]Value{}, line62: f.Line == "6.2"}
	for _, name := range f.Properties {
		if err := p.readProperties(name); err != nil {
			return nil, err
		}
	}
	for _, name := range f.JVM {
		if err := p.readOptions(name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Portal) readProperties(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("the portal's properties: %w", err)
	}
	for _, e := range format.ParseProperties(text, p.line62, func(key string) bool { return keys[key] }).Entries {
		if len(e.Texts) == 0 || len(e.Lines) == 0 {
			continue
		}
		var all []string
		for _, t := range e.Texts {
			all = append(all, t.Text)
		}
		p.properties[e.Key] = Value{strings.Join(all, ","), name, e.Lines[len(e.Lines)-1]}
	}
	return nil
}

// readOptions finds what stands as -Dname=value or -X in a script.
func (p *Portal) readOptions(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("options of the portal's JVM: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(strings.ToLower(trimmed), "rem ") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'=`;", r) && r != '=' }) {
			if at := strings.Index(word, "-D"); at >= 0 && (at == 0 || word[at-1] == '=') {
				p.options = append(p.options, Value{word[at+2:], name, i + 1})
			}
		}
	}
	return nil
}

// Get returns a property; the zero Value if it stands nowhere.
func (p *Portal) Get(key string) Value {
	if p == nil {
		return Value{}
	}
	return p.properties[key]
}

// Option returns the last value of a system property that the JVM is started with; the zero Value if it
// is not.
func (p *Portal) Option(name string) Value {
	if p == nil {
		return Value{}
	}
	var found Value
	for _, o := range p.options {
		key, value, _ := strings.Cut(o.Text, "=")
		if key == name {
			found = Value{value, o.File, o.Line}
		}
	}
	return found
}

// File returns the file that a missing property belongs into; empty without one.
func (p *Portal) File() string {
	if p == nil || len(p.files) == 0 {
		return ""
	}
	return filepath.Clean(p.files[len(p.files)-1])
}
