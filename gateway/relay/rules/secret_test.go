package rules_test

import (
	"errors"
	"testing"

	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/levels"
	"github.com/stagelock/stagelock/policy/secret"
)

func key(t *testing.T, text string) *secret.Key {
	t.Helper()
	k, err := secret.NewKey(secret.KeyConfig{ID: text[:4], Secret: []byte(text), Line: "7.4"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func peer(name string, logins []string, keys ...*secret.Key) *rules.Peer {
	return &rules.Peer{Peer: calls.Peer{Name: name}, Verifier: secret.NewVerifier(secret.VerifierConfig{Keys: keys, Logins: logins})}
}

// Whose call it is, of several peers that may come from one address.
func TestVerifyFindsWhoseSecretItIs(t *testing.T) {
	one, two, other := key(t, "kT9wq2ZxLm4VbN7c"), key(t, "Hs8dY3pRf6GjW1uA"), key(t, "Qe5oXz0iCv7BtM2n")
	a, b := peer("a", nil, one), peer("b", []string{"joe", "ann"}, two, one)
	unkeyed := peer("unkeyed", nil)
	for _, tt := range []struct {
		name   string
		peers  []*rules.Peer
		header string
		want   string // the peer
		login  string
		err    error
	}{
		{"the first", []*rules.Peer{a, b}, one.Authorization("joe", false, false), "a", "joe", nil},
		{"the second", []*rules.Peer{a, b}, two.Authorization("joe", false, false), "b", "joe", nil},
		{"a previous key", []*rules.Peer{b}, one.Authorization("ann", false, false), "b", "ann", nil},
		{"one without a key in front", []*rules.Peer{unkeyed, a}, one.Authorization("joe", false, false), "a", "joe", nil},
		{"a login that is not listed", []*rules.Peer{b, a}, one.Authorization("eve", false, false), "b", "eve", secret.ErrLoginNotListed},
		{"nobody's", []*rules.Peer{a, b}, other.Authorization("joe", false, false), "", "", secret.ErrWrongSecret},
		{"of no peer", nil, one.Authorization("joe", false, false), "", "", secret.ErrWrongSecret},
		{"no header", []*rules.Peer{a, b}, "", "", "", secret.ErrNoCredentials},
		{"another scheme", []*rules.Peer{a, b}, "Bearer abc", "", "", secret.ErrScheme},
		{"nonsense", []*rules.Peer{a}, "Basic !!", "", "", secret.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, id, err := rules.Verify(tt.peers, tt.header)
			if !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			got := ""
			if p != nil {
				got = p.Name
			}
			if got != tt.want || id.Login != tt.login {
				t.Errorf("%q is %q, want %q as %q", id.Login, got, tt.login, tt.want)
			}
		})
	}
}

// A header is known to the peer that it was verified for, and to nobody else.
func TestKnownIsWhatWasVerified(t *testing.T) {
	one, two := key(t, "kT9wq2ZxLm4VbN7c"), key(t, "Hs8dY3pRf6GjW1uA")
	a, b := peer("a", nil, one), peer("b", []string{"joe"}, two)
	peers := []*rules.Peer{a, b}
	joe := two.Authorization("joe", false, false)
	if p, id := rules.Known(peers, joe); p != nil || id != (secret.Identity{}) {
		t.Errorf("known as %v %v before it was verified", p, id)
	}
	if p, _, err := rules.Verify(peers, joe); err != nil || p != b {
		t.Fatalf("%v, %v", p, err)
	}
	for _, tt := range []struct {
		name   string
		peers  []*rules.Peer
		header string
		want   *rules.Peer
	}{
		{"verified", peers, joe, b}, {"by a peer that may not come from there", []*rules.Peer{a}, joe, nil},
		{"another login", peers, two.Authorization("ann", false, false), nil}, {"no header", peers, "", nil}, {"of no peer", nil, joe, nil},
	} {
		if p, id := rules.Known(tt.peers, tt.header); p != tt.want || (id.Login == "joe") != (tt.want != nil) {
			t.Errorf("%s: %v as %q, want %v", tt.name, p, id.Login, tt.want)
		}
	}
	eve := two.Authorization("eve", false, false)
	if _, _, err := rules.Verify(peers, eve); !errors.Is(err, secret.ErrLoginNotListed) {
		t.Fatal(err)
	}
	if p, _ := rules.Known(peers, eve); p != nil {
		t.Error("a login that is not listed is known afterwards")
	}
}

// What a publish is told of the patch levels, by what both engines say and by the policy.
func TestLevelOfTwoEngines(t *testing.T) {
	const u92, u80 = "Liferay Digital Experience Platform 7.4.13 Update 92", "Liferay Digital Experience Platform 7.4.13 Update 80"
	for _, tt := range []struct {
		name       string
		policy     levels.Policy
		here, live string
		reason     string
		lets       bool
	}{
		{"alike, and they must be", levels.Require, u92, u92, "", true},
		{"alike", levels.Warn, u92, u92, "", true},
		{"another one, and they must be alike", levels.Require, u92, u80, "level.unequal", false},
		{"another one", levels.Warn, u92, u80, "level.unequal", true},
		{"live says nothing, and they must be alike", levels.Require, u92, "", "level.unknown", false},
		{"live says nothing", levels.Warn, u92, "", "level.unknown", true},
		{"neither says anything, and they must be alike", levels.Require, "", "", "level.unknown", false},
		{"no policy is the strict one", "", u92, u80, "level.unequal", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := rules.Policy{PatchLevel: tt.policy}
			p.Engine.Pool = engine(t, tt.live)
			said, found, lets := p.Level(levels.Parse(tt.here))
			reason := ""
			if found != nil {
				reason = string(found.Reason)
			}
			if reason != tt.reason || lets != tt.lets {
				t.Errorf("%q, lets %t, want %q, %t", reason, lets, tt.reason, tt.lets)
			}
			if said["staging_level"] != levels.Parse(tt.here).String() || said["live_level"] != levels.Parse(tt.live).String() {
				t.Errorf("noted %v", said)
			}
			if want := "the staging engine is " + said["staging_level"] + " and the live engine is " + said["live_level"]; found != nil && found.Msg != want {
				t.Errorf("%q, want %q", found.Msg, want)
			}
		})
	}
}
