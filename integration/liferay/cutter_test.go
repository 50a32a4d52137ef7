package liferay_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// cut is where a connection ends: after so many bytes of what the two ends say to each other under TLS, or never.
type cut struct {
	answer bool  // counted in what comes back; else in what is sent
	at     int64 // 0: before the first byte of it
	reset  bool  // with RST instead of FIN
}

// cutter is a SOCKS proxy before the gateway: it cuts the connections of the next calls where it is told to. It reads the
// lengths of TLS records, not what is in them.
type cutter struct {
	l      net.Listener
	target string
	conns  sync.WaitGroup

	mu   sync.Mutex // guards what follows
	cuts []cut      // of the attempts to come, in order
	open map[*passage]struct{}
	// sent has, for each attempt since arm, how many bytes of it reached the gateway; got how many came back to the client.
	sent, got []int64
}

// passage is one connection through the cutter.
type passage struct {
	*cutter
	client, server *net.TCPConn
	attempt        int // -1: it carried nothing since arm
}

func newCutter(t testing.TB, target string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{l: l, target: target, open: map[*passage]struct{}{}}
	c.conns.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		for x := range c.open {
			x.client.Close()
			x.server.Close()
		}
		c.mu.Unlock()
		c.conns.Wait()
	})
	return c
}

// flags has a JVM take all its connections through the cutter, with TLS 1.2, which does not hide what a record is.
func (c *cutter) flags() []string {
	host, port, _ := net.SplitHostPort(c.l.Addr().String())
	return []string{
		"-DsocksProxyHost=" + host, "-DsocksProxyPort=" + port, "-DsocksNonProxyHosts=", "-Djdk.tls.client.protocols=TLSv1.2",
	}
}

// arm sets the cuts of the attempts to come and begins to count anew. No call may be under way.
func (c *cutter) arm(cuts ...cut) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts, c.sent, c.got = cuts, nil, nil
	for x := range c.open {
		x.attempt = -1
	}
}

// attempts returns how many bytes each attempt since arm sent and got.
func (c *cutter) attempts() (sent, got []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int64{}, c.sent...), append([]int64{}, c.got...)
}

func (c *cutter) accept() {
	for {
		conn, err := c.l.Accept()
		if err != nil {
			return
		}
		c.conns.Go(func() { c.serve(conn.(*net.TCPConn)) })
	}
}

// serve greets the client as SOCKS wants it and carries both directions.
func (c *cutter) serve(client *net.TCPConn) {
	defer client.Close()
	if greet(client) != nil {
		return
	}
	conn, err := net.Dial("tcp", c.target)
	if err != nil {
		return
	}
	x := &passage{cutter: c, client: client, server: conn.(*net.TCPConn), attempt: -1}
	c.mu.Lock()
	c.open[x] = struct{}{}
	c.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { x.carry(client, x.server, false) })
	both.Go(func() { x.carry(x.server, client, true) })
	both.Wait()
	c.mu.Lock()
	delete(c.open, x)
	c.mu.Unlock()
}

// greet answers SOCKS 5 without credentials. Whatever address is asked for, the gateway is meant.
func greet(c io.ReadWriter) error {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, c, int64(head[1])); err != nil {
		return err
	}
	if _, err := c.Write([]byte{5, 0}); err != nil {
		return err
	}
	ask := make([]byte, 5)
	if _, err := io.ReadFull(c, ask); err != nil {
		return err
	}
	rest := map[byte]int64{1: 5, 3: int64(ask[4]) + 2, 4: 17}[ask[3]]
	if _, err := io.CopyN(io.Discard, c, rest); err != nil {
		return err
	}
	_, err := c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return err
}

var errCut = errors.New("cut")

// carry copies TLS records from one side to the other, and counts those that hold what the ends say to each other.
func (x *passage) carry(from, to *net.TCPConn, answer bool) {
	defer to.CloseWrite()
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint16(head[3:]))
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		const applicationData = 23
		if head[0] != applicationData {
			if _, err := to.Write(append(head[:5:5], body...)); err != nil {
				return
			}
			continue
		}
		if x.say(to, append(head[:5:5], body...), answer) != nil {
			return
		}
	}
}

// say passes a record on, as far as the cut allows.
func (x *passage) say(to *net.TCPConn, record []byte, answer bool) error {
	pass, hit := x.count(int64(len(record)), answer)
	_, err := to.Write(record[:pass])
	if hit == nil {
		return err
	}
	for _, c := range []*net.TCPConn{x.client, x.server} {
		if hit.reset {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
	return errCut
}

// count adds to the attempt of this connection and says how much may pass and whether the connection ends there.
func (x *passage) count(n int64, answer bool) (pass int64, hit *cut) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.attempt < 0 {
		x.attempt = len(x.sent)
		x.sent, x.got = append(x.sent, 0), append(x.got, 0)
	}
	so := &x.sent[x.attempt]
	if answer {
		so = &x.got[x.attempt]
	}
	pass = n
	if x.attempt < len(x.cuts) {
		if c := x.cuts[x.attempt]; c.answer == answer && *so+n >= c.at {
			pass, hit = c.at-*so, &c
		}
	}
	*so += pass
	return pass, hit
}
