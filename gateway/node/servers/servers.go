package servers

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Config is what New needs beside the configuration. All fields but Pause are needed.
type Config struct {
	Conf     *conf.Config
	Key      ed25519.PrivateKey
	Database store.Database
	Contents string // folder of contents
	Audit    visit.Recorder
	Log      *logrus.Entry
	Now      func() time.Time
	Pause    func(point string)
}

// ErrStore is returned for a database that cannot keep what sync knows.
var ErrStore = errors.New("this store cannot keep what sync knows")

// Enabled reports whether the configuration has servers kept alike.
func Enabled(c *conf.Config) bool { return c.Sync.Name != "" }

// New returns the exchange that a configuration says.
func New(c Config) (*exchange.Exchange, error) {
	db, ok := c.Database.(store.Transactor)
	if !ok {
		return nil, ErrStore
	}
	folder, err := blobs.Open(c.Contents)
	if err != nil {
		return nil, err
	}
	s := c.Conf.Sync
	peers, err := peers(s)
	if err != nil {
		return nil, err
	}
	return exchange.New(exchange.Config{
		Name: s.Name, Key: c.Key, Book: stored.NewBook(db), Blobs: blobs.NewShelf(db, folder), Nonces: c.Database.Nonces(),
		Source: &source.Client{URL: strings.TrimSuffix(s.Engine.URL.String(), "/"), Token: token(string(s.Engine.TokenFile)),
			HTTP: &http.Client{Timeout: engineTime}},
		Policy: sync.Policy{Mode: sync.Mode(s.Conflicts), Prefer: ids(s.Prefer)}, Peers: peers, Origins: ids(s.Origins),
		Interval: s.Interval, Log: c.Log, Now: c.Now, Noted: noted(c), Refused: refused(c), Pause: c.Pause,
	})
}

// How long the engine may take for one object, and another gateway for one message.
const (
	engineTime = 10 * time.Minute
	peerTime   = 2 * time.Minute
	dialTime   = 10 * time.Second
)

// token reads the engine's token each time: an engine that was made anew has another one.
func token(file string) func() (string, error) {
	return func() (string, error) {
		b, err := bounded.File(file, bounded.Small)
		return strings.TrimSpace(string(b)), err
	}
}

func ids(keys []string) []sync.ServerID {
	var all []sync.ServerID
	for _, k := range keys {
		all = append(all, sync.ServerID(k))
	}
	return all
}

func peers(s conf.Sync) ([]exchange.Peer, error) {
	var all []exchange.Peer
	for _, p := range s.Peers {
		one := exchange.Peer{
			Peer: inbox.Peer{ID: sync.ServerID(p.Key), Sends: p.Direction != "to", Kinds: p.Kinds, Deletes: p.Deletes,
				PerHour: p.PerHour, MaxContent: int64(s.MaxBytes)},
			Takes: p.Direction != "from",
		}
		if one.Takes {
			client, err := client(string(p.CA))
			if err != nil {
				return nil, fmt.Errorf("sync.peers, key %s: %w", p.Key, err)
			}
			one.URL, one.HTTP = p.URL.String(), client
		}
		all = append(all, one)
	}
	return all, nil
}

// client speaks HTTP/2 over TLS to a gateway whose certificate that authority signed.
func client(ca string) (*http.Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		b, err := bounded.File(ca, bounded.Large)
		if err != nil {
			return nil, err
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("%s has no certificate in PEM", ca)
		}
	}
	return &http.Client{Timeout: peerTime, Transport: &http.Transport{
		TLSClientConfig: t, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTime, IdleConnTimeout: 50 * time.Second,
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTime}).DialContext,
	}}, nil
}

// noted writes what was accepted into the audit log.
func noted(c Config) func(n replica.Note) {
	return func(n replica.Note) {
		ev := event(n.Change, n.Via)
		ev.Detail = n.What
		write(c, ev)
	}
}

func event(ch *sync.Change, via sync.ServerID) audit.Event {
	return audit.Event{Kind: audit.KindSync, Peer: string(via), Login: ch.Author, Fields: map[string]string{
		"id": ch.ID.String(), "object": string(ch.Object), "op": string(ch.Op), "digest": ch.Payload.String(),
		"bytes": fmt.Sprint(ch.Size),
	}}
}

func refused(c Config) func(via sync.ServerID, ch *sync.Change, a sync.Answer) {
	return func(via sync.ServerID, ch *sync.Change, a sync.Answer) {
		ev := event(ch, via)
		ev.Detail, ev.Verdict, ev.Reason = "refused: "+a.Text, audit.Deny, tunnel.Reason(a.Reason)
		write(c, ev)
		reason, _ := policy.ReasonOf(a.Reason)
		c.Log.WithFields(logrus.Fields{"peer": string(via), "reason": a.Reason, "change": ch.ID.String(), "cure": reason.Cure}).
			Warn("a change was refused")
	}
}

func write(c Config, ev audit.Event) {
	if _, err := c.Audit.AppendSoon(context.Background(), ev); err != nil {
		c.Log.WithError(err).Error("the audit log cannot be written")
	}
}
