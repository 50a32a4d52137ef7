package certs

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"strconv"
	"sync"
	"time"
)

// ticketEpoch is how long a key encrypts new session tickets. The one before and the one after
// decrypt: that of a gateway whose clock is behind or ahead.
const ticketEpoch = 8 * time.Hour

// derive makes the key for one purpose of the key that gateways share.
func derive(shared []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, shared, nil, purpose, keyBytes)
}

// tickets makes and opens TLS session tickets that every gateway with the same key understands.
type tickets struct {
	shared [][]byte // the first one encrypts
	now    func() time.Time

	mu    sync.Mutex // guards what follows
	epoch int64
	cfg   *tls.Config // holds nothing but the keys
}

// share has c use tickets of the shared key. Nothing is stored, and nothing is sent around: the keys
// follow from the time. It goes on in clones of c.
func share(c *tls.Config, shared [][]byte, now func() time.Time) {
	if len(shared) == 0 {
		return
	}
	t := &tickets{shared: shared, now: now, epoch: -1}
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		cfg, err := t.current()
		if err != nil {
			return nil, err
		}
		return cfg.EncryptTicket(cs, ss)
	}
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		cfg, err := t.current()
		if err != nil {
			return nil, err
		}
		return cfg.DecryptTicket(ticket, cs)
	}
}

// current returns what has the keys of this moment.
func (t *tickets) current() (*tls.Config, error) {
	epoch := t.now().UnixNano() / int64(ticketEpoch)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch == epoch {
		return t.cfg, nil
	}
	var keys [][keyBytes]byte
	for _, shared := range t.shared {
		for _, e := range []int64{epoch, epoch - 1, epoch + 1} {
			key, err := derive(shared, "tickets|"+strconv.FormatInt(e, 10))
			if err != nil {
				return nil, err
			}
			keys = append(keys, [keyBytes]byte(key))
		}
	}
	t.cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	t.cfg.SetSessionTicketKeys(keys)
	t.epoch = epoch
	return t.cfg, nil
}
