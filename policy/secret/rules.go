package secret

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/policy"
)

// minBytes is the vendor's least length, whatever the algorithm.
const minBytes = 8

// candidate is a key on its way through the rules.
type candidate struct {
	KeyConfig
	algorithm
	raw []byte
}

// rule is one thing that can be wrong. Rules are all tried; a fatal one that is broken ends the
// tries, as the later ones would judge by a false length.
type rule struct {
	broken  func(c *candidate) bool
	msg     string
	cure    string
	warning bool
	fatal   bool
}

const newSecret = "make one with `stagelock secret new`"

// textRules judge what was written, before it is decoded.
var textRules = []rule{
	{broken: func(c *candidate) bool { return len(c.Secret) == 0 },
		msg: "the shared secret is empty", cure: newSecret, fatal: true},
	{broken: func(c *candidate) bool { return c.name == "" },
		msg: "the algorithm is none of AES, Blowfish, DESede", cure: "write AES"},
	{broken: func(c *candidate) bool { return hasMark(c.Secret) },
		msg:  "the secret begins with a byte order mark, which an editor wrote in front of it",
		cure: "save its file as plain ASCII, or as UTF-8 without that mark", fatal: true},
	{broken: func(c *candidate) bool { return c.Hex && len(c.Secret)%2 == 1 },
		msg:  "the secret has an odd number of hexadecimal digits",
		cure: "write two digits for each byte", fatal: true},
	{broken: func(c *candidate) bool { return c.Hex && !isHex(c.Secret) },
		msg:  "the secret contains characters that are no hexadecimal digits",
		cure: "write 0-9 and a-f only, or turn the hex flag off", fatal: true},
	{broken: func(c *candidate) bool { return !c.Hex && !isASCII(c.Secret) && !hasMark(c.Secret) },
		msg: "the secret contains non-ASCII characters, whose bytes depend on " +
			"each server's default charset",
		cure: "write it in hexadecimal digits and set the hex flag", fatal: true},
	{broken: func(c *candidate) bool { return !c.Hex && hasControl(c.Secret) },
		msg:  "the secret contains a line break or another control character",
		cure: "remove it, or write the secret in hexadecimal digits and set the hex flag", fatal: true},
	{broken: func(c *candidate) bool { return !c.Hex && len(bytes.TrimSpace(c.Secret)) != len(c.Secret) },
		msg:  "the secret begins or ends with a space, which readers of properties files drop",
		cure: "remove it on every server", warning: true},
}

// hasMark reports whether a text begins as editors begin UTF-8 and UTF-16.
func hasMark(text []byte) bool {
	return slices.ContainsFunc([]string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}, func(mark string) bool {
		return bytes.HasPrefix(text, []byte(mark))
	})
}

// byteRules judge the bytes of the key.
var byteRules = []rule{
	{broken: func(c *candidate) bool { return len(c.raw) < minBytes },
		msg: "the secret is too short: Liferay wants 8 bytes or more", cure: newSecret, fatal: true},
	{broken: func(c *candidate) bool { return c.name == "DESede" && len(c.raw) == 16 },
		msg: "a DESede key of 16 bytes (112 bits) is documented, but Java refuses it",
		cure: "write it as 24 bytes, K1 K2 K1: in hexadecimal digits, repeat the first 16 digits at " +
			"the end (48 in all); it makes the same tokens", fatal: true},
	{broken: func(c *candidate) bool { return c.is192() && !c.old() },
		msg:  "an AES key of 24 bytes (AES-192) is documented, but Liferay 7 refuses it",
		cure: "use 16 or 32 bytes; " + newSecret, fatal: true},
	{broken: func(c *candidate) bool { return c.is192() && c.old() },
		msg:  "an AES key of 24 bytes (AES-192) works in 6.2 only: Liferay 7 refuses it",
		cure: "use 16 or 32 bytes before the upgrade", warning: true},
	{broken: func(c *candidate) bool { return c.name == "AES" && !c.takes(len(c.raw)) },
		msg: "an AES key must have 16 or 32 bytes", cure: newSecret, fatal: true},
	{broken: func(c *candidate) bool { return c.name == "Blowfish" && !c.takes(len(c.raw)) },
		msg: "a Blowfish key must have 8 to 56 bytes", cure: newSecret, fatal: true},
	{broken: func(c *candidate) bool { return c.name == "DESede" && !c.takes(len(c.raw)) },
		msg: "a DESede key must have 24 bytes", cure: newSecret, fatal: true},
	{broken: func(c *candidate) bool { return c.name == "DESede" && c.singleDES() },
		msg:  "two of the three parts of the DESede key cancel out: what is left is single DES",
		cure: newSecret, warning: true},
	{broken: func(c *candidate) bool { return counted(c.raw) },
		msg:  "the secret is one that stands in the vendor's documentation or counts up: everybody knows it",
		cure: newSecret, warning: true},
	{broken: func(c *candidate) bool { return !counted(c.raw) && c.name != "DESede" && repeats(c.raw) },
		msg: "the secret repeats itself: it is as easy to guess as the first part of it", cure: newSecret, warning: true},
	{broken: func(c *candidate) bool { return !repeats(c.raw) && common(c.raw) },
		msg: "the secret is made of a common word: it is easy to guess", cure: newSecret, warning: true},
	{broken: func(c *candidate) bool { return !c.Hex && isHex(c.raw) && c.takes(len(c.raw)/2) && len(c.raw)%2 == 0 },
		msg:  "the secret looks like hexadecimal digits, but the hex flag is off",
		cure: "set the hex flag if it is set on the servers", warning: true},
}

