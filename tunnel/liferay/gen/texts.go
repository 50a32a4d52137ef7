package main

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// Texts of more bytes or of fewer builds are not common.
const (
	maxText   = 96
	minBuilds = 2
)

// words holds texts with the builds they were seen in.
type words map[string]map[string]bool

func (w words) add(text, build string) {
	if text == "" || len(text) > maxText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return
	}
	if w[text] == nil {
		w[text] = map[string]bool{}
	}
	w[text][build] = true
}

// lines returns the common texts, sorted.
func (w words) lines() []byte {
	var b []byte
	for _, text := range slices.Sorted(maps.Keys(w)) {
		if len(w[text]) >= minBuilds {
			b = append(append(b, text...), '\n')
		}
	}
	return b
}

// keyWords returns the texts in the block of a MethodKey, and nothing for another block.
func keyWords(block []byte) []string {
	if len(block) < 4 || int(binary.BigEndian.Uint32(block))+4 != len(block) {
		return nil
	}
	var found []string
	for b := block[4:]; len(b) >= 5; {
		if b[0] == 3 { // a class
			b = b[1:]
			continue
		}
		if b[0] != 1 { // the number of parameters
			b = b[4:]
			continue
		}
		n := int(binary.BigEndian.Uint32(b[1:]))
		if n > len(b)-5 {
			return found
		}
		found = append(found, string(b[5:5+n]))
		b = b[5+n:]
	}
	return found
}
