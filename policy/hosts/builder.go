package hosts

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/stagelock/stagelock/policy"
)

var (
	all4   = netip.MustParsePrefix("0.0.0.0/0")
	all6   = netip.MustParsePrefix("::/0")
	mapped = netip.MustParseAddr("::ffff:0:0")
	compat = netip.MustParsePrefix("::/96")
	link6  = netip.MustParsePrefix("fe80::/10")
)

// written is an entry that was understood, with its place in the list.
type written struct {
	pattern
	text  string
	index int
}

// builder collects the entries of one list and all that is wrong with them.
type builder struct {
	c        Config
	anyCure  string // what to do about an entry that holds everybody
	set      *Set
	entries  []written // without SERVER_IP: what that stands for is not the operator's spelling
	problems []Finding
}

func build(c Config, anyCure string) (*Set, []Finding) {
	b := &builder{c: c, anyCure: anyCure, set: &Set{names: map[netip.Prefix]string{}, zoned: map[netip.Addr]string{}}}
	for i, text := range c.Allow {
		b.add(i, text)
	}
	b.finish()
	for _, p := range b.problems {
		if !p.Warning {
			return nil, b.problems
		}
	}
	return b.set, b.problems
}

func (b *builder) report(index int, text, msg, cure string, warning bool) {
	b.problems = append(b.problems, Finding{policy.Finding{Msg: msg, Cure: cure, Warning: warning}, text, index})
}

func (b *builder) add(index int, text string) {
	if text == ServerIP {
		b.addMachine(index)
		return
	}
	p, f := parse(text)
	if f != nil {
		b.report(index, text, f.msg, f.cure, false)
		return
	}
	if p.prefix.IsValid() && p.prefix.Bits() == 0 && !b.c.AllowAny {
		b.report(index, text, "admits every address", b.anyCure, false)
		return
	}
	b.entries = append(b.entries, written{p, text, index})
	b.set.insert(p, text)
}

// addMachine adds the addresses of this machine.
func (b *builder) addMachine(index int) {
	const cure = "write the addresses themselves"
	if b.c.Interfaces == nil {
		b.report(index, ServerIP, "cannot be used here", cure, false)
		return
	}
	addrs, err := b.c.Interfaces()
	if err != nil {
		b.report(index, ServerIP, fmt.Sprintf("the addresses of this machine are not known: %v", err), cure, false)
		return
	}
	if len(addrs) == 0 {
		b.report(index, ServerIP, "this machine has no address", cure, true)
	}
	for _, a := range addrs {
		if p := single(a); a.IsValid() {
			b.set.insert(p, ServerIP)
		}
	}
}

// finish checks the list as a whole.
func (b *builder) finish() {
	if len(b.c.Allow) == 0 {
		b.report(-1, "", "the list is empty: nobody could connect", "write the publishers' addresses, or SERVER_IP", false)
	}
	b.cautions()
	b.repeated()
	if !b.c.AllowAny {
		b.together()
	}
}

// caution is a legal entry that does less than its author may think.
type caution struct {
	applies   func(s *Set, p netip.Prefix) bool
	msg, cure string
}

var cautions = []caution{
	{func(_ *Set, p netip.Prefix) bool {
		a := p.Addr()
		return p.IsSingleIP() && (a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || a.IsUnspecified() || a.IsMulticast())
	}, "no peer has this address", "remove it, or write a publisher's address"},
	{func(_ *Set, p netip.Prefix) bool {
		return p.Addr().Is6() && link6.Overlaps(p) && p.Bits() >= link6.Bits()
	},
		"a link-local peer comes with a zone and matches only an entry that names it", "write it as fe80::1%eth0"},
	{func(s *Set, p netip.Prefix) bool {
		_, any4 := s.names[all4]
		return p.Addr().Is6() && p.Bits() < 96 && p.Contains(mapped) && !any4
	}, "does not admit IPv4 addresses: a mapped one is judged as IPv4", "add the IPv4 prefixes"},
	{func(_ *Set, p netip.Prefix) bool {
		a := p.Addr()
		return p.IsSingleIP() && compat.Contains(a) && !a.IsLoopback() && !a.IsUnspecified()
	}, "is an IPv4-compatible IPv6 address and does not admit the IPv4 one", "write the IPv4 address"},
}

func (b *builder) cautions() {
	for _, e := range b.entries {
		for _, c := range cautions {
			if e.prefix.IsValid() && c.applies(b.set, e.prefix) {
				b.report(e.index, e.text, c.msg, c.cure, true)
			}
		}
	}
}

// repeated warns of entries that change nothing: written before, or inside a wider one.
func (b *builder) repeated() {
	var table bart.Lite
	first := map[pattern]written{}
	for _, e := range b.entries {
		if f, ok := first[e.pattern]; ok {
			b.report(e.index, e.text, fmt.Sprintf("is the same as entry %d, %q", f.index+1, f.text), "remove one of them", true)
			continue
		}
		first[e.pattern] = e
		if e.prefix.IsValid() {
			table.Insert(e.prefix)
		}
	}
	for _, e := range b.entries {
		if e.prefix.IsValid() && first[e.pattern].index == e.index {
			b.shadowed(&table, first, e)
		}
	}
}

// shadowed names the widest entry around e, as that one is the reason why e changes nothing.
func (b *builder) shadowed(table *bart.Lite, first map[pattern]written, e written) {
	widest := e.prefix
	for p := range table.Supernets(e.prefix) {
		widest = p
	}
	if widest == e.prefix {
		return
	}
	by := first[pattern{prefix: widest}]
	msg := fmt.Sprintf("lies inside entry %d, %q", by.index+1, by.text)
	b.report(e.index, e.text, msg, "remove it, or narrow the other one", true)
}

// together refuses lists that need no single /0 to admit everybody.
func (b *builder) together() {
	sum := b.set.table.Clone()
	sum.Aggregate()
	for _, p := range []netip.Prefix{all4, all6} {
		if sum.Get(p) {
			b.report(-1, "", fmt.Sprintf("the entries together are %s and admit every address", p), b.anyCure, false)
		}
	}
}
