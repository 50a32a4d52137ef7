package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/challenge"
)

// Secret is one that a peer may use.
type Secret struct {
	Peer      string
	Previous  bool
	Text      string // as it was written
	Hex       bool
	Algorithm string
	// From reports whether the peer may come from an address.
	From func(netip.Addr) bool
}

// Compare asks for a nonce, or proves a secret with one.
type Compare struct {
	Client []byte `json:"client"`           // nonce of the client
	Server []byte `json:"server,omitempty"` // nonce that was given; empty: ask for one
	Host   string `json:"host"`             // that the client calls, as its operator wrote it
	Path   string `json:"path"`             // context that it calls
	Proof  []byte `json:"proof,omitempty"`
}

// Match is what is told of a secret. Nothing is told of one that is none of a peer's.
type Match struct {
	Server []byte `json:"server,omitempty"` // a nonce
	Same   bool   `json:"same"`             // the secret is one of a peer's, if read as said
	Peer   string `json:"peer,omitempty"`
	// Previous says that the peer's former secret matched.
	Previous  bool   `json:"previous,omitempty"`
	Hex       bool   `json:"hex,omitempty"`       // how the gateway reads its secret
	OtherHex  bool   `json:"other_hex,omitempty"` // it matches only if it is read the other way there
	Algorithm string `json:"algorithm,omitempty"` // of the gateway
	Used      string `json:"used,omitempty"`      // algorithm that the client's proof is for
	From      bool   `json:"from,omitempty"`      // the peer may come from the client's address
	Proof     []byte `json:"proof,omitempty"`     // of the gateway
}

// secret compares secrets: the first question gets a nonce, the second one brings a proof.
func (d *Desk) secret(_ context.Context, q Question) (any, error) {
	var c Compare
	if err := read(q, &c); err != nil {
		return nil, err
	}
	if len(c.Client) != challenge.NonceSize {
		return nil, errForm
	}
	if len(c.Server) == 0 {
		nonce, err := d.nonce(q.Addr, c.Client)
		return &Match{Server: nonce, Same: true}, err
	}
	if !d.given(c.Server, q.Addr, c.Client) || len(c.Proof) != sha256.Size {
		return nil, errForm
	}
	return d.match(q.Addr, c), nil
}

// match looks whose secret was proved. It takes as long for a match as for none.
func (d *Desk) match(addr netip.Addr, c Compare) *Match {
	t := challenge.Transcript{Server: c.Server, Client: c.Client, Host: c.Host, Context: c.Path}
	best, found := &Match{}, -1
	for _, s := range d.cfg.Secrets {
		for _, other := range []bool{false, true} {
			b, ok := challenge.Bytes(s.Text, s.Hex != other)
			if !ok {
				continue
			}
			for _, algorithm := range challenge.Algorithms {
				k, err := challenge.NewKey(b, algorithm)
				if err != nil || !challenge.Equal(c.Proof, k.Client(t)) {
					continue
				}
				m := &Match{Same: true, Peer: s.Peer, Previous: s.Previous, Hex: s.Hex, OtherHex: other, Algorithm: s.Algorithm,
					Used: algorithm, From: s.From(addr), Proof: k.Server(t)}
				if good := m.worth(); good > found {
					best, found = m, good
				}
			}
		}
	}
	return best
}

// worth is how good a match is: the best is told.
func (m *Match) worth() int {
	n := 0
	for bit, good := range []bool{!m.Previous, m.From, m.Used == m.Algorithm, !m.OtherHex} {
		if good {
			n += 1 << bit
		}
	}
	return n
}

// nonce makes one for a client. It is kept nowhere: it carries its time, and a seal that says for whom
// it is.
func (d *Desk) nonce(addr netip.Addr, client []byte) ([]byte, error) {
	b := make([]byte, challenge.NonceSize, challenge.NonceSize+8+sha256.Size)
	if _, err := io.ReadFull(d.cfg.Random, b); err != nil {
		return nil, err
	}
	b = binary.BigEndian.AppendUint64(b, uint64(d.cfg.Now().UnixNano()))
	return append(b, d.sealOf(b, addr, client)...), nil
}

func (d *Desk) sealOf(b []byte, addr netip.Addr, client []byte) []byte {
	h := hmac.New(sha256.New, d.seal)
	h.Write(b)
	h.Write(client)
	h.Write([]byte(addr.String()))
	return h.Sum(nil)
}

// given reports whether a nonce is one for this client, and fresh.
func (d *Desk) given(nonce []byte, addr netip.Addr, client []byte) bool {
	const head = challenge.NonceSize + 8
	if len(nonce) != head+sha256.Size || !hmac.Equal(nonce[head:], d.sealOf(nonce[:head], addr, client)) {
		return false
	}
	made := time.Unix(0, int64(binary.BigEndian.Uint64(nonce[challenge.NonceSize:head])))
	age := d.cfg.Now().Sub(made)
	return age >= 0 && age <= recent
}
