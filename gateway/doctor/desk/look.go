package desk

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// lookTime is how long one port may take.
const lookTime = 5 * time.Second

// lookable are the ports that a client may have looked at beside the one that publishers use: those
// where a gateway or a portal usually is. Nothing else is: this is no scanner.
var lookable = []uint16{443, 8443, 8080}

// Look asks what is seen of the client, at its own address only.
type Look struct {
	Port uint16 `json:"port"` // of its gateway; 0: none
}

// Seen is one port of the client, as it is seen from here.
type Seen struct {
	Address string    `json:"address"`
	Port    uint16    `json:"port"`
	State   string    `json:"state"` // open, refused, silent
	TLS     bool      `json:"tls,omitempty"`
	Names   []string  `json:"names,omitempty"` // of its certificate
	Until   time.Time `json:"until,omitzero"`
	Millis  int64     `json:"ms"`
}

// Around is what is seen.
type Around struct {
	Ports []Seen `json:"ports"`
}

func (d *Desk) look(ctx context.Context, q Question) (any, error) {
	var l Look
	if err := read(q, &l); err != nil {
		return nil, err
	}
	leave, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	ports := slices.Clone(lookable)
	if l.Port != 0 && !slices.Contains(ports, l.Port) && l.Port > 1023 {
		ports = append(ports, l.Port)
	}
	around := &Around{Ports: make([]Seen, len(ports))}
	var all errgroup.Group
	for i, port := range ports {
		all.Go(func() error {
			around.Ports[i] = d.see(ctx, q.Addr, port)
			return nil
		})
	}
	return around, all.Wait()
}

// see connects to a port and says what answers.
func (d *Desk) see(ctx context.Context, addr netip.Addr, port uint16) Seen {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	s, begun := Seen{Address: addr.String(), Port: port}, d.cfg.Now()
	conn, err := d.cfg.Dial(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(int(port))))
	s.Millis = d.cfg.Now().Sub(begun).Milliseconds()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		s.State = "refused"
		return s
	case err != nil:
		s.State = "silent"
		return s
	}
	defer conn.Close()
	s.State = "open"
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is looked at, nothing is sent
	if secure.HandshakeContext(ctx) == nil {
		leaf := secure.ConnectionState().PeerCertificates[0]
		s.TLS, s.Names, s.Until = true, leaf.DNSNames, leaf.NotAfter
		for _, ip := range leaf.IPAddresses {
			s.Names = append(s.Names, ip.String())
		}
	}
	return s
}
