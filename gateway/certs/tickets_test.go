package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/certs"
)

// sharing is a gateway that shares its store and its key with others.
func (p *place) sharing(t *testing.T, key []byte, now func() time.Time) *certs.Manager {
	t.Helper()
	var keys [][]byte
	if key != nil {
		keys = [][]byte{key}
	}
	return p.turning(t, keys, now)
}

// turning is one that has several keys.
func (p *place) turning(t *testing.T, keys [][]byte, now func() time.Time) *certs.Manager {
	t.Helper()
	cfg := p.config(certs.Local)
	cfg.Dir, cfg.Shared, cfg.Now = t.TempDir(), keys, now
	return newManager(t, cfg)
}

func TestTicketsOfAnotherGateway(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	begin := time.Date(2026, 11, 27, 7, 30, 0, 0, time.UTC) // half an hour before an epoch ends
	for _, tt := range []struct {
		name    string
		version uint16
		key     []byte        // of the second gateway
		after   time.Duration // by its clock
		resumes bool
	}{
		{"at once", tls.VersionTLS13, key, 0, true},
		{"at once, TLS 1.2", tls.VersionTLS12, key, 0, true},
		{"its clock is in the next epoch", tls.VersionTLS13, key, time.Hour, true},
		{"its clock is in the epoch before", tls.VersionTLS13, key, -8 * time.Hour, true},
		{"two epochs later", tls.VersionTLS13, key, 16 * time.Hour, false},
		{"another key", tls.VersionTLS13, bytes.Repeat([]byte{8}, 32), 0, false},
		{"no key", tls.VersionTLS13, nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			first := p.sharing(t, key, func() time.Time { return begin })
			other := p
			if !bytes.Equal(tt.key, key) {
				other = newPlace(t)
			}
			second := other.sharing(t, tt.key, func() time.Time { return begin.Add(tt.after) })
			client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MaxVersion: tt.version,
				Time: func() time.Time { return begin }, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
			if state, err := handshake(t, first, client); err != nil || state.DidResume {
				t.Fatalf("the first connection: resumed %v, %v", state.DidResume, err)
			}
			state, err := handshake(t, second, client)
			must(t, err)
			if state.DidResume != tt.resumes {
				t.Errorf("resumed %v, want %v", state.DidResume, tt.resumes)
			}
		})
	}
}

// firstTicket keeps the first ticket that it is given.
type firstTicket struct{ s *tls.ClientSessionState }

func (f *firstTicket) Get(string) (*tls.ClientSessionState, bool) { return f.s, f.s != nil }

func (f *firstTicket) Put(_ string, s *tls.ClientSessionState) {
	if f.s == nil {
		f.s = s
	}
}

// The keys turn while the gateway runs.
func TestTicketKeysTurn(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC).UnixNano())
	m := newPlace(t).sharing(t, bytes.Repeat([]byte{7}, 32), func() time.Time { return time.Unix(0, now.Load()) })
	begin := time.Unix(0, now.Load())
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: &firstTicket{},
		Time: func() time.Time { return begin }}
	for step, want := range []bool{false, true, true, false} {
		state, err := handshake(t, m, client)
		must(t, err)
		if state.DidResume != want {
			t.Errorf("connection %d resumed %v, want %v", step, state.DidResume, want)
		}
		if step > 0 {
			now.Add(int64(8 * time.Hour))
		}
	}
}

// What a client makes up is no ticket, and no error.
func TestTicketsOfStrangers(t *testing.T) {
	m := newPlace(t).sharing(t, bytes.Repeat([]byte{7}, 32), time.Now)
	for _, ticket := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte{0}, 500)} {
		if s, err := m.TLSConfig().Clone().UnwrapSession(ticket, tls.ConnectionState{}); s != nil || err != nil {
			t.Errorf("a ticket of %d bytes opens to %v, %v", len(ticket), s, err)
		}
	}
}

// Gateways that share a store have one authority and one certificate, without a file between them.
func TestSharedKeySealsValues(t *testing.T) {
	p, key := newPlace(t), bytes.Repeat([]byte{7}, 32)
	first, second := p.sharing(t, key, time.Now), p.sharing(t, key, time.Now)
	a, b := shown(t, first, "localhost"), shown(t, second, "localhost")
	if !a.Equal(b) {
		t.Error("two gateways show two certificates")
	}
	cfg := p.config(certs.Local)
	cfg.Dir, cfg.Shared = t.TempDir(), [][]byte{bytes.Repeat([]byte{8}, 32)}
	if m, err := certs.New(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), "cluster.key_file") {
		t.Errorf("with another key: %v, %v", m, err)
	}
	cfg.Shared = [][]byte{key, key[:31]}
	if _, err := certs.New(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), "32 bytes") {
		t.Errorf("with a short key: %v", err)
	}
}

