package replica_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// recorder is an engine whose rows have contents, and that cannot compare.
type recorder struct {
	rows    []source.Row
	texts   []string
	applied []string // what it was given, with who has it
	fails   error
	read    int // rows
}

func (r *recorder) write(row source.Row, text string) int64 {
	row.Seq = int64(len(r.rows) + 1)
	r.rows, r.texts = append(r.rows, row), append(r.texts, text)
	return row.Seq
}

// edit is what a person does who missed the Apply with a tag.
func (r *recorder) edit(o sync.Object, text, missed string, unsure bool) {
	r.write(source.Row{Object: o, Author: "me", Missed: missed, Unsure: unsure, Deleted: text == ""}, text)
}

func (r *recorder) Changes(_ context.Context, after int64, limit int) ([]source.Row, error) {
	rest := r.rows[min(after, int64(len(r.rows))):]
	rest = rest[:min(limit, len(rest))]
	r.read += len(rest)
	return rest, nil
}

func (r *recorder) Content(context.Context, sync.Object) (io.ReadCloser, source.Facts, error) {
	return nil, source.Facts{}, errors.New("it is asked for rows")
}

func (r *recorder) Recorded(_ context.Context, seq int64) (io.ReadCloser, source.Facts, error) {
	row := r.rows[seq-1]
	return io.NopCloser(strings.NewReader(r.texts[seq-1])), source.Facts{Seq: seq, Deleted: row.Deleted, Title: "t"}, nil
}

func (r *recorder) First(_ context.Context, o sync.Object, after int64) (source.Row, error) {
	for _, row := range r.rows[min(after, int64(len(r.rows))):] {
		if row.Object == o {
			return row, nil
		}
	}
	return source.Row{}, nil
}

func (r *recorder) Apply(
	_ context.Context, o sync.Object, _ int64, tag string, f source.Facts, content io.Reader,
) (int64, error) {
	if r.fails != nil {
		return 0, r.fails
	}
	text := ""
	if !f.Deleted {
		b, err := io.ReadAll(content)
		if err != nil {
			return 0, err
		}
		text = string(b)
	}
	r.applied = append(r.applied, fmt.Sprint(text, " ", len(f.Servers)))
	return r.write(source.Row{Object: o, Tag: tag, Deleted: f.Deleted}, text), nil
}

// recorded is a server before a recorder, and another one that sends to it.
type recorded struct {
	*replica.Replica
	t     *testing.T
	book  *exchangetest.Memory
	from  *recorder
	notes []string
	sent  uint64
}

