package outage

import (
	"context"
	"errors"
	"sync"
	"time"
)

// settled is how long a longer time must not have been needed before it is given up.
const settled = time.Minute

// Pace is how long one attempt may take. It grows where a round trip takes seconds and the server answers all
// the same, as a transaction is several of them; where no server answers it stays short, so that another one
// is tried soon. It is safe for concurrent use.
type Pace struct {
	least, most time.Duration

	mu       sync.Mutex // guards what follows
	limit    time.Duration
	needed   time.Time // when so much was needed last
	answered time.Time // when the server answered last
}

// NewPace returns a Pace between these.
func NewPace(least, most time.Duration) *Pace { return &Pace{least: least, most: most, limit: least} }

// Limit returns how long an attempt may take now.
func (p *Pace) Limit() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit
}

// Took notes how an attempt ended that took so long.
func (p *Pace) Took(d time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		if d >= p.limit && now.Sub(p.answered) <= 2*p.least {
			p.limit, p.needed = min(2*p.limit, p.most), now
		}
		return
	case err != nil:
		return
	case d > p.limit/4:
		p.needed = now
	case now.Sub(p.needed) > settled:
		p.limit = p.least
	}
	p.answered = now
}
