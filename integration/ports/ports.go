// Package ports gives tests and benchmarks addresses that must be known before their server listens, or kept while it is down.
// A port that the system chose, and that was closed again, belongs to whoever asks next: to each connection that somebody opens.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are chosen below those that systems give to connections: 32768 and up on Linux, 49152 on others.
const lowest, highest = 10000, 32000

// places are those that were not given back: a socket that nobody has any more, the collector closes.
var places sync.Map // net.PacketConn → nothing

var errNone = fmt.Errorf("no port of %d to %d is free", lowest, highest)

// Reserve returns an address of the loopback interface that nothing listens on, and what gives it back. Until then no other
// caller gets it, of this process or another: a UDP socket of the same number holds the place. Safe for concurrent use.
func Reserve() (addr string, release func() error, err error) {
	for range 1000 {
		addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(highest-lowest))) //nolint:gosec // no secret
		place, taken := net.ListenPacket("udp4", addr)
		if taken != nil {
			err = taken
			continue
		}
		l, taken := net.Listen("tcp4", addr)
		if taken == nil {
			taken = l.Close()
		}
		if taken == nil {
			places.Store(place, nil)
			return addr, func() error {
				places.Delete(place)
				return place.Close()
			}, nil
		}
		err = errors.Join(taken, place.Close())
	}
	return "", nil, errors.Join(errNone, err)
}

// test is what Free needs of a testing.TB, which a program has no use for.
type test interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
	Cleanup(f func())
}

// Free is Reserve for a test, which gives the address back when it ends.
func Free(t test) string {
	t.Helper()
	addr, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return addr
}
