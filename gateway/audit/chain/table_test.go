package chain_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// TestALinkIsTheDocumentedHash computes a link by the formula of the package's documentation.
func TestALinkIsTheDocumentedHash(t *testing.T) {
	c := chain.New()
	for _, tt := range []struct {
		name    string
		prev    chain.Digest
		covered string
	}{
		{"nothing after nothing", chain.Digest{}, ""},
		{"first line", chain.Digest{}, `{"seq":1,"prev":"00"`},
		{"a later one", chain.Digest{0xff, 31: 1}, `{"seq":2`},
		{"more than one block of the hash", chain.Digest{7}, strings.Repeat("x", 1000)},
		{"the first again: nothing is left of the others", chain.Digest{}, `{"seq":1,"prev":"00"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := append([]byte{}, tt.prev[:]...)
			in = binary.BigEndian.AppendUint64(in, uint64(len(tt.covered)))
			in = append(in, tt.covered...)
			if got, want := c.Link(tt.prev, []byte(tt.covered)), chain.Digest(sha256.Sum256(in)); got != want {
				t.Errorf("link %x, want %x", got, want)
			}
		})
	}
}

// TestTheFormOfALine is what those who verify a log with tools of their own rely on.
func TestTheFormOfALine(t *testing.T) {
	c := chain.New()
	zeros := strings.Repeat("0", 64)
	for _, tt := range []struct {
		name    string
		seq     store.Seq
		members string
		prev    chain.Digest
		covered string
	}{
		{"first", 1, `,"a":1`, chain.Digest{}, `{"seq":1,"a":1,"prev":"` + zeros + `"`},
		{"no members", 2, ``, chain.Digest{}, `{"seq":2,"prev":"` + zeros + `"`},
		{"largest number", math.MaxUint64, `,"a":1`, chain.Digest{0xab}, `{"seq":18446744073709551615,"a":1,"prev":"ab` + zeros[2:] + `"`},
		{"members that look like an end", 3, `,"x":"","prev":"","hash":""`, chain.Digest{},
			`{"seq":3,"x":"","prev":"","hash":"","prev":"` + zeros + `"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := []byte("what was there")
			line, hash := c.AppendLine(bytes.Clone(before), tt.seq, []byte(tt.members), tt.prev)
			line, ok := bytes.CutPrefix(line, before)
			want := tt.covered + `,"hash":"` + hex.EncodeToString(hash[:]) + `"}`
			if !ok || string(line) != want {
				t.Fatalf("line %s, want %s", line, want)
			}
			if want := c.Link(tt.prev, []byte(tt.covered)); hash != want {
				t.Errorf("hash %x, want %x", hash, want)
			}
			if len(line) > chain.Overhead+len(tt.members) {
				t.Errorf("%d bytes are more than the %d that are planned for", len(line), chain.Overhead+len(tt.members))
			}
			l, err := chain.Split(line)
			if err != nil || l.Seq != tt.seq || string(l.Members) != tt.members || string(l.Covered) != tt.covered || !c.Whole(l) {
				t.Errorf("split into %+v, %v", l, err)
			}
		})
	}
}

// TestOverheadIsThatOfTheLongestLine holds the constant against the line with the longest number.
func TestOverheadIsThatOfTheLongestLine(t *testing.T) {
	line, _ := chain.New().AppendLine(nil, math.MaxUint64, nil, chain.Digest{})
	if len(line) != chain.Overhead {
		t.Errorf("overhead %d, the longest line without members has %d", chain.Overhead, len(line))
	}
}

func TestWhatIsNoLine(t *testing.T) {
	good, _ := chain.New().AppendLine(nil, 12, []byte(members), chain.Digest{0xab})
	text := string(good)
	swap := func(old, with string) string { return strings.Replace(text, old, with, 1) }
	hash := text[strings.Index(text, `"hash":"`)+8 : len(text)-2]
	for _, tt := range []struct{ name, line string }{
		{"nothing", ""},
		{"only the head", `{"seq":`},
		{"no object", `[]`},
		{"a blank before", " " + text},
		{"a blank behind", text + " "},
		{"a line break behind", text + "\n"},
		{"a blank before the number", swap(`:12`, `: 12`)},
		{"number zero", swap(`:12,`, `:0,`)},
		{"zeros in front", swap(`:12,`, `:012,`)},
		{"a sign", swap(`:12,`, `:+12,`)},
		{"a negative number", swap(`:12,`, `:-12,`)},
		{"no number", swap(`:12,`, `:,`)},
		{"a number in quotes", swap(`:12,`, `:"12",`)},
		{"a fraction", swap(`:12,`, `:12.0,`)},
		{"an exponent", swap(`:12,`, `:1e1,`)},
		{"above 64 bits", swap(`:12,`, `:18446744073709551616,`)},
		{"21 digits", swap(`:12,`, `:100000000000000000000,`)},
		{"another first member", swap(`{"seq"`, `{"sex"`)},
		{"prev is called otherwise", swap(`"prev"`, `"Prev"`)},
		{"hash is called otherwise", swap(`"hash"`, `"hush"`)},
		{"prev in capitals", swap(`"prev":"ab`, `"prev":"AB`)},
		{"prev in mixed case", swap(`"prev":"ab`, `"prev":"aB`)},
		{"prev is no hex", swap(`"prev":"ab`, `"prev":"xy`)},
		{"prev too short", swap(`"prev":"ab`, `"prev":"`)},
		{"prev too long", swap(`"prev":"ab`, `"prev":"abcd`)},
		{"hash in capitals", swap(hash, strings.ToUpper(hash))},
		{"hash is no hex", swap(hash, "g"+hash[1:])},
		{"hash too short", swap(hash, hash[2:])},
		{"hash too long", swap(hash, "00"+hash)},
		{"no brace at the end", text[:len(text)-1]},
		{"a member behind hash", text[:len(text)-1] + `,"x":1}`},
		{"prev and hash swapped", swap(`,"prev":`, `,"hash":`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if l, err := chain.Split([]byte(tt.line)); !errors.Is(err, chain.ErrLine) {
				t.Errorf("%s is taken as %+v, %v", tt.line, l, err)
			}
		})
	}
	// members are opaque, so two lines in one may be split: its hash tells
	if l, err := chain.Split([]byte(text + text)); err == nil && chain.New().Whole(l) {
		t.Error("two lines in one are whole")
	}
	if got := chain.ErrLine.Error(); got != "not a record of an audit log" {
		t.Errorf("error text %q", got)
	}
}

// TestEveryPrefixOfALineIsNone: a line that was cut by a crash is never taken for a whole one.
func TestEveryPrefixOfALineIsNone(t *testing.T) {
	c := chain.New()
	line, _ := c.AppendLine(nil, 1, []byte(`,"a":"`+strings.Repeat("0", 200)+`"`), chain.Digest{})
	for n := range line {
		if l, err := chain.Split(line[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a line: %+v", n, len(line), l)
		}
	}
}

// TestAChainTellsOfEveryEdit changes a log of lines in the ways in which somebody would.
func TestAChainTellsOfEveryEdit(t *testing.T) {
	c := chain.New()
	var log [][]byte
	var prev chain.Digest
	for n := range 6 {
		var line []byte
		line, prev = c.AppendLine(nil, store.Seq(n+1), fmt.Appendf(nil, `,"what":"event %d"`, n), prev)
		log = append(log, line)
	}
	head := prev
	whole := func(log [][]byte) bool {
		var prev chain.Digest
		for n, line := range log {
			l, err := chain.Split(line)
			if err != nil || l.Seq != store.Seq(n+1) || l.Prev != prev || !c.Whole(l) {
				return false
			}
			prev = l.Hash
		}
		return prev == head
	}
	for _, tt := range []struct {
		name string
		edit func(log [][]byte) [][]byte
		want bool
	}{
		{"nothing", func(l [][]byte) [][]byte { return l }, true},
		{"the first is gone", func(l [][]byte) [][]byte { return l[1:] }, false},
		{"the last is gone", func(l [][]byte) [][]byte { return l[:5] }, false},
		{"one in between is gone", func(l [][]byte) [][]byte { return append(l[:2], l[3:]...) }, false},
		{"two are swapped", func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }, false},
		{"one is there twice", func(l [][]byte) [][]byte { return append(l[:3], l[2:]...) }, false},
		{"a word is another", func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(l[2], []byte("event 2"), []byte("event 9"), 1)
			return l
		}, false},
		{"a line is written anew, the rest is not", func(l [][]byte) [][]byte {
			old, err := chain.Split(l[2])
			must(t, err)
			l[2], _ = c.AppendLine(nil, old.Seq, []byte(`,"what":"nothing"`), old.Prev)
			return l
		}, false},
		{"all lines behind are written anew", func(l [][]byte) [][]byte {
			var prev chain.Digest
			for n := range l {
				l[n], prev = c.AppendLine(nil, store.Seq(n+1), []byte(`,"what":"nothing"`), prev)
			}
			return l
		}, false}, // the head, which a checkpoint holds, is another
	} {
		t.Run(tt.name, func(t *testing.T) {
			copied := make([][]byte, len(log))
			for n := range log {
				copied[n] = bytes.Clone(log[n])
			}
			if got := whole(tt.edit(copied)); got != tt.want {
				t.Errorf("whole: %t", got)
			}
		})
	}
}

// TestABoundaryCannotBeMoved: the length is in the hash, so no line is the other of two splits.
func TestABoundaryCannotBeMoved(t *testing.T) {
	c := chain.New()
	seen := map[chain.Digest]string{}
	for _, covered := range []string{"", "\x00", "\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "a", "aa", "a\x00"} {
		d := c.Link(chain.Digest{}, []byte(covered))
		if other, twice := seen[d]; twice {
			t.Errorf("%q and %q have one hash", covered, other)
		}
		seen[d] = covered
	}
}

func head(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, sha256.Size))
}

