package topology

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// ParsePlan reads a graph as people write it, one link a line:
//
//	live -> test          changes flow from live to test
//	live <-> dev          and in both directions
//	kentico: old          a server without a gateway of ours
//	# a comment
//
// An error names the line.
func ParsePlan(r io.Reader) (servers []Server, links []Link, err error) {
	p := plan{at: map[string]int{}}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if err := p.line(strings.TrimSpace(text)); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return p.servers, p.links, lines.Err()
}

type plan struct {
	servers []Server
	links   []Link
	at      map[string]int // server by name
}

func (p *plan) line(text string) error {
	if text == "" {
		return nil
	}
	if name, ok := strings.CutPrefix(text, "kentico:"); ok {
		n, err := p.server(strings.TrimSpace(name))
		if err == nil {
			p.servers[n].Kentico = true
		}
		return err
	}
	for _, arrow := range []string{"<->", "->"} {
		from, to, ok := strings.Cut(text, arrow)
		if !ok {
			continue
		}
		return p.link(strings.TrimSpace(from), strings.TrimSpace(to), arrow == "<->")
	}
	return fmt.Errorf("%q is no link; write live -> test, live <-> test, or kentico: NAME", text)
}

func (p *plan) link(from, to string, both bool) error {
	for _, name := range []string{from, to} {
		if _, err := p.server(name); err != nil {
			return err
		}
	}
	p.links = append(p.links, Link{from, to})
	if both {
		p.links = append(p.links, Link{to, from})
	}
	return nil
}

func (p *plan) server(name string) (int, error) {
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>;:", r)
	}
	if name == "" || strings.ContainsFunc(name, odd) {
		return 0, fmt.Errorf("%q is no name of a server", name)
	}
	n, known := p.at[name]
	if !known {
		n = len(p.servers)
		p.at[name] = n
		p.servers = append(p.servers, Server{ID: name, Name: name})
	}
	return n, nil
}
