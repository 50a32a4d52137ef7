package secret_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/secret"
)

// vectors are tokens and headers that Java made.
type vectors struct {
	Keys map[string]struct {
		Algorithm, Secret string
		Hex               bool
	}
	Vectors []struct {
		Key, Login, Token, Header string
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/credentials.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	return v
}

// newKey fails the test if the key has a problem that is not a warning.
func newKey(t testing.TB, c secret.KeyConfig) *secret.Key {
	t.Helper()
	k, problems := secret.NewKey(c)
	if k == nil {
		t.Fatalf("%v: %v", c.ID, problems)
	}
	return k
}

// keyA is the key of most vectors.
func keyA(t testing.TB) *secret.Key {
	return newKey(t, secret.KeyConfig{ID: "A", Hex: true, Secret: []byte("00112233445566778899aabbccddeeff")})
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	for _, tt := range v.Vectors {
		t.Run(tt.Key+" "+tt.Login, func(t *testing.T) {
			kc := v.Keys[tt.Key]
			k := newKey(t, secret.KeyConfig{ID: tt.Key, Algorithm: kc.Algorithm, Secret: []byte(kc.Secret), Hex: kc.Hex, Line: "6.2"})
			if got := k.Token(tt.Login); got != tt.Token {
				t.Errorf("token %s, want %s", got, tt.Token)
			}
			header := k.Authorization(tt.Login, false, false)
			if tt.Header != "" && header != tt.Header {
				t.Errorf("header %s, want %s", header, tt.Header)
			}
			id, err := secret.NewVerifier(secret.VerifierConfig{Keys: []*secret.Key{k}}).Verify(header)
			if want := (secret.Identity{Login: tt.Login, KeyID: tt.Key, Current: true}); err != nil || id != want {
				t.Errorf("Verify = %+v, %v; want %+v", id, err, want)
			}
		})
	}
}

// series is the key whose byte i is 7i+1.
func series(n int) []byte {
	key := make([]byte, n)
	for i := range key {
		key[i] = byte(7*i + 1)
	}
	return []byte(hex.EncodeToString(key))
}

func TestMoreTokensOfJava(t *testing.T) {
	three, ok := secret.ThreePart(secret.KeyConfig{Algorithm: "DESede", Secret: series(16), Hex: true})
	if !ok {
		t.Fatal("a 16-byte DESede key has no form of 24 bytes")
	}
	for _, tt := range []struct {
		name, algorithm string
		secret          []byte
		token           string
	}{
		{"Blowfish 24", "Blowfish", series(24), "U0CbEu3AFJLtvgmfaZLp/5dlM/8X3Xbe"},
		{"Blowfish 32", "blowfish", series(32), "ToOPmMNa20xw/YLRlV7lMbBmfKncUR2w"},
		{"Blowfish 56", "BLOWFISH", series(56), "ZODrxaMnnZ6YneZOfoldzbqhHU8mwjWT"},
		{"DESede K1 K2 K1", "desede", []byte(three), "OFxtiRjYmQYQulfJ6VzsVZ0vuiPuEUC0"},
		{"DESede by its other name", "TripleDES", series(24), "Ke58Ki4VBti6/7m711rtb76Pr1f1Sirq"},
		{"hex in capitals", "aes", []byte("00112233445566778899AABBCCDDEEFF"), "pBk9yCYTKzGgYtwEFEpA1QBlfqFAZVpEeCdHcF1CL60="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKey(t, secret.KeyConfig{Algorithm: tt.algorithm, Secret: tt.secret, Hex: true})
			if got := k.Token("test@liferay.com"); got != tt.token {
				t.Errorf("token %s, want %s", got, tt.token)
			}
		})
	}
}

