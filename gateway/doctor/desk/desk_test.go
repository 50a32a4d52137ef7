package desk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/challenge"
	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/policy/hosts"
)

var (
	client = netip.MustParseAddr("10.1.2.3")
	begin  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

const text, digits = "1234567890123456", "00112233445566778899aabbccddeeff"

// config is a desk whose time stands still unless the test moves it.
func config(t *testing.T, now *time.Time) desk.Config {
	t.Helper()
	allowed, findings := hosts.New(hosts.Config{Allow: []string{"10.1.2.0/24"}})
	if allowed == nil {
		t.Fatal(findings)
	}
	proxies, _ := hosts.NewProxies([]string{"10.9.9.9"})
	return desk.Config{
		Me: desk.Me{Line: "7.4", PartMax: 1 << 27}, Context: "/live", Hosts: allowed, Proxies: proxies, Heartbeat: 15 * time.Second,
		Secrets: []desk.Secret{
			{Peer: "staging", Text: text, Algorithm: "AES", From: from("10.1.2.3")},
			{Peer: "staging", Previous: true, Text: "6543210987654321", Algorithm: "AES", From: from("10.1.2.3")},
			{Peer: "branch", Text: digits, Hex: true, Algorithm: "Blowfish", From: from("10.1.2.4")},
		},
		Now: func() time.Time { return *now }, Random: rand.Reader, Dial: new(net.Dialer).DialContext, After: time.After,
	}
}

func from(addr string) func(netip.Addr) bool {
	return func(a netip.Addr) bool { return a == netip.MustParseAddr(addr) }
}

func open(t *testing.T, c desk.Config) *desk.Desk {
	t.Helper()
	d, err := desk.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask asks a question and reads the answer.
func ask(t *testing.T, d *desk.Desk, name string, body, into any, change ...func(*desk.Question)) desk.Answer {
	t.Helper()
	b, ok := body.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	q := desk.Question{Name: name, Addr: client, Socket: netip.AddrPortFrom(client, 4711), Host: "live.example.com",
		Body: bytes.NewReader(b), Length: int64(len(b)), Beat: func() error { return nil }}
	for _, f := range change {
		f(&q)
	}
	a := d.Ask(t.Context(), q)
	if a.Status == http.StatusOK && into != nil {
		if err := json.Unmarshal(a.Body, into); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
	}
	return a
}

func TestNames(t *testing.T) {
	now := begin
	d := open(t, config(t, &now))
	for target, want := range map[string]string{
		"/live/stagelock/doctor/me": "me", "/stagelock/doctor/me": "me", "/live/stagelock/doctor/secret": "secret",
		"/live/stagelock/doctor/size": "size", "/live/stagelock/doctor/wait": "wait", "/live/stagelock/doctor/look": "look",
		"/live/stagelock/doctor/": "", "/live/stagelock/doctor/you": "", "/other/stagelock/doctor/me": "", "/live//stagelock/doctor/me": "",
		"/live/stagelock/doctor/me?a": "", "/live/stagelock/doctor/me/": "", "/live/api/liferay/do": "", "": "",
	} {
		if got := d.NameOf(target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if (*desk.Desk)(nil).NameOf("/live/stagelock/doctor/me") != "" {
		t.Error("no desk answers")
	}
}

func TestMe(t *testing.T) {
	now := begin
	d := open(t, config(t, &now))
	var me desk.Me
	ask(t, d, "me", struct{}{}, &me)
	if me.Address != "10.1.2.3" || me.Socket != "10.1.2.3:4711" || me.By != "connection" || me.Entry != "10.1.2.0/24" || me.Context != "/live" ||
		me.Host != "live.example.com" || me.Line != "7.4" || me.PartMax != 1<<27 || me.Beat != 15 || !me.Now.Equal(begin) || len(me.Unread) > 0 {
		t.Errorf("%+v", me)
	}
	ask(t, d, "me", []byte{}, &me, func(q *desk.Question) {
		q.Socket, q.Forwarded = netip.MustParseAddrPort("10.9.9.9:1"), []string{"10.1.2.3"}
	})
	if me.By != "header" || len(me.Unread) > 0 {
		t.Errorf("through a trusted proxy: %+v", me)
	}
	me = desk.Me{}
	ask(t, d, "me", []byte{}, &me, func(q *desk.Question) { q.Forwarded = []string{"203.0.113.9"} })
	if len(me.Unread) != 1 || me.Unread[0] != "203.0.113.9" || me.By != "connection" {
		t.Errorf("through another proxy: %+v", me)
	}
}

// prove compares a secret as a client does.
func prove(t *testing.T, d *desk.Desk, secret string, asHex bool, algorithm string, change ...func(*desk.Question)) (desk.Match, desk.Answer, desk.Compare) {
	t.Helper()
	c := desk.Compare{Client: bytes.Repeat([]byte{7}, challenge.NonceSize), Host: "live.example.com:8443", Path: "/live"}
	var m desk.Match
	ask(t, d, "secret", c, &m, change...)
	c.Server = m.Server
	b, ok := challenge.Bytes(secret, asHex)
	if !ok {
		t.Fatalf("%q", secret)
	}
	k, err := challenge.NewKey(b, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	tr := challenge.Transcript{Server: c.Server, Client: c.Client, Host: c.Host, Context: c.Path}
	c.Proof = k.Client(tr)
	m = desk.Match{}
	a := ask(t, d, "secret", c, &m, change...)
	if m.Same && !challenge.Equal(m.Proof, k.Server(tr)) {
		t.Error("the gateway's proof is not for that secret")
	}
	return m, a, c
}

func TestSecret(t *testing.T) {
	now := begin
	d := open(t, config(t, &now))
	for _, tt := range []struct {
		name, secret, algorithm, addr string
		hex                           bool
		want                          desk.Match
	}{
		{"the peer's", text, "AES", "10.1.2.3", false, desk.Match{Same: true, Peer: "staging", Algorithm: "AES", Used: "AES", From: true}},
		{"the former one", "6543210987654321", "AES", "10.1.2.3", false,
			desk.Match{Same: true, Peer: "staging", Previous: true, Algorithm: "AES", Used: "AES", From: true}},
		{"another cipher", text, "DESede", "10.1.2.3", false, desk.Match{Same: true, Peer: "staging", Algorithm: "AES", Used: "DESede", From: true}},
		{"another address", text, "AES", "10.1.2.9", false, desk.Match{Same: true, Peer: "staging", Algorithm: "AES", Used: "AES"}},
		{"another peer's", digits, "Blowfish", "10.1.2.3", true, desk.Match{Same: true, Peer: "branch", Hex: true, Algorithm: "Blowfish", Used: "Blowfish"}},
		{"read as text", digits, "Blowfish", "10.1.2.4", false,
			desk.Match{Same: true, Peer: "branch", Hex: true, OtherHex: true, Algorithm: "Blowfish", Used: "Blowfish", From: true}},
		{"none", "6543210987654322", "AES", "10.1.2.3", false, desk.Match{}},
		{"read as hex where nobody does", text, "AES", "10.1.2.3", true,
			desk.Match{Same: true, Peer: "staging", OtherHex: true, Algorithm: "AES", Used: "AES", From: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, a, _ := prove(t, d, tt.secret, tt.hex, tt.algorithm, func(q *desk.Question) { q.Addr = netip.MustParseAddr(tt.addr) })
			m.Proof, m.Server = nil, nil
			if fmt.Sprint(m) != fmt.Sprint(tt.want) || a.Failed == tt.want.Same {
				t.Errorf("got %+v, failed %v", m, a.Failed)
			}
			for _, secret := range []string{text, digits, "6543210987654321"} {
				if bytes.Contains(a.Body, []byte(secret)) {
					t.Errorf("the answer tells a secret: %s", a.Body)
				}
			}
			if !tt.want.Same && strings.Contains(string(a.Body), "staging") {
				t.Errorf("a stranger is told %s", a.Body)
			}
		})
	}
}

// A nonce is for one client, one time, and made here.
func TestNonces(t *testing.T) {
	now := begin
	d := open(t, config(t, &now))
	_, _, good := prove(t, d, text, false, "AES")
	for name, tt := range map[string]struct {
		change func(*desk.Compare, *desk.Question)
		later  time.Duration
		status int
	}{
		"again at once":                   {func(*desk.Compare, *desk.Question) {}, 0, 200},
		"later":                           {func(*desk.Compare, *desk.Question) {}, 31 * time.Second, 400},
		"before it was made":              {func(*desk.Compare, *desk.Question) {}, -time.Second, 400},
		"of another address":              {func(_ *desk.Compare, q *desk.Question) { q.Addr = netip.MustParseAddr("10.1.2.4") }, 0, 400},
		"with another nonce":              {func(c *desk.Compare, _ *desk.Question) { c.Client = bytes.Repeat([]byte{8}, 16) }, 0, 400},
		"changed":                         {func(c *desk.Compare, _ *desk.Question) { c.Server = append([]byte{1}, c.Server[1:]...) }, 0, 400},
		"cut":                             {func(c *desk.Compare, _ *desk.Question) { c.Server = c.Server[:10] }, 0, 400},
		"without a proof":                 {func(c *desk.Compare, _ *desk.Question) { c.Proof = nil }, 0, 400},
		"with a short own nonce":          {func(c *desk.Compare, _ *desk.Question) { c.Client = []byte{1} }, 0, 400},
		"with the proof of the other end": {func(c *desk.Compare, _ *desk.Question) { c.Proof = make([]byte, 32) }, 0, 200},
	} {
		c := good
		now = begin.Add(tt.later)
		var m desk.Match
		a := ask(t, d, "secret", c, &m, func(q *desk.Question) {
			tt.change(&c, q)
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			q.Body, q.Length = bytes.NewReader(b), int64(len(b))
		})
		if a.Status != tt.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	now = begin
	if a := ask(t, open(t, config(t, &now)), "secret", good, nil); a.Status != 400 {
		t.Errorf("of another gateway: %d", a.Status)
	}
}

func TestSize(t *testing.T) {
	now := begin
	for _, n := range []int{0, 1, 1 << 20} {
		var s desk.Size
		if ask(t, open(t, config(t, &now)), "size", make([]byte, n), &s); s.Bytes != int64(n) {
			t.Errorf("%d of %d", s.Bytes, n)
		}
	}
}

func TestWait(t *testing.T) {
	now := begin
	for _, tt := range []struct {
		name  string
		w     desk.Wait
		steps string
		beats int
	}{
		{"silent", desk.Wait{Seconds: 65}, "[1m5s]", 0},
		{"with signs of life", desk.Wait{Seconds: 65, Beats: true}, "[15s 15s 15s 15s 5s]", 5},
		{"at most", desk.Wait{Seconds: 1e9}, "[2m10s]", 0},
		{"not at all", desk.Wait{Seconds: -1, Beats: true}, "[]", 0},
	} {
		c := config(t, &now)
		var steps []time.Duration
		c.After = func(d time.Duration) <-chan time.Time {
			steps = append(steps, d)
			passed := make(chan time.Time, 1)
			passed <- time.Time{}
			return passed
		}
		beats := 0
		a := ask(t, open(t, c), "wait", tt.w, nil, func(q *desk.Question) { q.Beat = func() error { beats++; return nil } })
		if a.Status != 200 || fmt.Sprint(steps) != tt.steps || beats != tt.beats {
			t.Errorf("%s: %d, %v, %d beats", tt.name, a.Status, steps, beats)
		}
	}
}

// What lasts has few places, and ends with its client.
func TestFewAreAnsweredAtOnce(t *testing.T) {
	now := begin
	c := config(t, &now)
	waiting := make(chan struct{})
	c.After = func(time.Duration) <-chan time.Time {
		waiting <- struct{}{}
		return nil
	}
	d := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			d.Ask(ctx, desk.Question{Name: "wait", Addr: client, Body: strings.NewReader(`{"seconds":9}`), Length: 13})
		})
		<-waiting
	}
	if a := ask(t, d, "wait", desk.Wait{Seconds: 1}, nil); a.Status != http.StatusServiceUnavailable {
		t.Errorf("%d", a.Status)
	}
	cancel()
	all.Wait()
}

func TestQuestionsThatAreNone(t *testing.T) {
	now := begin
	d := open(t, config(t, &now))
	for _, tt := range []struct {
		name   string
		body   []byte
		status int
	}{
		{"me", []byte("{"), 400}, {"secret", []byte("[]"), 400}, {"wait", []byte(`{"seconds":"x"}`), 400}, {"look", []byte("x"), 400},
		{"secret", bytes.Repeat([]byte(" "), 17<<10), 400}, {"you", nil, 404},
	} {
		if a := ask(t, d, tt.name, tt.body, nil); a.Status != tt.status {
			t.Errorf("%s: %d %s", tt.name, a.Status, a.Body)
		}
	}
	if _, err := desk.New(desk.Config{}); err == nil {
		t.Error("a desk of nothing")
	}
}

// A client is looked at at its own address, and there at few ports.
func TestLook(t *testing.T) {
	now := begin
	c := config(t, &now)
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	var mu sync.Mutex
	asked := map[string]bool{}
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		asked[addr] = true
		mu.Unlock()
		switch {
		case strings.HasSuffix(addr, ":8443"):
			return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
		case strings.HasSuffix(addr, ":8080"):
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		return nil, context.DeadlineExceeded
	}
	d := open(t, c)
	var around desk.Around
	ask(t, d, "look", desk.Look{Port: 9443}, &around)
	states := map[uint16]string{}
	for _, p := range around.Ports {
		states[p.Port] = p.State
		if p.Address != client.String() || p.TLS != (p.Port == 8443) || p.TLS && len(p.Names) == 0 {
			t.Errorf("%+v", p)
		}
	}
	if fmt.Sprint(states) != "map[443:silent 8080:refused 8443:open 9443:silent]" {
		t.Errorf("%v", states)
	}
	for _, port := range []uint16{22, 0, 8443} {
		ask(t, d, "look", desk.Look{Port: port}, &around)
		if len(around.Ports) != 3 {
			t.Errorf("port %d: %v", port, around.Ports)
		}
	}
	for addr := range asked {
		if !strings.HasPrefix(addr, client.String()+":") || addr == client.String()+":"+strconv.Itoa(22) {
			t.Errorf("it looked at %s", addr)
		}
	}
}

// No question makes a desk fail, and none is answered with more than its own kind.
func FuzzAsk(f *testing.F) {
	f.Add("secret", []byte(`{"client":"AAAAAAAAAAAAAAAAAAAAAA==","server":"AA==","proof":"AA=="}`))
	f.Add("wait", []byte(`{"seconds":1e400}`))
	f.Add("look", []byte(`{"port":70000}`))
	f.Add("me", []byte(`{}`))
	now := begin
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		c := config(t, &now)
		passed := make(chan time.Time)
		close(passed)
		c.After = func(time.Duration) <-chan time.Time { return passed }
		c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		a := ask(t, open(t, c), name, body, nil)
		if a.Status == http.StatusInternalServerError || a.Status == http.StatusOK && !json.Valid(a.Body) {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
}
