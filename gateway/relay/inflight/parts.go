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
}

// Others are the parts of one request that are under way. It is valid while its caller is judging.
type Others struct {
	mu    sync.Mutex // held while a part is judged
	users int        // who holds this, or is about to
	parts map[*Part]struct{}
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

// With calls judge with what of request is under way, which stays the same until it returns.
func (p *Parts) With(request int64, judge func(*Others) error) error {
	f := p.take(request)
	defer p.drop(request, f)
	f.mu.Lock()
	defer f.mu.Unlock()
	return judge(f)
}

// Reserve is With, and counts a part among them if judge has no objection, until release is called.
func (p *Parts) Reserve(
	request int64, judge func(*Others) (Part, error),
) (release func(), err error) {
	f, kept := p.take(request), false
	defer func() {
		if !kept {
			p.drop(request, f)
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	own, err := judge(f)
	if err != nil {
		return nil, err
	}
	f.parts[&own], kept = struct{}{}, true
	return sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.parts, &own)
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
