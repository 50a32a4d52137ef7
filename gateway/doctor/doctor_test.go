package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
)

const day = 24 * time.Hour

// line returns the first line of a report with that id.
func line(r finding.Report, id string) (finding.Line, bool) {
	for _, l := range r.Lines {
		if l.ID == id {
			return l, true
		}
	}
	return finding.Line{}, false
}

// shown serves TLS with a certificate for 127.0.0.1 and returns where, and who trusts it.
func shown(t *testing.T, h http.Handler, from, until time.Time) (*url.URL, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, IPAddresses: []net.IP{{127, 0, 0, 1}}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c)
	return u, roots
}

// TestACertificateOfAShortLifeIsNotLate: one that lives for a day always ended within a week.
func TestACertificateOfAShortLifeIsNotLate(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name        string
		since, left time.Duration
		want        string // what is said of its end; empty: nothing
	}{
		{"of a day", 4 * time.Hour, 20 * time.Hour, ""},
		{"of a day, not renewed", 20 * time.Hour, 4 * time.Hour, "ends on"},
		{"of a quarter", 86 * day, 6 * day, "ends on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, roots := shown(t, http.NotFoundHandler(), now.Add(-tt.since), now.Add(tt.left))
			r := doctor.Run(t.Context(), doctor.Config{To: to, Roots: roots, Config: here.Config{Now: func() time.Time { return now }}, Quick: true})
			l, found := line(r, "tls.expiry")
			if found != (tt.want != "") || !strings.Contains(l.Words, tt.want) {
				t.Errorf("got %+v of %+v, want %q", l, r.Lines, tt.want)
			}
		})
	}
}

// TestWhatNeverAnswersIsToldOf: the doctor waited for it without end.
func TestWhatNeverAnswersIsToldOf(t *testing.T) {
	over := make(chan struct{})
	silent := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over })
	plain := httptest.NewServer(silent)
	t.Cleanup(plain.Close)
	secure, roots := shown(t, silent, time.Now().Add(-day), time.Now().Add(80*day))
	t.Cleanup(func() { close(over) })
	for _, tt := range []struct{ name, to, id, want string }{
		{"behind TLS", secure.String(), "path", "no answer over HTTP in 200ms"},
		{"without TLS", plain.URL, "scheme", "in the clear"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, err := url.Parse(tt.to)
			if err != nil {
				t.Fatal(err)
			}
			r := doctor.Run(t.Context(), doctor.Config{To: to, Roots: roots, Quick: true, Reply: 200 * time.Millisecond,
				Patience: time.Minute})
			if l, _ := line(r, tt.id); l.Mark != finding.Bad || !strings.Contains(l.Words, tt.want) {
				t.Errorf("got %+v", r.Lines)
			}
		})
	}
}
