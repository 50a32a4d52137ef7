package secret_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/policy/secret"
)

// fipsToken is the GCM form of test@liferay.com under key A with the iv 00 01 … 0b.
const fipsToken = "AAECAwQFBgcICQoLX7BEsO775gb6SkjmPu4ugB/QAGDZI2cQ9aRYdqlwv24="

// header puts a login and a token together, whether or not they belong together.
func header(login, token string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+token))
}

func verifier(keys ...*secret.Key) *secret.Verifier {
	return secret.NewVerifier(secret.VerifierConfig{Keys: keys})
}

// gcmHeader makes the FIPS form under key A.
func gcmHeader(t testing.TB, login string) string {
	t.Helper()
	raw, err := hex.DecodeString("00112233445566778899aabbccddeeff")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := []byte("twelve bytes")
	return header(login, base64.StdEncoding.EncodeToString(gcm.Seal(iv, iv, []byte(login), nil)))
}

func TestRefusedHeaders(t *testing.T) {
	k := keyA(t)
	v := verifier(k)
	good := k.Authorization("joe", false, false)
	blob := strings.TrimPrefix(good, "Basic ")
	token := k.Token("joe")
	for _, tt := range []struct {
		name, header string
		want         error
	}{
		{"nothing", "", secret.ErrNoCredentials},
		{"another scheme", "Bearer " + blob, secret.ErrScheme},
		{"scheme alone", "Basic", secret.ErrScheme},
		{"scheme and space", "Basic ", secret.ErrMalformed},
		{"no scheme", blob, secret.ErrScheme},
		{"tab for the space", "Basic\t" + blob, secret.ErrScheme},
		{"two spaces", "Basic  " + blob, secret.ErrMalformed},
		{"space at the end", good + " ", secret.ErrMalformed},
		{"line break in base64", good[:20] + "\r\n" + good[20:], secret.ErrMalformed},
		{"line break at the end", good + "\n", secret.ErrMalformed},
		{"URL alphabet", header("joe", "pSuygW0gpty6wbumAlgZBQ==")[:10] + "-_" + good[12:], secret.ErrMalformed},
		{"no padding", strings.TrimRight("Basic "+base64.StdEncoding.EncodeToString([]byte("joe:"+token+"x")), "="), secret.ErrMalformed},
		{"padding bits set", "Basic am9lOnBTdXlnVzBncHR5NndidW1BbGdaQlE9PR==", secret.ErrMalformed},
		{"padding bits of the token set", header("joe", "pSuygW0gpty6wbumAlgZBR=="), secret.ErrMalformed},
		{"line break in the token", header("joe", token[:8]+"\n"+token[8:]), secret.ErrMalformed},
		{"space before the token", header("joe", " "+token), secret.ErrMalformed},
		{"no colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("joe")), secret.ErrMalformed},
		{"too long", "Basic " + strings.Repeat("QUFB", 300), secret.ErrMalformed},
		{"another login's token", header("eve", token), secret.ErrWrongSecret},
		{"no token", header("joe", ""), secret.ErrWrongSecret},
		{"half a token", header("joe", base64.StdEncoding.EncodeToString(make([]byte, 8))), secret.ErrWrongSecret},
		{"token and a block", header("joe", base64.StdEncoding.EncodeToString(make([]byte, 32))), secret.ErrWrongSecret},
		{"token of the right length", header("joe", base64.StdEncoding.EncodeToString(make([]byte, 16))), secret.ErrWrongSecret},
		{"GCM length, no tag", header("joe", base64.StdEncoding.EncodeToString(make([]byte, 31))), secret.ErrWrongSecret},
		{"GCM of another login", header("dest@liferay.com", fipsToken), secret.ErrWrongSecret},
		{"password in place of a token", header("joe", "dGVzdA=="), secret.ErrWrongSecret},
		{"login in capitals", header("JOE", token), secret.ErrWrongSecret},
		{"encoded login, raw login's token", k.Authorization("first+tag@example.com", true, false), secret.ErrWrongSecret},
		{"no login", header("", k.Token("")), secret.ErrLogin},
		{"colon in the login", header("x:y@example.com", k.Token("x:y@example.com")), secret.ErrMalformed},
		{"line break in the login", header("joe\n", k.Token("joe\n")), secret.ErrLogin},
		{"NUL in the login", header("joe\x00", k.Token("joe\x00")), secret.ErrLogin},
		{"DEL in the login", header("joe\x7f", k.Token("joe\x7f")), secret.ErrLogin},
		{"C1 control in the login", header("joe\u0085", k.Token("joe\u0085")), secret.ErrLogin},
		{"line separator in the login", header("joe\u2028", k.Token("joe\u2028")), secret.ErrLogin},
		{"login of Latin-1", header("m\xfcnchen", k.Token("m\xfcnchen")), secret.ErrLogin},
		{"login of 255 bytes", header(strings.Repeat("a", 255), k.Token(strings.Repeat("a", 255))), secret.ErrLogin},
		{"two @", header("joe@a.example@b.example", k.Token("joe@a.example@b.example")), secret.ErrLogin},
		{"space before the login", header(" joe", k.Token(" joe")), secret.ErrLogin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // nothing refused is remembered
				id, err := v.Verify(tt.header)
				if !errors.Is(err, tt.want) || id != (secret.Identity{}) {
					t.Errorf("Verify = %+v, %v; want %v", id, err, tt.want)
				}
				if err != nil && strings.Contains(err.Error(), "joe") {
					t.Errorf("the error shows the login: %v", err)
				}
			}
		})
	}
}

