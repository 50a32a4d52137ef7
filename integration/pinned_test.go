package integration_test

import (
	"bytes"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// What the settings allow by themselves, and what is left to chance.
const (
	strangersPlaces = 128    // quota.strangers
	hostsPlaces     = 1024   // quota.connections
	toldPlaces      = 64     // beyond these, in which allowed hosts and this machine are told that there is no place
	callsOfPeers    = 8 * 32 // quota.calls_per_peer
	chanceFiles     = 16     // of the database, the log, and calls to the engine's health
	chanceMemory    = 24 << 20
)

// pinning is what many of one kind try to hold of a gateway, and what they get at most.
type pinning struct {
	name    string
	from    string // their network, of which each eight of them have an address
	many    int
	hold    func(t testing.TB, c *tls.Conn, i int) error // what each does before it only waits; nil: not even a handshake
	places  int                                          // connections that are kept
	each    int64                                        // memory that one of them holds at most
	files   int                                          // of one of them
	release bool                                         // they go of themselves; else the gateway ends them
}

// halfHead sends a head but for its end.
func halfHead(_ testing.TB, c *tls.Conn, _ int) error {
	_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nX-A: %s", tunnelTarget, c.RemoteAddr(), strings.Repeat("a", 3<<10))
	return err
}

// halfBody sends a call without a secret but for the end of its body.
func halfBody(_ testing.TB, c *tls.Conn, _ int) error {
	_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: 10000000\r\n\r\n%s", tunnelTarget,
		c.RemoteAddr(), serialized, make([]byte, 32<<10))
	return err
}

// halfHeadOf2 sends a head of HTTP/2 but for its end.
func halfHeadOf2(_ testing.TB, c *tls.Conn, _ int) error {
	var block, out bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", c.RemoteAddr().String()}, {":path", "/"},
		{"x-a", strings.Repeat("a~", 12<<10)}} {
		if err := enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1], Sensitive: true}); err != nil {
			return err
		}
	}
	out.WriteString(frames.ClientPreface)
	fr := frames.NewFramer(&out, nil)
	first := block.Next(16 << 10)
	err := fr.WriteSettings()
	if err == nil {
		err = fr.WriteHeaders(frames.HeadersFrameParam{StreamID: 1, BlockFragment: first})
	}
	if err == nil {
		err = fr.WriteContinuation(1, false, block.Next(12<<10))
	}
	if err == nil {
		_, err = c.Write(out.Bytes())
	}
	return err
}

// halfCall sends a call of one of eight peers but for its last bytes.
func halfCall(call message) func(testing.TB, *tls.Conn, int) error {
	return func(t testing.TB, c *tls.Conn, i int) error {
		m := call
		m.auth = "Basic " + credentials(t, crowdSecret(1+i%8), harness.Login)
		_, err := c.Write(append([]byte(m.head(c.RemoteAddr().String())), m.body[:len(m.body)-200]...))
		return err
	}
}

// peers8 are eight peers with a secret each, and quotas as they are by default.
func peers8(sink string) harness.Options {
	o := harness.Options{Upstream: sink, Secret: crowdSecret(0), Allow: `["127.1.0.0/16"]`,
		Extra: []string{"audit: { strangers: 10 }"}}
	for i := 1; i <= 8; i++ {
		o.Peer = append(o.Peer, fmt.Sprintf("\n  - name: peer-%d\n    sites: [any]\n    secret: { value: %q }", i, crowdSecret(i)))
	}
	return o
}

// openFiles returns how many files a process has open.
func openFiles(t testing.TB, pid int) int {
	t.Helper()
	all, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// peak is what many of one kind had at most, beyond an idle gateway.
type peak struct {
	files    int
	held     int64 // of memory, see holder
	resident int64 // with garbage, which the collector aims to bound and no test can
	stays    time.Duration
}

// pinnedBy has many connections made at once, and returns what the process has then and how long the last of them stays.
func (p pinning) pinnedBy(t *testing.T, g *holder) (most peak) {
	t.Helper()
	idleFiles, idle, idleHeld := openFiles(t, g.pid), resident(t, g.pid), g.held(t)
	letGo, begun := make(chan struct{}), time.Now()
	var clients sync.WaitGroup
	var arrived atomic.Int64
	for i := range p.many {
		clients.Go(func() {
			c := p.connect(t, g.Gateway, i)
			arrived.Add(1)
			if c == nil {
				return
			}
			defer c.Close()
			if p.release {
				<-letGo
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(5 * limit))
			_, _ = io.Copy(io.Discard, c)
		})
	}
	defer clients.Wait()
	open := sync.OnceFunc(func() { close(letGo) })
	defer open()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for looks, settled := 0, 0; ; <-tick.C {
		now := openFiles(t, g.pid) - idleFiles
		most.files = max(most.files, now)
		if arrived.Load() == int64(p.many) {
			settled++
		}
		if looks++; settled == settledTicks || settled < settledTicks && looks%50 == 0 {
			most.held = max(most.held, g.held(t)-idleHeld)
		}
		if settled >= settledTicks {
			open()
		}
		if settled > settledTicks && now <= chanceFiles {
			break
		}
		if time.Since(begun) > 5*limit {
			t.Fatalf("%d files are open after %v", now, time.Since(begun))
		}
	}
	most.resident, most.stays = resident(t, g.pid)-idle, time.Since(begun)
	return most
}

// settledTicks are a second in which the gateway reads what was sent.
const settledTicks = 100

// connect makes one connection and does with it what is to be done; nil if the gateway does not keep it.
func (p pinning) connect(t testing.TB, g *harness.Gateway, i int) net.Conn {
	from := netip.MustParseAddr(p.from).As4()
	from[2], from[3] = byte(i/8>>8), byte(1+i/8)
	raw, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from[:]}, Timeout: limit}).DialContext(t.Context(), "tcp", g.Addr)
	if err != nil || p.hold == nil {
		return raw
	}
	conf := g.TLS.Clone()
	if strings.Contains(p.name, "HTTP/2") {
		conf.NextProtos = []string{"h2"}
	}
	c := tls.Client(raw, conf)
	_ = raw.SetDeadline(time.Now().Add(limit))
	if err := c.HandshakeContext(t.Context()); err != nil || p.hold(t, c, i) != nil {
		raw.Close()
		return nil
	}
	return raw
}

