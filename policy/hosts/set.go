package hosts

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/stagelock/stagelock/policy"
)

// Finding is something wrong in a list, and in which entry of it. Index counts from 0; it is -1 if
// the list as a whole is meant.
type Finding struct {
	policy.Finding
	Entry string
	Index int
}

// Config is what an operator wrote.
type Config struct {
	// Allow holds addresses, prefixes, addresses with a zone, and SERVER_IP.
	Allow []string
	// AllowAny permits entries that admit every address of a family.
	AllowAny bool
	// Interfaces lists this machine's addresses for SERVER_IP, both families. A link-local address
	// should carry its zone: its peers do.
	Interfaces func() ([]netip.Addr, error)
}

// Set is an allowlist. It does not change once New returned it and is safe for concurrent use. The
// nil Set and the zero Set admit nobody.
type Set struct {
	table bart.Lite
	names map[netip.Prefix]string
	zoned map[netip.Addr]string
}

// New reads a list and reports everything that is wrong with it. The Set is nil, and so admits
// nobody, if there is any problem that is not a warning.
func New(c Config) (*Set, []Finding) {
	return build(c, "set allow_any if that is meant, else write the publishers' addresses")
}

// Contains reports whether a is admitted.
func (s *Set) Contains(a netip.Addr) bool {
	if s == nil {
		return false
	}
	if a.Zone() != "" {
		_, ok := s.zoned[a]
		return ok
	}
	return s.table.Contains(a.Unmap())
}

// Match returns the entry that admits a, as it was written; of several, the narrowest.
func (s *Set) Match(a netip.Addr) (entry string, ok bool) {
	if s == nil || !a.IsValid() {
		return "", false
	}
	if a.Zone() != "" {
		entry, ok = s.zoned[a]
		return entry, ok
	}
	a = a.Unmap()
	p, ok := s.table.LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
	if !ok {
		return "", false
	}
	return s.names[p], true
}

// Len returns how many different prefixes and zoned addresses the set holds.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.table.Size() + len(s.zoned)
}

// insert adds p under the name of the entry that it came from; the first name stays.
func (s *Set) insert(p pattern, name string) {
	if p.zoned.IsValid() {
		if _, ok := s.zoned[p.zoned]; !ok {
			s.zoned[p.zoned] = name
		}
		return
	}
	if _, ok := s.names[p.prefix]; !ok {
		s.names[p.prefix] = name
		s.table.Insert(p.prefix)
	}
}

// String is the whole finding in one line.
func (f Finding) String() string {
	if f.Index < 0 {
		return f.Finding.String()
	}
	return fmt.Sprintf("entry %d, %q, %s", f.Index+1, f.Entry, f.Finding)
}
