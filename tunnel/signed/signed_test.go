package signed_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/tunnel/signed"
)

var (
	noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	key  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	body = []byte(`{"changes":[]}`)
)

func request(t testing.TB) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://Live.example.com:8443/stagelock/sync/v1/offer", bytes.NewReader(body))
	signed.Sign(r, body, key, noon, [16]byte{1, 2, 3})
	return r
}

func TestSignedRequest(t *testing.T) {
	id, err := signed.Verify(request(t), body, noon)
	if err != nil || !id.Key.Equal(key.Public()) || len(id.Nonce) != 16 || id.Nonce[2] != 3 {
		t.Errorf("%+v, %v", id, err)
	}
}

// TestVectorOfTheProfile has one signature written out: another implementation can be held against it.
func TestVectorOfTheProfile(t *testing.T) {
	r := request(t)
	if got, want := r.Header.Get("Signature-Input"), `sig1=("@method" "@authority" "@path" "content-digest");created=1774785600;`+
		`expires=1774785660;nonce="AQIDAAAAAAAAAAAAAAAAAA==";keyid="iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=";alg="ed25519";tag="stagelock-sync-1"`; got != want {
		t.Errorf("got %s", got)
	}
	base := `"@method": POST` + "\n" + `"@authority": live.example.com:8443` + "\n" + `"@path": /stagelock/sync/v1/offer` + "\n" +
		`"content-digest": ` + r.Header.Get("Content-Digest") + "\n" + `"@signature-params": ` + strings.TrimPrefix(r.Header.Get("Signature-Input"), "sig1=")
	sig, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimPrefix(r.Header.Get("Signature"), "sig1="), ":"))
	if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(base), sig) {
		t.Errorf("the signature does not cover what RFC 9421 says: %v", err)
	}
}

