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
	gobuild "go/build"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stagelock/stagelock/integration/bench/configs"
)

// rival is who is measured.
type rival struct {
	name       string
	addr       string
	roots      *x509.CertPool
	main       *process
	authoriser *process // whom it asks; nil: nobody
	socket     string   // of its profiles; empty: it has none
}

// config is that of a client, the same for all: what a handshake costs depends on the group.
func (r *rival) config() *tls.Config {
	return &tls.Config{RootCAs: r.roots, ServerName: host, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519}}
}

// entrant is who may be measured, if it is here.
type entrant struct {
	name    string
	program string // looked for in PATH and beside it; empty: it is part of the bench
	asks    bool   // the authoriser
	start   func(ctx context.Context, e *entry) error
}

// entry is an entrant that is being started.
type entry struct {
	*rival
	path   string // of its program
	dir    string // its own
	certs  string // folder with cert.pem, key.pem and both.pem
	engine string // address
	auth   string // address of the authoriser
}

// entrants are measured in this order; the first is the one that ratios refer to.
func entrants() []entrant {
	return []entrant{
		{name: "nginx", program: "nginx", start: startNginx(configs.NginxPlain)},
		{name: "nginx auth_request", program: "nginx", asks: true, start: startNginx(configs.NginxAsking)},
		{name: "HAProxy", program: "haproxy", start: startHAProxy},
		{name: "Caddy", program: "caddy", start: startCaddy(configs.CaddyPlain)},
		{name: "Caddy forward_auth", program: "caddy", asks: true, start: startCaddy(configs.CaddyAsking)},
		{name: "stagelock", start: startStagelock("")},
		{name: "stagelock in memory", start: startStagelock(memoryFolder)},
		{name: "no proxy", start: startNothing},
	}
}

// find looks for a program where systems keep those of an operator too, and where go install puts them.
func find(program string) (string, bool) {
	if path, err := exec.LookPath(program); err == nil {
		return path, true
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", filepath.Join(gobuild.Default.GOPATH, "bin")} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, true
		}
	}
	return "", false
}

// selfSigned writes a P-256 certificate for the loopback address: cert.pem, key.pem, and both.pem for HAProxy.
func selfSigned(dir string) (*x509.CertPool, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots, errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), private, 0o600),
		os.WriteFile(filepath.Join(dir, "both.pem"), append(cert, private...), 0o600))
}

// configure writes the file of a program into its folder and starts it with that, at an address that was free.
func (e *entry) configure(ctx context.Context, file, text string, args ...string) (err error) {
	path := filepath.Join(e.dir, file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	for i, a := range args {
		if a == "FILE" {
			args[i] = path
		}
	}
	if e.main, err = startProgram(ctx, e.path, args...); err != nil {
		return err
	}
	return e.main.answers(ctx, "tcp", e.addr)
}

// startNothing has the driver talk to the engine itself: it shows that the driver is not what is measured.
func startNothing(context.Context, *entry) error { return nil }

func startNginx(config string) func(context.Context, *entry) error {
	return func(ctx context.Context, e *entry) error {
		text := fmt.Sprintf(config, e.dir, e.certs, e.addr, e.engine, e.auth)
		return e.configure(ctx, "nginx.conf", text, "-c", "FILE", "-p", e.dir)
	}
}

func startHAProxy(ctx context.Context, e *entry) error {
	return e.configure(ctx, "haproxy.cfg", fmt.Sprintf(configs.HAProxy, e.certs, e.addr, e.engine), "-db", "-f", "FILE")
}

func startCaddy(config string) func(context.Context, *entry) error {
	return func(ctx context.Context, e *entry) error {
		text := fmt.Sprintf(config, e.certs, e.addr, e.engine, e.auth)
		return e.configure(ctx, "Caddyfile", text, "run", "--adapter", "caddyfile", "--config", "FILE")
	}
}

// memoryFolder lies in memory on every Linux.
const memoryFolder = "/dev/shm"

// startStagelock starts the gateway with its data on disk, or in a folder that lies elsewhere.
func startStagelock(under string) func(context.Context, *entry) error {
	return func(ctx context.Context, e *entry) error {
		data := filepath.Join(e.dir, "data")
		if under != "" {
			var err error
			if data, err = os.MkdirTemp(under, "stagelock-bench-*"); err != nil {
				return err
			}
			e.dir = data // removed in the end, as every folder of an entry
		}
		e.socket = filepath.Join(data, "admin.sock")
		text := fmt.Sprintf(configs.Stagelock, e.certs, e.addr, data, e.engine, key)
		return e.configure(ctx, "stagelock.yaml", text, "run", "--config", "FILE")
	}
}
