package alike_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/tunnel/signed"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

// client speaks to a gateway as another one would.
func (w *network) client() *http.Client {
	b, err := os.ReadFile(filepath.Join(w.ca, "c.pem"))
	check(w.t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (s *server) key() ed25519.PrivateKey {
	key, err := chain.LoadKey(node.DataDir(s.dir).SyncKey())
	check(s.t, err)
	return key
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	check(t, e.Encode(v))
	return b.Bytes()
}

// forged is an offer of a change that server from makes about an object that nobody has.
func forged(t *testing.T, key ed25519.PrivateKey, edit func(c *words.Change)) []byte {
	t.Helper()
	c := &words.Change{ID: words.ID{Origin: words.IDOf(key.Public().(ed25519.PublicKey)), Counter: 900}, Object: "Main/article/evil",
		Op: words.Put, Payload: words.DigestOf([]byte("{\"name\":\"evil\"}\nevil")), Size: 20, Stamp: words.Stamp{Milli: time.Now().UnixMilli()}}
	c.Follow(nil)
	c.Sign(key)
	if edit != nil {
		edit(c)
	}
	return encoded(t, words.Offer{Changes: []words.Offered{{Change: c, Content: []byte("{\"name\":\"evil\"}\nevil")}}})
}

// TestStrangersAreRefused: what is not signed by a peer reaches neither the store nor the engine.
func TestStrangersAreRefused(t *testing.T) {
	w := newNetwork(t, pairLinks).start()
	w.servers[0].write("a", "x")
	w.everywhere("a", "x")
	w.quiet()
	live, peer, client := w.servers[1], w.servers[0].key(), w.client()
	_, stranger, err := ed25519.GenerateKey(nil)
	check(t, err)
	rows, have := live.rows(), len(live.status().Have)
	post := func(body []byte, sign func(r *http.Request)) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+live.addr+words.Path+"deliver", bytes.NewReader(body))
		check(t, err)
		sign(r)
		resp, err := client.Do(r)
		check(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		check(t, err)
		return resp.StatusCode, string(text)
	}
	by := func(key ed25519.PrivateKey, body []byte, nonce byte, at time.Time) func(r *http.Request) {
		return func(r *http.Request) { signed.Sign(r, body, key, at, [16]byte{nonce}) }
	}
	good := forged(t, peer, nil)
	for i, tt := range []struct {
		name   string
		body   []byte
		sign   func(r *http.Request)
		status int
		text   string
	}{
		{"not signed", good, func(*http.Request) {}, 403, "not signed as gateways do"},
		{"by a stranger", good, by(stranger, good, 1, time.Now()), 403, "is no peer's"},
		{"another body", good, by(peer, []byte("{}"), 2, time.Now()), 403, "not that of the key"},
		{"of an hour ago", good, by(peer, good, 3, time.Now().Add(-time.Hour)), 403, "from another time"},
		{"no message", []byte("x"), by(peer, []byte("x"), 4, time.Now()), 400, "cannot be read"},
		{"too much", bytes.Repeat([]byte("x"), words.MaxMessage+1), by(peer, nil, 5, time.Now()), 400, "too long"},
		{"a stranger's change", forged(t, stranger, nil), nil, 200, "exchange.origin"},
		{"an altered change", forged(t, peer, func(c *words.Change) { c.Title = "y" }), nil, 200, "exchange.forged"},
		{"from the future", forged(t, peer, func(c *words.Change) { c.Stamp.Milli += 3600_000; c.Sign(peer) }), nil, 200, "exchange.clock"},
		{"of another kind", forged(t, peer, func(c *words.Change) { c.Object = "Main/vocabulary/x"; c.Sign(peer) }), nil, 200, "exchange.kind"},
		{"too large", forged(t, peer, func(c *words.Change) { c.Size = 1 << 40; c.Sign(peer) }), nil, 200, "exchange.size"},
		{"another content", forged(t, peer, func(c *words.Change) { c.Payload = words.DigestOf([]byte("z")); c.Sign(peer) }), nil, 200, "exchange.forged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.sign == nil {
				tt.sign = by(peer, tt.body, byte(20+i), time.Now())
			}
			if status, text := post(tt.body, tt.sign); status != tt.status || !strings.Contains(text, tt.text) {
				t.Errorf("status %d: %s, want %d with %q", status, text, tt.status, tt.text)
			}
		})
	}
	if live.rows() != rows || live.text("evil") != "" || len(live.status().Have) != have {
		t.Errorf("something reached the engine or the store: %d rows, %q, %+v", live.rows(), live.text("evil"), live.status().Have)
	}
	// What was captured once is worth nothing a second time.
	body := encoded(t, words.Hello{Name: "server0", Versions: []int{1}, Kinds: []string{}, Links: []words.ServerID{}, Clock: time.Now().UnixMilli()})
	at := time.Now()
	hello := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+live.addr+words.Path+"hello", bytes.NewReader(body))
		check(t, err)
		signed.Sign(r, body, peer, at, [16]byte{99})
		resp, err := client.Do(r)
		check(t, err)
		text, err := io.ReadAll(resp.Body)
		check(t, err)
		check(t, resp.Body.Close())
		if _, err := signed.VerifyAnswer(resp, r, text); resp.StatusCode == http.StatusOK && err != nil {
			t.Errorf("the answer: %v", err)
		}
		return resp.StatusCode, string(text)
	}
	if status, text := hello(); status != 200 {
		t.Errorf("status %d: %s", status, text)
	}
	if status, text := hello(); status != 403 || !strings.Contains(text, "came before") {
		t.Errorf("again: status %d: %s", status, text)
	}
}

// TestANameIsTakenOnce: the second server of a name is told, and its queue stops until that is mended.
func TestANameIsTakenOnce(t *testing.T) {
	w := newNetwork(t, [][]int{{1, 2}, {0}, {0}})
	w.run(w.servers[0])
	w.run(w.servers[1])
	w.servers[0].write("a", "x")
	w.everywhere("a", "x")
	third := w.servers[2]
	third.named = "SERVER1"
	w.run(third)
	third.write("b", "y")
	until(t, "the third one stops", func() bool {
		st := third.status()
		return st.Targets[0].State == "operator" && strings.Contains(st.Targets[0].Reason, "the name SERVER1 is taken by the key "+string(w.servers[1].id))
	})
	third.stop()
	third.named = ""
	w.run(third)
	_, err := order[exchange.Done](third, "retry", exchange.Order{Target: string(w.servers[0].id)})
	check(t, err)
	_, err = order[exchange.Done](w.servers[0], "retry", exchange.Order{Target: string(third.id)})
	check(t, err)
	w.everywhere("b", "y")
}

// TestWhoReachesWhomIsKnownEverywhere: a leaf of a star sees the whole of it.
func TestWhoReachesWhomIsKnownEverywhere(t *testing.T) {
	w := newNetwork(t, starLinks).start()
	for _, s := range w.servers {
		s.write("s", "of everybody")
	}
	until(t, "a leaf knows all", func() bool { return len(w.servers[1].status().Servers) == 3 })
}
