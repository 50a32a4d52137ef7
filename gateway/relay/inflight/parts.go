package inflight

import (
	"slices"
	"sync"

	"github.com/stagelock/stagelock/policy/calls"
)

// Parts knows the parts of publishes that are under way, so that parts sent at once are held to the
// limits together. Requests do not wait for each other.
type Parts struct {
	mu   sync.Mutex // guards open and the users in it
	open map[int64]*Others
	none Others // of no request, which has none; nobody writes it
}

// Others are the parts of one request that are under way. It is valid while its caller is judging.
type Others struct {
	mu    sync.Mutex // held while a part is judged
	users int        // who holds this, or is about to
	parts map[*Part]struct{}
	left  int // how many parts have been here
}

// Part is a part that is under way.
type Part struct {
	Name  string
	Size  int64
	Login string // who sends it
}

// Beside sums up the parts under way but those of that name: a part that is sent again counts once.
func (f *Others) Beside(name string) calls.Parts {
	var sum calls.Parts
	for p := range f.parts {
		if p.Name == name {
			continue
		}
		sum.Width, sum.Bytes = calls.WidthOf(p.Name), sum.Bytes+p.Size
	}
	return sum
}

// Senders returns the logins that send them.
func (f *Others) Senders() (logins []string) {
	for p := range f.parts {
		if !slices.Contains(logins, p.Login) {
			logins = append(logins, p.Login)
		}
	}
	return logins
}

// With calls look, which asks what was accepted of request, and then judge with what is under way, which
// stays the same until judge returns. No part is in neither: while look waits for a disk others go on, and
// if one of them ends meanwhile it is called again. Of request 0, which is none, nothing is under way.
func (p *Parts) With(request int64, look func() error, judge func(*Others) error) error {
	if request == 0 {
		if err := look(); err != nil {
			return err
		}
		return judge(&p.none)
	}
	f := p.take(request)
	defer p.drop(request, f)
	if err := f.hold(look); err != nil {
		return err
	}
	defer f.mu.Unlock()
	return judge(f)
}

// looks is how often With looks without keeping others from it.
const looks = 3

// hold returns with mu held if look has no error.
func (f *Others) hold(look func() error) error {
	for range looks {
		before := f.leavers()
		if err := look(); err != nil {
			return err
		}
		f.mu.Lock()
		if f.left == before {
			return nil
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	held := false
	defer func() {
		if !held {
			f.mu.Unlock()
		}
	}()
	err := look()
	held = err == nil
	return err
}

func (f *Others) leavers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left
}

// Reserve is With, and counts a part among them if judge has no objection, until release is called.
func (p *Parts) Reserve(
	request int64, look func() error, judge func(*Others) (Part, error),
) (release func(), err error) {
	f, kept := p.take(request), false
	defer func() {
		if !kept {
			p.drop(request, f)
		}
	}()
	if err := f.hold(look); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	own, err := judge(f)
	if err != nil {
		return nil, err
	}
	f.parts[&own], kept = struct{}{}, true
	return sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.parts, &own)
		f.left++
		f.mu.Unlock()
		p.drop(request, f)
	}), nil
}

func (p *Parts) take(request int64) *Others {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[int64]*Others{}
	}
	f := p.open[request]
	if f == nil {
		f = &Others{parts: map[*Part]struct{}{}}
		p.open[request] = f
	}
	f.users++
	return f
}

func (p *Parts) drop(request int64, f *Others) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.users--; f.users == 0 {
		delete(p.open, request)
	}
}

// Has reports whether a part of request is under way.
func (p *Parts) Has(request int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open[request] != nil
}
