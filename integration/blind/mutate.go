package blind

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// tokens mean something to one of the readers.
var tokens = words(
	"\x00", "\xff", "\x7f\xff\xff\xff", "\x80\x00\x00\x00", "\r\n", "\r\n\r\n", "\n", " ", "\t", "0", "-1", "1e9",
	"9223372036854775808", "${", "}", "\\u0000", "\\", "&x ", "*x", "<<: ", "!!binary ", "- ", ": ", "#", "---\n",
	"'", "\"", "../", "/", "%2e", "\xac\xed\x00\x05", "q\x00~\x00", "sr\x00", "ur\x00", "t\x00", "w\x01", "xp",
	"PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x07\x08", "Transfer-Encoding: chunked\r\n",
	"Content-Length: 1\r\n", "Connection: close\r\n", ";", ",", "=", "Basic ", "::ffff:", "/32", "%eth0", "[]", "{}",
	"<!--", "-->", "<![CDATA[", "]]>", "&#0;", "\xef\xbb\xbf", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x80\xa8",
	"\xc2\x85", "\U0001f600",
)

func words(all ...string) [][]byte {
	var list [][]byte
	for _, w := range all {
		list = append(list, []byte(w))
	}
	return list
}

// numbers are bounds of the fields that lengths are kept in.
var numbers = []uint32{0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff}

// mutator makes inputs out of a corpus. It allocates nothing.
type mutator struct {
	source  *rand.PCG
	entries []entry
	in      Input
	spare   []byte
}

func newMutator(entries []entry) *mutator {
	m := &mutator{source: rand.NewPCG(0, 0), entries: entries, spare: make([]byte, 0, longest)}
	for range entries[0].fields {
		m.in.fields = append(m.in.fields, make([]byte, 0, 2*longest)) // a change appends at most a whole field
	}
	return m
}

// below returns a number less than n, which is more than 0.
func (m *mutator) below(n int) int { return int(m.source.Uint64() >> 33 * uint64(n) >> 31) }

// next makes another input.
func (m *mutator) next() *Input {
	kinds := m.entries[0].kinds
	from := m.entries[m.below(len(m.entries))]
	for i, f := range from.fields {
		m.in.fields[i] = append(m.in.fields[i][:0], f...)
	}
	for range 1 + m.below(1+m.below(8)) {
		at := m.below(len(kinds))
		if kinds[at] == '1' {
			m.in.fields[at][0] = byte(m.below(256))
			continue
		}
		other := m.entries[m.below(len(m.entries))].fields[at]
		b := m.change(m.in.fields[at], other)
		m.in.fields[at] = b[:min(len(b), longest)]
	}
	return &m.in
}

// change changes a field once; other is the same field of another input.
func (m *mutator) change(b, other []byte) []byte {
	if len(b) == 0 {
		return m.insert(b, 0, m.part(other))
	}
	at := m.below(len(b))
	switch m.below(12) {
	case 0:
		b[at] ^= 1 << m.below(8)
	case 1:
		b[at] = byte(m.below(256))
	case 2:
		b[at] += byte(m.below(7)) - 3
	case 3:
		return m.insert(b, at, tokens[m.below(len(tokens))])
	case 4:
		copy(b[at:], tokens[m.below(len(tokens))])
	case 5:
		return append(b[:at], b[at+1+m.below(min(len(b)-at, 64)):]...)
	case 6:
		return m.insert(b, m.below(len(b)), b[at:at+1+m.below(min(len(b)-at, 64))])
	case 7:
		m.number(b[at:])
	case 8:
		return append(b[:at], other[min(m.below(len(other)+1), len(other)):]...)
	case 9:
		return m.insert(b, at, m.part(other))
	case 10:
		to := m.below(len(b))
		b[at], b[to] = b[to], b[at]
	default:
		return b[:at]
	}
	return b
}

// part returns up to 64 bytes of b.
func (m *mutator) part(b []byte) []byte {
	if len(b) == 0 {
		return tokens[m.below(len(tokens))]
	}
	at := m.below(len(b))
	return b[at : at+1+m.below(min(len(b)-at, 64))]
}

// insert puts what into b, of which it may be a part, where that does not get too long.
func (m *mutator) insert(b []byte, at int, what []byte) []byte {
	if len(b)+len(what) > longest {
		return b
	}
	m.spare = append(m.spare[:0], what...)
	b = append(b, m.spare...)
	copy(b[at+len(m.spare):], b[at:])
	copy(b[at:], m.spare)
	return b
}

// number makes a field of two or four bytes, in either order, a bound, the length of what follows, or one beside what it was.
func (m *mutator) number(b []byte) {
	var order binary.ByteOrder = binary.BigEndian
	if m.below(4) == 0 {
		order = binary.LittleEndian
	}
	near := uint32(m.below(5)) - 2
	value := func(was uint32, size int) uint32 {
		switch m.below(3) {
		case 0:
			return numbers[m.below(len(numbers))]
		case 1:
			return uint32(len(b)-size) + near
		default:
			return was + near
		}
	}
	switch {
	case len(b) >= 4 && m.below(2) == 0:
		order.PutUint32(b, value(order.Uint32(b), 4))
	case len(b) >= 2:
		order.PutUint16(b, uint16(value(uint32(order.Uint16(b)), 2)))
	default:
		b[0] = byte(value(uint32(b[0]), 1))
	}
}

// Input is one input. It is valid until the body returns, and so are its bytes.
type Input struct{ fields [][]byte }

// Bytes returns argument i.
func (in *Input) Bytes(i int) []byte { return in.fields[i] }

// String returns argument i; it may be kept.
func (in *Input) String(i int) string { return string(in.fields[i]) }

// Byte returns argument i.
func (in *Input) Byte(i int) byte { return in.fields[i][0] }

// shrink cuts what a failure does not need, and tries so often at most.
func shrink(e entry, fails func(entry) bool, tries int) entry {
	for i, kind := range e.kinds {
		for size := (len(e.fields[i]) + 1) / 2; size > 0 && kind != '1'; size /= 2 {
			for at := 0; at+size <= len(e.fields[i]) && tries > 0; tries-- {
				less := entry{kinds: e.kinds, fields: append([][]byte(nil), e.fields...)}
				less.fields[i] = append(bytes.Clone(e.fields[i][:at]), e.fields[i][at+size:]...)
				if fails(less) {
					e = less
					continue
				}
				at += size
			}
		}
	}
	return e
}