func TestWhatIsNotThatRequest(t *testing.T) {
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	edit := func(name, old, new string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set(name, strings.Replace(r.Header.Get(name), old, new, 1)) }
	}
	for _, tt := range []struct {
		name string
		edit func(r *http.Request)
		body []byte
		want error
	}{
		{"another method", func(r *http.Request) { r.Method = http.MethodPut }, nil, signed.ErrForged},
		{"another path", func(r *http.Request) { r.URL.Path = "/stagelock/sync/v1/deliver" }, nil, signed.ErrForged},
		{"another host", func(r *http.Request) { r.Host = "dev.example.com" }, nil, signed.ErrForged},
		{"another body", func(*http.Request) {}, []byte("{}"), signed.ErrForged},
		{"a query", func(r *http.Request) { r.URL.RawQuery = "x" }, nil, signed.ErrUnsigned},
		{"another digest", edit("Content-Digest", "sha-256=:", "sha-256=:A"), nil, signed.ErrForged},
		{"a later end", edit("Signature-Input", "expires=1774785660", "expires=1774785661"), nil, signed.ErrForged},
		{"another nonce", edit("Signature-Input", `nonce="AQID`, `nonce="AQIE`), nil, signed.ErrForged},
		{"another key", edit("Signature-Input", "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
			base64.StdEncoding.EncodeToString(other.Public().(ed25519.PublicKey))), nil, signed.ErrForged},
		{"another algorithm", edit("Signature-Input", `alg="ed25519"`, `alg="hmac-sha256"`), nil, signed.ErrUnsigned},
		{"another tag", edit("Signature-Input", "stagelock-sync-1", "stagelock-sync-2"), nil, signed.ErrUnsigned},
		{"fewer components", edit("Signature-Input", ` "content-digest"`, ""), nil, signed.ErrUnsigned},
		{"another label", edit("Signature", "sig1=", "sig2="), nil, signed.ErrUnsigned},
		{"another spelling", edit("Signature-Input", "Pb1w=", "Pb1x="), nil, signed.ErrUnsigned},
		{"a blank", edit("Signature-Input", ";expires", "; expires"), nil, signed.ErrUnsigned},
		{"no signature", func(r *http.Request) { r.Header.Del("Signature") }, nil, signed.ErrUnsigned},
		{"two signatures", func(r *http.Request) { r.Header.Add("Signature", r.Header.Get("Signature")) }, nil, signed.ErrUnsigned},
		{"two inputs in one", func(r *http.Request) {
			r.Header.Set("Signature-Input", r.Header.Get("Signature-Input")+", "+r.Header.Get("Signature-Input"))
		}, nil, signed.ErrUnsigned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, b := request(t), body
			tt.edit(r)
			if tt.body != nil {
				b = tt.body
			}
			if _, err := signed.Verify(r, b, noon); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  time.Time
		ok   bool
	}{
		{"a clock that is a minute behind", noon.Add(-time.Minute), true},
		{"more", noon.Add(-61 * time.Second), false},
		{"a clock that is a minute ahead", noon.Add(2 * time.Minute), true},
		{"more than that", noon.Add(2*time.Minute + time.Second), false},
	} {
		if _, err := signed.Verify(request(t), body, tt.now); (err == nil) != tt.ok || err != nil && !errors.Is(err, signed.ErrClock) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestSignedAnswer(t *testing.T) {
	r := request(t)
	good := func() *http.Response {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}
		signed.Answer(resp.Header, r, http.StatusOK, body, key)
		return resp
	}
	if got, err := signed.VerifyAnswer(good(), r, body); err != nil || !got.Equal(key.Public()) {
		t.Errorf("%v, %v", got, err)
	}
	another := httptest.NewRequest(http.MethodPost, "https://live.example.com/", nil)
	signed.Sign(another, nil, key, noon, [16]byte{9})
	for name, check := range map[string]func() error{
		"another status": func() error {
			resp := good()
			resp.StatusCode = 403
			_, err := signed.VerifyAnswer(resp, r, body)
			return err
		},
		"another body":       func() error { _, err := signed.VerifyAnswer(good(), r, nil); return err },
		"of another request": func() error { _, err := signed.VerifyAnswer(good(), another, body); return err },
		"the request's own": func() error {
			_, err := signed.VerifyAnswer(&http.Response{StatusCode: http.StatusOK, Header: r.Header}, r, body)
			return err
		},
		"not signed at all": func() error {
			_, err := signed.VerifyAnswer(&http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, r, body)
			return err
		},
		"a signature cut short": func() error {
			resp := good()
			resp.Header.Set("Signature", resp.Header.Get("Signature")[:40])
			_, err := signed.VerifyAnswer(resp, r, body)
			return err
		},
	} {
		if check() == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

func signatureSeeds(f blind.Seeds) {
	r := request(f)
	f.Add(r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Content-Digest"))
	f.Add("", "", "")
}

// verifies: no header that was not signed is taken.
func verifies(tb testing.TB) func(t testing.TB, input, sig, sum string) {
	good := request(tb)
	return func(t testing.TB, input, sig, sum string) {
		got := good.Clone(t.Context())
		got.Header.Set("Signature-Input", input)
		got.Header.Set("Signature", sig)
		got.Header.Set("Content-Digest", sum)
		_, err := signed.Verify(got, body, noon)
		same := input == good.Header.Get("Signature-Input") && sig == good.Header.Get("Signature") && sum == good.Header.Get("Content-Digest")
		if (err == nil) != same {
			t.Errorf("%v of %q, %q, %q", err, input, sig, sum)
		}
	}
}

func FuzzSignature(f *testing.F) {
	signatureSeeds(f)
	verify := verifies(f)
	f.Fuzz(func(t *testing.T, input, sig, sum string) { verify(t, input, sig, sum) })
}

func TestBlind(t *testing.T) {
	verify := verifies(t)
	blind.Run(t, "FuzzSignature", signatureSeeds, func(t testing.TB, in *blind.Input) { verify(t, in.String(0), in.String(1), in.String(2)) })
}