func TestAcceptedHeaders(t *testing.T) {
	k := keyA(t)
	longest := strings.Repeat("a", 254)
	for name, tt := range map[string]struct{ header, login string }{
		"6.2's spelling of the scheme": {k.Authorization("joe", false, true), "joe"},
		"small letters":                {"basic " + strings.TrimPrefix(k.Authorization("joe", false, false), "Basic "), "joe"},
		"the longest login":            {k.Authorization(longest, false, false), longest},
		"the longest login, GCM":       {gcmHeader(t, longest), longest},
		"GCM of Java":                  {header("test@liferay.com", fipsToken), "test@liferay.com"},
		"GCM, one letter":              {gcmHeader(t, "a"), "a"},
		"plus is a plus":               {k.Authorization("first+tag@example.com", false, false), "first+tag@example.com"},
		"percent is a percent":         {k.Authorization("100%25@example.com", false, false), "100%25@example.com"},
		"space inside":                 {k.Authorization("joe bloggs", false, false), "joe bloggs"},
	} {
		t.Run(name, func(t *testing.T) {
			want := secret.Identity{Login: tt.login, KeyID: "A", Current: true}
			v := verifier(k)
			for _, path := range []string{"fresh", "remembered"} {
				if id, err := v.Verify(tt.header); err != nil || id != want {
					t.Errorf("%s: %+v, %v; want %+v", path, id, err, want)
				}
			}
		})
	}
}

// TestRecordedHeaders holds for what the vendor's own clients sent under the secret 1234567890123456.
func TestRecordedHeaders(t *testing.T) {
	k := newKey(t, secret.KeyConfig{ID: "live", Secret: []byte("1234567890123456")})
	const publisher = "cHVibGlzaGVyQGV4YW1wbGUuY29tOlVveU5LQ1Jqa3FEUzJBNXhGMElJTGV3MlljRjhnY0JnNHM1ZW9vNENiMEU9"
	for line, tt := range map[string]struct{ header, login string }{
		"6.2": {"BASIC MjAxOTk6dWhOVnNyU28yamJsOEk2K1RsaWgrdz09", "20199"},
		"7.0": {"Basic " + publisher, "publisher@example.com"},
	} {
		t.Run(line, func(t *testing.T) {
			id, err := verifier(k).Verify(tt.header)
			if want := (secret.Identity{Login: tt.login, KeyID: "live", Current: true}); err != nil || id != want {
				t.Errorf("Verify = %+v, %v; want %+v", id, err, want)
			}
			if got := k.Authorization(tt.login, line != "6.2", line == "6.2"); got != tt.header {
				t.Errorf("Authorization = %q, want the client's own %q", got, tt.header)
			}
		})
	}
}

