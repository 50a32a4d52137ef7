package http1_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

const target = "/api/liferay/do"

func profile() *http1.Profile {
	return &http1.Profile{Hosts: []string{"live.example.com", "live.example.com:8443"}, MaxContent: 1 << 30}
}

// script is a connection whose input is known in advance; step is how many bytes one read brings, 0
// for all.
type script struct {
	in   []byte
	step int
	out  bytes.Buffer
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	if s.step > 0 && len(p) > s.step {
		p = p[:s.step]
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// call is a plain request as the vendor's client writes it.
func call(body string) string {
	return "POST " + target + " HTTP/1.1\r\nContent-Type: application/x-java-serialized-object\r\n" +
		"Authorization: Basic dGVzdEBsaWZlcmF5LmNvbTpYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFg=\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n" +
		"User-Agent: Java/17.0.15\r\nHost: live.example.com\r\nAccept: text/html, image/gif, image/jpeg, */*; q=0.2\r\n" +
		"Connection: keep-alive\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// relay serves one connection the way the gateway does: held calls only, refusals answered, one
// exchange a request.
func relay(ctx context.Context, nc net.Conn, p *http1.Profile, up *forward.Upstream) error {
	c := http1.NewConn(nc, p)
	defer c.Close()
	held, answer := make([]byte, 64<<10), make([]byte, 0, 4<<10)
	for {
		req, err := c.Next(ctx)
		if err != nil {
			return refuse(c, err)
		}
		body := held[:min(req.ContentLength, int64(len(held)))]
		if _, err := io.ReadFull(c, body); err != nil {
			return refuse(c, err)
		}
		if err := exchange(ctx, c, req, body, answer, up); err != nil {
			return err
		}
	}
}

func refuse(c *http1.Conn, err error) error {
	var e *http1.Error
	if errors.As(err, &e) {
		return errors.Join(err, c.Respond(e.Status, nil, []byte(e.Msg), true))
	}
	return err
}

// exchange sends what is held in one write, the rest as it comes, and copies the reply.
func exchange(ctx context.Context, c *http1.Conn, req *http1.Request, held, answer []byte, up *forward.Upstream) error {
	x, err := up.Open(ctx, false)
	if err != nil {
		return err
	}
	defer x.Done()
	head := forward.RequestHead{Target: target, Host: "engine", ContentType: req.ContentType,
		Authorization: req.Authorization, ContentLength: req.ContentLength}
	if err := x.Send(head, held); err != nil {
		return err
	}
	if rest := c.Remaining(); rest > 0 {
		if _, err := x.CopyN(c, rest, nil); err != nil {
			x.Cut()
			return err
		}
	}
	r, err := x.Reply(ctx)
	if err != nil {
		return err
	}
	if answer, err = r.AppendTo(answer); err != nil {
		return err
	}
	return c.Respond(r.Status, []grammar.Field{{Name: "Content-Type", Value: r.ContentType}}, answer, false)
}

// sink is an engine that notes every byte and answers what its function says once a connection
// brought enough.
type sink struct {
	net.Listener

	mu    sync.Mutex
	conns []*recording
	wg    sync.WaitGroup
}

type recording struct {
	mu   sync.Mutex
	data []byte
	end  error // how reading ended
	done chan struct{}
}

func (r *recording) bytes() []byte { return r.tail(0) }

func (r *recording) tail(from int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.data[min(from, len(r.data)):])
}

func (r *recording) add(p []byte) {
	r.mu.Lock()
	r.data = append(r.data, p...)
	r.mu.Unlock()
}

// newSink listens on a free port; serve handles one connection and is given its recording.
func newSink(t testing.TB, serve func(net.Conn, *recording)) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{Listener: l}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := &recording{done: make(chan struct{})}
			s.mu.Lock()
			s.conns = append(s.conns, r)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer close(r.done)
				defer c.Close()
				serve(c, r)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *sink) recordings() []*recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*recording(nil), s.conns...)
}

// first returns the recording of the first connection once it was accepted.
func (s *sink) first(t testing.TB) *recording {
	t.Helper()
	if !eventually(t, func() bool { return len(s.recordings()) > 0 }) {
		t.Fatal("no connection came")
	}
	return s.recordings()[0]
}

// size returns how many bytes came; only one connection is ever used by who asks.
func (s *sink) size() int {
	n := 0
	for _, r := range s.recordings() {
		r.mu.Lock()
		n += len(r.data)
		r.mu.Unlock()
	}
	return n
}

// answering reads whole requests and answers each.
func answering(reply string) func(net.Conn, *recording) {
	raw := []byte(reply)
	return func(c net.Conn, r *recording) {
		p := &http1.Profile{Hosts: []string{"engine"}, MaxContent: 1 << 30}
		in := http1.NewConn(&tee{c, r}, p)
		buf := make([]byte, 256<<10)
		for {
			if _, err := in.Next(context.Background()); err != nil {
				r.end = err
				return
			}
			for in.Remaining() > 0 {
				if _, err := in.Read(buf); err != nil {
					r.end = err
					return
				}
			}
			if _, err := c.Write(raw); err != nil {
				r.end = err
				return
			}
			in.Forget()
		}
	}
}

// tee notes what is read.
type tee struct {
	net.Conn

	r *recording
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.r.add(p[:n])
	return n, err
}

// loopback returns both ends of a TCP connection.
func loopback(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client, server
}

// tlsConfigs returns the configurations of a server and of a client that trusts it.
func tlsConfigs(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "engine"}, DNSNames: []string{"engine"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: roots, ServerName: "engine", MinVersion: tls.VersionTLS12}
}

// needsLinux skips what only Linux can tell about a socket.
func needsLinux(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
}

// eventually asks until the answer is yes, for a while: the kernel tells nobody when a segment has
// arrived.
func eventually(t testing.TB, yes func() bool) bool {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		if yes() {
			return true
		}
	}
	return false
}
