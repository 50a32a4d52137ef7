package witness

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

const (
	// Interval is how often a note is written, and the others' are looked at, unless Config says.
	Interval = 10 * time.Second
	// foldAfter is how long the log of a gateway that has gone stays listed after its last record.
	foldAfter = 24 * time.Hour
	// lease lets one gateway at a time write notes.
	lease = "audit-checkpoint"
)

// Config says who watches what.
type Config struct {
	Cluster string
	Node    string // name of this gateway, and of its log
	Owner   string // of the lease, another one for each process
	Logs    store.Logs
	Values  store.Values
	Leases  store.Leases
	Members store.Members
	Key     ed25519.PrivateKey
	Newest  string // file that holds the newest note that this gateway saw
	Keys    string // file that holds the keys that it has seen
	Now     func() time.Time
	// Interval is how often a note is written; 0 means Interval.
	Interval time.Duration
	// Found is told, once each, what is not as the notes say; Failed why nothing could be looked at.
	Found, Failed func(ctx context.Context, what string)
}

// parts says of each thing that a Witness cannot do without whether it is there.
func (c *Config) parts() []bool {
	return []bool{c.Logs != nil, c.Values != nil, c.Leases != nil, c.Members != nil, c.Node != "", c.Owner != "", c.Newest != "",
		c.Keys != "", c.Now != nil, c.Found != nil, c.Failed != nil}
}

// Witness watches the logs of the gateways that share a store. Run, Round and Close are for one
// goroutine at a time.
type Witness struct {
	cfg    Config
	signer chain.Signer
	keys   []NodeKey
	known  note.Verifiers // of keys
	walk   walk
	fence  int64 // of the lease, 0 if it is not held
	told   map[string]bool
	once   sync.Once
	shut   error
}

