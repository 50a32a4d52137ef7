package retention

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store"
)

const (
	// lease lets one process at a time archive what gateways share.
	lease = "audit-archive"
	// leaseTime is how long it is kept for a step.
	leaseTime = 10 * time.Minute
)

// SharedConfig says what of the logs that gateways share is moved where.
type SharedConfig struct {
	Logs   store.Logs
	Values store.Values
	Leases store.Leases
	Owner  string                       // of the lease, another one for each process
	Place  func(log string) audit.Place // where what is moved of a log lies
	Notes  string                       // the folder of the notes that are moved
	Bytes  int64                        // of a file; 0: as usual
	Key    ed25519.PrivateKey           // signs the anchors; the gateways know it
	Trust  witness.Trust                // what the logs are held against before anything is moved
	Now    func() time.Time
	Before time.Time // records of this time and later stay; zero: none is too old
	Keep   int64     // so many bytes of the newest records of all logs stay; 0: no record is too much
}

// Moved is what was moved of one log.
type Moved struct {
	Log   string    `json:"log"`
	First store.Seq `json:"first"`
	Last  store.Seq `json:"last"`
	Bytes int64     `json:"bytes"`
	freed int64     // in the database, where the last record that was moved stays
}

// ArchivedShared is what ArchiveShared moved.
type ArchivedShared struct {
	Logs  []Moved `json:"logs"` // without those of which nothing was due
	Notes int     `json:"notes"`
	Kept  int64   `json:"kept_bytes"`
}

// BadLogsError is returned by ArchiveShared for logs that are not whole: signing them would hide that.
type BadLogsError struct{ Report witness.Report }

func (e *BadLogsError) Error() string {
	if e.Report.Bad != "" {
		return "the notes over the logs are bad: " + e.Report.Bad
	}
	for _, l := range e.Report.Logs {
		if !l.OK() {
			return fmt.Sprintf("log %q is bad: %s", l.Log, l.Msg)
		}
	}
	return "the logs are bad"
}

// ArchiveShared moves the oldest records of the logs that gateways share, and the oldest notes over them, to
// folders, each a log that can be verified there. Only what a note covers is moved. An anchor is signed for
// each log before anything of it is forgotten; the last record that was moved stays too, as does the last
// note. Gateways may write meanwhile. A run that was interrupted leaves both places whole and is taken up by
// the next one. It returns a BadLogsError, and moves nothing, if a log or a note is not as it was.
func ArchiveShared(ctx context.Context, cfg SharedConfig) (ArchivedShared, error) {
	s, err := chain.NewSigner(cfg.Key)
	if err != nil {
		return ArchivedShared{}, fmt.Errorf("archive audit logs: %w", err)
	}
	a := sharedArchiver{cfg: cfg, signer: s}
	fence, err := cfg.Leases.Acquire(ctx, lease, cfg.Owner, leaseTime)
	if errors.Is(err, store.ErrStale) {
		return ArchivedShared{}, fmt.Errorf("archive audit logs: another process does so now: %w", err)
	}
	if err == nil {
		a.fence = fence
		err = a.run(ctx)
		err = errors.Join(err, cfg.Leases.Release(context.WithoutCancel(ctx), lease, fence))
	}
	if err != nil {
		return ArchivedShared{}, fmt.Errorf("archive audit logs: %w", err)
	}
	return a.done, nil
}

// sharedArchiver is one run of ArchiveShared.
type sharedArchiver struct {
	cfg    SharedConfig
	signer chain.Signer
	fence  int64
	report witness.Report
	before time.Time
	done   ArchivedShared
	notes  uint64 // up to which notes may be moved
}

func (a *sharedArchiver) run(ctx context.Context) (err error) {
	a.cfg.Trust.Keys = append(slices.Clone(a.cfg.Trust.Keys), a.public())
	if a.cfg.Trust.Anchors, err = witness.StoredAnchors(ctx, a.cfg.Values); err != nil {
		return err
	}
	if a.report, err = witness.Verify(ctx, a.cfg.Logs, a.cfg.Trust); err != nil {
		return err
	}
	if !a.report.OK() {
		return &BadLogsError{a.report}
	}
	if err := a.weigh(ctx); err != nil {
		return err
	}
	a.notes = a.report.Notes
	for _, l := range a.report.Logs {
		if err := a.log(ctx, l); err != nil {
			return fmt.Errorf("log %q: %w", l.Log, err)
		}
	}
	return a.moveNotes(ctx)
}

