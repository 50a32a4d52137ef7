package ports_test

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/ports"
)

// asOther makes this binary reserve addresses, print them, and hold them until its input ends.
const asOther = "STAGELOCK_TEST_PORTS=1"

const many = 200

func TestMain(m *testing.M) {
	if os.Getenv(strings.TrimSuffix(asOther, "=1")) == "" {
		os.Exit(m.Run())
	}
	for range many {
		addr, _, err := ports.Reserve()
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString(addr + "\n")
	}
	_, _ = os.Stdout.WriteString("all\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// TestTwoProcessesGetDifferentAddresses: packages are tested side by side, each in a process of its own.
func TestTwoProcessesGetDifferentAddresses(t *testing.T) {
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), asOther)
	stdin, err := other.StdinPipe()
	check(t, err)
	stdout, err := other.StdoutPipe()
	check(t, err)
	check(t, other.Start())
	defer func() { _ = stdin.Close(); _ = other.Wait() }()
	var said strings.Builder
	for buf := make([]byte, 4096); !strings.HasSuffix(said.String(), "all\n"); {
		n, err := stdout.Read(buf)
		check(t, err)
		said.Write(buf[:n])
	}
	seen := map[string]bool{}
	for _, addr := range strings.Fields(said.String()) {
		seen[addr] = true
	}
	for range many {
		addr := ports.Free(t)
		if seen[addr] {
			t.Fatalf("%s twice", addr)
		}
		seen[addr] = true
	}
}

func TestNothingListensOnAFreeAddress(t *testing.T) {
	addr, release, err := ports.Reserve()
	check(t, err)
	for range 3 { // down and up again
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			t.Fatal("somebody listens")
		}
		l, err := net.Listen("tcp", addr)
		check(t, err)
		check(t, l.Close())
	}
	check(t, release())
	if err := release(); err == nil {
		t.Error("given back twice")
	}
}

// TestAnAddressThatIsNotGivenBackIsKept: the collector gave those back whose caller keeps them as long as its process lives.
func TestAnAddressThatIsNotGivenBackIsKept(t *testing.T) {
	var all []string
	for range 20 {
		addr, _, err := ports.Reserve()
		check(t, err)
		all = append(all, addr)
	}
	collected := make(chan struct{})
	runtime.AddCleanup(new([64]byte), func(c chan struct{}) { close(c) }, collected)
	for done := false; !done; {
		runtime.GC()
		select {
		case <-collected:
			done = true
		case <-time.After(time.Millisecond):
		}
	}
	runtime.GC() // finalizers have begun
	for _, addr := range all {
		if place, err := net.ListenPacket("udp4", addr); err == nil {
			_ = place.Close()
			t.Fatalf("%s was given back", addr)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
