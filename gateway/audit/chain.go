package audit

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

// digest is one link of the chain.
type digest [sha256.Size]byte

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
	// overhead is what a line has besides the members of its event.
	overhead = len(seqHead) + 20 + tailLen
)

// chain computes links. It is not safe for concurrent use.
type chain struct {
	sum hash.Hash
	len [8]byte
}

func newChain() *chain { return &chain{sum: sha256.New()} }

// link returns the hash of the line that begins with covered and follows the one with hash prev.
func (c *chain) link(prev digest, covered []byte) (d digest) {
	c.sum.Reset()
	c.sum.Write(prev[:])
	binary.BigEndian.PutUint64(c.len[:], uint64(len(covered)))
	c.sum.Write(c.len[:])
	c.sum.Write(covered)
	c.sum.Sum(d[:0])
	return d
}

// appendLine appends the line of an event with those members, and returns its hash.
func (c *chain) appendLine(b []byte, seq store.Seq, members []byte, prev digest) ([]byte, digest) {
	start := len(b)
	b = append(b, seqHead...)
	b = strconv.AppendUint(b, uint64(seq), 10)
	b = append(b, members...)
	b = append(b, prevHead...)
	b = hex.AppendEncode(b, prev[:])
	b = append(b, '"')
	d := c.link(prev, b[start:])
	b = append(b, hashHead[1:]...)
	b = hex.AppendEncode(b, d[:])
	return append(b, lineEnd...), d
}

// line is a record split up without reading its JSON.
type line struct {
	seq        store.Seq
	kind       Kind // only if it is one that the log writes itself
	covered    []byte
	prev, hash digest
}

var errLine = errors.New("not a record of an audit log")

// splitLine reads the fixed parts of a line. It accepts only the very form that appendLine writes.
func splitLine(body []byte) (l line, err error) {
	rest, ok := bytes.CutPrefix(body, []byte(seqHead))
	if !ok || len(body) < overhead-19 {
		return l, errLine
	}
	n := bytes.IndexByte(rest, ',')
	if n < 1 || n > 20 || rest[0] == '0' {
		return l, errLine
	}
	seq, err := strconv.ParseUint(string(rest[:n]), 10, 64)
	if err != nil {
		return l, errLine
	}
	l.seq, l.kind = store.Seq(seq), ownKind(rest[n:])
	l.covered = body[:len(body)-hashLen]
	tail := body[len(body)-tailLen:]
	if tail, ok = cutHex(tail, prevHead, &l.prev); !ok {
		return l, errLine
	}
	if tail, ok = cutHex(tail, hashHead, &l.hash); !ok || string(tail) != lineEnd {
		return l, errLine
	}
	return l, nil
}

// ownKinds are the beginnings of the lines that Verify looks into.
var ownKinds = map[Kind][]byte{
	KindCheckpoint: appendText(nil, "kind", string(KindCheckpoint)),
	KindAlarm:      appendText(nil, "kind", string(KindAlarm)),
}

func ownKind(members []byte) Kind {
	for kind, head := range ownKinds {
		if bytes.HasPrefix(members, head) {
			return kind
		}
	}
	return ""
}

// cutHex cuts head and a hash in lower-case hex from b.
func cutHex(b []byte, head string, d *digest) ([]byte, bool) {
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