func TestWhatIsNoCheckpoint(t *testing.T) {
	good := "stagelock-audit \"n1\"\n12\n" + head(9) + "\ntime 2026-03-29T01:02:03.5Z\n"
	c, err := chain.ParseCheckpoint(good, chain.Newest)
	must(t, err)
	if want := (chain.Checkpoint{Size: 12, Head: chain.Digest(bytes.Repeat([]byte{9}, 32)), Node: "n1",
		At: time.Date(2026, 3, 29, 1, 2, 3, 500_000_000, time.UTC)}); c != want {
		t.Fatalf("read %+v, want %+v", c, want)
	}
	for _, tt := range []struct{ name, old, with string }{
		{"nothing", good, ""},
		{"only line breaks", good, "\n\n\n\n"},
		{"no line break at the end", "Z\n", "Z"},
		{"two of them", "Z\n", "Z\n\n"},
		{"a line more", "Z\n", "Z\nmore\n"},
		{"another purpose", "stagelock-audit", "stagelock-audit-anchor"},
		{"no purpose", "stagelock-audit ", ""},
		{"the purpose in capitals", "stagelock", "Stagelock"},
		{"no blank", "audit \"", "audit\""},
		{"a node without quotes", `"n1"`, `n1`},
		{"a node with one quote", `"n1"`, `"n1`},
		{"something behind the node", `"n1"`, `"n1" x`},
		{"zeros before the size", "\n12\n", "\n012\n"},
		{"a sign before the size", "\n12\n", "\n+12\n"},
		{"a negative size", "\n12\n", "\n-1\n"},
		{"no size", "\n12\n", "\n\n"},
		{"a blank behind the size", "\n12\n", "\n12 \n"},
		{"a size above 64 bits", "\n12\n", "\n18446744073709551616\n"},
		{"a hexadecimal size", "\n12\n", "\n0xc\n"},
		{"a head of 31 bytes", head(9), base64.StdEncoding.EncodeToString(make([]byte, 31))},
		{"a head of 33 bytes", head(9), base64.StdEncoding.EncodeToString(make([]byte, 33))},
		{"no head", head(9), ""},
		{"a head without padding", head(9), strings.TrimSuffix(head(9), "=")},
		{"a head in the other alphabet", head(0xff), strings.ReplaceAll(head(0xff), "/", "_")},
		{"a head with bits behind its end", head(9), strings.TrimSuffix(head(9), "k=") + "l="},
		{"no time", "time 2026-03-29T01:02:03.5Z", "time "},
		{"another word before the time", "time 2", "when 2"},
		{"a day that there is not", "03-29", "02-30"},
		{"a time without a zone", "03.5Z", "03.5"},
		{"CRLF", "\n12\n", "\r\n12\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := good
			if strings.Contains(tt.name, "alphabet") {
				text = strings.Replace(good, head(9), head(0xff), 1)
			}
			if !strings.Contains(text, tt.old) {
				t.Fatalf("%q is not in %q", tt.old, text)
			}
			text = strings.Replace(text, tt.old, tt.with, 1)
			c, err := chain.ParseCheckpoint(text, chain.Newest)
			if err == nil || err.Error() != "not what this program writes" {
				t.Errorf("%q is read as %+v, %v", text, c, err)
			}
		})
	}
}

