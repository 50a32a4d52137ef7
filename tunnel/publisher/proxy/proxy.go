package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

// Error is a proxy that could not be reached or did not let the connection pass.
type Error struct {
	Proxy  string // its address
	Status string // of an answer that opens no tunnel; empty if there was none
	Err    error
}

// ErrAnswer is what was read of a proxy that is no answer to CONNECT.
var ErrAnswer = errors.New("this is not how a proxy answers")

// errEarly is an answer with bytes behind it, where the tunnel begins and the proxy has nothing to say.
var errEarly = errors.New("it opens the connection and then speaks itself")

// Error names the proxy and what it answers.
func (e *Error) Error() string {
	if e.Status != "" {
		return "proxy " + e.Proxy + " answers " + e.Status
	}
	return "proxy " + e.Proxy + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Dialer returns dial by way of the proxy; dial itself if proxy is nil. A proxy is asked for a tunnel where
// TLS follows, and forwards plain calls itself. Its own certificate is held against roots.
func Dialer(
	dial func(ctx context.Context, network, addr string) (net.Conn, error), proxy *url.URL, roots *x509.CertPool, tunnel bool,
) func(context.Context, string, string) (net.Conn, error) {
	if proxy == nil {
		return dial
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, Address(proxy))
		if err != nil {
			return nil, &Error{Proxy: Address(proxy), Err: err}
		}
		if proxy.Scheme == "https" {
			nc = tls.Client(nc, &tls.Config{ServerName: proxy.Hostname(), RootCAs: roots, MinVersion: tls.VersionTLS12})
		}
		if !tunnel {
			return nc, nil
		}
		if err := connect(ctx, nc, proxy, addr); err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		return nc, nil
	}
}

// maxAnswer is how many bytes a proxy's answer may have.
const maxAnswer = 64 << 10

// connect asks the proxy for a tunnel to addr.
func connect(ctx context.Context, nc net.Conn, proxy *url.URL, addr string) error {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }) // wakes what waits
	defer stop()
	req := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	for _, f := range Login(proxy) {
		req += f.Name + ": " + f.Value + "\r\n"
	}
	if _, err := io.WriteString(nc, req+"\r\n"); err != nil {
		return &Error{Proxy: Address(proxy), Err: err}
	}
	r := bufio.NewReaderSize(io.LimitReader(nc, maxAnswer), 4<<10)
	//nolint:bodyclose // reading the body to its end would eat the tunnel; the caller ends the connection
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return &Error{Proxy: Address(proxy), Err: fmt.Errorf("%w: %w", ErrAnswer, err)}
	case answer.StatusCode/100 != 2:
		return &Error{Proxy: Address(proxy), Status: answer.Status}
	case r.Buffered() > 0:
		return &Error{Proxy: Address(proxy), Err: fmt.Errorf("%w: %w", ErrAnswer, errEarly)}
	}
	return nil
}

// Login is the field with the login for a proxy, if its address has one.
func Login(proxy *url.URL) []grammar.Field {
	if proxy.User == nil {
		return nil
	}
	password, _ := proxy.User.Password()
	basic := base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))
	return []grammar.Field{{Name: "Proxy-Authorization", Value: "Basic " + basic}}
}

// Address returns host and port of u, the port of its scheme if it has none.
func Address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
