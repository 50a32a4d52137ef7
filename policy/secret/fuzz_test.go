package secret_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/policy/secret"
)

func verifySeeds(f blind.Seeds) {
	k := keyA(f)
	for _, v := range readVectors(f).Vectors {
		f.Add(k.Authorization(v.Login, false, false))
		f.Add(k.Authorization(v.Login, true, true))
	}
	for _, s := range []string{"", "Basic ", "Bearer x", "Basic Og==", header("test@liferay.com", fipsToken), header("a", ":")} {
		f.Add(s)
	}
}

// verifies holds: what is accepted is, but for the case of the scheme, the one header that the
// key makes for its login, or the GCM form of it; and a second look, from memory, says the same.
func verifies(k *secret.Key) func(testing.TB, string) {
	v := verifier(k)
	return func(t testing.TB, h string) {
		id, err := v.Verify(h)
		again, errAgain := v.Verify(h)
		if id != again || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q: first %+v, %v, then %+v, %v", h, id, err, again, errAgain)
		}
		if err != nil {
			if id != (secret.Identity{}) {
				t.Fatalf("%q: refused with an identity %+v", h, id)
			}
			return
		}
		if secret.CheckLogin(id.Login) != nil {
			t.Fatalf("%q: accepted the login %q", h, id.Login)
		}
		if want := k.Authorization(id.Login, false, false); h[6:] != want[6:] && !isGCM(k, h, id.Login) {
			t.Fatalf("%q: accepted, but the key makes %q", h, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	verifySeeds(f)
	verify := verifies(keyA(f))
	f.Fuzz(func(t *testing.T, h string) { verify(t, h) })
}

func TestBlind(t *testing.T) {
	verify := verifies(keyA(t))
	blind.Run(t, "FuzzVerify", verifySeeds, func(t testing.TB, in *blind.Input) { verify(t, in.String(0)) })
}

func isGCM(k *secret.Key, h, login string) bool {
	blob, err := base64.StdEncoding.DecodeString(h[6:])
	if err != nil || base64.StdEncoding.EncodeToString(blob) != h[6:] {
		return false
	}
	_, token, _ := strings.Cut(string(blob), ":")
	opened, err := k.Open(token)
	return err == nil && opened == login
}

// FuzzLogin holds: a login that may be one comes back from its header as it was, from every
// algorithm and either key, and no other login shares the header; one that may not gets no header.
func FuzzLogin(f *testing.F) {
	for _, s := range []string{"joe", "a@b", "first+tag@example.com", "münchen", "x:y", "joe\n", "", "\xff", strings.Repeat("a", 255)} {
		f.Add(s)
	}
	keys := []*secret.Key{
		keyA(f),
		newKey(f, secret.KeyConfig{ID: "B", Algorithm: "Blowfish", Secret: []byte("liferay-staging-secret")}),
		newKey(f, secret.KeyConfig{ID: "D", Algorithm: "DESede", Secret: series(24), Hex: true}),
	}
	v := verifier(keys...)
	f.Fuzz(func(t *testing.T, login string) {
		for i, k := range keys {
			h := k.Authorization(login, false, false)
			if (h == "") != (secret.CheckLogin(login) != nil) {
				t.Fatalf("%q: header %q", login, h)
			}
			if h == "" {
				continue
			}
			want := secret.Identity{Login: login, KeyID: k.ID(), Current: i == 0}
			if id, err := v.Verify(h); err != nil || id != want {
				t.Fatalf("%q: %+v, %v; want %+v", login, id, err, want)
			}
		}
	})
}
