package quota

import (
	"net/netip"
	"time"
)

const (
	// handshakeBurst is how many seconds' handshakes a stranger may make at once.
	handshakeBurst = 5
	// maxHandshakeDelay is the longest delay of one: its client waits in its connect, as some not for long.
	maxHandshakeDelay = time.Second
)

// StrangerHandshake counts a TLS handshake of an address that nobody admitted. The error is a
// *TooFastError, which is ErrTooFast: it is not to be begun.
func (l *Limiter) StrangerHandshake(a netip.Addr, now time.Time) error {
	if l == nil || l.strangers == nil || !a.IsValid() {
		return &TooFastError{RetryAfter: defaultMaxDelay}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	b, _ := l.strangers.bucket(Identity(a), now)
	if b.AllowN(now, 1) {
		return nil
	}
	l.stats.Handshakes++
	wait := time.Duration((1 - b.TokensAt(now)) / l.c.HandshakeRate * float64(time.Second))
	return &TooFastError{RetryAfter: wait}
}

// HandshakeDelay counts a TLS handshake of an admitted address, and returns how long it is to wait: 0
// while the address makes no more than PeerRate, at most a second otherwise.
func (l *Limiter) HandshakeDelay(a netip.Addr, now time.Time) time.Duration {
	if l == nil || l.admitted == nil || !a.IsValid() {
		return maxHandshakeDelay
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	b, _ := l.admitted.bucket(Identity(a), now)
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		l.stats.Handshakes++
	}
	if most := min(maxHandshakeDelay, l.c.MaxDelay); wait > most {
		r.CancelAt(now)
		return most
	}
	return wait
}
