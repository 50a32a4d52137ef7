package signed

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// lifetime is how long a request counts.
	lifetime = 60 * time.Second
	// Skew is how far two clocks may be apart.
	Skew = 60 * time.Second
	// NonceTime is how long a nonce must be remembered.
	NonceTime = lifetime + 2*Skew

	tag        = "stagelock-sync-1"
	label      = "sig1="
	components = `("@method" "@authority" "@path" "content-digest")`
	answered   = `("@status" "content-digest" "signature";req)`
)

// Errors of a signature.
var (
	ErrUnsigned = errors.New("the message is not signed as gateways do")
	ErrForged   = errors.New("the signature is not that of the key")
	ErrClock    = errors.New("the signature is from another time")
)

// Identity is who signed a message.
type Identity struct {
	Key   ed25519.PublicKey
	Nonce []byte // of a request: it may be used once
}

// Sign signs a request whose body is body, at that time, with a nonce of 16 bytes.
func Sign(r *http.Request, body []byte, key ed25519.PrivateKey, now time.Time, nonce [16]byte) {
	sum := digest(body)
	params := fmt.Sprintf(`%s;created=%d;expires=%d;nonce="%s";keyid="%s";alg="ed25519";tag="%s"`, components, now.Unix(),
		now.Add(lifetime).Unix(), encode(nonce[:]), encode(key.Public().(ed25519.PublicKey)), tag)
	r.Header.Set("Content-Digest", sum)
	r.Header.Set("Signature-Input", label+params)
	r.Header.Set("Signature", signature(key, requestBase(r, sum, params)))
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + encode(sum[:]) + ":"
}

func signature(key ed25519.PrivateKey, base string) string {
	return label + ":" + encode(ed25519.Sign(key, []byte(base))) + ":"
}

// requestBase is what is signed of a request.
func requestBase(r *http.Request, sum, params string) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	return fmt.Sprintf("\"@method\": %s\n\"@authority\": %s\n\"@path\": %s\n\"content-digest\": %s\n\"@signature-params\": %s",
		r.Method, strings.ToLower(host), r.URL.EscapedPath(), sum, params)
}

var requestParams = regexp.MustCompile(`^sig1=(` + regexp.QuoteMeta(components) +
	`;created=([0-9]{1,12});expires=([0-9]{1,12});nonce="([A-Za-z0-9+/=]{24})"` +
	`;keyid="([A-Za-z0-9+/=]{44})";alg="ed25519";tag="` + tag + `")$`)

// Verify returns who signed a request with that body. Whether the key is a peer's, and the nonce new,
// is the caller's to know. A query is refused, as no signature covers it. The error is ErrUnsigned,
// ErrForged or ErrClock.
func Verify(r *http.Request, body []byte, now time.Time) (Identity, error) {
	given, sig, sum, err := fields(r.Header)
	if err != nil || r.URL.RawQuery != "" {
		return Identity{}, ErrUnsigned
	}
	m := requestParams.FindStringSubmatch(given)
	if m == nil {
		return Identity{}, ErrUnsigned
	}
	id := Identity{}
	if id.Nonce, err = canonical(m[4], 16); err != nil {
		return id, err
	}
	key, err := canonical(m[5], ed25519.PublicKeySize)
	if err != nil {
		return id, err
	}
	id.Key = key
	if sum != digest(body) || !ed25519.Verify(id.Key, []byte(requestBase(r, sum, m[1])), sig) {
		return Identity{}, ErrForged
	}
	return id, current(m[2], m[3], now)
}

// fields returns the three headers, each of which must be there once.
func fields(h http.Header) (input string, sig []byte, sum string, err error) {
	for _, name := range []string{"Signature-Input", "Signature", "Content-Digest"} {
		if len(h.Values(name)) != 1 {
			return "", nil, "", ErrUnsigned
		}
	}
	text, ok := strings.CutPrefix(h.Get("Signature"), label+":")
	text, ok2 := strings.CutSuffix(text, ":")
	if !ok || !ok2 {
		return "", nil, "", ErrUnsigned
	}
	sig, err = canonical(text, ed25519.SignatureSize)
	return h.Get("Signature-Input"), sig, h.Get("Content-Digest"), err
}

// canonical decodes the one spelling of n bytes.
func canonical(text string, n int) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != n || encode(b) != text {
		return nil, ErrUnsigned
	}
	return b, nil
}

func current(created, expires string, now time.Time) error {
	from, err := strconv.ParseInt(created, 10, 64)
	to, err2 := strconv.ParseInt(expires, 10, 64)
	if err != nil || err2 != nil || to <= from || to-from > int64(lifetime/time.Second) {
		return ErrUnsigned
	}
	begun, end := time.Unix(from, 0), time.Unix(to, 0)
	if now.Before(begun.Add(-Skew)) {
		return fmt.Errorf("%w: it begins %v from now; one of the two clocks is wrong", ErrClock, begun.Sub(now).Round(time.Second))
	}
	if now.After(end.Add(Skew)) {
		return fmt.Errorf("%w: it ended %v ago; one of the two clocks is wrong", ErrClock, now.Sub(end).Round(time.Second))
	}
	return nil
}

// Answer signs the answer to r, which was verified: it writes into the header of the answer.
func Answer(h http.Header, r *http.Request, status int, body []byte, key ed25519.PrivateKey) {
	sum := digest(body)
	params := fmt.Sprintf(`%s;keyid="%s";alg="ed25519";tag="%s"`, answered, encode(key.Public().(ed25519.PublicKey)), tag)
	h.Set("Content-Digest", sum)
	h.Set("Signature-Input", label+params)
	h.Set("Signature", signature(key, answerBase(r, status, sum, params)))
}

func answerBase(r *http.Request, status int, sum, params string) string {
	return fmt.Sprintf("\"@status\": %d\n\"content-digest\": %s\n\"signature\";req: %s\n\"@signature-params\": %s",
		status, sum, r.Header.Get("Signature"), params)
}

var answerParams = regexp.MustCompile(
	`^sig1=(` + regexp.QuoteMeta(answered) + `;keyid="([A-Za-z0-9+/=]{44})";alg="ed25519";tag="` + tag + `")$`,
)

// VerifyAnswer returns who signed the answer to r, which was signed with Sign. The error is ErrUnsigned
// or ErrForged.
func VerifyAnswer(resp *http.Response, r *http.Request, body []byte) (ed25519.PublicKey, error) {
	given, sig, sum, err := fields(resp.Header)
	if err != nil {
		return nil, ErrUnsigned
	}
	m := answerParams.FindStringSubmatch(given)
	if m == nil {
		return nil, ErrUnsigned
	}
	key, err := canonical(m[2], ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	if sum != digest(body) || !ed25519.Verify(key, []byte(answerBase(r, resp.StatusCode, sum, m[1])), sig) {
		return nil, ErrForged
	}
	return key, nil
}
