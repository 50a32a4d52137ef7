package integration_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	benchUUID = "5b7d2a1c-3c0d-4f0f-9c36-0f7f0f1b8a11"
	benchMD5  = "0123456789abcdef0123456789abcdef"
	benchID   = 4711
)

// steadyAnswers are those of a stub, written once.
func steadyAnswers(b *testing.B) func(tail []byte) []byte {
	b.Helper()
	written := map[string][]byte{}
	for name, v := range map[string]any{"createStagingRequest": int64(benchID), "hasRemoteLayout": true} {
		body, err := liferay.AppendValue(nil, build, v)
		if err != nil {
			b.Fatal(err)
		}
		written[name] = body
	}
	create, has := []byte("createStagingRequest"), []byte("hasRemoteLayout")
	return func(tail []byte) []byte {
		switch {
		case bytes.Contains(tail, create):
			return written["createStagingRequest"]
		case bytes.Contains(tail, has):
			return written["hasRemoteLayout"]
		}
		return nil
	}
}

func benchGateway(b *testing.B) (*harness.Gateway, *javaClient) {
	b.Helper()
	s := newStub(b, steadyAnswers(b), nil)
	g := harness.Start(b, harness.Options{Upstream: s.URL, Context: "/live", Extra: unhurried})
	return g, newJavaClient(g, g.Key(b))
}

// One whole small call over TLS, through every step: the verdict of the one that reads is written before it
// is forwarded, that of the one that creates is on disk.
func BenchmarkSmallCall(b *testing.B) {
	for _, name := range []string{"hasRemoteLayout", "createStagingRequest"} {
		for _, conns := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/connections=%d", name, conns), func(b *testing.B) {
				g, j := benchGateway(b)
				request := j.smallCall(b, "hasRemoteLayout", benchUUID, int64(harness.Site), false)
				if name == "createStagingRequest" {
					request = j.smallCall(b, name, int64(harness.Site), benchMD5)
				}
				all := callers(b, conns, g.Addr, g.TLS, request)
				b.ReportAllocs()
				b.ResetTimer()
				if err := times(b.N, all); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