func TestKeyRules(t *testing.T) {
	text := func(n int) []byte {
		return []byte("Kz%7!qW3x~Lp&9Rt0(vB;mY]sC@4e{Jd}8Uf|Gh2^Ni6*Oa5?Xk1=Zb+_Ey7Wq<Sv>")[:n]
	}
	for _, tt := range []struct {
		name   string
		c      secret.KeyConfig
		usable bool
		phrase string // empty: nothing to say
	}{
		{"AES-128", secret.KeyConfig{Secret: text(16)}, true, ""},
		{"AES-256", secret.KeyConfig{Secret: text(32), Line: "7.4"}, true, ""},
		{"AES-192 for 7.0", secret.KeyConfig{Secret: text(24), Line: "7.0"}, false, "Liferay 7 refuses it: use 16 or 32 bytes"},
		{"AES-192 for 7.4 in small letters", secret.KeyConfig{Algorithm: "aes", Secret: text(24), Line: "7.4"}, false, "Liferay 7 refuses it"},
		{"AES-192, line not known", secret.KeyConfig{Secret: text(24)}, false, "Liferay 7 refuses it"},
		{"AES-192 for 6.2", secret.KeyConfig{Secret: text(24), Line: "6.2"}, true, "works in 6.2 only"},
		{"AES, 15 bytes", secret.KeyConfig{Secret: text(15), Line: "6.2"}, false, "must have 16 or 32 bytes"},
		{"AES, 33 bytes", secret.KeyConfig{Secret: text(33)}, false, "must have 16 or 32 bytes"},
		{"7 bytes", secret.KeyConfig{Algorithm: "Blowfish", Secret: text(7)}, false, "too short"},
		{"7 bytes in hex", secret.KeyConfig{Secret: []byte("00112233445566"), Hex: true}, false, "too short"},
		{"Blowfish, 8 bytes", secret.KeyConfig{Algorithm: "Blowfish", Secret: text(8)}, true, ""},
		{"Blowfish, 56 bytes", secret.KeyConfig{Algorithm: "Blowfish", Secret: text(56)}, true, ""},
		{"Blowfish, 57 bytes", secret.KeyConfig{Algorithm: "Blowfish", Secret: text(57)}, false, "8 to 56 bytes"},
		{"DESede, 24 bytes", secret.KeyConfig{Algorithm: "DESede", Secret: series(24), Hex: true}, true, ""},
		{"DESede, 16 bytes", secret.KeyConfig{Algorithm: "DESede", Secret: text(16)}, false, "K1 K2 K1"},
		{"DESede, 16 bytes in hex", secret.KeyConfig{Algorithm: "DESede", Secret: series(16), Hex: true}, false, "repeat the first 16 digits"},
		{"DESede, 23 bytes", secret.KeyConfig{Algorithm: "DESede", Secret: text(23)}, false, "must have 24 bytes"},
		{"DESede of equal parts", secret.KeyConfig{Algorithm: "DESede", Secret: []byte(strings.Repeat("abcdefgh", 3))}, true, "single DES"},
		{"DESede of parts that differ in parity", secret.KeyConfig{Algorithm: "DESede", Secret: []byte("abcdefgh" + "`cbedgfi" + "12345678")}, true, "single DES"},
		{"unknown algorithm", secret.KeyConfig{Algorithm: "RC4", Secret: text(16)}, false, "none of AES, Blowfish, DESede"},
		{"transformation", secret.KeyConfig{Algorithm: "AES/ECB/PKCS5Padding", Secret: text(16)}, false, "none of AES"},
		{"empty", secret.KeyConfig{}, false, "empty"},
		{"empty hex", secret.KeyConfig{Hex: true}, false, "empty"},
		{"odd hex", secret.KeyConfig{Secret: []byte("001"), Hex: true}, false, "odd number"},
		{"bad hex", secret.KeyConfig{Secret: []byte("0011223344556677889900112233445g"), Hex: true}, false, "no hexadecimal digits"},
		{"hex with a prefix", secret.KeyConfig{Secret: []byte("0x112233445566778899aabbccddeeff"), Hex: true}, false, "no hexadecimal digits"},
		{"a byte order mark", secret.KeyConfig{Secret: []byte("\xef\xbb\xbfk3Xq0mZr9wTbL5vN")}, false, "byte order mark"},
		{"UTF-16", secret.KeyConfig{Secret: []byte("\xff\xfek\x003\x00X\x00q\x000\x00m\x00Z\x00r\x009\x00")}, false, "byte order mark"},
		{"a byte order mark before hexadecimal digits", secret.KeyConfig{Secret: []byte("\xef\xbb\xbf00112233445566778899aabbccddee0"), Hex: true}, false, "byte order mark"},
		{"non-ASCII", secret.KeyConfig{Secret: []byte("schlüsselschlüs")}, false, "default charset"},
		{"line break", secret.KeyConfig{Secret: []byte("0123456789abcde\n")}, false, "line break"},
		{"NUL", secret.KeyConfig{Secret: make([]byte, 16)}, false, "control character"},
		{"space at the end", secret.KeyConfig{Secret: []byte("0123456789-bcde ")}, true, "space"},
		{"hex flag forgotten", secret.KeyConfig{Secret: []byte("00112233445566778899aabbccddeeff")}, true, "hex flag is off"},
		{"digits that are no key", secret.KeyConfig{Secret: []byte("3141592653589793")}, true, ""},
		{"counted digits", secret.KeyConfig{Secret: []byte("1234567890123456")}, true, "everybody knows it"},
		{"the alphabet, from its beginning again", secret.KeyConfig{Secret: []byte("abcdefghijklmnopqrstuvwxyzabcdef")}, true, "everybody knows it"},
		{"the alphabet from its end on", secret.KeyConfig{Secret: []byte("ZYXWVUTSRQPONMLK")}, true, "everybody knows it"},
		{"the documentation's", secret.KeyConfig{Secret: []byte("abcdefghijklmnop")}, true, "everybody knows it"},
		{"the documentation's in hex", secret.KeyConfig{Secret: []byte("6162636465666768696a6b6c6d6e6f70"), Hex: true}, true, "everybody knows it"},
		{"eight digits twice", secret.KeyConfig{Secret: []byte("1234567812345678")}, true, "repeats itself"},
		{"a word that does not fit twice", secret.KeyConfig{Secret: []byte("zebrazebrazebraz")}, true, "repeats itself"},
		{"a word again and again", secret.KeyConfig{Secret: []byte("testtesttesttest")}, true, "repeats itself"},
		{"a common word again and again", secret.KeyConfig{Secret: []byte("passwordpassword")}, true, "repeats itself"},
		{"digits in pairs, again and again", secret.KeyConfig{Secret: []byte("0f1e0f1e0f1e0f1e0f1e0f1e0f1e0f1e"), Hex: true}, true, "repeats itself"},
		{"all but the last byte", secret.KeyConfig{Secret: []byte("zebrazebrazebrax")}, true, ""},
		{"a common word", secret.KeyConfig{Secret: []byte("my-Shared-Secret")}, true, "common word"},
		{"the vendor's name", secret.KeyConfig{Secret: []byte("liferay-staging1")}, true, "common word"},
		{"a common word in digits", secret.KeyConfig{Secret: []byte(hex.EncodeToString([]byte("changeme-please!"))), Hex: true}, true, "common word"},
		{"bytes of no text", secret.KeyConfig{Secret: []byte("f3a1c09b5d7e28461b90cafe77310d52"), Hex: true}, true, ""},
		{"one letter", secret.KeyConfig{Secret: []byte("xxxxxxxxxxxxxxxx")}, true, "everybody knows it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, problems := secret.NewKey(tt.c)
			if (k != nil) != tt.usable {
				t.Fatalf("usable: %v, problems %v", k != nil, problems)
			}
			if tt.phrase == "" {
				if len(problems) != 0 {
					t.Errorf("problems %v, want none", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Warning != tt.usable || !strings.Contains(problems[0].String(), tt.phrase) {
				t.Errorf("problems %v, want one with %q", problems, tt.phrase)
			}
		})
	}
}

func TestKeyProblemsTogether(t *testing.T) {
	_, problems := secret.NewKey(secret.KeyConfig{Algorithm: "DES", Secret: []byte(" 1234")})
	if len(problems) != 3 {
		t.Errorf("problems %v, want the algorithm, the space and the length", problems)
	}
}

func TestNoProblemShowsTheSecret(t *testing.T) {
	for _, c := range []secret.KeyConfig{
		{Secret: []byte("hunter2")},
		{Secret: []byte("hunter2hunter2hunter2hun")},
		{Algorithm: "DESede", Secret: []byte("hunter2hunter2hu")},
		{Algorithm: "DESede", Secret: []byte(hex.EncodeToString([]byte("hunter2hunter2hu"))), Hex: true},
		{Secret: []byte("hunter2"), Hex: true},
		{Algorithm: "hunter2", Secret: []byte("hunter2é")},
	} {
		_, problems := secret.NewKey(c)
		shown := strings.ToLower(fmt.Sprint(problems))
		if len(problems) == 0 || strings.Contains(shown, "hunter2") || strings.Contains(shown, hex.EncodeToString([]byte("hunter2"))) {
			t.Errorf("problems show the secret: %s", shown)
		}
	}
}

func TestKeysPrintNothing(t *testing.T) {
	c := secret.KeyConfig{ID: "k1", Secret: []byte("hunter2hunter2hu")}
	k := newKey(t, c)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{c, &c, k} {
			if got := fmt.Sprintf(verb, v); got != "key k1 ***" {
				t.Errorf("%s of %T prints %q", verb, v, got)
			}
		}
	}
}

func TestNoKey(t *testing.T) {
	var none *secret.Key
	for name, k := range map[string]*secret.Key{"nil": none, "zero": {}} {
		if k.Token("joe") != "" || k.Authorization("joe", false, false) != "" || k.ID() != "" {
			t.Errorf("the %s key makes tokens", name)
		}
		if _, err := k.Open("AAECAwQFBgcICQoLX7BEsO775gb6SkjmPu4ugB/QAGDZI2cQ9aRYdqlwv24="); !errors.Is(err, secret.ErrWrongSecret) {
			t.Errorf("the %s key opens a token: %v", name, err)
		}
	}
}

func TestThreePart(t *testing.T) {
	for name, tt := range map[string]struct {
		c    secret.KeyConfig
		want string
	}{
		"text":     {secret.KeyConfig{Algorithm: "DESede", Secret: []byte("AAAAAAAABBBBBBBB")}, "414141414141414142424242424242424141414141414141"},
		"hex":      {secret.KeyConfig{Algorithm: "tripledes", Secret: series(16), Hex: true}, string(series(16)) + string(series(8))},
		"AES":      {secret.KeyConfig{Secret: []byte("AAAAAAAABBBBBBBB")}, ""},
		"24 bytes": {secret.KeyConfig{Algorithm: "DESede", Secret: series(24), Hex: true}, ""},
		"bad hex":  {secret.KeyConfig{Algorithm: "DESede", Secret: []byte("zz"), Hex: true}, ""},
	} {
		if got, ok := secret.ThreePart(tt.c); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, tt.want)
		}
	}
}

func TestGenerate(t *testing.T) {
	for algorithm, size := range map[string]int{"": 16, "AES": 16, "blowfish": 16, "DESede": 24} {
		made, err := secret.Generate(algorithm, bytes.NewReader(series(56)))
		if err != nil || len(made) != 2*size {
			t.Fatalf("%q: %q, %v; want %d bytes", algorithm, made, err, size)
		}
		k, problems := secret.NewKey(secret.KeyConfig{Algorithm: algorithm, Secret: []byte(made), Hex: true, Line: "7.4"})
		if k == nil || len(problems) != 0 {
			t.Errorf("%q: the generated key is refused: %v", algorithm, problems)
		}
	}
	if _, err := secret.Generate("RC4", bytes.NewReader(series(56))); err == nil {
		t.Error("a key for an unknown algorithm")
	}
	if made, err := secret.Generate("AES", bytes.NewReader(nil)); err == nil || made != "" {
		t.Errorf("a key without randomness: %q", made)
	}
}
