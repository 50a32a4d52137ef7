package liferay_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// wideText is a name in the form that the vendor's writer uses for one with other letters than ASCII.
func wideText(units ...uint16) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(units)))
	for _, u := range units {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return b
}

func count(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// withLength puts the length before the content of a key's block.
func withLength(parts ...[]byte) []byte {
	b := joined(parts...)
	return append(count(uint32(len(b))), b...)
}

func TestMethodKeys(t *testing.T) {
	service, name, long := keyClass(staging), keyText("createStagingRequest"), keyClass("long")
	for _, tt := range []struct {
		name  string
		block []byte
		ok    bool
	}{
		{"one parameter", withLength(service, name, count(1), long), true},
		{"no parameter", withLength(service, name, count(0)), true},
		{"16 parameters", withLength(service, name, count(16), bytes.Repeat(long, 16)), true},
		{"a class loader of other letters", withLength([]byte{3}, wideText(0xe9), keyText(staging), name, count(0)), true},
		{"a class loader without a name", withLength([]byte{3}, keyText(""), keyText(staging), name, count(0)), true},
		{"a name of 256 characters", withLength(service, keyText(strings.Repeat("x", 256)), count(0)), true},
		{"nothing", nil, false},
		{"a length alone", withLength(), false},
		{"a length too small", append(count(3), withLength(service, name, count(0))[4:]...), false},
		{"a length too large", append(count(1<<20), withLength(service, name, count(0))[4:]...), false},
		{"a negative length", append(count(1<<32-1), withLength(service, name, count(0))[4:]...), false},
		{"a byte too many", withLength(service, name, count(0), []byte{0}), false},
		{"a byte behind the length", append(withLength(service, name, count(0)), 0), false},
		{"a parameter too few", withLength(service, name, count(2), long), false},
		{"a parameter too many", withLength(service, name, count(0), long), false},
		{"17 parameters", withLength(service, name, count(17), bytes.Repeat(long, 17)), false},
		{"4,294,967,295 parameters", withLength(service, name, count(1<<32-1)), false},
		{"a name of 257 characters", withLength(service, keyText(strings.Repeat("x", 257)), count(0)), false},
		{"a name of 4 GiB", withLength(service, []byte{1, 0xff, 0xff, 0xff, 0xff}), false},
		{"a wide name of 4 GiB", withLength(service, []byte{0, 0xff, 0xff, 0xff, 0xff}), false},
		{"a plain name written wide", withLength(service, wideText('a', 'b'), count(0)), false},
		{"a wide name of no letters", withLength(service, wideText(), count(0)), false},
		{"another letter in a plain name", withLength(service, []byte{1, 0, 0, 0, 1, 0xe9}, count(0)), false},
		{"a NUL in a plain name", withLength(service, []byte{1, 0, 0, 0, 1, 0}, count(0)), false},
		{"a flag of 2", withLength(service, []byte{2, 0, 0, 0, 1, 'a'}, count(0)), false},
		{"a line break in a method's name", withLength(service, keyText("a\nb"), count(0)), false},
		{"a space in a parameter's type", withLength(service, name, count(1), keyClass("long ")), false},
		{"a bracket in a method's name", withLength(service, keyText("a(long"), count(0)), false},
		{"half a character in a method's name", withLength(service, wideText(0xd83d), count(0)), false},
		{"a line break in a class loader's name", withLength([]byte{3}, keyText("a\nb"), keyText(staging), name, count(0)), true},
		{"a service without a name", withLength(keyClass(""), name, count(0)), false},
		{"a method without a name", withLength(service, keyText(""), count(0)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := liferay.ReadKey(tt.block)
			if (err == nil) != tt.ok {
				t.Errorf("got %s, %v", m.Signature(), err)
			}
		})
	}
}

// TestMethodKeyTags: of the vendor's tags only that of a class name passes, as a service and as a parameter.
func TestMethodKeyTags(t *testing.T) {
	for tag := range 256 {
		bent := bytes.Clone(keyClass(staging))
		bent[0] = byte(tag)
		for _, block := range [][]byte{
			withLength(bent, keyText("x"), count(0)),
			withLength(keyClass(staging), keyText("x"), count(1), bent),
		} {
			if _, err := liferay.ReadKey(block); (err == nil) != (tag == 3) {
				t.Errorf("tag %d: %v", tag, err)
			}
		}
	}
}

func keySeeds(f blind.Seeds) {
	f.Add(keyBlock(staging, "createStagingRequest", "long", "java.lang.String"))
	f.Add(withLength([]byte{3}, wideText(0xe9), keyText(staging), keyText("x"), count(0)))
	f.Add(asKey([]byte{0x70})[2:])
}

// readsKey: what is accepted is bounded, and means the same when it is written plainly.
func readsKey(t testing.TB, block []byte) {
	m, err := liferay.ReadKey(block)
	if err != nil {
		return
	}
	if len(m.Parameters) > 16 || len(m.Name) > 1024 || len(m.Service) > 1024 {
		t.Errorf("%d parameters, names of %d and %d", len(m.Parameters), len(m.Name), len(m.Service))
	}
	again, err := liferay.ReadKey(keyBlock(m.Service, m.Name, m.Parameters...))
	if strings.ContainsFunc(m.Signature(), func(r rune) bool { return r > '~' }) {
		return // no plain form
	}
	if err != nil || again.Signature() != m.Signature() {
		t.Errorf("%q became %q, %v", m.Signature(), again.Signature(), err)
	}
}

func FuzzMethodKey(f *testing.F) {
	keySeeds(f)
	f.Fuzz(func(t *testing.T, block []byte) { readsKey(t, block) })
}
