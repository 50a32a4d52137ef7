package signed_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/signed"
)

var requests = flag.Int("requests", 100_000, "changed requests to verify")

// wire returns a signed request as it is sent.
func wire(t testing.TB, now time.Time) []byte {
	t.Helper()
	r := request(t)
	signed.Sign(r, body, key, now, [16]byte{1, 2, 3})
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// covered is all of a request that its signature is about.
func covered(r *http.Request, body []byte) string {
	return fmt.Sprintf("%s %s %s?%s %q %q %q %q", r.Method, strings.ToLower(r.Host), r.URL.EscapedPath(), r.URL.RawQuery,
		r.Header.Values("Content-Digest"), r.Header.Values("Signature-Input"), r.Header.Values("Signature"), body)
}

func parsed(raw []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(r.Body)
	return r, b, err
}

// bend changes a message in one to three places.
func bend(r *rand.Rand, raw []byte) []byte {
	b := bytes.Clone(raw)
	for range 1 + r.IntN(3) {
		at, n := r.IntN(len(b)), 1+r.IntN(12)
		end := min(len(b), at+n)
		switch r.IntN(7) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2: // taken out
			b = append(b[:at:at], b[end:]...)
		case 3: // twice
			b = append(b[:end:end], b[at:]...)
		case 4: // put in
			b = append(b[:at:at], append([]byte{byte(r.Uint32())}, b[at:]...)...)
		case 5: // a line twice
			lines := bytes.SplitAfter(b, []byte("\r\n"))
			i := r.IntN(len(lines))
			b = bytes.Join(append(lines[:i+1:i+1], lines[i:]...), nil)
		default: // from elsewhere
			from := r.IntN(len(b))
			b = append(b[:at:at], append(bytes.Clone(b[from:min(len(b), from+n)]), b[end:]...)...)
		}
		if len(b) == 0 {
			return b
		}
	}
	return b
}

// TestChangedRequests: of many changed requests none counts that is not the signed one in all that is signed.
func TestChangedRequests(t *testing.T) {
	raw := wire(t, noon)
	first, b, err := parsed(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(first, b, noon); err != nil {
		t.Fatalf("the request itself: %v", err)
	}
	want := covered(first, b)
	r := rand.New(rand.NewPCG(9421, 1))
	read, same, accepted := 0, 0, 0
	for range *requests {
		bent := bend(r, raw)
		req, b, err := parsed(bent)
		if err != nil {
			continue
		}
		read++
		if _, err := signed.Verify(req, b, noon); err != nil {
			continue
		}
		if same++; covered(req, b) != want {
			accepted++
			t.Errorf("accepted: %q", bent)
		}
	}
	t.Logf("%d could be read as HTTP, %d were the same in all that is signed", read, same)
	if read < *requests/10 || same == read {
		t.Errorf("%d of %d could be read: the test sees too little", read, *requests)
	}
	prove(t, "%d changed signed requests, %d accepted", *requests, accepted)
}

// prove prints the line that make prove shows.
func prove(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("prove: "+format, args...)
}

// TestOtherImplementations holds what is signed here against two other implementations of RFC 9421: both verify it,
// and both refuse it once any of what is signed has changed.
func TestOtherImplementations(t *testing.T) {
	program := tool(t, filepath.Join("testdata", "others"))
	verdict := func(raw []byte) string {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Stdin = bytes.NewReader(raw)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	raw := bytes.Replace(wire(t, time.Now()), []byte("Host: Live"), []byte("Host: live"), 1) // neither of them lowers it
	tried, otherwise := 0, 0
	hold := func(name, old, with, want string) {
		bent := []byte(strings.Replace(string(raw), old, with, 1))
		if old != "" && bytes.Equal(bent, raw) {
			t.Fatalf("%s: nothing changed", name)
		}
		if tried++; verdict(bent) != want {
			otherwise++
			t.Errorf("%s: %s, want %s", name, verdict(bent), want)
		}
	}
	hold("as it was signed", "", "", "remitly good, yaronf good")
	for _, change := range [][3]string{
		{"another method", "POST ", "PUT "}, {"another path", "/offer", "/offers"}, {"another host", "live.example.com", "dev.example.com"},
		{"another digest", "sha-256=:", "sha-256=:A"}, {"another time", ";created=1", ";created=2"}, {"another nonce", `nonce="AQID`, `nonce="AQIE`},
		{"another signature", "Signature: sig1=:", "Signature: sig1=:AAAA"},
	} {
		hold(change[0], change[1], change[2], "remitly bad, yaronf bad")
	}
	prove(t, "%d requests held against two other implementations of RFC 9421, %d read otherwise", tried, otherwise)
}

// tool builds the module of its own that lies in a folder, its files with .txt behind their names so that it is none of this
// module's, and returns the program. It skips the test where modules cannot be had.
func tool(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(folder, name+".txt"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "tool")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("main.go:")) {
			t.Fatalf("%s", out)
		}
		t.Skipf("%s does not build here: %v %.300s", folder, err, bytes.TrimSpace(out))
	}
	return program
}
