package archive

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// nameRules are held against each name in this order; the first broken one is reported.
var nameRules = []struct {
	code   Code
	msg    string
	broken func(string) bool
}{
	{CodeName, "name is empty", func(s string) bool { return s == "" }},
	{CodeName, "name is not UTF-8", func(s string) bool { return !utf8.ValidString(s) }},
	{CodeName, "name holds a control character", hasControl},
	{CodeName, "name holds a backslash", func(s string) bool { return strings.Contains(s, `\`) }},
	{CodeName, "name holds a colon", func(s string) bool { return strings.Contains(s, ":") }},
	{CodePath, "path is absolute", func(s string) bool { return strings.HasPrefix(s, "/") }},
	{CodePath, "path leaves the archive", func(s string) bool { return hasSegment(s, "..") }},
	{CodePath, "path has an empty segment", func(s string) bool { return hasSegment(s, "") }},
	{CodePath, "path has a segment of one dot", func(s string) bool { return hasSegment(s, ".") }},
	{CodeName, "name is not in the NFC form", func(s string) bool { return !norm.NFC.IsNormalString(s) }},
}

// checkName refuses names that some reader or file system takes for another name.
func checkName(name string, longest int) *Refusal {
	if len(name) > longest {
		return refuse(CodeName, "name of %d bytes is longer than %d", len(name), longest)
	}
	for _, rule := range nameRules {
		if rule.broken(name) {
			return refuse(rule.code, "%s", rule.msg)
		}
	}
	return nil
}

func hasControl(s string) bool { return strings.IndexFunc(s, unicode.IsControl) >= 0 }

func hasSegment(name, segment string) bool {
	for s := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if s == segment {
			return true
		}
	}
	return false
}

// nameSet finds names that would meet in one place of a file system.
type nameSet struct {
	fold    cases.Caser
	files   map[string]bool // folded path → is a file (else a directory)
	folders map[string]bool // names of directories as they stand: a directory may be listed twice
}

func newNameSet() *nameSet {
	return &nameSet{fold: cases.Fold(), files: map[string]bool{}, folders: map[string]bool{}}
}

func (s *nameSet) add(name string) *Refusal {
	key := s.key(name)
	file := !strings.HasSuffix(name, "/")
	if was, taken := s.files[key]; taken && (was || file || !s.folders[name]) {
		return refuse(CodeDuplicate, "name occurs twice")
	}
	if s.files[key] = file; !file {
		s.folders[name] = true
	}
	return nil
}

// checkParents refuses a name below a path that is a file; it needs all names to be added.
func (s *nameSet) checkParents(name string) *Refusal {
	key := s.key(name)
	for i := strings.LastIndexByte(key, '/'); i > 0; i = strings.LastIndexByte(key[:i], '/') {
		if s.files[key[:i]] {
			return refuse(CodeDuplicate, "path runs through a file")
		}
	}
	return nil
}

func (s *nameSet) key(name string) string {
	name = strings.TrimSuffix(name, "/")
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return norm.NFC.String(s.fold.String(name))
		}
	}
	return strings.ToLower(name)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
