package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/store"
)

const (
	// leaseTTL is how long a gateway that died keeps others from obtaining a certificate.
	leaseTTL = 30 * time.Second
	// leasePoll is how often somebody who waits for a lease looks.
	leasePoll = 500 * time.Millisecond
)

// storage is certmagic's view of our store: sealed values, and leases as locks.
type storage struct {
	values store.Values
	leases store.Leases
	seal   *sealer
	log    *logrus.Entry

	mu    sync.Mutex // guards leases
	held  map[string]*lease
	tasks sync.WaitGroup
}

// lease is a lock that is held.
type lease struct {
	fence int64
	stop  chan struct{}
}

var (
	_ certmagic.Storage   = (*storage)(nil)
	_ certmagic.TryLocker = (*storage)(nil)
)

func newStorage(ctx context.Context, cfg Config) (*storage, error) {
	seal, err := newSealer(cfg.Dir, cfg.Shared)
	if err != nil {
		return nil, err
	}
	s := &storage{values: cfg.Values, leases: cfg.Leases, seal: seal, log: cfg.Log, held: map[string]*lease{}}
	if err := s.reseal(ctx); err != nil {
		return nil, fmt.Errorf("encrypt what is stored with the first key of cluster.key_file: %w", err)
	}
	return s, nil
}

// reseal encrypts anew what was encrypted with a key that is on its way out. What another gateway writes
// meanwhile is left as that one wrote it.
func (s *storage) reseal(ctx context.Context) error {
	if len(s.seal.also) == 0 {
		return nil
	}
	keys, err := s.values.List(ctx, "", true)
	if err != nil {
		return err
	}
	for _, key := range keys {
		sealed, err := s.values.Load(ctx, key)
		if errors.Is(err, store.ErrNotFound) { // it is above others only
			continue
		}
		if err != nil {
			return err
		}
		if anew := s.seal.anew(key, sealed); anew != nil {
			err = s.values.Swap(ctx, key, sealed, anew)
		}
		if err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return nil
}

// missing makes certmagic's word of our ErrNotFound.
func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// Store implements certmagic.Storage.
func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	return s.values.Store(ctx, key, s.seal.seal(key, value))
}

// Load implements certmagic.Storage.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	sealed, err := s.values.Load(ctx, key)
	if err != nil {
		return nil, missing(err)
	}
	return s.seal.open(key, sealed)
}

// Delete implements certmagic.Storage.
func (s *storage) Delete(ctx context.Context, key string) error {
	err := s.values.Delete(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Exists implements certmagic.Storage.
func (s *storage) Exists(ctx context.Context, key string) bool {
	_, err := s.values.Stat(ctx, key)
	return err == nil
}

// List implements certmagic.Storage.
func (s *storage) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	keys, err := s.values.List(ctx, path, recursive)
	if err == nil && len(keys) == 0 {
		err = fs.ErrNotExist
	}
	return keys, err
}

// Stat implements certmagic.Storage.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	v, err := s.values.Stat(ctx, key)
	if err != nil {
		return certmagic.KeyInfo{}, missing(err)
	}
	info := certmagic.KeyInfo{Key: key, Modified: v.ModifiedAt, IsTerminal: !v.ModifiedAt.IsZero()}
	if info.IsTerminal {
		info.Size = v.Size - s.seal.overhead()
	}
	return info, nil
}

// Lock implements certmagic.Storage: it waits until the lease of that name is free.
func (s *storage) Lock(ctx context.Context, name string) error {
	poll := time.NewTicker(leasePoll)
	defer poll.Stop()
	for {
		ok, err := s.TryLock(ctx, name)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// TryLock implements certmagic.TryLocker. Every lock is an owner of its own, so that locks exclude
// each other within a process too. While it is held, the lease is renewed.
func (s *storage) TryLock(ctx context.Context, name string) (bool, error) {
	fence, err := s.leases.Acquire(ctx, name, uuid.NewString(), leaseTTL)
	if errors.Is(err, store.ErrStale) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l := &lease{fence: fence, stop: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[name] = l
	s.tasks.Go(func() { s.keep(context.WithoutCancel(ctx), name, l) })
	return true, nil
}

// keep renews a lease until it is given back.
func (s *storage) keep(ctx context.Context, name string, l *lease) {
	tick := time.NewTicker(leaseTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if err := s.leases.Renew(ctx, name, l.fence, leaseTTL); err != nil {
			s.log.WithError(err).WithField("lease",
				name).Warn("a lease was not renewed: another gateway may do the same work")
		}
	}
}

// drop forgets a lease that is held.
func (s *storage) drop(name string) (*lease, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.held[name]
	if ok {
		delete(s.held, name)
		close(l.stop)
	}
	return l, ok
}

// Unlock implements certmagic.Storage.
func (s *storage) Unlock(ctx context.Context, name string) error {
	l, ok := s.drop(name)
	if !ok {
		return fmt.Errorf("lease %q is not held", name)
	}
	return s.leases.Release(ctx, name, l.fence)
}

// close ends the renewal of leases; those that are held run out.
func (s *storage) close() {
	s.mu.Lock()
	names := make([]string, 0, len(s.held))
	for name := range s.held {
		names = append(names, name)
	}
	s.mu.Unlock()
	for _, name := range names {
		s.drop(name)
	}
	s.tasks.Wait()
}
