// Command others verifies a signed request on standard input with other implementations of RFC 9421. It is a module of
// its own: nothing of the gateway needs them.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"os"
	"time"

	httpsig "github.com/remitly-oss/httpsig-go"
	"github.com/yaronf/httpsign"
)

// key is that of the tests.
var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)).Public().(ed25519.PublicKey)

type keys struct{}

func (keys) FetchByKeyID(context.Context, http.Header, string) (httpsig.KeySpecer, error) {
	return httpsig.KeySpec{KeyID: "test", Algo: httpsig.Algo_ED25519, PubKey: key}, nil
}

func (k keys) Fetch(ctx context.Context, h http.Header, _ httpsig.MetadataProvider) (httpsig.KeySpecer, error) {
	return k.FetchByKeyID(ctx, h, "")
}

func main() {
	r, err := http.ReadRequest(bufio.NewReader(os.Stdin))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, first := httpsig.Verify(r, keys{}, httpsig.VerifyProfile{SignatureLabel: "sig1", AllowedAlgorithms: []httpsig.Algorithm{httpsig.Algo_ED25519},
		RequiredFields: httpsig.Fields("@method", "@authority", "@path", "content-digest")})
	second := yaronf(r)
	if os.Getenv("WHY") != "" {
		fmt.Fprintln(os.Stderr, first, second)
	}
	fmt.Printf("remitly %s, yaronf %s\n", word(first), word(second))
}

func yaronf(r *http.Request) error {
	fields := httpsign.Headers("@method", "@authority", "@path", "content-digest")
	v, err := httpsign.NewEd25519Verifier(key, httpsign.NewVerifyConfig().SetVerifyCreated(true).SetNotOlderThan(time.Hour), fields)
	if err != nil {
		return err
	}
	return httpsign.VerifyRequest("sig1", *v, r)
}

func word(err error) string {
	if err != nil {
		return "bad"
	}
	return "good"
}
