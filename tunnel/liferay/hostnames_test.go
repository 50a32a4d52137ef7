package liferay_test

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestHostNamesAreATreeMap holds the host names that a page of 7.3 and later brings along against their form: strings in a TreeMap
// that orders them as strings are, each once.
func TestHostNamesAreATreeMap(t *testing.T) {
	const layout = "com.liferay.portal.kernel.model.Layout"
	for _, build := range []string{"7.3", "7.4.3.51", "7.4.3.112"} {
		t.Run(build, func(t *testing.T) {
			data := recorded(t, build, "030-getLayoutByUuidAndGroupId.rep")
			if _, err := reply(bytes.NewReader(data), layout, false); err != nil {
				t.Fatal(err)
			}
			for name, twin := range hostNameTwins(t, data) {
				if _, err := reply(bytes.NewReader(twin), layout, false); err == nil {
					t.Errorf("%s was accepted", name)
				}
			}
		})
	}
}

// hostNameTwins are streams one change away from that one, which no live server writes.
func hostNameTwins(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	class := bytes.Index(data, []byte("java.util.TreeMap"))
	// Behind the descriptor: null for the comparator, and a block with the number of entries.
	own := bytes.Index(data[class:], []byte{0x78, 0x70, 0x70, 0x77, 4, 0, 0, 0, 2}) + class
	if class < 0 || own < class {
		t.Fatal("no TreeMap")
	}
	at := func(i int, b ...byte) []byte { return append(append(bytes.Clone(data[:i]), b...), data[i+len(b):]...) }
	insert := func(i, cut int, b ...byte) []byte {
		return append(append(bytes.Clone(data[:i]), b...), data[i+cut:]...)
	}
	first := own + 9
	key := data[first : first+3+int(binary.BigEndian.Uint16(data[first+1:]))]
	second := bytes.Index(data, []byte("live.example.com")) - 3
	for i := second; ; { // the last of that name is the key
		next := bytes.Index(data[i+4:], []byte("\x74\x00\x10live.example.com"))
		if next < 0 {
			break
		}
		i += next + 4
		second = i
	}
	return map[string][]byte{
		"a HashMap":            at(class, []byte("java.util.HashMap")...),
		"a class of its own":   at(class, []byte("java.util.TreeSet")...),
		"a comparator":         insert(own+2, 1, 0x74, 0, 1, 'x'),
		"one entry fewer":      at(own+5, 0, 0, 0, 1),
		"one entry more":       at(own+5, 0, 0, 0, 3),
		"two thousand million": at(own+5, 0x7f, 0xff, 0xff, 0xff),
		"less than none":       at(own+5, 0xff, 0xff, 0xff, 0xff),
		"one key twice":        insert(second, 19, key...),
		"null for a key":       insert(first, len(key), 0x70),
		"a block of eight":     insert(own+3, 6, 0x77, 8, 0, 0, 0, 2, 0, 0, 0, 2),
	}
}
