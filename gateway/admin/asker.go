package admin

import (
	"fmt"
	"net/http"
	"net/netip"
	"os/user"
	"strconv"
)

// Asker is who asks for a change.
type Asker struct {
	Addr   netip.AddrPort // over TCP
	Socket string         // file of the Unix socket, if it came by one
	process
}

// process is what is at the other end of a Unix socket.
type process struct {
	uid, pid int
	known    bool
}

// String says who it is, as an auditor reads it.
func (a Asker) String() string {
	switch {
	case a.Socket == "" && a.Addr.IsValid():
		return a.Addr.String()
	case !a.known:
		return unixPrefix + a.Socket
	}
	name := ""
	if u, err := user.LookupId(strconv.Itoa(a.uid)); err == nil {
		name = " (" + u.Username + ")"
	}
	return fmt.Sprintf("uid %d%s, process %d, at %s%s", a.uid, name, a.pid, unixPrefix, a.Socket)
}

// asker is who made a request.
func asker(r *http.Request) Asker {
	if came, _ := r.Context().Value(cameBy{}).(arrival); bySocket(r) {
		return Asker{Socket: came.place.Name, process: came.process}
	}
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http wrote it
	return Asker{Addr: netip.AddrPortFrom(at.Addr().Unmap(), at.Port())}
}
