package contents

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/policy"
)

// Set has the types that a peer may publish. The nil Set allows every type, the zero one none.
type Set struct {
	names []string
}

// New returns the Set of names. Each is the name of a type, the id of an application, or the class of a
// model, simple or whole; Check tells what is none of these and so allows nothing.
func New(names []string) *Set { return &Set{slices.Clone(names)} }

// Check returns what is wrong with an entry of a list of types, or nil.
func Check(name string) *policy.Finding {
	if slices.Contains(Names(), name) || identifies(name) {
		return nil
	}
	return &policy.Finding{Msg: "is no type of content",
		Cure: "write one of " + strings.Join(Names(), ", ") + ", the id of an application, or the class of a model"}
}

// identifies reports whether s can be the id of an application or the class of a model.
func identifies(s string) bool {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	_, err := strconv.Atoi(s)
	return err == nil || strings.ContainsAny(s, "_.") || s[0] >= 'A' && s[0] <= 'Z'
}

// Carried is what an archive holds.
type Carried struct {
	Applications []string // ids of portlets whose data is there, with their instances or without
	Models       []string // classes, simple or whole
}

// Refused returns the types that are carried and not allowed, sorted: the name of a type, or what has
// none. A Set that allows all returns nothing.
func (s *Set) Refused(c Carried) []string {
	if s == nil {
		return nil
	}
	var all []string
	for _, id := range c.Applications {
		id, _, _ = strings.Cut(id, "_INSTANCE_")
		if of := typesOf(id, func(k kind) []string { return k.applications }); !s.allows(id, of) {
			all = append(all, called(id, of))
		}
	}
	for _, class := range c.Models {
		class, _, _ = strings.Cut(class, "#") // what refers to it
		simple := class[strings.LastIndexByte(class, '.')+1:]
		of := typesOf(simple, func(k kind) []string { return k.models })
		if !slices.Contains(everywhere, simple) && !s.allows(class, of) && !slices.Contains(s.names, simple) {
			all = append(all, called(class, of))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// typesOf returns the types that something belongs to.
func typesOf(what string, among func(kind) []string) []string {
	var all []string
	for _, k := range kinds {
		if slices.Contains(among(k), what) {
			all = append(all, k.name)
		}
	}
	return all
}

// allows reports whether something is named itself, or belongs to a type that is.
func (s *Set) allows(what string, of []string) bool {
	return slices.Contains(s.names, what) || slices.ContainsFunc(of, func(t string) bool { return slices.Contains(s.names, t) })
}

// called is what a user calls it: the type, if it has one.
func called(what string, of []string) string {
	if len(of) > 0 {
		return of[0]
	}
	return what
}
