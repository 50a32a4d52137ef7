package record

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/stagelock/stagelock/archive/refusal"
)

// nameRules are held against each name in this order; the first broken one is reported.
var nameRules = []struct {
	code   refusal.Code
	msg    string
	broken func(string) bool
}{
	{refusal.CodeName, "name is empty", func(s string) bool { return s == "" }},
	{refusal.CodeName, "name is not UTF-8", func(s string) bool { return !utf8.ValidString(s) }},
	{refusal.CodeName, "name holds a control character", hasControl},
	{refusal.CodeName, "name holds a backslash", func(s string) bool { return strings.Contains(s, `\`) }},
	{refusal.CodeName, "name holds a colon", func(s string) bool { return strings.Contains(s, ":") }},
	{refusal.CodePath, "path is absolute", func(s string) bool { return strings.HasPrefix(s, "/") }},
	{refusal.CodePath, "path leaves the archive", func(s string) bool { return hasSegment(s, "..") }},
	{refusal.CodePath, "path has an empty segment", func(s string) bool { return hasSegment(s, "") }},
	{refusal.CodePath, "path has a segment of one dot", func(s string) bool { return hasSegment(s, ".") }},
	{refusal.CodeName, "name is not in the NFC form", func(s string) bool { return !norm.NFC.IsNormalString(s) }},
}

// CheckName refuses names that some reader or file system takes for another name.
func CheckName(name string, longest int) *refusal.Refusal {
	if len(name) > longest {
		return refusal.New(refusal.CodeName, "name of %d bytes is longer than %d", len(name), longest)
	}
	for _, rule := range nameRules {
		if rule.broken(name) {
			return refusal.New(rule.code, "%s", rule.msg)
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

// NameSet finds names that would meet in one place of a file system.
type NameSet struct {
	fold    cases.Caser
	files   map[string]bool // folded path → is a file (else a directory)
	folders map[string]bool // names of directories as they stand: a directory may be listed twice
}

// NewNameSet returns an empty set.
func NewNameSet() *NameSet {
	return &NameSet{fold: cases.Fold(), files: map[string]bool{}, folders: map[string]bool{}}
}

// Add refuses a name that meets one that was added before.
func (s *NameSet) Add(name string) *refusal.Refusal {
	key := s.key(name)
	file := !strings.HasSuffix(name, "/")
	if was, taken := s.files[key]; taken && (was || file || !s.folders[name]) {
		return refusal.New(refusal.CodeDuplicate, "name occurs twice")
	}
	if s.files[key] = file; !file {
		s.folders[name] = true
	}
	return nil
}

// CheckParents refuses a name below a path that is a file; it needs all names to be added.
func (s *NameSet) CheckParents(name string) *refusal.Refusal {
	key := s.key(name)
	for i := strings.LastIndexByte(key, '/'); i > 0; i = strings.LastIndexByte(key[:i], '/') {
		if s.files[key[:i]] {
			return refusal.New(refusal.CodeDuplicate, "path runs through a file")
		}
	}
	return nil
}

func (s *NameSet) key(name string) string {
	name = strings.TrimSuffix(name, "/")
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return norm.NFC.String(s.fold.String(name))
		}
	}
	return strings.ToLower(name)
}

// IsASCII reports whether s has ASCII characters only.
func IsASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
