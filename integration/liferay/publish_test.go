package liferay_test

import (
	"crypto/md5"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// made is a call as the client noted it.
type made struct {
	Call         string  `json:"call"`
	Digest       string  `json:"digest"`
	OK           bool    `json:"ok"`
	ResultDigest string  `json:"resultDigest"`
	Exception    *thrown `json:"exception"`
}

type publication struct {
	outcome
	MD5   string `json:"md5"`
	Parts int    `json:"parts"`
	Calls []made `json:"calls"`
}

// event is the one call that the gateway answers itself.
const event = "propagateExportImportLifecycleEvent"

// publishes makes whole publishes, in every form of the line, and a large one.
func publishes(t *testing.T, s *stage, sum *row) {
	small, large := randomFile(t, 70_001), randomFile(t, 25<<20)
	for _, form := range []fields{
		{"form": "map", "settings": "long"}, {"form": "map", "settings": "integer"},
		{"form": "configuration", "settings": "long"}, {"form": "configuration", "settings": "integer"},
	} {
		publish(t, s, sum, with(fields{"file": small, "bufferSize": 20_000}, form), 4)
	}
	publish(t, s, sum, fields{"file": large, "form": "configuration", "group": secondary, "private": true}, 3)
	sum.md5 = "wrong"
	if arrivedWhole(s, large) {
		sum.md5 = "MD5 equal"
	} else {
		t.Error("the large archive arrived with another MD5")
	}
}

// publish makes one publish and compares what was sent with what arrived, call by call.
func publish(t *testing.T, s *stage, sum *row, command fields, parts int) {
	t.Helper()
	s.reset()
	p := do[publication](s.client, "publish", command)
	if !p.OK || p.Parts != parts {
		t.Errorf("publish %v: ok %t, %d parts", command, p.OK, p.Parts)
	}
	got := s.calls()
	sum.made += len(p.Calls)
	sum.arrived += len(got)
	i := 0
	for _, c := range p.Calls {
		if !c.OK {
			t.Errorf("%s: %v", c.Call, c.Exception)
		}
		if c.Call == event {
			continue
		}
		if i >= len(got) {
			t.Fatalf("%s and what follows did not arrive", c.Call)
		}
		sum.results++
		if g := got[i]; g.Method != c.Call || g.Digest != c.Digest {
			t.Errorf("%s arrived as %s, arguments %s, want %s", c.Call, g.Method, g.Digest, c.Digest)
		} else {
			sum.equal++
		}
		if got[i].ResultDigest == c.ResultDigest {
			sum.sameResults++
		} else {
			t.Errorf("%s: result %s, want %s", c.Call, c.ResultDigest, got[i].ResultDigest)
		}
		i++
	}
	if i != len(got) {
		t.Errorf("%d calls arrived that nobody made: %+v", len(got)-i, got[i:])
	}
}

func arrivedWhole(s *stage, file string) bool {
	s.server.t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		s.server.t.Fatal(err)
	}
	sum := md5.Sum(content)
	r := must[struct {
		Published []struct {
			MD5   string   `json:"md5"`
			Parts []string `json:"parts"`
		} `json:"published"`
	}](s.server, "requests", nil)
	return len(r.Published) == 1 && r.Published[0].MD5 == hex.EncodeToString(sum[:])
}

func randomFile(t testing.TB, size int) string {
	t.Helper()
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size), byte(*seed)}).Read(b)
	file := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
