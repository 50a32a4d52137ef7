package topology

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// Typed is one row of what was typed into a Kentico installation: on the server Server somebody wrote
// Code as its own code name (CMSStagingServerName) and lists Target under the name Name.
type Typed struct {
	Server, Code, Target, Name string
	Line                       int // of the file, from 1
}

// maxTyped bounds a file of typed names.
const maxTyped = MaxServers * MaxServers

// ParseTyped reads a CSV file with the columns server, code name, target, name of the target. A first
// row of these words is skipped. An error names the line.
func ParseTyped(r io.Reader) ([]Typed, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = 4
	var all []Typed
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w; each row is: server, its code name as typed, target, the target's name as typed", err)
		}
		line, _ := in.FieldPos(0)
		t := Typed{Server: strings.TrimSpace(row[0]), Code: row[1], Target: strings.TrimSpace(row[2]), Name: row[3], Line: line}
		if len(all) == 0 && strings.EqualFold(t.Server, "server") {
			continue
		}
		if t.Server == "" {
			return nil, fmt.Errorf("line %d: the first column names no server", line)
		}
		if all = append(all, t); len(all) > maxTyped {
			return nil, fmt.Errorf("line %d: more than %d rows", line, maxTyped)
		}
	}
}

// codeName is what fits into the list of servers that processed a task.
var codeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`) })

// CheckTyped holds typed names against each other, and the graph that they make against Kentico's
// rule. Names are compared without case, as Kentico does, and else as they are: a blank counts.
func CheckTyped(rows []Typed) Report {
	servers, links := graphOf(rows)
	r := Check(servers, links, Listed)
	own := codes(rows, &r)
	doubled(own, &r)
	for _, t := range rows {
		if t.Target == "" {
			continue
		}
		code, known := own.code[t.Target]
		switch {
		case !known:
			r.add(Warn, fmt.Sprintf("line %d: %s lists %s, which has no row: nobody can say what it calls itself",
				t.Line, t.Server, t.Target), "add a row for "+t.Target)
		case !strings.EqualFold(code, t.Name):
			r.add(Refuse, fmt.Sprintf("line %d: %s lists %s as %q, which calls itself %q: a change that %s made comes back to it",
				t.Line, t.Server, t.Target, t.Name, code, t.Target),
				fmt.Sprintf("type %q as the code name of the target on %s", code, t.Server))
		}
	}
	return r
}

// graphOf makes servers by name, in the order in which they are named.
func graphOf(rows []Typed) ([]Server, []Link) {
	var servers []Server
	var links []Link
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			servers = append(servers, Server{ID: name, Name: name, Kentico: true})
		}
	}
	for _, t := range rows {
		add(t.Server)
		if t.Target != "" {
			add(t.Target)
			links = append(links, Link{t.Server, t.Target})
		}
	}
	return servers, links
}

// ownNames are the code names of servers, in the order of the rows.
type ownNames struct {
	code  map[string]string
	order []string
}

func codes(rows []Typed, r *Report) ownNames {
	own := ownNames{code: map[string]string{}}
	for _, t := range rows {
		known, seen := own.code[t.Server]
		if seen && known != t.Code {
			r.add(Refuse, fmt.Sprintf("line %d: %s calls itself %q here and %q above", t.Line, t.Server, t.Code, known),
				"a server has one code name: look it up in its settings")
		}
		if seen {
			continue
		}
		own.code[t.Server] = t.Code
		own.order = append(own.order, t.Server)
		if !codeName().MatchString(t.Code) {
			r.add(Refuse, fmt.Sprintf("line %d: the code name %q of %s cannot stand in the list of processed servers: "+
				"its changes come back to it", t.Line, t.Code, t.Server), "set CMSStagingServerName there, letters, digits, _ . - only")
		}
	}
	return own
}

// doubled refuses one code name of two servers.
func doubled(own ownNames, r *Report) {
	first := map[string]string{}
	for _, server := range own.order {
		folded := strings.ToLower(own.code[server])
		if other := first[folded]; other != "" && folded != "" {
			r.add(Refuse, fmt.Sprintf("%s and %s both call themselves %q: a change of one never reaches the other",
				other, server, own.code[server]), "give one of them another code name")
			continue
		}
		first[folded] = server
	}
}
