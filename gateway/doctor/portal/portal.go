// Package portal reads the files beside a portal that decide whether it can publish: its properties, as
// the portal reads them, and the options of its JVM, each with the line where it stands.
package portal

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/vendor"
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
	properties map[string]vendor.Value
	options    []Value // of the JVM
	verified   []Value // hosts whose calls its verifier takes
	problems   []settings.Problem
}

// Files are those of one portal.
type Files struct {
	Properties []string // portal-ext.properties and its like; a later one wins
	OSGi       []string // configurations of the tunnel's verifier, from 7.0 on
	JVM        []string // setenv.sh, setenv.bat and their like
	Line       string   // version line of the portal; empty: newer than 6.2
	Home       string   // what ${liferay.home} stands for; empty: what -Dliferay.home says
	Options    []string // name=value; further properties of its JVM
	Env        []string // NAME=value; of Liferay's own variables, those of the scripts win
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

// others are those of them that the gateway has no setting for.
var others = []string{Timeout, Context, ValidHosts}

// externalFile is the option that names one more file of properties.
const externalFile = "external-properties"

// Read reads the files of a portal as the portal does: with those that they include, with what stands for
// ${...} in them, and under the variables that override them.
func Read(f Files) (*Portal, error) {
	p := &Portal{files: f.Properties}
	reading := vendor.Portal{Line: f.Line, Home: f.Home, JVM: map[string]string{}, Files: f.Properties, OSGi: f.OSGi}
	for _, pair := range f.Options {
		name, value, _ := strings.Cut(pair, "=")
		reading.JVM[strings.TrimSpace(name)] = value
	}
	for _, pair := range f.Env {
		name, value, _ := strings.Cut(pair, "=")
		reading.Variables = append(reading.Variables, vendor.Variable{Name: name, Value: value,
			Origin: settings.Origin{Source: origin.VendorEnv, Name: name}})
	}
	for _, name := range f.JVM {
		set, err := p.readOptions(name)
		if err != nil {
			return nil, err
		}
		reading.Variables = append(reading.Variables, set...)
	}
	for _, o := range p.options {
		name, value, _ := strings.Cut(o.Text, "=")
		reading.JVM[name] = value
	}
	if name := reading.JVM[externalFile]; filepath.IsAbs(name) { // another is looked for among the portal's classes
		reading.Files = append(slices.Clone(f.Properties), name)
	}
	says, err := reading.Read(others)
	if err != nil {
		return nil, fmt.Errorf("files of the portal: %w", err)
	}
	p.properties, p.problems = says.Properties, says.Problems
	for _, h := range says.Verified {
		p.verified = append(p.verified, valueOf(h))
	}
	return p, nil
}

// Verified returns the hosts whose calls the portal's verifier takes, as its configurations say; one without
// text is everybody. None is returned without such a configuration.
func (p *Portal) Verified() []Value {
	if p == nil {
		return nil
	}
	return p.verified
}

// Problems are what is odd about the properties, or lost without a word when the portal reads them.
func (p *Portal) Problems() []settings.Problem {
	if p == nil {
		return nil
	}
	return p.problems
}

// assignment is a line of a script that sets a variable in which the portal looks for a property.
var assignment = regexp.MustCompile(`^(?:export\s+|(?i:set)\s+)?"?(LIFERAY_\w+)=(.*?)\s*$`)

// readOptions finds what stands as -Dname=value in a script, and returns the variables of Liferay's that it
// sets.
func (p *Portal) readOptions(name string) (set []vendor.Variable, err error) {
	text, err := bounded.File(name, bounded.Large)
	if err != nil {
		return nil, fmt.Errorf("options of the portal's JVM: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(strings.ToLower(trimmed), "rem ") {
			continue
		}
		if m := assignment.FindStringSubmatch(trimmed); m != nil {
			o := settings.Origin{Source: origin.VendorFile, Name: name, Line: i + 1}
			set = append(set, vendor.Variable{Name: m[1], Value: strings.Trim(m[2], `"'`), Origin: o})
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'=`;", r) && r != '=' }) {
			if at := strings.Index(word, "-D"); at >= 0 && (at == 0 || word[at-1] == '=') {
				p.options = append(p.options, Value{word[at+2:], name, i + 1})
			}
		}
	}
	return set, nil
}

// Get returns a property; the zero Value if it stands nowhere.
func (p *Portal) Get(key string) Value {
	if p == nil {
		return Value{}
	}
	v, found := p.properties[key]
	if !found {
		return Value{}
	}
	return valueOf(v)
}

func valueOf(v vendor.Value) Value {
	if v.Origin.Source == origin.VendorEnv {
		return Value{v.Text, v.Origin.String(), 0}
	}
	return Value{v.Text, v.Origin.Name, v.Origin.Line}
}

// Is reports whether a property is one of the words that the portal takes for true.
func (p *Portal) Is(key string) bool { return vendor.True(p.Get(key).Text) }

// HasOptions reports whether any options of the JVM are known.
func (p *Portal) HasOptions() bool { return p != nil && len(p.options) > 0 }

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