func TestNoVerifier(t *testing.T) {
	var none *secret.Verifier
	h := keyA(t).Authorization("joe", false, false)
	for name, v := range map[string]*secret.Verifier{
		"nil": none, "zero": {}, "no keys": verifier(), "nil key": verifier(nil), "zero key": verifier(&secret.Key{}),
	} {
		if id, err := v.Verify(h); !errors.Is(err, secret.ErrWrongSecret) || id != (secret.Identity{}) {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}

func TestRotation(t *testing.T) {
	old := keyA(t)
	next := newKey(t, secret.KeyConfig{ID: "B", Algorithm: "Blowfish", Secret: []byte("liferay-staging-secret")})
	before, during, after := verifier(old), verifier(next, old), verifier(next)
	oldHeader, newHeader := old.Authorization("joe", false, false), next.Authorization("joe", false, false)
	for _, tt := range []struct {
		name   string
		v      *secret.Verifier
		header string
		want   secret.Identity
		err    error
	}{
		{"before, old", before, oldHeader, secret.Identity{Login: "joe", KeyID: "A", Current: true}, nil},
		{"before, new", before, newHeader, secret.Identity{}, secret.ErrWrongSecret},
		{"during, old", during, oldHeader, secret.Identity{Login: "joe", KeyID: "A"}, nil},
		{"during, old, remembered", during, oldHeader, secret.Identity{Login: "joe", KeyID: "A"}, nil},
		{"during, new", during, newHeader, secret.Identity{Login: "joe", KeyID: "B", Current: true}, nil},
		{"during, GCM under the old", during, gcmHeader(t, "joe"), secret.Identity{Login: "joe", KeyID: "A"}, nil},
		{"after, new", after, newHeader, secret.Identity{Login: "joe", KeyID: "B", Current: true}, nil},
		{"after, old", after, oldHeader, secret.Identity{}, secret.ErrWrongSecret},
		{"current key lost", verifier(nil, old), oldHeader, secret.Identity{Login: "joe", KeyID: "A"}, nil},
		{"the same key twice", verifier(old, old), oldHeader, secret.Identity{Login: "joe", KeyID: "A", Current: true}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if id, err := tt.v.Verify(tt.header); id != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Verify = %+v, %v; want %+v, %v", id, err, tt.want, tt.err)
			}
		})
	}
}

func TestLoginList(t *testing.T) {
	k := keyA(t)
	h := k.Authorization("joe", false, false)
	for _, tt := range []struct {
		name   string
		logins []string
		want   error
	}{
		{"any", nil, nil},
		{"listed", []string{"ann", "joe"}, nil},
		{"not listed", []string{"ann"}, secret.ErrLoginNotListed},
		{"other case", []string{"Joe"}, secret.ErrLoginNotListed},
		{"an empty list admits nobody", []string{}, secret.ErrLoginNotListed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := secret.NewVerifier(secret.VerifierConfig{Keys: []*secret.Key{k}, Logins: tt.logins})
			if _, err := v.Verify(h); !errors.Is(err, tt.want) {
				t.Errorf("Verify: %v, want %v", err, tt.want)
			}
			wrong := header("nobody", k.Token("joe"))
			if _, err := v.Verify(wrong); !errors.Is(err, secret.ErrWrongSecret) {
				t.Errorf("a stranger learns about the list: %v", err)
			}
		})
	}
}

// pasted makes a token of head + tail from the tokens of two other logins, without the key: the
// first block of one, the rest of the other.
func pasted(t testing.TB, k *secret.Key, head, tail string) string {
	t.Helper()
	if len(head) != 16 {
		t.Fatalf("%q is not one block", head)
	}
	first, err := base64.StdEncoding.DecodeString(k.Token(head + "a.example"))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := base64.StdEncoding.DecodeString(k.Token("sixteen letters!" + tail))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(append(first[:16:16], rest[16:]...))
}

