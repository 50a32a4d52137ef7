package http1

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// Defaults of a Profile whose field is zero.
const (
	// DefaultHeadTimeout is how long a head may take.
	DefaultHeadTimeout = 10 * time.Second
	// DefaultIdleTimeout is how long a connection may wait for its next request. It is longer than
	// balancers keep theirs, of which the longest do for 10 minutes: whoever closes first can cut a
	// call that the other side has just begun to send.
	DefaultIdleTimeout = 620 * time.Second
	// DefaultGrace is the window over which the rate of a body is measured.
	DefaultGrace = 10 * time.Second
	// DefaultMinRate is the rate that a body must keep, in bytes a second.
	DefaultMinRate = 4 << 10
)

const (
	maxHead     = 8 << 10  // bytes of a request head
	maxFields   = 64       // header fields of a request
	bigBody     = 64 << 10 // from this length on a body is read with wide buffers
	fewBodies   = 16       // that flow at once have the widest
	drainRate   = 64 << 10 // bytes a second that a refused body must keep to be drained
	lingerBytes = 1 << 20  // read after the last answer at most
)

// Profile is what a listener accepts. Its zero value admits no host and no content. It is shared
// by all connections of a listener and must not be copied or changed once it is used.
type Profile struct {
	Hosts        []string      // accepted, in lower case, a name without a port on every port; none: nobody is
	Probes       []string      // targets that balancers ask for, in HTTP/1.0 too and by any Host or none
	MaxContent   int64         // longest Content-Length
	HeadTimeout  time.Duration // from the first byte of a head, or of a connection
	IdleTimeout  time.Duration // between an answer and the next request
	WriteTimeout time.Duration // for one write of an answer, up to twice as long
	MinRate      int           // bytes a second that a body must keep
	Grace        time.Duration // window over which MinRate is measured
	Now          func() time.Time

	small, wide, widest, big wire.Pool
	bodies                   atomic.Int32 // big ones that flow
}

func (p *Profile) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p *Profile) headTimeout() time.Duration { return cmp.Or(p.HeadTimeout, DefaultHeadTimeout) }
func (p *Profile) idleTimeout() time.Duration { return cmp.Or(p.IdleTimeout, DefaultIdleTimeout) }
func (p *Profile) writeTimeout() time.Duration {
	return cmp.Or(p.WriteTimeout, wire.DefaultWriteTimeout)
}
func (p *Profile) grace() time.Duration { return cmp.Or(p.Grace, DefaultGrace) }
func (p *Profile) minRate() int         { return cmp.Or(p.MinRate, DefaultMinRate) }
