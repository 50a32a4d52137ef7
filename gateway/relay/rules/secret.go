package rules

import (
	"errors"

	"github.com/stagelock/stagelock/policy/secret"
)

// Known returns which of the peers made a header that was verified before; nil if it was not.
func Known(peers []*Peer, header string) (*Peer, secret.Identity) {
	for _, p := range peers {
		if id, ok := p.Verifier.Known(header); ok {
			return p, id
		}
	}
	return nil, secret.Identity{}
}

// Verify returns which of the peers made a header. The error is that of the last one if it was none of
// them, and secret.ErrLoginNotListed, with the peer, if its login may not publish.
func Verify(peers []*Peer, header string) (*Peer, secret.Identity, error) {
	err := secret.ErrWrongSecret
	for _, p := range peers {
		id, wrong := p.Verifier.Verify(header)
		if wrong == nil || errors.Is(wrong, secret.ErrLoginNotListed) {
			return p, id, wrong
		}
		err = wrong
	}
	return nil, secret.Identity{}, err
}
