// Command compare measures the forwarder against another proxy: it is engine, relay or load generator.
//
//	compare engine 127.0.0.1:9001
//	compare relay 127.0.0.1:9002 127.0.0.1:9001 DIR   (writes its certificate to DIR for the other proxy)
//	compare load 127.0.0.1:9002 PID... CONNECTIONS BODY SECONDS
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
)

const target = "/api/liferay/do"

func main() {
	modes := map[string]func([]string) error{"engine": engine, "relay": relay, "load": load}
	mode, ok := modes[os.Args[1]]
	if !ok {
		log.Fatalf("no mode %q", os.Args[1])
	}
	if err := mode(os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

// serve gives every connection that comes to its function.
func serve(addr string, f func(net.Conn)) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			f(c)
		}()
	}
}

func engine(args []string) error {
	p := &http1.Profile{Hosts: []string{"engine"}, MaxContent: 1 << 30}
	fields := []http1.Field{{Name: "Content-Type", Value: "application/x-java-serialized-object"}}
	return serve(args[0], func(nc net.Conn) {
		c, buf := http1.NewConn(nc, p), make([]byte, 256<<10)
		for {
			if _, err := c.Next(context.Background()); err != nil {
				return
			}
			for c.Remaining() > 0 {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
			if c.Respond(200, fields, []byte("answer!"), false) != nil {
				return
			}
		}
	})
}

func relay(args []string) error {
	cert, err := certificate(args[2])
	if err != nil {
		return err
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	p := &http1.Profile{Hosts: []string{"live"}, MaxContent: 1 << 30}
	up := http1.NewUpstream(http1.UpstreamConfig{Addr: args[1]})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return serve(args[0], func(nc net.Conn) {
		t := tls.Server(http1.Wrap(nc), cfg)
		if t.Handshake() == nil {
			http1.QuickAck(nc)
			_ = forward(ctx, http1.NewConn(t, p), up)
		}
	})
}

func forward(ctx context.Context, c *http1.Conn, up *http1.Upstream) error {
	held, answer := make([]byte, 4<<10), make([]byte, 0, 4<<10)
	for {
		req, err := c.Next(ctx)
		if err != nil {
			return err
		}
		first := held[:min(req.ContentLength, int64(len(held)))]
		if _, err := io.ReadFull(c, first); err != nil {
			return err
		}
		if err := one(ctx, c, up, req, first, answer); err != nil {
			return err
		}
	}
}

func one(ctx context.Context, c *http1.Conn, up *http1.Upstream, req *http1.Request, first, answer []byte) error {
	x, err := up.Open(ctx, false)
	if err != nil {
		return err
	}
	defer x.Done()
	head := http1.RequestHead{Target: target, Host: "engine", ContentType: req.ContentType, Authorization: req.Authorization,
		ContentLength: req.ContentLength}
	if err := x.Send(head, first); err != nil {
		return err
	}
	if n := c.Remaining(); n > 0 {
		if _, err := x.CopyN(c, n, nil); err != nil {
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
	return c.Respond(r.Status, []http1.Field{{Name: "Content-Type", Value: r.ContentType}}, answer, false)
}

func certificate(dir string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "live"}, DNSNames: []string{"live"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	err = errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), certPEM, 0o600), os.WriteFile(filepath.Join(dir, "key.pem"), keyPEM, 0o600))
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// load prints calls a second, and what each call cost the processes of the proxy.
func load(args []string) error {
	n := len(args)
	conns, _ := strconv.Atoi(args[n-3])
	size, _ := strconv.Atoi(args[n-2])
	seconds, _ := strconv.Atoi(args[n-1])
	raw := []byte("POST " + target + " HTTP/1.1\r\nContent-Type: application/x-java-serialized-object\r\n" +
		"Authorization: Basic dGVzdEBsaWZlcmF5LmNvbTpYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFg=\r\nCache-Control: no-cache\r\n" +
		"User-Agent: Java/17.0.15\r\nHost: live\r\nAccept: text/html, */*; q=0.2\r\nConnection: keep-alive\r\n" +
		"Content-Length: " + strconv.Itoa(size) + "\r\n\r\n" + strings.Repeat("x", size))
	var calls atomic.Int64
	var wg sync.WaitGroup
	before, start := ticks(args[1:n-3]), time.Now()
	end := start.Add(time.Duration(seconds) * time.Second)
	for range conns {
		wg.Go(func() {
			if err := client(args[0], raw, end, &calls); err != nil {
				log.Print(err)
			}
		})
	}
	wg.Wait()
	d, cpu := time.Since(start).Seconds(), ticks(args[1:n-3])-before
	k := float64(calls.Load())
	fmt.Printf("%8.0f calls/s %8.1f MB/s %8.1f us CPU a call %8.2f s CPU a GiB\n", k/d, k*float64(size)/d/1e6, cpu/k*1e6,
		cpu/(k*float64(size)/(1<<30)))
	runtime.KeepAlive(raw)
	return nil
}

func client(addr string, raw []byte, end time.Time, calls *atomic.Int64) error {
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "live"}) // a throw-away certificate
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 4096)
	for time.Now().Before(end) {
		if _, err := c.Write(raw); err != nil {
			return err
		}
		for n := 0; !strings.HasSuffix(string(buf[:n]), "answer!"); {
			k, err := c.Read(buf[n:])
			if n += k; err != nil {
				return fmt.Errorf("%w after %q", err, buf[:n])
			}
		}
		calls.Add(1)
	}
	return nil
}

// ticks returns the CPU seconds of the processes.
func ticks(pids []string) (seconds float64) {
	for _, pid := range pids {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
		user, _ := strconv.Atoi(f[11])
		sys, _ := strconv.Atoi(f[12])
		seconds += float64(user+sys) / 100
	}
	return seconds
}