func newRecorded(t *testing.T) *recorded {
	t.Helper()
	w := &recorded{t: t, book: exchangetest.NewMemory(time.Now), from: &recorder{}}
	var err error
	w.Replica, err = replica.New(replica.Config{Key: keyOf(0), Source: w.from, Journal: journal, Changes: w.book, Blobs: w.book,
		Policy: func() sync.Policy { return sync.Policy{} }, Targets: func(sync.Object) []sync.ServerID { return nil }, Now: time.Now,
		Noted: func(all ...replica.Note) {
			for _, n := range all {
				w.notes = append(w.notes, n.What)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// receive takes a change of the other server, which has seen versions, and returns its id and the answer.
func (w *recorded) receive(text string, seen ...*sync.Change) (*sync.Change, sync.Answer) {
	w.t.Helper()
	c, o := w.made(text, seen...)
	return c, w.Receive(w.t.Context(), serverOf(1), []sync.Offered{o})[0]
}

// made is a change of the other server, and how that offers it.
func (w *recorded) made(text string, seen ...*sync.Change) (*sync.Change, sync.Offered) {
	w.t.Helper()
	w.sent++
	c := &sync.Change{ID: sync.ID{Origin: serverOf(1), Counter: w.sent}, Object: page, Op: sync.Put, Title: "t",
		Stamp: sync.Stamp{Milli: time.Now().UnixMilli()}}
	digest, size, err := w.book.Put(w.t.Context(), strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	c.Payload, c.Size = digest, size
	c.Follow(seen)
	c.Sign(keyOf(1))
	return c, sync.Offered{Change: c, Processed: []sync.ServerID{serverOf(2)}}
}

func (w *recorded) pull() {
	w.t.Helper()
	if _, err := w.Pull(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *recorded) state() sync.State {
	w.t.Helper()
	s, err := w.book.Object(w.t.Context(), page)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// versions are the texts of all versions; what is shown has a star.
func (w *recorded) versions() (all string) {
	w.t.Helper()
	s := w.state()
	for _, v := range s.Versions {
		text := "gone"
		if v.Op == sync.Put {
			text = readAll(w.t, w.book, v.Payload)
		}
		if v.ID == s.Shown {
			text += "*"
		}
		all += text + " "
	}
	return strings.TrimSpace(all)
}

func (w *recorded) wants(versions string) {
	w.t.Helper()
	got := strings.Fields(w.versions())
	for _, v := range strings.Fields(versions) {
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+v+" ") || len(got) != len(strings.Fields(versions)) {
			w.t.Fatalf("versions %q, want %q", got, versions)
		}
	}
}

// TestEachRowOfARecorderIsAChange: what was overwritten before anybody looked was made too.
func TestEachRowOfARecorderIsAChange(t *testing.T) {
	w := newRecorded(t)
	for i := range 450 {
		w.from.edit([]sync.Object{page, "s/article/b", "s/article/c"}[i%3], fmt.Sprint("text ", i), "", false)
	}
	w.pull()
	all, err := w.book.History(t.Context(), "", 1000)
	if err != nil || len(all) != 450 {
		t.Fatalf("%d changes, %v", len(all), err)
	}
	for i, e := range all {
		if want := fmt.Sprint("text ", 449-i); readAll(t, w.book, e.Change.Payload) != want {
			t.Fatalf("change %d is not %q", i, want)
		}
	}
	if s := w.state(); len(s.Versions) != 1 || s.Conflict() {
		t.Errorf("%+v", s)
	}
}

// TestWhatWasMissedStandsBesideTheEdit: what the engine has stays shown, and who edits after that has seen both.
func TestWhatWasMissedStandsBesideTheEdit(t *testing.T) {
	w := newRecorded(t)
	w.from.edit(page, "first", "", false)
	w.pull()
	c, a := w.receive("theirs", w.state().Versions...)
	if a.Status != sync.StatusDone || fmt.Sprint(w.from.applied) != "[theirs 2]" {
		t.Fatalf("%+v, given %v", a, w.from.applied)
	}
	w.from.edit(page, "mine", c.ID.String(), false)
	w.pull()
	w.wants("theirs* mine")
	if s := w.state(); !s.Conflict() || w.notes[len(w.notes)-1] != "missed" {
		t.Errorf("noted %v", w.notes)
	}
	w.from.edit(page, "both", "", false)
	w.pull()
	w.wants("both*")
	if fmt.Sprint(w.notes) != "[made applied missed made]" {
		t.Errorf("noted %v", w.notes)
	}
}

// TestWhatAnEarlierEditHadSeen is seen by the later ones of the same server: of what a change contains it contains all.
func TestWhatAnEarlierEditHadSeen(t *testing.T) {
	w := newRecorded(t)
	c, _ := w.receive("theirs")
	w.from.edit(page, "mine", "", false)
	w.pull()
	w.from.edit(page, "later", c.ID.String(), true) // without a time: nobody knows
	w.pull()
	if v := w.state().Versions; len(v) != 1 || !v[0].Vector.Contains(c.ID) {
		t.Errorf("versions %s", w.versions())
	}
}

// TestTwoThatWereMissed: an edit that missed the first of two missed both.
func TestTwoThatWereMissed(t *testing.T) {
	w := newRecorded(t)
	w.from.edit(page, "first", "", false)
	w.pull()
	one, _ := w.receive("one", w.state().Versions...)
	w.receive("two", one)
	w.from.edit(page, "mine", one.ID.String(), false)
	w.pull()
	w.wants("two* mine")
}

// TestNobodyKnowsWhatTheEngineHas: nothing is shown then, so that whatever is decided is given to it.
func TestNobodyKnowsWhatTheEngineHas(t *testing.T) {
	for _, take := range []int{0, 1} {
		w := newRecorded(t)
		c, _ := w.receive("theirs")
		w.from.edit(page, "mine", c.ID.String(), true)
		w.pull()
		w.wants("theirs mine")
		if _, err := w.Decide(t.Context(), page, replica.Decision{Take: serverOf(take), Here: true, Author: "judge"}); err != nil {
			t.Fatal(err)
		}
		text := []string{"mine", "theirs"}[take]
		w.wants(text + "*")
		if last := w.from.applied[len(w.from.applied)-1]; !strings.HasPrefix(last, text) || len(w.from.applied) != 2 {
			t.Errorf("given %v", w.from.applied)
		}
	}
}

// TestADeletionWhereNobodyKnows is one, and no version that came and went.
func TestADeletionWhereNobodyKnows(t *testing.T) {
	w := newRecorded(t)
	c, _ := w.receive("theirs")
	w.from.edit(page, "mine", c.ID.String(), true)
	w.pull()
	w.from.edit(page, "", c.ID.String(), true)
	w.pull()
	w.wants("theirs gone")
	text := "text of its own"
	if _, err := w.Decide(t.Context(), page, replica.Decision{Content: []byte(text), Here: true}); err != nil || len(w.state().Versions) != 1 {
		t.Errorf("decided: %v, %s", err, w.versions())
	}
}

// TestAnEngineThatDidNothing: the change comes again later, and nothing is in doubt meanwhile.
func TestAnEngineThatDidNothing(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{source.ErrUntouched, replica.ReasonAway},
		{fmt.Errorf("%w: %w: no parent", source.ErrUntouched, source.ErrFailed), replica.ReasonEngine},
	} {
		w := newRecorded(t)
		w.from.fails = tt.err
		if _, a := w.receive("theirs"); a.Status != sync.StatusLater || a.Reason != tt.want {
			t.Errorf("%+v", a)
		}
		if open, err := w.book.Intents(t.Context()); err != nil || len(open) > 0 {
			t.Errorf("%d open, %v", len(open), err)
		}
		w.from.fails = nil
		w.sent = 0
		if _, a := w.receive("theirs"); a.Status != sync.StatusDone || len(w.from.applied) != 1 {
			t.Errorf("again: %+v, given %v", a, w.from.applied)
		}
	}
}
