package retention

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// Config says what of a log is moved where.
type Config struct {
	From, To audit.Place
	Key      ed25519.PrivateKey // signs the anchor
	Trust    proof.Trust        // what the log is held against before anything is moved
	Node     string
	Now      func() time.Time
	Before   time.Time // records of this time and later stay; zero: none is too old
	Keep     int64     // so many bytes of the newest records stay; 0: no record is too much
}

// Archived is what Archive moved. It is zero if nothing was due.
type Archived struct {
	First store.Seq `json:"first"`
	Last  store.Seq `json:"last"`
	Bytes int64     `json:"bytes"`
	Files []string  `json:"files"`
	Kept  int64     `json:"kept_bytes"`
}

// BadLogError is returned by Archive for a log that is not whole: signing it would hide that.
type BadLogError struct{ Report proof.Report }

func (e *BadLogError) Error() string { return "the log is bad: " + e.Report.Msg }

// Archive moves the oldest files of a log, each whole, to another place, and signs an anchor which
// says up to where, so that proof.Verify accepts what stays; what was moved can be verified there. The
// file that is being written always stays. A gateway may write the log meanwhile. A run that was
// interrupted leaves both places whole, and is taken up by the next one. It returns a BadLogError,
// and moves nothing, if the log is not whole.
func Archive(ctx context.Context, cfg Config) (Archived, error) {
	unlock, err := files.Lock(filepath.Dir(cfg.From.Anchor))
	if err != nil {
		return Archived{}, fmt.Errorf("archive audit log: %w", err)
	}
	defer func() { _ = unlock() }() // it ends with the process
	a := archiver{cfg: cfg}
	if err := a.run(ctx); err != nil {
		return Archived{}, fmt.Errorf("archive audit log: %w", err)
	}
	return a.done, nil
}

// archiver is one run of Archive.
type archiver struct {
	cfg  Config
	done Archived
	end  chain.Checkpoint // the log up to the last record that is moved
}

func (a *archiver) run(ctx context.Context) error {
	due, err := a.due(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	if err := a.whole(ctx); err != nil {
		return err
	}
	if err := a.copyAll(due); err != nil {
		return err
	}
	s, err := chain.NewSigner(a.cfg.Key)
	if err != nil {
		return err
	}
	if err := a.signThere(s); err != nil {
		return err
	}
	msg, err := s.Note(a.end, chain.Archived)
	if err != nil {
		return err
	}
	if err := files.Replace(a.cfg.From.Anchor, msg, 0o644); err != nil {
		return err
	}
	for _, s := range due {
		if err := os.Remove(s.Path); err != nil {
			return err
		}
	}
	return files.Sync(a.cfg.From.Dir)
}

// due returns the files that are moved, and finds what their last record is.
func (a *archiver) due(ctx context.Context) ([]files.Segment, error) {
	all, err := files.Segments(a.cfg.From.Dir)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		a.done.Kept += s.Bytes
	}
	n := 0
	for ; n < len(all)-1; n++ { // the last one is written
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		body, err := lastLine(all[n].Path)
		if err != nil {
			return nil, err
		}
		l, err := chain.Split(body)
		var ev audit.Event
		if err = errors.Join(err, json.Unmarshal(body, &ev)); err != nil {
			return nil, fmt.Errorf("the last record in %s is damaged: %w", all[n].Path, err)
		}
		tooOld := !a.cfg.Before.IsZero() && ev.Time.Before(a.cfg.Before)
		tooMuch := a.cfg.Keep > 0 && a.done.Kept-all[n].Bytes >= a.cfg.Keep
		if !tooOld && !tooMuch {
			break
		}
		a.end = chain.Checkpoint{Size: l.Seq, Head: l.Hash, Node: a.cfg.Node, At: a.cfg.Now()}
		a.done.Last, a.done.Kept = l.Seq, a.done.Kept-all[n].Bytes
		a.done.Bytes += all[n].Bytes
	}
	if n > 0 {
		a.done.First = all[0].First
	}
	return all[:n], nil
}

// lastLine returns the last whole line of a file.
func lastLine(path string) (last []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	const most = 1 << 20             // more than any record
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	in := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return nil, err
		}
		last = line[:len(line)-1]
	}
}

// whole refuses a log that is not.
func (a *archiver) whole(ctx context.Context) error {
	events, err := files.Open(files.Config{Dir: a.cfg.From.Dir, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only read
	r, err := proof.Verify(ctx, events, a.cfg.Trust)
	if err != nil {
		return err
	}
	if !r.OK() {
		return &BadLogError{r}
	}
	return nil
}

func (a *archiver) copyAll(due []files.Segment) error {
	if err := os.MkdirAll(a.cfg.To.Dir, 0o700); err != nil {
		return err
	}
	for _, s := range due {
		path := filepath.Join(a.cfg.To.Dir, filepath.Base(s.Path))
		if err := copyFile(path, s.Path); err != nil {
			return err
		}
		a.done.Files = append(a.done.Files, path)
	}
	return files.Sync(a.cfg.To.Dir)
}

// copyFile copies a file that is not there yet, or not whole; one that is there with other content
// is left alone.
func copyFile(to, from string) (err error) {
	same, err := sameFile(to, from)
	if same || err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	part := to + ".part"
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, to)
}

// sameFile reports whether a file is there already, with the same content.
func sameFile(there, here string) (bool, error) {
	a, err := digestOf(there)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b, err := digestOf(here)
	if err == nil && a != b {
		err = fmt.Errorf("%s is there already, with other records: name another folder", there)
	}
	return true, err
}

func digestOf(path string) (d chain.Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer func() { _ = f.Close() }() // it was only read
	sum := sha256.New()
	if _, err = io.Copy(sum, f); err == nil {
		sum.Sum(d[:0])
	}
	return d, err
}

// signThere leaves beside the archived records what they are verified with.
func (a *archiver) signThere(s chain.Signer) error {
	msg, err := s.Note(a.end, chain.Newest)
	if err != nil {
		return err
	}
	if err := files.Replace(a.cfg.To.Checkpoint, msg, 0o644); err != nil {
		return err
	}
	pub, _ := a.cfg.Key.Public().(ed25519.PublicKey)
	key, err := chain.FormatKey(pub)
	if err != nil {
		return err
	}
	if err := files.Replace(a.cfg.To.PublicKey, []byte(key+"\n"), 0o644); err != nil {
		return err
	}
	there, err := files.Segments(a.cfg.To.Dir)
	if err != nil || len(there) == 0 || there[0].First == 1 {
		return err
	}
	if _, err := os.Stat(a.cfg.To.Anchor); err == nil {
		return nil // of an earlier run into this folder
	}
	before, err := os.ReadFile(a.cfg.From.Anchor)
	if err != nil {
		return err
	}
	return files.Replace(a.cfg.To.Anchor, before, 0o644)
}