// TestCheckpointsSurviveOddNames: a node may be called anything, and cannot write lines of a note by its name.
func TestCheckpointsSurviveOddNames(t *testing.T) {
	s, err := chain.NewSigner(key)
	must(t, err)
	keys := note.VerifierList(s)
	for _, tt := range []struct {
		name string
		c    chain.Checkpoint
	}{
		{"all is zero but the time", chain.Checkpoint{At: time.Unix(0, 0).UTC()}},
		{"the largest size", chain.Checkpoint{Size: math.MaxUint64, At: time.Unix(1, 1).UTC()}},
		{"a name of lines", chain.Checkpoint{Node: "n\n99\nAAAA\n\n— stagelock-audit x", At: time.Unix(1, 0).UTC()}},
		{"a name that ends its quote", chain.Checkpoint{Node: `n" "m`, At: time.Unix(1, 0).UTC()}},
		{"a name of other letters", chain.Checkpoint{Node: "größe 日本", At: time.Unix(1, 0).UTC()}},
		{"a name that is no text", chain.Checkpoint{Node: "\xff\x00\x1b[2J", At: time.Unix(1, 0).UTC()}},
		{"a nanosecond", chain.Checkpoint{Node: "n", At: time.Date(2026, 1, 2, 3, 4, 5, 1, time.UTC)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg, err := s.Note(tt.c, chain.Newest)
			must(t, err)
			for i, b := range msg {
				if b != '\n' && (b < ' ' || b > '~') && !bytes.Contains(msg[max(0, i-3):i+3], []byte("—")) {
					t.Errorf("byte %d of the note is %#x", i, b)
				}
			}
			got, err := chain.OpenNote(msg, keys, chain.Newest)
			if err != nil || got != tt.c {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	local := chain.Checkpoint{Node: "n", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("here", 3600))}
	msg, err := s.Note(local, chain.Newest)
	must(t, err)
	if got, err := chain.OpenNote(msg, keys, chain.Newest); err != nil || !got.At.Equal(local.At) || !bytes.Contains(msg, []byte("time 2026-01-02T02:04:05Z\n")) {
		t.Errorf("a time of another zone: %s, %v", msg, err)
	}
}

// TestANoteThatWasChanged: no byte of what is signed can be another.
func TestANoteThatWasChanged(t *testing.T) {
	s, err := chain.NewSigner(key)
	must(t, err)
	keys := note.VerifierList(s)
	want := chain.Checkpoint{Size: 7, Head: chain.Digest{9}, Node: "n1", At: time.Unix(1, 2).UTC()}
	msg, err := s.Note(want, chain.Newest)
	must(t, err)
	for i := range msg {
		bent := bytes.Clone(msg)
		bent[i] ^= 1
		if got, err := chain.OpenNote(bent, keys, chain.Newest); err == nil && got != want {
			t.Errorf("byte %d changed: it says %+v", i, got)
		}
		if got, err := chain.OpenNote(msg[:i], keys, chain.Newest); err == nil {
			t.Errorf("the first %d bytes say %+v", i, got)
		}
	}
}

func TestErrorsOfNotesSayWhatIsWrong(t *testing.T) {
	s, err := chain.NewSigner(key)
	must(t, err)
	foreign, err := note.Sign(&note.Note{Text: "another text\n"}, s)
	must(t, err)
	for _, tt := range []struct {
		name string
		msg  []byte
		keys note.Verifiers
		want string
	}{
		{"nothing", nil, note.VerifierList(s), "checkpoint: malformed note"},
		{"no signature", []byte("text\n"), note.VerifierList(s), "checkpoint: malformed note"},
		{"nobody's key", foreign, note.VerifierList(), "checkpoint: note has no verifiable signatures"},
		{"signed, and no checkpoint", foreign, note.VerifierList(s), `checkpoint "another text\n": not what this program writes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := chain.OpenNote(tt.msg, tt.keys, chain.Newest)
			if err == nil || err.Error() != tt.want || c != (chain.Checkpoint{}) {
				t.Errorf("%+v, error %v, want %s", c, err, tt.want)
			}
		})
	}
	for _, n := range []int{0, 31, 32, 63, 65} {
		if _, err := chain.NewSigner(make([]byte, n)); err == nil || err.Error() != "the key for checkpoints is not an Ed25519 key" {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

// TestVerifiersKnowEachKeyOnce: the list of a note's verifiers takes no key twice.
func TestVerifiersKnowEachKeyOnce(t *testing.T) {
	s, err := chain.NewSigner(key)
	must(t, err)
	pub := key.Public().(ed25519.PublicKey)
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", ed25519.SeedSize)))
	o, err := chain.NewSigner(other)
	must(t, err)
	for _, tt := range []struct {
		name        string
		keys        []ed25519.PublicKey
		more        []note.Verifier
		mine, their bool
	}{
		{"none", nil, nil, false, false},
		{"one", []ed25519.PublicKey{pub}, nil, true, false},
		{"one twice", []ed25519.PublicKey{pub, pub}, nil, true, false},
		{"one that is known", []ed25519.PublicKey{pub}, []note.Verifier{s}, true, false},
		{"both", []ed25519.PublicKey{pub, other.Public().(ed25519.PublicKey)}, nil, true, true},
		{"both, one as more", []ed25519.PublicKey{pub}, []note.Verifier{o}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := chain.Verifiers(tt.keys, tt.more...)
			must(t, err)
			for _, by := range []struct {
				s    chain.Signer
				want bool
			}{{s, tt.mine}, {o, tt.their}} {
				msg, err := by.s.Note(chain.Checkpoint{At: time.Unix(0, 0).UTC()}, chain.Newest)
				must(t, err)
				if _, err := chain.OpenNote(msg, keys, chain.Newest); (err == nil) != by.want {
					t.Errorf("opens: %v, want %t", err, by.want)
				}
			}
		})
	}
}

// TestKeyFilesThatAreRefused: none of them is overwritten, as the key may be in a backup that it is read from.
func TestKeyFilesThatAreRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	good := block("PRIVATE KEY", der)
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "not one PEM block"},
		{"blanks", " \n\n", "not one PEM block"},
		{"no PEM", "secret", "not one PEM block"},
		{"DER", string(der), "not one PEM block"},
		{"two keys", good + good, "not one PEM block"},
		{"something behind", good + "x", "not one PEM block"},
		{"cut", good[:len(good)-20], "not one PEM block"},
		{"no key in the block", block("PRIVATE KEY", []byte("x")), "asn1"},
		{"an empty block", block("PRIVATE KEY", nil), "asn1"},
		{"another kind of key", block("PRIVATE KEY", ecDER), "not an Ed25519 key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.key")
			must(t, os.WriteFile(path, []byte(tt.text), 0o600))
			k, err := chain.LoadKey(path)
			if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("audit key %q: ", path)) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("key %t, error %v, want %s", k != nil, err, tt.want)
			}
			left, err := os.ReadFile(path)
			must(t, err)
			if string(left) != tt.text {
				t.Error("the file was written over")
			}
			if _, err := os.Stat(path + ".pub"); err == nil {
				t.Error("a public key was written beside it")
			}
		})
	}
	path := filepath.Join(t.TempDir(), "audit.key")
	must(t, os.WriteFile(path, []byte("\n"+good+"\n \n"), 0o600))
	if k, err := chain.LoadKey(path); err != nil || !k.Equal(key) {
		t.Errorf("blank lines around a key: %v", err)
	}
}

func TestPublicKeys(t *testing.T) {
	pub := key.Public().(ed25519.PublicKey)
	text, err := chain.FormatKey(pub)
	must(t, err)
	for _, ok := range []string{text, text + "\n", " " + text + "\r\n"} {
		if got, err := chain.ParseKey(ok); err != nil || !got.Equal(pub) {
			t.Errorf("%q: %v", ok, err)
		}
	}
	parts := strings.SplitN(text, "+", 3)
	for _, tt := range []struct{ name, text string }{
		{"another name", "another+" + parts[1] + "+" + parts[2]},
		{"another hash", parts[0] + "+00000000+" + parts[2]},
		{"a short hash", parts[0] + "+" + parts[1][1:] + "+" + parts[2]},
		{"a short key", parts[0] + "+" + parts[1] + "+" + parts[2][:8]},
		{"a key with a bit changed", parts[0] + "+" + parts[1] + "+B" + parts[2][1:]},
		{"a key with another end", parts[0] + "+" + parts[1] + "+" + parts[2][:len(parts[2])-2] + "AA"},
		{"no base64", parts[0] + "+" + parts[1] + "+!!!"},
		{"two parts", parts[0] + "+" + parts[1]},
		{"two keys", text + "\n" + text},
		{"a private key", "PRIVATE+KEY+" + text},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := chain.ParseKey(tt.text); err == nil || !strings.HasPrefix(err.Error(), "audit public key: ") {
				t.Errorf("%q is %x, %v", tt.text, got, err)
			}
		})
	}
	// base64 has a plus of its own: keys with it must be read too
	for n := range 200 {
		k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n)}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
		text, err := chain.FormatKey(k)
		must(t, err)
		if got, err := chain.ParseKey(text); err != nil || !got.Equal(k) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
