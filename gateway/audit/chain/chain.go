package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"

	"github.com/stagelock/stagelock/store"
)

// Digest is one link of the chain.
type Digest [sha256.Size]byte

const (
	seqHead  = `{"seq":`
	prevHead = `,"prev":"`
	hashHead = `","hash":"`
	lineEnd  = `"}`
	hexLen   = 2 * sha256.Size
	// hashLen and tailLen are the lengths of the fixed ends of a line: from the quote before hash,
	// and from prev.
	hashLen = len(hashHead) - 1 + hexLen + len(lineEnd)
	tailLen = len(prevHead) + hexLen + 1 + hashLen
	// Overhead is what a line has besides the members of its event.
	Overhead = len(seqHead) + 20 + tailLen
)

// Chain computes links. It is not safe for concurrent use.
type Chain struct {
	sum  hash.Hash
	len  [8]byte
	link Digest // room for a sum, which would escape
}

// New returns a Chain.
func New() *Chain { return &Chain{sum: sha256.New()} }

// Link returns the hash of the line that begins with covered and follows the one with hash prev.
func (c *Chain) Link(prev Digest, covered []byte) Digest {
	c.link = prev
	c.sum.Reset()
	c.sum.Write(c.link[:])
	binary.BigEndian.PutUint64(c.len[:], uint64(len(covered)))
	c.sum.Write(c.len[:])
	c.sum.Write(covered)
	c.sum.Sum(c.link[:0])
	return c.link
}

// AppendLine appends the line of an event with those members, and returns its hash.
func (c *Chain) AppendLine(b []byte, seq store.Seq, members []byte, prev Digest) ([]byte, Digest) {
	start := len(b)
	b = append(b, seqHead...)
	b = strconv.AppendUint(b, uint64(seq), 10)
	b = append(b, members...)
	b = append(b, prevHead...)
	b = hex.AppendEncode(b, prev[:])
	b = append(b, '"')
	d := c.Link(prev, b[start:])
	b = append(b, hashHead[1:]...)
	b = hex.AppendEncode(b, d[:])
	return append(b, lineEnd...), d
}

// Line is a record split up without reading its JSON. Its texts are those of the body that was split.
type Line struct {
	Seq        store.Seq
	Members    []byte // of the event, from the comma behind seq
	Covered    []byte // what Hash covers
	Prev, Hash Digest
}

// ErrLine is returned for what no log writes as a record.
var ErrLine = errors.New("not a record of an audit log")

// Split reads the fixed parts of a line. It accepts only the very form that AppendLine writes.
func Split(body []byte) (l Line, err error) {
	rest, ok := bytes.CutPrefix(body, []byte(seqHead))
	if !ok || len(body) < Overhead-19 {
		return l, ErrLine
	}
	n := bytes.IndexByte(rest, ',')
	if n < 1 || n > 20 || rest[0] == '0' {
		return l, ErrLine
	}
	seq, err := strconv.ParseUint(string(rest[:n]), 10, 64)
	if err != nil {
		return l, ErrLine
	}
	l.Seq, l.Members = store.Seq(seq), body[len(seqHead)+n:len(body)-tailLen]
	l.Covered = body[:len(body)-hashLen]
	tail := body[len(body)-tailLen:]
	if tail, ok = cutHex(tail, prevHead, &l.Prev); !ok {
		return l, ErrLine
	}
	if tail, ok = cutHex(tail, hashHead, &l.Hash); !ok || string(tail) != lineEnd {
		return l, ErrLine
	}
	return l, nil
}

// Whole reports whether a line has the hash that it says.
func (c *Chain) Whole(l Line) bool { return c.Link(l.Prev, l.Covered) == l.Hash }

// cutHex cuts head and a hash in lower-case hex from b.
func cutHex(b []byte, head string, d *Digest) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(b, []byte(head))
	if !ok || len(rest) < hexLen {
		return b, false
	}
	for _, c := range rest[:hexLen] {
		if c >= 'A' && c <= 'F' {
			return b, false
		}
	}
	_, err := hex.Decode(d[:], rest[:hexLen])
	return rest[hexLen:], err == nil
}
