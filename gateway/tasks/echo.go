package tasks

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"
)

const (
	echoTime  = 10 * time.Minute
	maxEchoes = 10_000
	alarming  = 3 // echoes in a row
)

// echoes remembers what was last carried between two servers of each object, so that a server that logs
// what it was sent, and sends it back, is not answered with the same again. It is the second line: the
// first is that a task names the gateway as one that has it.
//
// What it knows dies with the process: then an echo travels once more.
type echoes struct {
	mu   sync.Mutex // guards what follows
	last map[object]carried
	row  map[string]int // echoes in a row, by sender and receiver
}

// object is one object as two servers have it, whichever of them sent it. Its key is a digest: what names
// an object is a value of the task, of any length.
type object struct {
	a, b string
	key  [sha256.Size]byte
}

// carried is what was carried last.
type carried struct {
	from    string
	content string
	at      time.Time
}

func between(from, to, key string) object {
	a, b := strings.ToLower(from), strings.ToLower(to)
	return object{min(a, b), max(a, b), sha256.Sum256([]byte(key))}
}

// is reports whether from sends to what it was sent by it and nothing else was carried between them since.
// Alarm is set at the third of a row.
func (e *echoes) is(from, to, key, content string, now time.Time) (echo, alarm bool) {
	return e.count(from, to, e.known(from, to, key, content, now))
}

// count is is, where it is known whether it is an echo.
func (e *echoes) count(from, to string, known bool) (echo, alarm bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	link := strings.ToLower(from) + "\n" + strings.ToLower(to)
	if !known {
		delete(e.row, link)
		return false, false
	}
	if e.row == nil {
		e.row = map[string]int{}
	}
	e.row[link]++
	return true, e.row[link] == alarming
}

// known is is, without counting.
func (e *echoes) known(from, to, key, content string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, ok := e.last[between(from, to, key)]
	return ok && now.Sub(was.at) <= echoTime && strings.EqualFold(was.from, to) && was.content == content
}

// carry notes what goes from one server to the other, and returns how to take that back.
func (e *echoes) carry(from, to, key, content string, now time.Time) (undo func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil {
		e.last = map[object]carried{}
	}
	if len(e.last) >= maxEchoes {
		e.forget(now)
	}
	o, next := between(from, to, key), carried{from, content, now}
	before, had := e.last[o]
	e.last[o] = next
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		switch {
		case e.last[o] != next: // something else was carried since
		case had:
			e.last[o] = before
		default:
			delete(e.last, o)
		}
	}
}

// forget makes room: for what is old, else for all. The caller holds mu.
func (e *echoes) forget(now time.Time) {
	for o, c := range e.last {
		if now.Sub(c.at) > echoTime {
			delete(e.last, o)
		}
	}
	if len(e.last) >= maxEchoes {
		clear(e.last)
	}
}
