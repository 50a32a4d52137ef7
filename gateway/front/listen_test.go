package front_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/integration/blind"
)

// balancers trusts every address.
type balancers struct{}

func (balancers) Trusted(netip.Addr) bool { return true }

// one is a listener that has one connection, whose bytes are there.
type one struct {
	net.Listener
	conn net.Conn
}

func (l *one) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

// scripted is a connection of a balancer that says what it says and ends.
type scripted struct {
	net.Conn
	in io.Reader
}

func (s scripted) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s scripted) Close() error                     { return nil }
func (s scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7} }
func (s scripted) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443} }
func (s scripted) SetDeadline(time.Time) error      { return nil }
func (s scripted) SetReadDeadline(time.Time) error  { return nil }
func (s scripted) SetWriteDeadline(time.Time) error { return nil }

// taken returns the client's address, and what is read behind the header.
func taken(t testing.TB, raw []byte) (net.Addr, []byte, error) {
	t.Helper()
	l := front.Listen(&one{conn: scripted{in: bytes.NewReader(raw)}}, balancers{}, time.Second)
	c, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	rest, err := io.ReadAll(c)
	return c.RemoteAddr(), rest, err
}

// v2 is a header of version 2 with that command, family and transport, and what follows its length.
func v2(command, protocol byte, rest ...byte) []byte {
	head := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20|command, protocol, byte(len(rest)>>8), byte(len(rest)))
	return append(append(head, rest...), "hello"...)
}

func TestProxyHeadersThatNameNobody(t *testing.T) {
	four := []byte{198, 51, 100, 9, 192, 0, 2, 2, 0x10, 1, 1, 0xbb}
	six := append(append(netip.MustParseAddr("2001:db8::9").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice()...), 0x10, 1, 1, 0xbb)
	paths := make([]byte, 216)
	copy(paths, "/run/a.sock")
	with := func(b []byte, more ...byte) []byte { return append(append([]byte{}, b...), more...) }
	tried, served := 0, 0
	for _, tt := range []struct {
		name string
		raw  []byte
		want string // the client; empty for none
	}{
		{"TCP over IPv4", v2(1, 0x11, four...), "198.51.100.9:4097"},
		{"TCP over IPv6", v2(1, 0x21, six...), "[2001:db8::9]:4097"},
		{"with an extension", v2(1, 0x11, with(four, 0x01, 0, 2, 'h', '2')...), "198.51.100.9:4097"},
		{"the balancer's own probe", v2(0, 0x00), "192.0.2.1:7"},
		{"version 1", []byte("PROXY TCP4 198.51.100.9 192.0.2.2 4097 443\r\nhello"), "198.51.100.9:4097"},

		{"UDP over IPv4", v2(1, 0x12, four...), ""},
		{"UDP over IPv6", v2(1, 0x22, six...), ""},
		{"a stream of a socket file", v2(1, 0x31, paths...), ""},
		{"datagrams of a socket file", v2(1, 0x32, paths...), ""},
		{"no protocol", v2(1, 0x00), ""},
		{"no such family", v2(1, 0x41, four...), ""},
		{"an extension longer than the header", v2(1, 0x11, with(four, 0x01, 0, 200, 'h')...), ""},
		{"an extension without a length", v2(1, 0x11, with(four, 0x01, 0)...), ""},
		{"addresses that are cut", v2(1, 0x11, four[:7]...), ""},
		{"another command", v2(7, 0x11, four...), ""},
		{"another version", append([]byte("\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c"), four...), ""},
		{"version 1 without addresses", []byte("PROXY TCP4\r\nhello"), ""},
		{"version 1 with an address in octal", []byte("PROXY TCP4 010.0.0.1 192.0.2.2 1 2\r\nhello"), ""},
		{"version 1 that does not end", bytes.Repeat([]byte("PROXY TCP4 "), 60), ""},
		{"no header", []byte("hello hello hello"), ""},
		{"nothing", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, rest, err := taken(t, tt.raw)
			if tt.want == "" {
				tried++
				if err == nil || len(rest) > 0 {
					served++
					t.Errorf("served as %v: %q, %v", client, rest, err)
				}
				return
			}
			if err != nil || client.String() != tt.want || string(rest) != "hello" && tt.name != "the balancer's own probe" {
				t.Errorf("client %v, %q, %v; want %s", client, rest, err, tt.want)
			}
		})
	}
	t.Logf("prove: %d PROXY headers that name no client, %d served", tried, served)
}

func proxySeeds(f blind.Seeds) {
	f.Add(v2(1, 0x11, 198, 51, 100, 9, 192, 0, 2, 2, 0x10, 1, 1, 0xbb))
	f.Add(v2(1, 0x31, make([]byte, 216)...))
	f.Add(v2(0, 0))
	f.Add([]byte("PROXY TCP6 2001:db8::9 2001:db8::2 4097 443\r\nhello"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
}

// namesClient: whatever a balancer sends, a connection that is served has the address of a TCP client.
func namesClient(t testing.TB, raw []byte) {
	client, _, err := taken(t, raw)
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	tcp, ok := client.(*net.TCPAddr)
	if !ok || !tcp.AddrPort().Addr().IsValid() {
		t.Errorf("served as %T %v", client, client)
	}
}

func FuzzProxyHeader(f *testing.F) {
	proxySeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) { namesClient(t, raw) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzProxyHeader", proxySeeds, func(t testing.TB, in *blind.Input) { namesClient(t, in.Bytes(0)) })
}
