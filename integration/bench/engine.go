package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/stagelock/stagelock/tunnel/liferay"
)

// asRole is the variable that makes this program the engine or the authoriser.
const (
	asRole     = "STAGELOCK_BENCH_ROLE"
	certFolder = "STAGELOCK_BENCH_CERT"
	tokenValue = "STAGELOCK_BENCH_TOKEN"
)

// play serves in a role until standard input ends; it prints its addresses.
func play(role string, in io.Reader, out io.Writer) error {
	s, err := newServer(role)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go s.accept(l)
	fmt.Fprint(out, l.Addr())
	if dir := os.Getenv(certFolder); dir != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			return err
		}
		t, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13})
		if err != nil {
			return err
		}
		defer t.Close()
		go s.accept(t)
		fmt.Fprint(out, " ", t.Addr())
	}
	fmt.Fprintln(out)
	_, err = io.Copy(io.Discard, in)
	return err
}

// server answers at once and keeps nothing. It is as narrow as can be: what it costs, all rivals pay.
type server struct {
	answer func(head, tail, room []byte) []byte // a whole answer, in room
}

// newServer returns an engine, or an authoriser that lets one token pass.
func newServer(role string) (*server, error) {
	switch role {
	case "engine":
		return newEngine()
	case "authoriser":
		token := []byte("\r\nauthorization: " + os.Getenv(tokenValue) + "\r\n")
		return &server{func(head, _, room []byte) []byte {
			if containsFold(head, token) {
				return append(room, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"...)
			}
			return append(room, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"...)
		}}, nil
	}
	return nil, fmt.Errorf("no role %q", role)
}

// containsFold looks for a field whose name may be written in another case; its value may not.
func containsFold(head, field []byte) bool {
	name := bytes.IndexByte(field, ':') + 1
	for rest := head; ; {
		i := bytes.Index(rest, field[name:])
		if i < 0 {
			return false
		}
		if i >= name && bytes.EqualFold(rest[i-name:i], field[:name]) {
			return true
		}
		rest = rest[i+1:]
	}
}

// newEngine answers the calls of the scenes: a page is there, and each create gets an id of its own.
func newEngine() (*server, error) {
	yes, err := liferay.AppendValue(nil, build, true)
	id, err2 := liferay.AppendValue(nil, build, int64(1))
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	var last atomic.Int64
	has, create := []byte("hasRemoteLayout"), []byte("createStagingRequest")
	return &server{func(_, tail, room []byte) []byte {
		switch {
		case bytes.Contains(tail, has):
			return appendAnswer(room, yes)
		case bytes.Contains(tail, create):
			room = appendAnswer(room, id)
			binary.BigEndian.PutUint64(room[len(room)-8:], uint64(last.Add(1)))
			return room
		}
		return appendAnswer(room, nil)
	}}, nil
}

func appendAnswer(b, body []byte) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: application/x-java-serialized-object\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

func (s *server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(c)
	}
}

const (
	serverBuffer = 16 << 10
	bodyBuffer   = 256 << 10 // a connection on which large bodies come
	tailKept     = 512       // of the end of a call: the method stands there
)

// serve answers the requests of a connection.
func (s *server) serve(c net.Conn) {
	defer c.Close()
	b := make([]byte, serverBuffer)
	room := make([]byte, 0, 1<<10)
	n := 0
	for {
		end := bytes.Index(b[:n], []byte("\r\n\r\n"))
		if end < 0 {
			m, err := c.Read(b[n:]) // of a head that fills the buffer nothing is read: that is an error too
			if n += m; err != nil || m == 0 {
				return
			}
			continue
		}
		head, length := b[:end+2], contentLength(b[:end+2])
		if length > serverBuffer/2 && len(b) == serverBuffer {
			b = append(b[:n], make([]byte, bodyBuffer-n)...)
			head = b[:end+2]
		}
		tail, err := body(c, b[end+4:], n-end-4, length)
		if err != nil {
			return
		}
		if _, err := c.Write(s.answer(head, tail, room[:0])); err != nil {
			return
		}
		n = 0 // nobody here sends a call before the last one was answered
	}
}

// body reads a body of that length, of which have bytes stand in b already, and returns its tail.
func body(c net.Conn, b []byte, have, length int) (tail []byte, err error) {
	keep := have
	for left := length - have; left > 0; {
		if keep == len(b) || keep > tailKept && length > len(b) {
			keep = copy(b, b[keep-tailKept:keep])
		}
		n, err := c.Read(b[keep:min(len(b), keep+left)])
		if err != nil {
			return nil, err
		}
		keep, left = keep+n, left-n
	}
	return b[max(0, keep-tailKept):keep], nil
}

// contentLength is 0 for a head that says nothing of it.
func contentLength(head []byte) int {
	const field = "\r\ncontent-length:"
	for rest := head; len(rest) > len(field); rest = rest[1:] {
		i := bytes.IndexByte(rest, '\r')
		if i < 0 || i+len(field) > len(rest) {
			return 0
		}
		if rest = rest[i:]; bytes.EqualFold(rest[:len(field)], []byte(field)) {
			return number(rest[len(field):])
		}
	}
	return 0
}

// number reads the decimal number at the beginning of b, after spaces.
func number(b []byte) (n int) {
	for _, c := range bytes.TrimLeft(b, " ") {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}
