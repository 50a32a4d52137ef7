package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
)

// raw answers every request with the same bytes.
type raw struct{ answer string }

func (s *raw) serve() (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.conn(c) })
		}
	})
	return l.Addr().String(), func() {
		_ = l.Close()
		wg.Wait()
	}, nil
}

func (s *raw) conn(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if _, err := io.WriteString(c, s.answer); err != nil {
			return
		}
	}
}
