package digest_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/gateway/relay/digest"
)

// The digest of a body does not depend on how it came.
func TestABodyHasOneDigest(t *testing.T) {
	text := strings.Repeat("a part of an archive ", 1000)
	sum := func(r io.Reader) string {
		b := digest.Body{Source: r}
		got, err := io.ReadAll(&b)
		if err != nil || string(got) != text {
			t.Fatalf("%d bytes came through, %v", len(got), err)
		}
		return b.Streamed()
	}
	whole := sum(strings.NewReader(text))
	if again := sum(iotest.OneByteReader(strings.NewReader(text))); again != whole {
		t.Errorf("%s and %s", whole, again)
	}
	if !strings.HasPrefix(whole, "xxh3:") || len(whole) != len("xxh3:")+32 {
		t.Errorf("digest %s", whole)
	}
}

func TestOtherBodiesHaveOtherDigests(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{"", "a", "b", "ab", "a\x00"} {
		b := digest.Body{Source: strings.NewReader(text)}
		_, _ = io.Copy(io.Discard, &b)
		for _, d := range []string{b.Streamed(), digest.Whole([]byte(text))} {
			if other, ok := seen[d]; ok {
				t.Errorf("%q and %q have digest %s", text, other, d)
			}
			seen[d] = text
		}
	}
}

func TestWholeIsWhatAnybodyCanCompute(t *testing.T) {
	const want = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := digest.Whole([]byte("abc")); got != want {
		t.Errorf("got %s", got)
	}
}
