package address

import (
	"errors"
	"net/netip"
	"strings"
)

// socketPrefix begins an Endpoint that is a Unix socket.
const socketPrefix = "unix:"

// Endpoint is where to listen: an address with a port, or the file of a Unix socket, written unix:
// and its path.
type Endpoint struct {
	Addr   netip.AddrPort // the zero one: Socket
	Socket string
}

// String returns the endpoint as it is written.
func (e Endpoint) String() string {
	if e.Socket != "" {
		return socketPrefix + e.Socket
	}
	return e.Addr.String()
}

// UnmarshalText reads an endpoint.
func (e *Endpoint) UnmarshalText(text []byte) error {
	s := string(text)
	if file, ok := strings.CutPrefix(s, socketPrefix); ok {
		if e.Socket = file; file == "" {
			return errors.New("names no file: unix: stands alone")
		}
		return nil
	}
	if strings.HasPrefix(s, ":") {
		s = "[::]" + s
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return errors.New("is neither an address with a port, such as 127.0.0.1:9464, nor unix: and a file")
	}
	e.Addr = a
	return nil
}

// Loopback reports whether only this machine reaches the endpoint.
func (e Endpoint) Loopback() bool { return e.Socket != "" || e.Addr.Addr().Unmap().IsLoopback() }
