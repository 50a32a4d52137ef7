package certs

import (
	"context"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
)

// LeaseTTL is how long a lease lasts without renewal.
const LeaseTTL = leaseTTL

// Storage is what certmagic gets.
type Storage interface {
	certmagic.Storage
	certmagic.TryLocker
}

// NewStorage returns it with its end.
func NewStorage(cfg Config) (s Storage, end func(), err error) {
	st, err := newStorage(cfg)
	if err != nil {
		return nil, nil, err
	}
	return st, st.close, nil
}

// NewZap returns a zap logger that writes to log.
func NewZap(log *logrus.Entry) *zap.Logger { return zap.New(&core{log: log}) }

// Event logs an event of certmagic.
func Event(log *logrus.Entry, name string, data map[string]any) error {
	return (&events{log: log}).on(context.Background(), name, data)
}

// Quote is how a path stands in the printed line.
var Quote = quote

// ParseCA reads a stored CA.
func ParseCA(data []byte) error {
	_, err := parseCA(data, time.Now)
	return err
}

// Open opens a sealed value with the key in dir.
func Open(dir, key string, sealed []byte) ([]byte, error) {
	s, err := newSealer(dir, nil)
	if err != nil {
		return nil, err
	}
	return s.open(key, sealed)
}

// Seal seals a value with the key in dir.
func Seal(dir, key string, value []byte) ([]byte, error) {
	s, err := newSealer(dir, nil)
	if err != nil {
		return nil, err
	}
	return s.seal(key, value), nil
}
