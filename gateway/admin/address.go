package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// unixPrefix begins an address that is a Unix socket.
const unixPrefix = "unix:"

// Address is where the admin listener listens: host and port, or a Unix socket.
type Address struct {
	Network string // tcp or unix
	Name    string // host:port, or the file of the socket
	// Group may open the socket too, beside the gateway's own user; empty: nobody may.
	Group string
	// Spare says that the gateway runs without it, rather than not at all.
	Spare bool
}

// String returns the address as the configuration writes it.
func (a Address) String() string {
	if a.Network == "unix" {
		return unixPrefix + a.Name
	}
	return a.Name
}

// Loopback reports whether only this machine reaches the address.
func (a Address) Loopback() bool {
	ap, err := netip.ParseAddrPort(a.Name)
	return a.Network == "unix" || err == nil && ap.Addr().Unmap().IsLoopback()
}

// bind listens on the address. A socket that is there already may be in the way, or the own one, which
// makes room.
func (a Address) bind(ctx context.Context, own bool) (net.Listener, error) {
	if a.Network == "unix" {
		return a.bindSocket(ctx, own)
	}
	ap, err := netip.ParseAddrPort(a.Name)
	if err != nil {
		return nil, err
	}
	network := "tcp"
	if ap.Addr().Unmap().Is4() {
		network = "tcp4" // Go opens every IPv6 address for 0.0.0.0 too
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, network, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String())
}

// bindSocket makes the socket in a folder that nobody else can enter, gives it its rights and then
// its place: at no time can it be opened by who may not. Where the own one lies it waits for appear:
// that one is in use until the change is.
func (a Address) bindSocket(ctx context.Context, own bool) (net.Listener, error) {
	if !own {
		if err := a.free(ctx); err != nil {
			return nil, err
		}
	}
	hidden, err := os.MkdirTemp(filepath.Dir(a.Name), ".s")
	if err != nil {
		return nil, err
	}
	s := &socket{file: a.Name, hidden: hidden}
	if s.Listener, err = a.hide(ctx, s.waiting()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(hidden))
	}
	if !own {
		err = s.appear()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// hide listens at a file that nobody else comes to yet.
func (a Address) hide(ctx context.Context, file string) (net.Listener, error) {
	if len(file) > maxSocket || len(a.Name) > maxSocket {
		return nil, fmt.Errorf("the name of a socket has at most %d characters: name a file with a shorter path", maxSocket)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", file)
	if err != nil {
		return nil, err
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it will not lie there any more
	}
	if err := a.rights(file); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// maxSocket is how long the name of a socket may be on every system.
const maxSocket = 103

// free makes sure that nothing is in the way: no file that is not a socket, and no socket that
// another process answers at.
func (a Address) free(ctx context.Context) error {
	info, err := os.Lstat(a.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there, and no socket: move it away", a.Name)
	}
	var d net.Dialer
	if c, err := d.DialContext(ctx, "unix", a.Name); err == nil {
		_ = c.Close()
		return fmt.Errorf("another process answers at %s", a.Name)
	}
	return nil // left behind by one that was killed
}

func (a Address) rights(file string) error {
	if a.Group == "" {
		return os.Chmod(file, 0o600)
	}
	g, err := user.LookupGroup(a.Group)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return fmt.Errorf("group %s: %w", a.Group, err)
	}
	return errors.Join(os.Chown(file, -1, gid), os.Chmod(file, 0o660))
}

// socket is a Unix socket that takes its file along when it closes, unless that is another's by then.
type socket struct {
	net.Listener
	file   string
	info   fs.FileInfo
	hidden string // the folder in which it waits for its place; empty: it has it
}

func (s *socket) waiting() string { return filepath.Join(s.hidden, "s") }

// appear gives the socket its place, which is that of another one if there is one.
func (s *socket) appear() error {
	if s.hidden == "" {
		return nil
	}
	if err := os.Rename(s.waiting(), s.file); err != nil {
		return err
	}
	hidden := s.hidden
	s.hidden = ""
	info, err := os.Lstat(s.file)
	s.info = info
	return errors.Join(err, os.RemoveAll(hidden))
}

func (s *socket) Close() error {
	err := s.Listener.Close()
	if s.hidden != "" {
		return errors.Join(err, os.RemoveAll(s.hidden))
	}
	if now, e := os.Lstat(s.file); e == nil && os.SameFile(now, s.info) {
		err = errors.Join(err, os.Remove(s.file))
	}
	return err
}
