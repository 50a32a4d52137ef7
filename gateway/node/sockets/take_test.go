package sockets

import (
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/ports"
)

// given is a listener that a service manager hands over, at an address that needs not be bound.
type given struct {
	net.Listener
	addr net.Addr
}

func (g given) Addr() net.Addr { return g.addr }

func at(t *testing.T, text string) net.Listener {
	t.Helper()
	if name, unix := strings.CutPrefix(text, "unix:"); unix {
		return given{addr: &net.UnixAddr{Name: name, Net: "unix"}}
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		t.Fatal(err)
	}
	return given{addr: net.TCPAddrFromAddrPort(a)}
}

// Which of the sockets that were handed over is the one of an address.
func TestTakeFindsTheListenerOfAnAddress(t *testing.T) {
	for _, tt := range []struct {
		name  string
		given []string
		want  string // the address of listen
		index int    // of the one that is taken, -1 for none
	}{
		{"none is given", nil, "0.0.0.0:8443", -1},
		{"the same", []string{"0.0.0.0:8443"}, "0.0.0.0:8443", 0},
		{"the second", []string{"0.0.0.0:8443", "0.0.0.0:9443"}, "0.0.0.0:9443", 1},
		{"another port", []string{"0.0.0.0:8443"}, "0.0.0.0:9443", -1},
		{"another address", []string{"192.0.2.1:8443"}, "192.0.2.2:8443", -1},
		{"all families for all of IPv4", []string{"[::]:8443"}, "0.0.0.0:8443", 0},
		{"all of IPv4 for all families", []string{"0.0.0.0:8443"}, "[::]:8443", 0},
		{"all of them for one", []string{"0.0.0.0:8443"}, "192.0.2.1:8443", -1},
		{"one for all of them", []string{"192.0.2.1:8443"}, "0.0.0.0:8443", -1},
		{"IPv4 in IPv6", []string{"[::ffff:192.0.2.1]:8443"}, "192.0.2.1:8443", 0},
		{"any port", []string{"192.0.2.1:40123"}, "192.0.2.1:0", 0},
		{"any port of another address", []string{"192.0.2.1:40123"}, "192.0.2.2:0", -1},
		{"no TCP", []string{"unix:/run/x"}, "0.0.0.0:8443", -1},
		{"behind what is no TCP", []string{"unix:/run/x", "0.0.0.0:8443"}, "0.0.0.0:8443", 1},
		{"the first of two", []string{"[::]:8443", "0.0.0.0:8443"}, "0.0.0.0:8443", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []net.Listener
			for _, text := range tt.given {
				all = append(all, at(t, text))
			}
			got, rest := Take(all, netip.MustParseAddrPort(tt.want))
			if tt.index < 0 {
				if got != nil || len(rest) != len(all) {
					t.Errorf("took %v, left %d of %d", got, len(rest), len(all))
				}
				return
			}
			if got != all[tt.index] || len(rest) != len(all)-1 {
				t.Errorf("took %v, left %d of %d", got, len(rest), len(all))
			}
			for _, l := range rest {
				if l == got {
					t.Error("what was taken is left too")
				}
			}
		})
	}
}

// Who takes all that is given, one after the other, changes nothing for who gave it.
func TestTakeLeavesTheCallersList(t *testing.T) {
	all := []net.Listener{at(t, "0.0.0.0:1"), at(t, "0.0.0.0:2"), at(t, "0.0.0.0:3")}
	rest := all
	for _, port := range []string{"0.0.0.0:2", "0.0.0.0:1", "0.0.0.0:3"} {
		var got net.Listener
		if got, rest = Take(rest, netip.MustParseAddrPort(port)); got == nil || got.Addr().String() != port {
			t.Fatalf("%s: took %v", port, got)
		}
	}
	if len(rest) > 0 {
		t.Errorf("%d are left", len(rest))
	}
	for i, port := range []string{"0.0.0.0:1", "0.0.0.0:2", "0.0.0.0:3"} {
		if all[i].Addr().String() != port {
			t.Errorf("the list of the caller has %s in the place of %s", all[i].Addr(), port)
		}
	}
}

func TestBindSaysWhatToDo(t *testing.T) {
	local := netip.MustParseAddrPort("127.0.0.1:0")
	l, err := Bind(t.Context(), local, []netip.AddrPort{local})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := netip.MustParseAddrPort(l.Addr().String())
	for _, tt := range []struct {
		name string
		a    netip.AddrPort
		says []string
	}{
		{"a port that is taken", taken, []string{"cannot listen on " + taken.String(), "stop what uses that port"}},
		{"an address of another machine", netip.MustParseAddrPort("192.0.2.1:1"), []string{"cannot listen on 192.0.2.1:1", "has no such address"}},
		{"one of another machine in IPv6", netip.MustParseAddrPort("[::ffff:192.0.2.1]:1"), []string{"cannot listen on 192.0.2.1:1"}},
	} {
		got, err := Bind(t.Context(), tt.a, []netip.AddrPort{tt.a})
		if err == nil {
			got.Close()
			t.Errorf("%s: it is listened on", tt.name)
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tt.name, err, want)
			}
		}
	}
}

// A listener that was closed before is no fault; another one that cannot be closed is.
func TestClosed(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(ports.Folder(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := Closed(l.Close()); err != nil {
			t.Errorf("close %d: %v", i+1, err)
		}
	}
	fault := errors.New("a disk is gone")
	if err := Closed(fault); !errors.Is(err, fault) {
		t.Errorf("%v", err)
	}
}
