package calls

import (
	_ "embed" // the vendor's calls
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// presetsJSON lists every staging call that a client of a version line can make, as read from the
// vendor's jars.
//
//go:embed calls.json
var presetsJSON []byte

// lines are the version lines there is a preset for.
var lines = []string{"6.2", "7.0", "7.1", "7.2", "7.3", "7.4"}

// Lines returns the version lines that NewPreset knows, oldest first.
func Lines() []string { return slices.Clone(lines) }

// row is one entry of calls.json.
type row struct {
	Service    string   `json:"service"`
	Method     string   `json:"method"`
	Parameters []string `json:"parameters"`
	Returns    string   `json:"returns"`
	Lines      []string `json:"lines"` // version lines or builds of one, such as 7.4.3.51
}

// vendors returns the rows of calls.json, which are read once and never changed.
var vendors = sync.OnceValues(func() (rows []row, err error) {
	if err := json.Unmarshal(presetsJSON, &rows); err != nil {
		return nil, fmt.Errorf("read embedded presets: %w", err)
	}
	return rows, nil
})

// in reports whether a build of the line makes the call.
func (r row) in(line string) bool {
	return slices.ContainsFunc(r.Lines, func(build string) bool {
		return build == line || strings.HasPrefix(build, line+".")
	})
}

// Preset is the list of calls that may pass to a live engine of one version line. It is safe for
// concurrent use. The zero Preset matches nothing.
type Preset struct {
	line   string
	rules  map[string][]*Rule // by method name
	barred map[string][]row   // the vendor's calls that never pass, by method name
	others map[string][]row   // calls of other lines, by method name: they only make a refusal clearer
	part   *Rule
}

// NewPreset returns the preset of a version line: 6.2, 7.0, 7.1, 7.2, 7.3 or 7.4 (all its builds
// together). An unknown line is an error that lists the known ones.
func NewPreset(line string) (*Preset, error) {
	if !slices.Contains(lines, line) {
		return nil, fmt.Errorf("version line %q is unknown, known are %s", line, strings.Join(lines, ", "))
	}
	rows, err := vendors()
	if err != nil {
		return nil, err
	}
	p := &Preset{line: line, rules: map[string][]*Rule{}, barred: map[string][]row{}, others: map[string][]row{}}
	for _, r := range rows {
		if err := p.add(r); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add puts a row where it belongs. A call passes only if it stands in both tables, the vendor's and
// that of meanings.
func (p *Preset) add(r row) error {
	key := meaningKey(r)
	if _, ok := barred[key]; ok {
		p.barred[r.Method] = append(p.barred[r.Method], r)
		return nil
	}
	if !r.in(p.line) {
		p.others[r.Method] = append(p.others[r.Method], r)
		return nil
	}
	m, ok := meanings[key]
	if !ok {
		return fmt.Errorf("call %s has no rule", key)
	}
	rule := newRule(r, m)
	p.rules[r.Method] = append(p.rules[r.Method], rule)
	if rule.Kind == Update {
		p.part = rule
	}
	return nil
}

// Line returns the version line of the preset.
func (p *Preset) Line() string { return p.line }

// Part returns the rule of the call that carries content. The wire reads the method last, so a part
// is judged by this rule before its content streams, and by the matched one after.
func (p *Preset) Part() *Rule { return p.part }

// Rules returns the rules of the preset, ordered by signature.
func (p *Preset) Rules() []*Rule {
	var all []*Rule
	for _, rs := range p.rules {
		all = append(all, rs...)
	}
	slices.SortFunc(all, func(a, b *Rule) int { return strings.Compare(a.Signature(), b.Signature()) })
	return all
}

// Match returns the rule of exactly that call, or a refusal. All three must be equal byte for byte:
// there are no patterns, no case folding, no other spelling of a type.
func (p *Preset) Match(service, method string, parameters []string) (*Rule, *Refusal) {
	for _, r := range p.rules[method] {
		if r.Service == service && slices.Equal(r.Parameters, parameters) {
			return r, nil
		}
	}
	return nil, p.mismatch(service, method, parameters)
}

// mismatch says as exactly as possible why there is no rule for a call.
func (p *Preset) mismatch(service, method string, parameters []string) *Refusal {
	equal := func(r row) bool { return r.Service == service && slices.Equal(r.Parameters, parameters) }
	detail := "call " + quote(service+"#"+method) + " with parameters " + quote(strings.Join(clip(parameters), ",")) + " in line " + p.line
	if i := slices.IndexFunc(p.barred[method], equal); i >= 0 {
		return refuse(CallBarred, "the call "+method+" never passes this gateway: "+barred[meaningKey(p.barred[method][i])],
			"%s", detail)
	}
	if i := slices.IndexFunc(p.others[method], equal); i >= 0 {
		of := strings.Join(p.others[method][i].Lines, ", ")
		return refuse(CallLine, "the call "+method+" belongs to version "+of+", but the live server behind this gateway is set to "+
			p.line, "%s, known in %s", detail, of)
	}
	return refuse(CallUnknown, "the call "+quote(method)+" is not one that staging makes",
		"%s", detail)
}

// parametersMax is more than any call of the vendor has; the rest of a longer list is not printed.
const parametersMax = 10

func clip(parameters []string) []string { return parameters[:min(len(parameters), parametersMax)] }
