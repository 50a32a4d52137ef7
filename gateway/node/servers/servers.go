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
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/inbox"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	stored "github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Config is what New needs beside the configuration. All fields but Pause are needed.
type Config struct {
	Conf     func() *conf.Config // as it is in use
	Key      ed25519.PrivateKey
	Database store.Database
	Contents string // folder of contents, or of those on their way into a database that is shared
	Owner    string // this gateway among those that share the database
	Audit    visit.Recorder
	Log      *logrus.Entry
	Now      func() time.Time
	Tasks    func() *tasks.Policy // of the Kentico behind the gateway, if its tasks are kept; asked once the gateway runs
	Pause    func(point string)
}

// ErrStore is returned for a database that cannot keep what sync knows.
var ErrStore = errors.New("this store cannot keep what sync knows")

// Enabled reports whether the configuration has servers kept alike.
func Enabled(c *conf.Config) bool { return c.Sync.Name != "" }

// New returns the exchange that a configuration says, and what keeps the tasks of a Kentico; nil if none are.
func New(ctx context.Context, c Config) (*exchange.Exchange, tasks.Keeper, error) {
	db, ok := c.Database.(store.Transactor)
	if !ok {
		return nil, nil, ErrStore
	}
	large, lead, err := place(ctx, c, db)
	if err != nil {
		return nil, nil, err
	}
	s := c.Conf().Sync
	peers, err := reached(c.Conf())
	if err != nil {
		return nil, nil, err
	}
	own := newBook(db)
	contents := blobs.NewShelf(db, large)
	engine, kept, err := own.engine(c, contents)
	if err != nil {
		return nil, nil, err
	}
	x, err := exchange.New(exchange.Config{
		Name: s.Name, Key: c.Key, Book: own, Blobs: contents, Nonces: c.Database.Nonces(), Lead: lead, Source: engine,
		Policy: sync.Policy{Mode: sync.Mode(s.Conflicts), Prefer: ids(s.Prefer)}, Peers: peers, Origins: ids(s.Origins),
		Interval: s.Interval, Log: c.Log, Now: c.Now, Noted: noted(c), Refused: refused(c), Decided: decided(c),
		Pause: c.Pause,
	})
	if err != nil || kept == nil {
		return x, nil, err
	}
	return x, keeper{kept, x.Look}, nil
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

// Peers are the peers of a configuration with what they may do, without a way to reach them.
func Peers(c *conf.Config) []exchange.Peer {
	var all []exchange.Peer
	for i, p := range c.Sync.Peers {
		all = append(all, exchange.Peer{
			Peer: inbox.Peer{ID: sync.ServerID(p.Key), Sends: p.Direction != "to", Kinds: p.Kinds, Paths: p.Paths, Approve: p.Approve,
				Deletes: p.Deletes, PerHour: p.PerHour, MaxContent: int64(c.Sync.MaxBytes), Where: where(c, i)},
			Takes: p.Direction != "from",
		})
	}
	return all
}

// where says on which line a setting about the ith peer is written. The folder of the file is nobody's business at
// the other end.
func where(c *conf.Config, i int) func(setting string) string {
	return func(setting string) string {
		o := origin(c, i, setting)
		o.Name = filepath.Base(o.Name)
		return o.String() + " of " + c.Sync.Name
	}
}

// origin is where a setting about the ith peer is written; if it is not, where the peer is, or the whole.
func origin(c *conf.Config, i int, setting string) conf.Origin {
	at := path(i, setting)
	if c.Written(at) {
		return c.Origin(at)
	}
	if at == setting {
		return c.Origin("sync.name")
	}
	return c.Origin(path(i, "key"))
}

func path(i int, setting string) string {
	if strings.HasPrefix(setting, "sync.") {
		return setting
	}
	return fmt.Sprintf("sync.peers[%d].%s", i, setting)
}

// reached are the peers with what reaches them.
func reached(c *conf.Config) ([]exchange.Peer, error) {
	all := Peers(c)
	for i, p := range c.Sync.Peers {
		if !all[i].Takes {
			continue
		}
		client, err := client(string(p.CA))
		if err != nil {
			return nil, fmt.Errorf("sync.peers, key %s: %w", p.Key, err)
		}
		all[i].URL, all[i].HTTP = p.URL.String(), client
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

// kinds are those of the events of what a note tells.
var kinds = map[string]audit.Kind{
	"made": audit.KindSyncAccepted, "kept": audit.KindSyncAccepted, "applied": audit.KindSyncApplied, "ruled": audit.KindSyncApplied,
	"held": audit.KindSyncHeld, "missed": audit.KindSyncHeld, "asked": audit.KindSyncHeld,
	"resolved": audit.KindSyncResolved, "echo": audit.KindSyncEcho,
	"undone": audit.KindSyncRefused, "late": audit.KindSyncRefused,
}

// words say what else an event is about.
var words = map[string]string{
	"made": "edited here", "kept": "a newer version is here already", "ruled": "a rule decided between versions",
	"missed": "a conflict after the fact: edited here before another's change came, or nobody knows",
	"held":   "a conflict, until somebody decides it", "asked": "until somebody approves it",
	"resolved": "a conflict was decided here",
	"echo":     "the engine wrote once more what it shows",
	"undone":   "a gateway that woke late had the engine write it: the engine shows again what it showed before",
	"late":     "a gateway that woke late had the engine write it, and it was edited since: look at what the engine shows",
}

// noted writes what was accepted into the audit log.
func noted(c Config) func(n replica.Note) {
	return func(n replica.Note) {
		ev := event(kinds[n.What], n.Change, n.Via)
		ev.Detail = words[n.What]
		switch n.What {
		case "asked":
			ev.Reason = approval.ReasonApproval
		case "undone", "late":
			ev.Reason = approval.ReasonDeclined
			c.Log.WithFields(logrus.Fields{"peer": string(n.Via), "change": n.Change.ID.String()}).Warn(ev.Detail)
		}
		write(c, ev)
	}
}

func event(kind audit.Kind, ch *sync.Change, via sync.ServerID) audit.Event {
	return audit.Event{Kind: kind, Peer: string(via), Login: ch.Author, Fields: map[string]string{
		"id": ch.ID.String(), "object": string(ch.Object), "origin": string(ch.ID.Origin), "via": string(via), "op": string(ch.Op),
		"digest": ch.Payload.String(), "bytes": fmt.Sprint(ch.Size),
	}}
}

// settings are those that a refusal is about, by its reason.
var settings = map[string]string{
	inbox.ReasonOrigin: "sync.origins", inbox.ReasonDirection: "direction", inbox.ReasonKind: "kinds", inbox.ReasonPath: "paths",
	inbox.ReasonDelete: "deletes", inbox.ReasonDeletes: "max_deletes_per_hour", inbox.ReasonSize: "sync.max_bytes",
	approval.ReasonApproval: "approve",
}

// setting is the one that a refusal is about, and where it is written; empty for none.
func setting(c *conf.Config, via sync.ServerID, reason string) (name, line string) {
	i := slices.IndexFunc(c.Sync.Peers, func(p conf.SyncPeer) bool { return p.Key == string(via) })
	if name = settings[reason]; name == "" || i < 0 {
		return "", ""
	}
	return path(i, name), origin(c, i, name).String()
}

func refused(c Config) func(via sync.ServerID, ch *sync.Change, a sync.Answer) {
	return func(via sync.ServerID, ch *sync.Change, a sync.Answer) {
		ev := event(audit.KindSyncRefused, ch, via)
		ev.Detail, ev.Verdict, ev.Reason = a.Text, audit.Deny, tunnel.Reason(a.Reason)
		reason, _ := policy.ReasonOf(a.Reason)
		line := logrus.Fields{"peer": string(via), "reason": a.Reason, "change": ch.ID.String(), "cure": reason.Cure}
		if name, at := setting(c.Conf(), via, a.Reason); name != "" {
			ev.Fields["setting"], ev.Fields["line"] = name, at
			line["setting"], line["line"] = name, at
		}
		write(c, ev)
		c.Log.WithFields(line).Warn("a change was refused")
	}
}

// decided writes what somebody said of a change that waited for approval.
func decided(c Config) func(a stored.Approval) {
	return func(a stored.Approval) {
		ev := event(audit.KindSyncAccepted, a.Change, a.Via)
		ev.Detail = "approved"
		if a.State == stored.Refused {
			ev.Kind, ev.Verdict, ev.Reason, ev.Detail = audit.KindSyncRefused, audit.Deny, approval.ReasonDeclined, "refused"
		}
		if a.Login != "" {
			ev.Detail += " by " + a.Login
		}
		if a.Reason != "" {
			ev.Detail += ": " + a.Reason
		}
		write(c, ev)
	}
}

func write(c Config, ev audit.Event) {
	if _, err := c.Audit.AppendSoon(context.Background(), ev); err != nil {
		c.Log.WithError(err).Error("the audit log cannot be written")
	}
}
