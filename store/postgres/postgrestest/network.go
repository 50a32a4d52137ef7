package postgrestest

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// resets is one of how many messages a bad network resets the connection at.
const resets = 100

// Network is a way to a server that can be bad: slow, and reset now and then.
type Network struct {
	URL string // of the server, by this way

	real  string // socket of the server
	dir   string
	l     net.Listener
	wait  time.Duration
	bad   atomic.Bool
	left  atomic.Int64 // bytes, see ResetAfter
	cut   atomic.Int64
	conns sync.WaitGroup
	quit  chan struct{}
	once  sync.Once
}

// Network makes another way to the server on which, while it is bad, a round trip takes so long and one
// message in a hundred resets its connection. The caller closes it.
func (s *Server) Network(trip time.Duration) (*Network, error) {
	dir, err := folder("net")
	if err != nil {
		return nil, err
	}
	const socket = ".s.PGSQL.5432"
	n := &Network{
		URL: socketURL(dir, "5432"), real: filepath.Join(s.dir, socket), dir: dir, wait: trip / 2, quit: make(chan struct{}),
	}
	if n.l, err = net.Listen("unix", filepath.Join(dir, socket)); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	n.conns.Go(func() {
		for {
			c, err := n.l.Accept()
			if err != nil {
				return
			}
			n.conns.Go(func() { n.carry(c) })
		}
	})
	return n, nil
}

// Bad makes the network bad, or good again.
func (n *Network) Bad(bad bool) { n.bad.Store(bad) }

// ResetAfter resets the connection that carries the last of so many bytes from now on, which does not arrive.
func (n *Network) ResetAfter(bytes int64) { n.left.Store(bytes) }

// spent reports whether a message has the last byte of ResetAfter.
func (n *Network) spent(bytes int) bool {
	if n.left.Load() <= 0 || n.left.Add(-int64(bytes)) > 0 {
		return false
	}
	n.cut.Add(1)
	return true
}

// Resets returns how many connections were reset.
func (n *Network) Resets() int64 { return n.cut.Load() }

// Close cuts every connection. It may be called again.
func (n *Network) Close() {
	n.once.Do(func() {
		close(n.quit)
		_ = n.l.Close()
	})
	n.conns.Wait()
	_ = os.RemoveAll(n.dir)
}

// carry carries one connection.
func (n *Network) carry(c net.Conn) {
	s, err := net.Dial("unix", n.real)
	if err != nil {
		_ = c.Close()
		return
	}
	over, ended := make(chan struct{}), sync.OnceFunc(func() {
		_ = c.Close()
		_ = s.Close()
	})
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, s}, {s, c}} {
		both.Go(func() {
			defer ended()
			n.pass(way[0], way[1])
		})
	}
	go func() {
		both.Wait()
		close(over)
	}()
	select {
	case <-n.quit:
		ended()
		<-over
	case <-over:
	}
}

// pass passes messages on, one way, until the connection ends or is reset.
func (n *Network) pass(from, to net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		got, err := from.Read(buf)
		if err != nil {
			return
		}
		if n.spent(got) || n.bad.Load() && !n.delay() {
			return
		}
		if _, err := to.Write(buf[:got]); err != nil {
			return
		}
	}
}

// delay waits for as long as a message takes; it reports whether it arrives.
func (n *Network) delay() bool {
	t := time.NewTimer(n.wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-n.quit:
		return false
	}
	if rand.IntN(resets) == 0 { //nolint:gosec // any number will do
		n.cut.Add(1)
		return false
	}
	return true
}
