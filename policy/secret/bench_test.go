package secret_test

import (
	"testing"

	"github.com/stagelock/stagelock/policy/secret"
)

func BenchmarkVerify(b *testing.B) {
	k := keyA(b)
	previous := newKey(b, secret.KeyConfig{ID: "C", Secret: []byte("0123456789abcdef")})
	blowfish := newKey(b, secret.KeyConfig{ID: "F", Algorithm: "Blowfish", Secret: []byte("liferay-staging-secret")})
	const login = "münchen.käufer@example.com"
	for _, bb := range []struct {
		name   string
		keys   []*secret.Key
		cache  int
		header string
	}{
		{"cached", []*secret.Key{k}, 0, k.Authorization(login, false, false)},
		{"fresh", []*secret.Key{k}, -1, k.Authorization(login, false, false)},
		{"fresh two keys", []*secret.Key{k, previous}, -1, previous.Authorization(login, false, false)},
		{"fresh Blowfish", []*secret.Key{blowfish}, -1, blowfish.Authorization(login, false, false)},
		{"fresh GCM", []*secret.Key{k}, -1, gcmHeader(b, login)},
		{"wrong secret", []*secret.Key{k}, 0, previous.Authorization(login, false, false)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			v := secret.NewVerifier(secret.VerifierConfig{Keys: bb.keys, CacheSize: bb.cache})
			b.ReportAllocs()
			for b.Loop() {
				v.Verify(bb.header)
			}
		})
	}
}

func BenchmarkAuthorization(b *testing.B) {
	k := keyA(b)
	b.ReportAllocs()
	for b.Loop() {
		k.Authorization("münchen.käufer@example.com", true, false)
	}
}
