package token_test

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

const password = "correct horse battery"

var (
	created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	nonce   = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
)

func secret(t *testing.T, password string) token.Secret {
	t.Helper()
	s, err := token.NewSecret(password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func first([16]byte) (bool, error) { return true, nil }

func TestDigestOfTheKnownExample(t *testing.T) {
	s := secret(t, password)
	tok, err := s.Sign("staging", nonce, created.Add(999*time.Millisecond))
	if err != nil || base64.StdEncoding.EncodeToString(tok.Digest[:]) != "nGp3gEtHjCJmiYr8Ciey/T3fOOA=" {
		t.Errorf("%x, %v", tok.Digest, err)
	}
	if err := s.Authenticate(tok, "staging", created, first); err != nil {
		t.Error(err)
	}
}

func TestEmptySecretsAreNone(t *testing.T) {
	if _, err := token.NewSecret(""); err == nil {
		t.Error("an empty password became a secret")
	}
	if _, err := (token.Secret{}).Sign("staging", nonce, created); err == nil {
		t.Error("the zero secret signed")
	}
	if _, err := secret(t, password).Sign("", nonce, created); err == nil {
		t.Error("a token of nobody was signed")
	}
	if err := (token.Secret{}).Authenticate(token.Token{Created: created}, "", created, first); err == nil {
		t.Error("the zero secret was fitted")
	}
}

// digest is what the wire asks for, written once more.
func digest(key string) (d [20]byte) {
	return sha1.Sum([]byte(string(nonce[:]) + "2026-01-02T03:04:05Z" + key))
}

func TestWhoIsTaken(t *testing.T) {
	s := secret(t, password)
	good, _ := s.Sign("staging", nonce, created)
	other, _ := secret(t, "another").Sign("staging", nonce, created)
	with := func(change func(*token.Token)) token.Token {
		tok := good
		change(&tok)
		return tok
	}
	for _, c := range []struct {
		name string
		tok  token.Token
		late time.Duration
		code refusal.Code
	}{
		{"the peer", good, 0, ""},
		{"at the last moment", good, 300 * time.Second, ""},
		{"too late", good, 301 * time.Second, refusal.Stale},
		{"too early by a clock that is behind", good, -300 * time.Second, ""},
		{"from the future", good, -301 * time.Second, refusal.Stale},
		{"another secret", other, 0, refusal.Credentials},
		{"another user", with(func(t *token.Token) { t.User = "Staging" }), 0, refusal.Credentials},
		{"no user", with(func(t *token.Token) { t.User = "" }), 0, refusal.Credentials},
		{"another nonce", with(func(t *token.Token) { t.Nonce[0]++ }), 0, refusal.Credentials},
		{"another time", with(func(t *token.Token) { t.Created = t.Created.Add(time.Second) }), 0, refusal.Credentials},
		{"the digest without a key", with(func(t *token.Token) { t.Digest = digest("") }), 0, refusal.Bypass2746},
		{"the digest of the empty password", with(func(t *token.Token) {
			t.Digest = digest("2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
		}), 0, refusal.Bypass2746},
		{"the empty secret of nobody", with(func(t *token.Token) { t.User, t.Digest = "x", digest("") }), 0, refusal.Bypass2746},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := false
			err := s.Authenticate(c.tok, "staging", created.Add(c.late), func(n [16]byte) (bool, error) {
				asked = n == nonce
				return true, nil
			})
			var r *refusal.Error
			if got := errors.As(err, &r); got != (c.code != "") || got && (r.Code != c.code || r.Status != 400) {
				t.Errorf("got %v, want %q", err, c.code)
			}
			if asked != (c.code == "") {
				t.Errorf("the nonce was recorded: %v", asked)
			}
		})
	}
}

func TestAnswersOfTheBook(t *testing.T) {
	s, down := secret(t, password), errors.New("the store is down")
	tok, _ := s.Sign("staging", nonce, created)
	var r *refusal.Error
	if err := s.Authenticate(tok, "staging", created, func([16]byte) (bool, error) { return false, nil }); !errors.As(err, &r) ||
		r.Code != refusal.Replay {
		t.Errorf("a nonce that was used: %v", err)
	}
	if err := s.Authenticate(tok, "staging", created, func([16]byte) (bool, error) { return true, down }); !errors.Is(err, down) {
		t.Errorf("a book that cannot be read: %v", err)
	}
}

func TestForms(t *testing.T) {
	for s, ok := range map[string]bool{
		"2026-01-02T03:04:05Z": true, "2026-01-02T03:04:05.0Z": false, "2026-01-02T03:04:05+00:00": false,
		"2026-1-02T03:04:05Z": false, "2026-02-30T03:04:05Z": false, "2026-01-02T24:04:05Z": false, "": false,
		" 2026-01-02T03:04:05Z": false,
	} {
		if _, err := token.ParseTime(s); (err == nil) != ok {
			t.Errorf("the time %q: %v", s, err)
		}
	}
	for s, ok := range map[string]bool{
		"AAECAwQFBgcICQoLDA0ODw==": true, "AAECAwQFBgcICQoLDA0ODw": false, "AAECAwQFBgcICQoLDA0ODx==": false,
		"AAECAwQFBgcICQoLDA0O": false, "AAECAwQFBgcICQoLDA0OD\nw==": false, "": false, "AAECAwQFBgcICQoLDA0ODxA=": false,
	} {
		var b [16]byte
		if got := token.Exactly(b[:], s); got != ok || got && b != nonce {
			t.Errorf("the nonce %q: %v", s, got)
		}
	}
}

// TestATokenIsKnownForAsLongAsItIsTaken: a token of a clock that is ahead was taken up to the moment at which
// its nonce was forgotten, and by a second gateway, whose clock is behind, after it.
func TestATokenIsKnownForAsLongAsItIsTaken(t *testing.T) {
	const behind = 4 * time.Minute
	s, err := token.NewSecret(password)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign("dev", nonce, created)
	if err != nil {
		t.Fatal(err)
	}
	var until time.Time
	first := func(now time.Time) token.First {
		return func([16]byte) (bool, error) {
			known := now.Before(until)
			until = now.Add(token.Remember)
			return !known, nil
		}
	}
	used := created.Add(-5 * time.Minute)
	if err := s.Authenticate(signed, "dev", used, first(used)); err != nil {
		t.Fatal(err)
	}
	again := created.Add(5*time.Minute + behind)
	var r *refusal.Error
	if err := s.Authenticate(signed, "dev", again.Add(-behind), first(again)); !errors.As(err, &r) || r.Code != refusal.Replay {
		t.Errorf("taken a second time: %v", err)
	}
}
