package witness

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/store"
)

// purpose begins the text of a note, so that it can be taken for no other.
const purpose = "stagelock-cluster"

// Entry says how far a log went.
type Entry struct {
	Log  string
	Size store.Seq // its records, and the last one's number
	Head chain.Digest
}

// Ended sums up the logs that are listed no more.
type Ended struct {
	Count int
	Sum   chain.Digest
}

// add returns what Ended is with one more.
func (e Ended) add(gone Entry) Ended {
	h := sha256.New()
	h.Write(e.Sum[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(gone.Log)))
	h.Write(n[:])
	h.Write([]byte(gone.Log))
	binary.BigEndian.PutUint64(n[:], uint64(gone.Size))
	h.Write(n[:])
	h.Write(gone.Head[:])
	return Ended{e.Count + 1, chain.Digest(h.Sum(nil))}
}

// Note says how far all logs went at one moment.
type Note struct {
	Cluster string
	N       uint64       // from 1
	Prev    chain.Digest // of the text of the note before; zero for the first one
	At      time.Time
	Logs    []Entry // by name
	Ended   Ended
}

func b64(d chain.Digest) string { return base64.StdEncoding.EncodeToString(d[:]) }

// Text returns the text that is signed.
func (n Note) Text() string {
	var below strings.Builder
	fmt.Fprintf(&below, "prev %s\ntime %s\n", b64(n.Prev), n.At.UTC().Format(time.RFC3339Nano))
	for _, l := range n.Logs {
		fmt.Fprintf(&below, "log %s %d %s\n", strconv.QuoteToASCII(l.Log), l.Size, b64(l.Head))
	}
	fmt.Fprintf(&below, "ended %d %s\n", n.Ended.Count, b64(n.Ended.Sum))
	return fmt.Sprintf("%s %s\n%d\n%s\n%s", purpose, strconv.QuoteToASCII(n.Cluster), n.N,
		b64(sha256.Sum256([]byte(below.String()))), below.String())
}

// sum is what the next note says of this one.
func (n Note) sum() chain.Digest { return sha256.Sum256([]byte(n.Text())) }

var errNote = errors.New("not a note that this program writes")

// Parse reads the text of a note. It accepts only the very form that Text writes.
func Parse(text string) (n Note, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 7 {
		return n, errNote
	}
	if !n.parseHead(lines) {
		return n, errNote
	}
	rest := lines[5 : len(lines)-1]
	for ; len(rest) > 1; rest = rest[1:] {
		e, ok := parseEntry(rest[0])
		if !ok {
			return n, errNote
		}
		n.Logs = append(n.Logs, e)
	}
	if !n.Ended.parse(rest[0]) || !n.ordered() || n.Text() != text {
		return n, errNote
	}
	return n, nil
}

// parseHead reads what stands before the logs; Parse compares the lines between.
func (n *Note) parseHead(lines []string) bool {
	var err error
	name, ok := strings.CutPrefix(lines[0], purpose+" ")
	if n.Cluster, err = strconv.Unquote(name); err != nil || !ok {
		return false
	}
	if n.N, err = strconv.ParseUint(lines[1], 10, 64); err != nil || n.N == 0 {
		return false
	}
	prev, ok1 := strings.CutPrefix(lines[3], "prev ")
	at, ok2 := strings.CutPrefix(lines[4], "time ")
	n.At, err = time.Parse(time.RFC3339Nano, at)
	return err == nil && ok1 && ok2 && parseDigest(prev, &n.Prev)
}

func parseDigest(text string, d *chain.Digest) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil && copy(d[:], raw) == len(d) && len(raw) == len(d)
}

func parseEntry(line string) (e Entry, ok bool) {
	quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(line, "log "))
	if err != nil {
		return e, false
	}
	if e.Log, err = strconv.Unquote(quoted); err != nil {
		return e, false
	}
	fields := strings.Fields(line[min(len(line), len("log ")+len(quoted)):])
	if len(fields) != 2 {
		return e, false
	}
	size, err := strconv.ParseUint(fields[0], 10, 64)
	e.Size = store.Seq(size)
	return e, err == nil && size > 0 && parseDigest(fields[1], &e.Head)
}

func (e *Ended) parse(line string) bool {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != "ended" {
		return false
	}
	var err error
	e.Count, err = strconv.Atoi(fields[1])
	return err == nil && e.Count >= 0 && parseDigest(fields[2], &e.Sum)
}

// ordered reports whether each log is listed once, by name.
func (n Note) ordered() bool {
	for i := 1; i < len(n.Logs); i++ {
		if n.Logs[i-1].Log >= n.Logs[i].Log {
			return false
		}
	}
	return true
}

// entry returns what the note says of a log.
func (n Note) entry(log string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(n.Logs, log, func(e Entry, log string) int { return cmp.Compare(e.Log, log) })
	if !ok {
		return Entry{}, false
	}
	return n.Logs[i], true
}

// open returns the note in msg, and the hashes of the keys that signed it; one of them must be known.
func open(msg []byte, keys note.Verifiers) (Note, []uint32, error) {
	opened, err := note.Open(msg, keys)
	if err != nil {
		return Note{}, nil, err
	}
	n, err := Parse(opened.Text)
	if err != nil {
		return Note{}, nil, err
	}
	var by []uint32
	for _, s := range opened.Sigs {
		by = append(by, s.Hash)
	}
	return n, by, nil
}

// countersign returns the line that a signer adds to the note in msg.
func countersign(msg []byte, keys note.Verifiers, s chain.Signer) ([]byte, error) {
	opened, err := note.Open(msg, keys)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: opened.Text}, s)
	if err != nil {
		return nil, err
	}
	return signed[len(opened.Text)+1:], nil // behind the empty line
}

// Peek returns what a note says, and how many signatures stand under it, without a look at the keys; a
// zero Note for what is none. Who must know uses Verify.
func Peek(msg []byte) (n Note, signatures int) {
	text, below, ok := strings.Cut(string(msg), "\n\n")
	if !ok {
		return Note{}, 0
	}
	n, err := Parse(text + "\n")
	if err != nil {
		return Note{}, 0
	}
	return n, strings.Count(below, "\n")
}