// rings are characters that go on with the first behind the last.
var rings = []string{"0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

// counted reports whether every byte is the one before and the same step on, as in abcdefghijklmnop,
// 1234567890123456 and aaaaaaaaaaaaaaaa; digits go on with 0 behind 9, letters with a behind z. Digits may
// have any step.
func counted(raw []byte) bool {
	if len(raw) < 2 {
		return false
	}
	ring := 256
	for _, r := range rings {
		if len(bytes.Trim(raw, r)) == 0 {
			ring = len(r)
		}
	}
	step := (int(raw[1]) - int(raw[0]) + ring) % ring
	for i := 1; i < len(raw); i++ {
		if (int(raw[i])-int(raw[i-1])+ring)%ring != step {
			return false
		}
	}
	return step <= 1 || step == ring-1 || ring == 10
}

// repeats reports whether the bytes are one piece several times, as in 1234567812345678; the last one may be cut.
func repeats(raw []byte) bool {
	for n := 1; n <= len(raw)/2; n++ {
		if bytes.Equal(raw[n:], raw[:len(raw)-n]) {
			return true
		}
	}
	return false
}

// commonWords are those that people make secrets of.
var commonWords = []string{"password", "passwort", "secret", "geheim", "liferay", "changeme", "qwerty", "letmein"}

// common reports whether one of the words is in the bytes, in any case.
func common(raw []byte) bool {
	text := strings.ToLower(string(raw))
	return slices.ContainsFunc(commonWords, func(w string) bool { return strings.Contains(text, w) })
}

// NewKey checks a key and reports all that is wrong. The Key is nil if there is any problem that is
// not a warning.
func NewKey(c KeyConfig) (*Key, []policy.Finding) {
	cand := &candidate{KeyConfig: c}
	cand.algorithm, _ = lookup(c.Algorithm)
	problems, usable := cand.check(textRules)
	if !usable {
		return nil, problems
	}
	cand.raw = c.Secret
	if c.Hex {
		cand.raw, _ = hex.DecodeString(string(c.Secret)) // the rules saw to the digits
	}
	more, usable := cand.check(byteRules)
	problems = append(problems, more...)
	if !usable || cand.name == "" {
		return nil, problems
	}
	k, err := cand.build(c.ID, cand.raw)
	if err != nil {
		return nil, append(problems, policy.Finding{Msg: fmt.Sprintf("the key cannot be used: %v", err), Cure: newSecret})
	}
	return k, problems
}

// check tries rules; usable is false once a fatal one is broken.
func (c *candidate) check(rules []rule) (problems []policy.Finding, usable bool) {
	for _, r := range rules {
		if !r.broken(c) {
			continue
		}
		problems = append(problems, policy.Finding{Msg: r.msg, Cure: r.cure, Warning: r.warning})
		if r.fatal {
			return problems, false
		}
	}
	return problems, true
}

// ThreePart returns the 24-byte form K1 K2 K1 of a 16-byte DESede key in hexadecimal digits. It is
// a secret: for a command whose user asked for it, never for a message. ok is false for any other
// key.
func ThreePart(c KeyConfig) (digits string, ok bool) {
	raw := c.Secret
	if c.Hex {
		var err error
		if raw, err = hex.DecodeString(string(c.Secret)); err != nil {
			return "", false
		}
	}
	a, _ := lookup(c.Algorithm)
	if a.name != "DESede" || len(raw) != 16 {
		return "", false
	}
	return hex.EncodeToString(raw) + hex.EncodeToString(raw[:8]), true
}

func (c *candidate) is192() bool { return c.name == "AES" && len(c.raw) == 24 }

// old is true for the lines before 7, which do not check the length.
func (c *candidate) old() bool { return strings.HasPrefix(c.Line, "6.") }

// singleDES compares the parts without their parity bits, which DES ignores.
func (c *candidate) singleDES() bool {
	k := make([]byte, len(c.raw))
	for i, b := range c.raw {
		k[i] = b &^ 1
	}
	return bytes.Equal(k[:8], k[8:16]) || bytes.Equal(k[8:16], k[16:])
}

func isHex(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
}

func isASCII(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x80 })
}

func hasControl(b []byte) bool {
	return bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r == 0x7f })
}
