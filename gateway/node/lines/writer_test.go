package lines_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/node/lines"
)

// reader reads a log when it is told to.
type reader struct {
	mu    sync.Mutex
	b     bytes.Buffer
	stuck chan struct{} // closed: it reads
	began chan struct{} // has one for each write that began
}

func newReader() *reader {
	return &reader{stuck: make(chan struct{}), began: make(chan struct{}, 1000)}
}

func (r *reader) Write(p []byte) (int, error) {
	r.began <- struct{}{}
	<-r.stuck
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *reader) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

func said(n int64) []byte { return fmt.Appendf(nil, "%d dropped\n", n) }

func closeIt(t *testing.T, w *lines.Writer) {
	t.Helper()
	if err := w.Close(time.Minute); err != nil {
		t.Error(err)
	}
}

// TestAStuckReaderOfTheLogBlocksNobody: refusals and the shutdown waited for whatever read standard error.
func TestAStuckReaderOfTheLogBlocksNobody(t *testing.T) {
	r := newReader()
	w := lines.New(r, 50, said)
	io.WriteString(w, "first\n")
	<-r.began
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if n, err := io.WriteString(w, "123456789\n"); n != 10 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
		})
	}
	all.Wait() // nobody waits for the reader
	if err := w.Close(time.Millisecond); !errors.Is(err, lines.ErrStuck) {
		t.Errorf("closed: %v", err)
	}
	close(r.stuck)
	closeIt(t, w)
	if want := "first\n" + strings.Repeat("123456789\n", 5) + "7995 dropped\n"; r.String() != want {
		t.Errorf("read %q, want %q", r.String(), want)
	}
}

// What was dropped is told where it is missing, when the reader goes on.
func TestDroppedLinesAreToldInTheirPlace(t *testing.T) {
	r := newReader()
	w := lines.New(r, 20, said)
	fmt.Fprint(w, "a\n")
	<-r.began
	fmt.Fprint(w, "b\n")
	fmt.Fprint(w, "a line that is too long\n")
	fmt.Fprint(w, "c\n") // would fit, but not in its place
	close(r.stuck)
	<-r.began
	soon(t, func() bool { return strings.Contains(r.String(), "dropped") })
	fmt.Fprint(w, "d\n")
	closeIt(t, w)
	if want := "a\nb\n2 dropped\nd\n"; r.String() != want {
		t.Errorf("read %q, want %q", r.String(), want)
	}
}

// soon waits until something is so.
func soon(t *testing.T, so func() bool) {
	t.Helper()
	tick, over := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("it did not come to be")
		}
	}
}

// Whoever keeps up gets everything, in the order of the lines of each writer.
func TestAReaderThatKeepsUpGetsEveryLine(t *testing.T) {
	var b bytes.Buffer
	w := lines.New(&b, 1<<20, said)
	var all sync.WaitGroup
	for writer := range 4 {
		all.Go(func() {
			for i := range 1000 {
				fmt.Fprintf(w, "%d %d\n", writer, i)
			}
		})
	}
	all.Wait()
	closeIt(t, w)
	next := [4]int{}
	for line := range strings.Lines(b.String()) {
		var writer, i int
		if _, err := fmt.Sscanf(line, "%d %d", &writer, &i); err != nil || next[writer] != i {
			t.Fatalf("%q, %v: want %d", line, err, next[writer])
		}
		next[writer]++
	}
	if next != [4]int{1000, 1000, 1000, 1000} {
		t.Errorf("%v lines", next)
	}
}

// A writer that fails keeps nobody, and after Close nothing is written.
func TestAfterCloseNothingIsWritten(t *testing.T) {
	var b bytes.Buffer
	w := lines.New(&b, 1000, said)
	fmt.Fprint(w, "a\n")
	closeIt(t, w)
	fmt.Fprint(w, "b\n")
	closeIt(t, w)
	if b.String() != "a\n" {
		t.Errorf("read %q", b.String())
	}
	r, out := io.Pipe()
	r.Close()
	broken := lines.New(out, 1000, said)
	for range 100 {
		fmt.Fprint(broken, "a\n")
	}
	closeIt(t, broken)
}