// The key of gateways turns while they run, one after the other is started anew: with the new one beside the
// old, then before it, then alone. They show one certificate throughout, and each understands the sessions of
// the one before.
func TestTheSharedKeyTurns(t *testing.T) {
	p := newPlace(t)
	old, next := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	now := time.Now()
	clock := func() time.Time { return now }
	var first *certs.Manager
	for i, keys := range [][][]byte{
		{old}, {old}, {old, next}, {old}, {old, next}, {next, old}, {old, next}, {next, old}, {next}, {next, old}, {next},
	} {
		m := p.turning(t, keys, clock)
		if first == nil {
			first = m
		}
		if !shown(t, first, "localhost").Equal(shown(t, m, "localhost")) {
			t.Errorf("start %d shows another certificate", i)
		}
	}
	cfg := p.config(certs.Local)
	cfg.Dir, cfg.Shared = t.TempDir(), [][]byte{old}
	if m, err := certs.New(context.Background(), cfg); err == nil {
		t.Errorf("with the key that is gone: %v", m)
	}
}

func TestTicketsWhileTheSharedKeyTurns(t *testing.T) {
	old, next := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	for _, tt := range []struct {
		name          string
		first, second [][]byte
		resumes       bool
	}{
		{"the second knows the new one too", [][]byte{old}, [][]byte{old, next}, true},
		{"the second seals with the new one", [][]byte{old, next}, [][]byte{next, old}, true},
		{"and the other way", [][]byte{next, old}, [][]byte{old, next}, true},
		{"the old one is gone", [][]byte{next, old}, [][]byte{next}, true},
		{"the old one is gone too early", [][]byte{old, next}, [][]byte{next}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.turning(t, [][]byte{old}, time.Now)
			first := p.turning(t, tt.first, time.Now)
			p.turning(t, [][]byte{next, old}, time.Now) // what is stored is sealed with the new one
			second := p.turning(t, tt.second, time.Now)
			client := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
			if state, err := handshake(t, first, client); err != nil || state.DidResume {
				t.Fatalf("the first connection: resumed %v, %v", state.DidResume, err)
			}
			state, err := handshake(t, second, client)
			must(t, err)
			if state.DidResume != tt.resumes {
				t.Errorf("resumed %v, want %v", state.DidResume, tt.resumes)
			}
		})
	}
}

// What is no sealed value of the gateway's, and what another gateway writes meanwhile, is left alone when
// values are sealed anew.
func TestResealLeavesWhatIsNotItsOwn(t *testing.T) {
	p := newPlace(t)
	old, next := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	ctx := t.Context()
	open := func(keys ...[]byte) certs.Storage {
		t.Helper()
		cfg := p.config(certs.Local)
		cfg.Shared = keys
		s, end, err := certs.NewStorage(cfg)
		must(t, err)
		t.Cleanup(end)
		return s
	}
	must(t, open(old).Store(ctx, "a/b", []byte("ours")))
	must(t, open(bytes.Repeat([]byte{9}, 32)).Store(ctx, "a/other", []byte("of another key")))
	values := p.config(certs.Local).Values
	must(t, values.Store(ctx, "plain", []byte("not sealed")))
	other, err := values.Load(ctx, "a/other")
	must(t, err)
	open(next, old)
	for key, want := range map[string]string{"plain": "not sealed", "a/other": string(other)} {
		if got, err := values.Load(ctx, key); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", key, got, err)
		}
	}
	sealed, err := values.Load(ctx, "a/b")
	must(t, err)
	if got, err := open(next).Load(ctx, "a/b"); err != nil || string(got) != "ours" {
		t.Errorf("with the new key: %q, %v", got, err)
	}
	open(next, old)
	if again, err := values.Load(ctx, "a/b"); err != nil || !bytes.Equal(again, sealed) {
		t.Errorf("what was sealed with the new key was sealed again: %v", err)
	}
}
