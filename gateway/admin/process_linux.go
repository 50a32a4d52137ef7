package admin

import (
	"net"
	"syscall"
)

// processOf asks the kernel what is at the other end of a Unix socket.
func processOf(c net.Conn) (p process) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p
	}
	err = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			p = process{int(cred.Uid), int(cred.Pid), true}
		}
	})
	if err != nil {
		return process{}
	}
	return p
}