func (a *sharedArchiver) public() ed25519.PublicKey {
	pub, _ := a.cfg.Key.Public().(ed25519.PublicKey)
	return pub
}

// still fails if another process took over: nothing more may be signed or forgotten.
func (a *sharedArchiver) still(ctx context.Context) error {
	return a.cfg.Leases.Renew(ctx, lease, a.fence, leaseTime)
}

// timeOf returns when a record was written.
func timeOf(r store.Record) (time.Time, error) {
	var ev struct {
		Time time.Time `json:"time"`
	}
	err := json.Unmarshal(r.Body, &ev)
	return ev.Time, err
}

// weigh finds how much there is, and before which time records are due.
func (a *sharedArchiver) weigh(ctx context.Context) error {
	minutes := map[int64]int64{} // bytes of each
	for _, l := range a.report.Logs {
		err := a.cfg.Logs.Log(l.Log).Read(ctx, 1, func(r store.Record) error {
			at, err := timeOf(r)
			minutes[at.Unix()/60] += int64(len(r.Body))
			a.done.Kept += int64(len(r.Body))
			return err
		})
		if err != nil {
			return err
		}
	}
	a.before = a.cfg.Before
	if a.cfg.Keep <= 0 {
		return nil
	}
	left := a.done.Kept
	for _, m := range slices.Sorted(maps.Keys(minutes)) {
		if left -= minutes[m]; left < a.cfg.Keep {
			break
		}
		if end := time.Unix(60*(m+1), 0); end.After(a.before) {
			a.before = end
		}
	}
	return nil
}

// log moves what is due of one log.
func (a *sharedArchiver) log(ctx context.Context, l witness.LogReport) error {
	old := a.cfg.Trust.Anchors.OfLog(l.Log, a.keys())
	end, moved, err := a.end(ctx, l, old)
	if err != nil {
		return err
	}
	if end.Size < l.Noted && l.Listed > 0 { // what holds the rest of it stays
		a.notes = min(a.notes, l.Listed)
	}
	if end.Size > old.Size {
		if err := a.shelve(ctx, l.Log, old, end); err != nil {
			return err
		}
		if err := a.still(ctx); err != nil {
			return err
		}
		if err := witness.StoreAnchor(ctx, a.cfg.Values, a.signer, end); err != nil {
			return err
		}
		a.done.Logs = append(a.done.Logs, moved)
	}
	if l.First >= end.Size { // nothing is before the record of the anchor
		return nil
	}
	if _, err = a.cfg.Logs.Cut(ctx, l.Log, end.Size); err == nil {
		a.done.Kept -= moved.freed
	}
	return err
}

var errEnough = errors.New("enough")

// end returns up to where a log is due, which is where it was archived already if nothing is. A run that was
// interrupted may have left records before that.
func (a *sharedArchiver) end(ctx context.Context, l witness.LogReport, old chain.Checkpoint) (chain.Checkpoint, Moved, error) {
	end, moved, last := old, Moved{Log: l.Log, First: old.Size + 1}, int64(0)
	err := a.cfg.Logs.Log(l.Log).Read(ctx, 1, func(r store.Record) error {
		if r.Seq <= old.Size {
			moved.freed, last = moved.freed+last, int64(len(r.Body))
			return nil
		}
		at, err := timeOf(r)
		if err != nil {
			return err
		}
		if r.Seq > l.Noted || !at.Before(a.before) {
			return errEnough
		}
		line, err := chain.Split(r.Body)
		end = chain.Checkpoint{Size: r.Seq, Head: line.Hash, Node: l.Log, At: a.cfg.Now()}
		moved.Last, moved.Bytes = r.Seq, moved.Bytes+int64(len(r.Body))
		moved.freed, last = moved.freed+last, int64(len(r.Body))
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return end, moved, err
}