// allPinned tries every way to hold memory. Without it those are tried that hold most, and are over in seconds.
var allPinned = flag.Bool("pinned", false, "try every way to hold memory and files")

// TestWhatCanBePinned: what strangers, allowed hosts and peers can hold of a gateway's memory and files at once, with the quotas
// that it has by default.
func TestWhatCanBePinned(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are read from /proc")
	}
	if raceEnabled || testing.Short() {
		t.Skip("the race detector has memory of its own")
	}
	const strangers, hosts = "127.9.0.0", "127.1.0.0"
	large, part := crowdCall(t, 30_000), crowdCall(t, 1_000)
	most := []pinning{
		{"strangers with half a body", strangers, 600, halfBody, strangersPlaces + toldPlaces, 256 << 10, 1, false},
		{"allowed hosts with half a body", hosts, 1400, halfBody, hostsPlaces + toldPlaces, 256 << 10, 1, false},
		{"peers with large calls but for their end", hosts, callsOfPeers, halfCall(large), callsOfPeers, 1152 << 10, 2, true},
	}
	if *allPinned {
		most = append(most, []pinning{
			{"strangers that say nothing", strangers, 600, nil, strangersPlaces + toldPlaces, 64 << 10, 1, false},
			{"strangers with half a head", strangers, 600, halfHead, strangersPlaces + toldPlaces, 128 << 10, 1, false},
			{"allowed hosts that say nothing", hosts, 1400, nil, hostsPlaces + toldPlaces, 64 << 10, 1, false},
			{"allowed hosts with half a head", hosts, 1400, halfHead, hostsPlaces + toldPlaces, 128 << 10, 1, false},
			{"allowed hosts with half a head of HTTP/2", hosts, 1400, halfHeadOf2, hostsPlaces + toldPlaces, 256 << 10, 1, false},
			{"peers with small calls but for their end", hosts, callsOfPeers, halfCall(part), callsOfPeers, 512 << 10, 2, true},
		}...)
	}
	var over atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, p := range most {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				got := p.pinnedBy(t, startHolder(t, peers8(harness.NewSink(t).URL)))
				t.Logf("| %d %s | %d files | %.1f MiB held, %.1f resident | gone after %.0f s |", p.many, p.name, got.files,
					mib(got.held), mib(got.resident), got.stays.Seconds())
				if most := p.places*p.files + chanceFiles; got.files > most {
					over.Add(1)
					t.Errorf("%d files, want at most %d", got.files, most)
				}
				if most := int64(p.places)*p.each + chanceMemory; got.held > most {
					over.Add(1)
					t.Errorf("%.1f MiB are held, want at most %.1f", mib(got.held), mib(most))
				}
			})
		}
	})
	prove(t, "%d ways to hold memory and files, %d above their bound", len(most), over.Load())
}

// logBytes is how large the audit log in a data folder is.
func logBytes(t testing.TB, data string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "audit"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eventBytes is more than an event takes in the log.
const eventBytes = 1100

// TestLogThatCanBePinned: what strangers, hosts that guess and peers can make a gateway write at most, with the quotas that it
// has by default.
func TestLogThatCanBePinned(t *testing.T) {
	const many = 1000
	over, tried := 0, 0
	for _, tt := range []struct {
		name   string
		allow  string
		secret string
		most   func(took time.Duration) int // events that this takes
	}{
		// audit.strangers a second and as many at once, each with its connection, and a summary
		{"strangers", `["127.9.0.0/16"]`, "", func(took time.Duration) int { return 10*int(took.Seconds()+2) + 10 }},
		// quota.per_address_burst over quota.failure_cost, what quota.per_address_rate gives back, one a minute
		{"allowed hosts without a secret", `["127.0.0.1"]`, "", func(took time.Duration) int { return 10 + 5*int(took.Seconds()+1) + 10 }},
		// a verdict and an outcome
		{"peers", `["127.0.0.1"]`, harness.Secret, func(time.Duration) int { return 2*many + 10 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := harness.Options{Allow: tt.allow, Extra: []string{"audit: { strangers: 10 }"}}
			a := arrangeTo(t, o, harness.NewSink(t))
			m := checkSite(site).message(t)
			if m.auth = ""; tt.secret != "" {
				m.auth = "Basic " + credentials(t, tt.secret, harness.Login)
			}
			before, begun := logBytes(t, a.Dir), time.Now()
			var l *line
			for range many {
				if l == nil {
					l = dial(t, a.Gateway)
				}
				if l.call(t, m).close {
					l.Close()
					l = nil
				}
			}
			took := time.Since(begun)
			grown := logBytes(t, a.Dir) - before
			t.Logf("| %d calls of %s in %.1f s | %d bytes of the log, %d a call |", many, tt.name, took.Seconds(), grown, grown/many)
			if tried++; grown > int64(tt.most(took)*eventBytes) {
				over++
				t.Errorf("the log grew by %d bytes, want at most %d events of %d", grown, tt.most(took), eventBytes)
			}
		})
	}
	prove(t, "%d ways to fill the log with %d calls each, %d above their bound", tried, many, over)
}
