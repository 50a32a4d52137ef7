package liferay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// Limits of a method key: far above the longest real one.
const (
	maxName       = 256
	maxParameters = 16
	tagClass      = 3 // a class by name; 9 would make the engine open a nested object stream
)

var errKey = errors.New("not a method key of class names")

// readKey parses the block of a MethodKey: the declaring class, the method's name, and its
// parameter types. Only class tags pass; context names (class loaders) are bounded and ignored, as
// the engine falls back from unknown ones. The parameters are in room if that is enough.
func readKey(b []byte, room []string) (tunnel.Method, error) {
	k := keyReader{b: b, common: schema.Shapes().Common}
	if n := k.u32(); int64(n) != int64(len(k.b)) {
		return tunnel.Method{}, fmt.Errorf("%w: length %d in a block of %d", errKey, n, len(b))
	}
	m := tunnel.Method{Service: k.class(), Name: k.name()}
	n := k.u32()
	if n > maxParameters {
		return tunnel.Method{}, fmt.Errorf("%w: %d parameters", errKey, n)
	}
	if n > 0 {
		m.Parameters = slices.Grow(room, int(n))
	}
	for range n {
		m.Parameters = append(m.Parameters, k.class())
	}
	if k.err == nil && len(k.b) > 0 {
		k.err = fmt.Errorf("%w: %d bytes too many", errKey, len(k.b))
	}
	return m, k.err
}

type keyReader struct {
	b      []byte
	common map[string]string
	err    error
}

func (k *keyReader) take(n int) []byte {
	if k.err == nil && len(k.b) < n {
		k.err = fmt.Errorf("%w: ended too early", errKey)
	}
	if k.err != nil {
		return make([]byte, min(n, 2*maxName))
	}
	b := k.b[:n]
	k.b = k.b[n:]
	return b
}

func (k *keyReader) u32() uint32 { return binary.BigEndian.Uint32(k.take(4)) }

func (k *keyReader) class() string {
	if tag := k.take(1)[0]; tag != tagClass && k.err == nil {
		k.err = fmt.Errorf("%w: tag %d where a class name stands", errKey, tag)
	}
	k.text() // the class loader's name
	return k.name()
}

// name reads the name of a class or a method: no blanks, and nothing that a signature is made of.
func (k *keyReader) name() string {
	s := k.text()
	if k.err == nil && (s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune("#(),", r)
	})) {
		k.err = fmt.Errorf("%w: %q is no name", errKey, s)
	}
	return s
}

// text reads a string in the only form that the vendor's writer gives it: bytes if every character
// is 1 to 127, else UTF-16.
func (k *keyReader) text() string {
	flag := k.take(1)[0]
	n := k.u32()
	if k.err == nil && (n > maxName || flag > 1) {
		k.err = fmt.Errorf("%w: a name of %d characters, flag %d", errKey, n, flag)
	}
	if k.err != nil {
		return ""
	}
	if flag == 0 {
		return k.wide(int(n))
	}
	b := k.take(int(n))
	if s, ok := k.common[string(b)]; ok {
		return s
	}
	for _, c := range b {
		if c == 0 || c > 0x7f {
			k.err = fmt.Errorf("%w: byte %#02x in a plain name", errKey, c)
		}
	}
	return string(b)
}

func (k *keyReader) wide(n int) string {
	b := k.take(2 * n)
	units, plain := make([]uint16, n), true
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
		plain = plain && units[i] > 0 && units[i] < 0x80
	}
	if plain && k.err == nil {
		k.err = fmt.Errorf("%w: a plain name written wide", errKey)
	}
	return string(utf16.Decode(units))
}

// appendKey writes the block of a MethodKey as a 7.x client outside a portal does: class loader
// names do not matter to engines.
func appendKey(m tunnel.Method) graph.Block {
	b := appendKeyClass(make([]byte, 4, 256), m.Service)
	b = appendKeyText(b, m.Name)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Parameters)))
	for _, p := range m.Parameters {
		b = appendKeyClass(b, p)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func appendKeyClass(b []byte, name string) []byte {
	return appendKeyText(appendKeyText(append(b, tagClass), "null"), name)
}

func appendKeyText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 1), uint32(len(s)))
	return append(b, s...)
}