// New returns a Witness that goes on behind the newest note that it saw, and tells the others its key.
func New(ctx context.Context, cfg Config) (*Witness, error) {
	if slices.Contains(cfg.parts(), false) {
		return nil, errors.New("witness: a part of its configuration is missing")
	}
	if cfg.Interval <= 0 {
		cfg.Interval = Interval
	}
	s, err := chain.NewSigner(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	w := &Witness{cfg: cfg, signer: s, told: map[string]bool{}}
	pub, _ := cfg.Key.Public().(ed25519.PublicKey)
	w.keys, err = ReadKeys(cfg.Keys)
	if err == nil {
		err = PublishKey(ctx, cfg.Values, cfg.Node, pub)
	}
	if err == nil {
		err = w.learn(ctx)
	}
	if err == nil {
		err = w.begin(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return w, nil
}

// learn takes the keys that other gateways told since, and notes them down.
func (w *Witness) learn(ctx context.Context) error {
	stored, err := StoredKeys(ctx, w.cfg.Values)
	if err != nil {
		return err
	}
	all, added := merge(w.keys, stored)
	if w.known, err = verifiers(all); err != nil {
		return err
	}
	w.keys = all
	if len(added) == 0 {
		return nil
	}
	return writeKeys(w.cfg.Keys, all)
}

// find tells what is not as it should be.
func (w *Witness) find(ctx context.Context, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !w.told[text] {
		w.told[text] = true
		w.cfg.Found(ctx, text)
	}
}

// begin holds the newest note of the store against the one that this gateway saw last.
func (w *Witness) begin(ctx context.Context) error {
	newest, msg, err := w.cfg.Logs.Newest(ctx)
	if errors.Is(err, store.ErrNotFound) {
		newest, err = 0, nil
	}
	if err != nil {
		return err
	}
	if newest > 0 {
		if n, _, err := open(msg, w.known); err != nil {
			w.find(ctx, "note %d over the logs is not one that a known gateway signed: %v", newest, err)
		} else {
			w.walk = from(n)
		}
	}
	kept, err := os.ReadFile(w.cfg.Newest)
	if errors.Is(err, fs.ErrNotExist) {
		return w.save(msg)
	}
	if err != nil {
		return err
	}
	if err := w.compare(ctx, kept, newest); err != nil {
		return err
	}
	return w.save(msg)
}

// compare holds the note that this gateway saw last against the store.
func (w *Witness) compare(ctx context.Context, kept []byte, newest uint64) error {
	n, _, err := open(kept, w.known)
	if err != nil {
		w.find(ctx, "the note in %s is not one that a known gateway signed: %v", w.cfg.Newest, err)
		return nil
	}
	if n.N > newest {
		w.find(ctx, "notes %d to %d over the logs are gone from the database: it was set back, or somebody removed them; "+
			"the last one was %q", newest+1, n.N, kept)
		return nil
	}
	err = w.cfg.Logs.Checkpoints(ctx, n.N, func(number uint64, msg []byte) error {
		there, _, err := open(msg, w.known)
		if err == nil && number > n.N {
			switch gone, err := w.archivedNotes(ctx, there); {
			case err != nil:
				return err
			case gone:
				return errEnough
			}
		}
		if err != nil || there.sum() != n.sum() {
			w.find(ctx, "note %d over the logs is not the one that this gateway saw, which was %q", n.N, kept)
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends a look at what could be long.
var errEnough = errors.New("enough")

func (w *Witness) save(msg []byte) error {
	if len(msg) == 0 {
		return nil
	}
	return files.Replace(w.cfg.Newest, msg, 0o644)
}

// Run watches until ctx ends. A store that does not answer is asked again.
func (w *Witness) Run(ctx context.Context) error {
	t := time.NewTicker(w.cfg.Interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := w.Round(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Failed(ctx, err.Error())
		}
	}
}

// Close signs what no note covers yet, so that what this gateway wrote last is covered though no other
// one runs. It may be called again.
func (w *Witness) Close(ctx context.Context) error {
	w.once.Do(func() {
		w.shut = w.Round(ctx)
		if w.fence > 0 {
			w.shut = errors.Join(w.shut, w.cfg.Leases.Release(ctx, lease, w.fence))
		}
	})
	return w.shut
}

// Round looks at the notes that came since, adds this gateway's signature to those that agree with what
// it saw, and writes the next one if it is its turn and there is something new.
func (w *Witness) Round(ctx context.Context) error {
	if err := w.learn(ctx); err != nil {
		return err
	}
	err := w.cfg.Logs.Checkpoints(ctx, w.walk.last.N+1, func(n uint64, msg []byte) error { return w.take(ctx, n, msg) })
	if err != nil {
		return err
	}
	return w.write(ctx)
}

// take holds a note against what was seen before and against the logs, and signs it if they agree.
func (w *Witness) take(ctx context.Context, number uint64, msg []byte) error {
	n, by, err := open(msg, w.known)
	if err != nil {
		w.find(ctx, "note %d over the logs is not one that a known gateway signed: %v", number, err)
		return nil
	}
	good, err := w.follows(ctx, n)
	if err != nil {
		return err
	}
	for _, e := range n.Logs {
		ok, err := w.holds(ctx, e)
		if err != nil {
			return err
		}
		good = good && ok
	}
	if good && !slices.Contains(by, w.signer.KeyHash()) {
		line, err := countersign(msg, w.known, w.signer)
		if err != nil {
			return err
		}
		if err := w.cfg.Logs.Sign(ctx, number, line); err != nil {
			return err
		}
	}
	return w.save(msg)
}

// follows takes a note that follows the one before it, if what was between them was archived. Another one is
// told, and gone on from.
func (w *Witness) follows(ctx context.Context, n Note) (good bool, err error) {
	wrong := w.walk.next(n)
	if wrong == nil {
		return true, nil
	}
	if n.N > w.walk.last.N+1 {
		good, err = w.archivedNotes(ctx, n)
	}
	if err == nil && !good {
		w.find(ctx, "note %d over the logs %v", n.N, wrong)
	}
	w.walk = from(n)
	return good, err
}

// archivedNotes reports whether the notes before n were archived.
func (w *Witness) archivedNotes(ctx context.Context, n Note) (bool, error) {
	a, err := StoredAnchors(ctx, w.cfg.Values)
	c := a.OfNotes(n.Cluster, w.known)
	return err == nil && c.Size >= store.Seq(n.N) && (c.Size > store.Seq(n.N) || c.Head == n.sum()), err
}

// holds reports whether a log has the record that a note says it had.
func (w *Witness) holds(ctx context.Context, e Entry) (bool, error) {
	there, err := recordIs(ctx, w.cfg.Logs, e)
	if err != nil || there == "" {
		return err == nil, err
	}
	a, err := StoredAnchors(ctx, w.cfg.Values)
	if err != nil {
		return false, err
	}
	if a.OfLog(e.Log, w.known).Size > e.Size { // the record of the anchor itself stays
		return true, nil
	}
	w.find(ctx, "%s", there)
	return false, nil
}

// recordIs says in what a log differs from what a note says of it; nothing if it does not.
func recordIs(ctx context.Context, logs store.Logs, e Entry) (differs string, err error) {
	differs = fmt.Sprintf("log %q ends before record %d, which it had", e.Log, e.Size)
	err = logs.Log(e.Log).Read(ctx, e.Size, func(r store.Record) error {
		l, err := chain.Split(r.Body)
		switch {
		case r.Seq != e.Size || err != nil || l.Seq != e.Size:
			differs = fmt.Sprintf("record %d of log %q is damaged or gone", e.Size, e.Log)
		case l.Hash != e.Head:
			differs = fmt.Sprintf("record %d of log %q is another one than it was", e.Size, e.Log)
		default:
			differs = ""
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return "", err
	}
	return differs, nil
}

// write writes the next note, unless another gateway does, or nothing is new.
func (w *Witness) write(ctx context.Context) error {
	fence, err := w.cfg.Leases.Acquire(ctx, lease, w.cfg.Owner, 3*w.cfg.Interval)
	if errors.Is(err, store.ErrStale) {
		w.fence = 0
		return nil
	}
	if err != nil {
		return err
	}
	w.fence = fence
	for _, e := range w.walk.last.Logs { // also those that nobody writes to
		if _, err := w.holds(ctx, e); err != nil {
			return err
		}
	}
	entries, err := w.entries(ctx)
	if err != nil {
		return err
	}
	n := w.walk.following(w.cfg.Cluster, entries)
	if slices.Equal(n.Logs, w.walk.last.Logs) {
		return nil
	}
	n.At = w.cfg.Now()
	msg, err := note.Sign(&note.Note{Text: n.Text()}, w.signer)
	if err != nil {
		return err
	}
	if err := w.cfg.Logs.AppendCheckpoint(ctx, n.N, msg); err != nil {
		if errors.Is(err, store.ErrStale) { // another one was first
			return nil
		}
		return err
	}
	w.walk = from(n)
	return w.save(msg)
}

// entries returns how far each log goes, but those of gateways that have gone for good.
func (w *Witness) entries(ctx context.Context) ([]Entry, error) {
	heads, err := w.cfg.Logs.Heads(ctx)
	if err != nil {
		return nil, err
	}
	members, err := w.cfg.Members.Members(ctx)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, h := range heads {
		l, err := chain.Split(h.Record.Body)
		var ev audit.Event
		if err != nil || l.Seq != h.Record.Seq || json.Unmarshal(h.Record.Body, &ev) != nil {
			w.find(ctx, "record %d of log %q, the last, is damaged", h.Record.Seq, h.Log)
			continue
		}
		lives := slices.ContainsFunc(members, func(m store.Member) bool { return m.Node == h.Log && !m.Over })
		if lives || h.Log == w.cfg.Node || w.cfg.Now().Sub(ev.Time) < foldAfter {
			all = append(all, Entry{h.Log, l.Seq, l.Hash})
		}
	}
	return all, nil
}