// TestPastedToken shows what a token cannot prove, and what a list of logins is for.
func TestPastedToken(t *testing.T) {
	k := keyA(t)
	forged := header("the.chief.editor@live.example", pasted(t, k, "the.chief.editor", "@live.example"))
	id, err := verifier(k).Verify(forged)
	if err != nil || id.Login != "the.chief.editor@live.example" {
		t.Errorf("without a list the pasted token is %+v, %v: the weakness is gone? then say so in the documentation", id, err)
	}
	listed := secret.NewVerifier(secret.VerifierConfig{
		Keys: []*secret.Key{k}, Logins: []string{"the.chief.editora.example", "publisher@live.example"},
	})
	if _, err := listed.Verify(forged); !errors.Is(err, secret.ErrLoginNotListed) {
		t.Errorf("with a list the pasted token is %v, want ErrLoginNotListed", err)
	}
	twoAt := header("joe@live.example@live.example", pasted(t, k, "joe@live.example", "@live.example"))
	if _, err := verifier(k).Verify(twoAt); !errors.Is(err, secret.ErrLogin) {
		t.Errorf("a pasted login with two @ is %v, want ErrLogin", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	k := keyA(t)
	for _, size := range []int{-1, 1, 2} {
		v := secret.NewVerifier(secret.VerifierConfig{Keys: []*secret.Key{k}, CacheSize: size})
		for range 3 {
			for _, login := range []string{"ann", "bob", "joe"} {
				if id, err := v.Verify(k.Authorization(login, false, false)); err != nil || id.Login != login {
					t.Errorf("size %d: %+v, %v; want %s", size, id, err, login)
				}
			}
		}
	}
}

func TestAuthorizationForLines(t *testing.T) {
	k := keyA(t)
	for _, login := range []string{
		"joe", "first+tag@example.com", "100%25@example.com", "münchen.käufer@example.com", "用户@例え.jp", "a b", "~a_b-c.d", "a;b?c#d&e=f/g",
	} {
		for _, upper := range []bool{false, true} {
			raw := k.Authorization(login, false, upper)
			if id, err := verifier(k).Verify(raw); err != nil || id.Login != login || strings.HasPrefix(raw, "BASIC ") != upper {
				t.Errorf("%s for 6.2: %q, %+v, %v", login, raw, id, err)
			}
		}
		checkAsLiferay7(t, k, login)
	}
	if k.Authorization("x:y", true, false) != "" || k.Authorization("joe\n", false, false) != "" {
		t.Error("a header for a login that no portal has")
	}
}

// checkAsLiferay7 reads a header as a 7.x server does: split at every colon, decode, trim, make the
// token again.
func checkAsLiferay7(t *testing.T, k *secret.Key, login string) {
	t.Helper()
	blob, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k.Authorization(login, true, false), "Basic "))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(blob), ":")
	decoded, err := url.QueryUnescape(parts[0])
	if err != nil || len(parts) != 2 || strings.TrimSpace(decoded) != login || k.Token(login) != parts[1] {
		t.Errorf("7.x reads %q as %q, %v; want %q", blob, decoded, err, login)
	}
}

func TestOpen(t *testing.T) {
	k := keyA(t)
	if login, err := k.Open(fipsToken); err != nil || login != "test@liferay.com" {
		t.Errorf("Open = %q, %v", login, err)
	}
	blowfish := newKey(t, secret.KeyConfig{Algorithm: "Blowfish", Secret: []byte("liferay-staging-secret")})
	other := newKey(t, secret.KeyConfig{Secret: []byte("0123456789abcdef")})
	badLogin := strings.SplitN(decoded(t, gcmHeader(t, "joe\n")), ":", 2)[1]
	for _, tt := range []struct {
		name  string
		k     *secret.Key
		token string
		want  error
	}{
		{"Blowfish key", blowfish, fipsToken, secret.ErrWrongSecret},
		{"other key", other, fipsToken, secret.ErrWrongSecret},
		{"ECB token", k, k.Token("test@liferay.com"), secret.ErrWrongSecret},
		{"short", k, "AAECAwQFBgcICQoL", secret.ErrMalformed},
		{"empty", k, "", secret.ErrMalformed},
		{"line break", k, fipsToken + "\n", secret.ErrMalformed},
		{"a bit changed", k, "B" + fipsToken[1:], secret.ErrWrongSecret},
		{"a login that no portal has", k, badLogin, secret.ErrLogin},
	} {
		if login, err := tt.k.Open(tt.token); !errors.Is(err, tt.want) || login != "" {
			t.Errorf("%s: %q, %v; want %v", tt.name, login, err, tt.want)
		}
	}
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header, "Basic "))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConcurrentVerify(t *testing.T) {
	k := keyA(t)
	v := secret.NewVerifier(secret.VerifierConfig{Keys: []*secret.Key{k}, CacheSize: 2})
	var wg sync.WaitGroup
	for _, login := range []string{"ann", "bob", "joe", "eve"} {
		wg.Go(func() {
			good, bad := k.Authorization(login, false, false), header(login, k.Token("mallory"))
			for range 200 {
				if id, err := v.Verify(good); err != nil || id.Login != login {
					t.Errorf("%s: %+v, %v", login, id, err)
				}
				if _, err := v.Verify(bad); !errors.Is(err, secret.ErrWrongSecret) {
					t.Errorf("%s: %v", login, err)
				}
			}
		})
	}
	wg.Wait()
}
