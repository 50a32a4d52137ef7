package challenge_test

import (
	"bytes"
	"testing"

	"github.com/stagelock/stagelock/gateway/doctor/challenge"
)

func key(t *testing.T, secret, algorithm string) challenge.Key {
	t.Helper()
	k, err := challenge.NewKey([]byte(secret), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A proof is for one secret, one cipher, one end and one transcript.
func TestProofsDiffer(t *testing.T) {
	base := challenge.Transcript{Server: []byte("server"), Client: []byte("client"), Host: "live.example.com:8443", Context: "/live"}
	seen := map[string]string{}
	note := func(what string, proof []byte) {
		if before, twice := seen[string(proof)]; twice {
			t.Errorf("%s has the proof of %s", what, before)
		}
		seen[string(proof)] = what
	}
	for _, algorithm := range challenge.Algorithms {
		for _, secret := range []string{"1234567890123456", "1234567890123457", "1"} {
			k := key(t, secret, algorithm)
			note(secret+algorithm+" client", k.Client(base))
			note(secret+algorithm+" server", k.Server(base))
		}
	}
	k := key(t, "1234567890123456", "AES")
	for name, change := range map[string]func(*challenge.Transcript){
		"another server nonce": func(t *challenge.Transcript) { t.Server = []byte("serveR") },
		"another client nonce": func(t *challenge.Transcript) { t.Client = []byte("clienT") },
		"another host":         func(t *challenge.Transcript) { t.Host = "other" },
		"another context":      func(t *challenge.Transcript) { t.Context = "" },
		"nonces moved":         func(t *challenge.Transcript) { t.Server, t.Client = []byte("serverc"), []byte("lient") },
		"host moved":           func(t *challenge.Transcript) { t.Host, t.Context = "live.example.com:844", "3/live" },
	} {
		other := base
		change(&other)
		note(name, k.Client(other))
	}
	if !challenge.Equal(k.Client(base), key(t, "1234567890123456", "AES").Client(base)) {
		t.Error("the same secret has two proofs")
	}
}

func TestEmptyProofsAreNeverEqual(t *testing.T) {
	if challenge.Equal(nil, nil) || challenge.Equal([]byte{}, []byte{}) || challenge.Equal([]byte{1}, []byte{1, 2}) {
		t.Error("nothing is a proof")
	}
}

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		text string
		hex  bool
		want []byte
		ok   bool
	}{
		{"00ff", true, []byte{0, 255}, true}, {"00FF", true, []byte{0, 255}, true}, {"00ff", false, []byte("00ff"), true},
		{"0g", true, nil, false}, {"0", true, nil, false}, {"", true, nil, false}, {"", false, nil, false},
	} {
		if got, ok := challenge.Bytes(tt.text, tt.hex); ok != tt.ok || ok && !bytes.Equal(got, tt.want) {
			t.Errorf("%q, %v: %x, %v", tt.text, tt.hex, got, ok)
		}
	}
}

// Whatever the transcript, equal ones only have equal proofs.
func FuzzProof(f *testing.F) {
	f.Add([]byte("a"), []byte("b"), "host", "/live", []byte("ab"), []byte(""), "host", "/live")
	k, err := challenge.NewKey([]byte("1234567890123456"), "AES")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s1, c1 []byte, h1, p1 string, s2, c2 []byte, h2, p2 string) {
		same := bytes.Equal(s1, s2) && bytes.Equal(c1, c2) && h1 == h2 && p1 == p2
		a := k.Client(challenge.Transcript{Server: s1, Client: c1, Host: h1, Context: p1})
		b := k.Client(challenge.Transcript{Server: s2, Client: c2, Host: h2, Context: p2})
		if challenge.Equal(a, b) != same {
			t.Errorf("equal: %v, the transcripts: %v", !same, same)
		}
	})
}
